"""`check`: exit codes, what is printed, and that its line to reproduce a difference does."""

from __future__ import annotations

import json
import shlex

import pytest

from divprune_sym.cli import main

RIGHT = "2/pi*asin(C_ab/sqrt((1+C_aa)*(1+C_bb)))"
WRONG = "1/pi*asin(C_ab/sqrt((1+C_aa)*(1+C_bb)))"


def run(capsys, *arguments, code=0):
    assert main(["check", *arguments]) == code
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_agree(capsys):
    out = run(capsys, RIGHT, "--against", "I2")
    assert out == "agree (proved: the difference simplifies to 0; and at 24 covariances to 40 digits)\n"


def test_differ(capsys):
    out = run(capsys, WRONG, "--against", "E[g(u_a)*g(u_b)]", code=1)
    first, at, formula, definition, difference, reproduce = out.splitlines()
    assert (first, at) == ("differ", "  at C_ab = 1/2 (else: variance 1, covariance 0)")
    values = [float(line.split()[1]) for line in (formula, definition, difference)]
    assert values == pytest.approx([0.0804306232551662, 0.1608612465103325, -0.0804306232551662])
    program, *arguments = shlex.split(reproduce.partition(":")[2])
    assert program == "divprune-sym"
    assert main(arguments) == 1
    assert capsys.readouterr().out == out


def test_the_least_and_the_greatest(capsys):
    assert "proved" in run(capsys, "max(C_aa, 0)/2", "--against", "E[g(u_a)*g(u_a)]", "--activation", "relu")
    assert run(capsys, f"min({RIGHT}, 1/8)", "--against", "I2", code=1).startswith("differ")


def test_agreement_without_proof_has_a_code_of_its_own(capsys, monkeypatch):
    monkeypatch.setattr("divprune_sym.formulas.agreement.proves_zero", lambda *arguments: False)
    out = run(capsys, RIGHT, "--against", "I2", code=3)
    assert out.startswith("agree wherever compared, not proved (24 random covariances, variances ")
    assert "a relative difference above 1e-40 would have been seen" in out


def test_a_leading_minus_is_no_option(capsys):
    assert run(capsys, f"-{WRONG}", "--against", "I2", code=1).startswith("differ")
    assert run(capsys, f"-{RIGHT}", "--against", "-I2").startswith("agree")


def test_json_of_agreement(capsys):
    record = json.loads(run(capsys, RIGHT, "--against", "I2", "--json"))
    low, high = record.pop("variances")
    assert 0 < low < 0.1
    assert high > 50
    assert record == {
        "verdict": "agree",
        "proved": True,
        "covariances": 24,
        "digits": 40,
        "smallest_difference_seen": {"relative": "1e-40", "absolute": "1e-80"},
        "activation": "erf",
        "at": None,
        "closed_form": "2*asin(C_ab/(sqrt(C_aa + 1)*sqrt(C_bb + 1)))/pi",
        "counterexample": None,
    }


def test_json_of_a_difference(capsys):
    record = json.loads(run(capsys, WRONG, "--against", "I2", "--json", code=1))
    assert (record["verdict"], record["proved"]) == ("differ", False)
    found = record["counterexample"]
    assert found["covariance"] == {"C_ab": "1/2", "C_aa": "1", "C_bb": "1"}
    assert float(found["formula"]) - float(found["definition"]) == pytest.approx(float(found["difference"]))
    assert main(shlex.split(found["reproduce"])[1:]) == 1


def test_json_where_there_is_no_real_value(capsys):
    record = json.loads(run(capsys, "sqrt(C_ab - 5)", "--against", "I2", "--json", code=1))
    assert record["counterexample"]["formula"] is None
    assert record["counterexample"]["difference"] is None
    assert "no real value" in run(capsys, "sqrt(C_ab - 5)", "--against", "I2", code=1)


def test_at(capsys):
    out = run(capsys, WRONG, "--against", "I2", "--at", "C_ab = 0", code=3)
    assert out.startswith("agree at C_ab = 0, not proved (40 digits: ")
    assert "one above 1e-80 where the definition is 0" in out
    assert run(capsys, WRONG, "--against", "I2", "--at", "C_ab = 1/3", code=1).startswith("differ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ("FORMULA",)),
        ((RIGHT,), ("--against",)),
        ((RIGHT, "--against"), ("--against",)),
        ((RIGHT, "--against", "I5"), ("definition", "'I5'", "known:")),
        ((RIGHT, "--against", "I2", "--activation", "erff"), ("'erff'", "did you mean 'erf'?")),
        ((RIGHT, "--against", "I2", "--activation", "\n"), ("activation",)),
        ((RIGHT.replace("asin", "asinn"), "--against", "I2"), ("column 6", "'asinn'", "did you mean 'asin'?")),
        ((RIGHT.replace("C_ab", "C_ax"), "--against", "I2"), ("'C_ax'", "did you mean 'C_ab'?")),
        ((RIGHT + "*sigma", "--against", "I2"), ("unknown symbol 'sigma'",)),
        (("E[u_a]", "--against", "E[lambda_a]"), ("one field under two names", "u_a", "lambda_a")),
        ((RIGHT, "--against", "I2", "--at", "C_ab = 3"), ("not positive semi-definite", "eigenvalue -2")),
        ((RIGHT, "--against", "I2", "--at", "C_ab = 1"), ("one field under two names",)),
        ((RIGHT, "--against", "E[g(u_a)*g(u_b)*g(u_c)*g(u_d)]"), ("no closed form", "g(u_d)")),
        (("__import__('os')", "--against", "I2"), ("column 1", "'_'")),
        (("9^9^9", "--against", "I2"), ("power is too high",)),
        (("1\n+\n", "--against", "I2"), ("column 5", "the end")),
        (("x" * 5000, "--against", "I2"), ("5000 characters, at most 4000",)),
        (("\u202e1", "--against", "I2"), ("U+202E",)),
        (("\ud800", "--against", "I2"), ("U+D800",)),
        ((RIGHT, "--against", "I2", "--agianst", "I3"), ("--agianst",)),
    ],
)
def test_refusals(stops, arguments, words):
    line = stops("check", *arguments)
    assert len(line) < 400
    for word in words:
        assert word in line
