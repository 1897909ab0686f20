"""Pruned errors of methods in the noiseless specialized state, as formulas that ball arithmetic can evaluate.

All in e = 6 ε_g/(M v*²) at a given Z (see `claims.errors`). A method of edges that states its formulas has e(p); of
the numerical ones, random, magnitude and DPP edges are known to the ledger of claims, as are the laws on nodes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any

import sympy as sp
from sympy import Expr

from divprune_sym.claims import errors
from divprune_sym.claims.balls import exact, precision, value
from divprune_sym.claims.errors import M, p, s, t, u
from divprune_sym.claims.families.edges import BOTH_B, KEEP_B, SQUARE_B, b
from divprune_sym.claims.few_kept import TAIL
from divprune_sym.claims.programs import NotEvaluable, program_of
from divprune_sym.claims.special import KeptMoment
from divprune_sym.pruning import NodeMethod
from divprune_sym.pruning.methods.coordinated_edge import CoordinatedEdge
from divprune_sym.pruning.methods.dpp_edge import DPPEdge
from divprune_sym.pruning.methods.magnitude_edge import MagnitudeEdge
from divprune_sym.pruning.methods.random_edge import RandomEdge
from divprune_sym.pruning.variant import SymbolicEdgeMethod
from divprune_sym.specialized.formula import M as M_
from divprune_sym.specialized.formula import SpecializedOverlaps, specialized_error, specialized_overlaps
from divprune_sym.specialized.formula import V as V_
from divprune_sym.specialized.formula import Z as Z_

if TYPE_CHECKING:
    from collections.abc import Mapping

    from divprune_sym.pruning.registry import Method

NODES = {"random-node": "random-node", "importance-node": "random-node", "dpp-node": "dpp-node"}
PLACES = 10**13  # a place is enclosed to one over this
RESCALED = ("none", "inverse-sqrt")


class NoFormula(ArithmeticError):
    """A method's error that cannot be certified; the message says why."""


@dataclass(frozen=True)
class Subject:
    """An edge method by what it leaves of the specialized state's overlaps.

    Parameters
    ----------
    name : str
    overlaps : mapping of Fraction or None to SpecializedOverlaps
        None: for every keep fraction, in p; otherwise for those that the method can keep.
    """

    name: str
    overlaps: Mapping[Fraction | None, SpecializedOverlaps]

    @property
    def shares(self) -> tuple[Fraction, ...] | None:
        """The keep fractions strictly between 0 and 1; None for all of them."""
        return None if None in self.overlaps else tuple(x for x in self.overlaps if x is not None)

    def error(self, Z: int, M: int, rescale: str, share: Fraction | None = None) -> Expr:
        """e, in p if there is no share.

        Raises
        ------
        NoFormula
            It has a part that ball arithmetic cannot evaluate.
        """
        keep = p if None in self.overlaps else _rational(share or Fraction(0))
        factor = {"none": sp.S.One, "inverse-sqrt": 1 / sp.sqrt(keep)}[rescale]
        whole = edge_error(self.overlaps[None if None in self.overlaps else share], factor, Z, M)
        if None in self.overlaps and share is not None:
            whole = whole.subs(p, _rational(share))
        try:
            program_of(whole)
        except NotEvaluable as error:
            msg = f"{self.name}: {error}"
            raise NoFormula(msg) from None
        return whole

    @property
    def for_every_M(self) -> bool:
        """Whether nodes of different groups stay apart, so that e does not depend on M."""
        return all(x.Q_others == 0 and x.R_others == 0 for x in self.overlaps.values())


def subject_of(method: Method) -> Subject:
    """The method's overlaps after pruning, smooth where they can be.

    Raises
    ------
    NoFormula
        It states numbers, no formulas.
    """
    if type(method) is RandomEdge:
        zero = sp.Integer(0)
        return Subject(method.name, {None: SpecializedOverlaps(p, p**2, zero, p, zero)})
    if not isinstance(method, SymbolicEdgeMethod):
        kind = "a law on subsets of nodes" if isinstance(method, NodeMethod) else "moments"
        msg = f"{method.name} states {kind} as numbers, no formulas"
        raise NoFormula(msg)
    if method.fractions is None:
        return Subject(method.name, {None: _smooth(specialized_overlaps(method))})
    inner = [share for share in method.fractions if 0 < share < 1]
    return Subject(method.name, {share: specialized_overlaps(method, share) for share in inner})


def _smooth(overlaps: SpecializedOverlaps) -> SpecializedOverlaps:
    """Roots written so that none is of a pole or of a square that vanishes at p = 0 or 1."""
    return SpecializedOverlaps(**{name: _smooth_at_ends(x) for name, x in vars(overlaps).items()})


def _smooth_at_ends(expression: Expr) -> Expr:
    lost = sp.Dummy("q", positive=True)
    near_one = _roots_apart(expression.subs(p, 1 - lost))
    return _roots_apart(near_one.subs(lost, 1 - p))


