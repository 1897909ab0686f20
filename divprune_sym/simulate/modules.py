"""The loop of online SGD for the activations of a network, generated once for each pair."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from divprune_sym.codegen.cache import cached_module
from divprune_sym.named_activations import described, resolved

if TYPE_CHECKING:
    from types import ModuleType

    from divprune_sym.gaussian import Activation

_PREAMBLE = """from __future__ import annotations

import math

import numpy as np
from numba import njit

jit = njit(nogil=True)

"""
_COPIED_FROM = "# --- copied into generated modules"


@cache
def sgd_module(activation: str | Activation, teacher: str | Activation | None = None) -> ModuleType:
    """`sgd_steps` for student nodes with g and teacher nodes with h (None: g).

    Raises
    ------
    BadInput
        g jumps, or g, g' or h has no numerical counterpart.
    """

    def generate() -> str:
        loop = (Path(__file__).parent / "_kernel.py").read_text(encoding="utf-8")
        below = loop.split(_COPIED_FROM, 1)[1].split("\n", 1)[1]
        return _PREAMBLE + functions_source(activation, teacher) + "\n\n" + below

    return cached_module({"sgd": True, **described_pair(activation, teacher)}, generate)


def described_pair(activation: str | Activation, teacher: str | Activation | None) -> dict[str, str | None]:
    """What tells two activations from all others, for the cache."""
    return {"activation": described(activation), "teacher": None if teacher is None else described(teacher)}


def functions_source(activation: str | Activation, teacher: str | Activation | None) -> str:
    """`student_output`, `student_slope` and `teacher_output` as text, in terms of `math` and `jit`."""
    # SymPy is needed only here
    from divprune_sym.codegen.functions import SIGN_SOURCE, output_source, slope_source

    g = resolved(activation)
    h = g if teacher is None else resolved(teacher)
    parts = (output_source("student_output", g), slope_source("student_slope", g), output_source("teacher_output", h))
    return SIGN_SOURCE + "\n".join(("", *parts))
