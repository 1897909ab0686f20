"""Questions and domains from text: what is read, and one line for everything else."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from divprune_sym.explore.domain import read_domain
from divprune_sym.explore.question import read_question
from divprune_sym.ground.checks import BadInput


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("ERROR(dpp-node) <= ERROR(random-edge)", "ERROR(dpp-node) <= ERROR(random-edge)"),
        ("2*ERROR(dpp-edge,optimal)≥ERROR( random-edge , inverse-sqrt )-1/3",
         "2*ERROR(dpp-edge, optimal) >= ERROR(random-edge, inverse-sqrt) - 1/3"),
        ("-ERROR(nm-edge) + 0.5 < - 2.5 * ERROR(dpp-node, reweight)",
         "-ERROR(nm-edge) + 1/2 < -5/2*ERROR(dpp-node, reweight)"),
        ("0.1 > ERROR(importance-node)", "1/10 > ERROR(importance-node)"),
    ],
)  # fmt: skip
def test_questions(text, read):
    assert str(read_question(text)) == read
    assert str(read_question(read)) == read


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "column 1: expected ERROR(method), found the end"),
        ("ERROR(dpp-node)", "column 16: expected one of <= < >= >, found the end"),
        ("ERROR(dpp-nod) < 1", 'Did you mean "dpp-node"?'),
        ("ERROR dpp-node < 1", "column 7: expected (, found 'dpp-node'"),
        ("ERROR(dpp-node < 1", "column 16: expected ), found '<'"),
        ("ERROR(dpp-node, optimal) < 1", "column 17: dpp-node takes reweight, not 'optimal'"),
        ("ERROR(dpp-edge, reweight) < 1", "dpp-edge takes inverse-sqrt or optimal, not 'reweight'"),
        ("ERROR(dpp-edge, optimal, inverse-sqrt) < 1", "one of them can follow pruning"),
        ("1 < 2", "compares numbers only"),
        ("ERROR(dpp-edge) < 1/0", "1/0 divides by zero"),
        ("ERROR(dpp-edge) < 1 < 2", "expected +, - or the end, found '<'"),
        ("ERROR(dpp-edge) = 1", "column 17: '=' means nothing here"),
        ("ERROR(dpp-edge) < __import__('os')", "means nothing here"),
        ("ERROR(dpp-edge) < " + "9" * 40, "at most 30 are read"),
        ("(" * 2000, "at most 1000 are read"),
    ],
)
def test_questions_refused(text, words):
    with pytest.raises(BadInput) as refused:
        read_question(text)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    with suppress(BadInput):
        read_question(text)


def test_domains():
    domain = read_domain("M=2..3, Z=2,k=all", of_nodes=True)
    assert [domain.kept(M, Z) for M, Z in domain.students()] == [
        [(k, Fraction(k, K)) for k in range(1, K)] for K in (4, 6)
    ]
    assert len(domain) == 8
    assert read_domain("M=1,Z=3", of_nodes=True).kept(1, 3) == [(1, Fraction(1, 3)), (2, Fraction(2, 3))]
    assert read_domain("M=1,Z=3,k=2..7", of_nodes=False).kept(1, 3) == [(2, Fraction(2, 3))]
    assert read_domain("M=1,Z=3,p=0.1..0.3:0.1", of_nodes=False).p == tuple(Fraction(n, 10) for n in (1, 2, 3))
    assert len(read_domain("M=1,Z=3", of_nodes=False)) == 99


@pytest.mark.parametrize(
    ("text", "of_nodes", "words"),
    [
        ("", True, "'' is no range"),
        ("Z=1", True, "M is missing"),
        ("M=1", True, "Z is missing"),
        ("M=1,M=2,Z=1", True, "M is given twice"),
        ("M=1,Z=2,q=3", True, "'q=3' is no range"),
        ("M=1,Z=2,p=0.5", True, "p is for edges alone"),
        ("M=1,Z=2,p=0.5,k=1", False, "k and p both"),
        ("M=0..3,Z=2", True, "M=0..3: expected 1 <= from <= to <= 64"),
        ("M=3..2,Z=2", True, "M=3..2: expected 1 <= from"),
        ("M=x,Z=2", True, "M=x: expected a whole number or a range"),
        ("M=64,Z=64", True, "K = M Z reaches 4096, at most 400"),
        ("M=1,Z=1", True, "0 points"),
        ("M=1,Z=2,p=0..1", False, "p=0..1: expected 0 < from <= to < 1"),
        ("M=1,Z=2,p=0.5..", False, "p=0.5..: expected a share"),
        ("M=1,Z=2,p=.", False, "p=.: expected a share"),
        ("M=1,Z=2,p=0.1..0.9:0.0000001", False, "8000001 shares, at most 200000"),
        ("M=1..20,Z=1..20,p=0.001..0.999:0.001", False, "399600 points"),
    ],
)
def test_domains_refused(text, of_nodes, words):
    with pytest.raises(BadInput) as refused:
        read_domain(text, of_nodes)
    assert words in str(refused.value)
