"""Repairs, by name: what is refused elsewhere is mended here, and the result says by how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from divprune_sym.ground.checks import real_array, symmetric
from divprune_sym.ground.values import ByValue

if TYPE_CHECKING:
    from numpy.typing import NDArray


MEND = "; divprune_sym.dpp.project_psd mends it and reports its shift"


@dataclass(frozen=True, eq=False)
class Mended(ByValue):
    """A positive semi-definite matrix and how far it is from the one that was given.

    Attributes
    ----------
    matrix : (N, N) array
    shift : float
        Largest magnitude of a negative eigenvalue that was set to zero: ‖given − matrix‖₂. 0: nothing was mended.
    """

    matrix: NDArray[np.float64]
    shift: float


def project_psd(L: Any) -> Mended:
    """The positive semi-definite matrix nearest to a symmetric one: its negative eigenvalues become zero.

    Nearest in the Frobenius and in the spectral norm (Higham, Linear Algebra Appl. 103, 103 (1988)). Kernels with an
    eigenvalue below −N ε_mach λ_max are refused everywhere else: a determinantal process has none. Where they come from
    an integration or from single precision, this mends them; look at `shift` before you trust it.

    Parameters
    ----------
    L : (N, N) array
        Symmetric up to rounding.

    Raises
    ------
    BadShape, BadInput, NotSymmetric
        Not a square array of finite numbers, or not symmetric.

    Examples
    --------
    >>> import numpy as np
    >>> from divprune_sym.dpp import LEnsemble, project_psd
    >>> mended = project_psd(np.diag([1.0, 2.0, -1e-11]))
    >>> mended.shift
    1e-11
    >>> LEnsemble.from_matrix(mended.matrix).rank
    2
    """
    matrix = real_array("L", L, (None, None))
    matrix = symmetric("L", real_array("L", matrix, (len(matrix), len(matrix))))
    largest = float(np.abs(matrix).max(initial=0.0))
    exponent = int(np.frexp(largest)[1])
    spectrum, vectors = np.linalg.eigh(np.ldexp(matrix, -exponent))
    negative = spectrum < 0.0
    if not negative.any():
        return Mended(matrix, 0.0)
    # what the negative part adds, and not the whole matrix built anew: the rest keeps its digits
    lift = (vectors[:, negative] * spectrum[negative]) @ vectors[:, negative].T
    mended = matrix - np.ldexp(0.5 * (lift + lift.T), exponent)
    return Mended(mended, float(np.ldexp(-spectrum.min(), exponent)))
