"""What the names in generated text mean, as Python and NumPy have it: numbers, and packs of `WIDTH` of them.

Text that computes with floats computes with lanes too, one IEEE operation for each operator and lane. Nothing is
contracted or reassociated, and products are added by `fma` only where the text says so: the bits of a lane depend
neither on the other lanes, nor on the width, nor on the processor. `expressions` has the same in LLVM's text.

In Python an array of lanes has one axis more, of `WIDTH`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

# one register of the widest kind most processors have; two halves of it where they have less
WIDTH = 4


# --- numbers -------------------------------------------------------------------------------------------


def fma(x: float, y: float, z: float) -> float:
    """x·y + z, rounded once where it is compiled."""
    return x * y + z


def above(x: float, y: float, yes: float, no: float) -> float:
    """`yes` where x > y, else `no`."""
    return yes if x > y else no


def any_above(x: float, y: float) -> bool:
    """Whether x > y in any lane."""
    return x > y


def power_of_two(n: float) -> float:
    """2ⁿ of an integer n from −1022 to 1023."""
    return float(2.0**n)


# --- pairs of nodes ------------------------------------------------------------------------------------


def _padded(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs in whole packs: the last one is repeated."""
    fill = (0, -len(rows) % WIDTH)
    return np.pad(rows, fill, mode="edge"), np.pad(columns, fill, mode="edge")


def half_pairs(size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All (i, k) with k ≤ i < size, as two arrays of a multiple of `WIDTH`."""
    return _padded(*np.tril_indices(size))


def all_pairs(rows: int, columns: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All (i, n) with i < rows and n < columns, as two arrays of a multiple of `WIDTH`."""
    at = np.indices((rows, columns)).reshape(2, -1)
    return _padded(at[0], at[1])


# --- arrays --------------------------------------------------------------------------------------------


def as_lanes(array: NDArray[np.float64]) -> NDArray[np.float64]:
    """A float64 array (…, WIDTH) as an array (…) of lanes, without copying."""
    return array


def local_array(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Room for floats on the stack, of literal extents; it is gone when the function returns."""
    return np.empty(shape)


def lane_array(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Room for an array of lanes."""
    return np.empty((*shape, WIDTH))


# room for lanes on the stack, of literal extents; it is gone when the function returns
local_lanes = lane_array


def view(array: NDArray[np.float64], start: int, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Entries of a flat array from `start` on, in a shape."""
    return array[start : start + math.prod(shape)].reshape(*shape, *array.shape[1:])


def packed_indices(array: NDArray[np.int64], start: int) -> NDArray[np.int64]:
    """The `WIDTH` entries of an int64 array from `start` on, as one index."""
    return array[start : start + WIDTH]


def take(array: NDArray[np.float64], index: tuple[Any, ...]) -> NDArray[np.float64]:
    """The entries of a float64 array at several indices, one for each lane."""
    return np.asarray(array[index])


def put(array: NDArray[np.float64], index: tuple[Any, ...], value: Any) -> None:
    """Write each lane to its own entry of a float64 array; the last lane wins where entries coincide."""
    array[index] = value


def next_ticket(tickets: NDArray[np.int64]) -> int:
    """Entry 0 of an int64 array, which goes up by one: no two threads get the same number where it is compiled."""
    tickets[0] += 1
    return int(tickets[0]) - 1


def call(function: Callable[..., None], *arguments: Any) -> None:
    """Call the function at an address, `Native.address`; in Python, the function itself."""
    function(*arguments)
