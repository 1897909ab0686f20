"""Which equations of motion a problem has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from divprune_sym.named_activations import described, resolved

if TYPE_CHECKING:
    from divprune_sym.dynamics.update import UpdateRule
    from divprune_sym.gaussian import Activation


@dataclass(frozen=True)
class Equations:
    """Which equations of motion a problem has; what they are is derived from the update rule when they are compiled.

    Parameters
    ----------
    activation, teacher : str or Activation
        g of the student, and h of the teacher's nodes; None: the same.
    second_layer : bool
        Whether v moves.
    batch_size : int
        b; frozen into the compiled code.
    small_eta : bool
        Without the terms in η².
    """

    activation: str | Activation = "erf"
    teacher: str | Activation | None = None
    second_layer: bool = True
    batch_size: int = 1
    small_eta: bool = False

    def recipe(self) -> dict[str, Any]:
        """JSON-able description for the cache."""
        return {
            "activation": described(self.activation),
            "teacher": None if self.teacher is None else described(self.teacher),
            "second_layer": self.second_layer,
            "batch_size": self.batch_size,
            "small_eta": self.small_eta,
        }

    def derived(self) -> tuple[UpdateRule, Activation, Activation | None]:
        """The update rule, g and h.

        Raises
        ------
        BadInput
            An integral that the equations need has no closed form, is infinite, or is too long a formula to compile.
        """
        from sympy import Integer

        from divprune_sym.codegen.compiler import refuse_unprintable
        from divprune_sym.dynamics.closing import refuse_open
        from divprune_sym.dynamics.equations import equations_of_motion
        from divprune_sym.dynamics.update import UpdateRule

        rule = UpdateRule(
            second_layer=self.second_layer,
            batch_size=Integer(self.batch_size),
            two_activations=self.teacher is not None,
            small_eta=self.small_eta,
        )
        g, h = resolved(self.activation), None if self.teacher is None else resolved(self.teacher)
        system = equations_of_motion(rule)
        refuse_open(system, g, h)
        refuse_unprintable(system, g, h)
        return rule, g, h
