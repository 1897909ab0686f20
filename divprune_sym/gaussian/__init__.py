"""From an activation to its integrals: expectations of jointly Gaussian fields, reduced step by step."""

from divprune_sym.gaussian.activation import Activation
from divprune_sym.gaussian.covariance import named_covariance
from divprune_sym.gaussian.derivation import Derivation, Diverges, NoClosedForm, Step, WrongStep
from divprune_sym.gaussian.erf import ERF, erf
from divprune_sym.gaussian.expectation import COINCIDENT, INTEGRALS, closing, expectation, integral
from divprune_sym.gaussian.linear import LINEAR
from divprune_sym.gaussian.polynomial import hermite, polynomial
from divprune_sym.gaussian.registry import PluginWarning, activation_named
from divprune_sym.gaussian.relu import RELU
from divprune_sym.gaussian.sign import SIGN
from divprune_sym.gaussian.sine import SINE
from divprune_sym.gaussian.term import Covariance, G, Term, U, symbolic_covariance

ACTIVATIONS: dict[str, Activation] = {
    activation.name: activation for activation in (ERF, LINEAR, RELU, SIGN, SINE, hermite(2), hermite(3))
}


def activation(name: str) -> Activation:
    """The activation of a given name: one of ours, or a plug-in's (entry-point group `divprune_sym.activations`).

    Besides the names in `ACTIVATIONS`: "erf[2]" has gain 2, "he5" is He_5, "polynomial[0, 1, 1/2]" is u + u²/2.

    Raises
    ------
    BadInput
        Nobody offers it; the message names the nearest.
    """
    return activation_named(name, ACTIVATIONS)


__all__ = [
    "ACTIVATIONS",
    "COINCIDENT",
    "ERF",
    "INTEGRALS",
    "LINEAR",
    "RELU",
    "SIGN",
    "SINE",
    "Activation",
    "Covariance",
    "Derivation",
    "Diverges",
    "G",
    "NoClosedForm",
    "PluginWarning",
    "Step",
    "Term",
    "U",
    "WrongStep",
    "activation",
    "closing",
    "erf",
    "expectation",
    "hermite",
    "integral",
    "named_covariance",
    "polynomial",
    "symbolic_covariance",
]
