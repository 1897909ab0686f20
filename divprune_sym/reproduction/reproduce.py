"""`divprune-sym reproduce`: derive, integrate, simulate, prune, compare, report."""

from __future__ import annotations

import json
import platform
import sys
import time
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from divprune_sym.evaluation.agreement import Curve, agreement
from divprune_sym.ground.checks import BadInput
from divprune_sym.ground.files import written_aside
from divprune_sym.method_names import PAPER
from divprune_sym.pruning import RESCALINGS, NodeMethod
from divprune_sym.pruning.user_method import load_method
from divprune_sym.reproduction.backend import Backend
from divprune_sym.reproduction.backend import backend as chosen_backend
from divprune_sym.reproduction.derivations import equations_as_text, rederive
from divprune_sym.reproduction.digits import DigitsSetting, digits_study
from divprune_sym.reproduction.retraining import Retrained, retrain_dpp_nodes, retrain_random_edges
from divprune_sym.reproduction.teacher_student import (
    Comparison,
    Setting,
    Trained,
    compare_pruning,
    specialized_network,
    train_networks,
)
from divprune_sym.show.progress import stage
from divprune_sym.specialized import specialized_state

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from divprune_sym.pruning.registry import Method


@dataclass(frozen=True)
class Scale:
    """How much is run.

    `nodes` and `many_nodes` are the numbers M of teacher and K of student nodes; K is a multiple of M. Specialized
    networks are not trained, and so cheap.
    """

    N: int
    networks: int
    masks: int
    last_alpha: float
    retraining_alpha: float
    digits: DigitsSetting
    nodes: tuple[int, int] = (2, 6)
    many_nodes: tuple[int, int] = (5, 20)
    specialized_networks: int = 8
    minutes: str = "about 4 minutes (5 the first time)"


Size = Literal["quick", "full", "thorough"]

FULL = Scale(500, 8, 100, 1000.0, 300.0, DigitsSetting(), specialized_networks=40)
QUICK = Scale(
    200,
    6,
    60,
    150.0,
    50.0,
    DigitsSetting.quick(),
    specialized_networks=24,
    minutes="about a minute (two the first time)",
)
# an error of 2 % in the theory of most curves would show; of retrained edges, 5 %
THOROUGH = replace(FULL, networks=60, specialized_networks=300, minutes="about half an hour")
# Numba's CUDA simulator runs thread by thread, in Python
SIMULATED = Scale(30, 6, 2, 0.3, 0.2, DigitsSetting((16, 8), 2, 1, (0.5,)), (1, 2), (1, 3), 6, "some minutes")


def reproduce(
    out: Path, size: Size = "full", seed: int = 1, backend: str = "cpu", methods: Sequence[str] = PAPER
) -> int:
    """Run everything and write `report.html`, `results.json` and the figures into a folder.

    Parameters
    ----------
    out : Path
        Made if it is not there.
    size : {"quick", "full", "thorough"}
        Quick: smaller networks, fewer of them, shorter training. Thorough: 60 networks instead of 8, so
        that smaller errors of the theory would show.
    seed : int
    backend : {"cpu", "cuda"}
        What integrates, trains, selects and prunes the students of a teacher; the study of real data stays on the CPU.
    methods : sequence of str
        Registered names or FILE.py:CLASS (the file is run); a method is left out at the shares that it cannot keep.

    Raises
    ------
    BadInput
        A method that cannot be used, the folder cannot be made, or a full run was asked of the CUDA simulator.
    NoCuda
        The backend is "cuda", and there is neither a GPU nor the simulator.

    Returns
    -------
    int
        0 if theory and measurement agree in every section, 1 otherwise.
    """
    from divprune_sym.reproduction.report import print_tables, write_report

    loaded = {method.name: method for method in map(load_method, dict.fromkeys(methods))}
    machine = chosen_backend(backend, loaded)
    scale = _scale(size, machine)
    folder = _folder(out)
    written = f"report.html, results.json and the figures to {folder}"
    print(f"takes {scale.minutes} on two cores; writes {written}", file=sys.stderr)
    start = time.perf_counter()
    results = _results(scale, size, seed, machine, loaded)
    with stage("figures and report"):
        results["seconds"] = time.perf_counter() - start
        write_report(folder, results)
        with written_aside(folder / "results.json") as file:
            file.write(json.dumps(results, indent=1, allow_nan=False).encode())
    print_tables(results, folder)
    return 0 if all(section["agrees"] for section in results["agreement"].values()) else 1


