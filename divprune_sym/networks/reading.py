"""What a user says about a file, and what is read from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from divprune_sym.networks.network import DenseNetwork


@dataclass(frozen=True)
class Given:
    """What the user says about a file that does not say it.

    Attributes
    ----------
    activations : tuple of str or None
        One for each layer.
    layers : tuple of str or None
        Names of the layers' weights, first to last.
    """

    activations: tuple[str, ...] | None = None
    layers: tuple[str, ...] | None = None


@dataclass(frozen=True)
class ReadNetwork:
    """A network, and what is to be said of how it was read.

    Attributes
    ----------
    network : DenseNetwork
    notes : tuple of str
    """

    network: DenseNetwork
    notes: tuple[str, ...] = ()
