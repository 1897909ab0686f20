"""The moments behind the edge limits: closed forms at the ends, other integrations in between, and the extremes."""

import mpmath as mp
import numpy as np
import pytest
from scipy.integrate import dblquad

from divprune_sym.pruning import METHODS
from divprune_sym.pruning.moments.quadrature import InaccurateMoment, bivariate_moment
from tests.pruning.judges import EDGE_METHODS, EPS

EDGES = pytest.mark.parametrize("method", EDGE_METHODS.values(), ids=EDGE_METHODS)
TINY_TO_ALL = [1e-300, 1e-17, 1e-12, 1e-6, 1e-4, 0.03, 0.3, 0.7, 0.97, 1 - 1e-4, 1 - 1e-6, 1 - 1e-12, 1 - EPS / 2]
CORRELATIONS = [
    1e-320,
    1e-300,
    1e-8,
    1e-3,
    0.1,
    0.3,
    0.6,
    0.9,
    0.99,
    0.9999,
    1 - 1e-6,
    1 - 1e-8,
    1 - 1e-12,
    1 - EPS,
    1.0,
]

# Positive terms of size O(1) under a quadrature that converges geometrically: what is left is rounding, and 100 ε
# allows for a sum of some 3000 terms. `bivariate_moment` itself promises 1e-9, by comparing two rules.
ROUNDING = 100 * EPS


@EDGES
@pytest.mark.parametrize("keep", TINY_TO_ALL)
def test_every_fraction_and_correlation(method, keep):
    """No failure and no warning anywhere, and what holds for E[f(x) f(y)] = Σ_n r^n a_n², f odd (Mehler).

    A smoothed moment is a difference of terms of size |μ| + s, so a product may be off by ε E[|f(x)| (|x| + 1)].
    """
    law = method.keep_law(keep)
    assert 0 < law.kept_square <= 1 + ROUNDING
    rounding = ROUNDING * law.kept_square
    moments = np.array([law.product(r) for r in CORRELATIONS])
    assert (np.diff(moments) >= -rounding).all()  # increasing in r > 0
    assert law.product(0.0) == 0.0
    for r, moment in zip(CORRELATIONS, moments, strict=True):
        assert abs(law.product(-r) + moment) <= rounding
        # a_1 = E[zf] = E[z²π]: the first term bounds the series from below, and Σ a_n² = E[f²] from above
        assert r * law.kept_square**2 - rounding <= moment <= r * moments[-1] + rounding


@EDGES
@pytest.mark.parametrize("keep", [1e-4, 0.03, 0.3, 0.97, 1 - 1e-4])
def test_weak_correlation(method, keep):
    """The series is odd: r a_1² up to a relative error of r² a_3²/a_1² = O(1e-12 / p²)."""
    law = method.keep_law(keep)
    assert law.product(1e-6) == pytest.approx(1e-6 * law.kept_square**2, rel=max(1e-12 / keep**2, 1e-9))


def test_copies():
    """r = 1: E[z²π²] is E[z²π] where π is 0 or 1, p² where it is p, and below E[z²π] between."""
    for keep in TINY_TO_ALL[2:]:
        assert METHODS["random-edge"].keep_law(keep).product(1.0) == pytest.approx(keep**2, rel=ROUNDING)
        law = METHODS["magnitude-edge"].keep_law(keep)
        assert law.product(1.0) == pytest.approx(law.kept_square, rel=ROUNDING)
        law = METHODS["dpp-edge"].keep_law(keep)
        assert keep * law.kept_square < law.product(1.0) <= law.kept_square


@pytest.mark.parametrize("keep", [1e-6, 1e-4, 0.01, 0.5, 0.99, 1 - 1e-6])
def test_dpp_edge_fraction(keep):
    """E[z²/(b² + z²)] = p and E[z⁴/(b² + z²)], b as coded, by quadrature of the definitions in 40 digits."""
    law = METHODS["dpp-edge"].keep_law(keep)
    with mp.workdps(40):
        b = mp.mpf(law.breaks[0])
        points = [0, *sorted({b, 10 * b, mp.mpf(1), mp.mpf(3), mp.mpf(10)}), 20]
        points = sorted({x for x in points if x <= 20})

        def expectation(power):
            return 2 * mp.quad(lambda z: mp.npdf(z) * z**power / (b * b + z * z), points)

        assert abs(expectation(2) / keep - 1) < ROUNDING
        assert abs(expectation(4) / law.kept_square - 1) < ROUNDING


