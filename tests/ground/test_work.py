"""Work on threads and in processes, and how it ends: all queued work dropped, nothing left behind."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from threadpoolctl import threadpool_info

from divprune_sym.ground.checks import BadInput
from divprune_sym.ground.work import (
    Stopped,
    WorkerDied,
    each_done,
    each_done_in_processes,
    each_done_with_blas,
    interruptibly,
    one_blas_thread,
    still_running,
    told_to_stop,
    usable_cores,
)
from tests.processes import OnATerminal, alive, in_session_of, waited

NO = BadInput("no")
POSIX = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks processes up as Linux does")


def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def ended():
    return waited(lambda: not still_running())


@pytest.mark.parametrize("threads", [None, 1, 3])
def test_every_piece_once(threads):
    assert dict(each_done(lambda n: n * n, range(50), threads)) == {n: n * n for n in range(50)}
    assert list(each_done(lambda n: n, [], threads)) == []


def test_pieces_run_side_by_side():
    meet = threading.Barrier(3, timeout=60)
    assert len(list(each_done(lambda n: meet.wait(), range(3), 3))) == 3


def test_the_caller_hears_while_it_waits():
    go, heard = threading.Event(), []

    def waiting():
        heard.append(1)
        go.set()

    assert list(each_done(lambda n: go.wait(60), [0], waiting=waiting)) == [(0, True)]
    assert heard


@pytest.mark.parametrize("stop", [BadInput("no"), KeyboardInterrupt()])
def test_a_failure_drops_the_queue_and_stops_what_runs(stop):
    begun, told = [], threading.Event()

    def work(n):
        begun.append(n)
        if n == 0:
            waited(lambda: 1 in begun)
            raise stop
        try:
            while True:
                time.sleep(0.001)
        except Stopped:
            told.set()
            raise

    with pytest.raises(type(stop)):
        list(each_done(work, range(100), 2))
    assert told.wait(60)
    assert ended()
    assert sorted(begun) == [0, 1]


def test_leaving_early_drops_the_queue():
    begun = []

    def work(n):
        begun.append(n)
        while n > 0:
            time.sleep(0.001)

    for piece, _ in each_done(work, range(100), 2):
        assert piece == 0
        break
    assert len(begun) <= 3


def test_work_within_work_stops_too():
    inside = threading.Event()

    def inner(n):
        inside.set()
        while True:
            time.sleep(0.001)

    def outer(n):
        if n == 1:
            inside.wait(60)
            raise NO
        return list(each_done(inner, range(4), 2))

    with pytest.raises(BadInput):
        list(each_done(outer, range(2), 2))
    assert ended()


def test_blas_limits_are_restored():
    before = blas_threads()
    gate = threading.Barrier(2, timeout=60)

    def work(n):
        with one_blas_thread():
            gate.wait()
            return blas_threads()

    for _, inside in each_done_with_blas(work, range(2), 2):
        assert inside == [1] * len(before)
    assert blas_threads() == before

    def fail(n):
        raise NO

    with pytest.raises(BadInput):
        list(each_done_with_blas(fail, range(2), 2))
    assert blas_threads() == before


def test_results_and_errors_of_interruptible_work():
    assert interruptibly(lambda: 3) == 3
    with pytest.raises(BadInput, match="no"):
        interruptibly(lambda: (_ for _ in ()).throw(NO))


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")
def test_cores_are_those_that_may_be_used():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, before)


# --- processes ----------------------------------------------------------------------------------------


class Unsendable(Exception):
    def __init__(self, a, b):
        super().__init__(f"{a} and {b}")


def piece(n):
    """What processes do in these tests."""
    if n == "refuse":
        raise NO
    if n == "unsendable":
        raise Unsendable(1, 2)
    if n == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if n == "sleep":
        time.sleep(600)
    return n, os.getpid()


def test_processes():
    found = dict(each_done_in_processes(piece, range(6), 2))
    assert {n: value for n, (value, _) in found.items()} == {n: n for n in range(6)}
    pids = {pid for _, pid in found.values()}
    assert 1 <= len(pids) <= 2
    assert os.getpid() not in pids
    assert list(each_done_in_processes(piece, [])) == []
    for what, error, words in (
        ("refuse", BadInput, "no"),
        ("unsendable", RuntimeError, "Unsendable: 1 and 2"),
        ("die", WorkerDied, "died"),
    ):
        with pytest.raises(error, match=words):
            list(each_done_in_processes(piece, ["sleep", what], 2))


SCRIPT = """
import sys
from divprune_sym.ground.work import each_done_in_processes
from tests.ground.test_work import piece
if __name__ == "__main__":
    for n, (_, pid) in each_done_in_processes(piece, [0, 1, "sleep", "sleep"], 2):
        print("worker", pid, file=sys.stderr, flush=True)
"""


@pytest.fixture
def two_sleepers(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    folder = str(Path(__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([folder, os.environ.get("PYTHONPATH", "")])}
    with OnATerminal(script, env=environment, cwd=folder) as running:
        running.until_shown(r"worker \d+\s+worker \d+")
        yield running


@POSIX
def test_workers_end_with_a_parent_that_is_killed(two_sleepers):
    workers = in_session_of(two_sleepers.process.pid)
    assert len(workers) >= 2
    two_sleepers.kill()
    two_sleepers.end()
    waited(lambda: not any(map(alive, workers)))


@POSIX
def test_ctrl_c_ends_the_workers_without_a_word_of_theirs(two_sleepers):
    workers = in_session_of(two_sleepers.process.pid)
    two_sleepers.interrupt()
    assert two_sleepers.end() == -signal.SIGINT
    waited(lambda: not any(map(alive, workers)))
    assert two_sleepers.shown.count("Traceback") == 1  # of the script itself, which does not catch it


@POSIX
def test_workers_are_deaf_from_their_first_instruction(tmp_path):
    """Ctrl-C while processes are being started: only the parent speaks."""
    script = tmp_path / "script.py"
    text = SCRIPT.replace("    for n, (", '    print("begun", file=sys.stderr, flush=True)\n    for n, (')
    script.write_text(text, encoding="utf-8")
    folder = str(Path(__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([folder, os.environ.get("PYTHONPATH", "")])}
    with OnATerminal(script, env=environment, cwd=folder) as running:
        running.until_shown("begun")
        waited(lambda: len(in_session_of(running.process.pid)) >= 2)
        running.interrupt()
        running.end()
        waited(lambda: not in_session_of(running.process.pid))
        assert "spawn_main" not in running.shown  # what a worker's traceback begins with


def test_work_knows_that_nobody_waits_for_it_any_more():
    """Also where what it was told got lost, as in a callback of compiled code."""
    begun, told = threading.Event(), []

    def work(_):
        begun.set()
        end = time.monotonic() + 60
        while not told_to_stop() and time.monotonic() < end:
            try:
                time.sleep(0.01)
            except Stopped:
                continue
        told.append(told_to_stop())

    assert not told_to_stop()
    pieces = each_done(work, [0, 1], threads=2, waiting=lambda: stop_when(begun))
    with pytest.raises(KeyboardInterrupt):
        next(pieces)
    end = time.monotonic() + 60
    while len(told) < 1 and time.monotonic() < end:
        time.sleep(0.01)
    assert told[0] is True


def stop_when(begun):
    if begun.is_set():
        raise KeyboardInterrupt
