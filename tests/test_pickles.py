"""Objects go to other processes and equal what comes out there."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp

import divprune_sym as dp
from divprune_sym.dpp import LEnsemble, MarginalKernel, ProjectionDPP, condition, describe
from divprune_sym.dynamics.equations import System
from divprune_sym.gaussian import ACTIVATIONS, Activation, closing, erf
from divprune_sym.ground.values import same


def through_a_pickle(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


KAPPA = sp.Symbol("kappa", positive=True)
GELU = Activation("gelu", g=lambda u: u * (1 + sp.erf(u / sp.sqrt(2))) / 2)


def state(**changes: Any) -> dp.OrderParameters:
    return dp.OrderParameters.unpruned(
        Q=[[0.5, 0.1], [0.1, 0.4]], R=[[0.3], [0.1]], T=[[1.0]], v=[1.0, 0.5], A=[1.0], **changes
    )


def network() -> dp.Network:
    return dp.random_network(np.random.default_rng(0), 8, 2, 1)


OBJECTS: dict[str, Callable[[], Any]] = {
    **{f"activation {name}": lambda name=name: ACTIVATIONS[name] for name in ACTIVATIONS},
    "activation of a symbol": lambda: erf(KAPPA),
    "activation of a user": lambda: GELU,
    "I2": lambda: dp.integral("I2", ACTIVATIONS["relu"]),
    "I4": lambda: dp.integral("I4", ACTIVATIONS["erf"]),
    "equations": dp.equations_of_motion,
    "state": state,
    "state of ReLU": lambda: state(activation="relu"),
    "problem": lambda: dp.Problem(state(), eta=0.1),
    "problem of a user's activation": lambda: dp.Problem(state(activation=GELU), eta=0.1, small_eta=True),
    "network": network,
    "ensemble": lambda: LEnsemble.from_matrix(np.eye(3) + 1.0),
    "marginal kernel": lambda: MarginalKernel.from_matrix(np.diag([0.5, 0.2])),
    "projection": lambda: ProjectionDPP.from_features(np.eye(3)[:, :2]),
    "conditioned": lambda: condition(LEnsemble.from_matrix(np.diag([1.0, 2.0, 3.0])), [0]),
    "description": lambda: describe(LEnsemble.from_matrix(np.eye(2))),
    **{
        f"limit of {name}": lambda method=method: method.limit(state(), 1 if method.unit == "node" else 0.5)
        for name, method in dp.METHODS.items()
    },
    **{f"method {name}": lambda method=method: method for name, method in dp.METHODS.items()},
}


@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_equals_its_pickle(name: str) -> None:
    made = OBJECTS[name]()
    again = through_a_pickle(made)
    assert again is not made
    assert (again == made) is True
    assert (again != made) is False


def test_a_derivation_can_be_checked_where_it_was_sent() -> None:
    again = through_a_pickle(dp.integral("I2", GELU))
    assert again.check(np.random.default_rng(1)) < 1e-7


def test_values_tell_apart() -> None:
    assert state() != state(activation="relu")
    assert state() != state().with_(v=np.array([1.0, 0.6]))
    assert dp.Problem(state(), eta=0.1) != dp.Problem(state(), eta=0.2)
    limits = [dp.METHODS["random-edge"].limit(state(), keep) for keep in (0.5, 0.6)]
    assert limits[0] != limits[1]
    assert Activation("gelu", g=lambda u: u) != GELU
    assert state() != "state"


def test_records_of_arrays_cannot_be_keys() -> None:
    for value in (state(), dp.Problem(state(), eta=0.1)):
        with pytest.raises(TypeError, match="unhashable"):
            hash(value)


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        (np.array([1.0, np.nan]), np.array([1.0, np.nan]), True),
        (np.array([1.0]), np.array([1]), False),
        (np.array([1.0]), 1.0, False),
        ((np.zeros(2), "x"), (np.zeros(2), "x"), True),
        ((np.zeros(2),), (np.ones(2),), False),
        ({"a": np.zeros(1)}, {"a": np.zeros(1)}, True),
        ({"a": np.zeros(1)}, {"b": np.zeros(1)}, False),
        (float("nan"), float("nan"), True),
        (np.array(["a"]), np.array(["a"]), True),
        (1, 1.0, False),
    ],
)
def test_same(a: Any, b: Any, equal: bool) -> None:
    assert same(a, b) is equal


def test_activations_and_derivations_are_keys() -> None:
    assert len({ACTIVATIONS["erf"], through_a_pickle(ACTIVATIONS["erf"]), erf(1)}) == 1
    assert isinstance(dp.equations_of_motion(), System)
    closed = {name: found for name, found in closing(GELU).items() if isinstance(found, dp.Derivation)}
    assert {hash(found) for found in closed.values()} == {hash(through_a_pickle(found)) for found in closed.values()}
