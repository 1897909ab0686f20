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

from divprune_sym.ground.lazy import public_names

__getattr__, __dir__, __all__ = public_names(__name__, __file__)
