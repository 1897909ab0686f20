"""The student whose pruning is asked about: from a file, or the specialized one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from divprune_sym.ground.files import refuse_beyond_memory

if TYPE_CHECKING:
    from pathlib import Path

    from divprune_sym.notation import OrderParameters


def given_student(
    state: Path | None,
    teachers: int | None,
    copies: int | None,
    second_layer: float | None,
    activation: str | None = None,
) -> OrderParameters:
    """The order parameters of a file, or the specialized ones."""
    from divprune_sym.ground.checks import BadInput
    from divprune_sym.solvers.problem_file import read_state
    from divprune_sym.specialized import specialized_state

    options = {"--teachers": teachers, "--copies": copies, "--second-layer": second_layer}
    activated = {"--activation": activation}
    if state is not None:
        given = [name for name, value in (options | activated).items() if value is not None]
        if given:
            msg = f"{given[0]}: --state already says what the student is"
            raise BadInput(msg)
        read = read_state(state)
        if len(read.fraction) != 1:
            msg = f"{state}: has {len(read.fraction)} mask classes, expected an unpruned student with Q, R, T"
            raise BadInput(msg)
        return read
    if teachers is None or copies is None or second_layer is None:
        missing = ", ".join(name for name, value in options.items() if value is None)
        msg = f"missing {missing} (or --state instead of all three)"
        raise BadInput(msg)
    fields = max(teachers, 0) * (max(copies, 0) + 1)
    refuse_beyond_memory(f"{teachers} teachers with {copies} copies each", 6 * 8 * fields**2)
    return specialized_state(teachers, copies, second_layer, activation=activation or "erf")
