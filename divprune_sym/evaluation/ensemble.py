"""Weighted states: what pruning leaves, where chance decides which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.evaluation.error import errors_of
from divprune_sym.ground.values import ByValue

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from divprune_sym.notation import OrderParameters


@dataclass(frozen=True, eq=False)
class Ensemble(ByValue):
    """States with probabilities; errors are averaged over them, order parameters are not.

    Attributes
    ----------
    states : tuple of n OrderParameters
    weights : (n,)
        Probabilities; they sum to 1.
    draws : int, optional
        How many states were drawn, where this is a sample and not all there are: weights are then frequencies.
    standard_error : float
        The largest of any class moment of a state, where these are sampled; 0: exact.
    """

    states: tuple[OrderParameters, ...]
    weights: NDArray[np.float64]
    draws: int | None = None
    standard_error: float = 0.0

    def mean(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of values (n, ...), one for each state."""
        return np.asarray(np.tensordot(self.weights, values, 1))

    def error_of_mean(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The standard error of that mean, as an estimate of the one over all states; 0 where these are all."""
        spread = self.mean(np.square(values - self.mean(values)))
        return np.zeros_like(spread) if self.draws is None else np.sqrt(spread / max(self.draws - 1, 1))

    def generalization_error(self) -> float:
        """ε_g, averaged."""
        return float(self.mean(errors_of(self.states)))
