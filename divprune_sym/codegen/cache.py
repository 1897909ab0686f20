"""Generated modules on disk: owner-only folder, file name = hash of the content, verified before import.

Their compiled code lies beside them (see `objects`; Numba caches its own only beside real files): a module kept here is
compiled once per machine.
"""

from __future__ import annotations

import atexit
import hashlib
import importlib.util
import json
import os
import shutil
import stat
import sys
import tempfile
from functools import cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

from divprune_sym.codegen.compiled import guard_compiled_code, say_once
from divprune_sym.ground.checks import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import CodeType, ModuleType

FOLDER_VARIABLE = "DIVPRUNE_SYM_CACHE"
_IMPORTING = RLock()
_SOURCES = ("gaussian", "dynamics", "codegen", "evaluation", "solvers", "simulate", "cuda")


class UnsafeCache(BadInput):
    """The cache folder could be written by somebody else; nothing in it is executed."""


def cache_folder() -> Path:
    """The folder of generated modules, made for the owner alone.

    `DIVPRUNE_SYM_CACHE` moves it; where no folder can be written, a temporary one serves this process.

    Raises
    ------
    UnsafeCache
        The folder belongs to another user, or group or others may write to it.
    """
    folder = _wanted_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        return _without(folder, error)
    _refuse_shared(folder)
    if not os.access(folder, os.W_OK):
        return _without(folder, "it is read-only")
    # Python and Numba keep their compiled code here, and would make the folder by the umask
    compiled = folder / "__pycache__"
    try:
        compiled.mkdir(exist_ok=True, mode=0o700)
    except OSError as error:
        return _without(folder, error)
    _refuse_shared(compiled)
    return folder


def _without(folder: Path, reason: OSError | str) -> Path:
    """What serves in place of a folder that cannot be written to."""
    why = (reason.strerror or reason) if isinstance(reason, OSError) else reason
    say_once(f"cache folder {folder}: cannot be written to ({why}); what is compiled is kept until this run ends")
    return _temporary_folder()


def _refuse_shared(folder: Path) -> None:
    if os.name != "posix":
        return
    status = folder.stat()
    if status.st_uid != os.getuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        msg = f"cache folder {folder}: others may write to it, so nothing in it is run; chmod 700 it"
        raise UnsafeCache(msg)


def _wanted_folder() -> Path:
    if wanted := os.environ.get(FOLDER_VARIABLE):
        return Path(wanted)
    from platformdirs import user_cache_path

    return user_cache_path("divprune_sym") / "generated"


@cache
def _temporary_folder() -> Path:
    folder = tempfile.mkdtemp(prefix="divprune_sym_")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


@cache
def fingerprint() -> str:
    """Hash of everything a generated module depends on: our sources, and the versions of what compiles them."""
    from importlib.metadata import version

    digest = hashlib.sha256()
    for package in _SOURCES:
        for path in sorted((Path(__file__).parent.parent / package).glob("*.py")):
            digest.update(path.name.encode() + path.read_bytes())
    for library in ("sympy", "numba", "numpy", "llvmlite"):
        digest.update(f"{library} {version(library)}".encode())
    digest.update(sys.version.encode())
    return digest.hexdigest()


def cached_module(recipe: Mapping[str, Any], generate: Callable[[], str]) -> ModuleType:
    """Import the generated module of a recipe; generate its source only if it is not on disk yet.

    Parameters
    ----------
    recipe : mapping
        JSON-able description of what is generated.
    generate : callable
        Returns the source; not called, and SymPy not imported, when the module is cached.
    """
    return _imported(_stored(recipe, generate))


def cached_text(recipe: Mapping[str, Any], generate: Callable[[], str]) -> str:
    """The generated text of a recipe, of which modules are made; as in `cached_module`, generated only once."""
    return _stored(recipe, generate).read_text(encoding="utf-8")


def _stored(recipe: Mapping[str, Any], generate: Callable[[], str]) -> Path:
    description = json.dumps({**recipe, "fingerprint": fingerprint()}, sort_keys=True)
    key = hashlib.sha256(description.encode()).hexdigest()
    folder = cache_folder()
    pointer = folder / f"{key}.json"
    path = _pointed_at(pointer)
    if path is None:
        source = generate() + f"\n# cache key {key}\n"
        about = {"recipe": dict(recipe)}
        try:
            path = _kept(pointer, source, about)
        except OSError as error:
            spare = _without(folder, error) / pointer.name
            try:
                path = _kept(spare, source, about)
            except OSError as again:
                msg = f"{spare.parent}: generated code cannot be kept there either ({again.strerror or again}); "
                msg += f"free some space, or name another folder in {FOLDER_VARIABLE}"
                raise BadInput(msg) from None
    return path


def _kept(pointer: Path, source: str, about: Mapping[str, Any]) -> Path:
    """Write a module and the pointer to it."""
    path = pointer.parent / f"g_{hashlib.sha256(source.encode()).hexdigest()}.py"
    write_aside(path, source.encode())
    write_aside(pointer, json.dumps({"module": path.name, **about}).encode())
    return path


def _pointed_at(pointer: Path) -> Path | None:
    """The module a pointer names, if it is there and its content has the hash in its name."""
    try:
        name = json.loads(pointer.read_text())["module"]
        path = pointer.parent / Path(name).name
        content = path.read_bytes()
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return path if path.name == f"g_{hashlib.sha256(content).hexdigest()}.py" else None


def write_aside(path: Path, content: bytes) -> None:
    """Write a file of the owner's under another name, and rename it."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".writing_")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _imported(path: Path) -> ModuleType:
    name = f"divprune_sym_{path.stem}"
    # a thread must not find the module that another one is still importing
    with _IMPORTING:
        return _imported_alone(name, path)


def _imported_alone(name: str, path: Path) -> ModuleType:
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or not isinstance(spec.loader, SourceFileLoader):
            msg = f"cannot load the generated module {path}"
            raise ImportError(msg)
        code = _code(name, spec.loader, Path(importlib.util.cache_from_source(path)))
        if "numba" in code.co_names:
            guard_compiled_code()
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # Numba looks the module up while its functions are being made
        try:
            exec(code, module.__dict__)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]


def _code(name: str, loader: SourceFileLoader, bytecode: Path) -> CodeType:
    """A module's code; bytecode that cannot be read is removed."""
    try:
        code = loader.get_code(name)
    except (EOFError, ValueError, TypeError):
        say_once(f"cache folder {bytecode.parent}: bytecode in it is damaged, and is made anew")
        bytecode.unlink(missing_ok=True)
        code = loader.get_code(name)
    assert code is not None
    return code
