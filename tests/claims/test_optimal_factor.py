"""The boundaries of `edge-node.optimal-region` against the limits that the pruning methods compute."""

import json
from fractions import Fraction

import pytest
import sympy as sp

from divprune_sym.claims import errors, ledger
from divprune_sym.pruning import METHODS
from divprune_sym.specialized import specialized_state


def difference(M, Z, p):
    """e of random edges with the best factor less e of DPP nodes, at k = pMZ, which need be no integer."""
    edges = METHODS["random-edge"].limit(specialized_state(M, Z, 1.0), p).generalization_error(rescale="optimal")
    law = errors.dpp_node_few if p * Z <= 1 else errors.dpp_node_many
    nodes = law().subs({errors.k: sp.Rational(p) * M * Z, errors.M: M, errors.Z: Z}, simultaneous=True)
    return 6 * edges / M - float(nodes)


@pytest.mark.parametrize(("M", "Z"), [(1, 3), (2, 3), (4, 3), (3, 5), (1, 8), (4, 8), (2, 2), (3, 2)])
def test_the_order_turns_at_the_boundary_and_nowhere_else(M, Z):
    name = "z2" if Z == 2 else f"z{Z}-m{M}"
    text = (ledger.RECORDED / f"edge-node.optimal-region-{name}.json").read_text(encoding="utf-8")
    at = float(Fraction(json.loads(text)["bracket"][0]))
    assert difference(M, Z, at - 1e-6) < 0 < difference(M, Z, at + 1e-6)
    for part in (0.05, 0.3, 0.7, 0.95):
        assert difference(M, Z, part * at) < 0
        assert difference(M, Z, at + part * (1 - at)) > 0


@pytest.mark.parametrize("p", [0.05, 0.4, 0.8, 0.99])
def test_one_copy_is_never_better_pruned_by_edges(p):
    assert difference(3, 1, p) > 0
