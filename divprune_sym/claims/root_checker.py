"""The independent checker's other half: places where a function changes its sign, and zeros of systems.

Like `checker`, it shares ball evaluation with the prover, and nothing else.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from divprune_sym.claims.balls import ball, exact, precision, taylor, value
from divprune_sym.claims.checker import CertificateRejected, bits_of, box_of, same_problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flint import arb

    from divprune_sym.claims.balls import Interval

WIDEST_BRACKET = Fraction(1, 10**12)


def check_bracket(problem: Mapping[str, Any], certificate: Mapping[str, Any]) -> Interval:
    """Check that f, of one variable, changes its sign inside a short interval of the domain, and return that.

    Raises
    ------
    CertificateRejected
    """
    low, high = _bracket(problem, certificate)
    with precision(bits_of(certificate)):
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
    with precision(bits_of(certificate)):
        at_low = value(problem["program"], {name: exact(low), over: exact(ys[0])})
        at_high, slope = taylor(problem["program"], {name: exact(high), over: exact(ys[1])}, over, 1)
        _changes_sign(at_low, at_high - abs(slope))
    return low, high


def _bracket(problem: Mapping[str, Any], certificate: Mapping[str, Any]) -> Interval:
    same_problem(problem, certificate)
    ((first, last),) = box_of(problem["domain"], 1)
    ((low, high),) = box_of([certificate["bracket"]], 1)
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
    box, ranges = box_of(problem["box"], size), box_of(problem["ranges"], len(parameters))
    center = [Fraction(x) for x in certificate["center"]]
    rows = [[Fraction(y) for y in row] for row in certificate["preconditioner"]]
    if not (len(programs) == len(rows) == len(center) == size and all(len(row) == size for row in rows)):
        msg = "center or preconditioner has the wrong size"
        raise CertificateRejected(msg)
    if not all(low < x < high for x, (low, high) in zip(center, box, strict=True)):
        msg = "the center is not inside the box"
        raise CertificateRejected(msg)
    with precision(bits_of(certificate)):
        at = dict(zip(names, map(exact, center), strict=True))
        theta = dict(zip(parameters, map(ball, ranges), strict=True))
        middle = {name: exact((low + high) / 2) for name, (low, high) in zip(parameters, ranges, strict=True)}
        inside = dict(zip(names, map(ball, box), strict=True))
        for own, y, x, (low, high) in zip(names, rows, center, box, strict=True):
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
