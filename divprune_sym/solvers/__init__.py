"""Integrate the generated equations of motion."""

from divprune_sym.evaluation.error import generalization_error, second_moments
from divprune_sym.solvers.adaptive import integrate
from divprune_sym.solvers.batch import integrate_batch
from divprune_sym.solvers.events import ErrorReaches, PlateauEntry, PlateauEscape
from divprune_sym.solvers.fixed_points import FixedPoint, NoFixedPoint, find_fixed_point, slow_flow
from divprune_sym.solvers.fixed_step import integrate_fixed_step
from divprune_sym.solvers.problem import Problem
from divprune_sym.solvers.run import Checkpoint
from divprune_sym.solvers.solution import IntegrationFailed, Solution, Status

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
