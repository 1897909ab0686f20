"""Types of options that several commands have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from divprune_sym.method_names import shipped


def _whole(_: type[int], tokens: Sequence[Any]) -> int:
    """A converter that, unlike the usual one, does not round 2.7 to 3."""
    text = tokens[0].value
    try:
        return int(text)
    except ValueError:
        msg = f"{text[:40]!r} is not a whole number."
        raise ValueError(msg) from None


def read_methods(text: str) -> tuple[str, ...]:
    """Names or FILE:CLASS separated by commas; "paper" stands for the paper's six, "all" for all registered ones."""
    from divprune_sym.method_names import PAPER

    if text == "all":
        from divprune_sym.pruning import METHODS

        return tuple(METHODS)
    return PAPER if text == "paper" else tuple(name.strip() for name in text.split(","))


Whole = Annotated[int, Parameter(converter=_whole)]
Output = Annotated[Path, Parameter(name=["--out", "-o"])]
Json = Annotated[bool, Parameter(name="--json", show_default=False)]
Method = Annotated[
    str, Parameter(help=f"{', '.join(shipped())}, the name of a plug-in, or FILE.py:CLASS; the file is run.")
]
Methods = Annotated[
    str,
    Parameter(
        help="Methods separated by commas: names that the error command knows, and FILE.py:CLASS, which is run. "
        '"paper" stands for random, importance and DPP nodes, random, magnitude and DPP edges; "all" for all there are.'
    ),
]
Rescale = Literal["none", "inverse-sqrt", "optimal"]
