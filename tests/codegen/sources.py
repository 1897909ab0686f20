"""Generated source as plain Python functions: nothing is compiled, and asin can be counted."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from divprune_sym.codegen.compiler import compile_system
from divprune_sym.codegen.simd import WIDTH, all_pairs, half_pairs
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


def _put(array, index, value):
    array[index] = value


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
    "fma": lambda x, y, z: x * y + z,
    "WIDTH": WIDTH,
    "half_pairs": half_pairs,
    "all_pairs": all_pairs,
    "local_array": np.empty,
    "view": lambda array, start, shape: array[start : start + math.prod(shape)].reshape(*shape, *array.shape[1:]),
    "lane_array": lambda shape: np.empty((*shape, WIDTH)),
    "local_lanes": lambda shape: np.empty((*shape, WIDTH)),
    "packed_indices": lambda rows, start: rows[start : start + WIDTH],
    "take": lambda array, index: array[index],
    "put": _put,
}


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
