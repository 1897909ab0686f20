"""`python -m divprune_sym.cuda`: registers, shared and local memory of every kernel, without a GPU."""

from __future__ import annotations

import sys

from divprune_sym.cuda.assembly import table
from divprune_sym.cuda.device import NoCuda


def main() -> int:
    """Print the table; 2 where it cannot be made."""
    try:
        for n, row in enumerate(table()):
            if n == 0:
                print(f"{'kernel':<38}{'GPU':>7}{'registers':>11}{'shared':>8}{'local':>8}{'spilled':>9}")
            gpu = f"sm_{row.capability[0]}{row.capability[1]}"
            print(f"{row.kernel:<38}{gpu:>7}{row.registers:>11}{row.shared:>8}{row.local:>8}{row.spilled:>9}")
    except NoCuda as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
