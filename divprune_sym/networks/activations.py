"""The activations that networks name, on arrays. A family takes numbers in brackets: `leaky-relu[0.01]`."""

from __future__ import annotations

import re
from functools import cache, partial
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import erf, expit, log_softmax, ndtr, softmax

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


def _gelu(fields: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(fields * ndtr(fields))


def _gelu_tanh(fields: NDArray[np.float64]) -> NDArray[np.float64]:
    inner = np.sqrt(2 / np.pi) * (fields + 0.044715 * fields**3)
    return np.asarray(0.5 * fields * (1 + np.tanh(inner)))


def _silu(fields: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(fields * expit(fields))


def _leaky_relu(fields: NDArray[np.float64], slope: float) -> NDArray[np.float64]:
    return np.where(fields > 0, fields, slope * fields)


def _elu(fields: NDArray[np.float64], lowest: float) -> NDArray[np.float64]:
    return np.where(fields > 0, fields, lowest * np.expm1(np.minimum(fields, 0.0)))


def _hard_sigmoid(fields: NDArray[np.float64], slope: float, middle: float) -> NDArray[np.float64]:
    return np.clip(slope * fields + middle, 0.0, 1.0)


def _softmax(fields: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(softmax(fields, axis=-1))


def _log_softmax(fields: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(log_softmax(fields, axis=-1))


# erf is the theory's g(u) = erf(u/√2)
_PLAIN: dict[str, Elementwise] = {
    "sigmoid": expit,
    "tanh": np.tanh,
    "relu": _relu,
    "erf": _erf,
    "gelu": _gelu,
    "gelu-tanh": _gelu_tanh,
    "silu": _silu,
    "identity": _identity,
}
# function, and its numbers where none are given
_FAMILIES: dict[str, tuple[Callable[..., NDArray[np.float64]], tuple[float, ...]]] = {
    "leaky-relu": (_leaky_relu, (0.01,)),
    "elu": (_elu, (1.0,)),
    "hard-sigmoid": (_hard_sigmoid, (1 / 6, 0.5)),
}
# act on all units of a layer at once
LAST_ONLY: dict[str, Elementwise] = {"softmax": _softmax, "log-softmax": _log_softmax}
_SAME_AS = {"logistic": "sigmoid", "linear": "identity", "none": "identity", "swish": "silu"}
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_IN_BRACKETS = re.compile(rf"([a-z-]+)\[({_NUMBER}(?:\s*,\s*{_NUMBER})*)\]")

ELEMENTWISE = (*_PLAIN, *_FAMILIES)


def activation_name(name: str, hidden: bool) -> str:
    """Our name of an activation, with its numbers: `leaky_relu` is leaky-relu[0.01].

    Raises
    ------
    BadInput
        It is not known, has other numbers than its family, or acts on all units at once and `hidden`.
    """
    plain = str(name).strip().lower().replace("_", "-")
    plain = _SAME_AS.get(plain, plain)
    bracketed = _IN_BRACKETS.fullmatch(plain)
    family = bracketed[1] if bracketed else plain
    if family in _FAMILIES:
        wanted = _FAMILIES[family][1]
        numbers = tuple(float(part) for part in bracketed[2].split(",")) if bracketed else wanted
        if len(numbers) == len(wanted) and np.isfinite(numbers).all():
            return with_numbers(family, *numbers)
    elif plain in _PLAIN or (plain in LAST_ONLY and not hidden):
        return plain
    where = "a hidden layer" if hidden else "the output layer"
    families = [with_numbers(family, *numbers) for family, (_, numbers) in _FAMILIES.items()]
    known = [*_PLAIN, *families, *([] if hidden else LAST_ONLY)]
    msg = f"activation {str(name)[:40]!r} of {where}: choose from {', '.join(known)}"
    raise BadInput(msg)


def with_numbers(family: str, *numbers: float) -> str:
    """The name of one member of a family."""
    return f"{family}[{','.join(repr(float(number)).removesuffix('.0') for number in numbers)}]"


def numbers_of(name: str) -> tuple[str, tuple[float, ...]]:
    """The family and the numbers of a name that `activation_name` gave."""
    family, _, rest = name.partition("[")
    return family, tuple(float(part) for part in rest.rstrip("]").split(",")) if rest else ()


def split_names(text: str) -> list[str]:
    """Names separated by commas; those in brackets belong to a name."""
    return [part.strip() for part in re.split(r",(?![^\[]*\])", text)]


@cache
def activation(name: str) -> Elementwise:
    """The function of a name that `activation_name` gave."""
    family, numbers = numbers_of(name)
    if family in _FAMILIES:
        return partial(_FAMILIES[family][0], **dict(zip(_parameters(family), numbers, strict=True)))
    return _PLAIN[name] if name in _PLAIN else LAST_ONLY[name]


def kinks(name: str) -> tuple[float, ...]:
    """The fields at which the activation of a name that `activation_name` gave is not smooth."""
    family, numbers = numbers_of(name)
    if family == "hard-sigmoid":
        slope, middle = numbers
        return (-middle / slope, (1 - middle) / slope) if slope else ()
    return (0.0,) if family in {"relu", "leaky-relu", "elu"} else ()


def _parameters(family: str) -> tuple[str, ...]:
    function = _FAMILIES[family][0]
    return function.__code__.co_varnames[1 : function.__code__.co_argcount]
