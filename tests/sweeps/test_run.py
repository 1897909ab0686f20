"""Sweeps on every way of running: the same bits, kept as they come, and nothing that is not whole is believed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from divprune_sym import integrate, open_sweep, sweep
from divprune_sym.ground.checks import BadInput
from divprune_sym.pruning import METHODS
from divprune_sym.sweeps import folder as folders
from divprune_sym.sweeps.run import dask_executor
from divprune_sym.sweeps.work import problem_of, run_block
from tests.sweeps.grids import small

pytestmark = pytest.mark.slow(40)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A sweep run in this process."""
    return sweep(small(), tmp_path_factory.mktemp("sweep") / "out", workers=1)


def same(one, other):
    mine, theirs = one.dataset().load(), other.dataset().load()
    return mine.identical(theirs)


def test_what_is_stored_is_what_integrate_and_the_methods_say(done):
    found, grid = done.dataset().load(), done.grid
    for row in (0, 33, grid.size - 1):
        solution = integrate(problem_of(grid.settings(row)), grid.alphas, rtol=grid.rtol)
        np.testing.assert_array_equal(found["generalization_error"][row], solution.generalization_error)
        state = solution.state()
        pruned = found["pruned_error"].isel(trajectory=row)
        assert (
            pruned.sel(pruning="random-node", keep=0.5, refit="none")
            == METHODS["random-node"].limit(state, 2).generalization_error()
        )
        assert (
            pruned.sel(pruning="random-edge", keep=0.5, refit="none")
            == METHODS["random-edge"].limit(state, 0.5).generalization_error()
        )
    assert (found["status"] == 0).all()
    assert found["generalization_error"].attrs["units"] == "1"


def test_axes_become_dimensions(done):
    found = done.on_grid()
    assert dict(found.sizes) == {"eta": 2, "sigma": 3, "seed": 24, "alpha": 4, "pruning": 2, "keep": 1, "refit": 1}
    assert set(done.on_grid("status").data_vars) == {"status"}
    one = found["generalization_error"].sel(eta=0.5, sigma=0.3, seed=7).values
    flat = done.dataset()
    row = np.flatnonzero((flat.eta == 0.5) & (flat.sigma == 0.3) & (flat.seed == 7))
    np.testing.assert_array_equal(flat["generalization_error"][row[0]], one)
    assert found.attrs["students"] == 4


def test_threads_in_any_order_give_the_same_bits(done, tmp_path):
    class Backwards(ThreadPoolExecutor):
        """Begins with what came last."""

        def submit(self, fn, /, *args, **kwargs):
            time.sleep(0.01 * (4 - args[0]))
            return super().submit(fn, *args, **kwargs)

    with Backwards(3) as executor:
        assert same(sweep(small(), tmp_path / "out", executor=executor), done)


def test_processes_give_the_same_bits(done, tmp_path):
    shares = []
    assert same(sweep(small(), tmp_path / "out", workers=2, progress=shares.append), done)
    assert shares == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


