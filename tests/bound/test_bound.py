"""`bound`: formula against limit, regions against brute force, and a check of faces that can fail."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

from divprune_sym.bound import regions as module
from divprune_sym.bound.faces import FALSE_ALARM, Drawing, compare_faces
from divprune_sym.bound.formula import edge_formulas, node_formulas
from divprune_sym.bound.regions import GRID, Comparison, bound
from divprune_sym.gaussian import ACTIVATIONS
from divprune_sym.ground.checks import BadInput
from divprune_sym.pruning import METHODS, EdgePruning, NodeMethod
from divprune_sym.pruning.methods.nm_edge import NMEdge
from divprune_sym.pruning.user_method import load_method
from divprune_sym.pruning.variant import EdgeVariant, NumericFunction, Pruned, SymbolicEdgeMethod
from divprune_sym.specialized import specialized_state

pytestmark = pytest.mark.slow(45)

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "my_method.py"
SMALL = Comparison(2, 3, 4.0)
QUICK = Drawing(400, 8, 4)
VARIANTS = [method for method in METHODS.values() if isinstance(method, SymbolicEdgeMethod)]


def soft():
    return load_method(f"{EXAMPLE}:SoftEdge")


def found(method, comparison=SMALL, drawing=None):
    return bound(method, comparison, drawing, np.random.default_rng(3))


def evaluated(source, **values):
    names = {}
    exec(source, names)
    return names["pruned_error"](**values)


class Wrapped(EdgeVariant):
    """The example's masks under formulas of a test's choice."""

    name = "wrapped"

    def __init__(self, **changes):
        self.right, self.changes = soft().variant, changes

    def limit(self, pair):
        return replace(self.right.limit(pair), **{name: change(pair) for name, change in self.changes.items()})

    def draw(self, layer, keep, rng, count=1):
        return self.right.draw(layer, keep, rng, count)


# --- the formula --------------------------------------------------------------------------------------


class NMEdge8(NMEdge):
    """Groups of eight, under a name of their own."""

    name = "nm8-edge"


@pytest.mark.parametrize(
    ("M", "Z", "rescale", "g"),
    [
        (1, 1, "none", "erf"),
        (2, 3, "none", "erf"),
        (3, 4, "inverse-sqrt", "erf"),
        (2, 3, "none", "relu"),
        (2, 3, "inverse-sqrt", "sine"),
    ],
)
def test_the_printed_python_gives_the_errors_of_the_table(M, Z, rescale, g):
    for method in (soft(), *VARIANTS, SymbolicEdgeMethod(NMEdge8(8))):
        bounded = found(method, Comparison(M, Z, 1.3, rescale, activation=g))
        errors = {row["keep"]: row[method.name] for row in bounded.table}
        for formula in bounded.formulas:
            assert formula.latex.startswith(r"\varepsilon_g = ")
            keeps = [formula.keep] if formula.keep else [keep for keep in errors if keep != "1"]
            for keep in keeps:
                p = {} if formula.keep else {"p": float(Fraction(keep))}
                value = evaluated(formula.python, M=M, Z=Z, v=1.3, **p)
                assert value == pytest.approx(errors[keep], rel=1e-11)


def test_the_best_factor_makes_the_formula_smallest():
    bounded = found(soft(), replace(SMALL, rescale="optimal"))
    (formula,) = bounded.formulas
    factors = np.linspace(0.8, 1.6, 2001)
    for row in bounded.table[:-1]:
        errors = evaluated(formula.python, p=row["keep_fraction"], c=factors, M=2, Z=3, v=4.0)
        assert 0 <= errors.min() - row["soft-edge"] < 1e-4


@pytest.mark.parametrize("g", [*ACTIVATIONS, "erf[2]", "polynomial[1, 1, 1/2]"])
@pytest.mark.parametrize("name", ["random-edge", "magnitude-edge", "dpp-edge"])
def test_a_method_that_states_numbers_has_a_formula_in_its_moments(name, g):
    (formula,) = edge_formulas(METHODS[name], "none", g)
    law = METHODS[name].keep_law(0.5)
    # copies have the same mask where the weights decide it: q = m, which quadrature only nearly says
    q = law.kept_square if METHODS[name].deterministic else law.product(1.0)
    value = evaluated(formula.python, m=law.kept_square, q=q, M=2, Z=3, v=4.0)
    limit = METHODS[name].limit(specialized_state(2, 3, 4.0, activation=g), 0.5).generalization_error()
    # fused products round C_aa C_bb − C_ab² of equal fields to 1e-17, and a jump sees the root of it
    assert value == pytest.approx(limit, rel=1e-7 if g == "sign" else 1e-11)


@pytest.mark.parametrize("g", [*ACTIVATIONS, "erf[2]", "polynomial[1, 1, 1/2]"])
@pytest.mark.parametrize("name", ["random-node", "dpp-node"])
def test_formulas_of_nodes_are_the_limits_of_their_laws(name, g):
    state, within = specialized_state(2, 3, 4.0, activation=g), np.kron(np.eye(2), np.ones((3, 3)))
    general, *numbers = node_formulas(METHODS[name], state)
    assert [formula.keep for formula in numbers] == ["1/6", "1/3", "1/2", "2/3", "5/6"]
    for k, number in enumerate(numbers, 1):
        limit = METHODS[name].limit(state, k)
        pairs, error = limit.law.pairs, limit.generalization_error()
        sums = {"S_1": np.trace(pairs), "S_2": (pairs * within).sum(), "S_3": (pairs * (1 - within)).sum()}
        own = {letter: value for letter, value in sums.items() if letter in general.python}
        assert evaluated(general.python, **own, M=2, Z=3, v=4.0) == pytest.approx(error, rel=1e-11)
        assert float(number.expression.subs(sp.Symbol("v", real=True), 4)) == pytest.approx(error, rel=1e-11)


def test_formulas_of_node_methods():
    bounded = found(METHODS["dpp-node"])
    general, *numbers = bounded.formulas
    pairs = METHODS["dpp-node"].limit(specialized_state(2, 3, 4.0), 3).law.pairs
    within = np.kron(np.eye(2), np.ones((3, 3)))
    value = evaluated(general.python, S_1=np.trace(pairs), S_2=(pairs * within).sum(), M=2, Z=3, v=4.0)
    assert value == pytest.approx(40 / 27, rel=1e-12)
    exact = {formula.keep: formula.expression.subs(sp.Symbol("v", real=True), 4) for formula in numbers}
    assert exact["1/2"] == sp.Rational(40, 27)
    assert len(exact) == 5
    assert found(METHODS["dpp-node"], replace(SMALL, reweight=True)).formulas == []


def test_a_formula_without_python_says_so():
    class Unprintable(NumericFunction):
        @staticmethod
        def numeric(x):
            return 0.1 * x

    (formula,) = found(SymbolicEdgeMethod(Wrapped(R_in=lambda x: x.R_in * Unprintable(x.p)))).formulas
    assert formula.python is None
    assert "Unprintable" in formula.latex

    unknown = SymbolicEdgeMethod(Wrapped(R_in=lambda x: x.R_in * sp.primepi(x.p)))
    assert edge_formulas(unknown, "none")[0].python is None
    with pytest.raises(BadInput, match="no numerical counterpart"):
        found(unknown)


# --- the table and the regions ------------------------------------------------------------------------


COMPARISONS = [
    SMALL,
    Comparison(3, 2, 1.0, "inverse-sqrt", True),
    Comparison(1, 1, -2.0),
    Comparison(2, 2, 1.5, "none", True, "relu"),
]


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_the_table_is_the_limit_of_every_method(comparison):
    v, g = comparison.second_layer, comparison.activation
    state = specialized_state(comparison.M, comparison.Z, v, activation=g)
    bounded = found(METHODS["nm-edge"], comparison)
    for row in bounded.table:
        p = Fraction(row["keep"])
        for name, method in METHODS.items():
            if isinstance(method, NodeMethod):
                k = p * comparison.K
                expected = (
                    method.limit(state, int(k)).generalization_error(reweight=comparison.reweight)
                    if k.denominator == 1
                    else None
                )
            elif method.fractions and p not in method.fractions:
                expected = None
            else:
                expected = method.limit(state, float(p)).generalization_error(rescale=comparison.rescale)
            assert row[name] == (None if expected is None else pytest.approx(expected, rel=1e-11, abs=1e-13))


def brute_force(method, rivals, p, state):
    return method.limit(state, p).generalization_error() < min(
        rival.limit(state, p).generalization_error() for rival in rivals
    )


@pytest.mark.parametrize("copies", [1, 3, 12])
def test_intervals_against_brute_force(copies):
    state, method = specialized_state(2, copies, 1.0), soft()
    regions = {region.rival: region for region in found(method, Comparison(2, copies, 1.0)).regions}
    edges = {name: m for name, m in METHODS.items() if name.endswith("edge") and not m.fractions}
    asked = {**{name: [m] for name, m in edges.items()}, "all edge methods": list(edges.values())}
    for name, rivals in asked.items():
        for p in np.random.default_rng(7).uniform(GRID[0], GRID[-1], 25):
            inside = any(low < p < high for low, high in regions[name].intervals)
            assert inside == brute_force(method, rivals, p, state)


def test_boundaries_are_where_the_errors_meet():
    state, method = specialized_state(2, 3, 4.0), soft()
    regions = {region.rival: region for region in found(method).regions}
    ((low, high),) = regions["magnitude-edge"].intervals
    assert (low, high) == (pytest.approx(0.0651273, abs=1e-6), pytest.approx(0.219313, abs=1e-6))
    for p in (low, high):
        gaps = [
            method.limit(state, q).generalization_error()
            - METHODS["magnitude-edge"].limit(state, q).generalization_error()
            for q in (p - 1e-7, p + 1e-7)
        ]
        assert gaps[0] * gaps[1] < 0
    assert regions["dpp-edge"].intervals == ((GRID[0], GRID[-1]),)


def test_points_against_brute_force():
    state = specialized_state(2, 3, 4.0)
    for name in ("dpp-node", "nm-edge", "column-edge"):
        method = METHODS[name]
        regions = {region.rival: region for region in found(method).regions}
        for rival, other in METHODS.items():
            if rival == name or not (isinstance(method, NodeMethod) or isinstance(other, NodeMethod)):
                continue
            errors = [
                (f, m.limit(state, round(f * 6) if isinstance(m, NodeMethod) else float(f)).generalization_error())
                for m in (method, other)
                for f in (Fraction(k, 6) for k in range(1, 6))
                if isinstance(m, NodeMethod) or not m.fractions or f in m.fractions
            ]
            both = [f for f in dict.fromkeys(f for f, _ in errors) if [g for g, _ in errors].count(f) == 2]
            won = [str(f) for f in both if (e := [x for g, x in errors if g == f])[0] < e[1] - 1e-9]
            assert regions[rival].points == tuple(won)
            assert regions[rival].compared == len(both)


def test_equal_methods_are_no_better():
    regions = {region.rival: region for region in found(METHODS["random-nm-edge"]).regions}
    assert regions["random-edge"].equal
    assert regions["random-edge"].points == ()
    assert not regions["magnitude-edge"].equal


def test_runs_of_negative_values_and_their_ends():
    def wave(p):
        return float(np.cos(3 * np.pi * p))

    intervals = module._negative(wave, [wave(float(p)) for p in GRID])
    expected = [(1 / 6, 1 / 2), (5 / 6, GRID[-1])]
    np.testing.assert_allclose(intervals, expected, atol=1e-8, rtol=1e-7)
    assert module._negative(lambda p: 1.0, [1.0] * len(GRID)) == ()


# --- the two faces ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.statistical
def test_faces_of_every_method_agree(name):
    """Nine checks with a false alarm of 1 in 100 each, at fixed seeds."""
    agreement = compare_faces(name, 2, 2, QUICK, 4)
    assert agreement.agrees, agreement.worst
    assert agreement.false_alarm == FALSE_ALARM
    assert all(np.isfinite(face.t_statistic) for face in agreement.faces)


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if isinstance(method, NodeMethod)])
@pytest.mark.statistical
def test_faces_of_nodes_agree_whatever_their_activation(name):
    """Errors of ReLU nodes; the overlaps above do not know the activation. One false alarm in 100 each, seeds fixed."""
    assert compare_faces(name, 2, 2, QUICK, 4, activation="relu").agrees


WRONG = {
    "Q of a node": {"Q_ii": lambda x: (1 - (1 - x.p) ** 4) * x.Q_ii},
    "Q within a group": {"Q_ik": lambda x: (1 - (1 - x.p) ** 3) ** 2 * x.Q_ik},
    "R within a group": {"R_in": lambda x: x.p * x.R_in},
}


@pytest.mark.parametrize(("quantity", "changes"), WRONG.items(), ids=list(WRONG))
@pytest.mark.statistical
def test_a_wrong_limit_is_rejected(quantity, changes):
    assert compare_faces(SymbolicEdgeMethod(Wrapped()), 2, 3, QUICK, np.random.default_rng(5)).agrees
    agreement = compare_faces(SymbolicEdgeMethod(Wrapped(**changes)), 2, 3, QUICK, np.random.default_rng(5))
    assert not agreement.agrees
    assert agreement.worst.quantity == quantity


@pytest.mark.statistical
def test_masks_that_keep_too_much_are_rejected():
    class Generous(Wrapped):
        def draw(self, layer, keep, rng, count=1):
            return self.right.draw(layer, keep**0.8, rng, count)

    agreement = compare_faces(SymbolicEdgeMethod(Generous()), 2, 3, QUICK, np.random.default_rng(5))
    assert not agreement.agrees
    shares = [face for face in agreement.faces if face.quantity == "share kept"]
    assert all(face.t_statistic > agreement.limit for face in shares)


@pytest.mark.statistical
def test_a_column_method_that_says_it_is_random_is_rejected():
    class Column(EdgeVariant):
        name = "column"

        def limit(self, pair):
            return Pruned(pair.p * pair.Q_ii, pair.p**2 * pair.Q_ik, pair.p * pair.R_in)

        draw = METHODS["column-edge"].variant.draw

    agreement = compare_faces(SymbolicEdgeMethod(Column()), 2, 2, QUICK, np.random.default_rng(1))
    assert not agreement.agrees
    assert agreement.worst.quantity == "Q within a group"


@pytest.mark.statistical
def test_a_node_method_whose_masks_are_not_its_law_is_rejected():
    class Mistaken(type(METHODS["random-node"])):
        name = "mistaken"

        def draw(self, layer, keep, rng, count=1):
            return METHODS["importance-node"].draw(layer, keep, rng, count)

    agreement = compare_faces(Mistaken(), 2, 3, Drawing(400, 12, 8), np.random.default_rng(6))
    assert not agreement.agrees


class BadDraw(type(METHODS["random-node"])):
    """Masks of a test's choice."""

    name = "bad-draw"

    def __init__(self, masks):
        self.masks = masks

    def draw(self, layer, keep, rng, count=1):
        return self.masks(count, len(layer.weights), keep)


