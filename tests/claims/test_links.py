"""What evidence entails: the machine checks statement and domain, and says which link is missing."""

import pytest
import sympy as sp

from divprune_sym.claims import Certified, Claim, Inequality, Proof, Verdict, Witness, ledger, same
from divprune_sym.claims.arithmetic import certain, covered, impossible, nonnegative, sign, without_roots
from divprune_sym.claims.claim import Bench
from divprune_sym.claims.domain import Domain, read
from divprune_sym.claims.links import Fact, NotEntailed, entail
from divprune_sym.claims.rules import At, Ends, Follows, Induction, Slope

x, u = sp.symbols("x u")
n, m = sp.symbols("n m", integer=True)
HALF = sp.Rational(1, 2)
BENCH = Bench(quick=False, recorded=ledger.RECORDED)


def where(*items):
    return read(items, {x, u, n, m}, "domain")


def examined(statement, domain, *evidence):
    return ledger.examine(Claim("some.claim", "A title.", statement, domain, "here", evidence, Verdict.OPEN), BENCH)


CASES = {
    "other statement": (x > 100, Certified(Inequality(x + 1, {x: (0, 1)}, 1)), "nothing shows x > 100 on 0 < x, x < 1"),
    "part of the domain": (
        HALF - x > -1,
        Certified(Inequality(3 * HALF - x, {x: (0, HALF)}, 1)),
        "only, not at x = 3/4",
    ),
    "outside": (x**2 < x, Witness({x: 5}), "x = 5 is outside the domain"),
    "other proof": (
        sp.Eq(x, 2 * x),
        Proof(lambda: [same("0 is 0", sp.Integer(0), sp.Integer(0))]),
        "nothing shows Eq(x, 2*x)",
    ),
}


@pytest.mark.parametrize(("statement", "evidence", "words"), CASES.values(), ids=list(CASES))
def test_evidence_for_something_else_leaves_a_claim_open(statement, evidence, words):
    record = examined(statement, ["0 < x < 1"], evidence)
    assert record.verdict == "open"
    assert words in record.reason
    assert "\n" not in record.reason


@pytest.mark.parametrize(
    ("domain", "verdict"),
    [("0 <= x <= 1", "certified"), ("0 < x < 1", "certified"), ("0 <= x <= 2", "open"), ("x = 1/3", "certified")],
)
def test_pieces_cover_the_domain_with_its_ends(domain, verdict):
    pieces = [Certified(Inequality(x + 1, {x: ends}, 1), str(k)) for k, ends in enumerate([(0, HALF), (HALF, 1)])]
    assert examined(x > -1, [domain], *pieces).verdict == verdict


def test_an_open_end_is_not_covered():
    vanishing = Certified(Inequality(x, {x: (0, 1)}, 1, {x: (1, 0)}))
    assert examined(x > 0, ["0 < x <= 1"], vanishing).verdict == "certified"
    at_zero = examined(x >= 0, ["0 <= x <= 1"], vanishing)
    assert at_zero.verdict == "certified"  # x ≥ 0 is in the domain itself
    assert examined(x**2 + x > 0, ["0 <= x <= 1"], vanishing).verdict == "open"


@pytest.mark.parametrize(
    ("goal", "domain", "holds"),
    [
        (x < 2, ["0 < x < 1"], True),
        (x < 1, ["0 < x <= 1"], False),
        (n >= 3, ["n > 2"], True),
        (x >= 3, ["x > 2"], False),
        (n * m >= 1, ["n >= 1", "m >= 1"], True),
        (1 / x <= HALF, ["x >= 2"], True),
        (1 / x <= HALF, ["x >= 1"], False),
        (sp.Ne(n, 1), ["n > 1"], True),
        (sp.Eq(n, 2), ["n > 1", "n < 3"], True),
        (sp.Eq(x, 2), ["x > 1", "x < 3"], False),
        (sp.Gt(sp.sqrt(3) / sp.pi * x, HALF * x), ["x > 0"], True),
    ],
)
def test_what_relations_entail(goal, domain, holds):
    assert certain(goal, where(*domain)) is holds


@pytest.mark.parametrize(
    ("polynomial", "domain", "holds"),
    [
        (2 - (1 - x) ** 3, ["0 < x < 1"], True),
        (x**3 - 1, ["0 <= x < 1"], True),
        (x**3 - 1, ["0 <= x <= 1"], False),
        (x**2 - x, ["0 < x < 1"], True),
        (2 * x**2 - x, ["0 < x < 1"], False),
        (x**2 + 1, [], True),
        (1 - x**4 / (1 + x) ** 2, ["0 < x < 1"], True),
        (1 - 2 * x / (1 + x), ["0 < x <= 1"], False),
        (x**2 - 2, ["x > 3/2"], True),
        (x**2 - u, ["0 < x < 1"], False),
    ],
)
def test_polynomials_without_roots(polynomial, domain, holds):
    assert without_roots(polynomial, where(*domain)) is holds


def test_bounds_that_nearly_touch_are_told_apart():
    tiny = sp.Rational(1, 10**15)
    assert impossible(Domain((x > 1, x < 1 + tiny, x < 1)))
    assert impossible(Domain((2 * x > 2 + tiny, 3 * x <= 3)))
    assert not impossible(Domain((x > 1, x < 1 + tiny)))
    assert covered(Domain((x > 1, x < 1 + tiny)), [Domain((x >= 1, x <= 1 + tiny))])


