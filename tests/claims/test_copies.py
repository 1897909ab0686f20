"""States at rest and their stability: rates against the solvers, certificates of eigenvalues, and rules of means."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from divprune_sym.claims import ledger
from divprune_sym.claims.balls import exact, precision, value
from divprune_sym.claims.checker import CertificateRejected
from divprune_sym.claims.claim import Bench
from divprune_sym.claims.derived import gaussian_mean, same_means
from divprune_sym.claims.domain import Domain
from divprune_sym.claims.families import copies
from divprune_sym.claims.links import NotEntailed
from divprune_sym.claims.motion import Setting, coordinates, name
from divprune_sym.claims.programs import program_of
from divprune_sym.claims.rest import Signs, enclose_spectrum
from divprune_sym.claims.rules import Combination, Pointwise
from divprune_sym.claims.spectrum_checker import check_spectrum, digest
from divprune_sym.claims.statements import FIELD_SQUARE, Mean
from divprune_sym.notation import OrderParameters
from divprune_sym.solvers import Problem
from divprune_sym.solvers.jacobian import Flow

pytestmark = pytest.mark.slow(10)

x, y = sp.symbols("x y", real=True)
u, zeta = sp.symbols("u zeta", real=True)
k = sp.Symbol("k", positive=True)


def test_rates_are_those_of_the_solvers():
    """Any state, every coordinate: all but four equations come by renaming nodes."""
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((6, 30)) / np.sqrt(30)
    rows[4:] = np.linalg.qr(rows[4:].T)[0].T  # T = 1
    overlaps = rows @ rows.T
    v = rng.standard_normal(4)
    state = OrderParameters.unpruned(overlaps[:4, :4], overlaps[:4, 4:], np.eye(2), v, np.ones(2))
    flow = Flow(Problem(state, eta=0.5, eta_v=0.5, sigma=0.25, weight_decay=0.125))
    setting = Setting(4, 2, sp.Rational(1, 2), sp.Rational(1, 4), sp.Rational(1, 8))
    entries = {"Q": state.Q, "R": state.R, "v": v}
    every = coordinates(4, 2)
    with precision():
        at = {name(c): exact(sp.Rational(float(entries[c[0]][tuple(n - 1 for n in c[1])]))) for c in every}
        found = [float(value(program, at)) for program in setting.programs()]
    expected = dict(zip(_flat_names(), flow.velocity(flow.coordinates(state)), strict=True))
    assert np.allclose(found, [expected[c] for c in every], rtol=1e-10, atol=1e-12)


def _flat_names():
    """The solvers' coordinates: the upper triangle of Q, R and v."""
    return coordinates(4, 2)


# --- eigenvalues --------------------------------------------------------------------------------------

SPIRAL = [-x + 2 * y + x**2, -2 * x - y]  # −1 ± 2i at 0
SADDLE = [x + y, x - y]  # ±√2
CENTER = [y, -x]  # ±i


def problem(system):
    ends = ["-1/1000", "1/1000"]
    programs = [program_of(f) for f in system]
    return {"programs": programs, "variables": ["x", "y"], "unknowns": ["x", "y"], "box": {"x": ends, "y": ends}}


def certificate(system):
    return json.loads(json.dumps(enclose_spectrum(problem(system))))


def test_real_parts_are_enclosed():
    found = check_spectrum(problem(SPIRAL), certificate(SPIRAL))
    assert all(z < -0.9 and z > -1.1 and z.contains(-1) for z in found)
    signs = sorted(bool(z > 0) for z in check_spectrum(problem(SADDLE), certificate(SADDLE)))
    assert signs == [False, True]


def test_an_eigenvalue_on_the_axis_is_not_certified():
    with pytest.raises(CertificateRejected, match="imaginary axis"):
        check_spectrum(problem(CENTER), certificate(CENTER))


def _dependent(c):
    c["vectors"] = [[["1", "0"], ["1", "0"]]] * 2


def _other_problem(c):
    c["problem"] = digest(problem(CENTER))


def _wrong_size(c):
    c["vectors"] = c["vectors"][:1]


def _no_vectors(c):
    c["vectors"] = [[["1", "0"], ["0", "0"]], [["0", "0"], ["1", "0"]]]


def _few_bits(c):
    c["bits"] = 2


@pytest.mark.parametrize("tamper", [_dependent, _other_problem, _wrong_size, _no_vectors, _few_bits])
def test_tampered_spectra_are_rejected(tamper):
    changed = certificate(SPIRAL)
    tamper(changed)
    with pytest.raises(CertificateRejected):
        check_spectrum(problem(SPIRAL), changed)


def test_a_wrong_number_of_directions_leaves_a_claim_open():
    claim = next(c for c in copies.claims() if c.id == "copies.attractor")
    rests, signs = claim.evidence
    bench = Bench(quick=True, recorded=ledger.RECORDED)
    assert ledger.examine(claim, bench).as_expected
    stated = replace(claim, statement=sp.And(signs.rest.at_rest, signs.rest.spectrum(1)))
    record = ledger.examine(replace(stated, evidence=(rests, Signs(signs.rest, 1, "spectrum"))), bench)
    assert "0 eigenvalues have positive real part, not 1" in record.reason
    assert record.verdict == "open"
    # and evidence for 0 does not show 1
    assert "link stated, not checked" in ledger.examine(stated, bench).reason


# --- means and combinations ---------------------------------------------------------------------------


def test_means_are_linear_and_noise_is_averaged():
    first = k * Mean(u**2 * (1 - zeta) ** 2) + 3
    assert same_means("", first, 2 * k * Mean(u**2) + 3).holds
    assert not same_means("", first, k * Mean(u**2) + 3).holds
    assert not same_means("", u * Mean(u), Mean(u**2)).holds
    assert not same_means("", zeta**2, sp.Integer(1)).holds


def test_a_mean_over_a_field_is_integrated():
    assert gaussian_mean("", u**2, FIELD_SQUARE).holds
    assert not gaussian_mean("", u**4, FIELD_SQUARE**2).holds


def test_what_may_be_negative_has_no_sign_under_the_mean():
    assert Pointwise().premises(sp.Ge(Mean(u**2 * sp.exp(u)), 0), Domain()) == []
    for wrong in (sp.Ge(Mean(u**3), 0), sp.Gt(Mean(u**2), 0), sp.Ge(Mean(u**2), 1)):
        with pytest.raises(NotEntailed):
            Pointwise().premises(wrong, Domain())


def test_a_sum_of_multiples_of_relations():
    f, g = sp.Function("f")(x), sp.Function("g")(x)
    equal, positive, weak = sp.Eq(f, g + 1), sp.Gt(g, 0), sp.Ge(g, 0)
    wanted = sp.Gt(f, 0)
    one = sp.S.One
    used = Combination(((one, equal), (one, weak), (one, sp.Gt(one, 0, evaluate=False)))).premises(wanted, Domain())
    assert [fact.statement for fact in used][:2] == [equal, weak]
    for terms, statement in (
        (((one, equal), (one, weak)), wanted),  # 1 is left
        (((one, equal), (one, weak)), sp.Gt(f, 1)),  # not strict
        (((one, equal), (-one, positive)), sp.Gt(f, 1 + 2 * g)),  # a negative multiple of an inequality
        (((one, equal), (one, weak)), sp.Eq(f, 2 * g + 1)),  # an equation from an inequality
    ):
        with pytest.raises(NotEntailed):
            Combination(terms).premises(statement, Domain())
    assert Combination(((2 * one, equal),)).premises(sp.Eq(2 * f, 2 * g + 2), Domain())
