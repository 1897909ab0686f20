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

from divprune_sym.claims.balls import ball, deflated, exact, mean_value, precision, taylor_model, value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flint import arb

    from divprune_sym.claims.balls import Interval

Box = tuple["Interval", ...]

_BITS = range(64, 1025)


class CertificateRejected(ArithmeticError):
    """A certificate that does not show what it is for; the message names the first fault."""


def check_inequality(problem: Mapping[str, Any], certificate: Mapping[str, Any]) -> int:
    """Check that f has its sign everywhere inside the domain, and return the number of boxes.

    Raises
    ------
    CertificateRejected
    """
    same_problem(problem, certificate)
    rows = certificate["boxes"]
    boxes = [box_of(row["box"], len(problem["variables"])) for row in rows]
    _fills(box_of(problem["domain"], len(problem["variables"])), boxes)
    with precision(bits_of(certificate)):
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


def same_problem(problem: Mapping[str, Any], certificate: Mapping[str, Any]) -> None:
    """Refuse a certificate that was made for another problem."""
    for name in ("program", "variables", "domain", "zeros", "sign", "over"):
        if certificate["problem"].get(name) != problem.get(name):
            msg = f"the certificate is for another problem: its {name} differs"
            raise CertificateRejected(msg)


def bits_of(certificate: Mapping[str, Any]) -> int:
    """The precision a certificate asks for, within limits."""
    if certificate["bits"] not in _BITS:
        msg = f"bits = {certificate['bits']}: must be an integer from 64 to 1024"
        raise CertificateRejected(msg)
    return int(certificate["bits"])


def box_of(rows: Sequence[Sequence[str]], size: int) -> Box:
    """Intervals of positive length from pairs of written fractions."""
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
            domain = box_of(problem["domain"], len(names))
            if order < 1 or box[axis][end] != domain[axis][end]:
                msg = f"box {box}: f has no known zero at that end"
                raise CertificateRejected(msg)
            found = deflated(problem["program"], names, box, axis, end, order)
            return found, problem["sign"] * (-1 if end == 1 and order % 2 else 1)
    msg = f"form {form!r}: not known"
    raise CertificateRejected(msg)
