"""A student and its teacher at finite N, and what the theory sees of them: their order parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.ground.checks import BadInput, integer, number, real_array
from divprune_sym.ground.randomness import Rng, generator
from divprune_sym.ground.values import ByValue
from divprune_sym.named_activations import checked_activation
from divprune_sym.notation import OrderParameters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from divprune_sym.gaussian import Activation


@dataclass(frozen=True, eq=False)
class Network(ByValue):
    """Student Σ_i v_i g(w_i·x/√N) and teacher Σ_n A_n h(B_n·x/√N), inputs x_j ~ N(0, ω_j).

    The arrays are copied, and read-only afterwards.

    Parameters
    ----------
    w : (K, N)
        First-layer weights of the student.
    v : (K,)
        Second-layer weights of the student.
    B : (M, N)
        First-layer weights of the teacher.
    A : (M,)
        Second-layer weights of the teacher.
    mask : (K, N), optional
        1 where a weight learns, 0 where SGD leaves it alone; ones if not given.  The mask sets no weight to
        zero: a pruned network is one whose masked weights are zero already.
    variance : (N,), optional
        Input variances ω_j ≥ 0; ones if not given.
    activation : str or Activation
        g of the student, erf(u/√2) if not given.
    teacher_activation : str or Activation, optional
        h of the teacher's nodes; the student's if not given.

    Raises
    ------
    BadInput
        An unknown activation, wrong shapes, no node or no input, non-finite entries, mask entries other than 0 and 1,
        or a negative variance.
    """

    w: NDArray[np.float64]
    v: NDArray[np.float64]
    B: NDArray[np.float64]
    A: NDArray[np.float64]
    # None never survives __post_init__: to readers these are arrays
    mask: NDArray[np.float64] = None  # type: ignore[assignment]
    variance: NDArray[np.float64] = None  # type: ignore[assignment]
    activation: str | Activation = "erf"
    teacher_activation: str | Activation | None = None

    def __post_init__(self) -> None:
        checked_activation("activation", self.activation)
        if self.teacher_activation is not None:
            checked_activation("teacher_activation", self.teacher_activation)
        w = real_array("w", self.w, (None, None))
        B = real_array("B", self.B, (None, w.shape[1]))
        if 0 in w.shape or 0 in B.shape:
            msg = f"w: shape {w.shape}, B: shape {B.shape}; expected at least one node each and one input"
            raise BadInput(msg)
        arrays = {
            "w": w,
            "v": real_array("v", self.v, (w.shape[0],)),
            "B": B,
            "A": real_array("A", self.A, (B.shape[0],)),
            "mask": _mask(self.mask, w.shape),
            "variance": _variance(self.variance, w.shape[1]),
        }
        for name, array in arrays.items():
            contiguous = np.ascontiguousarray(array)
            contiguous.setflags(write=False)
            object.__setattr__(self, name, contiguous)

    @property
    def N(self) -> int:
        """Number of inputs."""
        return int(self.w.shape[1])

    @property
    def K(self) -> int:
        """Number of student nodes."""
        return int(self.w.shape[0])

    @property
    def M(self) -> int:
        """Number of teacher nodes."""
        return int(self.B.shape[0])

    def order_parameters(self) -> OrderParameters:
        """Q = w wᵀ/N, R = w Bᵀ/N, T = B Bᵀ/N as measured, split over the classes of inputs present.

        Inputs with the same mask pattern and the same variance form a class, and f_c is their counted
        fraction: one class if the network is unpruned and its inputs have one variance.
        """
        return Classes.of(self).measure(self.w, self.v)


@dataclass(frozen=True, eq=False)
class Classes(ByValue):
    """The classes of a network's inputs, found once and measured often: training changes neither.

    Parameters
    ----------
    network : Network
        Its w and v are not used.
    inputs : tuple of C index arrays
        Which inputs j make up each class.
    mask : (C, K)
    variance : (C,)
    """

    network: Network
    inputs: tuple[NDArray[np.intp], ...]
    mask: NDArray[np.float64]
    variance: NDArray[np.float64]

    @classmethod
    def of(cls, network: Network) -> Classes:
        """Group the inputs by (mask pattern, variance), in lexicographic order."""
        labels = np.vstack([network.mask, network.variance]).T
        patterns, member = np.unique(labels, axis=0, return_inverse=True)
        member = member.ravel()  # a column in NumPy 2.0
        ends = np.cumsum(np.bincount(member))[:-1]
        inputs = tuple(np.split(np.argsort(member, kind="stable"), ends))
        return cls(network, inputs, patterns[:, :-1], patterns[:, -1])

    def measure(self, w: NDArray[np.float64], v: NDArray[np.float64]) -> OrderParameters:
        """The order parameters of a student w (K, N), v (K,) of this network."""
        K, N = w.shape
        weights = np.vstack([w, self.network.B])
        overlaps = np.stack([_gram(weights[:, j]) for j in self.inputs]) / N
        return OrderParameters(
            Q_classes=overlaps[:, :K, :K],
            R_classes=overlaps[:, :K, K:],
            T_classes=overlaps[:, K:, K:],
            v=v,
            A=self.network.A,
            mask=self.mask,
            fraction=np.array([len(j) for j in self.inputs]) / N,
            variance=self.variance,
            activation=self.network.activation,
            teacher_activation=self.network.teacher_activation,
        )


def random_network(
    rng: Rng,
    N: int,
    K: int,
    M: int,
    *,
    teacher_v: float = 1.0,
    activation: str | Activation = "erf",
    teacher_activation: str | Activation | None = None,
) -> Network:
    """w, v and B iid N(0, 1), and A_n = `teacher_v` for every teacher node; no mask, white inputs.

    Parameters
    ----------
    rng : numpy.random.Generator or int
        A seed stands for a new generator.
    N, K, M : int
        Inputs, student nodes, teacher nodes.
    teacher_v : float
        Second-layer weight of each teacher node.
    activation, teacher_activation : str or Activation
        g of the student; h of the teacher, the same if left out.

    Raises
    ------
    BadInput
        N, K or M below 1, `teacher_v` not a finite number, an unknown activation, or `rng` neither a generator nor a
        seed.
    """
    rng = generator(rng)
    N, K, M = (integer(name, n, 1) for name, n in (("N", N), ("K", K), ("M", M)))
    A = np.full(M, number("teacher_v", teacher_v))
    w, v, B = rng.standard_normal((K, N)), rng.standard_normal(K), rng.standard_normal((M, N))
    return Network(w, v, B, A, activation=activation, teacher_activation=teacher_activation)


def _gram(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """U Uᵀ of U (P, n), through a QR factorization.

    A student that has learned its teacher makes the lowest eigenvalue zero.  The rounding of a plain product
    grows with n, pushes it below −P ε λ_max, and the check of positive semi-definiteness refuses it; the
    product of two triangles of size P stays within.
    """
    triangle = np.asarray(np.linalg.qr(weights.T, mode="r"))
    return np.asarray(triangle.T @ triangle)


def _mask(mask: NDArray[np.float64] | None, shape: tuple[int, ...]) -> NDArray[np.float64]:
    if mask is None:
        return np.ones(shape)
    mask = real_array("mask", mask, shape)
    wrong = mask[~np.isin(mask, (0.0, 1.0))]
    if wrong.size:
        msg = f"mask: entries must be 0 or 1, got {wrong[0]:g}"
        raise BadInput(msg)
    return mask


def _variance(variance: NDArray[np.float64] | None, N: int) -> NDArray[np.float64]:
    if variance is None:
        return np.ones(N)
    variance = real_array("variance", variance, (N,))
    if variance.min() < 0:
        msg = f"variance: must be ≥ 0, got {variance.min():g}"
        raise BadInput(msg)
    return variance
