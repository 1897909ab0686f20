"""N:M and column pruning against order statistics and enumeration, and what a formula may and may not be."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, pairwise

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import quad
from scipy.special import erf
from scipy.stats import norm

from divprune_sym.ground.checks import BadInput
from divprune_sym.notation import OrderParameters
from divprune_sym.pruning import METHODS, Layer
from divprune_sym.pruning.methods.column_edge import ColumnEdge
from divprune_sym.pruning.methods.nm_edge import (
    GroupOverlap,
    NMEdge,
    SlopeIntegral,
    group_overlap,
    kept_square,
)
from divprune_sym.pruning.methods.random_nm_edge import RandomNMEdge
from divprune_sym.pruning.variant import EdgeVariant, NumericFunction, Pair, Pruned, SymbolicEdgeMethod
from divprune_sym.specialized import specialized_state
from divprune_sym.specialized.formula import M, V, Z, specialized_error, specialized_overlaps

pytestmark = pytest.mark.slow(12)

VARIANTS = [name for name, method in METHODS.items() if isinstance(method, SymbolicEdgeMethod)]
PATTERNS = [(1, 2), (1, 4), (2, 4), (3, 4), (2, 5), (4, 8), (3, 8)]
Z_LIMIT = 4.5  # |z| beyond it has probability 7e-6; fixed seeds, fewer than 100 comparisons: 1 false alarm in 1500


def state():
    """Three nodes, correlated 0.3 to 0.9, of different lengths, and two teacher nodes."""
    factor = np.random.default_rng(5).standard_normal((5, 6)) + 0.8
    C = factor @ factor.T / 6
    return OrderParameters.unpruned(C[:3, :3], C[:3, 3:], C[3:, 3:], [1.0, 0.5, -0.7], [1.0, 2.0])


def layer(weights):
    return Layer.on_white_inputs(weights, np.ones(len(weights)))


def keeps(values, N):
    """The N largest |value| of every row, by sorting."""
    mask = np.zeros(values.shape, dtype=bool)
    np.put_along_axis(mask, np.argsort(-np.abs(values), axis=1)[:, :N], True, axis=1)
    return mask


@pytest.mark.parametrize("k", [0, 1, 2])
def test_elementary_slope_integrals(k):
    value, error = quad(lambda z: np.exp(-1.5 * z * z) * erf(z / np.sqrt(2)) ** k, 0, np.inf, epsabs=1e-13)
    assert not SlopeIntegral(k).has(SlopeIntegral)
    assert float(SlopeIntegral(k)) == pytest.approx(value, abs=10 * error + 1e-14)
    assert SlopeIntegral.numeric(k) == pytest.approx(value, abs=1e-13)


@pytest.mark.parametrize(("N", "M"), PATTERNS)
def test_kept_square_is_its_definition(N, M):
    """The law of |z| among M, by quadrature of the binomial."""
    from scipy.stats import binom

    def integrand(z):
        return 2 * z * z * norm.pdf(z) * binom.cdf(N - 1, M - 1, 2 * norm.sf(z))

    value, _ = quad(integrand, 0, 12, epsabs=1e-13, limit=200)
    assert float(sp.N(kept_square(N, M))) == pytest.approx(value, abs=1e-11)


def test_closed_forms_of_small_groups():
    assert kept_square(1, 2) == sp.Rational(1, 2) + 1 / sp.pi
    assert sp.simplify(kept_square(2, 4) - sp.Rational(1, 2) - 2 / (sp.sqrt(3) * sp.pi)) == 0
    assert all(not kept_square(N, group).has(NumericFunction) for group in (2, 3, 4, 5) for N in range(1, group))
    assert kept_square(3, 6).has(NumericFunction)


@pytest.mark.parametrize("group", [2, 4, 5, 8])
def test_the_kept_squares_of_all_ranks_add_up(group):
    assert float(sp.N(kept_square(group, group))) == pytest.approx(1, abs=1e-11)
    gains = np.diff([0.0, *(float(sp.N(kept_square(N, group))) for N in range(1, group + 1))])
    assert (np.diff(gains) < 0).all()


@pytest.mark.parametrize("r", [0.05, -0.4, 0.8, 0.99, 0.9999])
@pytest.mark.parametrize(("N", "M"), [(1, 2), (2, 4), (3, 8)])
@pytest.mark.statistical
def test_group_overlap_against_order_statistics(r, N, M):
    rng = np.random.default_rng(11)
    x = rng.standard_normal((60_000, M))
    y = r * x + np.sqrt(1 - r * r) * rng.standard_normal(x.shape)
    sampled = (x * y * keeps(x, N) * keeps(y, N)).mean(axis=1)
    error = sampled.std() / np.sqrt(len(sampled))
    assert abs(sampled.mean() - group_overlap(r, N, M)) < Z_LIMIT * error
    # a test that can fail: the product of independent masks is told apart where it differs
    if abs(r) > 0.5:
        assert abs(sampled.mean() - r * (N / M) ** 2) > 5 * Z_LIMIT * error


@pytest.mark.parametrize(("N", "M"), PATTERNS)
def test_group_overlap_lies_between_mehlers_bounds(N, M):
    """x·kept has Hermite coefficient μ on x, 0 on the group's others: φ(r) = μ²r + Σ_{n ≥ 3} c_n r^n, c_n ≥ 0."""
    square = float(sp.N(kept_square(N, M)))
    for r in (1e-4, 0.2, 0.6, 0.95, 1 - 1e-9):
        value = group_overlap(r, N, M)
        assert square**2 * r * (1 - 1e-9) <= value <= square**2 * r + (square - square**2) * r**3 + 1e-9
        assert group_overlap(-r, N, M) == -value


