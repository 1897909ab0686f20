"""What drew a mask."""

from __future__ import annotations

from importlib.metadata import version


def versions() -> dict[str, str]:
    """Of the packages that masks depend on."""
    return {package: version(package) for package in ("divprune-sym", "numpy", "numba", "scipy")}
