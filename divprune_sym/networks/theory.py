"""What pruning one layer should cost, if its inputs were Gaussian with the mean and covariance they have.

The fields u = W h + b before and after pruning are then jointly Gaussian, and the next layer's change is a quadratic
form in the moments E[g(u_a)] and E[g(u_a) g(u_b)]. Price's theorem, ∂ⁿE[g_a g_b]/∂C_abⁿ = E[g_a⁽ⁿ⁾ g_b⁽ⁿ⁾], applied at
C_ab = 0 at every order, gives the second as Σ_n C_abⁿ/n! E[g_a⁽ⁿ⁾] E[g_b⁽ⁿ⁾]; by Stein's lemma E[g⁽ⁿ⁾] is a moment of g
with a Hermite polynomial, one integral for each unit. It needs nothing of g but its values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.networks.activations import activation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from divprune_sym.networks.moments import Moments
    from divprune_sym.networks.network import DenseNetwork

ORDERS = 64
_NODES = 160


@dataclass(frozen=True)
class Predicted:
    """Half the mean squared change of the next layer's fields, summed over them.

    Attributes
    ----------
    error : float
    bound : float
        How far the sum cut off after 64 orders can be from the whole one.
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
    return Predicted(float(max(error, 0.0)), float(0.5 * np.sum((np.abs(after) @ remainder) ** 2)))


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
    """E[g_a] (F,), E[g_a g_b] (F, F), and r (F,): orders beyond the last add at most r_a r_b to the latter.

    r_a² = E[g_a²] − Σ_{n ≤ 64} c_an², what Bessel's inequality leaves to the higher orders; the bound is
    Cauchy and Schwarz's.
    """
    sd = np.sqrt(np.diag(covariance))
    z, weight = np.polynomial.hermite_e.hermegauss(_NODES)
    weight = weight / weight.sum()
    values = activation(name)(mean[:, None] + sd[:, None] * z)
    scale = np.where(sd > 0, sd, 1.0)
    correlation = np.clip(covariance / np.outer(scale, scale), -1.0, 1.0)
    np.fill_diagonal(correlation, 1.0)
    before, polynomial = np.zeros_like(z), np.ones_like(z)
    moments = np.zeros_like(covariance)
    power = np.ones_like(covariance)
    explained = np.zeros(len(sd))
    for n in range(ORDERS):
        c = values @ (weight * polynomial)
        moments += np.outer(c, c) * power
        explained += c * c
        power *= correlation
        # orthonormal Hermite polynomials
        before, polynomial = polynomial, (z * polynomial - np.sqrt(n) * before) / np.sqrt(n + 1)
    squares = (values**2) @ weight
    np.fill_diagonal(moments, squares)
    return values @ weight, moments, np.sqrt(np.maximum(squares - explained, 0.0))


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
