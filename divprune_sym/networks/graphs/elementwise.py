"""Functions of one variable that a graph spells out in several nodes, and which activation they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import erf, expit

from divprune_sym.networks.activations import ELEMENTWISE, activation, activation_name, with_numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    Scalar = Callable[[NDArray[np.float64]], NDArray[np.float64]]

# where functions are compared: near the kinks, in the tails, and nowhere on a lattice
_GRID = np.concatenate([np.linspace(-7.03, 6.91, 167), [-41.3, -19.7, 17.1, 38.9]])


@dataclass(frozen=True)
class Function:
    """An elementwise function of the fields z.

    Parameters
    ----------
    of : callable
    slope : float or None
        Where it is z ↦ slope · z.
    slopes : frozenset of float
        Factors that z was given on the way: erf(z/√2) in Gelu.
    names : frozenset of str
        Activations that nodes on the way are by themselves, with their numbers.
    whole : (str, float) or None
        The activation, and what z is multiplied by before it, where it is one node.
    """

    of: Scalar = lambda z: z
    slope: float | None = 1.0
    slopes: frozenset[float] = frozenset({1.0})
    names: frozenset[str] = frozenset()
    whole: tuple[str, float] | None = None

    def scaled(self, factor: float) -> Function:
        """factor · f(z)"""
        slope = None if self.slope is None else factor * self.slope
        slopes = self.slopes if slope is None else self.slopes | {slope}
        return Function(lambda z: factor * self.of(z), slope, slopes, self.names)

    def then(self, outer: Scalar, name: str | None = None) -> Function:
        """outer(f(z)); `name`: the activation that `outer` is."""
        whole = None
        if name and self.slope is not None and outer is activation(name):
            whole = (name, self.slope)
        return Function(lambda z: outer(self.of(z)), None, self.slopes, self.names | ({name} if name else set()), whole)

    def with_other(self, operator: Scalar2, other: Function) -> Function:
        """operator(f(z), other(z))"""
        slope = None
        if self.slope is not None and other.slope is not None and operator in (np.add, np.subtract):
            slope = float(operator(self.slope, other.slope))
        return Function(
            lambda z: operator(self.of(z), other.of(z)), slope, self.slopes | other.slopes, self.names | other.names
        )


if TYPE_CHECKING:
    Scalar2 = Callable[..., NDArray[np.float64]]


@dataclass(frozen=True)
class Recognized:
    """f(z) = gain · g(inner · z) + offset, g an activation by name."""

    name: str
    inner: float
    gain: float = 1.0
    offset: float = 0.0


def recognized(function: Function, eps: float) -> Recognized | None:
    """Which activation an elementwise function is, or None.

    eps: the rounding of the file's numbers; constants that are 1 or 0 up to it are taken as such.
    """
    if function.slope is not None:
        return Recognized("identity", _near(function.slope, 1.0, eps))
    if function.whole is not None and function.whole[1] != 0.0:
        return Recognized(function.whole[0], _near(function.whole[1], 1.0, eps))
    values = function.of(_GRID)
    if not np.isfinite(values).all():
        return None
    names = sorted(function.names) + [activation_name(name, hidden=True) for name in ELEMENTWISE]
    inners = sorted({factor * slope for slope in function.slopes for factor in (1.0, np.sqrt(2.0))}, key=_plainness)
    found = (_fitted(values, name, _near(inner, 1.0, eps), eps) for name in names for inner in inners)
    return next((one for one in found if one is not None), None)


def _plainness(factor: float) -> float:
    return abs(np.log(abs(factor))) if factor else np.inf


def _fitted(values: NDArray[np.float64], name: str, inner: float, eps: float) -> Recognized | None:
    design = np.column_stack([activation(name)(inner * _GRID), np.ones(len(_GRID))])
    (gain, offset), *_ = np.linalg.lstsq(design, values)
    gain, offset = _near(float(gain), 1.0, eps), _near(float(offset), 0.0, eps)
    size = max(float(np.abs(values).max()), abs(offset))
    off = np.abs(design @ (gain, offset) - values).max()
    return Recognized(name, inner, gain, offset) if gain != 0.0 and off <= 16 * eps * size else None


def _near(value: float, wanted: float, eps: float) -> float:
    return wanted if abs(value - wanted) <= 16 * eps else value


def _softplus(z: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.logaddexp(0.0, z)


# operators without attributes: function, and the activation that it is
PLAIN: dict[str, tuple[Scalar, str | None]] = {
    "Relu": (activation("relu"), "relu"),
    "Sigmoid": (expit, "sigmoid"),
    "Tanh": (np.tanh, "tanh"),
    "Erf": (erf, None),
    "Softplus": (_softplus, None),
    "Exp": (np.exp, None),
    "Sqrt": (np.sqrt, None),
    "Abs": (np.abs, None),
    "Reciprocal": (np.reciprocal, None),
    "Softsign": (lambda z: z / (1 + np.abs(z)), None),
    "Mish": (lambda z: z * np.tanh(_softplus(z)), None),
    "HardSwish": (lambda z: z * np.clip(z / 6 + 0.5, 0.0, 1.0), None),
}
WITH_ATTRIBUTES = ("LeakyRelu", "Elu", "Celu", "Selu", "HardSigmoid", "Gelu", "Swish", "ThresholdedRelu")


def as_attribute(number: float, eps: float) -> float:
    """A number as an attribute holds it, float32: 0.01 is meant where 0.01 cannot be told from it."""
    value = np.float32(number)
    return float(str(value)) if eps > 1e-10 else float(value)


def with_attributes(operator: str, attributes: Mapping[str, object], eps: float) -> tuple[Scalar, str | None]:
    """The function of an operator that has attributes, and the activation that it is by itself."""

    def number(name: str, default: float) -> float:
        return as_attribute(attributes.get(name, default), eps)  # type: ignore[arg-type]

    if operator == "LeakyRelu":
        name = with_numbers("leaky-relu", number("alpha", 0.01))
    elif operator == "Elu" or (operator == "Celu" and number("alpha", 1.0) == 1.0):
        name = with_numbers("elu", number("alpha", 1.0))
    elif operator == "HardSigmoid":
        name = with_numbers("hard-sigmoid", number("alpha", 0.2), number("beta", 0.5))
    elif operator == "Gelu":
        name = "gelu-tanh" if attributes.get("approximate", b"none") == b"tanh" else "gelu"
    elif operator == "Selu":
        lowest, gain = number("alpha", 1.67326319217681884765625), number("gamma", 1.05070102214813232421875)
        name = with_numbers("elu", lowest)
        return lambda z: gain * activation(name)(z), name
    elif operator == "Swish":
        slope = number("alpha", 1.0)
        return lambda z: z * expit(slope * z), None
    elif operator == "ThresholdedRelu":
        above = number("alpha", 1.0)
        return lambda z: np.where(z > above, z, 0.0), None
    else:
        alpha = number("alpha", 1.0)
        return lambda z: np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0.0) / alpha)), None
    return activation(name), name
