"""`python -m divprune_sym.bench` is `divprune-sym bench`."""

import sys

from divprune_sym.cli import main

sys.exit(main(["bench", *sys.argv[1:]]))
