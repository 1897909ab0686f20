"""What a kernel can do, in a few numbers and plain words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.dpp.kernels import trouble
from divprune_sym.dpp.lensemble import KERNELS, LEnsemble
from divprune_sym.ground.checks import EPS, instance

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Condition number from which on determinants of small eigenvalues have no digit left
ILL = 1e12


@dataclass(frozen=True)
class KernelDescription:
    """What `describe` finds; printed, it is a short text.

    Attributes
    ----------
    N, rank : int
        Items, and eigenvalues that count as nonzero: the largest k with a set of positive determinant.
    log_condition : float
        log10 of the ratio of the largest and the smallest eigenvalue that counts.
    expected_size, size_deviation : float
        Mean and standard deviation of |S| of the DPP (k-DPPs do not depend on the scale of L, this does).
    shift : float
        Largest magnitude of an eigenvalue that was set to zero.
    empty_items : int
        Items with an empty row: drawn only beyond the rank.
    copies : int
        Items that equal an earlier one: the two are drawn together only beyond the rank.
    warnings : tuple of str
        What is legal, and probably not wanted.
    """

    N: int
    rank: int
    log_condition: float
    expected_size: float
    size_deviation: float
    shift: float
    empty_items: int
    copies: int
    warnings: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The attributes, JSON-able."""
        return asdict(self) | {"warnings": list(self.warnings)}

    def _rows(self) -> list[tuple[str, str]]:
        rows = [
            ("items N", f"{self.N}"),
            ("rank", f"{self.rank}"),
            (
                "condition number",
                f"1e{self.log_condition:.1f}" + (" (of the nonzero eigenvalues)" if self.rank else ""),
            ),
            ("expected size", f"{self.expected_size:.4g} ± {self.size_deviation:.2g}"),
            ("set to zero", f"up to {self.shift:.2g}" if self.shift else "nothing"),
        ]
        if self.rank < self.N:
            rows.append((f"k > {self.rank}", "every determinant is 0: the k-DPP is the limit of L + ε1, ε → 0"))
        return rows

    def __str__(self) -> str:
        lines = [f"{name:<19} {value}" for name, value in self._rows()]
        return "\n".join([*lines, *(f"warning: {warning}" for warning in self.warnings)])

    def _repr_html_(self) -> str:
        rows = [*self._rows(), *(("warning", warning) for warning in self.warnings)]
        cells = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows)
        return f"<table><tbody>{cells}</tbody></table>"


def describe(kernel: LEnsemble) -> KernelDescription:
    """Say what a kernel can do: its rank, condition and expected size, and whether it is one that says nothing.

    Parameters
    ----------
    kernel : LEnsemble

    Examples
    --------
    >>> import numpy as np
    >>> from divprune_sym.dpp import LEnsemble, describe
    >>> print(describe(LEnsemble.from_matrix(np.eye(3))))
    items N             3
    rank                3
    condition number    1e0.0 (of the nonzero eigenvalues)
    expected size       1.5 ± 0.87
    set to zero         nothing
    warning: the kernel is a multiple of the identity to 0.0e+00: its k-DPP is uniform sampling (an RBF kernel needs a \
smaller beta)
    """
    logs = instance("kernel", kernel, LEnsemble, KERNELS).log_eigenvalues
    odds = kernel.inclusion_of_eigenvectors()
    spread = float(logs.max() - logs.min()) / np.log(10.0) if len(logs) else 0.0
    empty, copies, found = _items(kernel)
    warnings = [found] if found else []
    if spread > np.log10(ILL) and kernel.eigenvectors is not None:
        warnings.append(f"the nonzero eigenvalues span 1e{spread:.0f}: the smallest may be rounding of the largest")
    return KernelDescription(
        N=kernel.N,
        rank=kernel.rank,
        log_condition=spread,
        expected_size=kernel.expected_size(),
        size_deviation=float(np.sqrt((odds * (1.0 - odds)).sum())),
        shift=kernel.shift,
        empty_items=empty,
        copies=copies,
        warnings=tuple(warnings),
    )


def _items(kernel: LEnsemble) -> tuple[int, int, str]:
    """Empty items, copies of earlier items, and what is wrong with the kernel, from its rows V√λ."""
    N = kernel.N
    if kernel.eigenvectors is None:
        d = kernel.eigenvalues
        even = N > 1 and kernel.rank == N and np.ptp(kernel.log_eigenvalues) <= N * EPS
        return int((d == 0).sum()), 0, trouble(np.eye(2)) if even else "" if d.any() else trouble(np.zeros((2, 2)))
    top = kernel.log_eigenvalues.max(initial=0.0)
    rows: NDArray[np.float64] = kernel.eigenvectors[:, : kernel.rank] * np.exp(0.5 * (kernel.log_eigenvalues - top))
    L = rows @ rows.T
    length = L.diagonal()
    floor = N * EPS * length.max(initial=0.0)
    empty = length <= floor
    # ‖φ_i − φ_j‖² as small as rounding leaves it
    apart = length[:, None] + length - 2.0 * L
    alike = (apart <= 8 * floor) & ~empty[:, None] & ~empty
    copies = int(np.tril(alike, -1).any(axis=1).sum())
    return int(empty.sum()), copies, trouble(L)
