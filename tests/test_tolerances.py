"""The tolerance that is written is the tolerance that is tested."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


def unstated(source):
    """Lines of `assert_allclose` with an absolute tolerance that leave the relative one to NumPy (1e-7)."""
    for call in ast.walk(ast.parse(source)):
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("assert_allclose"):
            given = {keyword.arg for keyword in call.keywords}
            if "atol" in given and "rtol" not in given and len(call.args) < 3:
                yield call.lineno


def test_absolute_tolerances_come_with_relative_ones():
    found = [f"{path.relative_to(TESTS)}:{line}" for path in TESTS.rglob("*.py") for line in unstated(path.read_text())]
    assert not found, f"state rtol beside atol (0 if there is none): {', '.join(found)}"


@pytest.mark.parametrize(
    ("call", "lines"),
    [
        ("np.testing.assert_allclose(a, b, atol=1e-12)", [1]),
        ("assert_allclose(a, b, atol=1e-12)", [1]),
        ("assert_allclose(a, b, atol=1e-12, rtol=0)", []),
        ("assert_allclose(a, b, 1e-9, atol=1e-12)", []),
        ("assert_allclose(a, b, rtol=1e-12)", []),
    ],
)
def test_the_rule_sees(call, lines):
    assert list(unstated(call)) == lines
