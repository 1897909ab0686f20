"""A pruning method is one object with two faces: `limit`, what it does to order parameters as N → ∞, and
`draw`, the masks it draws on a real layer. The validator runs both faces of the same object.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import comb
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from divprune_sym.evaluation.ensemble import Ensemble
from divprune_sym.evaluation.error import moments_of, second_moments
from divprune_sym.ground.checks import BadInput, integer, number, real_array
from divprune_sym.ground.randomness import Rng
from divprune_sym.ground.values import ByValue, same
from divprune_sym.notation import checked_state
from divprune_sym.pruning.after.rescaling import Rescaled, Rescaling, rescaled
from divprune_sym.pruning.after.reweighting import reweighted_second_layer
from divprune_sym.pruning.after.subnetworks import subnetworks
from divprune_sym.pruning.mask_classes import (
    POINTS,
    MaskClasses,
    drawn_classes,
    refuse_classes,
    sampled_classes,
    shared_classes,
)
from divprune_sym.pruning.moments.quadrature import bivariate_moment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from divprune_sym.dpp import LEnsemble
    from divprune_sym.gaussian import Activation
    from divprune_sym.notation import OrderParameters

    # (kernels, k, rng, count) -> (kernels, count, k), such as `divprune_sym.cuda.sample_k`
    Sampler = Callable[[Sequence[LEnsemble], int, np.random.Generator, int], NDArray[np.int64]]
    Pairs = Callable[[NDArray[np.float64]], NDArray[np.float64]]
    Subsets = tuple[NDArray[np.int64], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Layer(ByValue):
    """What a method may look at when it draws masks: one hidden layer of K nodes with N inputs each.

    Parameters
    ----------
    weights : (K, N)
        Incoming weights.
    outgoing : (K, O)
        Outgoing weights.
    activation_kernel, preactivation_kernel : (K, K)
        Second moments of the nodes' outputs g(λ) and of λ over the inputs.
    input_moments : (N, N), optional
        Second moments of the inputs; None: white inputs (the identity).

    Raises
    ------
    BadInput
        Wrong shapes, no node or no input, or entries that are not finite.
    """

    weights: NDArray[np.float64]
    outgoing: NDArray[np.float64]
    activation_kernel: NDArray[np.float64]
    preactivation_kernel: NDArray[np.float64]
    input_moments: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        weights = _incoming(self.weights)
        K, N = weights.shape
        shapes = {"outgoing": (K, None), "activation_kernel": (K, K), "preactivation_kernel": (K, K)}
        if self.input_moments is not None:
            shapes["input_moments"] = (N, N)
        object.__setattr__(self, "weights", weights)
        for name, shape in shapes.items():
            object.__setattr__(self, name, real_array(name, getattr(self, name), shape))

    @classmethod
    def on_white_inputs(
        cls, weights: NDArray[np.float64], outgoing: NDArray[np.float64], activation: str | Activation = "erf"
    ) -> Layer:
        """A layer whose fields are Gaussian: both kernels follow from Q = wwᵀ/N.   outgoing: (K,) or (K, O)"""
        weights, outgoing = _incoming(weights), np.asarray(outgoing)
        Q = weights @ weights.T / weights.shape[1]
        columns = outgoing[:, None] if outgoing.ndim == 1 else outgoing
        return cls(weights, columns, second_moments(Q, activation), Q)


def _incoming(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    weights = real_array("weights", weights, (None, None))
    if 0 in weights.shape:
        msg = f"weights: shape {weights.shape}, expected at least one node and one input"
        raise BadInput(msg)
    return weights


# more states than these are sampled
MOST_STATES = 10_000

# The quadrature is good to 1e-9 at least; faster integrals take its place only where they are better.
PAIR_BOUND = 1e-12
QUADRATURE_ERROR = 1e-9


class PruningMethod(ABC):
    """Base of all methods; `name` is what users type."""

    name: str
    unit: ClassVar[Literal["node", "edge"]]
    deterministic: ClassVar[bool] = False

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and same(vars(self), vars(other))

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return f"<pruning method {self.name}>"

    @abstractmethod
    def draw(self, layer: Layer, keep: Any, rng: Rng, count: int = 1) -> NDArray[np.bool_]:
        """Masks (count, K) of nodes, of which `keep` are kept, or (count, K, N) of edges, of which the share `keep`."""

    def draw_share(
        self,
        layer: Layer,
        share: float,
        rng: Rng,
        count: int = 1,
        *,
        progress: Callable[[float], None] | None = None,
        checkpoint: Path | None = None,
    ) -> NDArray[np.bool_]:
        """Masks of a share of the layer's nodes, or of every node's incoming edges; what a network is pruned by.

        Parameters
        ----------
        layer, rng, count
        share : float
            0 to 1; counts are rounded, half up.
        progress : callable, optional
            Called in this thread with the fraction that is done, by methods whose draw takes long.
        checkpoint : Path, optional
            Where such a method keeps what it has drawn; the same call goes on from there.
        """
        keep = edges_kept(share, len(layer.weights)) if self.unit == "node" else share
        return self.draw(layer, keep, rng, count)


@dataclass(frozen=True, eq=False)
class NodeLaw(ByValue):
    """A law on the subsets of `keep` out of K nodes.

    `pairs` (K, K) is P(i and j kept), its diagonal P(i kept); `subsets` lists every subset with its
    probability, and refuses where there are too many.
    """

    keep: int
    pairs: NDArray[np.float64]
    subsets: Callable[[], Subsets]


@dataclass(frozen=True, eq=False)
class NodeLimit(ByValue):
    """What node pruning makes of a state: one state for each subset that may be kept.

    Parameters
    ----------
    unpruned : OrderParameters
        As it was before; its activations are those of the errors.
    law : NodeLaw
        Of the kept subset.
    method : NodeMethod
        Whose law it is, and which draws subsets where they are too many to list.
    """

    unpruned: OrderParameters
    law: NodeLaw
    method: NodeMethod

    def states(self, *, reweight: bool = False, seed: int = 0, samples: int = 1000) -> Ensemble:
        """The students of the kept nodes, as a `Problem` takes them, with their probabilities.

        A pruned node has w_i = 0 and v_i = 0 for good, and is left out: K is `keep` in each. Subsets that permutations
        of nodes carry into each other are one state.

        Parameters
        ----------
        reweight : bool
            Refit v on the kept nodes first, as `generalization_error` does.
        seed, samples : int
            Of more than 10 000 subsets so many are drawn, by the law, from a generator of that seed.

        Raises
        ------
        BadInput
            `keep` is 0: no student is left to train.
        """
        k, K = self.law.keep, self.unpruned.K
        if k == 0:
            msg = f"{self.method.name}: keep = 0 leaves no student to train on; its error is the teacher's own"
            raise BadInput(msg)
        if comb(K, k) <= MOST_STATES:
            subsets, probability = self.law.subsets()
            return subnetworks(self.unpruned, subsets, probability, self._second_layers(subsets, reweight))
        count = integer("samples", samples, 2)
        masks = self.method.draw(_layer_of(self.unpruned), k, np.random.default_rng(seed), count)
        subsets = np.nonzero(masks)[1].reshape(count, k)
        second_layers = self._second_layers(subsets, reweight)
        return subnetworks(self.unpruned, subsets, np.full(count, 1.0 / count), second_layers, count)

    def _second_layers(self, subsets: NDArray[np.int64], reweight: bool) -> NDArray[np.float64]:
        """v (n, k) of the kept nodes."""
        x = self.unpruned
        if not reweight:
            return x.v[subsets]
        return reweighted_second_layer(moments_of(x)[: x.K, : x.K], x.v, subsets)

    def generalization_error(self, *, reweight: bool = False) -> float:
        """ε_g averaged over the kept subset; `reweight` first refits v on the kept nodes.

        Without reweighting ε_g is quadratic in the kept indicators, so pair probabilities suffice.
        """
        if reweight:
            return self._reweighted()
        x = self.unpruned
        moments = moments_of(x)
        s = x.signed_weights
        kept = np.ones((x.K + x.M, x.K + x.M))
        kept[: x.K, : x.K] = self.law.pairs
        kept[: x.K, x.K :] = np.diag(self.law.pairs)[:, None]
        kept[x.K :, : x.K] = np.diag(self.law.pairs)
        return float(0.5 * s @ (moments * kept) @ s)

    def _reweighted(self) -> float:
        x = self.unpruned
        subsets, probability = self.law.subsets()
        moments, refitted = moments_of(x), self._second_layers(subsets, reweight=True)
        s = np.tile(x.signed_weights, (len(subsets), 1))
        s[:, : x.K] = 0.0
        np.put_along_axis(s, subsets, refitted, axis=1)
        return float(probability @ (0.5 * np.einsum("ta,ab,tb->t", s, moments, s)))


class NodeMethod(PruningMethod):
    """Keeps k of K nodes. A new method defines `law` and `draw`."""

    unit = "node"

    @abstractmethod
    def law(self, state: OrderParameters, keep: int) -> NodeLaw:
        """The law of the kept subset for given order parameters."""

    @abstractmethod
    def draw(self, layer: Layer, keep: int, rng: Rng, count: int = 1) -> NDArray[np.bool_]:
        """Masks (count, K): which nodes are kept."""

    def limit(self, state: OrderParameters, keep: int) -> NodeLimit:
        """What the method does to order parameters as N → ∞.

        Raises
        ------
        BadInput
            `keep` is no integer in [0, K], or the state is something else.
        """
        state = checked_state(state)
        return NodeLimit(state, self.law(state, integer("keep", keep, 0, state.K)), self)


def _layer_of(state: OrderParameters) -> Layer:
    """K inputs to K nodes with the state's Q: laws on nodes that look at overlaps and second layer are the state's."""
    values, vectors = np.linalg.eigh(state.covariance[: state.K, : state.K])
    weights = vectors * np.sqrt(np.clip(values, 0.0, None) * state.K)
    return Layer.on_white_inputs(weights, state.v, state.activation)


@dataclass(frozen=True, eq=False)
class EdgeLimit(ByValue):
    """What edge pruning makes of a state, whose ε_g may be lowered by one common factor.

    Parameters
    ----------
    unpruned : OrderParameters
        As it was before; second layers and activations stay.
    covariance : (K+M, K+M)
        [[Q', R'], [R'ᵀ, T]] of the fields after pruning.
    keep : float
        p.
    method : EdgePruning
        What pruned it.
    """

    unpruned: OrderParameters
    covariance: NDArray[np.float64]
    keep: float
    method: EdgePruning

    @cached_property
    def classes(self) -> MaskClasses:
        """The pruned state in its mask classes; `method.mask_classes` takes a seed and a number of points."""
        return self.method.mask_classes(self.unpruned, self.keep)

    @property
    def state(self) -> OrderParameters:
        """The pruned state, as a `Problem` takes it: in its mask classes, where these can be told."""
        return self.classes.state

    def states(self, *, rescale: Rescaling = "none", seed: int = 0) -> Ensemble:
        """That state alone, with probability 1: what a node limit gives, too.

        Parameters
        ----------
        rescale : {"none", "inverse-sqrt", "optimal"}
            Multiply the kept weights first, as `generalization_error` does.
        seed : int
            Of class moments that are sampled.

        Raises
        ------
        BadInput
            The classes cannot be told, or the best factor is infinite.
        """
        classes = self.classes if seed == 0 else self.method.mask_classes(self.unpruned, self.keep, seed=seed)
        factor = float(self._rescaled(rescale).factor[0])
        if not np.isfinite(factor):
            msg = f"{self.method.name}: the best factor on kept weights is infinite, which leaves no state to train on"
            raise BadInput(msg)
        x = classes.state
        scaled = x.with_(Q_classes=factor**2 * x.Q_classes, R_classes=factor * x.R_classes)
        return Ensemble((scaled,), np.ones(1), standard_error=max(factor, factor**2) * classes.standard_error)

    def generalization_error(self, *, rescale: Rescaling = "none") -> float:
        """ε_g; `rescale` multiplies all kept weights by 1/√p ("inverse-sqrt") or by the best factor ("optimal")."""
        return float(self._rescaled(rescale).error[0])

    def _rescaled(self, rescale: Rescaling) -> Rescaled:
        x = self.unpruned
        C, s = self.covariance[None], x.signed_weights[None]
        return rescaled(C, s, x.K, self.keep, rescale, x.activation, x.teacher_activation)


@dataclass(frozen=True, eq=False)
class KeepLaw(ByValue):
    """How an edge method keeps a weight of standardized value z = w/√Q_ii, as N → ∞, given the weights.

    Parameters
    ----------
    kept_square : float
        E[z² π(z)] for z ~ N(0, 1).
    kept : callable
        z π(z), elementwise.
    smoothed : callable
        (μ, sd) ↦ E[y π(y)] for y ~ N(μ, sd²), elementwise.
    breaks : tuple of float
        Positive z where π jumps or bends, for the quadrature.
    pairs : callable, optional
        Correlations (n,) ↦ (2, n), E[x π(x) y π(y)] and what it may be off, faster than the quadrature.
    """

    kept_square: float
    kept: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    smoothed: Callable[[NDArray[np.float64], float], NDArray[np.float64]]
    breaks: tuple[float, ...] = ()
    pairs: Pairs | None = None

    def product(self, correlation: float) -> float:
        """E[x π(x) y π(y)] for standard normal x, y with a given correlation, masks independent given x, y."""
        return bivariate_moment(self.kept, self.smoothed, self.breaks, correlation)

    def products(self, correlations: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """`product` of many correlations (n,), and what each may be off: by `pairs` where good to `PAIR_BOUND`."""
        values, bounds = self.pairs(correlations) if self.pairs else np.full((2, len(correlations)), np.nan)
        for j in np.flatnonzero(~(bounds <= PAIR_BOUND)):
            values[j], bounds[j] = self.product(float(correlations[j])), QUADRATURE_ERROR
        return values, bounds


class EdgePruning(PruningMethod):
    """Keeps a share p of the incoming edges of every node.

    A new method defines `pruned` and `draw`; `EdgeMethod` and `SymbolicEdgeMethod` are two ways to have `pruned`.
    `fractions` lists the shares it can keep, where these are not all of [0, 1].
    """

    unit = "edge"
    fractions: tuple[Fraction, ...] | None = None

    def can_keep(self, keep: float) -> bool:
        """Whether it can keep this share."""
        return self.fractions is None or any(abs(keep - float(p)) < 1e-9 for p in self.fractions)

    @abstractmethod
    def pruned(self, covariance: NDArray[np.float64], K: int, keep: float) -> NDArray[np.float64]:
        """[[Q', R'], [R'ᵀ, T]] (K+M, K+M) of [[Q, R], [Rᵀ, T]] at keep fraction p ∈ (0, 1)."""

    @abstractmethod
    def draw(self, layer: Layer, keep: float, rng: Rng, count: int = 1) -> NDArray[np.bool_]:
        """Masks (count, K, N): which incoming edges of every node are kept."""

    def limit(self, state: OrderParameters, keep: float) -> EdgeLimit:
        """What the method does to order parameters as N → ∞, in the Gaussian weight ensemble.

        Raises
        ------
        BadInput
            `keep` lies outside [0, 1], or the state has more than one mask class.
        """
        state = checked_state(state)
        p = number("keep fraction", keep, 0.0, 1.0)
        if len(state.fraction) != 1:
            msg = f"{self.name}: the state has {len(state.fraction)} mask classes, expected an unpruned one"
            raise BadInput(msg)
        C = state.covariance
        K = state.K
        if p == 0.0:
            C[:K, :] = C[:, :K] = 0.0
        elif p < 1.0:
            C = self.pruned(C, K, p)
        return EdgeLimit(state, C, p, self)

    def mask_classes(self, state: OrderParameters, keep: float, *, seed: int = 0, points: int = POINTS) -> MaskClasses:
        """The pruned state split into its mask classes, ready for training on under the mask.

        Parameters
        ----------
        state : OrderParameters
            Unpruned; at most 10 nodes.
        keep : float
            p in [0, 1].
        seed, points : int
            Where masks depend on the weights, class moments are means over eight scrambled Sobol' sets of so many
            points (a power of two), or over masks that `draw` draws if that is all that is known of a method.

        Raises
        ------
        BadInput
            K > 10 (more than 1024 classes), a state that is pruned already, `keep` outside [0, 1] or not one of the
            method's, or points that are no power of two.
        """
        p = number("keep fraction", keep, 0.0, 1.0)
        refuse_classes(checked_state(state))
        if p in (0.0, 1.0):
            return shared_classes(state, p)
        return self._classes(state, p, integer("seed", seed, 0), points)

    def _classes(self, state: OrderParameters, keep: float, seed: int, points: int) -> MaskClasses:
        """Of masks as they are drawn; methods that know more of theirs say it here."""

        def drawn(weights: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.bool_]:
            masks = self.draw(Layer.on_white_inputs(weights, state.v, state.activation), keep, rng)
            return np.asarray(masks[0])

        return drawn_classes(state, drawn, seed)


class EdgeMethod(EdgePruning):
    """Keeps round(pN) incoming edges of every node, masks independent between nodes given the weights.

    A new method defines `keep_law` and `draw`.
    """

    @abstractmethod
    def keep_law(self, keep: float) -> KeepLaw:
        """π(z) at keep fraction p ∈ (0, 1), through its moments."""

    def pruned(self, covariance: NDArray[np.float64], K: int, keep: float) -> NDArray[np.float64]:
        """By the moments of π."""
        return np.asarray(pruned_covariances(covariance[None], K, self.keep_law(keep))[0][0])

    def _classes(self, state: OrderParameters, keep: float, seed: int, points: int) -> MaskClasses:
        kept = self.keep_law(keep).kept

        def probabilities(z: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.divide(kept(z), z, out=np.zeros_like(z), where=z != 0)

        return sampled_classes(state, keep, probabilities, 1, seed, points)


def pruned_covariances(
    covariance: NDArray[np.float64], K: int, law: KeepLaw
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """[[Q', R'], [R'ᵀ, T]] (S, K+M, K+M) of S states, and a bound (S, K, K) of what Q' as computed is off.

    Q'_ii = Q_ii E[z²π], R' = R E[z²π] and Q'_ik = √(Q_ii Q_kk) E[xπ(x) yπ(y)].
    """
    C = covariance.copy()
    C[:, :K, K:] *= law.kept_square
    C[:, K:, :K] *= law.kept_square
    square = np.einsum("sii->si", C[:, :K, :K]).copy()
    i, k = np.triu_indices(K, 1)
    scale = np.sqrt(square[:, i]) * np.sqrt(square[:, k])
    correlations = np.clip(np.divide(C[:, i, k], scale, out=np.zeros_like(scale), where=scale > 0), -1.0, 1.0)
    products, bounds = (scale * x.reshape(scale.shape) for x in law.products(correlations.ravel()))
    C[:, i, k] = C[:, k, i] = products
    C[:, np.arange(K), np.arange(K)] = square * law.kept_square
    bound = np.zeros_like(C[:, :K, :K])
    bound[:, i, k] = bound[:, k, i] = bounds
    return C, bound


def edges_kept(keep: float, N: int) -> int:
    """round(pN), half up, for p in [0, 1]."""
    return int(np.floor(number("keep fraction", keep, 0.0, 1.0) * N + 0.5))


def sample_each(kernels: Sequence[LEnsemble], k: int, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    """`count` samples from the k-DPP of every kernel, (kernels, count, k), on the CPU."""
    return np.array([kernel.sample_k(k, rng, count) for kernel in kernels])


def as_masks(chosen: NDArray[np.int64], size: int) -> NDArray[np.bool_]:
    """Index sets (count, k) as boolean masks (count, size)."""
    masks = np.zeros((len(chosen), size), dtype=np.bool_)
    np.put_along_axis(masks, chosen, True, axis=1)
    return masks
