"""Generalisation error and second moments of given order parameters."""

from divprune_sym.evaluation.error import generalization_error, second_moments

__all__ = ["generalization_error", "second_moments"]
