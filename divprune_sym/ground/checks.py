"""Checks at the door: bad input is refused here, in one line, and trusted everywhere inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Kind = TypeVar("Kind")
EPS = float(np.finfo(np.float64).eps)


class BadInput(ValueError):
    """Something handed to us cannot be used: the message says what, its value, and what is expected."""


class BadShape(BadInput):
    """An array of the wrong shape."""


class NotSymmetric(BadInput):
    """A matrix that must be symmetric is not."""


class NotPositiveSemidefinite(BadInput):
    """A matrix that must be positive semi-definite has an eigenvalue below rounding."""


def real_array(name: str, value: Any, shape: tuple[int | None, ...], *, share: bool = False) -> NDArray[np.float64]:
    """Return `value` as a finite float64 array of the given shape (None: any length).

    It is a copy; with `share`, an array that nobody may write to, and that is no view of another, is taken as it is.

    Raises
    ------
    BadShape
        The number of axes or a fixed axis differs.
    BadInput
        Not a rectangular array of real numbers, or a NaN or infinity in it.
    """
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "buif":
            raise TypeError
        if not (share and array.flags.owndata and not array.flags.writeable and array.dtype == np.float64):
            array = np.array(array, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        msg = f"{name}: expected a rectangular array of real numbers"
        raise BadInput(msg) from None
    wanted = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
    fits = all(n is None or n == m for n, m in zip(shape, array.shape, strict=False))
    if array.ndim != len(shape) or not fits:
        msg = f"{name}: shape {array.shape}, expected {wanted}"
        raise BadShape(msg)
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        msg = f"{name}: {array[where]} at index {where}; every entry must be finite"
        raise BadInput(msg)
    return array


def number(name: str, value: Any, low: float = -np.inf, high: float = np.inf) -> float:
    """Return `value` as a float in [low, high]; raises `BadInput` naming the limit otherwise."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        msg = f"{name}: expected a number, got {value!r}"
        raise BadInput(msg)
    try:
        converted = float(value)
    except OverflowError:
        converted = np.inf
    if not np.isfinite(converted) or not low <= converted <= high:
        msg = f"{name} = {converted}: must lie in [{low:g}, {high:g}]"
        raise BadInput(msg)
    return converted


def instance(name: str, value: Any, kind: type[Kind], hint: str = "") -> Kind:
    """Return `value`, which must be of a class of ours; raises `BadInput` naming both otherwise."""
    if isinstance(value, kind):
        return value
    msg = f"{name}: expected {kind.__name__}, got {type(value).__name__}{hint and '; '}{hint}"
    raise BadInput(msg)


def instances(name: str, values: Any, kind: type[Kind], hint: str = "") -> list[Kind]:
    """The entries of a list or tuple that is not empty, each of a class of ours; raises `BadInput` otherwise."""
    if not isinstance(values, (list, tuple)):
        msg = f"{name}: expected a list of {kind.__name__}, got {type(values).__name__}"
        raise BadInput(msg)
    if not values:
        msg = f"{name}: empty, expected at least one {kind.__name__}"
        raise BadInput(msg)
    return [instance(f"{name}[{n}]", value, kind, hint) for n, value in enumerate(values)]


def increasing_times(name: str, value: Any) -> NDArray[np.float64]:
    """Return `value` as a strictly increasing float64 array, ≥ 0 and not empty.

    Raises
    ------
    BadShape
        More or fewer than one axis.
    BadInput
        No time, a negative one, or one that is not above the one before.
    """
    times = real_array(name, value, (None,))
    if len(times) == 0:
        msg = f"{name}: empty, expected at least one time"
        raise BadInput(msg)
    if times[0] < 0:
        msg = f"{name}: starts at {times[0]:g}, must be ≥ 0"
        raise BadInput(msg)
    falls = np.flatnonzero(np.diff(times) <= 0)
    if len(falls):
        at = int(falls[0])
        msg = f"{name}: must increase, but {times[at]:g} is followed by {times[at + 1]:g}"
        raise BadInput(msg)
    return times


def integer(name: str, value: Any, low: int, high: int | None = None) -> int:
    """Return `value` as an int in [low, high]; raises `BadInput` naming the limit otherwise."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        msg = f"{name}: expected an integer, got {value!r}"
        raise BadInput(msg)
    if value < low or (high is not None and value > high):
        limit = f"at least {low}" if high is None else f"between {low} and {high}"
        msg = f"{name} = {value}: must be {limit}"
        raise BadInput(msg)
    return int(value)


def refuse_rate_of_frozen(second_layer: bool, eta_v: float) -> None:
    """Raise `BadInput` where a second layer is frozen and has a learning rate."""
    if eta_v > 0 and not second_layer:
        msg = f"eta_v = {eta_v:g}: the second layer is frozen; leave eta_v out, or let the layer learn"
        raise BadInput(msg)


def symmetric(name: str, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the symmetric part of a matrix that is symmetric up to rounding.

    Raises
    ------
    NotSymmetric
        |A − Aᵀ| exceeds 8 N ε max|A| somewhere; the message names the entry.
    """
    gap = np.abs(matrix - matrix.T)
    limit = 8 * max(matrix.shape[0], 1) * EPS * np.abs(matrix).max(initial=0.0)
    if gap.max(initial=0.0) > limit:
        i, j = (int(n) for n in np.unravel_index(int(gap.argmax()), gap.shape))
        msg = f"{name}: not symmetric, [{i}, {j}] = {matrix[i, j]:.6g} but [{j}, {i}] = {matrix[j, i]:.6g}"
        raise NotSymmetric(msg)
    return 0.5 * (matrix + matrix.T)


def psd_cutoff(eigenvalues: NDArray[np.float64]) -> float:
    """N ε_mach λ_max: eigenvalues of this size cannot be told from zero in float64."""
    return len(eigenvalues) * EPS * float(np.abs(eigenvalues).max(initial=0.0))


def refuse_negative(name: str, eigenvalues: NDArray[np.float64], mend: str = "") -> None:
    """Raise `NotPositiveSemidefinite` where an eigenvalue lies below −N ε_mach λ_max; `mend` says what to do."""
    lowest = float(eigenvalues.min(initial=0.0))
    cutoff = psd_cutoff(eigenvalues)
    if lowest < -cutoff:
        msg = (
            f"{name}: not positive semi-definite, eigenvalue {lowest:.6g} "
            f"(rounding explains at most {-cutoff:.2g} at N = {len(eigenvalues)}){mend}"
        )
        raise NotPositiveSemidefinite(msg)
