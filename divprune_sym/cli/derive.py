"""`divprune-sym derive`: an integral, the error, or the equations of motion."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from divprune_sym.cli.app import app
from divprune_sym.cli.console import DONE
from divprune_sym.cli.options import Whole
from divprune_sym.show.progress import working


@app.command(
    sort_key=100,
    help_epilogue="""\
I2, I3, I4 and J2 are the integrals of online learning: expectations of
products of g(u), its slope g'(u) and u over Gaussian fields u with covariances
C_ab. error is half the mean squared error, equations the equations of motion
of the order parameters, for any number of nodes and any mask.

Where the nodes of the teacher have another activation h, the last field of an
integral is a teacher's; in the equations, I2_GH is E[g h], I4_HH E[g' g' h h].
Names: erf, linear, relu, sign, sine, he3 (a Hermite polynomial), erf[2] (with
gain 2), "polynomial[0, 1, 1/2]" (u + u^2/2), or that of a plug-in.

Examples:
  divprune-sym derive I3 --steps
  divprune-sym derive equations --activation relu --small-eta
  divprune-sym derive equations --teacher-activation sign --layers second
  divprune-sym derive equations --mask none --format latex
  divprune-sym derive equations --students 3 --teachers 2 --format python""",
)
def derive(
    target: Annotated[Literal["I2", "I3", "I4", "J2", "error", "equations"], Parameter(name="WHAT")],
    /,
    *,
    activation: str = "erf",
    teacher_activation: str | None = None,
    mask: Literal["classes", "none"] | None = None,
    layers: Literal["both", "first", "second"] | None = None,
    without: tuple[Literal["noise", "decay"], ...] | None = None,
    batches: Annotated[bool, Parameter(show_default=False)] = False,
    small_eta: Annotated[bool, Parameter(show_default=False)] = False,
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
    teacher_activation
        That of the teacher's nodes, h. Default: the same.
    mask
        Equations under any mask, by mask classes, or of an unpruned student. Default: classes.
    layers
        Equations where both layers are trained, or only one; the other is frozen. Default: both.
    without
        Equations without label noise, or without weight decay. May be given twice.
    batches
        Equations of mini-batches: each update averages over batch_size inputs, alpha counts updates / inputs.
    small_eta
        Equations in the limit of a small learning rate, without the terms in eta^2.
    form
        How to show it; Python code runs on its own.
    steps
        Also show every step: its rule, both sides, and the conditions under which it holds.
    students
        Freeze the number K of student nodes into Python code of the equations.
    teachers
        The same for the number M of teacher nodes.
    """
    from divprune_sym.ground.checks import BadInput

    only_equations = {
        "--mask": mask,
        "--layers": layers,
        "--without": without,
        "--batches": batches or None,
        "--small-eta": small_eta or None,
        "--students": students,
        "--teachers": teachers,
    }
    given = [name for name, value in only_equations.items() if value is not None]
    if given and target != "equations":
        msg = f"{given[0]}: is for equations; {target} does not depend on it"
        raise BadInput(msg)
    if (students or teachers) is not None and form != "python":
        msg = f"{given[-1]}: sizes are frozen into --format python; other formats keep K and M as letters"
        raise BadInput(msg)
    from sympy import Integer

    from divprune_sym import gaussian
    from divprune_sym.derive import derived_equations, derived_integral
    from divprune_sym.dynamics.symbols import BATCH, DECAY, SIGMA
    from divprune_sym.dynamics.update import UpdateRule

    g = gaussian.activation(activation)
    h = None if teacher_activation is None else gaussian.activation(teacher_activation)
    left_out = without or ()
    with working("deriving"):
        if target in ("error", "equations"):
            shown = derived_equations(
                target,
                g,
                form,
                classes=mask != "none",
                rule=UpdateRule(
                    first_layer=layers != "second",
                    second_layer=layers != "first",
                    sigma=Integer(0) if "noise" in left_out else SIGMA,
                    weight_decay=Integer(0) if "decay" in left_out else DECAY,
                    batch_size=BATCH if batches else Integer(1),
                    small_eta=small_eta,
                ),
                teacher=h,
                steps=steps,
                students=students,
                teachers=teachers,
            )
        else:
            shown = derived_integral(target, g, form, steps, h)
    print(shown.rstrip())
    return DONE