def _scale(size: Size, machine: Backend) -> Scale:
    if not machine.simulated:
        return {"quick": QUICK, "full": FULL, "thorough": THOROUGH}[size]
    if size != "quick":
        msg = "--backend cuda: in Numba's simulator the whole reproduction would take weeks; add --quick"
        raise BadInput(msg)
    return SIMULATED


def _folder(out: Path) -> Path:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"--out {out}: cannot be made a folder ({error.strerror})"
        raise BadInput(msg) from None
    return out


def _results(scale: Scale, size: Size, seed: int, machine: Backend, methods: Mapping[str, Method]) -> dict[str, Any]:
    # SFC64 is NumPy's fastest generator, and drawing inputs is most of the simulation
    streams = [np.random.Generator(np.random.SFC64(s)) for s in np.random.SeedSequence(seed).spawn(6)]
    noiseless = _train("training without noise", _setting(scale, scale.nodes, 0.0), streams[0], machine)
    noisy = _train("training with label noise", _setting(scale, scale.nodes, 0.25), streams[1], machine)
    M, K = scale.many_nodes
    many = _train(f"training, {M} teachers, {K} students", _setting(scale, (M, K), 0.0), streams[2], machine)
    all_keeps, few_keeps = range(1, scale.nodes[1] + 1), range(1, max(2, M) + 1)
    results: dict[str, Any] = {
        "size": size,
        "seed": seed,
        "backend": machine.name,
        "methods": {name: method.unit for name, method in machine.methods.items()},
        "versions": _versions(),
        "settings": {name: asdict(x.setting) for name, x in _named(noiseless, noisy, many)},
        "derivations": _derivations(streams[3]),
        "training": {name: _curves(x) for name, x in _named(noiseless, noisy, many)},
        "unpruned": {name: float(x.simulated[:, -1].mean()) for name, x in _named(noiseless, noisy, many)}
        | {"idealized": 0.0},
        "idealized_table": _idealized_table(2, 3, 4.0, machine.methods.values()),
        "pruning": {
            "noiseless": _prune("pruning, σ = 0", noiseless, streams[4], scale, all_keeps, machine),
            "noisy": _prune("pruning, σ = 0.25", noisy, streams[4], scale, all_keeps, machine),
            "idealized": _prune_idealized(scale, streams[4], all_keeps, machine),
            "many_nodes": _prune(f"pruning {K} nodes", many, streams[4], scale, few_keeps, machine, specialized=True),
        },
        "retraining": _retrain(noisy, scale, streams[5], machine),
    }
    with stage("real data: scikit-learn's digits") as progress:
        # on the CPU: what a machine selects edges with is for white inputs
        results["digits"] = digits_study(scale.digits, seed, progress, methods).as_json()
    results["agreement"] = agreement(_compared(results))
    return results


def _named(noiseless: Trained, noisy: Trained, many: Trained) -> list[tuple[str, Trained]]:
    return [("noiseless", noiseless), ("noisy", noisy), ("many_nodes", many)]


def _setting(scale: Scale, nodes: tuple[int, int], sigma: float) -> Setting:
    return Setting(*nodes, scale.N, 4.0, sigma, _times(scale.last_alpha), scale.networks, scale.masks)


def _times(last: float) -> tuple[float, ...]:
    """0 and 24 times spaced evenly in log α, from 0.1 to the last."""
    return (0.0, *(float(x) for x in np.geomspace(0.1, last, 24)))


def _train(label: str, setting: Setting, rng: np.random.Generator, machine: Backend) -> Trained:
    with stage(label) as progress:
        return train_networks(setting, rng, progress, machine)


