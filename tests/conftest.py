"""One Hypothesis profile for every test (no deadlines; in CI the same examples every time), and the order of files."""

import os

from hypothesis import settings

settings.register_profile(
    "divprune_sym", deadline=None, derandomize="CI" in os.environ, max_examples=50, print_blob=True
)
settings.load_profile("divprune_sym")


def pytest_collection_modifyitems(items):
    """The files that take longest come first: no process is left with one of them when the others are done."""
    items.sort(key=_seconds, reverse=True)


def _seconds(item):
    return max((mark.args[0] for mark in item.iter_markers("slow")), default=0)
