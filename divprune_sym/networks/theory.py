"""What pruning one layer should cost, if its inputs were Gaussian with the mean and covariance they have.

The fields u = W h + b before and after pruning are then jointly Gaussian, and the next layer's change is a quadratic
form in the moments E[g(u_a)] and E[g(u_a) g(u_b)]. Price's theorem, ∂ⁿE[g_a g_b]/∂C_abⁿ = E[g_a⁽ⁿ⁾ g_b⁽ⁿ⁾], applied at
C_ab = 0 at every order, gives the second as Σ_n C_abⁿ/n! E[g_a⁽ⁿ⁾] E[g_b⁽ⁿ⁾]; by Stein's lemma E[g⁽ⁿ⁾] is a moment of g
with a Hermite polynomial, one integral for each unit. It needs nothing of g but its values and where its kinks are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.networks.activations import activation, kinks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from divprune_sym.networks.moments import Moments
    from divprune_sym.networks.network import DenseNetwork

ORDERS = 64
# |h_n(z)| φ(z)^½ ≤ 1 for every n (Cramér's inequality): beyond ±13, less than e^(−42) of each integral is left
_REACH = 13
_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(16)
# of E[g²]: what rounding leaves of the series' terms and of their sum
_ROUNDING = 4 * ORDERS * np.finfo(float).eps


@dataclass(frozen=True)
class Predicted:
    """Half the mean squared change of the next layer's fields, summed over them.

    Attributes
    ----------
    error : float
    bound : float
        How far the sum cut off after 64 orders, and rounded, can be from the whole one.
    """

    error: float
    bound: float


def predicted_error(network: DenseNetwork, pruned: DenseNetwork, layer: int, inputs: Moments) -> Predicted:
    """½ E‖change of layer + 1's fields‖² between a network and the same one pruned at `layer`, for Gaussian inputs
    with these moments.

    For one hidden layer and an identity output this is half the mean squared change of the network's output: ε_g, the
    unpruned network being the teacher.
    """
    W = np.concatenate([network.weights[layer], pruned.weights[layer]])
    b = np.concatenate([network.biases[layer], pruned.biases[layer]])
    after = np.concatenate([network.weights[layer + 1], -pruned.weights[layer + 1]], axis=1)
    shift = network.biases[layer + 1] - pruned.biases[layer + 1]
    means, moments, remainder = activation_moments(
        network.activations[layer], W @ inputs.mean + b, W @ inputs.covariance @ W.T
    )
    quadratic = np.einsum("oa,ab,ob->", after, moments, after)
    error = 0.5 * (quadratic + 2 * shift @ (after @ means) + shift @ shift)
    size = np.abs(after)
    return Predicted(float(max(error, 0.0)), float(0.5 * np.einsum("oa,ab,ob->", size, remainder, size)))


def measured_error(
    network: DenseNetwork, pruned: DenseNetwork, layer: int, h: NDArray[np.float64]
) -> tuple[float, float]:
    """The same on inputs h (n, N) of that layer, with its standard error."""
    fields = (net.preactivations(layer + 1, net.outputs(layer, h)) for net in (network, pruned))
    before, left = fields
    half_squares = 0.5 * np.sum((before - left) ** 2, axis=1)
    spread = half_squares.std(ddof=1) / np.sqrt(len(h)) if len(h) > 1 else np.inf
    return float(half_squares.mean()), float(spread)


def activation_moments(
    name: str, mean: NDArray[np.float64], covariance: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """E[g_a] (F,), E[g_a g_b] (F, F), and how far the latter can be off (F, F).

    With r_a² = E[g_a²] − Σ_{n < 64} c_an², what Bessel's inequality leaves to the higher orders, these add at most
    |ρ_ab|⁶⁴ r_a r_b (Cauchy and Schwarz); ρ is the correlation of the fields. Rounding is added to it.
    """
    sd = np.sqrt(np.diag(covariance))
    scale = np.where(sd > 0, sd, 1.0)
    z, weight = _rule(name, mean, scale)
    values = activation(name)(mean[:, None] + sd[:, None] * z)
    correlation = np.clip(covariance / np.outer(scale, scale), -1.0, 1.0)
    np.fill_diagonal(correlation, 1.0)
    before, polynomial = np.zeros_like(z), np.ones_like(z)
    moments = np.zeros_like(covariance)
    power = np.ones_like(covariance)
    weighted = weight * values
    squares = np.sum(weighted * values, axis=1)
    left = squares * (1 + _ROUNDING)
    for n in range(ORDERS):
        c = np.sum(weighted * polynomial, axis=1)
        moments += np.outer(c, c) * power
        left -= c * c
        power *= correlation
        # orthonormal Hermite polynomials
        before, polynomial = polynomial, (z * polynomial - np.sqrt(n) * before) / np.sqrt(n + 1)
    np.fill_diagonal(moments, squares)
    np.fill_diagonal(power, 0.0)
    r, rounding = np.sqrt(np.maximum(left, 0.0)), np.sqrt(_ROUNDING * squares)
    return weighted.sum(axis=1), moments, np.abs(power) * np.outer(r, r) + np.outer(rounding, rounding)


def _rule(
    name: str, mean: NDArray[np.float64], scale: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points z (F, n) and weights for integrals over a normal z of functions of the field mean + scale z.

    Gauss–Legendre on panels of width 1 in z. They end at the kinks, and double in width away from the field 0, where
    a wide field sees a step: the poles of g are then as far from each panel as it is wide, or farther.
    """
    doublings = 2.0 ** np.arange(1 + np.ceil(np.log2(max(1.0, scale.max(initial=1.0)))))
    fields = np.concatenate([-doublings, [0.0], doublings, kinks(name)])
    ends = (fields - mean[:, None]) / scale[:, None]
    even = np.broadcast_to(np.arange(-_REACH, _REACH + 1.0), (len(mean), 2 * _REACH + 1))
    ends = np.sort(np.clip(np.concatenate([even, ends], axis=1), -_REACH, _REACH), axis=1)
    half = np.diff(ends, axis=1)[:, :, None] / 2
    z = ends[:, :-1, None] + half * (1 + _POINTS)
    weight = half * _WEIGHTS * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    return z.reshape(len(mean), -1), weight.reshape(len(mean), -1)


def excess_kurtosis(network: DenseNetwork, layer: int, h: NDArray[np.float64]) -> float:
    """Largest |E[z⁴] − 3| over the standardized fields of a layer: 0 for Gaussian ones."""
    u = network.preactivations(layer, h)
    centered = u - u.mean(axis=0)
    variance = np.mean(centered**2, axis=0)
    moving = variance > 0
    if not moving.any():
        return 0.0
    fourth = np.mean(centered[:, moving] ** 4, axis=0) / variance[moving] ** 2
    return float(np.abs(fourth - 3.0).max())
