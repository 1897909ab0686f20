"""Strategies that change something valid: bytes, JSON, arrays, words of a command."""

from __future__ import annotations

import copy
import io
import json

import numpy as np
from hypothesis import strategies as st

NUMBERS = (0, -1, 1, 2, 0.5, -0.0, 1e-300, 5e-324, 1e12, 1e100, 1e308, -1e308, 10**30, float("nan"), float("inf"))
ODD = (*NUMBERS, True, None, "", "erf", "nan", "é", "a\nb", [], {}, [[]], [None], [1, [2]], {"Q": 1})
KINDS = ("f2", "f4", ">f8", "c16", "i1", "i8", "u8", "?", "S3", "U2", "M8[s]")
WORDS = (
    "",
    "-1",
    "0",
    "1",
    "3",
    "nan",
    "inf",
    "-inf",
    "1e308",
    "1e-320",
    "1e400",
    "0.5,0.5",
    "1:0:0",
    "x",
    "--",
    "é",
    "½",
)


@st.composite
def changed_bytes(draw, content):
    """Flip, cut, zero, repeat, or add to the bytes."""
    held = bytearray(content)
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, max(len(held) - 1, 0)))
        length = draw(st.integers(0, 40))
        match draw(st.sampled_from(("flip", "cut", "zero", "repeat", "add", "drop"))):
            case "flip" if held:
                held[start] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del held[start:]
            case "zero":
                held[start : start + length] = bytes(len(held[start : start + length]))
            case "repeat":
                held[start:start] = held[start : start + length]
            case "add":
                held[start:start] = draw(st.binary(max_size=20))
            case "drop":
                del held[start : start + length]
    return bytes(held)


def _places(value, place=()):
    yield place
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, held in inside:
        yield from _places(held, (*place, key))


def _at(value, place):
    for key in place:
        value = value[key]
    return value


@st.composite
def changed_json(draw, value):
    """Replace, remove, rename, repeat, swap or wrap something anywhere in a JSON value; sometimes change its bytes."""
    value = copy.deepcopy(value)
    for _ in range(draw(st.integers(1, 3))):
        places = [place for place in _places(value) if place]
        if not places:
            break
        *inner, key = draw(st.sampled_from(places))
        held = _at(value, inner)
        match draw(st.sampled_from(("replace", "replace", "remove", "rename", "repeat", "swap", "wrap"))):
            case "replace":
                held[key] = copy.deepcopy(draw(st.sampled_from(ODD)))
            case "remove":
                del held[key]
            case "rename" if isinstance(held, dict):
                held[draw(st.sampled_from((key + "_", key.upper(), "", "classes", "alphas")))] = held.pop(key)
            case "repeat" if isinstance(held, list):
                held.insert(key, copy.deepcopy(held[key]))
            case "swap":
                held[key] = copy.deepcopy(_at(value, draw(st.sampled_from(places))))
            case _:
                held[key] = [held[key]]
    text = json.dumps(value).encode()
    return draw(changed_bytes(text)) if draw(st.integers(0, 9)) == 0 else text


def npz(arrays):
    """The bytes of an npz file of these arrays."""
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _changed_array(draw, array, others):
    match draw(st.sampled_from(("kind", "turn", "cut", "flat", "deep", "number", "swap", "empty", "scalar"))):
        case "kind":
            with np.errstate(all="ignore"):
                return np.zeros(array.shape, draw(st.sampled_from(KINDS)))
        case "turn":
            return array.T
        case "cut" if array.ndim:
            return array[:-1]
        case "flat":
            return array.reshape(-1)
        case "deep":
            return array[None]
        case "number" if array.size and array.dtype.kind == "f":
            array = array.copy()
            with np.errstate(all="ignore"):
                array.flat[draw(st.integers(0, array.size - 1))] = float(draw(st.sampled_from(NUMBERS)))
            return array
        case "swap":
            return draw(st.sampled_from(others))
        case "empty":
            return array[:0] if array.ndim else np.zeros(0)
    return np.array(3.0)


@st.composite
def changed_arrays(draw, arrays, write=npz):
    """Other kinds, shapes, numbers and names of some arrays, or other bytes of the file."""
    arrays = dict(arrays)
    if draw(st.integers(0, 3)) == 0:
        return draw(changed_bytes(write(arrays)))
    for _ in range(draw(st.integers(1, 2))):
        name = draw(st.sampled_from(sorted(arrays))) if arrays else "W1"
        match draw(st.sampled_from(("change", "change", "change", "remove", "rename"))):
            case "change" if name in arrays:
                arrays[name] = _changed_array(draw, arrays[name], list(arrays.values()))
            case "rename" if name in arrays:
                arrays[draw(st.sampled_from((name + "x", "W9", "b1", "x_train")))] = arrays.pop(name)
            case _:
                arrays.pop(name, None)
    return write(arrays)


@st.composite
def changed_words(draw, words):
    """Another value of one or two words that are no option's name."""
    words = list(words)
    for _ in range(draw(st.integers(1, 2))):
        place = draw(st.sampled_from([n for n, word in enumerate(words) if n and not word.startswith("-")]))
        words[place] = draw(st.sampled_from(WORDS))
    return words


@st.composite
def changed_text(draw, text):
    """Characters of a formula removed, repeated, or taken from those that formulas are made of."""
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(text)))
        more = draw(st.text("0123456789.+-*/^(),[]_ CaEgu'eπ\n", max_size=3))
        text = text[:place] + more + text[place + draw(st.integers(0, 3)) :]
    return text
