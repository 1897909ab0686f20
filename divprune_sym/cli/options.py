"""Types of options that several commands have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter


def _whole(_: type[int], tokens: Sequence[Any]) -> int:
    """A converter that, unlike the usual one, does not round 2.7 to 3."""
    text = tokens[0].value
    try:
        return int(text)
    except ValueError:
        msg = f"{text[:40]!r} is not a whole number."
        raise ValueError(msg) from None


Whole = Annotated[int, Parameter(converter=_whole)]
Output = Annotated[Path, Parameter(name=["--out", "-o"])]
Json = Annotated[bool, Parameter(name="--json", show_default=False)]
Rescale = Literal["none", "inverse-sqrt", "optimal"]
