"""`rng` takes a seed wherever it takes a generator."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import numpy as np
import pytest

import divprune_sym as dp
from divprune_sym.dpp import LEnsemble, MarginalKernel, ProjectionDPP, condition, sample_k, sample_kernels, swap_chains
from divprune_sym.ground.checks import BadInput
from divprune_sym.ground.randomness import generator
from divprune_sym.ground.values import same

ROOMS = [room for room in dir(dp) if inspect.ismodule(getattr(dp, room)) and room != "testing"]


def public_callables() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every public function, and every method of a public class, that has an `rng`."""
    for package in ("divprune_sym", *(f"divprune_sym.{room}" for room in ROOMS)):
        module = import_module(package)
        for name in module.__all__:
            found = getattr(module, name)
            members = vars(found).items() if inspect.isclass(found) else [("", found)]
            for member, function in members:
                if inspect.isfunction(function) and not member.startswith("_"):
                    label = f"{package}.{name}" + (f".{member}" if member else "")
                    if "rng" in inspect.signature(function).parameters:
                        yield label, function


CALLABLES = dict(public_callables())


@pytest.mark.parametrize("name", CALLABLES)
def test_every_public_rng_takes_a_seed(name: str) -> None:
    assert inspect.signature(CALLABLES[name]).parameters["rng"].annotation == "Rng"


def test_the_search_finds_some() -> None:
    assert {"divprune_sym.train", "divprune_sym.dpp.sample_k", "divprune_sym.Derivation.check"} <= CALLABLES.keys()


def layer() -> Any:
    weights = np.random.default_rng(5).standard_normal((3, 8))
    return import_module("divprune_sym.pruning").Layer.on_white_inputs(weights, np.ones(3))


KERNEL = np.diag([1.0, 2.0, 3.0])
ENSEMBLE = LEnsemble.from_matrix(KERNEL)
SAMPLES: dict[str, Callable[[Any], Any]] = {
    "sample": lambda rng: ENSEMBLE.sample(rng, 4),
    "sample_masks": lambda rng: ENSEMBLE.sample_masks(rng, 4),
    "sample_k": lambda rng: ENSEMBLE.sample_k(2, rng, 4),
    "dpp.sample_k": lambda rng: sample_k(KERNEL, 2, rng, 4),
    "dpp.sample_kernels": lambda rng: sample_kernels([KERNEL], 2, rng, 4),
    "marginal": lambda rng: MarginalKernel.from_matrix(KERNEL / 4).sample(rng, 4),
    "projection": lambda rng: ProjectionDPP.from_features(np.eye(3)[:, :2]).sample(rng, 4),
    "conditioned": lambda rng: condition(ENSEMBLE, [0]).sample_k(2, rng, 4),
    "swap_chains": lambda rng: swap_chains(np.eye(4)[:, :2] + 0.1, 2, rng, chains=2, steps=40).sets,
    "random_network": lambda rng: dp.random_network(rng, 5, 2, 1),
    "train": lambda rng: dp.train(dp.random_network(0, 5, 2, 1), dp.Training(0.1), [1.0], rng),
    "train_replicas": lambda rng: dp.train_replicas([dp.random_network(0, 5, 2, 1)], dp.Training(0.1), [1.0], rng),
    **{
        f"draw of {name}": lambda rng, method=method: method.draw(layer(), 2 if method.unit == "node" else 0.5, rng, 3)
        for name, method in dp.METHODS.items()
    },
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_seed_is_the_generator_of_that_seed(name: str) -> None:
    draw = SAMPLES[name]
    assert same(draw(3), draw(np.random.default_rng(3)))
    assert same(draw(np.random.SeedSequence(3)), draw(3))


def test_a_generator_goes_on() -> None:
    rng = np.random.default_rng(0)
    assert generator(rng) is rng
    assert generator(7).random() == np.random.default_rng(7).random() == generator(np.int64(7)).random()


@pytest.mark.parametrize("rng", [None, True, -1, 1.5, "7", np.random.RandomState(0)])
def test_no_seed(rng: Any) -> None:
    with pytest.raises(BadInput, match=r"rng = .*: expected a seed"):
        generator(rng)
