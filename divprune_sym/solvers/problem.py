"""What is to be integrated: a state at α = 0, and how the student learns from there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from divprune_sym.ground.checks import BadInput, instance, integer, number, refuse_rate_of_frozen
from divprune_sym.ground.values import ByValue
from divprune_sym.named_activations import checked_activation
from divprune_sym.notation import OrderParameters, checked_state
from divprune_sym.solvers.equations import Equations

if TYPE_CHECKING:
    from divprune_sym.gaussian import Activation


@dataclass(frozen=True, eq=False)
class Problem(ByValue):
    """Online learning of a student from a teacher, from a given state at α = 0.

    Parameters
    ----------
    state : OrderParameters
    eta, eta_v : float
        Learning rates of the first and second layer; 0 stops a layer from learning, not from decaying.
    sigma : float
        Standard deviation of the label noise.
    weight_decay : float
        κ, felt by every weight of the student, masked or not.
    activation, teacher_activation : str or Activation, optional
        Those of the state, if left out. A state that says nothing of its own (erf) takes them over; one that names
        others is refused.
    batch_size : int
        b, the inputs averaged over in one update; then α counts updates divided by N. Compiled once for each b.
    small_eta : bool
        The limit of a small learning rate: the terms in η², and with them label noise and batches, are left out. The
        only dynamics there are where the integral I4 has no closed form, as for ReLU; right to first order in η.
    second_layer : bool
        False freezes the second layer: it does not decay either.

    Raises
    ------
    BadInput
        A rate out of range, an unknown activation, or one that the state is not of. That the integrals of an activation
        do not close is found, and refused, when its equations are derived: by `integrate` and the like.
    """

    state: OrderParameters
    eta: float
    eta_v: float = 0.0
    sigma: float = 0.0
    weight_decay: float = 0.0
    activation: str | Activation | None = None
    teacher_activation: str | Activation | None = None
    batch_size: int = 1
    small_eta: bool = False
    second_layer: bool = True

    def __post_init__(self) -> None:
        checked_state(self.state)
        for name in ("eta", "eta_v", "sigma", "weight_decay"):
            object.__setattr__(self, name, number(name, getattr(self, name), low=0.0))
        for name, silent in (("activation", "erf"), ("teacher_activation", None)):
            self._agree(name, silent)
        integer("batch_size", self.batch_size, 1)
        for name in ("small_eta", "second_layer"):
            if not isinstance(getattr(self, name), bool):
                msg = f"{name} = {getattr(self, name)!r}: expected True or False"
                raise BadInput(msg)
        refuse_rate_of_frozen(self.second_layer, self.eta_v)

    def _agree(self, name: str, silent: str | None) -> None:
        """One activation, in the state and here."""
        given, held = getattr(self, name), getattr(self.state, name)
        if given is not None and given != held:
            checked_activation(name, given)
            if held != silent:
                msg = f"{name}: the state is of {held} nodes, the problem says {given}; leave it out of the problem"
                raise BadInput(msg)
            object.__setattr__(self, "state", self.state.with_(**{name: given}))
        object.__setattr__(self, name, getattr(self.state, name))

    @property
    def equations(self) -> Equations:
        """Which equations of motion these are."""
        return Equations(
            self.state.activation,
            self.state.teacher_activation,
            second_layer_moves(self),
            self.batch_size,
            self.small_eta,
        )


def checked_problem(value: object) -> Problem:
    """The problem that a caller gave.

    Raises
    ------
    BadInput
        It is something else, such as a state, which does not say how it learns.
    """
    hint = ""
    if isinstance(value, OrderParameters):
        hint = "Problem(state, eta=…) says how a state learns"
    elif hasattr(value, "states"):
        hint = "train_on(problem, limit, alphas) trains what pruning leaves"
    elif isinstance(value, (list, tuple)):
        hint = "integrate_batch takes many"
    elif isinstance(value, str):
        hint = "read_problem reads a file"
    return instance("problem", value, Problem, hint)


def second_layer_moves(problem: Problem) -> bool:
    """Whether v is part of the moving state."""
    return problem.second_layer and (problem.eta_v > 0 or problem.weight_decay > 0)
