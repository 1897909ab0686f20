"""The field's letters as data: order parameters Q, R, T, v, A, split by mask class (theory: docs/notation.md)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.checks import BadInput, instance, real_array, refuse_negative, symmetric
from divprune_sym.ground.values import ByValue
from divprune_sym.named_activations import checked_activation

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from divprune_sym.gaussian import Activation

LARGEST = 1e12  # of overlaps and weights: ε_g of saturated nodes is good to sqrt(LARGEST) rounding errors, 1e-10


@dataclass(frozen=True, eq=False)
class OrderParameters(ByValue):
    """Order parameters of a student of K nodes and a teacher of M, split into C mask classes.

    Inputs j with the same mask pattern (m_1j … m_Kj) form one class c; a class holds the part of
    every overlap that its inputs carry, so that Q = Σ_c Q^c, and so on. Unpruned: C = 1, mask 1.

    Parameters
    ----------
    Q_classes : (C, K, K)
        Student overlaps w_i·w_k/N carried by each class; symmetric.
    R_classes : (C, K, M)
        Student-teacher overlaps w_i·B_n/N.
    T_classes : (C, M, M)
        Teacher overlaps B_n·B_m/N; symmetric.
    v : (K,)
        Second-layer weights of the student.
    A : (M,)
        Second-layer weights of the teacher.
    mask : (C, K)
        Bit m_i^c: 1 where node i learns from the inputs of class c.
    fraction : (C,)
        Fraction f_c of all inputs in the class; sums to 1.
    variance : (C,)
        Input variance ω_c in the class (1 for white inputs).
    activation : str or Activation
        g of the student: "erf", "erf[2]" (gain 2), "linear", "relu", "sine", "he3", "polynomial[0, 1, 1/2]", the name
        of a plug-in, or an `Activation` of your own.
    teacher_activation : str or Activation, optional
        h of the teacher's nodes; the student's if left out.

    Raises
    ------
    BadInput
        An unknown activation, wrong shapes, entries that are not finite or beyond 1e12, asymmetric overlaps, a class
        whose [[Q, R], [Rᵀ, T]] is not positive semi-definite, fractions that do not sum to 1, or mask entries other
        than 0 and 1.
    """

    Q_classes: NDArray[np.float64]
    R_classes: NDArray[np.float64]
    T_classes: NDArray[np.float64]
    v: NDArray[np.float64]
    A: NDArray[np.float64]
    mask: NDArray[np.float64]
    fraction: NDArray[np.float64]
    variance: NDArray[np.float64]
    activation: str | Activation = "erf"
    teacher_activation: str | Activation | None = None

    def __post_init__(self) -> None:
        checked_activation("activation", self.activation)
        if self.teacher_activation is not None:
            checked_activation("teacher_activation", self.teacher_activation)
        v = real_array("v", self.v, (None,))
        A = real_array("A", self.A, (None,))
        K, M = len(v), len(A)
        if K < 1 or M < 1:
            msg = f"a network needs at least one student and one teacher node, got K = {K}, M = {M}"
            raise BadInput(msg)
        Q = real_array("Q", self.Q_classes, (None, K, K))
        classes = Q.shape[0]
        if classes < 1:
            msg = "classes: expected at least one mask class, got none"
            raise BadInput(msg)
        arrays = {
            "Q_classes": Q,
            "R_classes": real_array("R", self.R_classes, (classes, K, M)),
            "T_classes": real_array("T", self.T_classes, (classes, M, M)),
            "v": v,
            "A": A,
            "mask": real_array("mask", self.mask, (classes, K)),
            "fraction": real_array("fraction", self.fraction, (classes,)),
            "variance": real_array("variance", self.variance, (classes,)),
        }
        for name, array in arrays.items():
            _refuse_large(name.removesuffix("_classes"), array)
        for name in ("Q_classes", "T_classes"):
            label = name[0] if classes == 1 else f"{name[0]} of class"
            arrays[name] = np.stack(
                [symmetric(f"{label} {c}" if classes > 1 else label, X) for c, X in enumerate(arrays[name])]
            )
        _check_classes(arrays["mask"], arrays["fraction"], arrays["variance"])
        for name, array in arrays.items():
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        for c, X in enumerate(self.overlaps):
            label = "[[Q, R], [Rᵀ, T]]" + (f" of class {c}" if classes > 1 else "")
            refuse_negative(label, np.linalg.eigvalsh(X))

    @classmethod
    def unpruned(
        cls,
        Q: ArrayLike,
        R: ArrayLike,
        T: ArrayLike,
        v: ArrayLike,
        A: ArrayLike,
        variance: float = 1.0,
        *,
        activation: str | Activation = "erf",
        teacher_activation: str | Activation | None = None,
    ) -> OrderParameters:
        """One class, every weight learning: Q (K, K), R (K, M), T (M, M), v (K,), A (M,)."""
        v = real_array("v", v, (None,))
        A = real_array("A", A, (None,))
        K, M = len(v), len(A)
        return cls(
            real_array("Q", Q, (K, K))[None],
            real_array("R", R, (K, M))[None],
            real_array("T", T, (M, M))[None],
            v,
            A,
            np.ones((1, K)),
            np.ones(1),
            np.full(1, variance),
            activation,
            teacher_activation,
        )

    @classmethod
    def trusted(cls, **arrays: Any) -> OrderParameters:
        """Order parameters that a computation made, unchecked: an integrator's own error may exceed rounding."""
        made = object.__new__(cls)
        for name, array in arrays.items():
            object.__setattr__(made, name, array)
        return made

    @property
    def K(self) -> int:
        """Number of student nodes."""
        return len(self.v)

    @property
    def M(self) -> int:
        """Number of teacher nodes."""
        return len(self.A)

    @property
    def Q(self) -> NDArray[np.float64]:
        """Student overlaps Σ_c Q^c, shape (K, K)."""
        return np.asarray(self.Q_classes.sum(axis=0))

    @property
    def R(self) -> NDArray[np.float64]:
        """Student-teacher overlaps Σ_c R^c, shape (K, M)."""
        return np.asarray(self.R_classes.sum(axis=0))

    @property
    def T(self) -> NDArray[np.float64]:
        """Teacher overlaps Σ_c T^c, shape (M, M)."""
        return np.asarray(self.T_classes.sum(axis=0))

    @property
    def overlaps(self) -> NDArray[np.float64]:
        """[[Q^c, R^c], [R^cᵀ, T^c]] of every class, shape (C, K+M, K+M)."""
        transposed = np.swapaxes(self.R_classes, 1, 2)
        top = np.concatenate([self.Q_classes, self.R_classes], axis=2)
        bottom = np.concatenate([transposed, self.T_classes], axis=2)
        return np.concatenate([top, bottom], axis=1)

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Covariance Σ_c ω_c [[Q^c, R^c], [R^cᵀ, T^c]] of the fields (λ, ρ), shape (K+M, K+M)."""
        return np.asarray(np.einsum("c,cab->ab", self.variance, self.overlaps))

    @property
    def signed_weights(self) -> NDArray[np.float64]:
        """s = (v, −A), shape (K+M,): the error signal is Σ_a s_a g(u_a) − σζ."""
        return np.concatenate([self.v, -self.A])

    def with_(self, **changes: Any) -> OrderParameters:
        """A copy with some fields replaced, trusted like everything computed inside."""
        return OrderParameters.trusted(**{f.name: getattr(self, f.name) for f in fields(self)} | changes)


def _refuse_large(name: str, array: NDArray[np.float64]) -> None:
    largest = np.abs(array).max(initial=0.0)
    if largest > LARGEST:
        msg = f"{name}: {largest:g} is too large to compute with, the limit is {LARGEST:g}"
        raise BadInput(msg)


def _check_classes(mask: NDArray[np.float64], fraction: NDArray[np.float64], variance: NDArray[np.float64]) -> None:
    if not np.isin(mask, (0.0, 1.0)).all():
        msg = f"mask: entries must be 0 or 1, got {mask[~np.isin(mask, (0.0, 1.0))][0]:g}"
        raise BadInput(msg)
    if (fraction < 0).any() or abs(fraction.sum() - 1) > 1e-9:
        msg = f"fraction: must be ≥ 0 and sum to 1, got a sum of {fraction.sum():.12g} (lowest {fraction.min():g})"
        raise BadInput(msg)
    if (variance < 0).any():
        msg = f"variance: must be ≥ 0, got {variance.min():g}"
        raise BadInput(msg)


def checked_state(value: object) -> OrderParameters:
    """The order parameters that a caller gave.

    Raises
    ------
    BadInput
        It is something else, such as a solution, which has them at each of its times.
    """
    hint = ""
    if hasattr(value, "states"):
        hint = "it may leave many states: train_on takes it, and its states() lists them"
    elif hasattr(value, "state"):
        hint = f"take its state{'()' if callable(value.state) else ''}"
    return instance("state", value, OrderParameters, hint)
