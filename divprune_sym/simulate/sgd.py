"""Online SGD of a finite student, measured along the way: one run, or many on several threads."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.ground.checks import (
    BadInput,
    increasing_times,
    instance,
    instances,
    integer,
    number,
    refuse_rate_of_frozen,
)
from divprune_sym.ground.randomness import Rng, generator
from divprune_sym.ground.values import ByValue
from divprune_sym.ground.work import each_done
from divprune_sym.simulate.modules import sgd_module
from divprune_sym.simulate.network import Classes, Network

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from divprune_sym.notation import OrderParameters

BLOCK = 2**15  # inputs drawn at a time, in doubles: they stay in the L2 cache, and Ctrl-C is heard in milliseconds


class Diverged(RuntimeError):
    """The weights grew beyond the floating-point numbers; the message names α and the rates."""


@dataclass(frozen=True)
class Training:
    """What online SGD needs to know (equations: `divprune_sym.simulate.train`).

    The limit of a small learning rate (`Problem(small_eta=True)`) has no counterpart at finite N: there is no update
    without its terms in η². A small η comes near it.

    Parameters
    ----------
    eta : float
        Learning rate η ≥ 0 of the first layer.
    eta_v : float
        Learning rate η_v ≥ 0 of the second layer; 0 freezes it (but for weight decay).
    sigma : float
        Standard deviation σ ≥ 0 of the label noise.
    weight_decay : float
        κ ≥ 0, felt by every weight of the student: both layers, masked or not.
    second_layer : bool
        False freezes the second layer: it does not decay either.

    Raises
    ------
    BadInput
        A rate that is negative, not finite or not a number.
    """

    eta: float
    eta_v: float = 0.0
    sigma: float = 0.0
    weight_decay: float = 0.0
    second_layer: bool = True

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.name != "second_layer":
                object.__setattr__(self, field.name, number(field.name, getattr(self, field.name), low=0.0))
        if not isinstance(self.second_layer, bool):
            msg = f"second_layer = {self.second_layer!r}: expected True or False"
            raise BadInput(msg)
        refuse_rate_of_frozen(self.second_layer, self.eta_v)


@dataclass(frozen=True, eq=False)
class Trajectory(ByValue):
    """A run of online SGD.

    Parameters
    ----------
    alpha : (S,)
        The times asked for, in steps per input.
    states : tuple of S OrderParameters
        Measured after round(α N) steps, so within 1/(2N) of each time.
    network : Network
        As it stands at the last of them.
    """

    alpha: NDArray[np.float64]
    states: tuple[OrderParameters, ...]
    network: Network


def train(
    network: Network,
    training: Training,
    alphas: ArrayLike,
    rng: Rng,
    *,
    on_step: Callable[[int], None] | None = None,
) -> Trajectory:
    """Train the student by online SGD, one fresh input a step, and measure its order parameters at `alphas`.

    With fields λ = w x/√N and ρ = B x/√N, x_j ~ N(0, ω_j), and Δ = Σ v g(λ) − Σ A h(ρ) − σζ, ζ ~ N(0, 1),

        w_i ← (1 − κ/N) w_i − (η/√N) v_i g'(λ_i) Δ (m_i ∘ x),      v_i ← (1 − κ/N) v_i − (η_v/N) g(λ_i) Δ,

    every right-hand side taken before the step (Saad & Solla, PRE 52, 4225 (1995); Goldt et al., 2019).

    Parameters
    ----------
    network : Network
        Left as it is; the trained one is in the result.
    training : Training
    alphas : (S,)
        Times in steps per input, ≥ 0 and increasing; 0 measures the initial state.
    rng : numpy.random.Generator or int
        A seed stands for a new generator.
        Inputs and noise come from two streams spawned from it.  They depend neither on `alphas` nor on σ, so
        runs from equal generators see equal data; a second run from the same generator sees new data.
    on_step : callable, optional
        Called with the number of steps taken so far, every few milliseconds; raise in it to stop the run.

    Returns
    -------
    Trajectory

    Raises
    ------
    BadInput
        Times that are negative, not increasing or none, or an `rng` that cannot spawn.
    Diverged
        A weight is no longer finite, or its square is not.

    Notes
    -----
    Equal seeds give equal bits on one machine; on another the dot products may be summed in another order.
    """
    instance("network", network, Network, "simulate trains networks of weights, integrate states")
    instance("training", training, Training)
    rng = generator(rng)
    alpha, targets = _times(alphas, network.N)
    data = _Data(network, *_spawn(rng, 2))
    classes = Classes.of(network)
    w, v = network.w.copy(), network.v.copy()
    states = []
    sgd_steps = sgd_module(network.activation, network.teacher_activation).sgd_steps
    done = 0
    for target in targets:
        while done < target:
            X, zeta = data.draw(target - done)
            taken = sgd_steps(
                w, v, network.B, network.A, network.mask, X, zeta,
                training.eta, training.eta_v, training.sigma, training.weight_decay,
                training.weight_decay if training.second_layer else 0.0,
            )  # fmt: skip
            done += taken
            if taken < len(X):
                raise _diverged(done / network.N, training)
            if on_step is not None:
                on_step(done)
        if not (_square_is_finite(w) and _square_is_finite(v)):
            raise _diverged(done / network.N, training)
        states.append(classes.measure(w, v))
    return Trajectory(alpha, tuple(states), replace(network, w=w, v=v))


def train_replicas(
    networks: Sequence[Network],
    training: Training,
    alphas: ArrayLike,
    rng: Rng,
    *,
    workers: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> list[Trajectory]:
    """Train every network by `train`, several at a time, each on data of its own.

    Parameters
    ----------
    networks : sequence of Network
        The same network n times over for n runs from one initial state.
    training, alphas
        As in `train`, common to all.
    rng : numpy.random.Generator or int
        A seed stands for a new generator.
        One generator is spawned for each network, so the results do not depend on `workers`.
    workers : int, optional
        Threads; one per core that may be used if not given.
    progress : callable, optional
        Called in the calling thread, about ten times a second and at the end, with the fraction of all steps
        that has been taken, 0 to 1.

    Returns
    -------
    list of Trajectory
        In the order of `networks`.

    Raises
    ------
    BadInput
        No networks, fewer than one worker, or what `train` refuses.
    Diverged
        One of them diverged.

    Whatever is raised, KeyboardInterrupt or an exception of `progress` included, the other runs stop within
    milliseconds.
    """
    rng = generator(rng)
    networks = instances("networks", networks, Network)
    workers = None if workers is None else integer("workers", workers, 1)
    total = max(1, sum(_times(alphas, network.N)[1][-1] for network in networks))
    done = [0] * len(networks)
    children = _spawn(rng, len(networks))

    def run(r: int) -> Trajectory:
        def on_step(steps: int) -> None:
            done[r] = steps

        return train(networks[r], training, alphas, children[r], on_step=on_step)

    def report() -> None:
        if progress is not None:
            progress(sum(done) / total)

    trained = dict(each_done(run, range(len(networks)), workers, report))
    if progress is not None:
        progress(1.0)
    return [trained[r] for r in range(len(networks))]


class _Data:
    """Inputs X (S, N) and noise ζ (S,) of one run, block after block, each overwriting the one before."""

    def __init__(self, network: Network, inputs: np.random.Generator, noise: np.random.Generator) -> None:
        rows = max(1, BLOCK // network.N)
        self._X = np.empty((rows, network.N))
        self._inputs, self._noise = inputs, noise
        self._scale = None if (network.variance == 1).all() else np.sqrt(network.variance)

    def draw(self, steps: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The next `steps` inputs, or as many as a block holds, and their label noise."""
        X = self._X[:steps]
        self._inputs.standard_normal(out=X)
        if self._scale is not None:
            X *= self._scale
        return X, self._noise.standard_normal(len(X))


def _times(alphas: ArrayLike, N: int) -> tuple[NDArray[np.float64], list[int]]:
    """The times (S,), checked, and the step at which each is measured."""
    alpha = increasing_times("alphas", alphas)
    alpha.setflags(write=False)
    return alpha, [round(a * N) for a in alpha.tolist()]


def _spawn(rng: np.random.Generator, n: int) -> list[np.random.Generator]:
    try:
        return generator(rng).spawn(n)
    except TypeError:
        msg = "rng: its bit generator has no seed sequence to spawn from; numpy.random.default_rng(seed) has"
        raise BadInput(msg) from None


def _square_is_finite(weights: NDArray[np.float64]) -> bool:
    """Whether the overlaps of these weights can be measured."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(np.vdot(weights, weights)))


def _diverged(alpha: float, training: Training) -> Diverged:
    return Diverged(
        f"the weights are no longer finite at α = {alpha:.6g} with η = {training.eta:g}, "
        f"η_v = {training.eta_v:g}, κ = {training.weight_decay:g}: take smaller rates"
    )
