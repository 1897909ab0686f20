"""`divprune-sym integrate`: the equations of motion of a problem file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from divprune_sym.cli.app import app
from divprune_sym.cli.console import DONE, FAILED, print_json, say
from divprune_sym.cli.guards import check_output
from divprune_sym.cli.options import Json, Output, Whole
from divprune_sym.ground.files import refuse_beyond_memory
from divprune_sym.show.progress import working
from divprune_sym.show.tables import print_table

ROWS_SHOWN = 20


@app.command(
    sort_key=20,
    help_epilogue="""\
A problem file:
  {"eta": 0.5, "alphas": [0, 10, 100], "v": [1, 1], "A": [1],
   "Q": [[0.2, 0.1], [0.1, 0.2]], "R": [[0.1], [0.0]], "T": [[1]]}

  alphas         times (steps / inputs) to report, increasing, >= 0;
                 the state given is the one at alpha = 0
  v, A           second-layer weights of K student and M teacher nodes
  Q, R, T        overlaps, divided by the number of inputs: of students (K, K),
                 of students and teachers (K, M), of teachers (M, M)
  eta            learning rate of the first layer
  eta_v          that of the second; this, sigma (standard deviation of the
                 label noise) and weight_decay are 0 if left out
  activation     that of the nodes, "erf" if left out; others are "linear",
                 "relu", "sine", "he3" (a Hermite polynomial), "erf[2]" (with
                 gain 2), "polynomial[0, 1, 0.5]" (u + u^2/2), or a plug-in's
  teacher_activation
                 that of the teacher's nodes where it is another, "sign" too
  batch_size     inputs averaged over in one update, 1 if left out; times are
                 then updates / inputs
  small_eta      true: without the terms in eta^2 (right to first order in
                 eta); the only equations there are for "relu"
  second_layer   false: the second layer is frozen, and does not decay either

A pruned student has, in place of Q, R, T, one class for each group of inputs
that the same nodes see:
  "classes": [{"mask": [1, 0], "fraction": 0.5, "Q": .., "R": .., "T": ..}, ..]

  mask           1 where a node sees these inputs, 0 where it is cut off
  fraction       their share of all inputs
  variance       that of these inputs, 1 if left out
  Q, R, T        the part of the overlaps that these inputs carry

The npz file written holds alpha, generalization_error, Q, R, v (first axis: alpha;
Q and R summed over classes), with classes also Q_classes and R_classes, and the
problem: divprune_sym.load_solution reads all of it.

Example:
  divprune-sym integrate PROBLEM.json -o OUT.npz --json""",
)
def integrate(
    problem: Annotated[Path, Parameter(name="PROBLEM")],
    /,
    *,
    out: Output,
    rtol: float = 1e-8,
    method: Literal["auto", "dop853", "dopri5", "bdf", "rk4", "euler"] = "auto",
    dt: float | None = None,
    checkpoint: Path | None = None,
    max_steps: Whole = 1_000_000,
    as_json: Json = False,
) -> int:
    """Integrate the equations of motion of online learning, pruned or not.

    Parameters
    ----------
    problem
        The problem; its format is below.
    out
        The file to write: .npz, or a table of the same numbers as .csv.
    rtol
        Relative error allowed in each step.
    method
        Adaptive steps: of order 8 or 5, backward differences for stiff equations, or auto, order 8 and those where they
        pay; or fixed steps: classical Runge-Kutta or forward Euler.
    dt
        The fixed step of rk4 and euler, which need one.
    checkpoint
        A file that keeps a run of more than 10 minutes; the same command goes on from it.
    max_steps
        Give up after so many steps.
    as_json
        Print times, errors, status and step counts as JSON.
    """
    from divprune_sym.solvers import Checkpoint, IntegrationFailed, integrate_fixed_step
    from divprune_sym.solvers import integrate as solve
    from divprune_sym.solvers.problem_file import read_problem

    check_output(out, problem, (".npz", ".csv"))
    _refuse_contradictions(method, dt, checkpoint)
    learning, alphas = read_problem(problem)
    state = learning.state
    refuse_beyond_memory(f"{len(alphas)} alphas", 3 * 8 * len(alphas) * (state.overlaps.size + state.K))
    try:
        with working("integrating (the first time, equations are derived and compiled)"):
            if dt is not None:
                solution = integrate_fixed_step(learning, alphas, dt, method=method)
            else:
                kept = Checkpoint(checkpoint) if checkpoint else None
                solution = solve(learning, alphas, method=method, rtol=rtol, max_steps=max_steps, checkpoint=kept)
    except KeyboardInterrupt:
        if checkpoint is not None:
            say(f"what is done is in {checkpoint}; the same command goes on from there")
        raise
    except IntegrationFailed as error:
        return say(f"{problem}: {error}", FAILED)
    solution.save(out)
    if as_json:
        print_json(
            {
                "alphas": solution.alpha.tolist(),
                "generalization_error": solution.generalization_error.tolist(),
                "status": int(solution.status),
                "message": solution.message,
                "nfev": solution.nfev,
                "steps": solution.steps,
                "out": str(out),
            }
        )
        return DONE
    S = len(solution.alpha)
    shown = sorted({round(n * (S - 1) / (ROWS_SHOWN - 1)) for n in range(ROWS_SHOWN)})
    rows = [(f"{solution.alpha[n]:.6g}", f"{solution.generalization_error[n]:.10g}") for n in shown]
    notes = [f"{len(shown)} of {S} times; all of them are in the file"] if len(shown) < S else []
    notes += ["limit of a small learning rate: terms in eta^2 are left out"] if learning.small_eta else []
    caption = "; ".join(notes)
    print_table(("alpha", "generalization error"), rows, caption)
    return DONE


def _refuse_contradictions(method: str, dt: float | None, checkpoint: Path | None) -> None:
    """Fixed steps need a step, adaptive ones choose it."""
    from divprune_sym.ground.checks import BadInput

    fixed = method in ("rk4", "euler")
    if fixed != (dt is not None):
        msg = f"--method {method}: needs --dt, its fixed step" if fixed else f"--dt: {method} chooses its own steps"
        raise BadInput(msg)
    if fixed and checkpoint is not None:
        msg = f"--checkpoint: {method} keeps none, only methods that choose their steps do"
        raise BadInput(msg)
