"""Names of activations, known without SymPy: a problem may be read, and its compiled equations found, without it.

Each file in `gaussian/activations` is one. Two families take numbers: `erf[2]` is erf(2u/√2), and
`polynomial[0, 1, -1/6]` is u − u²/6; `he7` is He_7.
"""

from __future__ import annotations

import re
from pathlib import Path
from pkgutil import iter_modules

FILES = tuple(module.name for module in iter_modules([str(Path(__file__).parent / "gaussian" / "activations")]))
BUILT_IN = (*FILES, "he2", "he3")
SHAPES = ("erf[GAIN]", "heN", "polynomial[C0, C1, ...]")

_NUMBER = r"[+-]?(?:\d{1,30}/\d{1,30}|(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][+-]?\d{1,2})?)"
_ONE = re.compile(rf"erf\[\s*({_NUMBER})\s*\]")
_HERMITE = re.compile(r"he(\d{1,3})")
_POLYNOMIAL = re.compile(rf"polynomial\[\s*({_NUMBER}(?:\s*,\s*{_NUMBER})*)\s*\]")


def family(name: str) -> tuple[str, tuple[str, ...]] | None:
    """The family a name belongs to and the numbers in it, as text; None for all other names."""
    for kind, pattern in (("erf", _ONE), ("he", _HERMITE), ("polynomial", _POLYNOMIAL)):
        if found := pattern.fullmatch(name):
            return kind, tuple(part.strip() for part in found[1].split(","))
    return None


def is_ours(name: str) -> bool:
    """Whether a name is one of ours; all others are looked for among installed packages."""
    return name in BUILT_IN or family(name) is not None
