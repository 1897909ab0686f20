"""A pruning method from a file that a user wrote. Loading it runs the file."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from difflib import get_close_matches
from types import ModuleType
from typing import TYPE_CHECKING, Any

from divprune_sym.ground.checks import BadInput
from divprune_sym.ground.user_files import executed, file_and_name, users_code
from divprune_sym.pruning.method import EdgePruning, NodeMethod
from divprune_sym.pruning.registry import METHODS, as_method

if TYPE_CHECKING:
    from divprune_sym.pruning.registry import Method


def load_method(source: str) -> Method:
    """The method FILE.py:NAME (a class or an object), or the registered one of that name.

    Raises
    ------
    BadInput
        No such file, the file fails, NAME is missing or no method, or has the name of a registered one; one line that
        says which.
    """
    parts = file_and_name(source)
    if parts is None:
        return METHODS[source]
    path, name = parts
    module = executed(path)
    if not hasattr(module, name):
        msg = f"{path}: has no {name}; {_offer(module, name)}"
        raise BadInput(msg)
    with users_code(source):
        method = as_method(getattr(module, name), source)
    if method.name in METHODS and path.samefile(_file_of(METHODS[method.name])):
        return METHODS[method.name]
    if method.name in METHODS and METHODS[method.name] != method:
        msg = f"{source}: {method.name} is the name of a registered method, choose another"
        raise BadInput(msg)
    _check_signatures(method, source)
    return method


def as_loaded(asked: str | Method) -> Method:
    """What `load_method` makes of a text; a method as it is."""
    return load_method(asked) if isinstance(asked, str) else as_method(asked)


def _file_of(method: Method) -> str:
    from divprune_sym.pruning.variant import SymbolicEdgeMethod

    return inspect.getfile(type(method.variant if isinstance(method, SymbolicEdgeMethod) else method))


def _offer(module: ModuleType, name: str) -> str:
    from divprune_sym.pruning.variant import EdgeVariant

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
    from divprune_sym.pruning.variant import SymbolicEdgeMethod

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