def test_covers_and_signs():
    assert covered(where("n >= 1"), [where("n = 1"), where("n = 2"), where("n >= 3")])
    assert not covered(where("n >= 1"), [where("n = 1"), where("n >= 3")])
    assert not covered(where("x >= 1"), [where("x = 1"), where("x >= 2")])
    assert impossible(where("x ≠ 1", "x >= 1", "x <= 1"))
    assert not impossible(where("x ≠ 1", "x >= 1"))
    assert sign(x * (x - 2), where("0 < x < 1")) == -1
    assert sign(x * (x - 2), where("0 < x < 3")) == 0
    assert nonnegative((x - 1) ** 2 * u, where("u >= 0"))


def test_rules_refuse_what_they_do_not_give():
    inside = where("0 <= u <= 1", "0 <= x <= 1")
    for rule, statement, domain, words in (
        (Ends(u, 0, 1), u**2 + 1 > 0, inside, "is not linear"),
        (Ends(u, 0, HALF), u + 1 > 0, inside, "is not certain"),
        (Slope(x, 0), x + 1 > 0, inside, "is not on one side"),
        (Induction(n, 1), n >= 0, where("n >= 0"), "is not certain"),
        (Induction(x, 1), x >= 0, where("x >= 1"), "is not declared an integer"),
        (At({x: u - 1}, Fact(x >= 0, where("x >= 0"))), u - 1 >= 0, inside, "nothing shows u - 1 >= 0"),
        (At({x: 2 * u}, Fact(x >= 0, where("x >= 0"))), u - 1 >= 0, inside, "at these values is"),
    ):
        finding = Follows(statement, domain, rule).examine(None, BENCH, ())
        assert not finding.holds
        assert words in finding.summary


def test_rules_ask_for_their_premises():
    f = sp.asin(x) * u + 1
    goal, domain = sp.Gt(f, 0), where("-1/2 <= u <= 1/2", "0 <= x <= 1")
    rule = Ends(u, -HALF, HALF)
    ends = [Fact(f.subs(u, end) > 0, where("0 <= x <= 1")) for end in (-HALF, HALF)]
    assert Follows(goal, domain, rule).examine(None, BENCH, ends).holds
    assert not Follows(goal, domain, rule).examine(None, BENCH, ends[1:]).holds
    square = Follows(sp.Ge(2**n, n + 1, evaluate=False), Domain((n >= 0,)), Induction(n, 0))
    step = Fact(sp.Ge(2 ** (n + 1) - n - 2 - (2**n - n - 1), 0, evaluate=False), Domain((n >= 0,)))
    assert square.examine(None, BENCH, [step]).holds
    assert not square.examine(None, BENCH, []).holds
    rising = Follows(sp.exp(x) - 1 > 0, where("0 < x < 1"), Slope(x, 0))
    assert rising.examine(None, BENCH, [Fact(sp.exp(x) > 0, where("0 < x < 1"))]).holds
    assert not rising.examine(None, BENCH, [Fact(sp.exp(x) > 0, where("1/2 < x < 1"))]).holds


@pytest.fixture(scope="module")
def shipped():
    return {claim.id: claim for claim in ledger.all_claims()}


# each claim with a statement that is too wide and a domain that is too wide
TAMPERED = {
    "nodes.dpp-not-worse": ("M*Z ≥ 2", "M*Z ≥ 1"),
    "label-noise.fixed-point": ("sigma ≤ 50001/100000", "sigma ≤ 50002/100000"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_tampering_with_domain_and_statement_is_noticed(shipped, name):
    claim = shipped[name]
    findings = ledger._findings(claim, Bench(True, ledger.RECORDED))
    facts = [fact for finding in findings for fact in finding.facts]
    entail(facts, claim.explicit, claim.over)
    old, new = (read([text], claim.statement.free_symbols, "domain").relations[0] for text in TAMPERED[name])
    relations = [relation for relation in claim.over.relations if str(relation) not in (str(old), str(old.reversed))]
    assert len(relations) == len(claim.over.relations) - 1
    with pytest.raises(NotEntailed):
        entail(facts, claim.explicit, Domain((*relations, new), claim.over.integers))
    with pytest.raises(NotEntailed):
        entail(facts, sp.And(claim.explicit, sp.Gt(x, 100)), claim.over)


@pytest.mark.slow(60)
def test_no_claim_of_any_family_says_more_than_its_evidence():
    bench = Bench(True, ledger.RECORDED)
    families = ("integrals", "dynamics", "edges", "edge_against_node_intervals", "reweighting")
    further = sp.Symbol("further", real=True)
    tried = 0
    for claim in (claim for family in families for claim in ledger._of_family(family)):
        if claim.expected not in (Verdict.PROVED, Verdict.CERTIFIED):
            continue
        facts = [fact for finding in ledger._findings(claim, bench) for fact in finding.facts]
        for wider in (sp.And(claim.explicit, sp.Gt(further, 100)), sp.Gt(further, 100)):
            with pytest.raises(NotEntailed):
                entail(facts, wider, claim.over)
        with pytest.raises(NotEntailed):
            entail([], claim.explicit, claim.over)
        if isinstance(claim.explicit, (sp.Gt, sp.Lt, sp.Ge, sp.Le)):
            with pytest.raises(NotEntailed):
                entail(facts, claim.explicit.negated, claim.over)
        tried += 1
    assert tried >= 12
