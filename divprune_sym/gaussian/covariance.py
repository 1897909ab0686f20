"""Names and covariances at the door."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from divprune_sym.gaussian.term import Covariance
from divprune_sym.ground.checks import (
    BadInput,
    BadShape,
    NotPositiveSemidefinite,
    NotSymmetric,
    real_array,
    refuse_negative,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def named_covariance(fields: Sequence[str], matrix: Any) -> Covariance:
    """A covariance with a name for every row.

    Floats are taken at their exact binary value, so that closed forms stay exact.

    Parameters
    ----------
    fields : sequence of str
        The names, of letters and digits.
    matrix : (F, F) array or SymPy matrix
        Numbers, or SymPy expressions: then only what can be decided is checked.

    Raises
    ------
    BadInput
        A name twice, or two names for one field.
    BadShape, NotSymmetric, NotPositiveSemidefinite
        No covariance.
    """
    names = tuple(field_name("fields", name) for name in fields)
    for name in names:
        if names.count(name) > 1:
            msg = f"fields: {name!r} is given twice"
            raise BadInput(msg)
    entries = _entries(matrix, len(names))
    _refuse_asymmetric(entries, names)
    if entries.is_Matrix and all(entry.is_number for entry in entries):
        _refuse_indefinite(entries, names)
        _refuse_copies(entries, names)
    return Covariance(names, sp.ImmutableMatrix(entries))


def field_name(where: str, name: Any) -> str:
    """Return a field's name, of letters and digits; raises `BadInput` otherwise."""
    if not isinstance(name, str) or not name.isalnum():
        msg = f"{where}: {name!r} is no field name; letters and digits only"
        raise BadInput(msg)
    return name


def not_known(what: str, name: Any, known: Iterable[str]) -> str:
    """The line that refuses a name, with the known one that it resembles or all of them."""
    names = list(known)
    guess = get_close_matches(str(name)[:80], names, n=1)
    hint = f"did you mean {guess[0]!r}?" if guess else f"known: {', '.join(names)}"
    return f"{what} {name!r}: not known; {hint}"


def _entries(matrix: Any, size: int) -> sp.Matrix:
    if isinstance(matrix, sp.MatrixBase):
        entries = sp.Matrix(matrix)
    else:
        array = np.asarray(matrix, dtype=object)
        if not any(isinstance(entry, sp.Basic) for entry in array.flat):
            array = real_array("covariance", matrix, (None, None))
        entries = sp.Matrix(array.shape[0], array.shape[-1], [_exact(entry) for entry in array.flat])
    if entries.shape != (size, size):
        msg = f"covariance: shape {entries.shape}, expected ({size}, {size}) for the fields given"
        raise BadShape(msg)
    return entries


def _exact(entry: Any) -> sp.Expr:
    return entry if isinstance(entry, sp.Basic) else sp.Rational(float(entry))


def _refuse_asymmetric(entries: sp.Matrix, names: tuple[str, ...]) -> None:
    for i, a in enumerate(names):
        if entries[i, i].is_negative:
            msg = f"covariance: not positive semi-definite, the variance of {a!r} is {_shown(entries[i, i])}"
            raise NotPositiveSemidefinite(msg)
        for j, b in enumerate(names[:i]):
            if sp.simplify(entries[i, j] - entries[j, i]) != 0:
                there, back = _shown(entries[i, j]), _shown(entries[j, i])
                msg = f"covariance: not symmetric, C_{a}{b} = {there} but C_{b}{a} = {back}"
                raise NotSymmetric(msg)


def _shown(entry: sp.Expr) -> str:
    return f"{float(entry):.6g}" if entry.is_number else str(entry)


def _refuse_indefinite(entries: sp.Matrix, names: tuple[str, ...]) -> None:
    values = np.array(entries.evalf().tolist(), dtype=float)
    eigenvalues = np.asarray(np.linalg.eigvalsh(values), dtype=np.float64)
    refuse_negative(f"covariance of {', '.join(names)}", eigenvalues)


def _refuse_copies(entries: sp.Matrix, names: tuple[str, ...]) -> None:
    for i, a in enumerate(names):
        for j, b in enumerate(names[:i]):
            if entries[i, i] != 0 and entries[i, i] == entries[j, j] == entries[i, j]:
                msg = f"covariance: {b!r} and {a!r} are one field under two names; give their factors one name"
                raise BadInput(msg)
