"""The steps of a protocol, as data: what they ask for, not how it is done."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.checks import BadInput, number
from divprune_sym.pruning.method import NodeMethod
from divprune_sym.pruning.user_method import load_method

if TYPE_CHECKING:
    from collections.abc import Iterator

    from divprune_sym.pruning.after.rescaling import Rescaling
    from divprune_sym.pruning.registry import Method

# a number, or (times since the stage began, values from each time on)
Rate = float | tuple[tuple[float, ...], tuple[float, ...]]
LAYERS = ("first", "second")
RATES = ("eta", "eta_v", "sigma", "weight_decay")
# what each refit is called where edges are pruned
RESCALINGS: dict[str, Rescaling] = {"none": "none", "inverse-sqrt": "inverse-sqrt", "best": "optimal"}


@dataclass(frozen=True)
class Train:
    """Online SGD for a time.

    Parameters
    ----------
    alpha : float
        How long, in updates per input.
    eta, eta_v, sigma, weight_decay : float or (times, values)
        Rates as in `Problem`. Piecewise constant: values[n] holds from times[n] on, counted since the stage began; the
        first time is 0.
    layers : tuple of str
        Which layers learn, of "first" and "second". A frozen layer does not decay either.

    Raises
    ------
    BadInput
        A rate below 0, times that do not begin with 0, do not increase, or lie beyond the stage, no layer, a rate of a
        frozen layer, or weight decay of the second layer alone, for which there are no equations.
    """

    alpha: float
    eta: Rate = 0.0
    eta_v: Rate = 0.0
    sigma: Rate = 0.0
    weight_decay: Rate = 0.0
    layers: tuple[str, ...] = LAYERS

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", number("alpha", self.alpha, 1e-12))
        for name in RATES:
            object.__setattr__(self, name, _checked_rate(name, getattr(self, name), self.alpha))
        object.__setattr__(self, "layers", _checked_layers(self.layers))
        for layer, name in zip(LAYERS, ("eta", "eta_v"), strict=True):
            if layer not in self.layers and _largest(getattr(self, name)) > 0:
                msg = f"{name}: the {layer} layer is frozen; leave {name} out, or name the layer in layers"
                raise BadInput(msg)
        if "first" not in self.layers and _largest(self.weight_decay) > 0:
            msg = "weight_decay: of the second layer alone there is none; leave it out, or train both layers"
            raise BadInput(msg)

    def pieces(self) -> Iterator[tuple[float, float, dict[str, float]]]:
        """Intervals of the stage over which every rate is one number: (begin, end, rates)."""
        times = {0.0, self.alpha}
        for name in RATES:
            rate = getattr(self, name)
            if isinstance(rate, tuple):
                times |= set(rate[0])
        ordered = sorted(times)
        for begin, end in pairwise(ordered):
            yield begin, end, {name: _at(getattr(self, name), begin) for name in RATES}


def _checked_rate(name: str, rate: Any, alpha: float) -> Rate:
    if not isinstance(rate, (tuple, list)):
        return number(name, rate, 0.0)
    if len(rate) != 2 or not all(isinstance(part, (tuple, list)) for part in rate) or len(rate[0]) != len(rate[1]):
        msg = f"{name}: expected a number, or as many times as values"
        raise BadInput(msg)
    times = tuple(number(f"{name}: time", time, 0.0) for time in rate[0])
    values = tuple(number(name, value, 0.0) for value in rate[1])
    if not times or times[0] != 0.0 or any(b <= a for a, b in pairwise(times)):
        msg = f"{name}: times {list(times)} must begin with 0 and increase"
        raise BadInput(msg)
    if times[-1] >= alpha:
        msg = f"{name}: the time {times[-1]:g} lies beyond the stage, which lasts {alpha:g}"
        raise BadInput(msg)
    return times, values


def _checked_layers(value: Any) -> tuple[str, ...]:
    given = tuple(value) if isinstance(value, (list, tuple)) else ()
    if not given or len(set(given)) != len(given) or not set(given) <= set(LAYERS):
        msg = f'layers = {value!r}: expected ["first"], ["second"] or both'
        raise BadInput(msg)
    return given


def _largest(rate: Rate) -> float:
    return max(rate[1]) if isinstance(rate, tuple) else rate


def _at(rate: Rate, time: float) -> float:
    if isinstance(rate, tuple):
        return rate[1][int(np.searchsorted(rate[0], time, side="right")) - 1]
    return rate


@dataclass(frozen=True)
class Prune:
    """Pruning, which takes no time.

    Parameters
    ----------
    method : str
        A registered name or FILE.py:CLASS (the file is run).
    keep : int or float
        Nodes kept, or the share of every node's edges.
    refit : {"none", "inverse-sqrt", "best"}
        Edges: kept weights divided by √p, or multiplied by the best common factor. Nodes: "best" refits the second
        layer.

    Raises
    ------
    BadInput
        An unknown method, or a keep or refit that is none of its kind.
    """

    method: str
    keep: float
    refit: str = "none"

    def __post_init__(self) -> None:
        method = self.loaded()
        if self.refit not in RESCALINGS or (isinstance(method, NodeMethod) and self.refit == "inverse-sqrt"):
            known = ["none", "best"] if isinstance(method, NodeMethod) else list(RESCALINGS)
            msg = f"refit {self.refit!r}: {method.name} takes one of {', '.join(known)}"
            raise BadInput(msg)
        if isinstance(method, NodeMethod):
            if isinstance(self.keep, bool) or self.keep != int(self.keep) or self.keep < 1:
                msg = f"keep = {self.keep}: {method.name} keeps a whole number of nodes, at least 1"
                raise BadInput(msg)
            object.__setattr__(self, "keep", int(self.keep))
        else:
            object.__setattr__(self, "keep", number("keep", self.keep, 1e-12, 1.0))
            if not method.can_keep(self.keep):
                msg = f"keep = {self.keep:g}: {method.name} cannot keep this share of edges"
                raise BadInput(msg)

    def loaded(self) -> Method:
        """The method."""
        return load_method(self.method)


@dataclass(frozen=True)
class Keep:
    """Remember the weights of this moment under a name, for `Rewind`."""

    name: str


@dataclass(frozen=True)
class Rewind:
    """Set the weights that are left to what they were at a `Keep`; masks stay, and the clock goes on."""

    to: str


@dataclass(frozen=True)
class Teacher:
    """The teacher's second layer changes, as a new task does.

    Parameters
    ----------
    A : tuple of M floats
    """

    A: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "A", tuple(number("A", a) for a in self.A))


Step = Train | Prune | Keep | Rewind | Teacher
