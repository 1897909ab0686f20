"""Integrate the generated equations of motion."""

from divprune_sym.solvers.api import (
    IntegrationFailed,
    Problem,
    Solution,
    Status,
    integrate,
    integrate_fixed_step,
)
from divprune_sym.solvers.error import generalization_error, second_moments

__all__ = [
    "IntegrationFailed",
    "Problem",
    "Solution",
    "Status",
    "generalization_error",
    "integrate",
    "integrate_fixed_step",
    "second_moments",
]
