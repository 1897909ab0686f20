"""Names of pruning methods, known without importing one: a method is a file in `pruning/methods`.

`random_edge.py` holds the method "random-edge"; files that begin with an underscore hold none.
"""

from __future__ import annotations

from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# those of Acharyya et al. (UAI 2021), in the order of its figures; all others follow by name
PAPER = ("random-node", "importance-node", "dpp-node", "random-edge", "magnitude-edge", "dpp-edge")
FOLDER = Path(__file__).with_name("pruning") / "methods"


def shipped(folders: Iterable[str] = (str(FOLDER),)) -> list[str]:
    """The methods that have a file in these folders: the paper's first, then the others by name."""
    files = [module.name for module in iter_modules(folders) if not module.name.startswith("_")]
    names = {name.replace("_", "-") for name in files}
    return [*(name for name in PAPER if name in names), *sorted(names - {*PAPER})]
