"""`python -m divprune_sym` is `divprune-sym`."""

from divprune_sym.cli import main

raise SystemExit(main())
