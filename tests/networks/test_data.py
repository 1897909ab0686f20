"""Data from every source, and one line for what is none."""

from __future__ import annotations

import gzip
import pickle
import struct
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits

from divprune_sym.ground import files
from divprune_sym.ground.checks import BadInput, BadShape
from divprune_sym.networks import data as data_module
from divprune_sym.networks.data import DataSet, read_data, read_idx
from tests.networks.files import network

X = np.arange(12.0).reshape(4, 3)
Y = np.array([0, 1, 2, 1])
GOOD = {"x_train": X, "y_train": Y, "x_test": X[:2], "y_test": Y[:2]}


def idx(array):
    array = np.asarray(array, dtype=np.uint8)
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def idx_folder(folder, compressed):
    rng = np.random.default_rng(0)
    arrays = {
        "train-images-idx3-ubyte": rng.integers(0, 256, (6, 2, 3)),
        "train-labels-idx1-ubyte": rng.integers(0, 3, 6),
        "t10k-images-idx3-ubyte": rng.integers(0, 256, (4, 2, 3)),
        "t10k-labels-idx1-ubyte": rng.integers(0, 3, 4),
    }
    for name, array in arrays.items():
        content = idx(array)
        (folder / (f"{name}.gz" if compressed else name)).write_bytes(gzip.compress(content) if compressed else content)
    return arrays


def test_npz(tmp_path):
    np.savez(tmp_path / "d.npz", **GOOD)
    found = read_data(tmp_path / "d.npz", (1.0, 2.0))
    np.testing.assert_array_equal(found.x_train, (X - 1) / 2)
    assert found.classifies
    np.savez(tmp_path / "d.npz", **GOOD | {"y_train": Y / 2, "y_test": Y[:2] / 2})
    assert not read_data(tmp_path / "d.npz").classifies


@pytest.mark.parametrize("compressed", [False, True])
def test_idx(tmp_path, compressed):
    arrays = idx_folder(tmp_path, compressed)
    found = read_data(tmp_path)
    np.testing.assert_array_equal(found.x_test, arrays["t10k-images-idx3-ubyte"].reshape(4, 6) / 255)
    np.testing.assert_array_equal(found.y_train, arrays["train-labels-idx1-ubyte"])


def test_digits():
    found = read_data("digits")
    x, y = load_digits(return_X_y=True)
    assert len(found.x_train) + len(found.x_test) == len(x)
    assert 0 <= found.x_train.min() < found.x_train.max() == 1
    assert sorted(np.concatenate([found.y_train, found.y_test])) == sorted(y)


def test_openml_offline_and_online(monkeypatch):
    def nothing(name, **options):
        msg = "no route to host"
        raise ConnectionError(msg)

    monkeypatch.setattr("sklearn.datasets.fetch_openml", nothing)
    with pytest.raises(BadInput, match=r"openml:mnist_784: cannot be fetched \(ConnectionError: no route"):
        read_data("openml:mnist_784")
    with pytest.raises(BadInput, match="expected a name of letters"):
        read_data("openml:../x")
    # what the archive gives: features up to 255, names of classes as text
    found = data_module._labeled("set", np.full((20, 2), 255.0), np.array(["a", "b"] * 10, dtype=object))
    assert found.x_train.max() == 1.0
    assert set(found.y_train) == {0, 1}


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"x_test": X[:2, :2]}, BadShape, "x_test: shape (2, 2), expected (any, 3)"),
        ({"y_train": Y[:3]}, BadShape, "y_train: 3 labels for 4 rows"),
        ({"y_train": Y - 1}, BadInput, "y_train: label -1"),
        ({"y_test": Y[:2] / 2}, BadShape, "one holds labels and the other targets"),
        ({"x_train": np.where(X == 5, np.inf, X)}, BadInput, "inf at index (1, 2)"),
        ({"x_test": X[:0], "y_test": Y[:0]}, BadInput, "x_test: no rows"),
        ({"x_train": np.array(["a"])}, BadInput, "expected a rectangular array of real numbers"),
    ],
)
def test_npz_refused(tmp_path, change, error, words):
    path = tmp_path / "d.npz"
    np.savez(path, **GOOD | change)
    with pytest.raises(error) as refused:
        read_data(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert words in str(refused.value)


def test_broken_files(tmp_path, monkeypatch):
    path = tmp_path / "d.npz"
    with pytest.raises(FileNotFoundError):
        read_data(path)
    np.savez(path, x_train=X)
    with pytest.raises(BadInput, match="lacks y_train, x_test, y_test; it has x_train"):
        read_data(path)
    path.write_bytes(pickle.dumps(GOOD))
    with pytest.raises(BadInput, match="is no npz file"):
        read_data(path)
    np.savez(path, **GOOD)
    monkeypatch.setattr(files, "free_memory", lambda: 100.0)
    with pytest.raises(BadInput, match="GiB are free"):
        read_data(path)


@pytest.mark.parametrize(("source", "words"), [("/dev/null", "is no regular file"), ("", "expected digits, openml:")])
def test_no_file_to_read(source, words):
    with pytest.raises(BadInput, match=words):
        read_data(source)


def test_labels_beyond_integers():
    with pytest.raises(BadInput, match="y_test: label 18446744073709551615, no network"):
        DataSet(X, Y, X, np.array([0, 1, 2, 2**64 - 1], dtype=np.uint64))


def test_retries_of_openml_do_not_warn(monkeypatch):
    def fetch(*_, **__):
        warnings.warn("retrying", stacklevel=1)
        raise OSError

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch)
    with pytest.raises(BadInput, match=r"cannot be fetched \(OSError"):
        read_data("openml:iris")


def test_broken_idx(tmp_path):
    with pytest.raises(BadInput, match="has no train-images-idx3-ubyte"):
        read_data(tmp_path)
    path = tmp_path / "a"
    for content, words in (
        (b"", "is no IDX file"),
        (b"\0\0\x0d\x01" + b"\0" * 8, "is no IDX file of unsigned bytes"),
        (idx(np.ones((2, 3)))[:-1], "truncated, 5 of 6 bytes"),
        (b"\0\0\x08\x03\xff", "is no IDX file"),
        (b"\0\0\x08\x02" + b"\xff" * 8, "GiB are free"),
        (idx(np.ones((0, 28, 28))), "holds nothing, its axes are 0 × 28 × 28"),
    ):
        path.write_bytes(content)
        with pytest.raises(BadInput, match=words):
            read_idx(path)
    packed = tmp_path / "a.gz"
    for content in (b"no gzip at all", gzip.compress(idx(np.ones((20, 30))))[:-12]):
        packed.write_bytes(content)
        with pytest.raises(BadInput, match="truncated, or no gzip file"):
            read_idx(packed)


def test_data_and_network_must_fit():
    net = network((3, 4, 3), ("tanh", "identity"))
    DataSet(**GOOD).fitted_to(net)
    with pytest.raises(BadShape, match="x_train: 3 inputs in each row, the network takes 6"):
        DataSet(**GOOD).fitted_to(network())
    with pytest.raises(BadInput, match="y_train: label 8, the network's 3 outputs name 0 to 2"):
        DataSet(**GOOD | {"y_train": Y + 6, "y_test": Y[:2] + 6}).fitted_to(net)
    with pytest.raises(BadShape, match="y_train: 1 targets in each row, the network has 3 outputs"):
        DataSet(**GOOD | {"y_train": Y / 2, "y_test": Y[:2] / 2}).fitted_to(net)
    with pytest.raises(BadInput, match="std"):
        DataSet(**GOOD).normalized(0.0, 0.0)
