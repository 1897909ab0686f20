"""`divprune-sym bound`: a method beside every registered one, in the noiseless specialized state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import brentq

from divprune_sym.bound.faces import Agreement, Drawing, compare_faces
from divprune_sym.bound.formula import Formula, edge_formulas, node_formulas
from divprune_sym.evaluation import second_moments
from divprune_sym.ground.checks import BadInput
from divprune_sym.ground.randomness import Rng
from divprune_sym.pruning import METHODS, EdgeMethod, EdgePruning, NodeMethod
from divprune_sym.pruning.method import EdgeLimit
from divprune_sym.pruning.user_method import as_loaded
from divprune_sym.pruning.variant import SymbolicEdgeMethod
from divprune_sym.specialized import specialized_state

if TYPE_CHECKING:
    from divprune_sym.gaussian import Activation
    from divprune_sym.notation import OrderParameters
    from divprune_sym.pruning.after.rescaling import Rescaling

    Method = NodeMethod | EdgePruning

GRID = np.linspace(0.005, 0.995, 199)
BOUNDARY_ERROR = 1e-9
TIE = 1e-10  # errors closer than this are equal, in units of 3 v*² E[g²], which is v*² for erf


@dataclass(frozen=True)
class Comparison:
    """What is asked: M teacher nodes, Z copies, v*, what follows pruning, and g of student and teacher.

    `rescale` is applied to edges, `reweight` to nodes, to all methods alike.
    """

    M: int
    Z: int
    second_layer: float
    rescale: Rescaling = "none"
    reweight: bool = False
    activation: str | Activation = "erf"

    @property
    def K(self) -> int:
        """Student nodes."""
        return self.M * self.Z

    @cached_property
    def state(self) -> OrderParameters:
        """The specialized state before pruning."""
        return specialized_state(self.M, self.Z, self.second_layer, activation=self.activation)

    @cached_property
    def unit(self) -> float:
        """3 v*² E[g²], the natural size of an error: six times that of one teacher node without copies."""
        return 3 * self.second_layer**2 * float(second_moments(np.ones((1, 1)), self.activation)[0, 0])

    def error(self, method: Method, keep: float) -> float | None:
        """ε_g at keep fraction p; None where the method cannot keep that share."""
        if isinstance(method, NodeMethod):
            k = round(keep * self.K)
            if abs(keep * self.K - k) > 1e-9:
                return None
            return method.limit(self.state, k).generalization_error(reweight=self.reweight)
        if not method.can_keep(keep):
            return None
        return self._edge_limit(method, keep).generalization_error(rescale=self.rescale)

    def _edge_limit(self, method: EdgePruning, keep: float) -> EdgeLimit:
        """A method that sees pairs only shows all it does on two copies of two teacher nodes."""
        if not isinstance(method, (EdgeMethod, SymbolicEdgeMethod)):
            return method.limit(self.state, keep)
        own, copies, others, R_own, R_others = _two_copies(method, keep)
        C, K = self.state.covariance, self.K
        same = C.copy()
        C[:K, :K] = np.where(same[:K, :K] == 1, copies, others)
        C[:K, K:] = np.where(same[:K, K:] == 1, R_own, R_others)
        C[K:, :K] = C[:K, K:].T
        np.fill_diagonal(C[:K, :K], own)
        return EdgeLimit(self.state, C, keep, method)


@lru_cache(maxsize=20_000)
def _two_copies(method: EdgeMethod | SymbolicEdgeMethod, keep: float) -> tuple[float, ...]:
    """What is left of Q_ii, of Q and R between copies, and of Q and R between others, whatever M, Z and v* are."""
    small = method.limit(specialized_state(2, 2, 1.0), keep).covariance
    own, copies, others, R_own, R_others = (float(x) for x in small[0, [0, 1, 2, 4, 5]])
    return own, copies, others, R_own, R_others


@dataclass(frozen=True)
class Region:
    """Where the method's error is lower than a rival's ("all": than every registered method's that keeps this share).

    Numerical, not proved: intervals end where the difference changes its sign between two points of a grid of
    step 0.005, found to 1e-9, or at the grid's ends; what is narrower than the grid can be missed. Points
    are single keep fractions, where a method on either side has no others. `compared` counts what was computed.
    """

    rival: str
    intervals: tuple[tuple[float, float], ...] = ()
    points: tuple[str, ...] = ()
    compared: int = len(GRID)
    equal: bool = False


@dataclass(frozen=True)
class Bound:
    """Everything that `bound` finds out about a method.

    Attributes
    ----------
    table : list of dict
        Errors at p = k/K and wherever else the method can be asked, by method name; None where one cannot.
    curve : list of dict
        Errors of the method and of the registered edge methods on the fine grid.
    units : dict of str to str
        What each method of the table prunes: "node" or "edge".
    """

    method: str
    comparison: Comparison
    formulas: list[Formula]
    table: list[dict[str, Any]]
    curve: list[dict[str, Any]]
    regions: list[Region]
    has_draw: bool
    agreement: Agreement | None
    units: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        agreement = None
        if self.agreement is not None:
            faces = [asdict(face) | {"t_statistic": face.t_statistic} for face in self.agreement.faces]
            agreement = asdict(self.agreement) | {"agrees": self.agreement.agrees, "faces": faces}
        return {
            "method": self.method,
            **asdict(self.comparison) | {"activation": str(self.comparison.activation)},
            "formulas": [formula.as_json() for formula in self.formulas],
            "table": self.table,
            "regions": [asdict(region) for region in self.regions],
            "regions_are": "numerical, not proved",
            "has_draw": self.has_draw,
            "draw_agrees_with_limit": agreement,
            "curve": self.curve,
        }


def bound(method: str | Method, comparison: Comparison, drawing: Drawing | None, rng: Rng) -> Bound:
    """Formula, table, regions and, with `drawing`, the agreement of the method's two faces.

    Raises
    ------
    BadInput
        I2 of the activation has no closed form, or the second layer is 0.
        The method has the name of a registered one and is not it, or one of its faces returns what cannot be used.
    """
    if comparison.unit == 0:
        which = "second layer" if comparison.second_layer == 0 else f"activation {comparison.activation}"
        msg = f"{which} = 0: every error vanishes, there is nothing to compare"
        raise BadInput(msg)
    method = as_loaded(method)
    everyone = {method.name: method, **METHODS.usable()}
    if everyone[method.name] != method:
        msg = f"{method.name}: is the name of a registered method, choose another"
        raise BadInput(msg)
    errors = _Errors(comparison, method, everyone)
    has_draw = not isinstance(method, SymbolicEdgeMethod) or method.has_draw
    agreement = None
    if drawing is not None and has_draw:
        agreement = compare_faces(method, comparison.M, comparison.Z, drawing, rng, activation=comparison.activation)
    return Bound(
        method.name,
        comparison,
        _formulas(method, comparison),
        errors.table(),
        errors.curve(),
        errors.regions(),
        has_draw,
        agreement,
        {name: x.unit for name, x in everyone.items()},
    )


def _formulas(method: Method, comparison: Comparison) -> list[Formula]:
    if not isinstance(method, NodeMethod):
        return edge_formulas(method, comparison.rescale, comparison.activation)
    if comparison.reweight:
        return []
    return node_formulas(method, comparison.state)


class _Errors:
    """The errors of the method and of its rivals, each computed once."""

    def __init__(self, comparison: Comparison, method: Method, everyone: dict[str, Method]) -> None:
        self._comparison = comparison
        self._method = method
        self._everyone = everyone
        self._rivals = {name: rival for name, rival in everyone.items() if name != method.name}
        self._known: dict[tuple[str, float], float | None] = {}

    def _error(self, name: str, keep: float) -> float | None:
        if (name, keep) not in self._known:
            self._known[name, keep] = self._comparison.error(self._everyone[name], keep)
        return self._known[name, keep]

    def table(self) -> list[dict[str, Any]]:
        """At the shares that someone might ask for."""
        return [
            {"keep": str(p), "keep_fraction": float(p)} | {name: self._error(name, float(p)) for name in self._everyone}
            for p in shares(self._method, self._comparison.K)
        ]

    def curve(self) -> list[dict[str, Any]]:
        """On the grid, of the methods that can keep any share."""
        names = [name for name, method in self._everyone.items() if _any_share(method)]
        return [{"keep_fraction": float(p)} | {name: self._error(name, float(p)) for name in names} for p in GRID]

    def regions(self) -> list[Region]:
        """Against each rival, against the edge methods together, and against all."""
        K, method = self._comparison.K, self._method
        regions = [self._region(name, [name], _common(method, rival, K)) for name, rival in self._rivals.items()]
        if _any_share(method):
            edges = [name for name, rival in self._rivals.items() if _any_share(rival)]
            regions.append(self._region("all edge methods", edges, None))
        own = [p for p in shares(method, K) if p < 1 and _keeps(method, p, K)]
        return [*regions, self._region("all", list(self._rivals), own)]

    def _region(self, label: str, names: list[str], points: list[Fraction] | None) -> Region:
        """Where the lead over the named rivals is negative: at points, or on the grid if there are none given."""

        def lead(keep: float) -> float:
            return self._lead(names, keep)

        if points is not None:
            gaps = [lead(float(p)) for p in points]
            won = tuple(str(p) for p, gap in zip(points, gaps, strict=True) if gap < 0)
            return Region(label, points=won, compared=len(points), equal=bool(points) and not any(gaps))
        gaps = [lead(float(p)) for p in GRID]
        return Region(label, intervals=_negative(lead, gaps), equal=not any(gaps))

    def _lead(self, names: list[str], keep: float) -> float:
        """The method's error minus the lowest of the rivals', in units of 3 v*² E[g²]; 0 within rounding."""
        own = self._error(self._method.name, keep)
        errors = [e for e in (self._error(name, keep) for name in names) if e is not None]
        assert own is not None
        gap = (own - min(errors)) / self._comparison.unit
        return 0.0 if abs(gap) <= TIE else gap


def shares(method: Method, K: int) -> list[Fraction]:
    """Every share of a table: k/K for k = 1 … K, and those the method can keep."""
    own = () if isinstance(method, NodeMethod) or method.fractions is None else method.fractions
    return sorted({*(Fraction(k, K) for k in range(1, K + 1)), *(p for p in own if p > 0)})


def _any_share(method: Method) -> bool:
    return not isinstance(method, NodeMethod) and method.fractions is None


def _keeps(method: Method, share: Fraction, K: int) -> bool:
    if isinstance(method, NodeMethod):
        return (share * K).denominator == 1
    return method.fractions is None or share in method.fractions


def _common(method: Method, rival: Method, K: int) -> list[Fraction] | None:
    """The shares below 1 that both can keep, None for all of them."""
    if _any_share(method) and _any_share(rival):
        return None
    return [p for p in shares(method, K) if p < 1 and _keeps(method, p, K) and _keeps(rival, p, K)]


def _negative(difference: Callable[[float], float], gaps: list[float]) -> tuple[tuple[float, float], ...]:
    """The runs of negative values on the grid, their ends refined where the sign changes."""
    below = [gap < 0 for gap in gaps]
    starts = [i for i in range(len(GRID)) if below[i] and (i == 0 or not below[i - 1])]
    ends = [i for i in range(len(GRID)) if below[i] and (i == len(GRID) - 1 or not below[i + 1])]
    intervals = []
    for start, end in zip(starts, ends, strict=True):
        low = _boundary(difference, start - 1, start) if start > 0 else GRID[0]
        high = _boundary(difference, end, end + 1) if end < len(GRID) - 1 else GRID[-1]
        intervals.append((float(low), float(high)))
    return tuple(intervals)


def _boundary(difference: Callable[[float], float], i: int, k: int) -> float:
    """Where the difference vanishes between two points of the grid."""
    low, high = float(GRID[i]), float(GRID[k])
    return float(brentq(difference, low, high, xtol=BOUNDARY_ERROR))
