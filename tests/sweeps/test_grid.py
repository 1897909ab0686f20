"""Grids: what a file asks for, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from divprune_sym.ground.checks import BadInput
from divprune_sym.sweeps import AXES, Grid, read_grid
from divprune_sym.sweeps.grid import grid_from
from divprune_sym.sweeps.presets import presets, read_grid_or_preset
from tests.sweeps.grids import small

MANY = {"from": 0, "to": 999999, "count": 1000000}
TIMES = {"from": 0.1, "to": 100, "count": 4}


def test_every_combination_is_a_trajectory_and_the_last_axis_varies_fastest():
    grid = small()
    assert grid.size == 3 * 2 * 24
    assert [len(grid.rows(block)) for block in range(grid.blocks)] == [32, 32, 32, 32, 16]
    table = grid.coordinates()
    for row in (0, 1, 23, 24, 100, grid.size - 1):
        assert {name: values[row] for name, values in table.items()} == grid.settings(row)
    # the order is that of the axes, eta before sigma before seed
    assert [grid.settings(row)["seed"] for row in range(3)] == [0, 1, 2]
    assert [grid.settings(24 * n)["sigma"] for n in range(4)] == [0.0, 0.1, 0.3, 0.0]
    assert grid.settings(0)["activation"] == AXES["activation"].usual


def test_a_file_and_its_ranges(tmp_path):
    path = tmp_path / "grid.toml"
    path.write_text(
        "alphas = [0, 1, 10]\n"
        "[axes]\nsigma = {from = 0.1, to = 0.4, count = 4}\n"
        'eta = {from = 0.01, to = 1, count = 3, spacing = "log"}\n'
        "students = {from = 2, to = 6, count = 3}\n"
        '[fixed]\nteachers = 1\n[prune]\nmethod = "random-edge"\nkeep = [0.3, 0.7]\n'
    )
    grid = read_grid(path)
    np.testing.assert_allclose(grid.values("sigma"), (0.1, 0.2, 0.3, 0.4), rtol=1e-15)
    np.testing.assert_allclose(grid.values("eta"), (0.01, 0.1, 1.0), rtol=1e-14)
    assert grid.values("students") == (2, 4, 6)
    assert grid.methods == ("random-edge",)
    assert grid.varied == ("students", "eta", "sigma")


def test_the_order_of_a_file_does_not_matter():
    one = grid_from({"alphas": TIMES, "axes": {"sigma": [0.1, 0.2], "eta": [0.1]}})
    other = grid_from({"alphas": TIMES, "fixed": {"eta": 0.1}, "axes": {"sigma": [0.1, 0.2]}})
    assert one == other
    assert one.digest == other.digest
    assert one.digest != grid_from({"alphas": TIMES, "axes": {"sigma": [0.1, 0.3], "eta": [0.1]}}).digest
    json.dumps(one.as_json(), allow_nan=False)


@pytest.mark.parametrize("name", presets())
def test_presets_can_be_read(name):
    assert read_grid_or_preset(name).size > 20


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"axes": {"sigm": [1.0]}}, "axis 'sigm': there is none; did you mean 'sigma'?"),
        ({"axes": {"qqq": [1.0]}}, "known: activation, batch_size"),
        ({"axs": {}}, "the grid has no 'axs'; did you mean 'axes'?"),
        ({"axes": {"sigma": []}}, "axis 'sigma': has no values"),
        ({"axes": {"sigma": [0.1, 0.1]}}, "sigma: 0.1 is given twice"),
        ({"axes": {"sigma": [-0.1]}}, "sigma = -0.1"),
        ({"axes": {"sigma": ["a"]}}, "sigma"),
        ({"axes": {"students": [2.5]}}, "students: expected an integer, got 2.5"),
        ({"axes": {"students": {"from": 2, "to": 5, "count": 3}}}, "not whole numbers; list them"),
        ({"axes": {"eta": {"from": 0, "to": 1, "count": 3, "spacing": "log"}}}, "needs ends above 0"),
        ({"axes": {"eta": {"from": 0, "to": 1}}}, "count is missing"),
        ({"axes": {"eta": {"from": 0, "to": 1, "cuont": 3}}}, "did you mean 'count'?"),
        ({"axes": {"activation": ["erff"]}}, "erff"),
        ({"axes": {"sigma": [0.1]}, "fixed": {"sigma": 0.1}}, "both in [axes] and in [fixed]"),
        ({"axes": 3}, "expected a table [axes]"),
        ({"alphas": [2, 1]}, "alphas"),
        ({"prune": {"method": ["random-edge"]}}, "method is given without keep"),
        ({"prune": {"method": ["random-edgy"], "keep": [0.5]}}, "random-edge"),
        ({"prune": {"method": ["random-edge"], "keep": [1.5]}}, "keep = 1.5"),
        ({"prune": {"method": ["dpp-node"], "keep": [0.3]}}, "the shares 0.25, 0.5, 0.75, 1"),
        ({"prune": {"method": ["dpp-node"], "keep": [1e-12]}}, "node methods keep whole nodes"),
        ({"prune": {"method": ["random-edge"], "keep": [0.5], "refit": ["bset"]}}, "refit 'bset'"),
        ({"retrain": {"alpha": 10}}, "nothing to train on"),
        ({"axes": {"seed": MANY, "eta": {"from": 0.1, "to": 0.2, "count": 101}}}, "at most 100000000"),
    ],
)  # fmt: skip
def test_what_is_refused(tables, said):
    with pytest.raises(BadInput) as caught:
        grid_from({"alphas": TIMES} | tables)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_grid_without_times_or_without_toml_is_refused(tmp_path):
    path = tmp_path / "grid.toml"
    for content, said in ((b"[axes]\n", "alphas is missing"), (b"a = = 1", "no TOML"), (b"\xff\xfe", "no TOML")):
        path.write_bytes(content)
        with pytest.raises(BadInput, match=said):
            read_grid(path)
    with pytest.raises(BadInput, match="cannot be read"):
        read_grid(tmp_path / "none.toml")


def test_one_value_of_an_axis_is_no_list_of_letters():
    assert Grid(axes=(("activation", ("linear",)),), alphas=(1.0,)).values("activation") == ("linear",)
