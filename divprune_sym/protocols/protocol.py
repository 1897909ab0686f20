"""A protocol: steps in order, with two faces, and the file that says one."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from divprune_sym.ground.checks import BadInput
from divprune_sym.ground.tables import nearest, read_toml, refuse_unknown
from divprune_sym.notation import OrderParameters, checked_state
from divprune_sym.protocols.steps import RATES, Keep, Prune, Rewind, Step, Teacher, Train

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from divprune_sym.ground.randomness import Rng
    from divprune_sym.protocols.agreement import ProtocolAgreement
    from divprune_sym.protocols.flow import ProtocolSolution
    from divprune_sym.protocols.simulation import ProtocolSimulation

STEPS: dict[str, type[Step]] = {kind.__name__.lower(): kind for kind in (Train, Prune, Keep, Rewind, Teacher)}


@dataclass(frozen=True)
class Protocol:
    """Stages of training, and events between them, in order.

    Parameters
    ----------
    steps : sequence of Train, Prune, Keep, Rewind and Teacher

    Raises
    ------
    BadInput
        No stage of training, a rewind to what was not kept before, a name kept twice, or something else than a step.
    """

    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        steps = tuple(self.steps)
        for at, step in enumerate(steps, 1):
            if not isinstance(step, tuple(STEPS.values())):
                msg = f"step {at}: expected one of {', '.join(kind.__name__ for kind in STEPS.values())}"
                raise BadInput(msg)
        if not any(isinstance(step, Train) for step in steps):
            msg = "the protocol trains nowhere; it needs a Train"
            raise BadInput(msg)
        kept: set[str] = set()
        for at, step in enumerate(steps, 1):
            if isinstance(step, Keep):
                if step.name in kept:
                    msg = f"step {at}: {step.name!r} is kept already; take another name"
                    raise BadInput(msg)
                kept.add(step.name)
            if isinstance(step, Rewind) and step.to not in kept:
                there = ", ".join(sorted(kept)) or "nothing"
                msg = f"step {at}: rewinds to {step.to!r}, which was not kept; kept so far: {there}"
                raise BadInput(msg)
        object.__setattr__(self, "steps", steps)

    @property
    def alpha(self) -> float:
        """How long it all takes."""
        return sum(step.alpha for step in self.steps if isinstance(step, Train))

    def flow(
        self,
        state: OrderParameters,
        *,
        points: int = 40,
        rtol: float = 1e-8,
        seed: int = 0,
        N: int | None = None,
    ) -> ProtocolSolution:
        """What happens as N → ∞, from a state.

        Parameters
        ----------
        state : OrderParameters
            At α = 0.
        points : int
            Times reported in every stage, spaced by logarithms, besides its beginning.
        rtol : float
            Relative error allowed in each step of the integrator.
        seed : int
            Of class moments that are sampled, where masks depend on weights.
        N : int, optional
            Report at times that a network of so many inputs reaches by whole updates, as `simulate` does.

        Raises
        ------
        BadInput
            A step that the state cannot take; the message names it.
        """
        from divprune_sym.protocols.flow import flow

        return flow(self.steps, checked_state(state), points, rtol, seed, N)

    def simulate(
        self,
        state: OrderParameters,
        N: int,
        rng: Rng,
        *,
        replicas: int = 1,
        points: int = 40,
        progress: Callable[[float], None] | None = None,
    ) -> ProtocolSimulation:
        """The same at finite N: online SGD of networks whose overlaps are those of the state to rounding.

        Parameters
        ----------
        state : OrderParameters
            At α = 0; unpruned, of variance 1.
        N : int
            Inputs.
        rng : numpy.random.Generator or int
        replicas : int
            Independent networks, each with its own inputs, noise and masks.
        points : int
            As for `flow`.
        progress : callable, optional
            Takes the share done.
        """
        from divprune_sym.protocols.simulation import simulate

        return simulate(self.steps, checked_state(state), N, rng, replicas, points, progress)

    def agreement(
        self,
        state: OrderParameters,
        N: int,
        rng: Rng,
        *,
        replicas: int = 24,
        points: int = 12,
        progress: Callable[[float], None] | None = None,
    ) -> ProtocolAgreement:
        """Both faces side by side, whether they agree, and what difference would have been seen."""
        from divprune_sym.protocols.agreement import compare, refuse_few

        # before the work, not after it
        refuse_few(replicas)
        return compare(
            self.flow(state, points=points, N=N),
            self.simulate(state, N, rng, replicas=replicas, points=points, progress=progress),
        )


def read_protocol(path: Path) -> tuple[Protocol, OrderParameters]:
    """A protocol and the state it starts from, from a TOML file; `divprune-sym protocol --help` has the format.

    Raises
    ------
    BadInput
        No such file, no TOML, or no protocol; the message names the file and the step.
    """
    return read_toml(path, protocol_from)


def protocol_from(tables: Mapping[str, Any]) -> tuple[Protocol, OrderParameters]:
    """The same from the tables of a file."""
    refuse_unknown("the file", tables, {"start", "steps"})
    start, steps = tables.get("start"), tables.get("steps")
    if not isinstance(start, dict) or not isinstance(steps, list):
        msg = "expected a table [start] and steps in [[steps]]"
        raise BadInput(msg)
    return Protocol(tuple(_step(at, step) for at, step in enumerate(steps, 1))), _start(start)


def _start(table: Mapping[str, Any]) -> OrderParameters:
    from divprune_sym.solvers.start import small_overlaps

    if "Q" in table:
        refuse_unknown("[start]", table, {"Q", "R", "T", "v", "A", "activation"})
        missing = {"Q", "R", "T", "v", "A"} - table.keys()
        if missing:
            msg = f"[start]: {', '.join(sorted(missing))} is missing"
            raise BadInput(msg)
        arrays = (table[name] for name in ("Q", "R", "T", "v", "A"))
        return OrderParameters.unpruned(*arrays, activation=table.get("activation", "erf"))
    refuse_unknown("[start]", table, {"students", "teachers", "second_layer", "overlap", "activation", "seed"})
    for name in ("students", "teachers"):
        if name not in table:
            msg = f"[start]: {name} is missing (or Q, R, T, v and A)"
            raise BadInput(msg)
    return small_overlaps(**table)


def _step(at: int, table: Any) -> Step:
    try:
        if not isinstance(table, dict) or not isinstance(table.get("do"), str):
            msg = f'expected do = "…", one of {", ".join(STEPS)}'
            raise BadInput(msg)
        rest = {name: value for name, value in table.items() if name != "do"}
        if table["do"] not in STEPS:
            msg = f"do = {table['do'][:40]!r}: there is no such step; {nearest(table['do'], STEPS)}"
            raise BadInput(msg)
        kind = STEPS[table["do"]]
        known = {f.name for f in fields(kind)}
        refuse_unknown(table["do"], rest, known)
        needed = [f.name for f in fields(kind) if f.default is f.default_factory and f.name not in rest]
        if needed:
            msg = f"{table['do']} needs {', '.join(needed)}"
            raise BadInput(msg)
        return kind(**{name: _rate(name, value) for name, value in rest.items()})
    except BadInput as error:
        msg = f"step {at}: {error}"
        raise BadInput(msg) from None


def _rate(name: str, value: Any) -> Any:
    """Knots {at = […], value = […]} as two tuples; everything else as it stands."""
    if name in RATES and isinstance(value, dict):
        refuse_unknown(name, value, {"at", "value"})
        return (value.get("at", []), value.get("value", []))
    return value
