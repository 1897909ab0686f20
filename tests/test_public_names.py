"""One table of public names: a running program, type checkers and the docs see the same."""

from __future__ import annotations

import ast
import inspect
import os
import re
import shutil
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from pkgutil import iter_modules

import pytest

ROOT = Path(import_module("divprune_sym").__file__ or "").parent
STUBS = sorted(ROOT.rglob("__init__.pyi"))
PACKAGES = [".".join(stub.parent.relative_to(ROOT.parent).parts) for stub in STUBS]
TABLES = list(zip(PACKAGES, STUBS, strict=True))


@pytest.mark.parametrize("package", PACKAGES)
def test_every_listed_name_is_there_documented_and_shown(package: str) -> None:
    module = import_module(package)
    assert dir(module) == sorted(module.__all__)
    for name in module.__all__:
        found = getattr(module, name)
        if inspect.isclass(found) or inspect.isroutine(found) or inspect.ismodule(found):
            assert found.__doc__, f"{package}.{name} says nothing of itself"


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_said_of_parameters_is_said_of_all(package: str) -> None:
    """A section that leaves one out misleads; what the package itself offers has one wherever it takes two or more."""
    module = import_module(package)
    for name in module.__all__:
        found = getattr(module, name)
        if not inspect.isfunction(found):
            continue
        taken = [x.name for x in inspect.signature(found).parameters.values() if x.kind is not x.VAR_KEYWORD]
        _, titled, section = (inspect.getdoc(found) or "").partition("Parameters\n----------\n")
        assert titled or package != "divprune_sym" or len(taken) < 2, f"{name} does not say what it takes"
        missing = [x for x in taken if titled and not re.search(rf"\b{x}\b", section)]
        assert not missing, f"{package}.{name} says nothing of {', '.join(missing)}"


@pytest.mark.parametrize(("package", "stub"), TABLES)
def test_type_checkers_read_the_same_table(package: str, stub: Path) -> None:
    """Nothing in the stub but the lines that the program reads, so that neither has a name the other lacks."""
    listed = []
    for node in ast.parse(stub.read_text(encoding="utf-8")).body:
        assert isinstance(node, ast.ImportFrom), f"{stub}: only lines of the form from MODULE import NAME as NAME"
        assert all(alias.asname == alias.name for alias in node.names)
        assert node.level == 0
        listed += [alias.name for alias in node.names]
    assert listed == import_module(package).__all__
    assert len(set(listed)) == len(listed)


@pytest.mark.parametrize(("package", "stub"), TABLES)
def test_no_file_hides_a_public_name(package: str, stub: Path) -> None:
    """Once imported, a file or folder is an attribute of its package, found before the name in the table."""
    files = {module.name for module in iter_modules([str(stub.parent)])}
    hidden = [name for name in import_module(package).__all__ if name in files]
    assert all(inspect.ismodule(getattr(import_module(package), name)) for name in hidden)


def test_names_are_those_of_their_files() -> None:
    top = import_module("divprune_sym")
    assert top.integrate is import_module("divprune_sym.solvers.adaptive").integrate
    assert top.ERF is import_module("divprune_sym.gaussian").ERF
    assert top.dpp is import_module("divprune_sym.dpp")
    assert top.__version__ == version("divprune-sym")


def test_what_is_not_there_is_refused_with_the_nearest_name() -> None:
    networks = import_module("divprune_sym.networks")
    with pytest.raises(AttributeError, match="no attribute 'prune_netwok'") as refused:
        _ = networks.prune_netwok
    assert (refused.value.name, refused.value.obj) == ("prune_netwok", networks)  # Python's hint is made of these


def test_rooms_are_cheap_to_enter() -> None:
    """SymPy, Numba and the like come with the first use of a name."""
    rooms = "; ".join(f"import {package}" for package in PACKAGES)
    heavy = {"sympy", "numba", "scipy", "matplotlib", "sklearn"}
    program = f"{rooms}; import sys; print(sorted({heavy} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_mypy_knows_the_names_and_no_others(tmp_path: Path) -> None:
    """On the stubs alone, which is quick: what a name is comes from its file, that it is there from the stub."""
    pytest.importorskip("mypy")
    for stub in STUBS:
        copy = tmp_path / stub.relative_to(ROOT.parent)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(stub, copy)
    user = tmp_path / "user.py"
    user.write_text("from divprune_sym.networks import nonsense\nfrom divprune_sym.networks import load_network\n")
    options = ["--strict", "--ignore-missing-imports", "--cache-dir", os.devnull]
    command = [sys.executable, "-m", "mypy", *options, str(user)]
    found = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False, env=_without_path())
    errors = [line for line in found.stdout.splitlines() if "user.py" in line and "error" in line]
    assert len(errors) == 1
    assert 'user.py:1: error: Module "divprune_sym.networks" has no attribute "nonsense"' in errors[0]


def _without_path() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MYPYPATH")}


def test_the_docs_have_every_public_name_once() -> None:
    sys.path.insert(0, str(ROOT.parent / "docs"))
    try:
        text = import_module("api_page").page()
    finally:
        sys.path.pop(0)
    written = [line.split(":: ")[1] for line in text.splitlines() if line.startswith(".. ")]
    objects = [(name, _resolved(name)) for name in written]
    assert len(set(written)) == len(written)
    for package in PACKAGES:
        module = import_module(package)
        for name in module.__all__:
            found = getattr(module, name)
            assert inspect.ismodule(found) or any(found is shown for _, shown in objects), f"{package}.{name}"


def _resolved(dotted: str) -> object:
    package, _, name = dotted.rpartition(".")
    return getattr(import_module(package), name)
