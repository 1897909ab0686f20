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
from divprune_sym.solvers.batch import integrate_batch
from divprune_sym.solvers.events import ErrorReaches, PlateauEntry, PlateauEscape
from divprune_sym.solvers.fixed_points import FixedPoint, NoFixedPoint, find_fixed_point, slow_flow
from divprune_sym.solvers.run import Checkpoint

__all__ = [
    "Checkpoint",
    "ErrorReaches",
    "FixedPoint",
    "IntegrationFailed",
    "NoFixedPoint",
    "PlateauEntry",
    "PlateauEscape",
    "Problem",
    "Solution",
    "Status",
    "find_fixed_point",
    "generalization_error",
    "integrate",
    "integrate_batch",
    "integrate_fixed_step",
    "second_moments",
    "slow_flow",
]
