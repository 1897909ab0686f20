"""What the commands print. Data to stdout, messages to stderr."""

from __future__ import annotations

import codecs
import json
import sys
import unicodedata
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

from divprune_sym.show.tables import print_table

if TYPE_CHECKING:
    from collections.abc import Mapping

_SPELLED = {
    **{"−": "-", "–": "-", "—": "-", "·": "*", "×": "x", "…": "...", "→": "->", "±": "+/-", "≤": "<=", "≥": ">="},
    **{"²": "^2", "³": "^3", "√": "sqrt ", "½": "1/2", "∞": "infinity", "’": "'", "‘": "'", "“": '"', "”": '"'},
}

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


def spell_what_cannot_be_encoded() -> None:
    """Let stdout and stderr spell the letters that their encoding lacks: a terminal of ASCII shows eta for η."""
    codecs.register_error("spelled", _spelled)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="spelled")


def _spelled(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_spelling, error.object[error.start : error.end])), error.end


def _spelling(character: str) -> str:
    name = unicodedata.name(character, "").split()
    if name[:1] == ["GREEK"] and "LETTER" in name:
        return name[-1].capitalize() if "CAPITAL" in name else name[-1].lower()
    return _SPELLED.get(character) or character.encode("ascii", "backslashreplace").decode()
