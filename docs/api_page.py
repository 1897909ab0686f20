"""Write api.md: every public name, from the tables that the program and type checkers read (`__init__.pyi`)."""

from __future__ import annotations

import inspect
from importlib import import_module
from pathlib import Path
from types import ModuleType

HEADING = """\
# Public names

`divprune_sym` itself has what most work needs, and the rooms below it as attributes: after `import divprune_sym as dp`,
`dp.dpp.describe` is there. Everything is imported at first use.
"""


def page() -> str:
    """The whole page."""
    top = import_module("divprune_sym")
    rooms = [name for name in dir(top) if isinstance(getattr(top, name), ModuleType)]
    sections = [HEADING, *[_section(f"divprune_sym.{room}") for room in rooms]]
    sections.insert(1, _block([_directive("divprune_sym", name) for name in dir(top) if name not in rooms]))
    return "\n\n".join(sections) + "\n"


def _section(package: str) -> str:
    module, top = import_module(package), import_module("divprune_sym")
    above = [name for name in dir(module) if getattr(top, name, None) is getattr(module, name)]
    rest = [_directive(package, name) for name in dir(module) if name not in above]
    parts = [f"## {package}", str(module.__doc__).partition("\n")[0]]
    if above:
        parts.append(f"Above: {', '.join(f'{{py:obj}}`~divprune_sym.{name}`' for name in above)}.")
    return "\n\n".join([*parts, _block(rest)] if rest else parts)


def _block(directives: list[str]) -> str:
    return "\n".join(["```{eval-rst}", "\n\n".join(directives), "```"])


def _directive(package: str, name: str) -> str:
    found = getattr(import_module(package), name)
    if inspect.isclass(found):
        return f".. autoclass:: {package}.{name}\n   :members:"
    if inspect.isroutine(found):
        return f".. autofunction:: {package}.{name}"
    content = f"Keys: {', '.join(map(repr, found))}." if isinstance(found, dict) else f"``{found!r}``"
    return f".. py:data:: {package}.{name}\n\n   {content}"


def write(target: Path) -> None:
    """Write the page, unless it is there already: a new time of change would have it built again."""
    text = page()
    if not target.exists() or target.read_text(encoding="utf-8") != text:
        target.write_text(text, encoding="utf-8")
