"""Claims as theorems for Coq, with the real coqc where there is one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from shutil import which

import pytest
import sympy as sp

from divprune_sym.claims import Claim, Verdict, ledger
from divprune_sym.claims.coq import kernel
from divprune_sym.claims.coq.gallina import NotExpressible
from divprune_sym.claims.coq.theorem import theorem
from divprune_sym.cli import main

_M, _Z = sp.symbols("M Z", integer=True, positive=True)
_CLAIM = Claim(
    "user.pairs",
    "Pairs of copies are no more than pairs of nodes.",
    sp.Le(_M * _Z * (_Z - 1), _M * _Z * (_M * _Z - 1)),
    ("M, Z integers", "M ≥ 1", "Z ≥ 1"),
    "this test",
    (),
    Verdict.PROVED,
)
_MINE = """\
import sympy as sp
from divprune_sym.claims import Claim, Verdict

x = sp.Symbol("x")
CLAIMS = [
    Claim("my.square", "A square.", sp.Gt(x**2 + x, x), ("x > 0",), "a test", (), Verdict.PROVED),
    Claim("my.arc", "An arc.", sp.Ge(sp.asin(x), x), ("0 < x < 1",), "a test", (), Verdict.OPEN),
]
"""
_ONLY = ("--only", "my.square", "--only", "my.arc")
pytestmark = pytest.mark.slow(12)
_contributions = Path("/usr/lib/ocaml/coq/user-contrib")
needs_interval = pytest.mark.skipif(
    not (_contributions / "Interval").is_dir(), reason="no CoqInterval; on Debian: apt-get install libcoq-interval"
)
needs_coq = pytest.mark.skipif(which("coqc") is None, reason="no coqc; on Debian: apt-get install coq")


@needs_coq
def test_the_kernel_accepts_a_claim_and_refuses_it_tampered(tmp_path: Path) -> None:
    found = theorem(_CLAIM)
    path = tmp_path / found.file
    path.write_text(found.text)
    assert set(kernel.accepted(path).axioms) <= set(kernel._REALS)
    before, _, claimed = found.text.partition("Theorem claim")
    path.write_text(before + "Theorem claim" + claimed.replace("<=", ">", 1))
    with pytest.raises(kernel.Refused, match="coqc"):
        kernel.accepted(path)


@needs_coq
@pytest.mark.parametrize("proof", ["exact trust. Qed.", "Admitted."])
def test_what_is_assumed_or_admitted_is_refused(tmp_path: Path, proof: str) -> None:
    path = tmp_path / "admitted.v"
    path.write_text(f"Axiom trust : 1 = 2.\nTheorem claim : 1 = 2. {proof}\nPrint Assumptions claim.\n")
    with pytest.raises(kernel.Refused, match="no axiom of the real numbers"):
        kernel.accepted(path)


@needs_coq
@needs_interval
def test_the_kernel_accepts_arc_sines_and_refuses_them_too_wide(tmp_path: Path) -> None:
    claim = next(x for x in ledger._of_family("edge_against_node_intervals") if x.id == "edge-node.z2-above")
    found = theorem(claim)
    path = tmp_path / found.file
    path.write_text(found.text)
    axioms = set(kernel.accepted(path, found.interval).axioms)
    assert axioms <= set(kernel._REALS) | kernel._COMPUTED
    assert axioms - set(kernel._REALS)
    with pytest.raises(kernel.Refused, match="no axiom of the real numbers"):
        kernel.accepted(path)
    # 0.21 is below the boundary
    path.write_text(found.text.replace("43/200", "21/100").replace("(43 / 200)", "(21 / 100)"))
    with pytest.raises(kernel.Refused, match="coqc"):
        kernel.accepted(path, found.interval)


@pytest.mark.parametrize("domain", [("0 < x", "x <= 1"), ("1/2 <= x",), ("-1 < x < 1",)])
def test_arc_sines_are_exported_on_closed_intervals_only(domain: tuple[str, ...]) -> None:
    x = sp.Symbol("x")
    claim = Claim("my.arc", "An arc.", sp.Lt(sp.asin(x), 2), domain, "a test", (), Verdict.OPEN)
    with pytest.raises(NotExpressible, match="closed intervals"):
        theorem(claim)


def test_a_statement_that_is_false_is_not_exported() -> None:
    with pytest.raises(NotExpressible, match="vanish"):
        theorem(replace(_CLAIM, statement=sp.Gt(*_CLAIM.statement.args)))


def test_two_symbols_of_one_name_in_coq_are_not_exported() -> None:
    first, second = sp.Symbol("a.b", positive=True), sp.Symbol("a b", positive=True)
    with pytest.raises(NotExpressible, match="one name"):
        theorem(replace(_CLAIM, statement=sp.Le(first, first + second, evaluate=False), domain=()))


@needs_coq
def test_verify_exports_checks_and_counts(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(_MINE)
    folder = tmp_path / "theorems"
    command = ["verify", str(tmp_path / "mine.py"), *_ONLY, "--export", "coq", str(folder), "--kernel", "coq"]
    assert main(command) == 0
    square, arc, counts = capsys.readouterr().out.splitlines()
    assert square.startswith("my.square: accepted in ")
    assert (
        arc
        == "my.arc: not exported: arc sines or roots are exported in single strict inequalities of one real variable"
    )
    assert counts == "1 of 2 claims exported, 1 accepted by coqc"
    assert "Theorem claim" in (folder / "my_square.v").read_text()


def test_a_coqc_that_fails(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text(_MINE)
    broken = tmp_path / "coqc"
    broken.write_text("#!/bin/sh\necho 'File 1'\necho 'Error: no library.' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["verify", str(tmp_path / "mine.py"), *_ONLY, "--kernel", "coq"]) == 2
    out, err = capsys.readouterr()
    assert err == f"divprune-sym: --kernel coq: {broken} --version: Error: no library.\n"
    assert out == ""


def test_without_coqc(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["verify", "--kernel", "coq"]) == 2
    err = capsys.readouterr().err
    assert err == "divprune-sym: --kernel coq: there is no coqc; on Debian: apt-get install coq libcoq-interval\n"
