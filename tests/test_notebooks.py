"""What a notebook shows in place of an object's repr."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import divprune_sym as dp
from divprune_sym.claims import Claim, Verdict
from divprune_sym.dpp import LEnsemble, describe
from divprune_sym.gaussian import ACTIVATIONS


def balanced(latex: str) -> bool:
    """Environments closed in the order they were opened, as many { as }."""
    opened: list[str] = []
    for word in latex.replace("\\begin", "\nB").replace("\\end", "\nE").splitlines():
        if word[:2] == "B{":
            opened.append(word[2 : word.index("}")])
        elif word[:2] == "E{" and opened.pop() != word[2 : word.index("}")]:
            return False
    return not opened and latex.count("{") == latex.count("}")


@pytest.mark.parametrize("name", ["I2", "I3", "I4"])
def test_derivations_with_every_step(name: str) -> None:
    derived = dp.integral(name, dp.ERF)
    shown = derived._repr_latex_()
    assert shown.startswith("$$\\begin{gathered}")
    assert shown.endswith("$$")
    assert balanced(shown)
    assert shown.count("\\\\\n") == len(derived.steps)
    assert all(f"\\text{{{step.rule}:}}" in shown for step in derived.steps)
    assert derived.steps[0]._repr_latex_() == f"$\\displaystyle {derived.steps[0].latex()}$"


@pytest.mark.parametrize("system", [dp.equations_of_motion, dp.error_equations])
def test_equations(system) -> None:
    shown = system()._repr_latex_()
    assert balanced(shown)
    assert shown.count("&=") == len(system().assignments)
    assert "dQ" not in shown  # the rate is a fraction of differentials


def test_activations() -> None:
    assert ACTIVATIONS["erf"]._repr_latex_() == (
        r"$\displaystyle \operatorname{erf}(u) = \operatorname{erf}{\left(\frac{\sqrt{2} u}{2} \right)}$"
    )
    assert all(balanced(one._repr_latex_()) for one in ACTIVATIONS.values())


def test_descriptions_escape_what_they_show() -> None:
    described = describe(LEnsemble.from_matrix(np.diag([1.0, 0.0])))
    shown = described._repr_html_()
    assert "<th>k &gt; 1</th>" in shown
    assert shown.count("<tr>") == len(str(described).splitlines())


def test_claims() -> None:
    x = sp.Symbol("x", positive=True)
    claim = Claim("test.one", "x < x + 1", x < x + 1 + sp.Symbol("y") ** 2, [x > 0], "this project", [], Verdict.OPEN)
    shown = claim._repr_html_()
    assert "<b>x &lt; x + 1</b>" in shown
    assert "expected: open" in shown
    assert "<math" in shown
