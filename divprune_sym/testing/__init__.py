"""A testing kit for suites of one's own: Hypothesis strategies, and checks that print a line to reproduce a failure.

Every check is given a claim and what it is a claim about, raises AssertionError where they differ, and states its
tolerance or its chance of a false alarm (docs/testing_kit.md).
"""

from divprune_sym.ground.lazy import lazy_attributes

try:
    import hypothesis as _hypothesis  # noqa: F401
except ImportError as error:
    msg = "divprune_sym.testing needs Hypothesis: pip install 'divprune-sym[testing]'"
    raise ImportError(msg) from error

_WHERE = {
    "Arithmetic": "rounding",
    "Conditioning": "covariance",
    "assert_dpp_law": "dpp",
    "assert_expectation_equals": "expectation",
    "assert_limit_matches_draw": "pruning",
    "assert_rates_match_updates": "equations",
    "assert_targets_agree": "targets",
    "assert_within_rounding": "rounding",
    "compiled_rates": "equations",
    "covariance_values": "covariance",
    "covariances": "covariance",
    "exact": "rounding",
    "kernels": "network",
    "masks": "network",
    "networks": "network",
    "order_parameters": "network",
    "rounding_bound": "rounding",
}
__all__ = list(_WHERE)
__getattr__ = lazy_attributes(__name__, _WHERE)
