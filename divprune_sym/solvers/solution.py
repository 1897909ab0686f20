"""What an integration gives: order parameters and errors at the times asked for, and how it ended."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field, fields, replace
from enum import IntEnum
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from divprune_sym.ground.checks import BadInput, increasing_times, number
from divprune_sym.ground.extras import needed
from divprune_sym.ground.files import check_ending, csv_table, written_aside
from divprune_sym.ground.values import ByValue
from divprune_sym.solvers.along import errors_of_many, unflattened
from divprune_sym.solvers.problem_record import problem_about, problem_arrays

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

    from divprune_sym.notation import OrderParameters
    from divprune_sym.solvers.problem import Problem

FORMAT = "divprune_sym solution 1"
# rows of a table in a notebook
_SHOWN = 8
_SYMBOLS = {"generalization_error": "ε_g", "Q": "Q", "R": "R", "v": "v"}


class Status(IntEnum):
    """How an integration ended."""

    DONE = 0
    TOO_MANY_STEPS = 1
    STEP_TOO_SMALL = 2
    NOT_FINITE = 3


@dataclass(frozen=True)
class Outcome:
    """What a kernel returned: states (S, n), zero from `filled` on, and how the steps to them ended."""

    states: NDArray[np.float64]
    filled: int
    status: int
    steps: int
    nfev: int
    reached: float
    trials: int = 0
    njev: int = 0
    nlu: int = 0
    method: str = "an explicit method"


_MESSAGES = {
    Status.DONE: "reached the last α",
    Status.TOO_MANY_STEPS: (
        "gave up after max_steps = {trials} steps, {rejected} of them rejected; raise max_steps or rtol"
    ),
    Status.STEP_TOO_SMALL: "the step of {method} fell below rounding; {advice}",
    Status.NOT_FINITE: "the order parameters diverged; lower eta, eta_v or a fixed dt",
}


class IntegrationFailed(RuntimeError):
    """An integration stopped early and was asked to raise; the message gives the α reached."""


@dataclass(frozen=True, eq=False)
class Solution(ByValue):
    """Order parameters and generalization error at the requested times.

    Attributes
    ----------
    alpha : (S,)
        Times α = steps/N that were reached.
    generalization_error : (S,)
        ε_g, label noise excluded.
    Q, R, v : (S, K, K), (S, K, M), (S, K)
        Totals over classes.
    Q_classes, R_classes : (S, C, K, K), (S, C, K, M)
    status, message, success, nfev, njev, nlu, steps
        As in SciPy's `solve_ivp`; nfev counts right-hand sides, without the generated
        Jacobians, which njev counts.
    events : tuple of tuples
        The times of each event asked for.
    integrator : callable or None
        (problem, alphas) ↦ Solution, with the method and tolerances that made this one: `at` asks it.
    """

    alpha: NDArray[np.float64]
    generalization_error: NDArray[np.float64]
    Q_classes: NDArray[np.float64] = field(repr=False)
    R_classes: NDArray[np.float64] = field(repr=False)
    v: NDArray[np.float64] = field(repr=False)
    problem: Problem = field(repr=False)
    status: Status
    message: str
    nfev: int
    steps: int
    njev: int = 0
    nlu: int = 0
    events: tuple[tuple[float, ...], ...] = ()
    integrator: Callable[..., Solution] | None = field(default=None, repr=False)

    @property
    def success(self) -> bool:
        """Whether the last requested α was reached."""
        return self.status == Status.DONE

    @property
    def t(self) -> NDArray[np.float64]:
        """The times α, under `solve_ivp`'s name."""
        return self.alpha

    @property
    def Q(self) -> NDArray[np.float64]:
        """Student overlaps Σ_c Q^c, (S, K, K)."""
        return np.asarray(self.Q_classes.sum(axis=1))

    @property
    def R(self) -> NDArray[np.float64]:
        """Student-teacher overlaps Σ_c R^c, (S, K, M)."""
        return np.asarray(self.R_classes.sum(axis=1))

    def state(self, index: int = -1) -> OrderParameters:
        """The order parameters at one of the times."""
        return self.problem.state.with_(
            Q_classes=self.Q_classes[index], R_classes=self.R_classes[index], v=self.v[index]
        )

    @overload
    def at(self, alpha: float) -> OrderParameters: ...

    @overload
    def at(self, alpha: Sequence[float] | NDArray[np.float64]) -> Solution: ...

    def at(self, alpha: ArrayLike) -> OrderParameters | Solution:
        """What this solution would have reported at other times, from 0 to the last one reached.

        The same integration is made once more and reports these times too, by its dense output: one pass, however many
        times are asked for, and the same bits as if they had been asked for at first. (With fixed steps: of a run that
        lands on these times too.) At times that the solution has nothing is computed.

        Parameters
        ----------
        alpha : float or (S,)
            One time, or increasing ones.

        Returns
        -------
        OrderParameters or Solution
            The state at one time; for an array this solution at these times, without events.

        Raises
        ------
        BadInput
            A time outside, times that do not increase, or it is not known how this solution was integrated.
        """
        reached = float(self.alpha[-1]) if len(self.alpha) else 0.0
        if np.ndim(alpha) == 0:
            return self._reporting(np.array([number("alpha", alpha, 0.0, reached)])).state()
        times = increasing_times("alpha", alpha)
        number("alpha", times[-1], 0.0, reached)
        return self._reporting(times)

    def _reporting(self, times: NDArray[np.float64]) -> Solution:
        whole = self if np.isin(times, self.alpha).all() else self._with_times(times)
        at = np.searchsorted(whole.alpha, times)
        moved = {name: getattr(whole, name)[at] for name in ("generalization_error", "Q_classes", "R_classes", "v")}
        return replace(self, alpha=times, events=(), **moved)

    def _with_times(self, times: NDArray[np.float64]) -> Solution:
        """The same integration, which reports these times and its own."""
        if self.integrator is None:
            other = times[~np.isin(times, self.alpha)][0]
            msg = f"alpha = {other:g}: it is not known how this solution was integrated; choose one of its times"
            raise BadInput(msg)
        return self.integrator(self.problem, np.union1d(self.alpha, times))

    def save(self, path: str | Path) -> None:
        """Write a file that `load_solution` reads, or a table for others.

        Parameters
        ----------
        path : str or Path
            .npz: alpha, generalization_error, Q, R, v (and Q_classes, R_classes), and what `load_solution` needs to
            make this object again, its problem included. .csv: the columns of `to_dataframe`.

        Raises
        ------
        BadInput
            Another ending, a place that cannot be written to, or an activation of your own whose formula cannot be
            written down.
        """
        path = Path(path)
        check_ending(path, (".npz", ".csv"))
        content = io.BytesIO()
        if path.suffix.lower() == ".csv":
            columns = {"alpha": self.alpha} | self._columns()
            content.write(csv_table({name: column.tolist() for name, column in columns.items()}))
        else:
            about = np.array(json.dumps(self._about(), allow_nan=False))
            np.savez(content, allow_pickle=False, about=about, **self._arrays(), **problem_arrays(self.problem))
        with written_aside(path) as file:
            file.write(content.getbuffer())

    def _arrays(self) -> dict[str, NDArray[np.float64]]:
        names = ["alpha", "generalization_error", "Q", "R", "v"]
        if self.Q_classes.shape[1] > 1:
            names += ["Q_classes", "R_classes"]
        return {name: getattr(self, name) for name in names}

    def _about(self) -> dict[str, Any]:
        how = self.integrator
        integrator = None if how is None else {"name": how.func.__name__, "options": how.keywords}  # type: ignore[attr-defined]
        return {
            "format": FORMAT,
            "problem": problem_about(self.problem),
            "status": int(self.status),
            "message": self.message,
            "events": self.events,
            "integrator": integrator,
            **{name: getattr(self, name) for name in COUNTS},
        }

    def _columns(self) -> dict[str, NDArray[np.float64]]:
        """One column for every number that moves: Q above its diagonal is left out, it is symmetric."""
        K, M = self.problem.state.K, self.problem.state.M
        columns = {"generalization_error": self.generalization_error}
        columns |= {f"Q[{i},{k}]": self.Q[:, i, k] for i in range(K) for k in range(i, K)}
        columns |= {f"R[{i},{n}]": self.R[:, i, n] for i in range(K) for n in range(M)}
        return columns | {f"v[{i}]": self.v[:, i] for i in range(K)}

    def to_dataframe(self) -> Any:
        """A pandas DataFrame: one row for each α, columns generalization_error, Q[i,k] for i ≤ k, R[i,n] and v[i].

        Raises
        ------
        BadInput
            pandas is not installed.
        """
        pandas = needed("pandas", "to_dataframe", "pandas")
        return pandas.DataFrame(self._columns(), index=pandas.Index(self.alpha, name="alpha"))

    def to_xarray(self) -> Any:
        """An xarray Dataset with labeled axes: alpha, student, student_2, teacher, teacher_2 (and mask_class).

        Its attributes hold the rates, the activations and how the integration ended; every variable has its meaning
        and unit. `to_zarr` and `to_netcdf` of the Dataset write it.

        Raises
        ------
        BadInput
            xarray is not installed (extra `sweep`).
        """
        xarray = needed("xarray", "to_xarray", "'divprune-sym[sweep]'")
        state = self.problem.state
        nodes = {"student": state.K, "student_2": state.K, "teacher": state.M, "teacher_2": state.M}
        moving = ("alpha", "student")
        tables = {
            "generalization_error": (("alpha",), self.generalization_error, "ε_g, label noise excluded"),
            "Q": ((*moving, "student_2"), self.Q, "overlaps of students, w_i·w_k/N"),
            "R": ((*moving, "teacher"), self.R, "overlaps of students and teachers, w_i·B_n/N"),
            "v": (moving, self.v, "second-layer weights of the student"),
            "T": (("teacher", "teacher_2"), state.T, "overlaps of teachers, B_n·B_m/N"),
            "A": (("teacher",), state.A, "second-layer weights of the teacher"),
        }
        if self.Q_classes.shape[1] > 1:
            nodes["mask_class"] = self.Q_classes.shape[1]
            classes = ("alpha", "mask_class", "student")
            tables["Q_classes"] = ((*classes, "student_2"), self.Q_classes, "Q carried by each mask class")
            tables["R_classes"] = ((*classes, "teacher"), self.R_classes, "R carried by each mask class")
            tables["mask"] = (("mask_class", "student"), state.mask, "1 where a node learns from the class")
            tables["fraction"] = (("mask_class",), state.fraction, "fraction of all inputs in the class")
        variables = {
            name: (axes, values, {"long_name": meaning, "units": "1"})
            for name, (axes, values, meaning) in tables.items()
        }
        time = ("alpha", self.alpha, {"long_name": "time α", "units": "updates / inputs"})
        coordinates = {"alpha": time} | {name: np.arange(size) for name, size in nodes.items()}
        return xarray.Dataset(variables, coordinates, self._attributes())

    def _attributes(self) -> dict[str, Any]:
        """What a plain reader needs to know, as texts and numbers."""
        options = {f.name: getattr(self.problem, f.name) for f in fields(self.problem) if f.name != "state"}
        plain = {name: value if isinstance(value, float | int) else str(value) for name, value in options.items()}
        # netCDF has no booleans
        plain = {name: int(value) if isinstance(value, bool) else value for name, value in plain.items()}
        return plain | {"status": self.status.name, "message": self.message}

    def plot(self, name: str = "generalization_error", axes: Axes | None = None) -> Axes:
        """Draw one quantity over α, and return the axes.

        Parameters
        ----------
        name : {"generalization_error", "Q", "R", "v"}
            The error is drawn on a logarithmic axis; of Q, the part on and above the diagonal.
        axes : matplotlib Axes, optional
            Where; a new figure of pyplot if left out.

        Raises
        ------
        BadInput
            There is no such quantity.
        """
        if name not in _SYMBOLS:
            msg = f"name = {name!r}: expected one of {', '.join(_SYMBOLS)}"
            raise BadInput(msg)
        if axes is None:
            import matplotlib.pyplot as plt

            axes = plt.figure().add_subplot()
        drawn = {label: y for label, y in self._columns().items() if label.partition("[")[0] == name}
        for label, y in drawn.items():
            axes.plot(self.alpha, y, label=label)
        axes.set_xlabel("α")
        axes.set_ylabel(_SYMBOLS[name])
        if name == "generalization_error":
            axes.set_yscale("log")
        elif len(drawn) > 1:
            axes.legend()
        return axes

    def _repr_html_(self) -> str:
        """What a notebook shows: how it ended, and the error at a few times."""
        S, state = len(self.alpha), self.problem.state
        shown = sorted({round(n * (S - 1) / (_SHOWN - 1)) for n in range(_SHOWN)}) if S else []
        rows = "".join(
            f"<tr><td>{self.alpha[n]:.6g}</td><td>{self.generalization_error[n]:.6g}</td></tr>" for n in shown
        )
        title = f"{state.K} student and {state.M} teacher nodes ({state.activation}), η = {self.problem.eta:g}"
        return (
            f"<p><b>Solution</b>: {escape(title)}; {S} times, {self.nfev} right-hand sides; {escape(self.message)}</p>"
            f"<table><thead><tr><th>α</th><th>ε_g</th></tr></thead><tbody>{rows}</tbody></table>"
        )


