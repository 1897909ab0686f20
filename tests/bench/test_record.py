"""Runs as JSON and back, and what comparing two of them says."""

import json
from dataclasses import replace

import pytest

from divprune_sym.bench.compare import changes, differences
from divprune_sym.bench.model import (
    Compared,
    Fact,
    MeasuredCase,
    MeasuredTable,
    Missing,
    Spread,
    Timed,
    at_least,
    at_most,
)
from divprune_sym.bench.record import Record, read_record, write_record
from divprune_sym.bench.show import seconds, show_changes, show_machine, show_table
from divprune_sym.ground.checks import BadInput

MACHINE = {
    "cpu": "abacus",
    "llvm_cpu": "wood",
    "cores": 2,
    "usable_cores": 1,
    "load": 0.5,
    "system": "table",
    "python": "3.11",
    "packages": {"numpy": "2"},
    "numba_threads": 2,
    "blas": ["fingers 10"],
}


def run(time=1.0, speed=3.0, machine=None, label="K=2 M=2", quick=False):
    """One table of one case; quartiles 10 % around the medians."""

    def around(x):
        return Spread(x, 0.9 * x, 1.1 * x)

    case = MeasuredCase(
        label,
        (Timed("ours", around(time), 5, 7, at_most(2.0)), Timed("peer", around(speed * time), 5, 7, None)),
        (Compared("ours", "peer", around(speed), at_least(4.0)),),
        (Fact("error", 1e-9, "of ε_g", at_most(1e-6)),),
        (Missing("DPPy", "pip install dppy"),),
    )
    table = MeasuredTable("right-hand-sides", "one evaluation", "fast", (case,))
    return Record({**MACHINE, **(machine or {})}, "2026-01-01T00:00:00+00:00", quick, (table,))


def test_round_trip(tmp_path):
    path = tmp_path / "run.json"
    write_record(run(), path)
    assert read_record(path) == run()
    assert json.loads(path.read_text())["tables"][0]["cases"][0]["timed"][0]["seconds"]["median"] == 1.0


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "[]",
        lambda text: "[" * 200_000,
        lambda text: text.replace('"quick": true', '"quick": 1').replace('"quick": false', '"quick": 0'),
        lambda text: "{}",
        lambda text: text.replace("benchmarks 1", "benchmarks 0"),
        lambda text: text.replace('"median"', '"middle"'),
        lambda text: text.replace('"machine"', '"engine"'),
        lambda text: "\udc80",
    ],
)
def test_other_files_are_refused(tmp_path, damage):
    path = tmp_path / "run.json"
    write_record(run(), path)
    path.write_bytes(damage(path.read_text()).encode("utf-8", "surrogateescape"))
    with pytest.raises(BadInput, match=r"is no run of the benchmarks .*; --json FILE writes one"):
        read_record(path)


@pytest.mark.parametrize(
    ("time", "speed", "verdicts"),
    [
        (1.0, 3.0, ["", "", ""]),
        (1.15, 3.0, ["", "", ""]),
        (0.5, 6.0, ["faster", "", "faster"]),
        (2.0, 1.5, ["slower", "", "slower"]),
    ],
)
def test_changes_beyond_the_scatter(time, speed, verdicts):
    found = changes(run(time, speed), run())
    assert [x.what for x in found] == ["ours", "peer", "ours against peer"]
    assert [x.verdict for x in found] == verdicts
    assert found[0].factor == time


def test_only_what_both_runs_have_is_compared():
    assert changes(run(label="K=3 M=2"), run()) == []


def test_differences_of_the_runs_are_named():
    assert differences(run(), run(machine={"load": 9.0})) == []
    assert differences(run(machine={"cpu": "slide rule"}), run()) == ["cpu: then abacus, now slide rule"]
    assert differences(run(quick=True), run()) == ["quick: then False, now True"]


def test_what_is_shown(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    record = run()
    show_machine(record.machine)
    show_table(record.tables[0])
    out = capsys.readouterr().out
    for words in ("abacus", "1 of 2 cores", "fingers 10", "≤ 2 s met", "≥ 4× MISSED", "≤ 1e-06 met"):
        assert words in out
    assert "DPPy: skipped, pip install dppy" in out
    show_changes(replace(run(0.5), machine={**MACHINE, "cpu": "slide rule"}), record)
    out = capsys.readouterr().out
    assert "not the same — cpu: then abacus, now slide rule" in out
    assert "0.50" in out
    assert "faster" in out
    show_changes(run(label="other"), record)
    assert "none of these numbers" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.5, "1.5 s"), (0.012, "12 ms"), (4.5e-6, "4.5 µs"), (7e-9, "7 ns"), (7e-11, "0.07 ns"), (0.0, "0 ns")],
)
def test_seconds(value, text):
    assert seconds(value) == text
