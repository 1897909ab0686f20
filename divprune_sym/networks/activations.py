"""The activations that networks name, on arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import erf, expit, softmax

from divprune_sym.ground.checks import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Elementwise = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def _relu(fields: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(fields, 0.0)


def _erf(fields: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(erf(fields / np.sqrt(2.0)))


def _identity(fields: NDArray[np.float64]) -> NDArray[np.float64]:
    return fields


def _softmax(fields: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(softmax(fields, axis=-1))


# erf is the theory's g(u) = erf(u/√2); softmax acts on all units of a layer at once
ACTIVATIONS: dict[str, Elementwise] = {
    "sigmoid": expit,
    "tanh": np.tanh,
    "relu": _relu,
    "erf": _erf,
    "identity": _identity,
    "softmax": _softmax,
}
_SAME_AS = {"logistic": "sigmoid", "linear": "identity", "none": "identity", "log-softmax": "softmax"}


def activation_name(name: str, hidden: bool) -> str:
    """Our name of an activation.

    Raises
    ------
    BadInput
        It is not known, or it is softmax and `hidden`.
    """
    plain = str(name).strip().lower()
    plain = _SAME_AS.get(plain, plain)
    known = [known for known in ACTIVATIONS if not (hidden and known == "softmax")]
    if plain not in known:
        where = "a hidden layer" if hidden else "the output layer"
        msg = f"activation {str(name)[:40]!r} of {where}: choose from {', '.join(known)}"
        raise BadInput(msg)
    return plain
