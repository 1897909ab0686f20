"""Long runs: `python -m tests.fuzz --minutes 60` goes through all entrances until the time is over."""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from collections import Counter
from itertools import count
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz import kept
from tests.fuzz.entrances import entrances
from tests.fuzz.judged import judge

ROUND = 100


def main() -> int:
    """Run rounds of every entrance; keep each new kind of finding. 1 if there are any."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0, help="of the first round; the next ones count on")
    parser.add_argument("--only", help="one entrance")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"), help="folder for what is found")
    asked = parser.parse_args()
    end, tried, kinds = time.monotonic() + 60 * asked.minutes, Counter[str](), set[str]()

    def run(name, strategy, number):
        @seed(number)
        @settings(
            max_examples=ROUND, database=None, deadline=None, derandomize=False,
            phases=[Phase.generate], suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(strategy)
        def one(case):
            if time.monotonic() > end:
                return
            tried[name] += 1
            with tempfile.TemporaryDirectory() as folder:
                wrong = judge(case, Path(folder))
            kind = wrong and f"{name}: {re.sub(r'[0-9]+|/tmp/[^ ]*', '#', wrong)[:100]}"
            if wrong and kind not in kinds:
                kinds.add(kind)
                asked.keep.mkdir(exist_ok=True)
                kept.write(asked.keep / f"{name}-{len(kinds)}.json", case, wrong)
                print(f"\n{name}: {wrong}", flush=True)

        one()

    with tempfile.TemporaryDirectory() as folder:
        all_of_them = entrances(Path(folder))
        chosen = {name: all_of_them[name] for name in ([asked.only] if asked.only else all_of_them)}
        for number in count(asked.seed):
            for name, strategy in chosen.items():
                if time.monotonic() < end:
                    run(name, strategy(), number)
            print(f"{sum(tried.values())} inputs, {len(kinds)} kinds of finding, seed {number}", file=sys.stderr)
            if time.monotonic() > end:
                break
    print(", ".join(f"{name} {n}" for name, n in tried.items()))
    print(f"{sum(tried.values())} inputs, {len(kinds)} kinds of finding")
    return 1 if kinds else 0


if __name__ == "__main__":
    sys.exit(main())
