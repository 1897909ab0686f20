"""Both faces of a protocol side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from divprune_sym.evaluation.agreement import Curve, Verdict, verdict
from divprune_sym.ground.checks import BadInput
from divprune_sym.ground.values import ByValue

if TYPE_CHECKING:
    from divprune_sym.protocols.flow import ProtocolSolution
    from divprune_sym.protocols.simulation import ProtocolSimulation


@dataclass(frozen=True, eq=False)
class ProtocolAgreement(ByValue):
    """Theory and simulation of one protocol.

    Attributes
    ----------
    theory : ProtocolSolution
    simulation : ProtocolSimulation
    verdict : Verdict
        Its `detectable` is the common relative error of the theory that would have been seen with 90 % probability.
    """

    theory: ProtocolSolution
    simulation: ProtocolSimulation
    verdict: Verdict


def refuse_few(replicas: int) -> None:
    """Raise `BadInput` for fewer networks than have a spread that says anything."""
    if replicas < 3:
        msg = f"replicas = {replicas}: a comparison needs at least 3, whose spread is the error bar"
        raise BadInput(msg)


def compare(theory: ProtocolSolution, simulation: ProtocolSimulation) -> ProtocolAgreement:
    """The verdict of the networks on the theory, at the same times.

    Raises
    ------
    BadInput
        Fewer than three networks.
    """
    errors = simulation.generalization_error
    refuse_few(len(errors))
    curve = Curve("protocol", "ε_g", theory.generalization_error, errors - theory.generalization_error)
    return ProtocolAgreement(theory, simulation, verdict("protocol", curve.relative(), 2))