# how much work it was: whole numbers
COUNTS = tuple(f.name for f in fields(Solution) if f.type == "int")


def solution(
    problem: Problem,
    times: NDArray[np.float64],
    result: Outcome,
    throw: bool,
    events: tuple[tuple[float, ...], ...] = (),
) -> Solution:
    """What a kernel returned, in the field's letters."""
    return solutions([problem], times, [result], throw, events)[0]


def solutions(
    problems: Sequence[Problem],
    times: NDArray[np.float64],
    results: Sequence[Outcome],
    throw: bool,
    events: tuple[tuple[float, ...], ...] = (),
) -> list[Solution]:
    """The same of problems of one size and with the same equations."""
    states = np.array([result.states for result in results])
    Q, R, v = unflattened(states, problems)
    errors = errors_of_many(problems, states)
    made = []
    for n, (problem, x) in enumerate(zip(problems, results, strict=True)):
        status, filled = Status(x.status), x.filled
        message = message_of(status, x)
        if problem.small_eta:
            message += "; in the limit of a small learning rate, without the terms in η²"
        found = (errors[n, :filled], Q[n, :filled], R[n, :filled], v[n, :filled])
        if throw and status != Status.DONE:
            last = f"; last ε_g = {found[0][-1]:.3g}" if filled else ""
            msg = f"stopped at α = {x.reached:.6g}: {message}{last}"
            raise IntegrationFailed(msg)
        counts = (x.nfev, x.steps, x.njev, x.nlu)
        made.append(Solution(times[:filled], *found, problem, status, message, *counts, events))
    return made


def message_of(status: Status, x: Outcome) -> str:
    """How an integration ended, in a sentence."""
    stiff = x.method == "an explicit method"
    advice = 'the equations are too stiff for it, method="auto" goes on' if stiff else "no root of a step is found"
    return _MESSAGES[status].format(trials=x.trials, rejected=x.trials - x.steps, method=x.method, advice=advice)
