"""The face of a protocol as N → ∞: weighted states that train, branch where nodes are pruned, and remember weights."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from divprune_sym.evaluation.ensemble import Ensemble
from divprune_sym.ground.checks import BadInput, integer
from divprune_sym.ground.values import ByValue
from divprune_sym.protocols.steps import RESCALINGS, Keep, Prune, Rewind, Step, Teacher, Train
from divprune_sym.pruning.after.subnetworks import kept_nodes
from divprune_sym.pruning.method import NodeLimit
from divprune_sym.solvers import IntegrationFailed, Problem
from divprune_sym.solvers.batch import integrate_groups

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from divprune_sym.notation import OrderParameters

# what one stage's first report after its beginning is, as a share of the stage
FIRST = 1e-3
# branches of a protocol that are followed, in all
MOST = 10_000


@dataclass(frozen=True, eq=False)
class ProtocolSolution(ByValue):
    """ε_g along a protocol, as N → ∞.

    Attributes
    ----------
    alpha : (S,)
        Times since the protocol began. At an event a time stands twice: before it and after it.
    generalization_error : (S,)
        Averaged over what chance has kept; label noise excluded.
    standard_error : (S,)
        Of that average, where subsets of nodes are a sample; 0 otherwise.
    marks : tuple of (float, str)
        The time of every step, and what it is.
    ensemble : Ensemble
        The states at the end, with their probabilities.
    """

    alpha: NDArray[np.float64]
    generalization_error: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    marks: tuple[tuple[float, str], ...]
    ensemble: Ensemble


@dataclass(frozen=True, eq=False)
class Remembered:
    """Weights of an earlier time: fields of the teacher with second layer 0, which never move.

    Attributes
    ----------
    name : str
    first : int
        The first of these fields among those of the teacher.
    nodes : tuple of int
        Which nodes of the first student they were, in order.
    v : (len(nodes),)
    """

    name: str
    first: int
    nodes: tuple[int, ...]
    v: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Branch:
    """One state, with its probability and what it remembers.

    Attributes
    ----------
    nodes : tuple of K ints
        Which nodes of the first student these are.
    """

    state: OrderParameters
    weight: float
    nodes: tuple[int, ...]
    remembered: tuple[Remembered, ...] = ()


@dataclass
class _Run:
    """What has been reported so far."""

    points: int
    rtol: float
    seed: int
    N: int | None
    clock: float = 0.0
    draws: int | None = None
    moments: float = 0.0
    alphas: list[NDArray[np.float64]] = field(default_factory=list)
    errors: list[NDArray[np.float64]] = field(default_factory=list)
    spreads: list[NDArray[np.float64]] = field(default_factory=list)
    marks: list[tuple[float, str]] = field(default_factory=list)


def flow(
    steps: tuple[Step, ...], state: OrderParameters, points: int, rtol: float, seed: int, N: int | None
) -> ProtocolSolution:
    """See `Protocol.flow`."""
    run = _Run(integer("points", points, 2, 10**6), rtol, seed, N)
    branches = [Branch(state, 1.0, tuple(range(state.K)))]
    for at, step in enumerate(steps, 1):
        run.marks.append((run.clock, label(step)))
        later = {x.to for x in steps[at:] if isinstance(x, Rewind)}
        try:
            branches = _FACES[type(step)](step, branches, run, later)
        except (BadInput, IntegrationFailed) as error:
            msg = f"step {at} ({label(step)}): {error}"
            raise type(error)(msg) from None
    ensemble = Ensemble(tuple(b.state for b in branches), _weights(branches), run.draws, run.moments)
    alphas, errors, spreads = (np.concatenate(parts) for parts in (run.alphas, run.errors, run.spreads))
    return ProtocolSolution(alphas, errors, spreads, tuple(run.marks), ensemble)


def label(step: Step) -> str:
    """A step in a few words."""
    if isinstance(step, Train):
        return f"train {step.alpha:g}"
    if isinstance(step, Prune):
        return f"prune {step.method}, keep {step.keep:g}" + ("" if step.refit == "none" else f", {step.refit} refit")
    if isinstance(step, Keep):
        return f"keep {step.name}"
    return f"rewind to {step.to}" if isinstance(step, Rewind) else "another teacher"


def reported(stage: Train, points: int, N: int | None) -> NDArray[np.float64]:
    """Times of a stage since it began: 0, its changes of rates, and so many spaced by logarithms; of whole updates."""
    changes = [begin for begin, _, _ in stage.pieces()]
    times = np.union1d(changes, np.geomspace(FIRST * stage.alpha, stage.alpha, points))
    return times if N is None else np.unique(np.minimum(np.round(times * N) / N, stage.alpha))


def _weights(branches: Sequence[Branch]) -> NDArray[np.float64]:
    return np.array([branch.weight for branch in branches])


def _trained(step: Train, branches: list[Branch], run: _Run, later: set[str]) -> list[Branch]:
    times, learns = reported(step, run.points, run.N), "second" in step.layers
    errors = np.zeros((len(branches), len(times)))
    for begin, end, rates in step.pieces():
        here = (times >= begin) & (times <= end)
        asked = np.union1d(times[here], [begin, end]) - begin
        numbers = rates["eta"], rates["eta_v"], rates["sigma"], rates["weight_decay"]
        problems = [Problem(branch.state, *numbers, second_layer=learns) for branch in branches]
        solved = integrate_groups(problems, asked, rtol=run.rtol)
        inside = np.isin(asked, times[here] - begin)
        errors[:, here] = [solution.generalization_error[inside] for solution in solved]
        branches = [replace(b, state=x.state()) for b, x in zip(branches, solved, strict=True)]
    ensemble = Ensemble(tuple(b.state for b in branches), _weights(branches), run.draws)
    run.alphas.append(run.clock + times)
    run.errors.append(ensemble.mean(errors))
    run.spreads.append(ensemble.error_of_mean(errors))
    run.clock += step.alpha
    return branches


def _pruned(step: Prune, branches: list[Branch], run: _Run, later: set[str]) -> list[Branch]:
    method = step.loaded()
    found: list[Branch] = []
    for branch in branches:
        limit = method.limit(branch.state, step.keep)  # type: ignore[arg-type]
        if isinstance(limit, NodeLimit):
            found += _branched(step, branch, limit, run)
        else:
            left = limit.states(rescale=RESCALINGS[step.refit], seed=run.seed)
            run.moments = max(run.moments, left.standard_error)
            found.append(replace(branch, state=left.states[0]))
    if len(found) > MOST:
        msg = f"branches into {len(found)} states; at most {MOST} are followed"
        raise BadInput(msg)
    return found


def _branched(step: Prune, branch: Branch, limit: NodeLimit, run: _Run) -> list[Branch]:
    """One branch for each subset that may be kept.

    Subsets that permutations carry into each other are one, unless weights are remembered: which node is which is then
    part of the state.
    """
    reweight = step.refit == "best"
    if not branch.remembered:
        left = limit.states(reweight=reweight, seed=run.seed)
        run.draws = left.draws if left.draws is not None else run.draws
        nodes = tuple(range(int(step.keep)))
        return [Branch(x, branch.weight * w, nodes) for x, w in zip(left.states, left.weights.tolist(), strict=True)]
    subsets, probability = limit.law.subsets()
    layers = limit._second_layers(subsets, reweight)
    return [
        Branch(
            kept_nodes(branch.state, kept, v),
            branch.weight * weight,
            tuple(branch.nodes[i] for i in kept.tolist()),
            branch.remembered,
        )
        for kept, v, weight in zip(subsets, layers, probability.tolist(), strict=True)
        if weight > 0.0
    ]


def _kept(step: Keep, branches: list[Branch], run: _Run, later: set[str]) -> list[Branch]:
    return [_remembering(branch, step.name) for branch in branches] if step.name in later else branches


def _remembering(branch: Branch, name: str) -> Branch:
    """The same with K more fields of the teacher: the student's own of this moment, of second layer 0."""
    x = branch.state
    Q, R, T = x.Q_classes, x.R_classes, x.T_classes
    state = x.with_(
        R_classes=np.concatenate([R, Q], axis=2),
        T_classes=np.block([[T, R.transpose(0, 2, 1)], [R, Q]]),
        A=np.concatenate([x.A, np.zeros(x.K)]),
    )
    return replace(
        branch, state=state, remembered=(*branch.remembered, Remembered(name, x.M, branch.nodes, x.v.copy()))
    )


