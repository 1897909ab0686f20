"""What every method looks like in every figure, by its place in the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from divprune_sym.pruning.registry import METHODS
from divprune_sym.show.figures import Look, look

if TYPE_CHECKING:
    from collections.abc import Mapping


def looks(units: Mapping[str, str]) -> dict[str, Look]:
    """The looks of methods, each named with its unit ("node" or "edge"); those of no registry come after all others."""
    order = [*METHODS, *(name for name in units if name not in METHODS)]
    return {name: look(order.index(name), unit) for name, unit in units.items()}
