"""What the commands print. Data to stdout, messages to stderr."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from divprune_sym.show.tables import print_table

if TYPE_CHECKING:
    from collections.abc import Mapping

DONE, FAILED, BAD_INPUT, SAMPLED, INTERRUPTED = 0, 1, 2, 3, 130


def say(message: str, code: int = DONE) -> int:
    """Print one line on stderr, whatever characters a file name or a key brought along, and pass the code on."""
    line = " ".join(message.split())
    visible = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
    print(f"divprune-sym: {visible}", file=sys.stderr)
    return code


def print_json(result: Mapping[str, Any]) -> None:
    print(json.dumps(result, allow_nan=False))


def print_result(result: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    rows = [(name.replace("_", " "), str(value)) for name, value in result.items() if value is not None]
    print_table(("", ""), rows)
