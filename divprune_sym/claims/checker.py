"""An independent checker of certificates: it shares ball evaluation with the prover, and nothing else.

What is to be shown comes from the claim, never from the certificate: a program f, a box for its variables, the sign
that f must have inside it, and the orders of the zeros that f is known to have where a variable is at an end of its
interval (shown symbolically, elsewhere). A certificate lists boxes that fill the domain, and for each an enclosure of
f, or where f has a zero of order r at an end, of f/(x − end)^r. The checker computes every
enclosure again. It knows nothing of how boxes were found.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from divprune_sym.claims.balls import ball, deflated, exact, mean_value, precision, taylor, taylor_model, value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flint import arb

    from divprune_sym.claims.balls import Interval

Box = tuple["Interval", ...]

WIDEST_BRACKET = Fraction(1, 10**12)
_BITS = range(64, 1025)


class CertificateRejected(ArithmeticError):
    """A certificate that does not show what it is for; the message names the first fault."""


def check_inequality(problem: Mapping[str, Any], certificate: Mapping[str, Any]) -> int:
    """Check that f has its sign everywhere inside the domain, and return the number of boxes.

    Raises
    ------
    CertificateRejected
    """
    _same_problem(problem, certificate)
    rows = certificate["boxes"]
    boxes = [_box(row["box"], len(problem["variables"])) for row in rows]
    _fills(_box(problem["domain"], len(problem["variables"])), boxes)
    with precision(_bits(certificate)):
        for row, box in zip(rows, boxes, strict=True):
            found, sign = _enclosure(problem, row["form"], box)
            stated = (Fraction(row["enclosure"][0]), Fraction(row["enclosure"][1]))
            if not (exact(stated[0]) <= found and found <= exact(stated[1])):
                msg = f"box {row['box']}: {found} is not inside the enclosure {row['enclosure']}"
                raise CertificateRejected(msg)
            if not (stated[0] > 0 if sign > 0 else stated[1] < 0):
                msg = f"box {row['box']}: the enclosure {row['enclosure']} has not the sign {sign:+d}"
                raise CertificateRejected(msg)
    return len(rows)


def check_bracket(problem: Mapping[str, Any], certificate: Mapping[str, Any]) -> Interval:
    """Check that f, of one variable, changes its sign inside a short interval of the domain, and return that.

    Raises
    ------
    CertificateRejected
    """
    low, high = _bracket(problem, certificate)
    with precision(_bits(certificate)):
        at_low, at_high = (
            problem["sign"] * value(problem["program"], {problem["variables"][0]: exact(x)}) for x in (low, high)
        )
        _changes_sign(at_low, at_high)
    return low, high


def check_bracket_of_minimum(problem: Mapping[str, Any], certificate: Mapping[str, Any]) -> Interval:
    """Check that the least f(x, y), 0 < y < 1, turns from negative to positive in a short interval of x.

    f is known to be convex in y (shown elsewhere): it lies above its tangent, which falls by no more than its slope.

    Raises
    ------
    CertificateRejected
    """
    low, high = _bracket(problem, certificate)
    (name,), over = problem["variables"], problem["over"]
    ys = [Fraction(y) for y in certificate["at"]]
    if not (len(ys) == 2 and all(0 < y < 1 for y in ys)):
        msg = f"at {certificate['at']}: not two places in (0, 1)"
        raise CertificateRejected(msg)
    with precision(_bits(certificate)):
        at_low = value(problem["program"], {name: exact(low), over: exact(ys[0])})
        at_high, slope = taylor(problem["program"], {name: exact(high), over: exact(ys[1])}, over, 1)
        _changes_sign(at_low, at_high - abs(slope))
    return low, high


def _bracket(problem: Mapping[str, Any], certificate: Mapping[str, Any]) -> Interval:
    _same_problem(problem, certificate)
    ((first, last),) = _box(problem["domain"], 1)
    ((low, high),) = _box([certificate["bracket"]], 1)
    if not (first <= low and high <= last and high - low <= WIDEST_BRACKET):
        msg = f"the bracket {certificate['bracket']} is too wide or outside the domain"
        raise CertificateRejected(msg)
    return low, high


def _changes_sign(at_low: arb, at_high: arb) -> None:
    if not (at_low < 0 and at_high > 0):
        msg = f"no change of sign: {at_low} at the low end, {at_high} at the high end"
        raise CertificateRejected(msg)


def check_unique_zero(problem: Mapping[str, Any], certificate: Mapping[str, Any]) -> int:
    """Check that a system has exactly one zero in a box, whatever its parameters are in theirs (Krawczyk's operator).

    K(X) = x − Y F(x, θ) + (1 − Y F'(X, θ))(X − x), with F(x, θ) in mean-value form in θ: K(X) inside the interior of
    X shows it. Any matrix Y and any x in X will do.

    Raises
    ------
    CertificateRejected
    """
    for name in ("programs", "variables", "box", "parameters", "ranges"):
        if certificate["problem"].get(name) != problem.get(name):
            msg = f"the certificate is for another problem: its {name} differs"
            raise CertificateRejected(msg)
    names, parameters, programs = problem["variables"], problem["parameters"], problem["programs"]
    size = len(names)
    box, ranges = _box(problem["box"], size), _box(problem["ranges"], len(parameters))
    centre = [Fraction(x) for x in certificate["centre"]]
    rows = [[Fraction(y) for y in row] for row in certificate["preconditioner"]]
    if not (len(programs) == len(rows) == len(centre) == size and all(len(row) == size for row in rows)):
        msg = "centre or preconditioner has the wrong size"
        raise CertificateRejected(msg)
    if not all(low < x < high for x, (low, high) in zip(centre, box, strict=True)):
        msg = "the centre is not inside the box"
        raise CertificateRejected(msg)
    with precision(_bits(certificate)):
        at = dict(zip(names, map(exact, centre), strict=True))
        theta = dict(zip(parameters, map(ball, ranges), strict=True))
        middle = {name: exact((low + high) / 2) for name, (low, high) in zip(parameters, ranges, strict=True)}
        inside = dict(zip(names, map(ball, box), strict=True))
        for own, y, x, (low, high) in zip(names, rows, centre, box, strict=True):
            image = exact(x)
            weights = [exact(weight) for weight in y]
            image -= sum(w * value(f, at | middle) for w, f in zip(weights, programs, strict=True))
            for name in parameters:
                slope = sum(w * taylor(f, at | theta, name, 1)[1] for w, f in zip(weights, programs, strict=True))
                image -= slope * (theta[name] - middle[name])
            for name in names:
                slope = sum(w * taylor(f, inside | theta, name, 1)[1] for w, f in zip(weights, programs, strict=True))
                image += (int(name == own) - slope) * (inside[name] - at[name])
            if not (exact(low) < image and image < exact(high)):
                msg = f"Krawczyk's operator leaves the box: {image} is not inside [{low}, {high}]"
                raise CertificateRejected(msg)
    return size


def _same_problem(problem: Mapping[str, Any], certificate: Mapping[str, Any]) -> None:
    for name in ("program", "variables", "domain", "zeros", "sign", "over"):
        if certificate["problem"].get(name) != problem.get(name):
            msg = f"the certificate is for another problem: its {name} differs"
            raise CertificateRejected(msg)


def _bits(certificate: Mapping[str, Any]) -> int:
    if certificate["bits"] not in _BITS:
        msg = f"bits = {certificate['bits']}: must be an integer from 64 to 1024"
        raise CertificateRejected(msg)
    return int(certificate["bits"])


def _box(rows: Sequence[Sequence[str]], size: int) -> Box:
    box = tuple((Fraction(low), Fraction(high)) for low, high in rows)
    if len(box) != size or any(low >= high for low, high in box):
        msg = f"{rows}: not a box of {size} intervals"
        raise CertificateRejected(msg)
    return box


def _fills(domain: Box, boxes: Sequence[Box]) -> None:
    """The boxes are the domain cut in two, and the parts cut in two again, until each part is one box."""
    parts = [(domain, list(boxes))]
    while parts:
        whole, inside = parts.pop()
        if inside == [whole]:
            continue
        cut = next((c for axis in range(len(whole)) if (c := _cut(axis, inside)) is not None), None)
        if cut is None:
            msg = f"the boxes do not fill {[list(map(str, x)) for x in whole]}"
            raise CertificateRejected(msg)
        axis, at = cut
        low, high = whole[axis]
        if not low < at < high:
            msg = f"a box reaches beyond {[list(map(str, x)) for x in whole]}"
            raise CertificateRejected(msg)
        for interval, part in (
            ((low, at), [b for b in inside if b[axis][1] <= at]),
            ((at, high), [b for b in inside if b[axis][0] >= at]),
        ):
            parts.append(((*whole[:axis], interval, *whole[axis + 1 :]), part))


def _cut(axis: int, boxes: Sequence[Box]) -> tuple[int, Fraction] | None:
    """The middlemost place on an axis that no box straddles, if there is one."""
    ordered = sorted(box[axis] for box in boxes)
    places, reached = [], None
    for low, high in ordered:
        if reached is not None and low >= reached:
            places.append(low)
        reached = high if reached is None else max(reached, high)
    return (axis, places[len(places) // 2]) if places else None


def _enclosure(problem: Mapping[str, Any], form: Sequence[Any], box: Box) -> tuple[arb, int]:
    """What the box's form encloses, and the sign it must have."""
    names = problem["variables"]
    balls = dict(zip(names, map(ball, box), strict=True))
    match list(form):
        case ["value"]:
            return value(problem["program"], balls), problem["sign"]
        case ["mean value"]:
            return mean_value(problem["program"], names, box), problem["sign"]
        case ["taylor"] if len(names) == 1:
            return taylor_model(problem["program"], names[0], box[0]), problem["sign"]
        case ["zero", int(axis), int(end)] if axis in range(len(names)) and end in (0, 1):
            order = problem["zeros"][axis][end]
            domain = _box(problem["domain"], len(names))
            if order < 1 or box[axis][end] != domain[axis][end]:
                msg = f"box {box}: f has no known zero at that end"
                raise CertificateRejected(msg)
            found = deflated(problem["program"], names, box, axis, end, order)
            return found, problem["sign"] * (-1 if end == 1 and order % 2 else 1)
    msg = f"form {form!r}: not known"
    raise CertificateRejected(msg)
