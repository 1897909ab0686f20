"""What `main` makes of the errors of its commands, and how it hands on to `reproduce`."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from divprune_sym import cli
from divprune_sym.ground.files import free_memory
from divprune_sym.method_names import PAPER


@pytest.fixture
def reproduced(monkeypatch):
    """Stand in for the real thing, which takes minutes; records what it was asked."""
    asked = []
    stand_in = ModuleType("divprune_sym.reproduction.reproduce")

    def reproduce(out, size, seed, backend, methods):
        asked.append((out, size, seed, backend, methods))
        if isinstance(stand_in.answer, BaseException):
            raise stand_in.answer
        return stand_in.answer

    stand_in.answer = 0
    stand_in.reproduce = reproduce
    monkeypatch.setitem(sys.modules, "divprune_sym.reproduction.reproduce", stand_in)
    return stand_in, asked


def test_reproduce_defaults_and_options(reproduced):
    _, asked = reproduced
    assert cli.main(["reproduce"]) == 0
    words = ["--out", "here", "--quick", "--seed", "7", "--backend", "cuda", "--methods", "dpp-edge, mine.py:Mine"]
    assert cli.main(["reproduce", *words]) == 0
    assert cli.main(["reproduce", "--thorough"]) == 0
    assert asked == [
        (Path("reproduction"), "full", 1, "cpu", PAPER),
        (Path("here"), "quick", 7, "cuda", ("dpp-edge", "mine.py:Mine")),
        (Path("reproduction"), "thorough", 1, "cpu", PAPER),
    ]


def test_quick_and_thorough_are_refused_together(reproduced, capsys):
    assert cli.main(["reproduce", "--quick", "--thorough"]) == 2
    assert "give one of them" in capsys.readouterr().err
    assert reproduced[1] == []


def test_a_failed_check_is_exit_code_1(reproduced):
    reproduced[0].answer = 1
    assert cli.main(["reproduce"]) == 1


@pytest.mark.parametrize("seed", ["-1", "1.5", "one"])
def test_bad_seed(stops, reproduced, seed):
    assert "--seed" in stops("reproduce", "--seed", seed)
    assert not reproduced[1]


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (MemoryError("no room"), 2, "not enough memory: no room"),
        (OSError(28, "No space left on device", "report.html"), 2, "report.html: No space left on device"),
        (RuntimeError("two\nlines"), 1, "RuntimeError: two lines (--debug shows where)"),
        (OSError("strange"), 1, "OSError: strange"),
    ],
)
def test_errors_become_one_line(stops, reproduced, error, code, words):
    reproduced[0].answer = error
    assert words in stops("reproduce", code=code)


def test_debug_lets_errors_through(reproduced):
    reproduced[0].answer = RuntimeError("inside")
    with pytest.raises(RuntimeError, match="inside"):
        cli.main(["reproduce", "--debug"])


@pytest.mark.parametrize("arguments", [("eror",), ("--bogus",), ("reproduce", "--quik"), ("reproduce", "extra")])
def test_unknown_words(stops, arguments):
    assert arguments[-1] in stops(*arguments)


def test_free_memory_is_a_number():
    assert free_memory() > 2**20
