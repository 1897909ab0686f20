"""A pruning method from a file that a user wrote. Loading it runs the file."""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from divprune_sym.ground.checks import BadInput
from divprune_sym.pruning import EdgePruning, NodeMethod
from divprune_sym.pruning.registry import as_method, find_method
from divprune_sym.pruning.variant import EdgeVariant, SymbolicEdgeMethod

if TYPE_CHECKING:
    from divprune_sym.pruning.registry import Method

_EXAMPLE = "my_method.py:MyMethod"


def load_method(source: str) -> Method:
    """The method FILE.py:NAME (a class or an object), or the registered one of that name.

    Raises
    ------
    BadInput
        No such file, the file fails, or NAME is missing or no method; one line that says which.
    """
    path, colon, name = source.rpartition(":")
    if source.endswith(".py") or (colon and not name):
        msg = f"{source}: which class? Write FILE:CLASS, such as {_EXAMPLE}"
        raise BadInput(msg)
    if not path.endswith(".py"):
        return find_method(source)
    module = executed(Path(path))
    if not hasattr(module, name):
        msg = f"{path}: has no {name}; {_offer(module, name)}"
        raise BadInput(msg)
    with users_code(source):
        method = as_method(getattr(module, name), source)
    _check_signatures(method, source)
    return method


@contextmanager
def users_code(source: str) -> Iterator[None]:
    """An exception that passed through the file of FILE.py:NAME becomes one line that says where in it."""
    path = source.rpartition(":")[0] or source
    try:
        yield
    except (BadInput, SyntaxError):
        raise
    except (Exception, SystemExit) as error:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == path]
        if not frames:
            raise
        text = str(error) or "no message"
        msg = f"{path}: line {frames[-1].lineno}, in {frames[-1].name}: {type(error).__name__}: {text}"
        raise BadInput(msg) from error


def executed(path: Path) -> ModuleType:
    """The file as a module, compiled from its text: no bytecode is left beside it."""
    if not path.is_file():
        msg = f"{path}: No such file"
        raise BadInput(msg)
    module = ModuleType(f"divprune_sym_user_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses look their module up
    try:
        code = compile(path.read_bytes(), str(path), "exec")
    except (SyntaxError, ValueError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        msg = f"{path}: is no Python{line}: {error.args[0]}"
        raise BadInput(msg) from None
    with users_code(str(path)):
        exec(code, module.__dict__)
    return module


def _offer(module: ModuleType, name: str) -> str:
    kinds = (EdgeVariant, EdgePruning, NodeMethod)
    own = [
        n
        for n, value in vars(module).items()
        if isinstance(value, kinds)
        or (isinstance(value, type) and issubclass(value, kinds) and value.__module__ == module.__name__)
    ]
    close = get_close_matches(name, own, 1)
    if close:
        return f"did you mean {close[0]}?"
    return f"it has {', '.join(own)}" if own else "it has no pruning method"


def _check_signatures(method: Method, source: str) -> None:
    """A call that cannot be made is refused now, rather than as a TypeError in our own code."""
    faces: list[tuple[Callable[..., Any], tuple[str, ...]]] = (
        [(method.variant.limit, ("pair",)), (method.variant.draw, ("layer", "keep", "rng", "count"))]
        if isinstance(method, SymbolicEdgeMethod)
        else [(method.draw, ("layer", "keep", "rng", "count"))]
    )
    for face, arguments in faces:
        try:
            inspect.signature(face).bind(*arguments)
        except TypeError as error:
            expected = ", ".join(("self", *arguments))
            msg = f"{source}: {face.__name__} must take ({expected}): {error}"
            raise BadInput(msg) from None
