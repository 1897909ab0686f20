"""Equations of motion against the SGD update that they average."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import erf
from scipy.stats import norm

from divprune_sym.ground.checks import BadInput, integer, number
from divprune_sym.testing.names import name_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from divprune_sym.solvers import Problem

    Rates = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]

_BLOCK = 20_000


def compiled_rates(problem: Problem) -> Rates:
    """dQ^c/dα (C, K, K), dR^c/dα (C, K, M), dv/dα (K,) of a problem's state, by the library's compiled equations."""
    from divprune_sym.solvers.adaptive import prepared
    from divprune_sym.solvers.problem import second_layer_moves

    module, y, p = prepared(problem)
    dydt = np.empty_like(y)
    module.rhs(y, dydt, p)
    classes, K, M = problem.state.R_classes.shape
    q, r = classes * K * K, classes * K * (K + M)
    dv = dydt[r:] if second_layer_moves(problem) else np.zeros(K)
    return dydt[:q].reshape(classes, K, K), dydt[q:r].reshape(classes, K, M), dv


def assert_rates_match_updates(
    rates: Callable[[Problem], Rates],
    problem: Problem,
    *,
    samples: int = 400_000,
    seed: int = 0,
    false_alarm: float = 1e-6,
) -> None:
    """Assert that equations of motion are the average change of order parameters in one step of online SGD.

    Fields are drawn from the Gaussian of the problem's state, class by class, and the update is applied to them as
    N → ∞: with Δ = Σ_a s_a g(u_a) − σζ, node i moves along −(η/√N) v_i g'(λ_i) Δ (m_i ∘ x), so R^c_in changes by
    −η v_i m_i g'(λ_i) Δ ρ^c_n / N, and so on. No integral and no equation of motion enters. Every component is judged
    by its z statistic, Bonferroni over components.

    Parameters
    ----------
    rates : callable
        Maps a Problem to dQ^c/dα (C, K, K), dR^c/dα (C, K, M), dv/dα (K,); `compiled_rates` is the library's.
    problem : Problem
        State, learning rates, noise and weight decay; erf nodes.
    samples : int
        Inputs drawn, in blocks of 20 000.
    seed : int
        Of the inputs.
    false_alarm : float
        Probability, over seeds, that right equations fail.

    Raises
    ------
    AssertionError
        A component is off beyond chance; the message names it and ends with a line that repeats the test.
    BadInput
        The rates have other shapes than the state.
    """
    blocks = max(integer("samples", samples, 2 * _BLOCK) // _BLOCK, 2)
    false_alarm = number("false_alarm", false_alarm, 0.0, 1.0)
    x = problem.state
    names, shapes = ("dQ", "dR", "dv"), (x.Q_classes.shape, x.R_classes.shape, x.v.shape)
    claimed = rates(problem)
    for name, array, shape in zip(names, claimed, shapes, strict=True):
        if np.shape(array) != shape:
            msg = f"rates: {name} has shape {np.shape(array)}, expected {shape}"
            raise BadInput(msg)
    rng = np.random.default_rng(integer("seed", seed, 0))
    mean, error = _average_update(problem, blocks, rng)
    gap = np.abs(np.concatenate([np.ravel(part) for part in claimed]) - mean)
    rounding = 1e-12 * (1 + np.abs(mean))  # of the sums; and all there is where a component does not move
    limit = norm.isf(false_alarm / (2 * gap.size))
    excess = gap / (limit * error + rounding)
    worst = int(excess.argmax())
    if not excess[worst] <= 1:
        name, index = _component(names, shapes, worst)
        value = np.concatenate([np.ravel(part) for part in claimed])[worst]
        msg = (
            f"{name}{list(index)}/dα is {value:.8g}, updates average to {mean[worst]:.8g} ± {error[worst]:.2g}\n"
            f"reproduce: assert_rates_match_updates({name_of(rates, 'rates')}, problem, "
            f"{samples=}, {seed=})  # problem = {_written(problem)}"
        )
        raise AssertionError(msg)


def _written(problem: Problem) -> str:
    """A problem as a line of Python."""
    x = problem.state
    arrays = ", ".join(f"{name}=np.array({getattr(x, name).tolist()})" for name in _ARRAYS)
    rest = f"{problem.eta!r}, {problem.eta_v!r}, {problem.sigma!r}, {problem.weight_decay!r}"
    return f"Problem(OrderParameters({arrays}), {rest})"


_ARRAYS = ("Q_classes", "R_classes", "T_classes", "v", "A", "mask", "fraction", "variance")


def _component(names: tuple[str, ...], shapes: tuple[tuple[int, ...], ...], flat: int) -> tuple[str, tuple[int, ...]]:
    for name, shape in zip(names, shapes, strict=True):
        if flat < np.prod(shape):
            return name, tuple(int(i) for i in np.unravel_index(flat, shape))
        flat -= int(np.prod(shape))
    raise AssertionError


def _average_update(
    problem: Problem, blocks: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean change of (Q, R, v) per dα over inputs, flat, and its standard error."""
    total: NDArray[np.float64] | float = 0.0
    squares: NDArray[np.float64] | float = 0.0
    for _ in range(blocks):
        change = _updates(problem, rng)
        total = total + change.sum(axis=0)
        squares = squares + (change**2).sum(axis=0)
    n = blocks * _BLOCK
    mean = np.asarray(total) / n
    variance = np.maximum(np.asarray(squares) / n - mean**2, 0.0)
    return mean, np.sqrt(variance / n)


def _updates(problem: Problem, rng: np.random.Generator) -> NDArray[np.float64]:
    """The change of (Q, R, v) in one step, times N, for each of a block of inputs: (inputs, components)."""
    x, K = problem.state, problem.state.K
    part = np.stack([_gaussian(w * X, rng) for w, X in zip(x.variance, x.overlaps, strict=True)], axis=1)  # (B, C, F)
    u = part.sum(axis=1)
    g, slope = erf(u / np.sqrt(2)), np.sqrt(2 / np.pi) * np.exp(-(u[:, :K] ** 2) / 2)
    delta = g @ x.signed_weights - problem.sigma * rng.standard_normal(_BLOCK)
    push = -problem.eta * x.v * slope * delta[:, None]  # √N × the step of w_i along x
    step = push[:, None, :] * x.mask  # (B, C, K), class by class
    kappa = problem.weight_decay
    lam, rho = part[..., :K], part[..., K:]
    cross = step[..., :, None] * lam[..., None, :]
    length = (x.fraction * x.variance)[:, None, None]
    dQ = cross + np.swapaxes(cross, 2, 3) + length * step[..., :, None] * step[..., None, :] - 2 * kappa * x.Q_classes
    dR = step[..., :, None] * rho[..., None, :] - kappa * x.R_classes
    dv = -problem.eta_v * g[:, :K] * delta[:, None] - kappa * x.v
    return np.concatenate([dQ.reshape(_BLOCK, -1), dR.reshape(_BLOCK, -1), dv], axis=1)


def _gaussian(C: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """(inputs, F) from N(0, C), C perhaps singular."""
    eigenvalues, vectors = np.linalg.eigh(C)
    return np.asarray(rng.standard_normal((_BLOCK, len(C))) @ (vectors * np.sqrt(np.maximum(eigenvalues, 0.0))).T)
