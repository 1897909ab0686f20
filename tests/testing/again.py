"""What every failing check owes its user: a last line that, pasted into Python, fails in the same way."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from divprune_sym import OrderParameters, Problem, testing


def refuted(check, **names):
    """The message of a check that must fail; its last line is run, and must fail with the same message."""
    with pytest.raises(AssertionError) as failure:
        check()
    message = str(failure.value)
    line = message.splitlines()[-1]
    assert line.startswith("reproduce: assert_")
    kit = {name: getattr(testing, name) for name in testing.__all__}
    given = {"np": np, "sympify": sp.sympify, "Problem": Problem, "OrderParameters": OrderParameters}
    with pytest.raises(AssertionError) as again:
        eval(line.removeprefix("reproduce: "), {**kit, **given, **names})  # the kit's own text
    assert str(again.value) == message
    return message
