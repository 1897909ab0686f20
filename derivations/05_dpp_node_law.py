# %% [markdown]
# # 05 · The k-DPP beyond the rank of its kernel
#
# DPP node pruning keeps a set $S$ of $k$ nodes with $P(S) \propto \det L_S$. When $k$ exceeds the rank of $L$ every
# such determinant is zero, and the law is defined by $L + \varepsilon 1$, $\varepsilon \to 0$. A small $\varepsilon$
# would leave an error and invite rounding; the limit itself is a law, and this page derives it.
#
# **Claim.** Let $L = V \Lambda V^T$ with $r$ positive eigenvalues, $V$ of shape $(N, r)$ with orthonormal columns, and
# $k \ge r$. Then
#
# $$\det(L_S + \varepsilon 1) = \varepsilon^{k - r} \det\Lambda\; \det(V_S^T V_S) + O(\varepsilon^{k - r + 1}),
#   \qquad \lim_{\varepsilon \to 0} P(S) \propto \det(V_S^T V_S) = \sum_{T \subset S, |T| = r} \det(V_T)^2 .$$
#
# *Why.* The characteristic polynomial in $\varepsilon$ has the principal minors as coefficients,
# $\det(L_S + \varepsilon 1) = \sum_{T \subset S} \varepsilon^{k - |T|} \det L_T$. Minors larger than $r$ vanish, so the
# lowest power left is $\varepsilon^{k - r}$, with $\sum_{|T| = r} \det L_T$, and $\det L_T = \det(V_T)^2 \det\Lambda$
# for $|T| = r$. Cauchy–Binet gives the other form. Two consequences:
#
# - the eigenvalues drop out: beyond its rank only the span of a kernel matters;
# - the sum over $T$ says how to draw $S$: the projection DPP of $V$ first, then $k - r$ of the other nodes uniformly.

# %%
from itertools import combinations, pairwise
from math import comb, prod

import numpy as np
import sympy as sp

from divprune_sym.dpp import LEnsemble
from divprune_sym.pruning import METHODS
from divprune_sym.specialized import specialized_state

epsilon = sp.Symbol("epsilon", positive=True)
EPS = np.finfo(float).eps

# %% [markdown]
# ## Every minor, symbolically
#
# A kernel of rank 2 with symbolic entries, $L = \Phi \Phi^T$ with $\Phi$ of shape (4, 2), and every $S$ with
# $k = 2, 3, 4$: the powers of $\varepsilon$ below $k - r$ are absent, and the first coefficient is the sum over $T$.

# %%
Phi = sp.Matrix(4, 2, sp.symbols("f:8", real=True))
L = Phi * Phi.T
for size in (2, 3, 4):
    for S in combinations(range(4), size):
        block = L.extract(S, S) + epsilon * sp.eye(size)
        coefficients = sp.Poly(block.det(), epsilon).all_coeffs()[::-1]  # ascending powers
        assert all(sp.expand(x) == 0 for x in coefficients[: size - 2])
        leading = sum(Phi.extract(T, [0, 1]).det() ** 2 for T in combinations(S, 2))
        assert sp.expand(coefficients[size - 2] - leading) == 0
        # Cauchy–Binet, the form the library evaluates: Φ = V Λ^½ up to a rotation, so det Λ is the common factor
        factor = Phi.extract(S, [0, 1])
        assert sp.expand((factor.T * factor).det() - leading) == 0

# %% [markdown]
# ## The library's law, for kernels of integers
#
# Exact leading coefficients, normalized, against `subset_probabilities` of the kernel in float64. A determinant of a
# product of $r$ orthonormal columns costs a few $N \varepsilon$ of rounding; 1000 ε is far below any difference
# between two laws here, whose probabilities are fractions with small denominators.


# %%
def blocks(*sizes):
    """Block-diagonal ones: each group holds copies of one node."""
    return sp.diag(*[sp.ones(size, size) for size in sizes])


def leading_law(L, size):
    """Subsets and the normalized leading coefficient in ε of det(L_S + ε1), exact."""
    subsets = list(combinations(range(L.rows), size))
    polynomials = [sp.Poly((L.extract(S, S) + epsilon * sp.eye(size)).det(), epsilon) for S in subsets]
    lowest = min(monomial[0] for polynomial in polynomials for monomial in polynomial.monoms() if polynomial != 0)
    weights = [polynomial.coeff_monomial(epsilon**lowest) for polynomial in polynomials]
    return subsets, [w / sum(weights) for w in weights]


