"""What tensors of a graph are: functions of the outputs of a dense layer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.networks.graphs.elementwise import Function

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Layer:
    """A dense layer h ← g(W h + b) of the network, and the tensor s ∘ h + t that the graph has for it."""

    before: Layer | None
    W: NDArray[np.float64]
    b: Vector
    activation: str
    tensor: str
    s: Vector | float = 1.0
    t: Vector | float = 0.0


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor s ∘ f(M h + b) + t of the outputs h of `layer`, or of the inputs; without M: f(a ∘ h + b)."""

    layer: Layer | None
    units: tuple[int, ...]
    a: Vector
    b: Vector
    size: Vector  # |shifts| that went into b, for the rounding of their sum
    M: NDArray[np.float64] | None = None
    f: Function = field(default_factory=Function)
    s: Vector | float = 1.0
    t: Vector | float = 0.0
    last: str | None = None  # softmax or log-softmax of all units

    @property
    def width(self) -> int:
        """Number of units."""
        return len(self.b)

    @property
    def linear(self) -> bool:
        """Whether nothing but factors and shifts was applied."""
        return self.f.slope is not None and self.last is None

    def folded(self) -> Value:
        """The same where f is a factor: it goes into M and b."""
        return self if not self.linear or self.f.slope == 1.0 else self.times(1.0)

    @property
    def bare(self) -> bool:
        """Whether no factor or shift of single units follows f."""
        return bool(np.ndim(self.s) == 0 and self.s == 1.0 and np.ndim(self.t) == 0 and self.t == 0.0)

    def times(self, factor: Vector | float) -> Value:
        """factor ∘ self, for a factor of each unit."""
        if not self.linear:
            return replace(self, s=self.s * factor, t=self.t * factor)
        whole = np.broadcast_to(np.asarray(factor * (self.f.slope or 0.0)), (self.width,))
        M = None if self.M is None else whole[:, None] * self.M
        a = whole * self.a if M is None else self.a
        return replace(self, a=a, b=whole * self.b, size=np.abs(whole) * self.size, M=M, f=Function())

    def plus(self, shift: Vector | float) -> Value:
        """self + shift, for a shift of each unit."""
        if not self.linear:
            return replace(self, t=self.t + shift)
        folded = self if self.f.slope == 1.0 else self.times(1.0)
        return replace(folded, b=folded.b + shift, size=folded.size + np.abs(shift))
