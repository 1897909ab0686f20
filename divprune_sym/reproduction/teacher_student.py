"""Theory against measurement for trained students: both faces of every pruning method on the same networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.evaluation import errors_of, moments_of
from divprune_sym.ground.checks import BadInput, integer
from divprune_sym.notation import OrderParameters
from divprune_sym.pruning import (
    RESCALINGS,
    EdgePruning,
    Layer,
    NodeMethod,
    rescaled,
    reweighted_second_layer,
)
from divprune_sym.pruning.method import edges_kept
from divprune_sym.reproduction.backend import CPU, Backend
from divprune_sym.simulate import Network, Training, random_network
from divprune_sym.solvers import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from divprune_sym.gaussian import Activation
    from divprune_sym.pruning.registry import Method

    Progress = Callable[[float], None]


@dataclass(frozen=True)
class Setting:
    """A teacher–student experiment.

    Parameters
    ----------
    M, K, N : int
        Teacher nodes, student nodes, inputs.
    teacher_v : float
        v*, the second layer of the teacher.
    sigma : float
        Label noise.
    alphas : tuple of float
        Times at which ε_g is measured.
    networks, masks : int
        Independently trained networks, and masks drawn on each.
    eta : float
        Learning rate of both layers.
    """

    M: int
    K: int
    N: int
    teacher_v: float
    sigma: float
    alphas: tuple[float, ...]
    networks: int
    masks: int
    eta: float = 0.5

    @property
    def training(self) -> Training:
        """Both layers learn at the same rate."""
        return Training(eta=self.eta, eta_v=self.eta, sigma=self.sigma)


@dataclass(frozen=True)
class Trained:
    """Networks after online SGD, and the theory of each from its own initial order parameters.

    Attributes
    ----------
    simulated, theory : (R, S)
        ε_g of every network at every time, from its measured and from the integrated order parameters.
    networks : tuple of R Network
    integrated : tuple of R OrderParameters
        The theory's states at the last time.
    """

    setting: Setting
    simulated: NDArray[np.float64]
    theory: NDArray[np.float64]
    networks: tuple[Network, ...]
    integrated: tuple[OrderParameters, ...]


def train_networks(
    setting: Setting, rng: np.random.Generator, progress: Progress | None = None, backend: Backend = CPU
) -> Trained:
    """Train the setting's networks online and integrate the theory from each one's initial state."""
    fresh = [
        random_network(child, setting.N, setting.K, setting.M, teacher_v=setting.teacher_v)
        for child in rng.spawn(setting.networks)
    ]
    runs = backend.train_replicas(fresh, setting.training, setting.alphas, rng, progress=progress)
    simulated = np.array([errors_of(run.states) for run in runs])
    solutions = backend.integrate([problem(network.order_parameters(), setting) for network in fresh], setting.alphas)
    return Trained(
        setting,
        simulated,
        np.array([solution.generalization_error for solution in solutions]),
        tuple(run.network for run in runs),
        tuple(solution.state() for solution in solutions),
    )


def problem(state: OrderParameters, setting: Setting) -> Problem:
    """The setting's equations of motion from a given state."""
    t = setting.training
    return Problem(state, eta=t.eta, eta_v=t.eta_v, sigma=t.sigma, weight_decay=t.weight_decay)


def specialized_network(
    rng: np.random.Generator, N: int, M: int, Z: int, teacher_v: float, activation: str | Activation = "erf"
) -> Network:
    """A finite student that copies a Gaussian teacher exactly, every node Z times."""
    B = rng.standard_normal((M, N))
    second = np.full(M * Z, teacher_v / Z), np.full(M, teacher_v)
    return Network(w=np.repeat(B, Z, axis=0), v=second[0], B=B, A=second[1], activation=activation)


@dataclass(frozen=True)
class Comparison:
    """One method at one keep fraction: theory and measurement, averaged over networks.

    Attributes
    ----------
    theory : float
        `limit` on each network's measured order parameters.
    reference : float
        `limit` on the integrated (or idealized) order parameters.
    measured, error_bar : float
        ε_g over the masks of `draw`, and its standard error: the spread between networks, which masks do not
        average away, and the masks' own.
    gaps : tuple of R floats
        measured − theory of every network.
    """

    method: str
    variant: str
    keep: float
    theory: float
    reference: float
    measured: float
    error_bar: float
    gaps: tuple[float, ...]

    @property
    def difference(self) -> float:
        """measured − theory, averaged over networks."""
        return float(np.mean(self.gaps))

    @property
    def difference_error(self) -> float:
        """Standard error of the difference."""
        return float(np.std(self.gaps, ddof=1) / np.sqrt(len(self.gaps)))

    @property
    def t_statistic(self) -> float:
        """difference / difference_error."""
        return t_statistic(self.difference, self.difference_error)


def t_statistic(difference: float, standard_error: float) -> float:
    """difference / standard_error; 0 where the difference vanishes to rounding."""
    if abs(difference) <= 1e-10:
        return 0.0
    return difference / standard_error if standard_error > 0 else np.inf


