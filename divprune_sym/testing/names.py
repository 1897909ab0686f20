"""How what a user handed over is written in a line that repeats a check."""

from __future__ import annotations


def name_of(function: object, otherwise: str) -> str:
    """The name of a function or class, or a stand-in where it has none that could be pasted."""
    name = getattr(function, "__name__", "")
    return name if name.isidentifier() else otherwise
