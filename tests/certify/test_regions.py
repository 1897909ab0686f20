"""Certified regions never contradict an evaluation in 30 digits that shares nothing with them."""

from __future__ import annotations

import random
from fractions import Fraction

import mpmath as mp
import pytest
import sympy as sp

from divprune_sym.bound.regions import Comparison
from divprune_sym.certify.compare import claim_of, places
from divprune_sym.certify.formulas import NoFormula, Subject, coordinated_errors, node_error, node_errors, subject_of
from divprune_sym.certify.setting import EVERY, INFINITE, Setting
from divprune_sym.certify.words import all_ranges
from divprune_sym.claims import ledger
from divprune_sym.claims.checker import check_inequality
from divprune_sym.claims.claim import Bench
from divprune_sym.claims.domain import Domain
from divprune_sym.claims.errors import M, p
from divprune_sym.claims.evidence import Certified
from divprune_sym.claims.links import NotEntailed, entail
from divprune_sym.claims.prover import prove
from divprune_sym.pruning import METHODS
from divprune_sym.specialized.formula import SpecializedOverlaps

pytestmark = pytest.mark.slow(30)

BENCH = Bench(False, ledger.RECORDED)
DIGITS = 30
NEAR = mp.mpf("1e-11")


# --- a small family of keep probabilities, in any arithmetic ----------------------------------------------


def overlaps(x, sqrt, w, shared):
    """(E z²π, E z²ππ') for π = (1 − w)p + w(1 − exp(−cz²/2)), whose means are p; copies share a share of coins."""
    lost = 1 - x
    soft, soft_both = 1 - lost**3, 1 - 2 * lost**3 + lost**3 / sqrt(2 - lost**2) ** 3
    square = (1 - w) * x + w * soft
    apart = (1 - w) ** 2 * x**2 + 2 * w * (1 - w) * x * soft + w**2 * soft_both
    return square, shared * square + (1 - shared) * apart


def variant(w, shared):
    square, both = overlaps(p, sp.sqrt, sp.Rational(w), sp.Rational(shared))
    zero = sp.Integer(0)
    return Subject("variant", {None: SpecializedOverlaps(square, both, zero, square, zero)})


def edge_error(square, both, Z):
    """e = 6 ε_g/(M v*²) from the arc sines of I2, in mpmath."""

    def I2(ab, aa, bb):
        return 2 / mp.pi * mp.asin(ab / mp.sqrt((1 + aa) * (1 + bb)))

    u = mp.mpf(1) / Z
    own = u * I2(square, square, square) + (1 - u) * I2(both, square, square)
    return 3 * (own - 2 * I2(square, square, 1) + I2(1, 1, 1))


def kept_in_groups(x, Z, first):
    """e of M → ∞ groups in which h of the Z nodes are kept at random beside `first` ones that always are."""
    chance = (x * Z - first) / (Z - first)
    mean, square = first + (Z - first) * chance, (Z - first) * chance * (1 - chance)
    return (1 - mean / Z) ** 2 + square / Z**2


def dpp_nodes(x, Z):
    """One node of each group first; with fewer nodes than groups, some groups keep none."""
    return kept_in_groups(x, Z, 1) if x * Z >= 1 else 1 - x * Z + x * Z * (1 - mp.mpf(1) / Z) ** 2


RIVALS = {
    ("random-edge", EVERY): lambda x, Z: edge_error(x, x**2, Z),
    ("column-edge", EVERY): lambda x, Z: edge_error(x, x, Z),
    ("random-node", INFINITE): lambda x, Z: kept_in_groups(x, Z, 0),
    ("dpp-node", INFINITE): dpp_nodes,
}
TENTHS = [Fraction(n, 10) for n in range(11)]


def drawn_cases():
    rng = random.Random(14)
    for n in range(50):
        w, shared = rng.choice(TENTHS[1:]), rng.choice(TENTHS)
        yield w, shared, rng.randint(2, 8), list(RIVALS)[n % len(RIVALS)]


def certified(setting, rival, about):
    """Ranges of p, each of whose certificates the prover finds and the checker accepts."""
    found = places(setting, rival, about)
    for evidence in claim_of(setting, found).evidence:
        if isinstance(evidence, Certified):
            check_inequality(evidence.inequality.as_problem(), prove(evidence.inequality))
    return all_ranges(setting, found)[0]


def contradictions(ranges, gap, rng):
    """How many evaluations have another sign than the range that they lie in."""
    count = 0
    for (_, low), (high, _), sign in ranges:
        first, last = (mp.mpf(x.numerator) / x.denominator for x in (low, high))
        inner = [first + (last - first) * mp.mpf(rng.random()) for _ in range(4)]
        points = [first + NEAR, last - NEAR, *inner]
        count += sum(mp.sign(gap(x)) != sign for x in points if first < x < last)
    return count


def read_off(ranges):
    """The wrong certifier: boundaries as one reads them off a plot, to three digits."""

    def rounded(end):
        place = Fraction(round(end[0] * 1000), 1000)
        return place, place

    return [(rounded(low), rounded(high), sign) for low, high, sign in ranges]


