"""Where random edges and DPP nodes are alike when there is label noise: the boundary p* to first order in ησ².

At the fixed point of online SGD with equal copies (both layers trained, η_v = η, no decay) e_edge − e_DPP is
d0(p) + ησ² d1(p) + O(η²), and p* moves by −ησ² d1/d0'. d1 is F/L with F and L linear in M: their values at M = 2 and
their slopes decide for all M.
"""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

import sympy as sp

from divprune_sym.claims import errors
from divprune_sym.claims.claim import Claim, Verdict
from divprune_sym.claims.domain import Domain, read
from divprune_sym.claims.errors import M, Z, e, p, u
from divprune_sym.claims.evidence import Certified, Proof
from divprune_sym.claims.families.edge_against_node import gap
from divprune_sym.claims.links import Fact
from divprune_sym.claims.prover import Inequality
from divprune_sym.claims.rules import Arithmetic, At, Follows
from divprune_sym.claims.steps import Step, same
from divprune_sym.dynamics import small_eta
from divprune_sym.dynamics.small_eta import BOTH, FACTOR, KEPT, KEPT_OTHER, KEPT_SAME, SPREAD, SQUARE, A
from divprune_sym.dynamics.symbols import SIGMA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sympy import Expr

    from divprune_sym.claims.claim import Evidence

PLACE, PROCESS = 105, 5

_COPIES = (2, 3)
_EQUAL = {SPREAD: 0, SIGMA: 1, A: 1}
# k ≤ M: k = pMZ of the M groups, uniformly, keep one node each
_LAW = {KEPT: p, KEPT_SAME: 0, KEPT_OTHER: p * (p * M * Z - 1) / ((M - 1) * Z)}
_EDGES = {SQUARE: p, BOTH: p**2, FACTOR: 1}
_x, _y, _z = sp.symbols("x y z", real=True)


@cache
def _parts(copies: int) -> tuple[Expr, Expr]:
    """F and L: the coefficient of ησ² in 6(ε_edge − ε_DPP)/(M v*²), over a common denominator."""
    solved, ansatz = small_eta.both_layers(), small_eta.both_layers_ansatz()
    sizes = {small_eta.M: M, small_eta.Z: Z}
    edges = small_eta.edge_pruned_error(ansatz)[1].subs(sizes).subs(_EDGES)
    nodes = small_eta.node_pruned_error(ansatz)[1].subs(sizes).subs(_LAW)
    linear = sp.expand(6 * (edges - nodes).subs({**_EQUAL, Z: copies}) / M)
    values = {x: sp.sympify(solved.coefficients[name]).subs(_EQUAL) for name, x in ansatz.coefficients.items()}
    values = {x: sp.fraction(sp.cancel(sp.together(y.subs(sizes).subs(Z, copies)))) for x, y in values.items()}
    below = next(iter(values.values()))[1]
    total = sp.Integer(0)
    for x, (top, bottom) in values.items():
        rate = linear.coeff(x)
        # (M − 1) of the law of pairs cancels
        rate = sp.cancel(sp.together(rate)) if rate.is_rational_function(p, M) else rate
        total += rate * top * sp.cancel(below / bottom)
    return sp.expand(total), sp.expand(below)


def _from_two(whole: Expr) -> tuple[Expr, Expr]:
    """Value at M = 2 and slope, of what is linear in M."""
    slope = whole.coeff(M, 1)
    return whole.coeff(M, 0) + 2 * slope, slope


def _are_linear(copies: int) -> Iterator[Step]:
    for name, whole in zip("FL", _parts(copies), strict=True):
        at_two, slope = _from_two(whole)
        yield same(f"{name} is linear in M, Z = {copies}", whole, at_two + slope * (M - 2))


