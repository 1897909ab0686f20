"""Names of a network's outputs, as files keep them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from divprune_sym.ground.checks import BadInput
from divprune_sym.ground.stored import fitted, parsed

if TYPE_CHECKING:
    from pathlib import Path


def classes_of(path: Path, text: str | None) -> list[str]:
    """The names of the classes in a file's metadata, a list in JSON."""
    if text is None:
        return []
    try:
        found = fitted(parsed(text), [object])
    except BadInput:
        msg = f"{path}: metadata classes {text[:60]!r}, expected a list in JSON"
        raise BadInput(msg) from None
    return [str(name) for name in found]
