"""What a sweep can vary: every axis with its meaning, unit, range and usual value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from divprune_sym.ground.checks import BadInput, integer, number
from divprune_sym.ground.tables import nearest
from divprune_sym.named_activations import checked_activation


@dataclass(frozen=True)
class Axis:
    """One quantity that trajectories differ in.

    Attributes
    ----------
    name : str
    usual : int, float or str
        Its value where a grid does not mention it.
    about : str
        What it is.
    low, high : float
        Its range.
    """

    name: str
    usual: int | float | str
    about: str
    low: float = 0.0
    high: float = 1e12

    @property
    def kind(self) -> Literal["whole", "number", "name"]:
        """What its values are."""
        return "whole" if type(self.usual) is int else "number" if type(self.usual) is float else "name"

    def checked(self, value: Any) -> int | float | str:
        """The value, if it is one of this axis; raises `BadInput` otherwise."""
        if self.kind == "whole":
            return integer(self.name, value, int(self.low), int(self.high))
        if self.kind == "number":
            return number(self.name, value, self.low, self.high)
        if not isinstance(value, str):
            msg = f"{self.name} = {value!r}: expected a name"
            raise BadInput(msg)
        checked_activation(self.name, value)
        return value


# the sizes first: trajectories of one size run together
AXES = {
    axis.name: axis
    for axis in (
        Axis("teachers", 2, "M, nodes of the teacher", 1, 1000),
        Axis("students", 4, "K, nodes of the student", 1, 1000),
        Axis("activation", "erf", "of student and teacher nodes"),
        Axis("batch_size", 1, "b, inputs averaged over in one update", 1, 10**6),
        Axis("second_layer", 1.0, "v*, second layer of the teacher; the student's begins at v* M/K"),
        Axis("eta", 0.2, "η, learning rate of the first layer"),
        Axis("eta_v", 0.0, "η_v, learning rate of the second layer"),
        Axis("sigma", 0.0, "σ, standard deviation of the label noise"),
        Axis("weight_decay", 0.0, "κ"),
        Axis("overlap", 1e-3, "standard deviation of the initial overlaps R and of Q off its diagonal", 0.0, 0.1),
        Axis("seed", 1, "of the initial overlaps", 0, 2**32 - 1),
    )
}


def axis(name: str) -> Axis:
    """The axis of this name.

    Raises
    ------
    BadInput
        There is none; the message has the nearest.
    """
    if name not in AXES:
        msg = f"axis {name[:40]!r}: there is none; {nearest(name, AXES)}"
        raise BadInput(msg)
    return AXES[name]