KERNELS = {
    "two groups of two": blocks(2, 2),
    "a node and three copies": blocks(1, 3),
    "groups of three and two": blocks(3, 2),
    "three groups": blocks(1, 2, 2),
    "one direction": sp.Matrix([1, 2, -1, 3]) * sp.Matrix([[1, 2, -1, 3]]),
    "two directions": sp.Matrix([[1, 0], [1, 1], [2, -1], [0, 3], [1, 1]])
    * sp.Matrix([[1, 0], [1, 1], [2, -1], [0, 3], [1, 1]]).T,
    "dead nodes": sp.diag(3, 0, 1, 0),
    "nothing": sp.zeros(4, 4),
}
for name, kernel in KERNELS.items():
    for size in range(kernel.rows + 1):
        subsets, law = leading_law(kernel, size)
        listed, probabilities = LEnsemble.from_matrix(np.array(kernel, dtype=float)).subset_probabilities(size)
        assert [tuple(S) for S in listed.tolist()] == subsets
        np.testing.assert_allclose(probabilities, np.array(law, dtype=float), atol=1000 * EPS, err_msg=name)

# %% [markdown]
# ## The limit is reached linearly
#
# The next coefficient is of relative order $\varepsilon$, so halving $\varepsilon$ halves the distance of the k-DPP of
# $L + \varepsilon 1$ from the limit law.

# %%
kernel = np.array(KERNELS["two directions"], dtype=float)
_, limit = LEnsemble.from_matrix(kernel).subset_probabilities(4)
distance = [
    np.abs(LEnsemble.from_matrix(kernel + e * np.eye(5)).subset_probabilities(4)[1] - limit).sum()
    for e in (2e-3, 1e-3, 5e-4)
]
assert all(abs(a / b - 2) < 0.01 for a, b in pairwise(distance)), distance

# %% [markdown]
# ## The specialized state: counts per group
#
# $Q$ is block-diagonal ones, $M$ groups of $Z$, rank $M$. A set with $k_n$ nodes of group $n$ has
# $\det(V_S^T V_S) = \prod_n k_n / Z$, and there are $\prod_n \binom{Z}{k_n}$ of them:
#
# $$P(k_1 \dots k_M) \propto \prod_n \binom{Z}{k_n} k_n = \prod_n Z \binom{Z - 1}{k_n - 1},$$
#
# so $k_n - 1$ is hypergeometric: every group keeps a node, and the other $k - M$ are a uniform choice of the
# $K - M$ nodes left over. For $k \le M$, $\det Q_S$ is 1 if all nodes come from different groups and 0 otherwise.
#
# The activation kernel $I_2$ of this state is $Q/3$: the same law.

# %%
group_size, groups_kept = sp.symbols("Z k_n", positive=True, integer=True)
identity = sp.binomial(group_size, groups_kept) * groups_kept
identity -= group_size * sp.binomial(group_size - 1, groups_kept - 1)
assert sp.gammasimp(sp.combsimp(identity)) == 0


def count_law(M, Z, size):
    """P(k_1 … k_M), exact."""
    if size <= M:
        total = comb(M, size)
        return {counts: sp.Rational(1, total) for counts in compositions(M, 1, size)}
    total = comb(M * Z - M, size - M)
    return {
        tuple(h + 1 for h in extra): sp.Rational(prod(comb(Z - 1, h) for h in extra), total)
        for extra in compositions(M, Z - 1, size - M)
    }


def compositions(M, most, total):
    """All (k_1 … k_M) with 0 ≤ k_n ≤ most and the given sum."""
    if M == 0:
        return [()] if total == 0 else []
    return [(k, *rest) for k in range(min(most, total) + 1) for rest in compositions(M - 1, most, total - k)]


for M, Z in ((2, 3), (3, 2), (2, 2), (1, 4), (3, 3)):
    state = specialized_state(M, Z, 4.0)
    kernel = blocks(*[Z] * M)
    group = np.repeat(np.arange(M), Z)
    assert (np.array(kernel, dtype=float) == state.Q).all()
    for size in range(M * Z + 1):
        expected = count_law(M, Z, size)
        assert sum(expected.values()) == 1
        found = dict.fromkeys(expected, 0.0)
        for S, probability in zip(*METHODS["dpp-node"].law(state, size).subsets(), strict=True):
            counts = tuple(np.bincount(group[S], minlength=M).tolist())
            if counts in found:
                found[counts] += probability
            else:
                assert probability < 1000 * EPS, (M, Z, size, counts)
        for counts, probability in expected.items():
            assert abs(found[counts] - float(probability)) < 1000 * EPS, (M, Z, size, counts)
        if M * Z <= 6:  # and from the determinants themselves
            exact = dict.fromkeys(expected, sp.Integer(0))
            for S, probability in zip(*leading_law(kernel, size), strict=True):
                if probability != 0:
                    exact[tuple(np.bincount(group[list(S)], minlength=M).tolist())] += probability
            assert exact == expected
print("the law beyond the rank is the leading coefficient in ε, for every kernel above")
