"""The installed version."""

from importlib.metadata import version

__version__: str = version("divprune-sym")