def _rewound(step: Rewind, branches: list[Branch], run: _Run, later: set[str]) -> list[Branch]:
    return [_without(_at_once(branch, step.to), later) for branch in branches]


def _at_once(branch: Branch, name: str) -> Branch:
    """w_ij ← m_ij w_ij(α_τ), v_i ← v_i(α_τ): the masks stay."""
    x = branch.state
    past = next(one for one in branch.remembered if one.name == name)
    place = [past.nodes.index(node) for node in branch.nodes]
    fields = past.first + np.array(place)
    mask = x.mask
    rows = x.T_classes[:, fields] * mask[:, :, None]
    state = x.with_(Q_classes=rows[:, :, fields] * mask[:, None, :], R_classes=rows, v=past.v[place])
    return replace(branch, state=state)


def _without(branch: Branch, later: set[str]) -> Branch:
    """What no later step rewinds to is forgotten: fewer fields, faster equations."""
    gone = [past for past in branch.remembered if past.name not in later]
    drop = {past.first + n for past in gone for n in range(len(past.nodes))}
    left = [n for n in range(branch.state.M) if n not in drop]
    x = branch.state
    state = x.with_(R_classes=x.R_classes[:, :, left], T_classes=x.T_classes[:, left][:, :, left], A=x.A[left])
    staying = tuple(replace(past, first=left.index(past.first)) for past in branch.remembered if past.name in later)
    return replace(branch, state=state, remembered=staying)


def _taught(step: Teacher, branches: list[Branch], run: _Run, later: set[str]) -> list[Branch]:
    changed = []
    for branch in branches:
        A = branch.state.A.copy()
        M = branch.remembered[0].first if branch.remembered else len(A)
        if len(step.A) != M:
            msg = f"A has {len(step.A)} entries, the teacher {M} nodes"
            raise BadInput(msg)
        A[:M] = step.A
        changed.append(replace(branch, state=branch.state.with_(A=A)))
    return changed


_FACES: dict[type, Callable[..., list[Branch]]] = {
    Train: _trained,
    Prune: _pruned,
    Keep: _kept,
    Rewind: _rewound,
    Teacher: _taught,
}
