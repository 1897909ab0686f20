"""Packages that only some need: an extra names them, and what is missing is said with the line that installs it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from divprune_sym.ground.checks import BadInput


def needed(module: str, who: str, install: str) -> Any:
    """The module; raises `BadInput` with what to install where there is none."""
    try:
        return import_module(module)
    except ImportError:
        msg = f"{who}: needs {module}; pip install {install}"
        raise BadInput(msg) from None