@pytest.mark.parametrize(
    ("masks", "words"),
    [
        (lambda n, K, k: np.ones((n, K)), "returned no bool array"),
        (lambda n, K, k: np.ones((n, K + 1), dtype=bool), "returned no bool array"),
        (lambda n, K, k: np.ones((n, K), dtype=bool), "kept 6 nodes, expected 1"),
    ],
)
def test_bad_node_masks(masks, words):
    with pytest.raises(BadInput, match=words):
        compare_faces(BadDraw(masks), 2, 3, QUICK, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("drawing", "words"),
    [(Drawing(1), "inputs = 1"), (Drawing(networks=2), "networks = 2"), (Drawing(masks=0), "masks = 0")],
)
def test_too_little_to_compare(drawing, words):
    with pytest.raises(BadInput, match=words):
        compare_faces("random-edge", 2, 3, drawing, 0)


def test_no_share_to_compare_at():
    class AllOrNothing(Wrapped):
        fractions = (Fraction(0), Fraction(1))

    with pytest.raises(BadInput, match="no keep fraction to compare"):
        compare_faces(SymbolicEdgeMethod(AllOrNothing()), 2, 3, QUICK, np.random.default_rng(0))


# --- all together -------------------------------------------------------------------------------------


def test_json_holds_everything():
    bounded = found(soft(), drawing=QUICK)
    data = json.loads(json.dumps(bounded.as_json(), allow_nan=False))
    assert data["method"] == "soft-edge"
    assert data["draw_agrees_with_limit"]["agrees"] is True
    assert len(data["curve"]) == len(GRID)
    assert len(data["table"]) == 6
    assert data["regions_are"] == "numerical, not proved"


def test_methods_that_see_more_than_pairs():
    class Whole(EdgePruning):
        """Random edges, by its own `pruned`."""

        name = "whole"

        def pruned(self, covariance, K, keep):
            assert K == 6  # the state asked about, not a smaller one
            return METHODS["random-edge"].pruned(covariance, K, keep)

        def draw(self, layer, keep, rng, count=1):
            return METHODS["random-edge"].draw(layer, keep, rng, count)

    bounded = found(Whole())
    assert bounded.formulas == []
    assert {region.rival: region.equal for region in bounded.regions}["random-edge"]


def test_names_of_built_in_methods_are_taken():
    variant = Wrapped()
    variant.name = "dpp-edge"
    with pytest.raises(BadInput, match="dpp-edge: is the name of a registered method"):
        found(SymbolicEdgeMethod(variant))


def test_nothing_to_compare_without_a_second_layer():
    with pytest.raises(BadInput, match="every error vanishes"):
        found(soft(), Comparison(2, 3, 0.0))
    with pytest.raises(BadInput, match=r"activation polynomial\[0\] = 0: every error vanishes"):
        found(soft(), Comparison(2, 3, 1.0, activation="polynomial[0]"))
