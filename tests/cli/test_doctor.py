"""`doctor` says what there is: held against the parts themselves."""

from __future__ import annotations

import json
import re
from importlib.metadata import version

import pytest
from packaging.requirements import Requirement

from divprune_sym.cli import doctor, main


def shown(capsys, *options):
    assert main(["doctor", *options]) == 0
    return capsys.readouterr().out


def test_what_is_installed(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("DIVPRUNE_SYM_CACHE", str(tmp_path))
    tmp_path.chmod(0o700)
    (tmp_path / "module.py").write_bytes(b"x" * 1000)
    found = json.loads(shown(capsys, "--json"))
    assert found["versions"]["numpy"] == version("numpy")
    assert found["versions"]["divprune-sym"] == version("divprune-sym")
    assert {"numba", "sympy", "mpmath"} <= set(found["versions"])
    assert not {"onnx", "hypothesis"} & set(found["versions"])
    assert found["cache"] == {"folder": str(tmp_path), "files": 1, "bytes": 1000}
    assert found["threads"]["usable"] >= 1
    assert found["extras"] == {"gpu": [], "io": [], "sweep": [], "testing": []}  # the tests need them all


def test_a_missing_package_and_an_old_one_are_named_with_the_line_that_installs_them(capsys, monkeypatch):
    asked = [(Requirement(text), "io") for text in ("onnx>=1000", "numpy>=1", "no-such-package")]
    monkeypatch.setattr(doctor, "_requirements", lambda: asked)
    assert json.loads(shown(capsys, "--json"))["extras"]["io"] == ["onnx>=1000", "no-such-package"]
    words = " ".join(shown(capsys).replace("│", " ").split())
    assert "lacks onnx>=1000, no-such-package; pip install 'divprune-sym[io]'" in words


@pytest.mark.parametrize(("variable", "words"), [("1", "simulator"), ("0", "no GPU|compute capability")])
def test_cuda(capsys, monkeypatch, variable, words):
    monkeypatch.setenv("NUMBA_ENABLE_CUDASIM", variable)
    assert re.search(words, json.loads(shown(capsys, "--json"))["cuda"])
