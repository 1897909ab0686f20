"""The command line. Data goes to stdout; messages go to stderr, one line each.

One file a command; importing it here registers it, in the order that `--help` lists them. Everything that takes
time to import is imported by the command that needs it, so that `--help` answers at once.
"""

# ruff: isort: skip_file
from divprune_sym.cli import reproduce as reproduce
from divprune_sym.cli import integrate as integrate
from divprune_sym.cli import error as error
from divprune_sym.cli import bound as bound
from divprune_sym.cli import compare as compare
from divprune_sym.cli import explore as explore
from divprune_sym.cli import prune as prune
from divprune_sym.cli import sample as sample
from divprune_sym.cli import describe as describe
from divprune_sym.cli import derive as derive
from divprune_sym.cli import check as check
from divprune_sym.cli import bench as bench
from divprune_sym.cli import verify as verify
from divprune_sym.cli.app import app as app
from divprune_sym.cli.app import main as main