def test_certified_regions_of_random_variants_never_contradict_30_digits():
    rng = random.Random(15)
    with_boundary = wrong = 0
    with mp.workdps(DIGITS):
        for w, shared, Z, (rival, about) in drawn_cases():
            ranges = certified(Setting(variant(w, shared), 2, Z), rival, about)

            def gap(x, w=w, shared=shared, Z=Z, other=RIVALS[rival, about]):
                share = [mp.mpf(y.numerator) / y.denominator for y in (w, shared)]
                return edge_error(*overlaps(x, mp.sqrt, *share), Z) - other(x, Z)

            assert ranges[0][0] == (0, 0)
            assert ranges[-1][1] == (1, 1)
            assert contradictions(ranges, gap, rng) == 0, (w, shared, Z, rival)
            with_boundary += len(ranges) > 1
            wrong += contradictions(read_off(ranges), gap, rng) > 0
    assert with_boundary >= 5
    assert wrong >= with_boundary - 1  # a boundary may lie on a thousandth


# --- claims -------------------------------------------------------------------------------------------


SOFT = variant(1, 0)
CLAIMS = {
    "boundaries": (SOFT, "magnitude-edge", EVERY, "exactly for 0.06512734367… < p < 0.21931298045…, and a larger one"),
    "in a parameter": (SOFT, "dpp-edge", EVERY, "a smaller error than dpp-edge at every keep fraction 0 < p < 1"),
    "every M": (SOFT, "dpp-node", EVERY, "a smaller error than dpp-node at every keep fraction 0 < p < 1"),
    "one boundary": ("random-edge", "dpp-node", EVERY, "exactly for 0 < p < 0.24384717153…, and a larger one beyond"),
    "kinks": (
        SOFT,
        "coordinated-edge",
        EVERY,
        "a smaller error than coordinated-edge at every keep fraction 0 < p < 1",
    ),
    "M decides": ("random-edge", "random-node", EVERY, "for 0.79529344769… < p < 1; elsewhere it depends on M"),
    "at points": ("nm-edge", "dpp-edge", EVERY, "larger error than dpp-edge at p = 1/4, 1/2, 3/4"),
    "equal points": ("random-nm-edge", "random-edge", EVERY, "the same error as random-edge at p = 1/4, 1/2, 3/4"),
    "equal": (variant(0, 0), "random-edge", EVERY, "the same error as random-edge at every keep fraction"),
    "rescaled": ("column-edge", "random-edge", EVERY, "a larger error than random-edge"),
}


def found(subject, rival, about, rescale="none"):
    subject = subject if isinstance(subject, Subject) else subject_of(METHODS[subject])
    setting = Setting(subject, 2, 3, rescale)
    return claim_of(setting, places(setting, rival, about))


@pytest.mark.parametrize("name", CLAIMS)
def test_claims(name):
    *asked, words = CLAIMS[name]
    claim = found(*asked, "inverse-sqrt" if name == "rescaled" else "none")
    record = ledger.examine(claim, BENCH)
    assert record.as_expected, record.reason
    assert words in claim.title
    facts = [fact for finding in ledger._findings(claim, BENCH) for fact in finding.facts]
    with pytest.raises(NotEntailed):
        entail(facts, sp.And(claim.explicit, sp.Gt(p, 100)), claim.over)


def test_a_region_that_is_too_wide_is_not_entailed():
    claim = found(SOFT, "column-edge", EVERY)
    facts = [fact for finding in ledger._findings(claim, BENCH) for fact in finding.facts]
    entail(facts, claim.explicit, claim.over)
    with pytest.raises(NotEntailed):
        entail(facts, claim.explicit, Domain((sp.Le(p, 1, evaluate=False),)))


@pytest.mark.parametrize("name", ["random-node", "dpp-node"])
def test_errors_of_nodes_in_w_are_those_of_the_ledger(name):
    for Z in (1, 2, 3, 5):
        law = node_errors(name, Z)
        for groups in (1, 2, 4):
            for k in range(1, groups * Z):
                share = sp.Rational(k, groups * Z)
                part = next(x for x in law.parts if x.low <= share <= x.high)
                assert part.error(law.weight).subs({p: share, M: groups}) == node_error(name, k, groups, Z)


def test_errors_of_coordinated_edges_in_parts_are_those_of_the_method():
    for Z in (1, 2, 3, 5):
        asked = Comparison(2, Z, 1.0)
        for n in range(1, 20):
            share = sp.Rational(n, 20)
            part = next(x for x in coordinated_errors(Z, "none").parts if x.low <= share <= x.high)
            exact = float(part.error(0).subs(p, share))
            assert exact == pytest.approx(3 * asked.error(METHODS["coordinated-edge"], n / 20), rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("name", ["dpp-node", "magnitude-edge", "dpp-edge", "coordinated-edge"])
def test_a_method_of_numbers_has_no_formula(name):
    with pytest.raises(NoFormula, match="as numbers, no formulas"):
        subject_of(METHODS[name])
