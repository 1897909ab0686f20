"""Integrate the generated equations of motion."""

from divprune_sym.codegen.error import generalization_error, second_moments
from divprune_sym.solvers.api import (
    IntegrationFailed,
    Problem,
    Solution,
    Status,
    integrate,
    integrate_fixed_step,
)

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
