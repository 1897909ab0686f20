"""A testing kit for suites of one's own: Hypothesis strategies, and checks that print a line to reproduce a failure.

Every check is given a claim and what it is a claim about, raises AssertionError where they differ, and states its
tolerance or its chance of a false alarm (docs/testing_kit.md).
"""

from divprune_sym.ground.lazy import public_names

try:
    import hypothesis as _hypothesis  # noqa: F401
except ImportError as error:
    msg = "divprune_sym.testing needs Hypothesis: pip install 'divprune-sym[testing]'"
    raise ImportError(msg) from error

__getattr__, __dir__, __all__ = public_names(__name__, __file__)
