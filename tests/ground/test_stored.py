"""What is read back is checked before it is used."""

import io
import zipfile

import numpy as np
import pytest

from divprune_sym.ground.arrays import read_arrays
from divprune_sym.ground.checks import BadInput
from divprune_sym.ground.stored import Stored, fitted, parsed, read_checkpoint

SCHEMA = {
    "y": Stored("float64", (3,), 0.0, 1.0),
    "on": Stored("bool"),
    "memory": Stored("float64", (2, 2), may_be_empty=True),
}
GOOD = {"key": "k", "y": np.array([0.0, 0.5, 1.0]), "on": True, "memory": np.zeros((0, 0))}


def written(path, arrays):
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)
    return path


def test_what_fits_is_read(tmp_path):
    held = read_checkpoint(written(tmp_path / "c", GOOD), "k", SCHEMA, "work")
    assert held["y"].tolist() == [0.0, 0.5, 1.0]
    assert held["on"]
    assert held["memory"].shape == (0, 0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"y": np.zeros(3, np.int64)}, "y: int64"),
        ({"y": np.zeros(3, np.float32)}, "y: float32"),
        ({"y": np.zeros(3, ">f8")}, "y: float64"),
        ({"y": np.zeros(2)}, "y: float64 of shape"),
        ({"y": np.array([0.0, np.nan, 0.0])}, "y: nan"),
        ({"y": np.array([0.0, 1.5, 0.0])}, "y: 1.5, must lie in"),
        ({"y": None}, "lacks y"),
        ({"y": np.zeros(10**6)}, "y takes 8000128 bytes, expected at most"),
        ({"key": None}, "lacks key"),
        ({"key": np.zeros(3)}, "key: float64"),
        ({"memory": np.zeros((0, 2))}, "memory: float64 of shape"),
        ({"more": np.zeros(3)}, "holds more too"),
        ({"on": np.array(1)}, "on: int64"),
    ],
)
def test_what_does_not_is_refused_in_one_line(tmp_path, change, reason):
    arrays = {name: value for name, value in (GOOD | change).items() if value is not None}
    with pytest.raises(BadInput, match="cannot be read as a checkpoint") as refused:
        read_checkpoint(written(tmp_path / "c", arrays), "k", SCHEMA, "work")
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


def test_other_work_is_told_from_damage(tmp_path):
    with pytest.raises(BadInput, match="not a checkpoint of this work"):
        read_checkpoint(written(tmp_path / "c", GOOD | {"key": "another", "y": np.zeros(9)}), "k", SCHEMA, "work")


def with_wrong_offset(content):
    """An archive whose directory says that its first file begins elsewhere."""
    at = content.index(b"PK\x01\x02") + 42
    return content[:at] + (0x7FFFFFF0).to_bytes(4, "little") + content[at + 4 :]


def test_every_damage_of_an_archive_is_one_line(tmp_path):
    """Cut anywhere, or with any byte of heads and directory changed: read as it was, or refused."""
    path = written(tmp_path / "c", {"a": np.arange(3.0)})
    whole = path.read_bytes()
    rng = np.random.default_rng(5)
    damaged = [with_wrong_offset(whole), *(whole[:n] for n in range(0, len(whole), 9))]
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= int(rng.integers(1, 256))
        damaged.append(bytes(changed))
    refusals = []
    for content in damaged:
        path.write_bytes(content)
        try:
            read_arrays(path)
        except BadInput as error:
            refusals.append(str(error))
    assert len(refusals) > len(damaged) / 2
    assert all(line.startswith(str(path)) for line in refusals)


def test_another_file_in_an_archive_is_no_array(tmp_path):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a", b"text")
    (tmp_path / "c").write_bytes(content.getvalue())
    with pytest.raises(BadInput, match="a is no array"):
        read_arrays(tmp_path / "c")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 200_000, "nested too deeply"),
        ('{"a":' * 200_000, "nested too deeply"),
        ("[NaN]", "NaN: every number must be finite"),
        ("[1", "not JSON: .* at line 1"),
        (b"\xff\xfe\xfa", "not JSON"),
        ("9" * 5000, "not JSON"),
    ],
)
def test_what_is_no_json(text, reason):
    with pytest.raises(BadInput, match=reason):
        parsed(text)


SHAPE = {"name": str, "goal": (None, {"value": float}), "counts": [int], "more": {str: bool}, "any": object}
VALUE = {"name": "a", "goal": {"value": 1}, "counts": [1, 2], "more": {"x": True}, "any": [None]}


def test_values_that_fit():
    assert fitted(VALUE, SHAPE) == VALUE
    assert fitted(VALUE | {"goal": None}, SHAPE)["goal"] is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": 1}, "name: 1, expected a text"),
        ({"goal": {"value": "x"}}, "goal: value: 'x', expected a number"),
        ({"goal": {"value": 1e999}}, "goal: value: inf, expected a number"),
        ({"goal": {"value": True}}, "goal: value: True, expected a number"),
        ({"goal": {}}, "goal: expected value; lacks or has too: value"),
        ({"counts": [1, 2.0]}, r"counts\[1\]: 2.0, expected a whole number"),
        ({"counts": 10**400}, "expected a list"),
        ({"counts": [10**400]}, r"counts\[0\]: .* expected a whole number"),
        ({"more": {"x": 1}}, "x: 1, expected true or false"),
        ({"extra": 1}, "lacks or has too: extra"),
    ],
)
def test_values_that_do_not(change, reason):
    with pytest.raises(BadInput, match=reason):
        fitted(VALUE | change, SHAPE)
