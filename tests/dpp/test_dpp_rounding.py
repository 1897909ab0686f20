"""Events that rounding alone could allow, too rare to meet by sampling: the random numbers are chosen."""

from __future__ import annotations

import numpy as np

from divprune_sym.dpp._choice import count_law, draw_choices, taking_odds
from divprune_sym.dpp._projection import cumulative_squares, draw_projection
from tests.dpp.dpp_kernels import factor


class Scripted:
    """A generator whose first numbers are given."""

    def __init__(self, first, seed):
        self.first = list(first)
        self.rest = np.random.default_rng(seed)

    def random(self):
        return self.first.pop(0) if self.first else self.rest.random()


def test_an_item_is_not_drawn_twice_on_a_residual_of_rounding():
    for seed in range(50):
        vectors = np.ascontiguousarray(np.linalg.qr(factor(6, 3, seed))[0])
        drawn, columns = np.empty(3, dtype=np.int64), np.arange(3)
        # propose item 0, from the first column, and accept it, twice
        first = Scripted([0.0, 0.0, 0.0] * 2, seed)
        draw_projection(vectors, columns, cumulative_squares(vectors, columns), columns, drawn, first)
        assert drawn[0] == 0
        assert len(np.unique(drawn)) == 3


def test_a_forced_eigenvector_is_taken_even_when_its_odds_underflow():
    p, q = np.array([5e-324, 1.0]), np.array([1.0, 0.0])
    draws = draw_choices(taking_odds(count_law(p, q, 2), p, q), 200, np.random.default_rng(0))
    assert (draws == [0, 1]).all()
