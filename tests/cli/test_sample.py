"""`sample` writes the draws of `LEnsemble.sample_k`, and refuses what is no kernel."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

from divprune_sym import cli
from divprune_sym.dpp import LEnsemble
from tests.cli.files import kernel


def sampled(capsys, tmp_path, matrix, *options):
    path, out = tmp_path / "kernel.npy", tmp_path / "draws"
    np.save(path, matrix)
    assert cli.main(["sample", str(path), "-o", str(out), "--json", *map(str, options)]) == 0
    printed, err = capsys.readouterr()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["draws", "kernel.npy"]  # the name given, nothing appended
    return np.load(out, allow_pickle=False), json.loads(printed), err


def test_draws_are_those_of_the_library(capsys, tmp_path):
    L = kernel(7, 7)
    draws, summary, err = sampled(capsys, tmp_path, L, "--size", 3, "--count", 50, "--seed", 4)
    assert (draws.dtype, draws.shape) == (np.int64, (50, 3))
    np.testing.assert_array_equal(draws, LEnsemble.from_matrix(L).sample_k(3, np.random.default_rng(4), 50))
    assert summary == {
        "size": 3,
        "count": 50,
        "seed": 4,
        "N": 7,
        "rank": 7,
        "shift": 0.0,
        "out": str(tmp_path / "draws"),
    }
    assert err == ""


def test_a_chosen_seed_is_reported_and_repeats_the_draw(capsys, tmp_path):
    L = kernel(30, 30)
    first, summary, _ = sampled(capsys, tmp_path, L, "--size", 9, "--count", 5)
    again, _, _ = sampled(capsys, tmp_path, L, "--size", 9, "--count", 5, "--seed", summary["seed"])
    other, fresh, _ = sampled(capsys, tmp_path, L, "--size", 9, "--count", 5)
    np.testing.assert_array_equal(first, again)
    assert fresh["seed"] != summary["seed"]
    assert (first != other).any()


@pytest.mark.parametrize("size", [0, 6])
def test_nothing_and_everything(capsys, tmp_path, size):
    draws, _, _ = sampled(capsys, tmp_path, kernel(6, 6), "--size", size, "--count", 4)
    assert draws.dtype == np.int64
    np.testing.assert_array_equal(draws, np.tile(np.arange(size), (4, 1)))


def test_no_draws(capsys, tmp_path):
    draws, _, _ = sampled(capsys, tmp_path, kernel(6, 6), "--size", 2, "--count", 0)
    assert (draws.dtype, draws.shape) == (np.int64, (0, 2))


def test_beyond_the_rank_the_shift_is_reported(capsys, tmp_path):
    draws, summary, err = sampled(capsys, tmp_path, kernel(8, 3), "--size", 5, "--count", 20, "--seed", 0)
    assert draws.shape == (20, 5)
    assert summary["rank"] == 3
    assert 0 < summary["shift"] < 1e-13
    assert err.count("\n") == 1
    assert f"eigenvalues up to {summary['shift']:.3g} " in err


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.bool_, ">f8"])
def test_other_real_numbers_will_do(capsys, tmp_path, dtype):
    draws, _, _ = sampled(capsys, tmp_path, np.eye(4).astype(dtype), "--size", 2)
    assert draws.shape == (1, 2)


def test_without_json_the_seed_is_shown_too(capsys, tmp_path):
    np.save(tmp_path / "kernel.npy", np.eye(4))
    arguments = ["sample", str(tmp_path / "kernel.npy"), "--size", "2", "-o", str(tmp_path / "out.npy")]
    assert cli.main([*arguments, "--seed", "987654321"]) == 0
    assert "987654321" in capsys.readouterr().out


def npy(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def header(shape, descr="<f8"):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
    return file.getvalue()


def npz():
    file = io.BytesIO()
    np.savez(file, np.eye(3))
    return file.getvalue()


NOT_SYMMETRIC = np.eye(3) + np.diag([1e-6, 0.0], 1)
BAD_KERNELS = {
    "empty file": (b"", ("no npy file",)),
    "text": (b"1 0\n0 1\n", ("no npy file",)),
    "npz": (npz(), ("no npy file",)),
    "pickle": (npy(np.eye(3)).replace(b"\x93NUMPY", b"\x80\x04]q\x00.", 1), ("no npy file",)),
    "objects": (npy(np.array([[1, None], [None, 1]]), allow_pickle=True), ("object", "real numbers")),
    "half a header": (npy(np.eye(3))[:40], ("no npy file",)),
    "header of nonsense": (header((3, 3)).replace(b"}", b"{") + b" " * 72, ("no npy file",)),
    "header of types": (header((3, 3)).replace(b" 'fort", b"b'fort"), ("no npy file",)),
    "truncated": (npy(np.eye(3))[:-8], ("truncated",)),
    "no data": (header((3, 3)), ("truncated",)),
    "vector": (npy(np.ones(9)), ("(9,)", "(N, N)")),
    "scalar": (npy(np.float64(3)), ("()", "(N, N)")),
    "cube": (npy(np.ones((3, 3, 3))), ("(3, 3, 3)", "(N, N)")),
    "rectangle": (npy(np.ones((3, 4))), ("(3, 4)", "(N, N)")),
    "no items": (npy(np.ones((0, 0))), ("(0, 0)", "N >= 1")),
    "complex": (npy(np.eye(3) * 1j), ("complex128", "real numbers")),
    "texts": (npy(np.array([["a"]])), ("str", "real numbers")),
    "records": (npy(np.zeros((3, 3), "f8,f8")), ("void", "real numbers")),
    "nan": (npy(np.diag([1, np.nan, 1])), ("nan", "(1, 1)")),
    "inf": (npy(np.diag([1, np.inf, 1])), ("inf", "(1, 1)")),
    "asymmetric": (npy(NOT_SYMMETRIC), ("not symmetric", "[0, 1]")),
    "indefinite": (npy(np.diag([1.0, -1e-12, 1.0])), ("not positive semi-definite", "-1e-12")),
    "negative": (npy(-np.eye(3)), ("not positive semi-definite", "-1")),
    "beyond memory": (header((10**6, 10**6)), ("N = 1000000", "GiB")),
    "beyond belief": (header((10**30, 10**30)), ("GiB",)),
}


@pytest.mark.parametrize(("content", "words"), BAD_KERNELS.values(), ids=list(BAD_KERNELS))
def test_bad_kernels(stops, tmp_path, content, words):
    path = tmp_path / "kernel.npy"
    path.write_bytes(content)
    line = stops("sample", path, "--size", 1, "-o", "OUT", "--seed", 1)
    assert "kernel.npy: " in line
    for word in words:
        assert word in line


def test_rounding_below_zero_is_accepted_down_to_the_limit(capsys, tmp_path):
    limit = 4 * np.finfo(np.float64).eps
    draws, summary, err = sampled(capsys, tmp_path, np.diag([1.0, 0.5, 0.25, -0.99 * limit]), "--size", 3)
    np.testing.assert_array_equal(draws, [[0, 1, 2]])
    assert summary["shift"] == pytest.approx(0.99 * limit, rel=0.02)
    assert "rounding" in err


def test_and_refused_beyond_it(stops, tmp_path):
    limit = 4 * np.finfo(np.float64).eps
    np.save(tmp_path / "kernel.npy", np.diag([1.0, 0.5, 0.25, -1.1 * limit]))
    assert "not positive semi-definite" in stops("sample", tmp_path / "kernel.npy", "--size", 3, "-o", "OUT")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--size", 4), ("--size (N = 3) = 4", "between 0 and 3")),
        (("--size", -1), ("--size (N = 3) = -1", "between 0 and 3")),
        (("--size", 1.5), ("--size", "1.5", "whole number")),
        (("--size", "nan"), ("--size", "nan", "whole number")),
        (("--size", 1, "--count", -1), ("--count = -1", "at least 0")),
        (("--size", 1, "--seed", -1), ("--seed = -1", "at least 0")),
        (("--size", 1, "--count", 10**15), ("1000000000000000 subsets", "GiB")),
        (("--size", 1, "--cout", 2), ("--cout", "Did you mean --count?")),
    ],
)
def test_bad_options(stops, tmp_path, options, words):
    np.save(tmp_path / "kernel.npy", np.eye(3))
    line = stops("sample", tmp_path / "kernel.npy", "-o", "OUT", *options)
    for word in words:
        assert word in line


def test_places_that_cannot_be_read_or_written(stops, tmp_path):
    path = tmp_path / "kernel.npy"
    np.save(path, np.eye(3))
    assert "nowhere.npy: No such file" in stops("sample", tmp_path / "nowhere.npy", "--size", 1, "-o", "OUT")
    assert "no regular file" in stops("sample", tmp_path, "--size", 1, "-o", "OUT")
    assert "no regular file" in stops("sample", "/dev/zero", "--size", 1, "-o", "OUT")
    assert "there is no folder" in stops("sample", path, "--size", 1, "-o", tmp_path / "no" / "out.npy")
    assert "is a folder" in stops("sample", path, "--size", 1, "-o", tmp_path)
    assert "overwrite the input" in stops("sample", path, "--size", 1, "-o", path)
