"""Public names that import their module at first use (SPEC 1): `import divprune_sym` stays cheap.

Each package has one table of them, its stub `__init__.pyi`, in lines `from MODULE import NAME as NAME`: type checkers
read it as it stands, `public_names` finds the same names for a running program, and the docs list them.
"""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_LINE = re.compile(r"^from (\S+) import (\w+) as \2$", re.MULTILINE)


def table_of_names(file: str) -> dict[str, str]:
    """The names in the stub beside a package's `__init__.py`, each with the module that has it."""
    stub = Path(file).with_suffix(".pyi").read_text(encoding="utf-8")
    return {name: module for module, name in _LINE.findall(stub)}


def public_names(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """`__getattr__`, `__dir__` and `__all__` of a package.

    Parameters
    ----------
    package, file : str
        Its `__name__` and `__file__`.
    """
    table = table_of_names(file)

    def attribute(name: str) -> Any:
        if name not in table:
            msg = f"module {package!r} has no attribute {name!r}"
            raise AttributeError(msg, name=name, obj=sys.modules[package])
        if table[name] == package:
            return import_module(f"{package}.{name}")
        return getattr(import_module(table[name]), name)

    return attribute, lambda: sorted(table), list(table)
