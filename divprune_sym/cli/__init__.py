"""The command line. Data goes to stdout; messages go to stderr, one line each.

One file a command, found by being here: its `sort_key` is its place in `--help`. Everything that takes time to import
is imported by the command that needs it, so that `--help` answers at once.
"""

from importlib import import_module
from pkgutil import iter_modules

from divprune_sym.cli.app import app as app
from divprune_sym.cli.app import main as main

for _file in iter_modules(__path__):
    import_module(f"{__name__}.{_file.name}")
