"""Read what `Solution.save` wrote, its problem and the way it was integrated included."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.arrays import read_arrays
from divprune_sym.ground.checks import BadInput, increasing_times, number, real_array
from divprune_sym.ground.stored import fitted, parsed
from divprune_sym.solvers.adaptive import integrate
from divprune_sym.solvers.fixed_step import integrate_fixed_step
from divprune_sym.solvers.problem_record import problem_of
from divprune_sym.solvers.solution import COUNTS, FORMAT, Solution, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_INTEGRATORS: dict[str, tuple[Callable[..., Solution], dict[str, type]]] = {
    "integrate": (integrate, {"method": str, "rtol": float, "atol": float, "max_steps": int}),
    "integrate_fixed_step": (integrate_fixed_step, {"method": str, "dt": float}),
}
_ABOUT = {"format": str, "problem": object, "status": int, "message": str, "events": [[float]], "integrator": object}
_ABOUT |= dict.fromkeys(COUNTS, int)


def load_solution(path: str | Path) -> Solution:
    """Read a solution from the npz file that `Solution.save` wrote.

    Raises
    ------
    BadInput
        No such file, a truncated one, or one that does not hold together. Nothing in it is executed.
    OSError
        The file cannot be read.
    """
    path = Path(path)
    try:
        return _solution(read_arrays(path))
    except BadInput as error:
        text = str(error)
        msg = text if text.startswith(str(path)) else f"{path}: {text}"
        raise BadInput(msg) from None


def _solution(arrays: dict[str, NDArray[Any]]) -> Solution:
    about = _about(arrays)
    problem = problem_of(about["problem"], arrays)
    C, K, M = problem.state.R_classes.shape
    alpha = arrays["alpha"]
    alpha = increasing_times("alpha", alpha) if np.size(alpha) else np.zeros(0)
    S = len(alpha)
    shapes: dict[str, tuple[int, ...]] = {"generalization_error": (S,), "v": (S, K)}
    shapes |= {"Q_classes": (S, C, K, K), "R_classes": (S, C, K, M)}
    if C == 1:
        arrays = arrays | {f"{name}_classes": arrays[name][:, None] for name in "QR" if np.ndim(arrays[name]) == 3}
    found: dict[str, Any] = {name: _held(arrays, name, shape) for name, shape in shapes.items()}
    found |= {name: int(about[name]) for name in COUNTS}
    events = tuple(tuple(number("event", time, 0.0) for time in times) for times in about["events"])
    return Solution(
        alpha=alpha,
        problem=problem,
        status=Status(about["status"]),
        message=str(about["message"]),
        events=events,
        integrator=_integrator(about["integrator"]),
        **found,
    )


def _held(arrays: dict[str, NDArray[Any]], name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    if name not in arrays:
        msg = f"lacks {name}"
        raise BadInput(msg)
    return real_array(name, arrays[name], shape)


def _about(arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    try:
        about: dict[str, Any] = fitted(parsed(str(arrays.get("about"))), _ABOUT, "about")
        if about["format"] != FORMAT or about["status"] not in list(Status) or min(about[name] for name in COUNTS) < 0:
            msg = "another format, an unknown status or a count below 0"
            raise BadInput(msg)
        if not {"alpha", "Q", "R"} <= arrays.keys():
            msg = "lacks alpha, Q or R"
            raise BadInput(msg)
    except BadInput as error:
        msg = f"holds no solution, or half of one ({error}); Solution.save writes them"
        raise BadInput(msg) from None
    return about


def _integrator(about: Any) -> Callable[..., Solution] | None:
    if about is None:
        return None
    name = about.get("name") if isinstance(about, dict) else None
    function, options = _INTEGRATORS.get(str(name), (None, {}))
    given = about.get("options") if function is not None else None
    if function is None or not isinstance(given, dict) or given.keys() - options.keys():
        msg = f"integrator: {str(about)[:80]}, expected one of {', '.join(_INTEGRATORS)} with its options"
        raise BadInput(msg)
    for key, value in given.items():
        if type(value) is not options[key]:
            msg = f"integrator: {key} = {str(value)[:80]}, expected a {options[key].__name__}"
            raise BadInput(msg)
    return partial(function, **given)
