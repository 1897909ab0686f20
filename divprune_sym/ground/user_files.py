"""Python files that a user wrote. Loading one runs it."""

from __future__ import annotations

import sys
import traceback
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from divprune_sym.ground.checks import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator

_MODULES = "divprune_sym_user_"


def file_and_name(source: str) -> tuple[Path, str] | None:
    """FILE.py:NAME in its two parts; None for a text without a file.

    Raises
    ------
    BadInput
        A file without a name in it.
    """
    path, colon, name = source.rpartition(":")
    if source.endswith(".py") or (colon and not name):
        msg = f"{source}: which class? Write FILE:CLASS, such as my_method.py:MyMethod"
        raise BadInput(msg)
    return (Path(path), name) if path.endswith(".py") else None


@contextmanager
def users_code(*sources: str | Path | None) -> Iterator[None]:
    """An exception that passed through users' files, FILE.py or FILE.py:NAME, becomes one line that says where."""
    paths = [str(source).rpartition(":")[0] or str(source) for source in sources]
    try:
        yield
    except (BadInput, SyntaxError):
        raise
    except (Exception, SystemExit) as error:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename in paths]
        if not frames:
            raise
        text = str(error) or "no message"
        msg = f"{frames[-1].filename}: line {frames[-1].lineno}, in {frames[-1].name}: {type(error).__name__}: {text}"
        raise BadInput(msg) from error


def executed(path: Path) -> ModuleType:
    """The file as a module, compiled from its text: no bytecode is left beside it.

    Raises
    ------
    BadInput
        There is no such file, it is no Python, or it fails; one line that says where.
    """
    if not path.is_file():
        msg = f"{path}: No such file"
        raise BadInput(msg)
    module = ModuleType(f"{_MODULES}{path.stem}_{sha256(bytes(path.resolve())).hexdigest()[:8]}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses look their module up
    try:
        code = compile(path.read_bytes(), str(path), "exec")
    except (SyntaxError, ValueError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        msg = f"{path}: is no Python{line}: {error.args[0]}"
        raise BadInput(msg) from None
    with users_code(path):
        exec(code, module.__dict__)
    return module


def file_of(found: object) -> Path | None:
    """The user's file that the class of an object comes from; None for a class of an installed package."""
    inner = getattr(found, "variant", found)
    name = type(inner).__module__
    return Path(str(sys.modules[name].__file__)) if name.startswith(_MODULES) else None