def exact_product(name, at, r):
    """E[xπ(x) yπ(y)] as a conditional integral in 25 digits, panels at the joints; `at` is t or b."""
    with mp.workdps(25):
        at, r = mp.mpf(at), mp.mpf(r)
        s = mp.sqrt((1 - r) * (1 + r))
        if name == "magnitude-edge":
            low = at

            def inner(mean):
                up, down = (at - mean) / s, (at + mean) / s
                return mean * (mp.ncdf(-up) + mp.ncdf(-down)) + s * (mp.npdf(up) - mp.npdf(down))

            def outer(x):
                return x
        else:
            low = mp.mpf(0)

            def inner(mean):
                zeta = (mean + 1j * at) / (s * mp.sqrt(2))
                return mean - at**2 * mp.im(mp.sqrt(mp.pi / 2) / s * mp.exp(-(zeta**2)) * mp.erfc(-1j * zeta))

            def outer(x):
                return x**3 / (at**2 + x * x)

        image, width = at / abs(r), s / abs(r)
        joints = [low, mp.mpf(13), at, 4 * at, 40 * at, *[mp.mpf(n) for n in range(1, 13)]]
        joints += [image + n * width for n in (-8, -3, -1, 0, 1, 3, 8)]
        joints = sorted({x for x in joints if low <= x <= 13})
        return 2 * mp.quad(lambda x: mp.npdf(x) * outer(x) * inner(r * x), joints, maxdegree=5)


@pytest.mark.parametrize("name", ["magnitude-edge", "dpp-edge"])
@pytest.mark.parametrize(("keep", "r"), [(1e-4, 0.3), (0.3, 0.3), (0.3, 1 - 1e-8), (1 - 1e-4, 1 - 1e-8)])
def test_products_in_more_digits(name, keep, r):
    law = METHODS[name].keep_law(keep)
    assert abs(law.product(r) - exact_product(name, law.breaks[0], r)) < ROUNDING


@pytest.mark.parametrize("r", [0.3, -0.6])
def test_magnitude_products_over_the_quadrants(r):
    """The definition itself, in two dimensions: |x|, |y| > t is four smooth quadrants, equal in pairs."""
    law = METHODS["magnitude-edge"].keep_law(0.3)
    (t,) = law.breaks

    def integrand(y, x):
        return x * y * np.exp(-(x * x - 2 * r * x * y + y * y) / (2 * (1 - r * r))) / (2 * np.pi * np.sqrt(1 - r * r))

    same = dblquad(integrand, t, 12, t, 12, epsabs=1e-11)[0]
    opposite = dblquad(integrand, t, 12, -12, -t, epsabs=1e-11)[0]
    assert law.product(r) == pytest.approx(2 * (same + opposite), abs=1e-10)


@pytest.mark.parametrize("r", [0.3, -0.6])
def test_dpp_products_in_the_plane(r):
    """The definition itself on a tensor grid; 120 nodes converge to 1e-10 for poles at b = 1.1."""
    law = METHODS["dpp-edge"].keep_law(0.33)
    (b,) = law.breaks
    assert b > 1.0
    z, weight = np.polynomial.hermite_e.hermegauss(120)
    weight = weight / weight.sum()
    x, y = z[:, None], r * z[:, None] + np.sqrt(1 - r * r) * z[None, :]
    kept = x**3 / (b * b + x * x) * y**3 / (b * b + y * y)
    assert law.product(r) == pytest.approx(weight @ kept @ weight, abs=1e-9)


def test_a_jump_nobody_announced():
    """Two rules disagree about a jump that is not among the breaks, and say so."""

    def kept(z):
        return np.where(np.abs(z) > 0.77, z, 0.0)

    with pytest.raises(InaccurateMoment, match=r"r = 0\.5: .* and .* disagree"):
        bivariate_moment(kept, lambda mean, sd: mean, (), 0.5)
    bivariate_moment(kept, lambda mean, sd: mean, (0.77,), 0.5)
