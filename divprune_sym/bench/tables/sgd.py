"""The simulator of online SGD at N = 500, K = 6, M = 2: how close it comes to what memory and arithmetic allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.bench.model import Case, Contestant, Fact, Speed, at_least, table

if TYPE_CHECKING:
    from collections.abc import Iterator

N, K, M = 500, 6, 2
STEPS = 64  # of inputs in one block, which stays in the second cache, as in `train`

LIMIT, KERNEL, TRAIN = "limit", "steps", "train"


@table(
    measures=f"one step of online SGD, N={N} K={K} M={M}, both layers learning",
    goal="steps at 0.6 of the limit; two threads 1.8 times as fast as one",
    peers={
        LIMIT: "the loads, stores and multiply-adds of a step in a single pass over the weights: each student row is "
        "moved along one input and multiplied with the next, teacher rows only multiplied; no erf, no exp",
        "drawing": "drawing the inputs with NumPy, which train does and steps does not",
    },
)
def sgd(quick: bool) -> Iterator[Case]:
    """The compiled loop and the whole of `train` against the limit, then two threads against one."""
    from divprune_sym.bench.peers.one_pass import one_pass
    from divprune_sym.simulate import Training, random_network, train, train_replicas
    from divprune_sym.simulate.modules import sgd_module

    rng = np.random.default_rng(0)
    network, training = random_network(rng, N, K, M), Training(eta=0.1, eta_v=0.1, sigma=0.01)
    w, v, X = network.w.copy(), network.v.copy(), rng.standard_normal((STEPS + 1, N))
    zeta, rates = rng.standard_normal(STEPS), rng.uniform(-1e-3, 1e-3, K)
    limit_w, room = network.w.copy(), np.empty((STEPS, N))
    alpha = 4.0 if quick else 20.0

    sgd_steps = sgd_module("erf").sgd_steps

    def steps() -> None:
        sgd_steps(w, v, network.B, network.A, network.mask, X[:STEPS], zeta, 0.1, 0.1, 0.01, 0.0, 0.0)

    yield Case(
        "one thread",
        [
            Contestant(LIMIT, lambda: one_pass(limit_w, network.B, X, rates), units=STEPS),
            Contestant(KERNEL, steps, units=STEPS),
            Contestant("drawing", lambda: rng.standard_normal(out=room), units=STEPS),
            Contestant(
                TRAIN, lambda: train(network, training, [alpha], np.random.default_rng(1)), units=round(alpha * N)
            ),
        ],
        [Speed(KERNEL, LIMIT, at_least(0.6)), Speed(TRAIN, LIMIT)],
        [Fact("multiply-adds of a step", (2 * K + M) * N), Fact("bytes of weights", 8 * (K + M) * N)],
    )

    def replicas(workers: int) -> None:
        train_replicas([network] * 2, training, [alpha], np.random.default_rng(2), workers=workers)

    yield Case(
        "two networks",
        [
            Contestant("1 thread", lambda: replicas(1), units=2 * round(alpha * N)),
            Contestant("2 threads", lambda: replicas(2), units=2 * round(alpha * N)),
        ],
        [Speed("2 threads", "1 thread", at_least(1.8))],
    )
