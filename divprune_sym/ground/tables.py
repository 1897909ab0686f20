"""TOML files that users write: read, and refused by the name of what they lack."""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

from divprune_sym.ground.checks import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

Made = TypeVar("Made")

_LONGEST = 2**20  # bytes


def read_toml(path: Path, make: Callable[[Mapping[str, Any]], Made]) -> Made:
    """What `make` makes of the tables of a file.

    Raises
    ------
    BadInput
        No such file, no TOML, or what `make` refuses; the message begins with the file.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_LONGEST + 1)
        if len(text) > _LONGEST:
            msg = "is longer than 1 MiB"
            raise BadInput(msg)
        return make(tomllib.loads(text.decode()))
    except OSError as error:
        msg = f"{path}: cannot be read ({error.strerror})"
        raise BadInput(msg) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        msg = f"{path}: no TOML: {str(error)[:120]}"
        raise BadInput(msg) from None
    except BadInput as error:
        msg = f"{path}: {error}"
        raise BadInput(msg) from None


def refuse_unknown(where: str, table: Mapping[str, Any], known: Collection[str]) -> None:
    """Refuse a key that means nothing there, with the nearest that does."""
    for key in table:
        if key not in known:
            msg = f"{where} has no {key[:40]!r}; {nearest(key, known)}"
            raise BadInput(msg)


def nearest(name: str, known: Collection[str]) -> str:
    """What a message says after a name that is not known."""
    near = get_close_matches(name[:40], known, 1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known))}"