def test_a_dask_cluster_that_loses_a_worker_gives_the_same_bits_and_runs_nothing_twice(done, tmp_path):
    distributed = pytest.importorskip("distributed")
    import dask

    grid, killed = small(), []
    with (
        dask.config.set({"distributed.admin.tick.interval": "1s"}),
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
    ):
        client, executor = dask_executor(cluster.scheduler_address)
        with client:
            pids = client.run(os.getpid)

            def kill_one(share):
                if not killed:
                    killed.append(next(iter(pids.values())))
                    os.kill(killed[0], signal.SIGKILL)

            found = sweep(grid, tmp_path / "out", executor=executor, progress=kill_one)
    assert killed
    assert same(found, done)
    lines = (tmp_path / "out" / "done.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["block"] for line in lines) == list(range(grid.blocks))


def test_a_scheduler_that_does_not_answer(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("divprune_sym.sweeps.run.PATIENCE", 0.5)
    with pytest.raises(BadInput, match="does not answer"):
        dask_executor("tcp://127.0.0.1:9")


def interrupted(grid, out, after):
    """Run until so many pieces are done."""

    class Enough(Exception):
        pass

    seen = []

    def stop(share):
        seen.append(share)
        if len(seen) == after:
            raise Enough

    with pytest.raises(Enough):
        sweep(grid, out, workers=1, progress=stop)


def test_what_is_done_is_not_done_again(done, tmp_path, monkeypatch):
    out = tmp_path / "out"
    interrupted(small(), out, 2)
    half = open_sweep(out)
    assert (half.done, half.complete) == ({0, 1}, False)
    status = half.dataset()["status"].values
    assert (status[:64] == 0).all()
    assert (status[64:] == -1).all()
    ran = []

    def counted(grid, block):
        ran.append(block)
        return run_block(grid, block)

    monkeypatch.setattr("divprune_sym.sweeps.run.run_block", counted)
    assert same(sweep(small(), out, workers=1), done)
    assert ran == [2, 3, 4]


def test_killed_at_any_moment_it_goes_on(done, tmp_path):
    """kill -9 of the process that writes, after it has written one piece, two, three."""
    out = tmp_path / "out"
    program = (
        "import os, signal, sys\n"
        "from divprune_sym import sweep\n"
        "from tests.sweeps.grids import small\n"
        f"sweep(small(), {str(out)!r}, workers=1, progress=lambda share: os.kill(os.getpid(), signal.SIGKILL))\n"
    )
    for pieces in (1, 2, 3):
        ended = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, timeout=300)
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        assert len(open_sweep(out).done) == pieces
    assert same(sweep(small(), out, workers=1), done)


def test_a_line_that_was_torn_says_nothing(done, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(done.folder, out)
    record = out / "done.jsonl"
    record.write_bytes(record.read_bytes()[:-20])
    assert len(open_sweep(out).done) == 4
    assert same(sweep(small(), out, workers=1), done)
    assert len(open_sweep(out).done) == 5


def test_a_chunk_that_equals_the_fill_value_is_there(done):
    """All NaN: no plateau in so few times; a missing file would mean that it was not computed."""
    assert np.isnan(done.dataset()["plateau_entry"].values).all()
    assert all((done.data / "plateau_entry" / "c" / str(block)).is_file() for block in range(done.grid.blocks))


@pytest.mark.parametrize("name", ["generalization_error/c/1/0", "status/c/3", "plateau_entry/c/0"])
def test_a_chunk_that_is_lost_or_changed_is_named(done, tmp_path, name):
    out = tmp_path / "out"
    shutil.copytree(done.folder, out)
    path = out / "data.zarr" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(BadInput, match="was changed after it was written"):
        open_sweep(out)
    path.unlink()
    with pytest.raises(BadInput) as caught:
        sweep(small(), out, workers=1)
    assert str(path) in str(caught.value)
    assert "is missing" in str(caught.value)


def test_folders_of_other_things_are_refused(done, tmp_path, monkeypatch):
    other = small(alphas=(0.0, 1.0))
    with pytest.raises(BadInput, match="another grid \\(alphas differs\\)"):
        sweep(other, done.folder)
    monkeypatch.setattr("divprune_sym.sweeps.run.equations_digest", lambda grid: "another")
    with pytest.raises(BadInput, match="other equations"):
        sweep(small(), done.folder)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(BadInput, match="is there, and is no sweep"):
        sweep(small(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(BadInput, match="holds no sweep"):
        open_sweep(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda about: about | {"format": "other"}, "format 'other'"),
        (lambda about: about | {"digest": "0"}, "not the one that the results are of"),
        (lambda about: {"format": about["format"]}, "lacks or has too"),
        (lambda about: about | {"grid": about["grid"] | {"rtol": "1"}}, "rtol"),
    ],
)
def test_records_that_do_not_hold_together_are_refused(done, tmp_path, change, said):
    about = json.loads((done.folder / "sweep.json").read_text())
    (tmp_path / "sweep.json").write_text(json.dumps(change(about)))
    with pytest.raises(BadInput, match=said):
        open_sweep(tmp_path)


def test_a_trajectory_that_cannot_be_started_is_named(tmp_path):
    axes = dict(small().axes) | {"overlap": (0.1,), "students": (40,), "seed": (1,)}
    with pytest.raises(BadInput, match="the trajectory with teachers = 2, students = 40"):
        run_block(small(axes=tuple(axes.items()), methods=(), keeps=()), 0)


def test_what_made_the_results_is_in_the_folder(done):
    about = json.loads((done.folder / "sweep.json").read_text())
    assert {"divprune-sym", "numpy", "zarr", "python", "commit"} <= about["versions"].keys()
    assert about["digest"] == small().digest
    assert folders.grid_of(done.folder) == small()
