"""Benchmarks: each table is one file in `bench/tables`, timed against a floor or a peer in the same run.

A table is a function that yields cases; everything in a case is timed by turns, so that a ratio compares
what ran in the same minute on the same machine:

    @table(measures="one product of two matrices", goal="as fast as NumPy", peers={"NumPy": "numpy.dot"})
    def products(quick: bool) -> Iterator[Case]:
        A = np.ones((100, 100))
        yield Case(
            "100 x 100",
            [Contestant("ours", lambda: product(A, A)), Contestant("NumPy", lambda: A @ A)],
            [Speed("ours", "NumPy", at_least(1.0))],
        )
"""

from divprune_sym.ground.lazy import lazy_attributes

_WHERE = {
    "Case": "model",
    "Contestant": "model",
    "Fact": "model",
    "Missing": "model",
    "Speed": "model",
    "Table": "model",
    "at_least": "model",
    "at_most": "model",
    "chosen_tables": "suite",
    "find_tables": "suite",
    "measure_tables": "suite",
    "table": "model",
}
__all__ = list(_WHERE)
__getattr__ = lazy_attributes(__name__, _WHERE)