def compare_pruning(
    networks: Sequence[Network],
    references: Sequence[OrderParameters],
    keeps: Sequence[int],
    masks: int,
    rng: np.random.Generator,
    progress: Progress | None = None,
    backend: Backend = CPU,
) -> list[Comparison]:
    """Every method at k of K kept nodes, edges at equal parameter count p = k/K, in every variant.

    Parameters
    ----------
    networks : R networks
    references : one or R order parameters
        States whose limits are shown beside.
    keeps : numbers k of kept nodes
    masks : int
        Drawn per network where the method is random.

    Raises
    ------
    BadInput
        Fewer than two networks (their spread is the error bar), no reference, or no mask.
    """
    if len(networks) < 2 or not references:
        msg = f"got {len(networks)} networks and {len(references)} references; expected at least 2 and 1"
        raise BadInput(msg)
    masks = integer("masks", masks, 1)
    rows = []
    K = networks[0].K
    cases = [(method, keep) for method in backend.methods.values() for keep in keeps if _can_keep(method, keep / K)]
    for done, (method, keep) in enumerate(cases):
        fraction = keep / K
        theory = [_limits(method, x.order_parameters(), keep, x.N) for x in networks]
        beside = [_limits(method, state, keep, networks[0].N) for state in references]
        measured = [_measurements(method, x, keep, masks, rng, backend) for x in networks]
        rows += [
            _comparison(
                (method.name, variant, fraction),
                np.array([t[variant] for t in theory]),
                np.array([t[variant] for t in beside]),
                [m[variant] for m in measured],
            )
            for variant in theory[0]
        ]
        if progress is not None:
            progress((done + 1) / len(cases))
    return rows


def _comparison(
    what: tuple[str, str, float],
    theory: NDArray[np.float64],
    beside: NDArray[np.float64],
    measured: Sequence[NDArray[np.float64]],
) -> Comparison:
    means = np.array([m.mean() for m in measured])
    return Comparison(
        *what,
        float(theory.mean()),
        float(beside.mean()),
        float(means.mean()),
        float(means.std(ddof=1) / np.sqrt(len(means))),
        tuple((means - theory).tolist()),
    )


def _limits(method: Method, state: OrderParameters, keep: int, N: int) -> dict[str, float]:
    """ε_g of the `limit` face, by variant."""
    if isinstance(method, NodeMethod):
        nodes = method.limit(state, keep)
        return {
            "plain": nodes.generalization_error(),
            "reweighted": nodes.generalization_error(reweight=True),
        }
    edges = method.limit(state, _share(method, keep / state.K, N))
    return {_variant(rescale): edges.generalization_error(rescale=rescale) for rescale in RESCALINGS}


def _share(method: EdgePruning, keep: float, N: int) -> float:
    """A finite network keeps round(pN) edges: the theory is asked for that fraction; groups keep theirs exactly."""
    return edges_kept(keep, N) / N if method.fractions is None else keep


def _can_keep(method: Method, keep: float) -> bool:
    return isinstance(method, NodeMethod) or method.can_keep(keep)


def _variant(rescale: str) -> str:
    return "plain" if rescale == "none" else rescale


def _measurements(
    method: Method,
    network: Network,
    keep: int,
    masks: int,
    rng: np.random.Generator,
    backend: Backend,
) -> dict[str, NDArray[np.float64]]:
    """ε_g over masks of the `draw` face, by variant, each (masks,)."""
    layer = Layer.on_white_inputs(network.w, network.v, network.activation)
    count = 1 if method.deterministic else masks
    if isinstance(method, NodeMethod):
        return _measured_nodes(network, method.draw(layer, keep, rng, count), keep, backend)
    fraction = keep / network.K
    C = backend.covariances(network, method.draw(layer, fraction, rng, count))
    s = np.tile(network.order_parameters().signed_weights, (count, 1))
    p = _share(method, fraction, network.N)
    return {
        _variant(rescale): rescaled(C, s, network.K, p, rescale, errors=backend.errors).error for rescale in RESCALINGS
    }


def _measured_nodes(
    network: Network, kept: NDArray[np.bool_], keep: int, backend: Backend
) -> dict[str, NDArray[np.float64]]:
    state = network.order_parameters()
    C = np.broadcast_to(state.covariance, (len(kept), *state.covariance.shape))
    subsets = np.nonzero(kept)[1].reshape(len(kept), keep)
    moments = moments_of(state)[: network.K, : network.K]
    weights = {"plain": state.v[subsets], "reweighted": reweighted_second_layer(moments, state.v, subsets)}
    errors = {}
    for variant, v in weights.items():
        s = np.tile(state.signed_weights, (len(kept), 1))
        s[:, : network.K] = 0.0
        np.put_along_axis(s, subsets, v, axis=1)
        errors[variant] = backend.errors(C, s)
    return errors
