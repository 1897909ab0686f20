"""Do the two faces of a method agree? Masks that `draw` draws on Gaussian networks, against `limit`."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import t as student_t

from divprune_sym.evaluation import errors_of
from divprune_sym.ground.checks import BadInput, integer
from divprune_sym.ground.randomness import Rng, generator
from divprune_sym.pruning import EdgePruning, Layer, NodeMethod
from divprune_sym.pruning.method import edges_kept
from divprune_sym.pruning.user_method import as_loaded
from divprune_sym.reproduction.backend import pruned_covariances
from divprune_sym.reproduction.teacher_student import specialized_network, t_statistic
from divprune_sym.simulate import Network

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from divprune_sym.gaussian import Activation

    Observed = dict[str, tuple[float, float]]

FALSE_ALARM = 0.01


@dataclass(frozen=True)
class Face:
    """One quantity at one keep fraction: what `limit` says of a network, and what masks made of it.

    Attributes
    ----------
    state : {"copies", "correlated", "networks"}
    quantity : str
        An overlap after pruning, the share of edges kept, or the error.
    limit, drawn : float
        Averages over networks.
    difference, standard_error : float
        Of drawn − limit on the same networks.
    """

    state: str
    keep: float
    quantity: str
    limit: float
    drawn: float
    difference: float
    standard_error: float

    @property
    def t_statistic(self) -> float:
        """difference / standard_error."""
        return t_statistic(self.difference, self.standard_error)


@dataclass(frozen=True)
class Agreement:
    """All comparisons, and the |t| that chance exceeds in any of them with probability `false_alarm`."""

    faces: tuple[Face, ...]
    networks: int
    limit: float
    false_alarm: float

    @property
    def worst(self) -> Face:
        """The comparison of largest |t|."""
        return max(self.faces, key=lambda face: abs(face.t_statistic))

    @property
    def agrees(self) -> bool:
        """Whether every |t| stays below the limit."""
        return abs(self.worst.t_statistic) <= self.limit

    @property
    def resolution(self) -> float:
        """The largest difference, over all quantities, that would have gone unnoticed."""
        return self.limit * max(face.standard_error for face in self.faces)


@dataclass(frozen=True)
class Drawing:
    """How much is drawn: networks of N inputs, and masks on each."""

    N: int = 1200
    networks: int = 12
    masks: int = 8


def compare_faces(
    method: str | NodeMethod | EdgePruning,
    M: int,
    Z: int,
    drawing: Drawing,
    rng: Rng,
    *,
    activation: str | Activation = "erf",
) -> Agreement:
    """Paired comparison of `draw` and `limit`, network by network.

    Edges: overlaps after pruning, of exact copies and of correlated nodes, at up to three keep fractions. As N → ∞
    these decide everything else; a limit differs from its finite-N mean by O(1/N). Nodes: the error averaged
    over masks, for up to five numbers of kept nodes. Networks and errors are those of the activation's nodes.

    Raises
    ------
    BadInput
        Fewer than 3 networks, 2 inputs, 1 mask, or no keep fraction at which the method prunes some edges and not all.
    """
    method, rng = as_loaded(method), generator(rng)
    integer("inputs", drawing.N, 2)
    integer("networks", drawing.networks, 3)
    integer("masks", drawing.masks, 1)
    compare = _compare_nodes if isinstance(method, NodeMethod) else _compare_edges
    faces = tuple(compare(method, M, Z, drawing, rng, activation))  # type: ignore[arg-type]
    limit = float(student_t.ppf(1 - FALSE_ALARM / (2 * len(faces)), drawing.networks - 1))
    return Agreement(faces, drawing.networks, limit, FALSE_ALARM)


def _compare_edges(
    method: EdgePruning, M: int, Z: int, drawing: Drawing, rng: np.random.Generator, g: str | Activation
) -> list[Face]:
    # overlaps concern pairs of nodes: two copies of two teacher nodes show every kind of pair there is
    makers: dict[str, Callable[[], Network]] = {
        "copies": lambda: specialized_network(rng, drawing.N, min(M, 2), min(Z, 2), 1.0, g),
        "correlated": lambda: _correlated_network(rng, drawing.N, g),
    }
    faces = []
    for state, make in makers.items():
        networks = [make() for _ in range(drawing.networks)]
        for keep in _shares(method, drawing.N):
            observed = [_overlaps(method, network, keep, drawing.masks, rng) for network in networks]
            faces += _faces(state, keep, observed)
    return faces


def _shares(method: EdgePruning, N: int) -> list[float]:
    """Up to three keep fractions, spread out."""
    possible = method.fractions or (Fraction(1, 4), Fraction(1, 2), Fraction(3, 4))
    inner = [float(p) for p in possible if 0 < edges_kept(float(p), N) < N]
    if not inner:
        msg = f"{method.name}: no keep fraction to compare draw and limit at"
        raise BadInput(msg)
    return [inner[i] for i in sorted({0, len(inner) // 2, len(inner) - 1})]


def _correlated_network(rng: np.random.Generator, N: int, g: str | Activation) -> Network:
    """Two nodes of different length, correlated with each other (about 0.8) and with one teacher node."""
    B, shared, own = rng.standard_normal((1, N)), rng.standard_normal(N), rng.standard_normal((2, N))
    w = np.array([[0.9], [1.3]]) * (0.6 * B + 0.65 * shared + 0.45 * own)
    return Network(w=w, v=np.ones(2), B=B, A=np.ones(1), activation=g)


def _overlaps(
    method: EdgePruning, network: Network, keep: float, masks: int, rng: np.random.Generator
) -> dict[str, tuple[float, float]]:
    """(limit, drawn) of every kind of overlap after pruning."""
    layer = Layer.on_white_inputs(network.w, network.v, network.activation)
    drawn_masks = method.draw(layer, keep, rng, 1 if method.deterministic else masks)
    drawn = pruned_covariances(network, drawn_masks).mean(axis=0)
    # a finite network keeps round(pN) edges: the theory is asked for that fraction
    share = keep if method.fractions else edges_kept(keep, network.N) / network.N
    limit = method.limit(network.order_parameters(), share).covariance
    observed = {
        name: (float(limit[where].mean()), float(drawn[where].mean())) for name, where in _kinds(network).items()
    }
    return observed | {"share kept": (share, float(drawn_masks.mean()))}


def _kinds(network: Network) -> dict[str, NDArray[np.bool_]]:
    """Which entries of [[Q, R], [Rᵀ, T]] belong to which kind of pair, (K+M, K+M) each."""
    K, M = network.K, network.M
    student = np.arange(K + M) < K
    copied = np.concatenate([np.arange(K) // (K // M), np.arange(M)])
    both, same, diagonal = np.outer(student, student), copied[:, None] == copied, np.eye(K + M, dtype=bool)
    mixed = np.outer(student, ~student)
    kinds = {
        "Q of a node": both & diagonal,
        "Q within a group": both & same & ~diagonal,
        "Q between groups": both & ~same,
        "R within a group": mixed & same,
        "R between groups": mixed & ~same,
    }
    return {name: where for name, where in kinds.items() if where.any()}


def _compare_nodes(
    method: NodeMethod, M: int, Z: int, drawing: Drawing, rng: np.random.Generator, g: str | Activation
) -> list[Face]:
    Z = max(Z, 2)  # of one node there is nothing to choose
    networks = [_near_copies(rng, drawing.N, M, Z, g) for _ in range(drawing.networks)]
    faces = []
    for keep in sorted({int(k) for k in np.linspace(1, M * Z - 1, 5)}):
        observed = [{"error": _node_errors(method, network, keep, drawing.masks, rng)} for network in networks]
        faces += _faces("networks", keep / (M * Z), observed)
    return faces


def _near_copies(rng: np.random.Generator, N: int, M: int, Z: int, g: str | Activation) -> Network:
    """Copies with some noise and unequal outgoing weights, so that laws on subsets are not symmetric."""
    B = rng.standard_normal((M, N))
    w = np.repeat(B, Z, axis=0) + 0.5 * rng.standard_normal((M * Z, N))
    return Network(w=w, v=rng.uniform(0.5, 1.5, M * Z) / Z, B=B, A=np.ones(M), activation=g)


def _node_errors(
    method: NodeMethod, network: Network, keep: int, masks: int, rng: np.random.Generator
) -> tuple[float, float]:
    state = network.order_parameters()
    kept = method.draw(Layer.on_white_inputs(network.w, network.v, network.activation), keep, rng, masks)
    if not isinstance(kept, np.ndarray) or kept.dtype != np.bool_ or kept.shape != (masks, network.K):
        msg = f"{method.name}: draw returned no bool array of shape {(masks, network.K)}"
        raise BadInput(msg)
    if (kept.sum(axis=1) != keep).any():
        msg = f"{method.name}: draw kept {int(kept.sum(axis=1)[0])} nodes, expected {keep}"
        raise BadInput(msg)
    drawn = errors_of([state.with_(v=state.v * mask) for mask in kept])
    return method.limit(state, keep).generalization_error(), float(drawn.mean())


def _faces(state: str, keep: float, observed: Sequence[Observed]) -> list[Face]:
    faces = []
    for quantity in observed[0]:
        limit, drawn = np.array([x[quantity] for x in observed]).T
        gap = drawn - limit
        error = float(gap.std(ddof=1) / np.sqrt(len(gap)))
        faces.append(Face(state, keep, quantity, float(limit.mean()), float(drawn.mean()), float(gap.mean()), error))
    return faces
