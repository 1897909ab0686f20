"""Edge methods stated by their formulas: `limit` in SymPy for one pair of nodes, and everything computed from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import sympy as sp
from sympy import Expr

from divprune_sym.ground.checks import BadInput
from divprune_sym.ground.randomness import Rng, generator
from divprune_sym.pruning.method import EdgePruning, Layer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from divprune_sym.notation import OrderParameters
    from divprune_sym.pruning.mask_classes import MaskClasses
    from divprune_sym.pruning.method import EdgeLimit


_P, _Q_II, _Q_KK = sp.symbols("p Q_ii Q_kk", positive=True)
_Q_IK, _R_IN = sp.symbols("Q_ik R_in", real=True)


@dataclass(frozen=True)
class Pair:
    """What `limit` is given: nodes i and k of the student, node n of the teacher, before pruning, as symbols.

    Parameters
    ----------
    p : Expr
        Keep fraction; a number where the method has `fractions`.
    Q_ii, Q_kk, Q_ik : Expr
        Overlaps of the two nodes.
    R_in : Expr
        Overlap of node i with the teacher's node n.
    """

    p: Expr = _P
    Q_ii: Expr = _Q_II
    Q_kk: Expr = _Q_KK
    Q_ik: Expr = _Q_IK
    R_in: Expr = _R_IN

    @property
    def correlation(self) -> Expr:
        """Q_ik/√(Q_ii Q_kk), in [−1, 1]."""
        return self.Q_ik / sp.sqrt(self.Q_ii * self.Q_kk)


@dataclass(frozen=True)
class Pruned:
    """What `limit` returns: the pair's overlaps after pruning. T does not change, the teacher is not pruned."""

    Q_ii: Expr
    Q_ik: Expr
    R_in: Expr


# of which symbols each overlap may be a formula
_ALLOWED = {"Q_ii": {"Q_ii"}, "Q_ik": {"Q_ii", "Q_kk", "Q_ik"}, "R_in": {"Q_ii", "R_in"}}

_ERROR = 1e-8

# what SymPy's printers and the functions they print raise where they cannot go on
_NOT_NUMERICAL = (KeyError, NameError, NotImplementedError, SyntaxError, TypeError, ValueError)


class NumericFunction(sp.Function):  # type: ignore[misc]
    """A function that SymPy has no name for: `numeric` computes it, `eval` may know closed forms."""

    @staticmethod
    def numeric(*arguments: Any) -> Any:
        """The value, elementwise on arrays."""
        raise NotImplementedError

    def _eval_evalf(self, prec: int) -> Expr | None:
        if not all(argument.is_number for argument in self.args):
            return None
        return sp.Float(float(self.numeric(*map(float, self.args))))


class EdgeVariant(ABC):
    """An edge method that a person states: `limit` in SymPy and, optionally, `draw`.

    Attributes
    ----------
    name : str
    fractions : tuple of Fraction, optional
        The shares of edges the method can keep, if not any; `limit` is then asked for each in turn.
    deterministic : bool
        Whether `draw` always gives the same mask on the same layer.
    """

    name: ClassVar[str]
    fractions: tuple[Fraction, ...] | None = None
    deterministic: ClassVar[bool] = False

    @abstractmethod
    def limit(self, pair: Pair) -> Pruned:
        """The pair's overlaps after pruning, as N → ∞."""

    def draw(self, layer: Layer, keep: float, rng: Rng, count: int = 1) -> NDArray[np.bool_]:
        """Masks (count, K, N): which incoming edges of every node are kept."""
        rng = generator(rng)
        msg = f"{self.name}: has no draw"
        raise BadInput(msg)

    def mask_classes(self, state: OrderParameters, keep: float, seed: int, points: int) -> MaskClasses | None:
        """The pruned state in its mask classes, at p ∈ (0, 1); None: to be found from masks that `draw` draws."""
        return None


