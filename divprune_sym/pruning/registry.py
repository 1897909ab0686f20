"""Every method by name: those that have a file in `pruning/methods`, and plug-ins of other packages.

A method is imported when it is asked for: names are listed without SymPy.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from inspect import signature
from typing import TYPE_CHECKING

from divprune_sym.ground import plugins
from divprune_sym.ground.checks import BadInput
from divprune_sym.method_names import PAPER, shipped
from divprune_sym.pruning import methods
from divprune_sym.pruning.method import EdgePruning, NodeMethod, PruningMethod

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Method = NodeMethod | EdgePruning


class UnknownMethod(BadInput, KeyError):
    """No method has this name; the message lists those there are."""

    __str__ = BadInput.__str__


class Methods(Mapping[str, Method]):
    """All pruning methods, by name: the paper's six, then the others that are shipped, then plug-ins.

    `items` and `values` leave out plug-ins that cannot be used, with a `PluginWarning` each.
    """

    def __iter__(self) -> Iterator[str]:
        ours = shipped(methods.__path__)
        return iter([*ours, *(name for name in plugins.offered(plugins.METHODS) if name not in ours)])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        return name in shipped(methods.__path__) or name in plugins.offered(plugins.METHODS)

    def __getitem__(self, name: str) -> Method:
        """The method of this name; a plug-in never replaces a method of ours.

        Raises
        ------
        UnknownMethod
            There is none.
        BadInput
            It is a plug-in that cannot be used.
        """
        if name in shipped(methods.__path__):
            return _from_file(name)
        point = plugins.offered(plugins.METHODS).get(name)
        if point is not None:
            return _from_plugin(point)
        close = get_close_matches(name, self, 1)
        hint = f' Did you mean "{close[0]}"?' if close else ""
        msg = f'METHOD "{name}": choose from {", ".join(self)}.{hint}'
        raise UnknownMethod(msg)

    def usable(self) -> dict[str, Method]:
        """Every method that can be used; each plug-in that cannot gives a `PluginWarning`, and is left out."""
        ours = {name: _from_file(name) for name in shipped(methods.__path__)}
        return ours | plugins.each_usable(plugins.METHODS, as_method, ours)

    def items(self) -> ItemsView[str, Method]:
        return self.usable().items()

    def values(self) -> ValuesView[Method]:
        return self.usable().values()

    def __repr__(self) -> str:
        return f"<pruning methods {', '.join(self)}>"


METHODS = Methods()


def paper_methods() -> dict[str, Method]:
    """The six methods of Acharyya et al. (UAI 2021), in the order of its figures."""
    return {name: METHODS[name] for name in PAPER}


@cache
def _from_file(name: str) -> Method:
    module = import_module(f"{methods.__name__}.{name.replace('-', '_')}")
    for found in vars(module).values():
        own = isinstance(found, PruningMethod) or getattr(found, "__module__", "") == module.__name__
        if own and getattr(found, "name", None) == name:
            return as_method(found, f"{module.__file__}")
    msg = f"{module.__file__}: holds no method with name = {name!r}, as its file is called"
    raise BadInput(msg)


@cache
def _from_plugin(point: EntryPoint) -> Method:
    return plugins.loaded(plugins.METHODS, point, as_method)


def as_method(found: object, where: str = "method") -> Method:
    """A name, a method, or the class of one that takes no arguments, as a method.

    Raises
    ------
    BadInput
        It is none of these, or it lacks one of its faces; the message begins with `where`.
    """
    if isinstance(found, str):
        return METHODS[found]
    if isinstance(found, type) and issubclass(found, (NodeMethod, EdgePruning)):
        found = _made(found, where)
    if isinstance(found, (NodeMethod, EdgePruning)):
        return found
    from divprune_sym.pruning.variant import EdgeVariant, SymbolicEdgeMethod

    if isinstance(found, type) and issubclass(found, EdgeVariant):
        found = _made(found, where)
    if isinstance(found, EdgeVariant):
        return SymbolicEdgeMethod(found)
    msg = f"{where}: is no pruning method; derive it from EdgeVariant, EdgeMethod or NodeMethod"
    raise BadInput(msg)


def _made(kind: type, where: str) -> object:
    missing = sorted(getattr(kind, "__abstractmethods__", ()))
    if missing:
        msg = f"{where}: lacks {', '.join(missing)}"
        raise BadInput(msg)
    try:
        signature(kind).bind()
    except TypeError as error:
        msg = f"{where}: must take no arguments ({error}); name an object of it instead"
        raise BadInput(msg) from None
    return kind()
