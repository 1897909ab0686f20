"""The program: its help, and what becomes of errors. Each command is a file of its own beside this one."""

from __future__ import annotations

import os
import sys
import warnings
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, CycloptsError, Parameter

from divprune_sym.cli.console import BAD_INPUT, DONE, FAILED, INTERRUPTED, say, spell_what_cannot_be_encoded
from divprune_sym.ground.work import Stopped, interruptibly, still_running, told_to_stop

if TYPE_CHECKING:
    from collections.abc import Sequence


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
3 a check that agrees numerically only, 130 interrupted.""",
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
        return say(f"{error} See {chain} --help", BAD_INPUT)
    except Exception as error:
        if told_to_stop():
            raise KeyboardInterrupt from None
        if debug:
            raise
        return _explained(error)


def _explained(error: Exception) -> int:
    from divprune_sym.ground.checks import BadInput

    if isinstance(error, BadInput):
        return say(str(error), BAD_INPUT)
    if isinstance(error, OSError) and error.filename is not None:
        return say(f"{error.filename}: {error.strerror}", BAD_INPUT)
    if isinstance(error, MemoryError):
        return say(f"not enough memory: {error}", BAD_INPUT)
    return say(f"{type(error).__name__}: {error} (--debug shows where)", FAILED)


def _in_one_line(message: Warning | str, *_: object) -> None:
    say(str(message))


def _unless_told_to_stop(unraisable: Any) -> None:
    """What could not be raised, unless it is that somebody pressed Ctrl-C."""
    if not issubclass(unraisable.exc_type, (KeyboardInterrupt, Stopped)):
        sys.__unraisablehook__(unraisable)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 1 failed, 2 bad input, 130 interrupted."""
    asked = sys.argv[1:] if arguments is None else arguments
    if arguments is None:
        warnings.showwarning = _in_one_line  # type: ignore[assignment]
        sys.unraisablehook = _unless_told_to_stop
        # numbers that are not finite are refused by name, in one line
        warnings.filterwarnings("ignore", "(overflow|invalid value|divide by zero) encountered", RuntimeWarning)
        spell_what_cannot_be_encoded()
    try:
        code = interruptibly(lambda: app.meta(asked)) or DONE
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = say("interrupted", INTERRUPTED)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = DONE
    if arguments is None and still_running():
        # compiled code in another thread would hold up the end, or not survive it
        sys.stderr.flush()
        os._exit(code)
    return int(code)
