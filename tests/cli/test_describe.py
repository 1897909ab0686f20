"""`describe` prints what the library finds, and `sample` without --size draws from the DPP itself."""

from __future__ import annotations

import json

import numpy as np
import pytest

from divprune_sym import cli
from divprune_sym.dpp import LEnsemble, describe
from tests.cli.files import kernel


@pytest.fixture
def file(tmp_path):
    np.save(tmp_path / "kernel.npy", kernel(7, 4))
    return tmp_path / "kernel.npy"


def test_what_the_library_finds(capsys, file):
    found = describe(LEnsemble.from_matrix(kernel(7, 4)))
    assert cli.main(["describe", str(file)]) == 0
    out, err = capsys.readouterr()
    assert out == f"{found}\n"
    assert "rank                4" in out
    assert "k > 4 " in out
    assert "are rounding, and were taken as 0" in err
    assert cli.main(["describe", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == found.as_json()


def test_a_kernel_that_says_nothing(capsys, file):
    np.save(file, np.eye(5))
    assert cli.main(["describe", str(file)]) == 0
    assert "warning: the kernel is a multiple of the identity" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        (np.diag([1.0, -1.0]), "not positive semi-definite, eigenvalue -1 .*project_psd mends it"),
        (np.ones((2, 3)), r"shape \(2, 3\), expected \(N, N\)"),
        (np.array([[1.0, np.nan], [np.nan, 1.0]]), "every entry must be finite"),
    ],
)
def test_refusals(stops, file, matrix, words):
    import re

    np.save(file, matrix)
    assert re.search(words, stops("describe", file))
    assert re.search(words, stops("sample", file, "-o", "OUT"))


def test_missing_and_folder(stops, tmp_path):
    assert "nowhere.npy" in stops("describe", tmp_path / "nowhere.npy")
    (tmp_path / "folder").mkdir()
    assert "is no regular file" in stops("describe", tmp_path / "folder")


def test_sets_of_any_size(capsys, file, tmp_path):
    out = tmp_path / "masks.npy"
    assert cli.main(["sample", str(file), "--count", "40", "--seed", "3", "-o", str(out), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    ensemble = LEnsemble.from_matrix(kernel(7, 4))
    masks = np.load(out, allow_pickle=False)
    assert (masks.dtype, masks.shape) == (np.bool_, (40, 7))
    drawn = ensemble.sample(np.random.default_rng(3), 40)
    assert [np.flatnonzero(row).tolist() for row in masks] == [S.tolist() for S in drawn]
    assert summary["expected_size"] == ensemble.expected_size()
    assert "size" not in summary


def test_a_wanted_expected_size(capsys, file, tmp_path):
    out = tmp_path / "masks.npy"
    arguments = ["--count", "4000", "--seed", "3", "--expected-size", "1.5", "-o", str(out), "--json"]
    assert cli.main(["sample", str(file), *arguments]) == 0
    assert json.loads(capsys.readouterr().out)["expected_size"] == pytest.approx(1.5)
    # |S| is a sum of independent bits: its variance is below its mean, and 5 standard errors are 0.097
    assert np.load(out).sum(axis=1).mean() == pytest.approx(1.5, abs=5 * np.sqrt(1.5 / 4000))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--size", "2", "--expected-size", "2"], "--size and --expected-size: give one of them"),
        (["--expected-size", "4"], "must lie between 0 and the rank 4"),
        (["--expected-size", "-1"], "expected size (rank = 4) = -1"),
    ],
)
def test_sizes_that_are_refused(stops, file, tmp_path, options, words):
    np.save(file, np.diag([1.0, 2.0, 3.0, 4.0, 0.0, 0.0, 0.0]))
    assert words in stops("sample", file, *options, "-o", "OUT")