def _linear(copies: int) -> Iterator[Evidence]:
    """F < 0 and L > 0 for M ≥ 2."""
    (at_two, slope), (low, step) = map(_from_two, _parts(copies))
    F, L = at_two + slope * (M - 2), low + step * (M - 2)
    most = sp.Rational(1, copies)
    domain = read(("0 < p", sp.Le(p, most), "M integer", "M ≥ 2"), {p, M}, "domain")
    negative = sp.Lt(_x + _y * _z, 0, evaluate=False)
    where = (sp.Lt(_x, 0, evaluate=False), sp.Lt(_y, 0, evaluate=False), sp.Ge(_z, 0, evaluate=False))
    both = Fact(negative, Domain(where))
    yield Proof(lambda: _are_linear(copies))
    yield Certified(Inequality(at_two, {p: (0, most)}, -1, {p: (1, 0)}), f"z{copies}-two")
    yield Certified(Inequality(slope, {p: (0, most)}, -1, {p: (1, 0)}), f"z{copies}-slope")
    yield Follows(negative, both.domain, Arithmetic())
    yield Follows(sp.Lt(F, 0, evaluate=False), domain, At({_x: at_two, _y: slope, _z: M - 2}, both))
    first, positive = sp.Gt(low, 0, evaluate=False), sp.Gt(L, 0, evaluate=False)
    yield Follows(first, domain, Arithmetic())
    yield Follows(positive, domain, At({}, Fact(first, domain)))
    signs = Domain((sp.Lt(_x, 0, evaluate=False), sp.Gt(_y, 0, evaluate=False)))
    general = Fact(sp.Lt(_x / _y, 0, evaluate=False), signs)
    yield Follows(general.statement, signs, Arithmetic())
    yield Follows(sp.Lt(F / L, 0, evaluate=False), domain, At({_x: F, _y: L}, general))


@cache
def first_order(copies: int) -> Expr:
    """d1 = F/L, as written in the evidence."""
    (at_two, slope), (low, step) = map(_from_two, _parts(copies))
    return (at_two + slope * (M - 2)) / (low + step * (M - 2))


def noiseless(copies: int) -> Expr:
    """d0 for k ≤ M."""
    at = sp.Rational(1, copies)
    return gap(errors.random_edge()).subs(u, at) + p * (p - at)


def _rising(copies: int) -> Expr:
    """p d0' − d0, which is p d0' at p*."""
    d0 = noiseless(copies)
    return p * sp.diff(d0, p) - d0


def claims() -> list[Claim]:
    """The claims of this family."""
    first = {copies: e("first-order", sp.Integer(copies), p, M) for copies in _COPIES}
    rising = {copies: e("rising", sp.Integer(copies), p) for copies in _COPIES}
    third = sp.Rational(1, 3)
    evidence = [item for copies in _COPIES for item in _linear(copies)]
    evidence += [
        Certified(Inequality(_rising(copies), {p: (0, sp.Rational(1, copies))}, 1, {p: (2, 0)}), f"z{copies}-rising")
        for copies in _COPIES
    ]
    return [
        Claim(
            "label-noise.boundary",
            "Label noise moves the boundary p* between random edges and DPP nodes up, for Z = 2 and 3 and every M ≥ 2, "
            "to first order in ησ², at the fixed point with equal copies.",
            sp.And(
                sp.Lt(first[2], 0),
                sp.Gt(rising[2], 0),
                sp.Implies(sp.Le(p, third), sp.And(sp.Lt(first[3], 0), sp.Gt(rising[3], 0))),
            ),
            ("0 < p", "p ≤ 1/2", "M integer", "M ≥ 2"),
            "this project",
            evidence,
            Verdict.CERTIFIED,
            {
                **{first[copies]: partial(first_order, copies) for copies in _COPIES},
                **{rising[copies]: partial(_rising, copies) for copies in _COPIES},
            },
            (
                "erf nodes, white inputs, orthonormal teacher, A_n = v*, both layers trained, η_v = η, no decay, N → ∞",
                "the fixed point with equal copies (unstable at a rate of order η²); ε_g excludes label noise",
                "e = 6 ε_g/(M v*²) = e_0 + ησ² e_1 + O(η²), p = k/(MZ) ≤ 1/Z; first-order: e_1 of edges minus nodes",
                "rising: p d0' − d0 > 0, so that d0' > 0 at d0 = 0 and p* moves by −ησ² e_1/d0'",
            ),
        )
    ]
