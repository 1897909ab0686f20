"""The console script as a process: start-up, exit codes, streams, signals."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from divprune_sym.cli import app, main
from tests.cli.files import PROTOCOL, kernel, unpruned, written

pytestmark = pytest.mark.slow(25)

SCRIPT = Path(sys.executable).with_name("divprune-sym")
# tests that run in the background ignore SIGINT, and so would all that they start
HEARING = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
COMMANDS = [name for name in app if not name.startswith("-")]
# their examples need files of the user's own, or minutes
NOT_RUN = {"bench", "compare", "describe", "explore", "mnist", "prune", "reproduce", "verify"}
HEAVY = {"sympy", "numba", "scipy", "matplotlib", "sklearn", "numpy"}
ERROR = ("error", "dpp-node", "--teachers", "2", "--copies", "3", "--second-layer", "4", "--keep", "3")


def run(*arguments, **options):
    return subprocess.run(
        [SCRIPT, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False, **options
    )


def imported(*code):
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *code], capture_output=True, text=True, timeout=120, check=True
    )
    names = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "divprune_sym" in names
    return names


def test_import_is_cheap():
    assert not HEAVY & imported("-c", "import divprune_sym; divprune_sym.__version__")


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_is_cheap(argument):
    assert not HEAVY & imported(str(SCRIPT), argument)


def test_the_help_of_every_command_is_cheap():
    each = f"from divprune_sym.cli import main; [main([name, '--help']) for name in {COMMANDS}]"
    assert not HEAVY & imported("-c", each)


def test_help_teaches(capsys):
    shown = run("--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    places = [shown.stdout.index(f"\n│ {name} ") for name in sorted(COMMANDS, key=lambda name: app[name].sort_key)]
    assert places == sorted(places)
    assert run().stdout == shown.stdout
    for name in COMMANDS:
        assert main([name, "--help"]) == 0
        assert f"  divprune-sym {name} " in capsys.readouterr().out  # an example


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in NOT_RUN])
def test_examples_in_the_help_run(capsys, monkeypatch, tmp_path, name):
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "PROBLEM.json", unpruned() | {"alphas": [0, 10, 1000]})
    (tmp_path / "FILE.toml").write_text(PROTOCOL)
    np.save(tmp_path / "KERNEL.npy", kernel(12, 12))
    main([name, "--help"])
    text = capsys.readouterr().out.replace("\\\n", " ")
    examples = re.findall(rf"^  (divprune-sym {name} .*)$", text, re.MULTILINE)
    assert examples
    for example in examples:
        assert main(shlex.split(example)[1:]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        assert out


def test_the_problem_in_the_help_runs(tmp_path):
    text = run("integrate", "--help").stdout
    example = re.search(r'^  (\{"eta".*?\})$', text, re.MULTILINE | re.DOTALL)
    done = run("integrate", written(tmp_path / "problem.json", example[1]), "-o", tmp_path / "out.npz", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["alphas"] == [0, 10, 100]


def test_version():
    from importlib.metadata import version

    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"divprune-sym {version('divprune-sym')}\n", "")


def test_error_from_the_shell():
    done = run(*ERROR, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith('{"generalization_error": 1.48148')


def test_integrate_and_sample_from_the_shell(tmp_path):
    problem = written(tmp_path / "problem.json", unpruned())
    assert run("integrate", problem, "-o", tmp_path / "out.npz").returncode == 0
    np.save(tmp_path / "kernel.npy", kernel(9, 9))
    done = run("sample", tmp_path / "kernel.npy", "--size", 3, "--count", 4, "--seed", 1, "-o", tmp_path / "out.npy")
    assert (done.returncode, done.stderr) == (0, "")
    assert np.load(tmp_path / "out.npy").shape == (4, 3)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["kernel.npy", "out.npy", "out.npz", "problem.json"]


@pytest.mark.parametrize(
    "arguments", [("eror",), ("--bogus",), ("error",), ("error", "dpp-nod"), ("integrate", "no.json", "-o", "out.npz")]
)
def test_bad_input_from_the_shell(tmp_path, arguments):
    done = run(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("divprune-sym: ")
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_debug_shows_where(tmp_path):
    problem = written(tmp_path / "problem.json", "{}")
    done = run("integrate", problem, "-o", tmp_path / "out.npz", "--debug")
    assert done.returncode != 0
    assert "Traceback" in done.stderr
    assert "BadInput" in done.stderr


def test_names_in_an_ascii_locale(tmp_path):
    done = run("integrate", tmp_path / "größe.json", "-o", tmp_path / "out.npz", env=os.environ | {"LC_ALL": "C"})
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_a_reader_that_leaves_early():
    process = subprocess.Popen([SCRIPT, *ERROR, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=120) == 0


@pytest.mark.skipif(os.name != "posix", reason="terminals and signals of POSIX")
def test_progress_on_a_terminal_and_ctrl_c(tmp_path):
    import pty

    K = 8
    long = {
        "eta": 0.5,
        "sigma": 1,
        "alphas": [1e9],
        "v": [1] * K,
        "A": [1],
        "Q": np.eye(K).tolist(),
        "R": [[0]] * K,
        "T": [[1]],
    }
    problem = written(tmp_path / "problem.json", long)
    # compiled beforehand: it is compiled code that is interrupted
    assert main(["integrate", str(problem), "-o", str(tmp_path / "out.npz"), "--max-steps", "1"]) == 1
    ours, theirs = pty.openpty()
    # the million steps of the default are done within seconds, and implicit steps soon reach any time
    options = ["--method", "dop853", "--max-steps", "1000000000"]
    command = [SCRIPT, "integrate", problem, "-o", tmp_path / "out.npz", *options]
    process = subprocess.Popen([sys.executable, "-c", HEARING, *command], stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    seen = bytearray()

    def read() -> None:
        with contextlib.suppress(OSError):  # the other end is closed
            while text := os.read(ours, 4096):
                seen.extend(text)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        time.sleep(5)  # by then compiled code runs
        assert b"integrating" in seen
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        reader.join()
        os.close(ours)
    assert (process.returncode, out) == (130, b"")
    assert b"interrupted" in seen
    assert b"Traceback" not in seen
    assert [p.name for p in tmp_path.iterdir()] == ["problem.json"]


@pytest.mark.parametrize(("scale", "options"), [(1e300, ()), (1.0, ("--normalize", "1e308,1e-300"))])
def test_numbers_that_overflow_end_in_one_line(tmp_path, scale, options):
    """Without the warnings that NumPy gives on the way."""
    rng = np.random.default_rng(0)
    weights = {f"{name}{n}": scale * rng.normal(size=(3, 3) if name == "W" else 3) for n in (1, 2) for name in "Wb"}
    np.savez(tmp_path / "network.npz", activations=np.array(["relu", "identity"]), **weights)
    rows = {f"x_{part}": rng.normal(size=(9, 3)) for part in ("train", "test")}
    np.savez(tmp_path / "data.npz", **rows, **{name.replace("x", "y"): np.arange(9) % 3 for name in rows})
    given = ("--data", tmp_path / "data.npz", *options, "-o", tmp_path / "out.npz")
    done = run("prune", tmp_path / "network.npz", "--method", "random-node", "--keep", "0.5", *given)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"divprune-sym: .* every entry must be finite\n", done.stderr)
    assert not (tmp_path / "out.npz").exists()
