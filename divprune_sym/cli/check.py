"""`divprune-sym check`: a formula of one's own against its definition."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from divprune_sym.cli.app import app
from divprune_sym.cli.console import DONE, FAILED, SAMPLED, print_json
from divprune_sym.cli.options import Json
from divprune_sym.show.progress import working


@app.command(
    sort_key=110,
    help_epilogue="""\
FORMULA is written with numbers, + - * / ^, brackets, pi, sqrt, exp, log, erf,
min, max, trigonometric functions and their inverses, and the covariances C_ab
of the fields of DEFINITION (or Q_ik, R_in, T_nm for students and teachers).
DEFINITION is I2, I3, I4 or J2, the same with fields of your own, as in
I3(1,2,3), or an expectation: E[g'(u_i) * u_y * g(u_a)].

A formula that agrees is proved right, or the answer says that it is not. For
one that differs, the simplest covariance found that shows it is given, with
both values. Exit codes: 0 proved, 1 they differ, 3 they agree wherever they
were compared, which is no proof.

Examples:
  divprune-sym check "2/pi*asin(C_ab/sqrt((1+C_aa)*(1+C_bb)))" --against I2
  divprune-sym check "C_ya * E[g'(u_a)]" --against "E[u_y * g(u_a)]" --json""",
)
def check(
    formula: Annotated[str, Parameter(name="FORMULA", allow_leading_hyphen=True)],
    /,
    *,
    against: Annotated[str, Parameter(allow_leading_hyphen=True)],
    activation: str = "erf",
    at: str | None = None,
    as_json: Json = False,
) -> int:
    """Check a formula of your own against the definition of what it computes.

    Parameters
    ----------
    formula
        The formula; nothing in it is executed.
    against
        The definition.
    activation
        The activation function g.
    at
        Compare at one covariance only: "C_ab = 1/2, C_aa = 2". Variances left out are 1, covariances 0.
    as_json
        Print the verdict and the counterexample as JSON.
    """
    from divprune_sym.formulas.report import check_formula

    with working("comparing"):
        report = check_formula(formula, against, activation, at)
    if as_json:
        print_json(report.record())
    else:
        print(report)
    if not report.agrees:
        return FAILED
    return DONE if report.proved else SAMPLED
