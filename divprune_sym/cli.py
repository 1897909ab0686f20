"""The command line. Data goes to stdout; messages go to stderr, one line each.

Everything that takes time to import is imported by the command that needs it, so that `--help` answers at once.
"""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import Future
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from cyclopts import App, CycloptsError, Parameter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import BinaryIO

    from divprune_sym.notation import OrderParameters

T = TypeVar("T")

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

ROWS_SHOWN = 20


def _version() -> str:
    from importlib.metadata import version

    return f"divprune-sym {version('divprune-sym')}"


app = App(
    name="divprune-sym",
    help="The statistical mechanics of neural-network pruning: what a student network that learned online from a "
    "teacher loses when nodes or edges are pruned at random, by size, or by a determinantal point process (DPP).",
    help_epilogue="""\
Start here:
  divprune-sym error dpp-node --teachers 2 --copies 3 --second-layer 4 --keep 3
  divprune-sym COMMAND --help

Exit codes: 0 done, 1 a check or a computation failed, 2 bad input,
130 interrupted.""",
    help_format="plaintext",
    version=_version,
    default_parameter=Parameter(negative=()),
    suppress_keyboard_interrupt=False,
    exit_on_error=False,
    print_error=False,
    verbose=False,
    result_action="return_value",
)


app.meta.suppress_keyboard_interrupt = False


@app.meta.default
def launch(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    debug: Annotated[bool, Parameter(help="Show the traceback of an error.", show_default=False)] = False,
) -> int:
    """Run one command, and turn what goes wrong into one line and an exit code."""
    try:
        return app(tokens) or DONE
    except BrokenPipeError:
        raise
    except CycloptsError as error:
        if debug:
            raise
        chain = " ".join(["divprune-sym", *(error.command_chain or ())])
        return _say(f"{error} See {chain} --help", BAD_INPUT)
    except Exception as error:
        if debug:
            raise
        return _explained(error)


def _explained(error: Exception) -> int:
    from divprune_sym.checks import BadInput

    if isinstance(error, BadInput):
        return _say(str(error), BAD_INPUT)
    if isinstance(error, OSError) and error.filename is not None:
        return _say(f"{error.filename}: {error.strerror}", BAD_INPUT)
    if isinstance(error, MemoryError):
        return _say(f"not enough memory: {error}", BAD_INPUT)
    return _say(f"{type(error).__name__}: {error} (--debug shows where)", FAILED)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 1 failed, 2 bad input, 130 interrupted."""
    try:
        code = app.meta(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _say("interrupted", INTERRUPTED)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    return code or DONE


def _whole(_: type[int], tokens: Sequence[Any]) -> int:
    """A converter that, unlike the usual one, does not round 2.7 to 3."""
    text = tokens[0].value
    try:
        return int(text)
    except ValueError:
        msg = f"{text[:40]!r} is not a whole number."
        raise ValueError(msg) from None


Whole = Annotated[int, Parameter(converter=_whole)]
Output = Annotated[Path, Parameter(name=["--out", "-o"])]
Json = Annotated[bool, Parameter(name="--json", show_default=False)]
Rescale = Literal["none", "inverse-sqrt", "optimal"]


@app.command(
    help_epilogue="""\
