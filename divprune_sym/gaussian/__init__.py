"""From an activation to its integrals: expectations of jointly Gaussian fields, reduced step by step."""

from divprune_sym.gaussian.activation import Activation
from divprune_sym.gaussian.erf import ERF
from divprune_sym.gaussian.expectation import (
    INTEGRALS,
    Derivation,
    NoClosedForm,
    Step,
    expectation,
    integral,
)
from divprune_sym.gaussian.term import Covariance, G, Term, U, symbolic_covariance

ACTIVATIONS: dict[str, Activation] = {activation.name: activation for activation in (ERF,)}

__all__ = [
    "ACTIVATIONS",
    "ERF",
    "INTEGRALS",
    "Activation",
    "Covariance",
    "Derivation",
    "G",
    "NoClosedForm",
    "Step",
    "Term",
    "U",
    "expectation",
    "integral",
    "symbolic_covariance",
]
