"""An addition is one file: it is put into a copy of the package, and all that should notice it is asked.

docs/architecture.md says where each kind of addition goes; `ADDITIONS` has the smallest of each kind.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow(15)

ROOT = Path(__file__).parents[2]
ADDITIONS = {
    "gaussian/activations/cubic.py": '''
"""g(u) = u³."""

from divprune_sym.gaussian.functions import Activation

CUBIC = Activation("cubic", g=lambda u: u**3)
''',
    "pruning/methods/front_edge.py": '''
"""The first inputs of every node."""

import numpy as np

from divprune_sym.pruning.method import edges_kept
from divprune_sym.pruning.variant import EdgeVariant, Pruned


class FrontEdge(EdgeVariant):
    """Keeps the first pN inputs: weights of white inputs are alike, so that it is column-edge without a draw."""

    name = "front-edge"

    def limit(self, pair):
        """Every overlap is a sum over inputs."""
        return Pruned(Q_ii=pair.p * pair.Q_ii, Q_ik=pair.p * pair.Q_ik, R_in=pair.p * pair.R_in)

    def draw(self, layer, keep, rng, count=1):
        """Masks (count, K, N), all alike."""
        K, N = layer.weights.shape
        return np.broadcast_to(np.arange(N) < edges_kept(keep, N), (count, K, N)).copy()
''',
    "bench/tables/added.py": '''
"""How fast a list is summed."""

from divprune_sym.bench.model import Case, Contestant, table


@table(measures="time per number", goal="none: an example", peers={})
def added(quick):
    """Sums of ones."""
    ones = [1.0] * 100
    yield Case("ones", [Contestant("ours", lambda: sum(ones), units=len(ones))], ())
''',
    "claims/families/squares.py": '''
"""Squares."""

import sympy as sp

from divprune_sym.claims.claim import Claim, Verdict
from divprune_sym.claims.evidence import Proof
from divprune_sym.claims.steps import same

PLACE, PROCESS = 15, 7
x = sp.Symbol("x", real=True)


def claims():
    """One."""
    proof = Proof(lambda: [same("(x + 1)² expanded", (x + 1) ** 2, x**2 + 2 * x + 1)])
    statement = sp.Eq((x + 1) ** 2, x**2 + 2 * x + 1, evaluate=False)
    return [Claim("squares.expand", "A square, expanded.", statement, ("x real",), "nowhere", (proof,), Verdict.PROVED)]
''',
    "cli/count.py": '''
"""`divprune-sym count`: numbers."""

from divprune_sym.cli.app import app


@app.command(
    sort_key=45,
    help_epilogue="""\\
Example:
  divprune-sym count 3""",
)
def count(n: int, /) -> int:
    """Count to a number.

    Parameters
    ----------
    n
        The last.
    """
    print(*range(1, n + 1))
    return 0
''',
}
# tests that run over all there is; what they are given here is the addition
NOTICE = [
    "tests/gaussian/test_activations.py::test_every_registered_activation_is_found_by_its_name",
    "tests/gaussian/test_activations.py::test_I3_is_linear_in_its_linear_field[cubic]",
    "tests/gaussian/test_activations.py::test_price_rule_holds[cubic]",
    "tests/bound/test_bound.py::test_faces_of_every_method_agree[front-edge]",
    "tests/bench/test_tables.py::test_every_file_has_a_table",
    "tests/bench/test_tables.py::test_a_table_says_what_it_is_about[added]",
    "tests/cli/test_process.py::test_help_teaches",
    "tests/cli/test_process.py::test_the_help_of_every_command_is_cheap",
    "tests/cli/test_process.py::test_examples_in_the_help_run[count]",
]
# the oracle uses nothing of the library, so it has to be told what the function is: until then the test says so
MISSED = "tests/gaussian/test_activations.py::test_against_quadrature[I2-cubic-0]"


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A copy of the package with the additions, beside the tests and pages there are."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copytree(ROOT / "divprune_sym", folder / "divprune_sym", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("tests", "docs", "derivations", "pyproject.toml"):
        (folder / name).symlink_to(ROOT / name)
    for name, text in ADDITIONS.items():
        assert not (folder / "divprune_sym" / name).exists()
        (folder / "divprune_sym" / name).write_text(text.lstrip("\n"), encoding="utf-8")
    return folder


def run(house, *arguments):
    environment = os.environ | {"PYTHONPATH": str(house), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=house, env=environment, capture_output=True, text=True, check=False
    )


def test_each_is_found_by_being_there(house):
    asked = """
import json
from divprune_sym.activation_names import is_ours
from divprune_sym.bench import find_tables
from divprune_sym.claims import ledger
from divprune_sym.claims.claim import Bench
from divprune_sym.cli import main
from divprune_sym.gaussian import ACTIVATIONS, integral
from divprune_sym.pruning import METHODS
from divprune_sym.specialized import specialized_state

state = specialized_state(2, 2, 1)
claim = ledger.chosen(ledger.all_claims(), ["squares.expand"])[0]
print(json.dumps({
    "names": is_ours("cubic"),
    "closed form": str(integral("I2", ACTIVATIONS["cubic"]).closed_form.expand()),
    "methods": list(METHODS),
    "errors": [METHODS[name].limit(state, 0.5).generalization_error() for name in ("front-edge", "column-edge")],
    "tables": list(find_tables()),
    "families": list(ledger.families()),
    "groups": ledger.groups(),
    "verdict": ledger.examine(claim, Bench(True, ledger.RECORDED)).verdict,
    "code": main(["count", "3"]),
}))
"""
    done = run(house, "-c", asked)
    assert (done.returncode, done.stderr) == (0, "")
    counted, answers = done.stdout.splitlines()
    found = json.loads(answers)
    assert (counted, found["code"], found["names"], found["verdict"]) == ("1 2 3", 0, True, "proved")
    assert found["closed form"] == "9*C_aa*C_ab*C_bb + 6*C_ab**3"
    assert "front-edge" in found["methods"][6:]
    assert found["errors"][0] == found["errors"][1] > 0
    assert found["tables"][0] == "added"
    assert found["families"][:3] == ["integrals", "squares", "dynamics"]
    assert found["groups"][-1] == ["squares"]


def test_every_test_that_should_notice_notices(house):
    done = run(house, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *NOTICE, MISSED)
    assert f"FAILED {MISSED}" in done.stdout
    assert "KeyError: 'cubic'" in done.stdout
    assert re.search(rf"1 failed, {len(NOTICE)} passed", done.stdout), done.stdout
