"""Mutants: one operator, number or truth value changed somewhere at random; do the tests of its room notice?

`python -m tests.mutants --count 300 --minutes 120` works on a copy of the project. A mutant whose tests take much more
processor time than without it counts as killed. What survives is listed in a file, to be looked at: either a test is
missing, or the mutant is equivalent, and is then listed with the reason in tests/equivalent_mutants.txt
(`FILE:LINE: BEFORE -> AFTER # reason`).
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from scipy.stats import binomtest

ROOT = Path(__file__).parents[1]
ROOMS = ("gaussian", "dynamics", "codegen", "solvers", "dpp", "pruning", "claims")
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.txt")
OTHER = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.MatMult: ast.Mult,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change of one node of a file."""

    path: str
    number: int

    def made(self, source: str) -> tuple[str, str]:
        """The changed file, and the change in words."""
        tree = ast.parse(source)
        node = _changeable(tree)[self.number]
        before = ast.unparse(node)
        _change(node)
        return ast.unparse(tree), f"{self.path}:{node.lineno}: {before} -> {ast.unparse(node)}"


def _changeable(tree: ast.Module) -> list[ast.expr | ast.Return]:
    """Nodes inside functions, annotations and texts left out."""
    found = []
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            found += [node for line in function.body for node in ast.walk(line) if _has_another(node)]
    return list(dict.fromkeys(found))


def _has_another(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, (bool, int, float))
    if isinstance(node, ast.Compare):
        return len(node.ops) == 1
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod | ast.Add):
        return not any(isinstance(word, ast.Constant | ast.JoinedStr) for word in (node.left, node.right))
    return isinstance(node, ast.BinOp | ast.BoolOp) or (isinstance(node, ast.Return) and node.value is not None)


def _change(node: ast.AST) -> None:
    if isinstance(node, ast.Constant):
        node.value = not node.value if isinstance(node.value, bool) else node.value + 1
    elif isinstance(node, ast.Compare):
        node.ops = [OTHER[type(node.ops[0])]()]
    elif isinstance(node, ast.BinOp | ast.BoolOp):
        node.op = OTHER.get(type(node.op), ast.Add)()
    elif isinstance(node, ast.Return):
        node.value = ast.Constant(None)


def every(root: Path) -> list[Mutant]:
    """All mutants of the rooms, file by file."""
    files = sorted(path for room in ROOMS for path in (root / "divprune_sym" / room).rglob("*.py"))
    return [
        Mutant(str(path.relative_to(root)), number)
        for path in files
        for number in range(len(_changeable(ast.parse(path.read_text()))))
    ]


def tests_of(path: str, root: Path) -> list[str]:
    """Test files that name the module, or something public that it defines; those of its room if there are none."""
    module, room = path.removesuffix(".py").replace("/", "."), path.split("/")[1]
    defined = [node.name for node in ast.parse((root / path).read_text()).body if hasattr(node, "name")]
    words = [module, *(name for name in defined if not name.startswith("_"))]
    naming = re.compile("|".join(rf"\b{re.escape(word)}\b" for word in words))
    files = sorted((root / "tests").rglob("test_*.py"))
    found = [file for file in files if naming.search(file.read_text())]
    # the shortest first: what fails ends the run
    tests = sorted(found or [file for file in files if file.parent.name == room], key=lambda file: file.stat().st_size)
    return [str(file.relative_to(root)) for file in tests]


def _run(tests: list[str], root: Path, seconds: int | None = None) -> tuple[bool, float]:
    """Whether the tests pass, and the processor time they took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    limit = None if seconds is None else lambda: resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    environment = os.environ | {"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1", "CI": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", *tests],
        cwd=root, env=environment, capture_output=True, check=False, preexec_fn=limit,
    )  # fmt: skip
    return done.returncode == 0, resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def _interval(killed: int, of: int) -> str:
    if not of:
        return "0 of 0"
    ends = binomtest(killed, of).proportion_ci(method="wilson")
    return f"{killed} of {of} killed: {killed / of:.0%} ({ends.low:.0%} to {ends.high:.0%})"


def main() -> None:
    """Sample mutants, run their tests, print the score with its 95 % interval, and write the survivors."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--only", default="", help="files whose path holds this")
    parser.add_argument("--survivors", type=Path, default=Path("survivors.txt"))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "copy"
        shutil.copytree(ROOT, root, ignore=shutil.ignore_patterns(".git", "__pycache__", ".venv"))
        mutants = [mutant for mutant in every(root) if asked.only in mutant.path]
        sample = random.Random(asked.seed).sample(mutants, min(asked.count, len(mutants)))
        survivors, tried = _tried(sample, root, time.monotonic() + 60 * asked.minutes)
    known = EQUIVALENT.read_text() if EQUIVALENT.exists() else ""
    equivalent = sum(line in known for line in survivors)
    asked.survivors.write_text("".join(f"{line}\n" for line in survivors if line not in known))
    print(_interval(tried - len(survivors), tried))
    print("without equivalents: " + _interval(tried - len(survivors), tried - equivalent))


def _tried(sample: list[Mutant], root: Path, end: float) -> tuple[list[str], int]:
    survivors: list[str] = []
    needed: dict[tuple[str, ...], float | None] = {}
    tried = 0
    for mutant in sample:
        if time.monotonic() > end:
            break
        tests = tests_of(mutant.path, root)
        if tuple(tests) not in needed:
            _run(tests, root)  # compiled code is cached
            passed, seconds = _run(tests, root)
            needed[tuple(tests)] = seconds if tests and passed else None
        seconds = needed[tuple(tests)]
        if seconds is None:
            print(f"{mutant.path}: its tests do not pass without a mutant, left out", flush=True)
            continue
        file = root / mutant.path
        source = file.read_text()
        changed, words = mutant.made(source)
        file.write_text(changed)
        passed, _ = _run(tests, root, int(5 * seconds) + 30)
        file.write_text(source)
        tried += 1
        survivors += [words] if passed else []
        print(f"{tried} {'SURVIVED' if passed else 'killed'} {words}", flush=True)
    return survivors, tried


if __name__ == "__main__":
    main()
