"""`divprune-sym derive`: an integral, the error, or the equations of motion."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from divprune_sym.cli.app import app
from divprune_sym.cli.console import DONE, working
from divprune_sym.cli.options import Whole


@app.command(
    help_epilogue="""\
I2, I3, I4 and J2 are the integrals of online learning: expectations of
products of g(u), its slope g'(u) and u over Gaussian fields u with covariances
C_ab. error is half the mean squared error, equations the equations of motion
of the order parameters, for any number of nodes and any mask.

Examples:
  divprune-sym derive I3 --steps
  divprune-sym derive equations --mask none --format latex
  divprune-sym derive equations --students 3 --teachers 2 --format python"""
)
def derive(
    target: Annotated[Literal["I2", "I3", "I4", "J2", "error", "equations"], Parameter(name="WHAT")],
    /,
    *,
    activation: str = "erf",
    mask: Literal["classes", "none"] | None = None,
    layers: Literal["both", "first"] | None = None,
    form: Annotated[Literal["text", "latex", "python", "json"], Parameter(name="--format")] = "text",
    steps: Annotated[bool, Parameter(show_default=False)] = False,
    students: Whole | None = None,
    teachers: Whole | None = None,
) -> int:
    """Derive an integral, the error, or the equations of motion.

    Parameters
    ----------
    target
        What to derive.
    activation
        The activation function g.
    mask
        Equations under any mask, by mask classes, or of an unpruned student. Default: classes.
    layers
        Equations where both layers learn, or only the first one. Default: both.
    form
        How to show it; Python code runs on its own.
    steps
        Also show every step: its rule, both sides, and the conditions under which it holds.
    students
        Freeze the number K of student nodes into Python code of the equations.
    teachers
        The same for the number M of teacher nodes.
    """
    from divprune_sym.checks import BadInput

    only_equations = {"--mask": mask, "--layers": layers, "--students": students, "--teachers": teachers}
    given = [name for name, value in only_equations.items() if value is not None]
    if given and target != "equations":
        msg = f"{given[0]}: is for equations; {target} does not depend on it"
        raise BadInput(msg)
    if (students or teachers) is not None and form != "python":
        msg = f"{given[-1]}: sizes are frozen into --format python; other formats keep K and M as letters"
        raise BadInput(msg)
    from divprune_sym import gaussian
    from divprune_sym.derive import derived_equations, derived_integral

    g = gaussian.activation(activation)
    with working("deriving"):
        if target in ("error", "equations"):
            shown = derived_equations(
                target,
                g,
                form,
                classes=mask != "none",
                second_layer=layers != "first",
                steps=steps,
                students=students,
                teachers=teachers,
            )
        else:
            shown = derived_integral(target, g, form, steps)
    print(shown.rstrip())
    return DONE