def _prune(
    label: str,
    trained: Trained,
    rng: np.random.Generator,
    scale: Scale,
    keeps: Sequence[int],
    machine: Backend,
    specialized: bool = False,
) -> list[dict[str, Any]]:
    s = trained.setting
    references = [specialized_state(s.M, s.K // s.M, s.teacher_v)] if specialized else trained.integrated
    with stage(label) as progress:
        return _rows(compare_pruning(trained.networks, references, keeps, scale.masks, rng, progress, machine))


def _prune_idealized(
    scale: Scale, rng: np.random.Generator, keeps: Sequence[int], machine: Backend
) -> list[dict[str, Any]]:
    M, K = scale.nodes
    networks = [specialized_network(rng, scale.N, M, K // M, 4.0) for _ in range(scale.specialized_networks)]
    with stage("pruning the specialized state") as progress:
        ideal = [specialized_state(M, K // M, 4.0)]
        return _rows(compare_pruning(networks, ideal, keeps, scale.masks, rng, progress, machine))


def _rows(comparisons: Sequence[Comparison]) -> list[dict[str, Any]]:
    return [
        asdict(row) | {"difference": row.difference, "difference_error": row.difference_error} for row in comparisons
    ]


def _idealized_table(M: int, Z: int, teacher_v: float, methods: Collection[Method]) -> list[dict[str, Any]]:
    """ε_g of every method in the specialized state as N → ∞, for k = 1 … K."""
    state = specialized_state(M, Z, teacher_v)
    rows = []
    for k in range(1, state.K + 1):
        for method in methods:
            if isinstance(method, NodeMethod):
                nodes = method.limit(state, k)
                errors = {
                    "plain": nodes.generalization_error(),
                    "reweighted": nodes.generalization_error(reweight=True),
                }
            elif method.can_keep(k / state.K):
                edges = method.limit(state, k / state.K)
                errors = {r: edges.generalization_error(rescale=r) for r in RESCALINGS}
                errors["plain"] = errors.pop("none")
            else:
                continue
            rows.append({"keep": k, "method": method.name, **errors})
    return rows


def _curves(trained: Trained) -> dict[str, Any]:
    return _theory_and_simulation(np.asarray(trained.setting.alphas), trained.simulated, trained.theory)


def _theory_and_simulation(
    alphas: NDArray[np.float64], simulated: NDArray[np.float64], theory: NDArray[np.float64]
) -> dict[str, Any]:
    return {
        "alpha": alphas.tolist(),
        "simulated": simulated.mean(axis=0).tolist(),
        "error_bar": (simulated.std(axis=0, ddof=1) / np.sqrt(len(simulated))).tolist(),
        "theory": theory.mean(axis=0).tolist(),
        "gaps": (simulated - theory).tolist(),
    }


def _retrain(trained: Trained, scale: Scale, rng: np.random.Generator, machine: Backend) -> dict[str, Any]:
    alphas = _times(scale.retraining_alpha)
    runs: list[Retrained] = []
    with stage("retraining under a random edge mask") as progress:
        runs.append(retrain_random_edges(trained.networks, trained.setting, 0.5, alphas, rng, progress, machine))
    with stage("retraining after DPP node pruning") as progress:
        half = trained.setting.K // 2
        runs.append(retrain_dpp_nodes(trained.networks, trained.setting, half, alphas, rng, progress, machine))
    return {run.label: _theory_and_simulation(run.alphas, run.simulated, run.theory) for run in runs}


def _derivations(rng: np.random.Generator) -> dict[str, Any]:
    with stage("deriving the integrals and equations"):
        return {"integrals": [asdict(row) for row in rederive(rng)], "equations": equations_as_text()}


def _compared(results: dict[str, Any]) -> list[Curve]:
    """Every curve of theory that was measured on several networks."""
    curves = [_timed("training", name, curve) for name, curve in results["training"].items()]
    for section, rows in results["pruning"].items():
        ways = dict.fromkeys((row["method"], row["variant"]) for row in rows)
        curves += [
            _pruned(f"pruning, {section}", way, [row for row in rows if (row["method"], row["variant"]) == way])
            for way in ways
        ]
    return curves + [_timed("retraining", name, curve) for name, curve in results["retraining"].items()]


def _timed(section: str, name: str, curve: dict[str, Any]) -> Curve:
    return Curve(section, name, np.array(curve["theory"]), np.array(curve["gaps"]))


def _pruned(section: str, way: tuple[str, str], rows: Sequence[dict[str, Any]]) -> Curve:
    theory, gaps = (np.array([row[name] for row in rows]) for name in ("theory", "gaps"))
    return Curve(section, ", ".join(way), theory, gaps.T)


def _versions() -> dict[str, str]:
    packages = ("divprune-sym", "numpy", "numba", "sympy", "scipy", "scikit-learn", "matplotlib")
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        **{p: version(p) for p in packages},
    }