class SymbolicEdgeMethod(EdgePruning):
    """The edge method that a variant's formulas define, usable wherever a built-in one is."""

    deterministic: bool  # type: ignore[misc]

    def __init__(self, variant: EdgeVariant) -> None:
        name = getattr(variant, "name", None)
        if not isinstance(name, str) or not name:
            msg = f"{type(variant).__name__}: expected a name, such as name = 'my-edge', got {name!r}"
            raise BadInput(msg)
        self.variant = variant
        self.name = name
        self.fractions = variant.fractions
        self.deterministic = variant.deterministic
        self._compiled: dict[Fraction | None, dict[str, Callable[..., Any]]] = {}

    def __eq__(self, other: object) -> bool:
        """By what the variant is made of; compiled formulas are not compared."""
        return type(other) is type(self) and _made_of(self.variant) == _made_of(other.variant)

    def __hash__(self) -> int:
        return hash(type(self.variant))

    def __getstate__(self) -> dict[str, Any]:
        # compiled functions stay in this process
        return vars(self) | {"_compiled": {}}

    @property
    def has_draw(self) -> bool:
        """Whether the variant brings masks along."""
        return type(self.variant).draw is not EdgeVariant.draw

    @property
    def pair(self) -> Pair:
        """The symbols that the formulas are written in."""
        return Pair()

    def formulas(self, keep: Fraction | None = None) -> Pruned:
        """The overlaps after pruning, in the symbols of `pair`; with `fractions`, for one of these.

        Raises
        ------
        BadInput
            `limit` returned something else than three formulas in the symbols it was given.
        """
        pair = self.pair if keep is None else self._pair_at(keep)
        returned = self.variant.limit(pair)
        if isinstance(returned, tuple) and len(returned) == len(fields(Pruned)):
            returned = Pruned(*returned)
        if not isinstance(returned, Pruned):
            msg = f"{self.name}: limit returned {type(returned).__name__}, expected Pruned(Q_ii, Q_ik, R_in)"
            raise BadInput(msg)
        return Pruned(**{name: self._formula(name, getattr(returned, name), pair) for name in _ALLOWED})

    def _pair_at(self, keep: Fraction) -> Pair:
        x = self.pair
        return Pair(sp.Rational(keep.numerator, keep.denominator), x.Q_ii, x.Q_kk, x.Q_ik, x.R_in)

    def _formula(self, name: str, value: Any, pair: Pair) -> Expr:
        try:
            formula = sp.sympify(value, strict=True)
        except sp.SympifyError:
            formula = None
        if not isinstance(formula, Expr) or formula.is_Matrix:
            shown = " ".join(repr(value).split())
            msg = f"{self.name}: limit gives {name} = {shown}, expected a SymPy formula"
            raise BadInput(msg)
        undefined = sorted({str(f.func) for f in formula.atoms(sp.core.function.AppliedUndef)})
        if undefined:
            msg = f"{self.name}: {name} = {formula}: the function {', '.join(undefined)} is not defined"
            raise BadInput(msg)
        given = {getattr(pair, letter) for letter in _ALLOWED[name]} | {pair.p}
        unbound = sorted(str(symbol) for symbol in formula.free_symbols - given)
        if unbound:
            letters = ", ".join(sorted(map(str, given)))
            msg = (
                f"{self.name}: {name} = {formula} has unbound symbols {', '.join(unbound)}; "
                f"expected the pair's own {letters}"
            )
            raise BadInput(msg)
        return formula

    def limit(self, state: OrderParameters, keep: float) -> EdgeLimit:
        """As for every edge method; a share that the method cannot keep is refused."""
        if self.fractions is not None:
            self._share(keep)
        return super().limit(state, keep)

    def _classes(self, state: OrderParameters, keep: float, seed: int, points: int) -> MaskClasses:
        if self.fractions is not None:
            self._share(keep)
        found = self.variant.mask_classes(state, keep, seed, points)
        return super()._classes(state, keep, seed, points) if found is None else found

    def _share(self, keep: float) -> Fraction:
        assert self.fractions is not None
        for share in self.fractions:
            if abs(keep - share) < 1e-12:
                return share
        msg = f"{self.name}: keep fraction {keep:.6g}: it can keep {', '.join(map(str, self.fractions))}"
        raise BadInput(msg)

    def pruned(self, covariance: NDArray[np.float64], K: int, keep: float) -> NDArray[np.float64]:
        """By the formulas, pair by pair; a node without weights stays without.

        Raises
        ------
        BadInput
            The formulas give no finite real numbers, or no covariance.
        """
        compiled = self._functions(keep)
        C = covariance.copy()
        Q, R = covariance[:K, :K], covariance[:K, K:]
        alive = np.flatnonzero(np.diag(Q) > 0)
        C[:K, :] = C[:, :K] = 0.0
        square = np.diag(Q)[alive]
        bound = np.sqrt(np.outer(square, square))
        overlap = np.clip(Q[np.ix_(alive, alive)], -bound, bound)
        first, second = square[:, None], square[None, :]
        pairs = self._values("Q_ik", compiled, keep, Q_ii=first, Q_kk=second, Q_ik=overlap)
        np.fill_diagonal(pairs, self._values("Q_ii", compiled, keep, Q_ii=square))
        C[np.ix_(alive, alive)] = 0.5 * (pairs + pairs.T)
        teacher = self._values("R_in", compiled, keep, Q_ii=first, R_in=R[alive])
        C[alive, K:] = teacher
        C[K:, alive] = teacher.T
        self._check(pairs, np.asarray(np.linalg.eigvalsh(C)), keep)
        return C

    def _check(self, pairs: NDArray[np.float64], eigenvalues: NDArray[np.float64], keep: float) -> None:
        """Refuse what no pruning can make of a covariance; formulas may err as much as our quadratures do."""
        gap = float(np.abs(pairs - pairs.T).max(initial=0.0))
        if gap > _ERROR * np.abs(pairs).max(initial=0.0):
            msg = f"{self.name}: Q_ik at p = {keep:.6g} changes by {gap:.3g} when i and k are exchanged"
            raise BadInput(msg)
        if eigenvalues[0] < -_ERROR * eigenvalues[-1]:
            msg = (
                f"{self.name}: [[Q', R'], [R'ᵀ, T]] at p = {keep:.6g} is no covariance, "
                f"it has an eigenvalue {eigenvalues[0]:.3g}"
            )
            raise BadInput(msg)

    def _values(
        self, name: str, compiled: dict[str, Callable[..., Any]], keep: float, **at: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        letters = {letter: at.get(letter, np.ones(1)) for letter in ("Q_ii", "Q_kk", "Q_ik", "R_in")}
        shape = np.broadcast_shapes(*(array.shape for array in at.values()))
        try:
            with np.errstate(all="ignore"):  # what is not finite is refused below
                values = np.asarray(compiled[name](keep, *letters.values()))
        except _NOT_NUMERICAL as error:
            msg = f"{self.name}: {name} has no numerical counterpart: {type(error).__name__}: {error}"
            raise BadInput(msg) from None
        if values.dtype.kind not in "buif" or not np.isfinite(values).all():
            msg = f"{self.name}: {name} is no finite real number at p = {keep:.6g}"
            raise BadInput(msg)
        return np.array(np.broadcast_to(values, shape), dtype=np.float64)

    def _functions(self, keep: float) -> dict[str, Callable[..., Any]]:
        """The formulas as functions of (p, Q_ii, Q_kk, Q_ik, R_in), made once."""
        share = None if self.fractions is None else self._share(keep)
        if share not in self._compiled:
            x = self.pair
            formulas = self.formulas(share)
            letters = (x.p, x.Q_ii, x.Q_kk, x.Q_ik, x.R_in)
            self._compiled[share] = {name: self._function(name, letters, getattr(formulas, name)) for name in _ALLOWED}
        return self._compiled[share]

    def _function(self, name: str, letters: tuple[Expr, ...], formula: Expr) -> Callable[..., Any]:
        try:
            return compiled(letters, formula)
        except _NOT_NUMERICAL:
            msg = f"{self.name}: {name} = {formula} has no numerical counterpart"
            raise BadInput(msg) from None

    def draw(self, layer: Layer, keep: float, rng: Rng, count: int = 1) -> NDArray[np.bool_]:
        """The variant's masks (count, K, N).

        Raises
        ------
        BadInput
            It has none, it cannot keep that share, or `draw` returned something else.
        """
        rng = generator(rng)
        if self.fractions is not None:
            self._share(keep)
        masks = self.variant.draw(layer, keep, rng, count)
        shape = (count, *layer.weights.shape)
        if not isinstance(masks, np.ndarray) or masks.dtype != np.bool_ or masks.shape != shape:
            what = f"{masks.dtype} of shape {masks.shape}" if isinstance(masks, np.ndarray) else type(masks).__name__
            msg = f"{self.name}: draw returned {what}, expected bool of shape {shape}"
            raise BadInput(msg)
        return masks


def compiled(letters: tuple[Expr, ...], formula: Expr) -> Callable[..., Any]:
    """A formula as a NumPy function, elementwise; what is a `NumericFunction` computes itself, an integral SciPy."""
    own = {type(f).__name__: f.numeric for f in formula.atoms(NumericFunction)}
    function: Callable[..., Any] = sp.lambdify(letters, formula, modules=[own, "scipy", "numpy"])
    return np.vectorize(function, otypes=[float]) if formula.has(sp.Integral) else function


def _made_of(variant: EdgeVariant) -> tuple[Any, ...]:
    return type(variant), vars(variant)
