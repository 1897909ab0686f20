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
from divprune_sym.solvers.fixed_points import FixedPoint, NoFixedPoint, find_fixed_point, slow_flow

__all__ = [
    "FixedPoint",
    "IntegrationFailed",
    "NoFixedPoint",
    "Problem",
    "Solution",
    "Status",
    "find_fixed_point",
    "generalization_error",
    "integrate",
    "integrate_fixed_step",
    "second_moments",
    "slow_flow",
]
