#!/usr/bin/env bash
# Dask: the executor of `Client.get_executor()` takes functions to be pure. Equal calls are run once and share a
# result, which no other concurrent.futures executor does: five draws of a random number are one number.
#
# Expected: five different numbers, as from ThreadPoolExecutor or ProcessPoolExecutor.
# Seen: one number five times; get_executor(pure=False) gives five.
# Versions: dask==2026.8.0 distributed==2026.8.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet dask==2026.8.0 distributed==2026.8.0
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import random

from distributed import Client, LocalCluster


def draw():
    return random.random()


def different(executor):
    return len({future.result() for future in [executor.submit(draw) for _ in range(5)]})


if __name__ == "__main__":
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        with Client(cluster) as client:
            pure, impure = different(client.get_executor()), different(client.get_executor(pure=False))
    print("different numbers in five draws: default", pure, " pure=False", impure)
    as_seen = pure == 1 and impure == 5

print("as seen before" if as_seen else "this has changed")
raise SystemExit(not as_seen)
PY
