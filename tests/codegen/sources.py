"""Generated source as plain Python functions: nothing is compiled, and asin can be counted."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache
from types import FunctionType

import numpy as np

from divprune_sym.codegen import simd
from divprune_sym.codegen.compiler import compile_system
from divprune_sym.codegen.native import Native
from divprune_sym.codegen.targets import CPU
from divprune_sym.dynamics.equations import equations_of_motion
from divprune_sym.dynamics.update import UpdateRule
from divprune_sym.gaussian import ERF

RATES = {"eta": 0.7, "eta_v": 0.3, "sigma": 0.4, "weight_decay": 0.05}
SIZES = {"K": "v.shape[0]", "M": "A.shape[0]", "classes": "mask.shape[0]"}


class Counting:
    """asin that counts its calls, and the lanes of each."""

    def __init__(self):
        self.calls = self.lanes = 0

    def __call__(self, x):
        self.calls += 1
        self.lanes += np.size(x)
        return np.arcsin(x)


# what a preamble defines, as Python and NumPy understand it: lanes are a last axis
NAMES = {
    "jit": lambda f: f,
    "entry": lambda f: f,
    "sqrt": np.sqrt,
    "root": lambda x: np.sqrt(np.maximum(x, 0.0)),
    "atan2": np.arctan2,
    "exp": np.exp,
    "pi": math.pi,
    "np": np,
    **{name: getattr(simd, name) for name in vars(simd) if not name.startswith("_")},
}


def exact_fma(x, y, z):
    """x·y + z, rounded once, as compiled code has it."""
    if not (math.isfinite(x) and math.isfinite(y) and math.isfinite(z)):
        return x * y + z
    return float(Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z)))


def as_python(function, **names):
    """A function that is compiled, and all that it calls, run by the interpreter, with other meanings of some names."""
    made = {}

    def around(names_there):
        if id(names_there) not in made:
            made[id(names_there)] = new = dict(names_there)
            new |= {name: plain(x) for name, x in names_there.items() if isinstance(x, Native)}
            new |= {name: x for name, x in names.items() if name in new}
        return made[id(names_there)]

    def plain(one):
        return FunctionType(one.py_func.__code__, around(one.py_func.__globals__), one.__name__)

    return plain(function)


def plain_python(function, asin=np.arcsin):
    """The function of a generated source, run by the interpreter."""
    names = NAMES | {"asin": asin}
    exec(function.source, names)  # our own generated text
    return names[function.name]


def generate_equations(second_layer=True, sizes=SIZES, target=CPU):
    outputs = ("dQ", "dR", "dv") if second_layer else ("dQ", "dR")
    return compile_system(equations_of_motion(UpdateRule(second_layer=second_layer)), ERF, sizes, outputs, target)


@cache
def generated_equations(second_layer=True):
    """For sizes read at run time, generated once for all tests."""
    return generate_equations(second_layer)


def right_hand_side(function, state, rates=RATES, asin=np.arcsin):
    """dQ^c, dR^c and dv (zeros where the second layer does not learn) by the generated source."""
    given = {
        "Q": state.Q_classes,
        "R": state.R_classes,
        "T": state.T_classes,
        "v": state.v,
        "A": state.A,
        "mask": state.mask,
        "fraction": state.fraction,
        "variance": state.variance,
        "dQ": np.full_like(state.Q_classes, np.nan),
        "dR": np.full_like(state.R_classes, np.nan),
        "dv": np.full_like(state.v, np.nan),
    } | rates
    plain_python(function, asin)(*[given[name] for name in function.arguments])
    if "dv" not in function.arguments:
        given["dv"] = np.zeros_like(state.v)
    return given["dQ"], given["dR"], given["dv"]
