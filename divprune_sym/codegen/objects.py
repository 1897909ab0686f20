"""Object code: made of LLVM's text, kept beside the generated modules, and linked into this process.

What is kept has the hash of its content in its head and of all it depends on in its name, the processor among them.
What is damaged, or was made for another key, is not used. A symbol that nobody has is an error of the linker, and not
the end of the process, as it is with LLVM's older engine.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any

from llvmlite import __version__ as llvmlite_version
from llvmlite import binding

from divprune_sym.codegen.cache import cache_folder, write_aside
from divprune_sym.codegen.compiled import say_once

if TYPE_CHECKING:
    from pathlib import Path

# the name under which what is called is found
ENTRY = "divprune_sym_entry"
# all that object code may ask for
_SYMBOLS = ("malloc", "calloc", "free", "memset", "memcpy", "memmove", "pow", "atan2", "fma", "ceil")
_NUMBERS = count()


@dataclass(frozen=True)
class Code:
    """Object code with one entry, and the kind of its result."""

    result: str | None
    content: bytes


@cache
def machine_name() -> str:
    """The processor that code is compiled for, and what compiles it."""
    return f"{binding.get_host_cpu_name()} {binding.get_host_cpu_features().flatten()} llvmlite {llvmlite_version}"


@cache
def _machine() -> Any:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding.Target.from_default_triple().create_target_machine(
        cpu=binding.get_host_cpu_name(),
        features=binding.get_host_cpu_features().flatten(),
        opt=3,
        reloc="pic",
        codemodel="default",
    )


def object_code(text: str) -> bytes:
    """Compile LLVM's text; nothing in it is contracted or reassociated."""
    machine = _machine()
    head = f'target triple = "{machine.triple}"\ntarget datalayout = "{machine.target_data}"\n'
    module = binding.parse_assembly(head + text)
    options = binding.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = options.slp_vectorization = True
    passes = binding.create_pass_builder(machine, options)
    passes.getModulePassManager().run(module, passes)
    return bytes(machine.emit_object(module))


@cache
def _linker() -> Any:
    return binding.create_lljit_compiler(_machine(), use_jit_link=True, suppress_errors=True)


@cache
def _addresses() -> dict[str, int]:
    """Where the symbols are that object code may ask for."""
    process = ctypes.cdll.msvcrt if os.name == "nt" else ctypes.CDLL(None)
    found = {name: getattr(process, name, None) for name in _SYMBOLS}
    return {name: ctypes.cast(x, ctypes.c_void_p).value or 0 for name, x in found.items() if x is not None}


@cache
def _libraries() -> list[Any]:
    """What has been linked: gone with the process."""
    return []


def linked(code: Code) -> int:
    """The address of the entry.

    Raises
    ------
    RuntimeError
        This is no object code, or it asks for a symbol outside of the list.
    """
    builder = binding.JITLibraryBuilder().add_object_img(code.content).export_symbol(ENTRY)
    for name, address in _addresses().items():
        builder.import_symbol(name, address)
    library = builder.link(_linker(), f"divprune_sym.{next(_NUMBERS)}")
    _libraries().append(library)
    return int(library[ENTRY])


def _file(key: str) -> Path:
    return cache_folder() / f"o_{key}.bin"


def _seal(key: str, payload: bytes) -> bytes:
    return hashlib.sha256(key.encode() + payload).hexdigest().encode()


def kept(key: str) -> Code | None:
    """What is on disk under a key, if it is whole."""
    path = _file(key)
    try:
        held = path.read_bytes()
    except OSError:
        return None
    seal, _, payload = held.partition(b"\n")
    if seal != _seal(key, payload):
        say_once(f"cache folder {path.parent}: compiled code in it is damaged, and is made anew")
        return None
    head, _, content = payload.partition(b"\n")
    return Code(json.loads(head)["result"], content)


def store(key: str, code: Code) -> None:
    """Keep code under a key, if the disk has room."""
    path = _file(key)
    payload = json.dumps({"result": code.result}).encode() + b"\n" + code.content
    try:
        write_aside(path, _seal(key, payload) + b"\n" + payload)
    except OSError as error:
        reason = error.strerror or error
        say_once(f"cache folder {path.parent}: compiled code cannot be kept ({reason}), and is made anew")
