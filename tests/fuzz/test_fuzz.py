"""A few changed inputs through every entrance, the findings of long runs, and programs that must be caught.

Longer: `python -m tests.fuzz --minutes 60`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from divprune_sym.cli import main
from tests.fuzz import kept
from tests.fuzz.entrances import Case, entrances
from tests.fuzz.judged import judge

NAMES = sorted(entrances(Path(tempfile.mkdtemp())))
pytestmark = pytest.mark.slow(20)

PATIENCE = 120  # a changed size is compiled first, and here machines may be slow; long runs ask for 10 s


@pytest.fixture(scope="module")
def strategies(tmp_path_factory):
    return entrances(tmp_path_factory.mktemp("valid"))


def _judged(case, run=main):
    with tempfile.TemporaryDirectory() as folder:
        return judge(case, Path(folder), PATIENCE, run)


@pytest.mark.parametrize("name", NAMES)
def test_what_comes_of_changed_inputs(strategies, name):
    @settings(max_examples=25, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(strategies[name]())
    def no_fault(case):
        assert _judged(case) is None

    no_fault()


@pytest.mark.parametrize("path", sorted(kept.FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_what_was_found_is_mended(path, capsys):
    case, says = kept.read(path)
    lines = []

    def heard(words):
        code = main(words)
        lines.append(sys.stderr.getvalue())
        return code

    assert _judged(case, heard) is None
    assert says in lines[0]


def _raises(_):
    return {}["Q"]


def _writes(code, printed="", said="", name=None, content=b""):
    def run(words):
        print(printed)
        print(said, end="", file=sys.stderr)
        if name:
            (Path(words[0]) / name).write_bytes(content)
        return code

    return run


def _turns(_):
    while True:
        pass


GOOD = "divprune-sym: Q: 3\n"


@pytest.mark.parametrize(
    ("program", "wrong"),
    [
        (_raises, "KeyError left the program"),
        (_writes(2, said=""), "not one line"),
        (_writes(2, said=GOOD + "more\n"), "not one line"),
        (_writes(1, said="divprune-sym: KeyError: 'Q' (--debug shows where)\n"), "unexpected"),
        (_writes(2, said=GOOD, name="out.npz"), "and written: out.npz"),
        (_writes(7, said=GOOD), "exit code 7"),
        (_writes(0, printed='{"error": NaN}'), "the JSON printed: NaN"),
        (_writes(0, printed='{"error": 1e999}'), "the JSON printed: inf"),
        (_writes(0, name="out.npz", content=b""), "EOFError"),
        (_writes(2, said=GOOD), None),
        (_writes(0, printed='{"error": 1.0}'), None),
    ],
)
def test_a_broken_program_is_caught(program, wrong):
    found = _judged(Case(("FOLDER/",)), program)
    assert found is None if wrong is None else wrong in found


def test_numbers_that_are_none_are_caught_in_files(tmp_path):
    def run(words):
        np.savez(Path(words[0]) / "out.npz", y=np.array([np.nan]))
        return 0

    assert judge(Case(("FOLDER/",)), tmp_path, PATIENCE, run) == "out.npz holds NaN or infinity"


def test_a_program_without_end_is_caught(tmp_path):
    assert judge(Case(("x",)), tmp_path, 0.2, _turns) == "no answer within 0.2 s"
