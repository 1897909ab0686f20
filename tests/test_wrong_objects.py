"""Every public function that takes one of our objects refuses all others in one line, whatever they are."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import divprune_sym as dp
from divprune_sym.ground.checks import BadInput

OURS = ("OrderParameters", "Problem", "Network", "LEnsemble")
STATE = dp.OrderParameters.unpruned(Q=np.eye(2) * 0.5, R=[[0.3], [0.1]], T=[[1.0]], v=[1.0, 0.5], A=[1.0])
LIMIT = dp.METHODS["random-edge"].limit(STATE, 0.5)
# what else such a function takes, by name
GIVEN = {"alphas": [0.0, 1.0], "pruned": LIMIT, "path": "network.npz", "rng": 0, "dt": 0.1}
WRONG = {
    "a limit": LIMIT,
    "a limit of nodes": dp.METHODS["dpp-node"].limit(STATE, 1),
    "a list": [LIMIT],
    "a path": "problem.toml",
    "nothing": None,
    "a number": 3,
    "a method": dp.METHODS["random-edge"],
    "anything": object(),
}


def takers() -> Iterator[Callable[..., Any]]:
    """Public functions whose first parameter is one of ours, or a sequence of them."""
    rooms = [room for name in dir(dp) if inspect.ismodule(room := getattr(dp, name))]
    for room in [dp, *rooms]:
        for name in dir(room):
            function = getattr(room, name)
            if name.startswith("_") or not inspect.isfunction(function):
                continue
            first = next(iter(inspect.signature(function).parameters.values()), None)
            if first is not None and any(kind in str(first.annotation) for kind in OURS):
                yield function


FUNCTIONS = {function.__qualname__: function for function in takers()}


def test_some_are_found() -> None:
    assert {"integrate", "integrate_batch", "find_fixed_point", "train_on", "errors_of", "condition"} <= set(FUNCTIONS)


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - {"assert_rates_match_updates"}))  # that takes functions
def test_something_else_is_refused(name: str, wrong: str) -> None:
    needed = list(inspect.signature(FUNCTIONS[name]).parameters.values())[1:]
    rest = {x.name: GIVEN.get(x.name, 1) for x in needed if x.default is x.empty and x.kind is not x.VAR_KEYWORD}
    with pytest.raises(BadInput) as refused:
        FUNCTIONS[name](WRONG[wrong], **rest)
    assert "\n" not in str(refused.value)