def test_group_overlap_at_its_ends():
    for N, group in PATTERNS:
        square = float(sp.N(kept_square(N, group)))
        assert group_overlap(0.0, N, group) == 0.0
        assert group_overlap(1.0, N, group) == pytest.approx(square, rel=1e-14)
        # masks differ on a share of order √(1 − r²)
        assert group_overlap(1 - 1e-12, N, group) == pytest.approx(square, abs=1e-5)
        assert GroupOverlap(sp.Integer(-1), N, group) == -kept_square(N, group)
    assert group_overlap(0.37, 4, 4) == 0.37


def test_groups_of_all_inputs_approach_magnitude_edges():
    """N of M largest with M → ∞ is the threshold of magnitude pruning."""
    limit = METHODS["magnitude-edge"].keep_law(0.5).kept_square
    gaps = [limit - float(sp.N(kept_square(group // 2, group))) for group in (2, 4, 8, 16)]
    assert all(gap > 0 for gap in gaps)
    assert all(later < 0.7 * earlier for earlier, later in pairwise(gaps))


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(
    "variant", [NMEdge(), RandomNMEdge(), NMEdge(5), RandomNMEdge(2)], ids=["nm", "random", "nm-5", "random-2"]
)
def test_every_group_keeps_its_share(variant, count):
    N = 10 * variant.group
    weights = np.random.default_rng(0).standard_normal((3, N))
    for share in variant.fractions:
        masks = SymbolicEdgeMethod(variant).draw(layer(weights), float(share), np.random.default_rng(1), count)
        assert masks.shape == (count, 3, N)
        assert (masks.reshape(count, 3, 10, variant.group).sum(axis=-1) == share * variant.group).all()


def test_two_of_four_keeps_the_largest():
    masks = NMEdge().draw(layer(np.array([[0.1, -3.0, 2.0, 1.0, 4.0, 0.0, -0.5, 0.6]])), 0.5, np.random.default_rng(0))
    assert masks[0, 0].astype(int).tolist() == [0, 1, 1, 0, 1, 0, 0, 1]


@pytest.mark.statistical
def test_ties_and_random_groups_are_uniform():
    """Six subsets of four, 1200 draws each: χ² with 5 degrees of freedom stays below 25.7 but for 1 in 10⁴."""
    for variant in (NMEdge(), RandomNMEdge()):
        masks = variant.draw(layer(np.ones((1, 4))), 0.5, np.random.default_rng(2), 7200)[:, 0]
        counts = [int(masks[:, pair].all(axis=1).sum()) for pair in combinations(range(4), 2)]
        assert sum(counts) == 7200
        assert sum((n - 1200) ** 2 / 1200 for n in counts) < 25.7


def test_columns_are_shared_by_all_nodes():
    masks = ColumnEdge().draw(
        layer(np.random.default_rng(0).standard_normal((4, 50))), 0.3, np.random.default_rng(1), 6
    )
    assert (masks == masks[:, :1]).all()
    assert (masks.sum(axis=2) == 15).all()
    assert not (masks[0] == masks[1]).all()


def test_columns_and_random_edges_differ_off_the_diagonal_only():
    x, p = state(), 0.3
    columns = METHODS["column-edge"].limit(x, p).covariance
    edges = METHODS["random-edge"].limit(x, p).covariance
    np.testing.assert_allclose(columns[:3, :3], p * x.Q, rtol=1e-14)
    np.testing.assert_allclose(columns[:3, 3:], edges[:3, 3:], rtol=1e-14)
    np.testing.assert_allclose(columns[3:, 3:], x.T, rtol=0)
    off = ~np.eye(3, dtype=bool)
    np.testing.assert_allclose(edges[:3, :3][off], p * columns[:3, :3][off], rtol=1e-14)


def test_random_groups_are_random_edges_in_the_limit():
    for p in (0.25, 0.5, 0.75):
        grouped = METHODS["random-nm-edge"].limit(state(), p).covariance
        np.testing.assert_allclose(grouped, METHODS["random-edge"].limit(state(), p).covariance, rtol=1e-14)


def test_the_limit_of_magnitude_groups_pair_by_pair():
    x = state()
    C = METHODS["nm-edge"].limit(x, 0.5).covariance
    square = 0.5 + 2 / (np.sqrt(3) * np.pi)
    np.testing.assert_allclose(np.diag(C)[:3], square * np.diag(x.Q), rtol=1e-14)
    np.testing.assert_allclose(C[:3, 3:], square * x.R, rtol=1e-14)
    length = np.sqrt(x.Q[0, 0] * x.Q[1, 1])
    assert C[0, 1] == pytest.approx(length * group_overlap(x.Q[0, 1] / length, 2, 4), rel=1e-12)


@pytest.mark.parametrize("name", VARIANTS)
def test_nothing_and_everything(name):
    method, x = METHODS[name], state()
    np.testing.assert_array_equal(method.limit(x, 1.0).covariance, x.covariance)
    nothing = method.limit(x, 0.0).covariance
    assert not nothing[:3].any()
    np.testing.assert_array_equal(nothing[3:, 3:], x.T)


def test_a_node_without_weights_stays_without():
    x = OrderParameters.unpruned([[0.0, 0.0], [0.0, 1.0]], [[0.0], [0.5]], [[1.0]], [1.0, 1.0], [1.0])
    for name in VARIANTS:
        C = METHODS[name].limit(x, 0.5).covariance
        assert not C[0].any()
        assert C[1, 1] > 0


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize(("teachers", "copies"), [(1, 1), (2, 3), (4, 2)])
def test_the_formula_is_the_limit(name, teachers, copies):
    method, v = METHODS[name], 1.7
    for share in (Fraction(1, 4), Fraction(1, 2), Fraction(3, 4)):
        formula = specialized_error(specialized_overlaps(method, share if method.fractions else None))
        value = formula.subs({M: teachers, Z: copies, V: v, method.pair.p: share})
        limit = method.limit(specialized_state(teachers, copies, v), float(share)).generalization_error()
        assert float(sp.N(value)) == pytest.approx(limit, rel=1e-12)


def test_columns_do_not_average_over_copies():
    """Copies stay copies: the error does not know Z, where that of random edges falls with it."""
    for name in ("column-edge", "nm-edge"):
        method = METHODS[name]
        overlaps = specialized_overlaps(method, Fraction(1, 2) if method.fractions else None)
        assert Z not in specialized_error(overlaps).free_symbols


# --- what a formula may be ----------------------------------------------------------------------------


class Stated(EdgeVariant):
    """A variant with a limit handed to it."""

    name = "stated"

    def __init__(self, limit, fractions=None):
        self.stated = limit
        self.fractions = fractions

    def limit(self, pair):
        return self.stated(pair)


def stated(**changes):
    """Random edges, but for some formulas."""

    def limit(pair: Pair):
        random = {"Q_ii": pair.p * pair.Q_ii, "Q_ik": pair.p**2 * pair.Q_ik, "R_in": pair.p * pair.R_in}
        return Pruned(**random | {name: change(pair) for name, change in changes.items()})

    return SymbolicEdgeMethod(Stated(limit))


def test_three_formulas_in_a_tuple_will_do():
    method = SymbolicEdgeMethod(Stated(lambda x: (x.p * x.Q_ii, x.p**2 * x.Q_ik, x.p * x.R_in)))
    expected = METHODS["random-edge"].limit(state(), 0.4).covariance
    np.testing.assert_allclose(method.limit(state(), 0.4).covariance, expected, rtol=1e-14)


class Unclosed(NumericFunction):
    """tanh, under a name of its own."""

    @staticmethod
    def numeric(x):
        return np.tanh(x)


def test_functions_of_ones_own():
    method = stated(Q_ik=lambda x: x.p**2 * x.Q_ii * Unclosed(x.Q_ik / x.Q_ii), Q_ii=lambda x: x.Q_ii)
    x = OrderParameters.unpruned([[1.0, 0.5], [0.5, 1.0]], [[0.0], [0.0]], [[1.0]], [1, 1], [1])
    assert method.limit(x, 0.5).covariance[0, 1] == pytest.approx(0.25 * np.tanh(0.5))
    assert float(Unclosed(sp.Rational(1, 2)).evalf()) == pytest.approx(np.tanh(0.5))
    assert Unclosed(sp.Symbol("x")).evalf().has(Unclosed)


def test_an_integral_that_sympy_leaves_alone():
    t = sp.Symbol("t", positive=True)
    method = stated(R_in=lambda x: x.R_in * sp.Integral(x.p * sp.exp(sp.sin(t)), (t, 0, 1)))
    weight, _ = quad(lambda u: np.exp(np.sin(u)), 0, 1)
    x = OrderParameters.unpruned([[1.0]], [[0.1, 0.2]], np.eye(2), [1], [1, 1])
    np.testing.assert_allclose(method.limit(x, 0.5).covariance[0, 1:], 0.5 * weight * x.R[0], rtol=1e-12)


BAD_LIMITS = {
    "an unbound symbol": ({"Q_ii": lambda x: sp.Symbol("q") * x.Q_ii}, ("unbound", " q;", "Q_ii, p")),
    "their own p": ({"R_in": lambda x: sp.Symbol("p") * x.R_in}, ("unbound", "R_in")),
    "the other node": ({"R_in": lambda x: x.p * x.R_in * x.Q_kk}, ("unbound", "Q_kk")),
    "an undefined function": ({"Q_ik": lambda x: sp.Function("f")(x.Q_ik)}, ("function f", "not defined")),
    "text": ({"Q_ii": lambda x: "p*Q_ii"}, ("'p*Q_ii'", "SymPy formula")),
    "nothing": ({"Q_ii": lambda x: None}, ("None", "SymPy formula")),
    "a matrix": ({"Q_ii": lambda x: sp.eye(2)}, ("SymPy formula",)),
    "infinity": ({"Q_ii": lambda x: x.Q_ii / (x.p - x.p)}, ("Q_ii", "no numerical counterpart")),
    "a singularity": ({"Q_ik": lambda x: x.Q_ik / (x.p - sp.Rational(1, 2))}, ("Q_ik", "finite", "0.5")),
    "complex numbers": ({"Q_ii": lambda x: sp.I * x.Q_ii}, ("finite real",)),
    "no number": ({"Q_ik": lambda x: sp.dirichlet_eta(x.Q_ik)}, ("Q_ik", "no numerical counterpart")),
    "no covariance": ({"Q_ii": lambda x: x.p**3 * x.Q_ii}, ("no covariance", "eigenvalue")),
    "no symmetry": ({"Q_ik": lambda x: x.p**2 * x.Q_ik * (1 + x.Q_ii / 10)}, ("exchanged",)),
}


@pytest.mark.parametrize(("changes", "words"), BAD_LIMITS.values(), ids=list(BAD_LIMITS))
def test_bad_limits(changes, words):
    with pytest.raises(BadInput) as refused:
        stated(**changes).limit(state(), 0.5)
    assert str(refused.value).startswith("stated: ")
    assert "\n" not in str(refused.value)
    for word in words:
        assert word in str(refused.value)


@pytest.mark.parametrize("returned", [None, 1, (1, 2), [1, 2, 3], {"Q_ii": 1}])
def test_a_limit_of_the_wrong_kind(returned):
    with pytest.raises(BadInput, match=r"limit returned \w+, expected Pruned"):
        SymbolicEdgeMethod(Stated(lambda _: returned)).limit(state(), 0.5)


def test_a_value_where_copies_meet():
    with pytest.raises(BadInput, match=r"Q_ik is (nan|zoo) at .*Q_ik = 0"):
        specialized_overlaps(stated(Q_ik=lambda x: x.p**2 / x.Q_ik))


def test_no_name():
    variant = Stated(lambda _: None)
    variant.name = ""
    with pytest.raises(BadInput, match="Stated: expected a name"):
        SymbolicEdgeMethod(variant)


def test_no_draw():
    method = stated()
    assert not method.has_draw
    assert METHODS["nm-edge"].has_draw
    with pytest.raises(BadInput, match="stated: has no draw"):
        method.draw(layer(np.ones((1, 4))), 0.5, np.random.default_rng(0))


@pytest.mark.parametrize("masks", [None, np.ones((1, 2, 4)), np.ones((2, 4), dtype=bool)])
def test_bad_masks(masks):
    class Drawn(Stated):
        def draw(self, layer, keep, rng, count=1):
            return masks

    with pytest.raises(BadInput, match=r"draw returned .*, expected bool of shape \(1, 2, 4\)"):
        SymbolicEdgeMethod(Drawn(lambda _: None)).draw(layer(np.ones((2, 4))), 0.5, np.random.default_rng(0))


def test_shares_that_groups_cannot_keep():
    with pytest.raises(BadInput, match=r"nm-edge: keep fraction 0\.3: it can keep 0, 1/4, 1/2, 3/4, 1"):
        METHODS["nm-edge"].limit(state(), 0.3)
    with pytest.raises(BadInput, match="10 inputs: no multiple of the group size 4"):
        METHODS["nm-edge"].draw(layer(np.ones((1, 10))), 0.5, np.random.default_rng(0))
    with pytest.raises(BadInput, match="group = 1: must be at least 2"):
        NMEdge(1)