def _roots_apart(expression: Expr) -> Expr:
    """√(f²g) as f√g, for f > 0 a symbol."""
    return expression.replace(
        lambda x: x.is_Pow and x.exp.is_Rational and not x.exp.is_Integer,
        lambda x: sp.expand_power_base(sp.Pow(sp.factor(sp.together(x.base)), x.exp)),
    )


def edge_error(overlaps: SpecializedOverlaps, factor: Expr, Z: int, M: int) -> Expr:
    """e in whatever the overlaps are written in, kept weights times a factor."""
    general, letters, scale = _general()
    values = dict(zip(letters, vars(overlaps).values(), strict=True))
    return general.xreplace(values | {scale: factor, Z_: sp.Integer(Z), M_: sp.Integer(M)})


@cache
def _general() -> tuple[Expr, tuple[sp.Symbol, ...], sp.Symbol]:
    letters = sp.symbols("a:5", nonnegative=True)
    scale = sp.Symbol("gamma", positive=True)
    whole = specialized_error(SpecializedOverlaps(*letters), scale)
    return sp.expand(6 * whole / (M_ * V_**2)), letters, scale


def _rational(share: Fraction) -> Expr:
    return sp.Rational(share.numerator, share.denominator)


# --- rivals that a parameter runs through ---------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """e and p as functions of x, low ≤ x ≤ high.

    Parameters
    ----------
    x : Symbol
    low, high : Fraction
    keep, error : Expr
        p, monotone in x, and e.
    ends : (bool, bool)
        Whether p is 0 or 1 at the low and the high end.
    """

    x: sp.Symbol
    low: Fraction
    high: Fraction
    keep: Expr
    error: Expr
    ends: tuple[bool, bool]


_ROOT = sp.Symbol("r", positive=True)


def dpp_runs(Z: int, rescale: str, chart: str) -> list[Run]:
    """DPP edges: p = s K_11(s) for s ≤ 1, and in b = 1/√s beyond; in the chart "root" s = r²."""
    x = {"p": s, "root": _ROOT}[chart]
    scale = s if chart == "p" else _ROOT**2
    moments = (errors.dpp_keep(), s * KeptMoment(2, 1, s), s**2 * KeptMoment(3, 2, s))
    small = [moment.subs(s, scale) for moment in moments]
    return [
        Run(
            x, Fraction(0), Fraction(1), small[0], _parametric(small[0], small[1], small[2], Z, rescale), (True, False)
        ),
        Run(b, Fraction(0), Fraction(1), KEEP_B, _parametric(KEEP_B, SQUARE_B, BOTH_B, Z, rescale), (True, False)),
    ]


def magnitude_runs(Z: int, rescale: str) -> list[Run]:
    """Magnitude edges: p = P(|z| > t), up to a threshold."""
    keep = sp.erfc(t / sp.sqrt(2))
    square = errors.magnitude_square(t, keep)
    end = Fraction(int(TAIL.p), int(TAIL.q))
    return [Run(t, Fraction(0), end, keep, _parametric(keep, square, square, Z, rescale), (True, False))]


def _parametric(keep: Expr, square: Expr, both: Expr, Z: int, rescale: str) -> Expr:
    factor = {"none": sp.S.One, "inverse-sqrt": 1 / sp.sqrt(keep)}[rescale]
    return errors.edge_error(square, both, factor).subs(u, sp.Rational(1, Z))


def dpp_at(share: Fraction, Z: int, rescale: str) -> Run:
    """DPP edges where their parameter is all but known: p(x) passes the share between low and high, 10⁻¹³ apart."""
    runs = dpp_runs(Z, rescale, "p")
    run, rises = (runs[0], 1) if _excess(runs[0], share, Fraction(1)) > 0 else (runs[1], -1)
    low, high = 0, PLACES
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if rises * _excess(run, share, Fraction(middle, PLACES)) < 0 else (low, middle)
    return replace(run, low=Fraction(low, PLACES), high=Fraction(high, PLACES), ends=(False, False))


def _excess(run: Run, share: Fraction, x: Fraction) -> int:
    with precision():
        found = value(program_of(run.keep - _rational(share)), {run.x.name: exact(x)})
    return 1 if found > 0 else -1


def magnitude_at(share: Fraction, Z: int, rescale: str) -> Expr:
    """e of magnitude edges at one keep fraction."""
    keep = _rational(share)
    square = errors.magnitude_square(sp.sqrt(2) * sp.erfinv(1 - keep), keep)
    return _parametric(keep, square, square, Z, rescale)


# --- rivals on nodes -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NodePart:
    """e of nodes for low ≤ p ≤ high: base + slope·w, w = weight(M) between 0 and 1/(Z − 1)."""

    low: Expr
    high: Expr
    base: Expr
    slope: Expr

    def error(self, w: Expr) -> Expr:
        """e at some w."""
        return self.base + self.slope * w


@dataclass(frozen=True)
class NodeErrors:
    """e of a law on nodes for all M at one Z, k = pMZ.

    Parameters
    ----------
    parts : tuple of NodePart
    weight : Expr
        w in M.
    at_infinity, largest : Expr
        w as M → ∞, and the most that it can be.
    """

    parts: tuple[NodePart, ...]
    weight: Expr
    at_infinity: Expr
    largest: Expr

    @property
    def for_every_M(self) -> bool:
        """Whether e does not depend on M."""
        return all(part.slope == 0 for part in self.parts)


_W = sp.Symbol("w", nonnegative=True)


@cache
def node_errors(name: str, Z: int) -> NodeErrors:
    """Of random or DPP nodes, from the formulas of the ledger (nodes.*) at k = pMZ."""
    most = sp.Rational(1, Z - 1) if Z > 1 else sp.Integer(0)
    if NODES[name] == "random-node":
        weight = 1 / (M * Z - 1)
        whole = _in_weight(errors.random_node(p * M * Z, M, sp.Integer(Z)), (1 / _W + 1) / Z)
        return NodeErrors((NodePart(sp.S.Zero, sp.S.One, *whole),), weight, sp.S.Zero, most)
    few = sp.expand(sp.cancel(errors.dpp_node_few(p * M * Z, M, sp.Integer(Z))))
    turn = sp.Rational(1, Z)
    first = NodePart(sp.S.Zero, turn, few, sp.S.Zero)
    weight = (M - 1) / (M * (Z - 1) - 1)
    if Z == 1:
        return NodeErrors((first,), weight, most, most)
    many = errors.dpp_node_many(p * M * Z, M, sp.Integer(Z))
    whole = _in_weight(many, (1 - _W) / (1 - _W * (Z - 1))) if Z > 2 else (sp.expand(sp.cancel(many)), sp.S.Zero)
    return NodeErrors((first, NodePart(turn, sp.S.One, *whole)), weight, most, most)


def _in_weight(error: Expr, groups: Expr) -> tuple[Expr, Expr]:
    """(base, slope) of an error that is linear in w."""
    linear = sp.Poly(sp.cancel(sp.together(error.subs(M, groups))), _W)
    return sp.expand(linear.coeff_monomial(1)), sp.factor(linear.coeff_monomial(_W))


def node_error(name: str, k: int, groups: int, copies: int) -> Expr:
    """e of k of K = MZ nodes, a rational number."""
    if NODES[name] == "random-node":
        return errors.random_node(sp.Integer(k), sp.Integer(groups), sp.Integer(copies)) if groups * copies > 1 else 0
    if k <= groups:
        return errors.dpp_node_few(sp.Integer(k), sp.Integer(groups), sp.Integer(copies))
    if groups == 1:
        return errors.dpp_node_one_group(sp.Integer(k), sp.Integer(copies))
    return errors.dpp_node_many(sp.Integer(k), sp.Integer(groups), sp.Integer(copies))


@cache
def coordinated_errors(Z: int, rescale: str) -> NodeErrors:
    """Of coordinated edges: copies share c_Z(p) = b(2pZ − b − 1)/(Z(Z − 1)) of the inputs, b = floor(pZ)."""
    factor = {"none": sp.S.One, "inverse-sqrt": 1 / sp.sqrt(p)}[rescale]
    shared = [b * (2 * p * Z - b - 1) / sp.Integer(Z * (Z - 1)) for b in range(Z)] if Z > 1 else [p]
    parts = [
        NodePart(sp.Rational(b, Z), sp.Rational(b + 1, Z), _of_masks(both, factor, Z), sp.S.Zero)
        for b, both in enumerate(shared)
    ]
    return NodeErrors(tuple(parts), sp.S.Zero, sp.S.Zero, sp.S.Zero)


def _of_masks(both: Expr, factor: Expr, Z: int) -> Expr:
    """e where masks do not look at weights, and copies share a fraction of the inputs."""
    return edge_error(SpecializedOverlaps(p, sp.expand(both), sp.S.Zero, p, sp.S.Zero), factor, Z, 1)


def kind_of(method: Any) -> str:
    """How a rival's error is known: "formula", "nodes", "coordinated", "dpp" or "magnitude".

    Raises
    ------
    NoFormula
        In no such way.
    """
    if type(method) is DPPEdge and method.kernel == "linear":
        return "dpp"
    if type(method) is MagnitudeEdge:
        return "magnitude"
    if type(method) is CoordinatedEdge and method.groups == "kernel":
        return "coordinated"
    if isinstance(method, NodeMethod):
        if NODES.get(method.name) is None or getattr(method, "kernel", "preactivation") != "preactivation":
            msg = f"{method.name} states a law on subsets of nodes as numbers, no formulas"
            raise NoFormula(msg)
        return "nodes"
    subject_of(method)
    return "formula"
