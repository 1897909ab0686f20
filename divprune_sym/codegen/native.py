"""Functions of generated text as machine code: `native` makes them callable, by what `direct` and `objects` do.

A function is compiled for the kinds of arguments it is called with, and kept on disk; where it is found there, nothing
is lowered and no compiler is started.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.codegen import objects
from divprune_sym.codegen.cache import fingerprint
from divprune_sym.codegen.expressions import FLOAT, INTEGER, TRUTH, CannotLower
from divprune_sym.codegen.objects import Code, machine_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from divprune_sym.codegen.expressions import Kind

_ELEMENTS = {np.dtype(np.float64): FLOAT, np.dtype(np.int64): INTEGER}
_RESULTS: dict[str | None, Any] = {FLOAT: ctypes.c_double, INTEGER: ctypes.c_int64, TRUTH: ctypes.c_bool}
_COMPILING = RLock()


def native(function: Callable[..., Any]) -> Native:
    """Compile a function of generated text when it is first called, or its address is first asked for."""
    return Native(function)


class Native:
    """A function of numbers and arrays in C order; `py_func` is the same as Python has it."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.py_func = function
        self.__name__, self.__doc__ = function.__name__, function.__doc__
        self._entries: dict[tuple[Kind, ...], Entry] = {}

    def __call__(self, *arguments: Any) -> Any:
        """Call it; arrays are float64 or int64 in C order.

        Raises
        ------
        MemoryError
            There is no room for an array it needs.
        CannotLower
            It has something that generated text never has, or an argument is of no such kind.
        """
        return self.entry(*map(kind_of, arguments))(*arguments)

    def address(self, *kinds: Kind) -> int:
        """Where `call` in generated text calls it with arguments of these kinds."""
        return self.entry(*kinds).address

    def entry(self, *kinds: Kind) -> Entry:
        """The machine code for arguments of these kinds."""
        found = self._entries.get(kinds)
        if found is None:
            with _COMPILING:
                found = self._entries.get(kinds) or self._loaded(kinds)
                self._entries[kinds] = found
        return found

    def _loaded(self, kinds: tuple[Kind, ...]) -> Entry:
        """From disk, if it is there and can be linked; else compiled."""
        key = self._key(kinds)
        if key is not None and (code := objects.kept(key)) is not None:
            try:
                return Entry(objects.linked(code), code.result)
            except RuntimeError:  # it asks for what this process does not have
                pass
        code = self._compiled(kinds)
        entry = Entry(objects.linked(code), code.result)
        if key is not None:
            objects.store(key, code)
        return entry

    def _compiled(self, kinds: tuple[Kind, ...]) -> Code:
        from divprune_sym.codegen.direct import Unit

        unit = Unit()
        result = unit.entry(self.py_func, kinds)
        return Code(result, objects.object_code(unit.text))

    def _key(self, kinds: tuple[Kind, ...]) -> str | None:
        """The name of its file: of all that it depends on. None for a function that is not the library's own."""
        module, name = self.py_func.__module__, self.py_func.__qualname__
        if not module.startswith("divprune_sym") or "<locals>" in name:
            return None
        described = json.dumps([module, name, kinds, fingerprint(), machine_name()])
        return hashlib.sha256(described.encode()).hexdigest()


class Entry:
    """Machine code at an address; see `direct.Unit.entry`."""

    def __init__(self, address: int, result: str | None) -> None:
        self.address, self._result = address, _RESULTS.get(result)
        self._function: Any = None

    def __call__(self, *arguments: Any) -> Any:
        flat: list[Any] = []
        for x in arguments:
            if isinstance(x, np.ndarray):
                flat += [x.ctypes.data, *x.shape]
            else:
                flat.append(x)
        if self._function is None:
            kinds = [ctypes.c_int64 if isinstance(x, (int, np.integer)) else ctypes.c_double for x in flat]
            # the interpreter's lock is not held in it
            self._function = ctypes.CFUNCTYPE(ctypes.c_int32, *kinds, ctypes.c_void_p)(self.address)
        if self._result is None:
            status, found = self._function(*flat, None), None
        else:
            found = self._result()
            status = self._function(*flat, ctypes.byref(found))
        if status != 0:
            msg = "compiled code: there is no room for the arrays it needs"
            raise MemoryError(msg)
        return None if found is None else found.value


def kind_of(x: Any) -> Kind:
    """What an argument is, as generated text sees it."""
    if isinstance(x, np.ndarray):
        if x.dtype not in _ELEMENTS or not x.flags.c_contiguous:
            order = "in C order" if x.flags.c_contiguous else "in another order"
            msg = f"an array of {x.dtype} {order}: compiled code takes float64 or int64 in C order"
            raise CannotLower(msg)
        return _ELEMENTS[x.dtype], x.ndim
    return INTEGER if isinstance(x, (int, np.integer)) else FLOAT
