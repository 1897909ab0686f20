"""Online SGD on the GPU, one block of threads per replica; the inputs are those that `simulate` draws."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import cuda, float64  # the simulator looks for `cuda` among the globals of a kernel

from divprune_sym.codegen.cache import cached_module
from divprune_sym.cuda.device import require_cuda, simulated
from divprune_sym.ground.checks import BadInput
from divprune_sym.ground.randomness import Rng, generator
from divprune_sym.simulate.modules import described_pair, functions_source
from divprune_sym.simulate.network import Classes
from divprune_sym.simulate.sgd import Trajectory, _Data, _diverged, _spawn, _square_is_finite, _times

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

    from numpy.typing import ArrayLike

    from divprune_sym.gaussian import Activation
    from divprune_sym.simulate import Network, Training


_PREAMBLE = """import math

from numba import cuda

jit = cuda.jit(device=True)

"""


@cache
def _functions(activation: str | Activation, teacher: str | Activation | None) -> ModuleType:
    """`student_output`, `student_slope` and `teacher_output` for kernels to call."""
    recipe = {"functions": "cuda", **described_pair(activation, teacher)}
    return cached_module(recipe, lambda: _PREAMBLE + functions_source(activation, teacher))


@cache
def sgd_kernel(
    K: int, M: int, threads: int, activation: str | Activation = "erf", teacher: str | Activation | None = None
) -> Any:
    """The kernel of K student and M teacher nodes: the update of `simulate.train`, a step per row of X.

    w, mask (R, K, N), v (R, K), B (R, M, N), A (R, M), X (R, S, N), zeta (R, S); w and v change in place, and
    taken (R,) counts the steps: fewer than S where the next would not be finite.
    """
    fields = K + M
    functions = _functions(activation, teacher)
    student_output, student_slope = functions.student_output, functions.student_slope
    teacher_output = functions.teacher_output

    @cuda.jit
    def sgd_steps(w, v, B, A, mask, X, zeta, taken, eta, eta_v, sigma, weight_decay):  # type: ignore[no-untyped-def]
        r, lane = cuda.blockIdx.x, cuda.threadIdx.x
        N = w.shape[2]
        root_N = math.sqrt(N)
        shrink = 1.0 - weight_decay / N
        partial = cuda.shared.array((fields, threads), float64)
        outer = cuda.shared.array((K,), float64)
        move = cuda.local.array((K,), float64)
        if lane < K:
            outer[lane] = v[r, lane]
        cuda.syncthreads()
        for t in range(X.shape[1]):
            for f in range(fields):
                dot = 0.0
                if f < K:
                    for j in range(lane, N, threads):
                        dot += w[r, f, j] * X[r, t, j]
                else:
                    for j in range(lane, N, threads):
                        dot += B[r, f - K, j] * X[r, t, j]
                partial[f, lane] = dot
            cuda.syncthreads()
            half = threads // 2
            while half > 0:
                if lane < half:
                    for f in range(fields):
                        partial[f, lane] += partial[f, lane + half]
                cuda.syncthreads()
                half //= 2
            # what follows every thread computes alike, from the sums in the first column
            delta = -sigma * zeta[r, t]
            for f in range(M):
                delta -= A[r, f] * teacher_output(partial[K + f, 0] / root_N)
            finite = True
            for i in range(K):
                field = partial[i, 0] / root_N
                finite = finite and math.isfinite(field)
                delta += outer[i] * student_output(field)
            if not (finite and math.isfinite(delta)):
                break
            for i in range(K):
                field = partial[i, 0] / root_N
                move[i] = eta / root_N * outer[i] * student_slope(field) * delta
            cuda.syncthreads()
            if lane < K:
                g = student_output(partial[lane, 0] / root_N)
                outer[lane] = shrink * outer[lane] - eta_v / N * g * delta
            for i in range(K):
                for j in range(lane, N, threads):
                    w[r, i, j] = shrink * w[r, i, j] - move[i] * (mask[r, i, j] * X[r, t, j])
            if lane == 0:
                taken[r] = t + 1
            cuda.syncthreads()
        if lane < K:
            v[r, lane] = outer[lane]

    return sgd_steps


def threads_for(K: int) -> int:
    """Threads per block, a power of two and at least K."""
    least = 4 if simulated() else 128
    return max(least, 1 << (K - 1).bit_length())


def train_replicas(
    networks: Sequence[Network],
    training: Training,
    alphas: ArrayLike,
    rng: Rng,
    *,
    progress: Callable[[float], None] | None = None,
) -> list[Trajectory]:
    """`simulate.train_replicas` on the GPU: equal generators give equal data, and results equal to rounding.

    Parameters
    ----------
    networks : sequence of Network
        Equal N, K, M and activations.
    training, alphas, rng, progress
        As there. Inputs are drawn on the host, to be the same.

    Returns
    -------
    list of Trajectory

    Raises
    ------
    BadInput
        No networks, or of different sizes, and what `simulate.train_replicas` refuses.
    NoCuda
        There is no GPU, and no simulator.
    Diverged
        One of them diverged.
    """
    rng = generator(rng)
    require_cuda()
    networks = list(networks)
    kinds = {(x.N, x.K, x.M, x.activation, x.teacher_activation) for x in networks}
    if len(kinds) != 1:
        shown = sorted(map(str, kinds)) or "none"
        msg = f"networks: expected networks of one size (N, K, M) and one activation, got {shown}"
        raise BadInput(msg)
    N, K, M, *functions = kinds.pop()
    if not training.second_layer:
        msg = "second_layer = False: the kernel for GPUs freezes no layer; divprune_sym.train_replicas does"
        raise BadInput(msg)
    alpha, targets = _times(alphas, N)
    sources = [_Data(x, *_spawn(child, 2)) for x, child in zip(networks, _spawn(rng, len(networks)), strict=True)]
    classes = [Classes.of(x) for x in networks]
    w, v, B, A, mask = (np.array([getattr(x, name) for x in networks]) for name in ("w", "v", "B", "A", "mask"))
    rates = (training.eta, training.eta_v, training.sigma, training.weight_decay)
    kernel, done = sgd_kernel(K, M, threads_for(K), *functions)[len(networks), threads_for(K)], 0
    states: list[list[Any]] = [[] for _ in networks]
    for target in targets:
        while done < target:
            drawn = [source.draw(target - done) for source in sources]
            X, zeta = np.array([x for x, _ in drawn]), np.array([z for _, z in drawn])
            taken = np.zeros(len(networks), np.int64)
            kernel(w, v, B, A, mask, X, zeta, taken, *rates)
            if taken.min() < X.shape[1]:
                raise _diverged((done + int(taken.min())) / N, training)
            done += X.shape[1]
            if progress is not None:
                progress(done / max(1, targets[-1]))
        if not (_square_is_finite(w) and _square_is_finite(v)):
            raise _diverged(done / N, training)
        for r, measured in enumerate(states):
            measured.append(classes[r].measure(w[r], v[r]))
    return [
        Trajectory(alpha, tuple(measured), replace(network, w=w[r], v=v[r]))
        for r, (network, measured) in enumerate(zip(networks, states, strict=True))
    ]
