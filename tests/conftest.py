"""One Hypothesis profile for every test: no deadlines, and the same examples in every CI run."""

import os

from hypothesis import settings

settings.register_profile(
    "divprune_sym", deadline=None, derandomize="CI" in os.environ, max_examples=50, print_blob=True
)
settings.load_profile("divprune_sym")
