"""Records of arrays, compared by what they hold."""

from __future__ import annotations

from dataclasses import fields
from functools import partial
from typing import Any, ClassVar

import numpy as np


class ByValue:
    """Base of dataclasses that hold arrays: equal when all fields are, arrays entry by entry (NaN equals NaN).

    They cannot be hashed, since arrays cannot; say `@dataclass(frozen=True, eq=False)`.
    """

    __hash__: ClassVar[None]  # type: ignore[assignment]
    __dataclass_fields__: ClassVar[dict[str, Any]]

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(same(getattr(self, f.name), getattr(other, f.name)) for f in fields(self) if f.compare)


def same(a: Any, b: Any) -> bool:
    """Whether two values are equal, where they may hold arrays."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        alike = isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and (a.shape, a.dtype) == (b.shape, b.dtype)
        return alike and bool(np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"))
    if isinstance(a, partial) and isinstance(b, partial):
        return same((a.func, a.args, a.keywords), (b.func, b.args, b.keywords))
    if type(a) is not type(b):
        return False
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return bool(a == b) or (isinstance(a, float) and a != a and b != b)