Example:
  divprune-sym reproduce --quick --out reproduction"""
)
def reproduce(*, out: Path = Path("reproduction"), quick: bool = False, seed: Whole = 1) -> int:
    """Reproduce the published results, check each, and write a report.

    Exit code 1 means that a check failed.

    Parameters
    ----------
    out
        Folder for the report.
    quick
        Smaller and faster, with wider error bars.
    seed
        Seed of everything random.
    """
    from divprune_sym.checks import integer
    from divprune_sym.validate.reproduce import reproduce as run

    return run(out=out, quick=quick, seed=integer("--seed", seed, 0))


@app.command(
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
  activation     "erf", also if left out

A pruned student has, in place of Q, R, T, one class for each group of inputs
that the same nodes see:
  "classes": [{"mask": [1, 0], "fraction": 0.5, "Q": .., "R": .., "T": ..}, ..]

  mask           1 where a node sees these inputs, 0 where it is cut off
  fraction       their share of all inputs
  variance       that of these inputs, 1 if left out
  Q, R, T        the part of the overlaps that these inputs carry

The file written holds alpha, generalization_error, Q, R, v (first axis: alpha;
Q and R summed over classes), with classes also Q_classes and R_classes.

Example:
  divprune-sym integrate PROBLEM.json -o OUT.npz --json"""
)
def integrate(
    problem: Annotated[Path, Parameter(name="PROBLEM")],
    /,
    *,
    out: Output,
    rtol: float = 1e-8,
    max_steps: Whole = 1_000_000,
    as_json: Json = False,
) -> int:
    """Integrate the equations of motion of online learning, pruned or not.

    Parameters
    ----------
    problem
        The problem; its format is below.
    out
        The npz file to write.
    rtol
        Relative error allowed in each step.
    max_steps
        Give up after so many steps.
    as_json
        Print times, errors, status and step counts as JSON.
    """
    from divprune_sym.problem_file import read_problem
    from divprune_sym.solvers import IntegrationFailed
    from divprune_sym.solvers import integrate as solve

    _check_output(out, problem)
    learning, alphas = read_problem(problem)
    state = learning.state
    _refuse_beyond_memory(f"{len(alphas)} alphas", 3 * 8 * len(alphas) * (state.overlaps.size + state.K))
    try:
        with _working("integrating (the first time, equations are derived and compiled)"):
            solution = _interruptibly(lambda: solve(learning, alphas, rtol=rtol, max_steps=max_steps))
    except IntegrationFailed as error:
        return _say(f"{problem}: {error}", FAILED)
    solution.save(out)
    if as_json:
        _print_json(
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
    caption = f"{len(shown)} of {S} times; all of them are in the file" if len(shown) < S else ""
    _print_table(("alpha", "generalization error"), rows, caption)
    return DONE


@app.command(
    help_epilogue="""\
The error is half the mean squared difference between the outputs of student
and teacher, label noise excluded, for erf nodes and infinitely many inputs,
averaged over the choice of what is kept. The student is the specialised one
(--teachers, --copies, --second-layer), or that of a problem file (--state).

Examples:
  divprune-sym error dpp-node --teachers 2 --copies 3 --second-layer 4 --keep 3
  divprune-sym error dpp-edge --teachers 2 --copies 3 --second-layer 4 \\
      --keep-fraction 0.5 --rescale optimal --json"""
)
def error(
    method: Annotated[str, Parameter(name="METHOD")],
    /,
    *,
    teachers: Whole | None = None,
    copies: Whole | None = None,
    second_layer: float | None = None,
    state: Path | None = None,
    keep: Whole | None = None,
    keep_fraction: float | None = None,
    reweight: Annotated[bool, Parameter(show_default=False)] = False,
    rescale: Rescale | None = None,
    as_json: Json = False,
) -> int:
    """Compute the generalization error that is left after pruning.

    Parameters
    ----------
    method
        How nodes or edges are chosen: random-node, importance-node, dpp-node, random-edge, magnitude-edge, dpp-edge,
        nm-edge (2:4 and its kin), random-nm-edge, column-edge, or the name of a plug-in.
    teachers
        M, the number of teacher nodes, orthogonal and of unit norm.
    copies
        Z, the number of student nodes that copy each teacher node.
    second_layer
        v*, the second-layer weight of each teacher node; each copy has v*/Z.
    state
        A problem file without classes (see integrate --help) whose order parameters are pruned instead.
    keep
        Nodes kept, of K = M Z; an edge method keeps the same share, keep / K, of every node's edges.
    keep_fraction
        Share of edges kept, 0 to 1, instead of --keep.
    reweight
        Nodes: refit the second layer on the kept nodes.
    rescale
        Edges: multiply kept weights by 1/sqrt(share kept), or by the best common factor. Default: none.
    as_json
        Print the number and all settings as JSON.
    """
    import numpy as np

    from divprune_sym.checks import BadInput, integer
    from divprune_sym.pruning import NodeMethod
    from divprune_sym.pruning.registry import find_method

    pruning = find_method(method)
    nodes = isinstance(pruning, NodeMethod)
    if (keep is None) == (keep_fraction is None):
        msg = "give --keep" if nodes else "give either --keep or --keep-fraction"
        raise BadInput(msg + (", it is missing" if keep is None else ", not both"))
    if nodes and (keep_fraction is not None or rescale is not None):
        option = "--keep-fraction" if keep_fraction is not None else "--rescale"
        msg = f"{option}: {method} prunes nodes, {option} is for edges; nodes take --keep and --reweight"
        raise BadInput(msg)
    if reweight and not nodes:
        msg = f"--reweight: {method} prunes edges, whose refit on white inputs changes nothing; edges take --rescale"
        raise BadInput(msg)
    pruned = _student(state, teachers, copies, second_layer)
    if keep is not None:
        keep = integer("--keep", keep, 0, pruned.K)
        keep_fraction = keep / pruned.K
    assert keep_fraction is not None

    def left() -> float:
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused below
            if isinstance(pruning, NodeMethod):
                assert keep is not None
                return pruning.limit(pruned, keep).generalization_error(reweight=reweight)
            return pruning.limit(pruned, keep_fraction).generalization_error(rescale=rescale or "none")

    with _working("averaging over what is kept"):
        value = _interruptibly(left)
    if not isfinite(value):
        return _say(f"the error is {value}: the order parameters leave the range of float64", FAILED)
    result = {
        "generalization_error": value,
        "method": method,
        "teachers": pruned.M,
        "copies": copies,
        "second_layer": second_layer,
        "state": None if state is None else str(state),
        "keep": keep,
        "keep_fraction": keep_fraction,
        "reweight": reweight if nodes else None,
        "rescale": None if nodes else rescale or "none",
    }
    _print_result(result, as_json)
    return DONE


@app.command(
    help_epilogue="""\
The file is a Python file of yours, and IS RUN. The class states what pruning
does to the overlaps of one pair of nodes, in SymPy, and may draw masks:

  from divprune_sym.pruning.variant import EdgeVariant, Pruned

  class MyMethod(EdgeVariant):
      name = "my-edge"

      def limit(self, pair):
          p = pair.p
          return Pruned(Q_ii=p * pair.Q_ii, Q_ik=p * pair.Q_ik,
                        R_in=p * pair.R_in)

A class derived from EdgeMethod or NodeMethod will do as well. Errors, and the
state they are for, are those of the error command. Regions are numerical, not
proved. Exit code 1 means that draw and limit disagree; chance makes them do so
in 1 of 100 checks.

Example:
  divprune-sym bound column-edge --teachers 2 --copies 3 --out OUT"""
)
def bound(
    method: Annotated[str, Parameter(name="FILE:CLASS")],
    /,
    *,
    teachers: Whole,
    copies: Whole,
    second_layer: float = 1.0,
    rescale: Rescale = "none",
    reweight: Annotated[bool, Parameter(show_default=False)] = False,
    out: Output = Path("bound"),
    no_draw: Annotated[bool, Parameter(show_default=False)] = False,
    inputs: Whole = 1200,
    networks: Whole = 12,
    seed: Whole = 1,
    as_json: Json = False,
) -> int:
    """Work out the pruned error of a method of your own, beside every built-in one.

    Prints the error as LaTeX and Python, a table, and where the method wins; checks that the masks it draws do
    what it says; writes bound.json, bound.png and bound.svg.

    Parameters
    ----------
    method
        FILE.py:CLASS, or the name of a shipped method or plug-in. The file is run.
    teachers
        M, the number of teacher nodes, orthogonal and of unit norm.
    copies
        Z, the number of student nodes that copy each teacher node.
    second_layer
        v*, the second-layer weight of each teacher node; every error is proportional to its square.
    rescale
        What follows edge pruning, in all methods: kept weights times 1/sqrt(share kept), or the best common factor.
    reweight
        What follows node pruning, in all methods: refit the second layer.
    out
        Folder to write to.
    no_draw
        Do not compare draw with limit.
    inputs
        N of the Gaussian networks that masks are drawn on.
    networks
        Number of these.
    seed
        Seed of networks and masks.
    as_json
        Print what bound.json holds.
    """
    import numpy as np

    from divprune_sym.checks import integer
    from divprune_sym.validate import bound_report
    from divprune_sym.validate.bound import Comparison
    from divprune_sym.validate.bound import bound as run
    from divprune_sym.validate.faces import Drawing
    from divprune_sym.validate.user_method import load_method, users_code

    rng = np.random.default_rng(integer("--seed", seed, 0))
    asked = Comparison(_student(None, teachers, copies, second_layer).M, copies, second_layer, rescale, reweight)
    drawing = None if no_draw else Drawing(inputs, networks)
    bound_report.check_folder(out)
    with users_code(method):
        loaded = load_method(method)
        with _working("deriving, comparing, drawing"):
            found = _interruptibly(lambda: run(loaded, asked, drawing, rng))
    files = bound_report.write(found, out)
    if as_json:
        _print_json(found.as_json() | {"files": [str(path) for path in files]})
    else:
        bound_report.print_bound(found, files)
    agrees = found.agreement is None or found.agreement.agrees
    return DONE if agrees else _say(f"{method}: draw disagrees with limit", FAILED)


@app.command(
    help_epilogue="""\
The probability of a subset S is proportional to det L_S; where size exceeds
the rank of L, it is the limit eps -> 0 of that for L + eps 1. Eigenvalues that
rounding cannot tell from zero are taken as zero, and the largest of them in
magnitude is reported as the shift; a kernel with an eigenvalue below
-N eps_mach lambda_max is refused. The file written holds an int64 array
(count, size), rows sorted.

Example:
  divprune-sym sample KERNEL.npy --size 10 --count 1000 --seed 1 -o OUT.npy"""
)
def sample(
    kernel: Annotated[Path, Parameter(name="KERNEL")],
    /,
    *,
    size: Whole,
    out: Output,
    count: Whole = 1,
    seed: Whole | None = None,
    as_json: Json = False,
) -> int:
    """Draw subsets of fixed size from a determinantal point process (a k-DPP), exactly.

    Parameters
    ----------
    kernel
        The kernel L: a symmetric positive semi-definite array (N, N).
    size
        Items in each subset, 0 to N.
    out
        The npy file to write.
    count
        Number of subsets.
    seed
        Seed; without it one is chosen, and printed so that the draw can be repeated.
    as_json
        Print size, count, seed, rank, shift and N as JSON.
    """
    import numpy as np

    from divprune_sym.checks import BadInput, integer
    from divprune_sym.dpp import LEnsemble
    from divprune_sym.files import written_aside

    count = integer("--count", count, 0)
    seed = int.from_bytes(os.urandom(4)) if seed is None else integer("--seed", seed, 0)
    _check_output(out, kernel)
    if kernel.exists() and not kernel.is_file():
        msg = f"{kernel}: is no regular file"
        raise BadInput(msg)
    with kernel.open("rb") as file:
        N = _kernel_size(kernel, file)
        size = integer(f"--size (N = {N})", size, 0, N)
        _refuse_beyond_memory(f"{kernel}: N = {N}", 6 * 8 * N * N)
        _refuse_beyond_memory(f"{count} subsets of {size} items", 3 * 8 * count * size)
        matrix = _kernel_matrix(kernel, file)
    try:
        with _working("decomposing the kernel"):
            L = _interruptibly(lambda: LEnsemble.from_matrix(matrix))
    except BadInput as refused:
        msg = f"{kernel}: {refused}"
        raise BadInput(msg) from None
    if L.shift > 0:
        _say(f"{kernel}: eigenvalues up to {L.shift:.3g} in magnitude are rounding, and were taken as 0")
    with _working("drawing"):
        draws = _interruptibly(lambda: L.sample_k(size, np.random.default_rng(seed), count))
    with written_aside(out) as target:
        np.save(target, draws.astype(np.int64, copy=False), allow_pickle=False)
    result = {"size": size, "count": count, "seed": seed, "N": N, "rank": L.rank, "shift": L.shift, "out": str(out)}
    _print_result(result, as_json)
    return DONE


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
    with _working("deriving"):
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


@app.command(
    help_epilogue="""\
FORMULA is written with numbers, + - * / ^, brackets, pi, sqrt, exp, log, erf,
trigonometric functions and their inverses, and the covariances C_ab of the
fields of DEFINITION (or Q_ik, R_in, T_nm for students and teachers).
DEFINITION is I2, I3, I4 or J2, the same with fields of your own, as in
I3(1,2,3), or an expectation: E[g'(u_i) * u_y * g(u_a)].

A formula that agrees is proved right, or the answer says that it is not. For
one that differs, the simplest covariance found that shows it is given, with
both values. Exit code 1 means that they differ.

Examples:
  divprune-sym check "2/pi*asin(C_ab/sqrt((1+C_aa)*(1+C_bb)))" --against I2
  divprune-sym check "C_ya * E[g'(u_a)]" --against "E[u_y * g(u_a)]" --json"""
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

    with _working("comparing"):
        report = check_formula(formula, against, activation, at)
    if as_json:
        _print_json(report.record())
    else:
        print(report)
    return DONE if report.agrees else FAILED


def _student(
    state: Path | None, teachers: int | None, copies: int | None, second_layer: float | None
) -> OrderParameters:
    """The order parameters of a file, or the specialised ones."""
    from divprune_sym.checks import BadInput
    from divprune_sym.problem_file import read_state
    from divprune_sym.pruning import specialised_state

    options = {"--teachers": teachers, "--copies": copies, "--second-layer": second_layer}
    if state is not None:
        given = [name for name, value in options.items() if value is not None]
        if given:
            msg = f"{given[0]}: --state already says what the student is"
            raise BadInput(msg)
        read = read_state(state)
        if len(read.fraction) != 1:
            msg = f"{state}: has {len(read.fraction)} mask classes, expected an unpruned student with Q, R, T"
            raise BadInput(msg)
        return read
    if teachers is None or copies is None or second_layer is None:
        missing = ", ".join(name for name, value in options.items() if value is None)
        msg = f"missing {missing} (or --state instead of all three)"
        raise BadInput(msg)
    fields = max(teachers, 0) * (max(copies, 0) + 1)
    _refuse_beyond_memory(f"{teachers} teachers with {copies} copies each", 6 * 8 * fields**2)
    return specialised_state(teachers, copies, second_layer)


def _check_output(out: Path, source: Path) -> None:
    """Refuse, before any work, a place where nothing can be written or something would be lost."""
    from divprune_sym.checks import BadInput

    msg = ""
    if out.is_dir():
        msg = f"{out}: is a folder, expected a file name"
    elif not out.parent.is_dir():
        msg = f"{out}: there is no folder {out.parent}"
    elif not os.access(out.parent, os.W_OK):
        msg = f"{out}: folder {out.parent} cannot be written to"
    elif out.exists() and not out.is_file():
        msg = f"{out}: is no regular file"
    elif out.exists() and source.exists() and out.samefile(source):
        msg = f"{out}: would overwrite the input"
    if msg:
        raise BadInput(msg)


def _kernel_size(path: Path, file: BinaryIO) -> int:
    """N of an npy file with an (N, N) array of real numbers, from its header alone."""
    import numpy as np

    from divprune_sym.checks import BadInput, BadShape

    with _refusing(f"{path}: is no npy file, or a truncated one; write it with numpy.save"):
        version = np.lib.format.read_magic(file)
        # a later version than 2 is for field names that are not Latin-1
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
    if dtype.kind not in "buif":
        msg = f"{path}: holds {dtype.name} entries, expected real numbers"
        raise BadInput(msg)
    if len(shape) != 2 or shape[0] != shape[1] or shape[0] < 1:
        msg = f"{path}: shape {shape}, expected (N, N) with N >= 1"
        raise BadShape(msg)
    return int(shape[0])


def _kernel_matrix(path: Path, file: BinaryIO) -> Any:
    import numpy as np

    file.seek(0)
    with _refusing(f"{path}: truncated, it holds fewer numbers than its header says"):
        return np.load(file, allow_pickle=False)


@contextmanager
def _refusing(message: str) -> Iterator[None]:
    """What NumPy raises on a broken file, and what it warns of on the way, as one refusal."""
    import warnings
    from tokenize import TokenError

    from divprune_sym.checks import BadInput

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (ValueError, TypeError, EOFError, SyntaxError, TokenError):
        raise BadInput(message) from None


def _refuse_beyond_memory(what: str, needed: int) -> None:
    from divprune_sym.checks import BadInput

    free = _free_memory()
    if needed > free:
        msg = f"{what}: needs about {needed / 2**30:.3g} GiB of memory, {free / 2**30:.3g} GiB are free"
        raise BadInput(msg)


def _free_memory() -> float:
    """Bytes that Linux would give us; no limit where it does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return float("inf")
    return next((1024.0 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")), float("inf"))


def _interruptibly(work: Callable[[], T]) -> T:
    """Run `work` on a thread, which compiled code shares with this one: Ctrl-C need not wait for its end."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future.result()


@contextmanager
def _working(what: str) -> Iterator[None]:
    """Say on a terminal, and nowhere else, that something takes its time."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield


def _say(message: str, code: int = DONE) -> int:
    """Print one line on stderr, whatever characters a file name or a key brought along, and pass the code on."""
    line = " ".join(message.split())
    visible = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
    print(f"divprune-sym: {visible}", file=sys.stderr)
    return code


def _print_json(result: Mapping[str, Any]) -> None:
    print(json.dumps(result, allow_nan=False))


def _print_result(result: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        _print_json(result)
        return
    rows = [(name.replace("_", " "), str(value)) for name, value in result.items() if value is not None]
    _print_table(("", ""), rows)


def _print_table(head: tuple[str, str], rows: Sequence[tuple[str, str]], caption: str = "") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(caption=caption or None, show_header=any(head))
    for title in head:
        table.add_column(title, justify="right" if any(head) else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
