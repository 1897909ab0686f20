"""Real data: test error of pruned networks on scikit-learn's handwritten digits (8 × 8 pixels, 1797 images).

Acharyya et al. (UAI 2021, arXiv:2006.16617) compare pruning methods on real data too; these images need no
download. Both hidden layers are pruned, first to last, each on the activations that the pruned layers before it
leave.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, Literal
from zlib import crc32

import numpy as np
from scipy.stats import t as student_t

from divprune_sym.ground.checks import integer, number
from divprune_sym.ground.work import each_done_with_blas
from divprune_sym.method_names import PAPER
from divprune_sym.networks.masks import Mask
from divprune_sym.networks.moments import SeenLayer
from divprune_sym.networks.prune import Pruned, PruneSetting, draw_mask, methods_for_networks, prune_layer
from divprune_sym.networks.sklearn_models import from_sklearn
from divprune_sym.pruning import EdgePruning
from divprune_sym.pruning.registry import paper_methods

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from divprune_sym.networks.network import DenseNetwork
    from divprune_sym.pruning import PruningMethod
    from divprune_sym.pruning.registry import Method

    Progress = Callable[[float], None]

Verdict = Literal["worse", "better", "undecided"]

# What every other method is compared with: reweighted DPP edge pruning.
REFERENCE = ("dpp-edge", True)
FALSE_ALARM = 0.05


@dataclass(frozen=True)
class DigitsSetting:
    """What is trained and pruned.

    Parameters
    ----------
    hidden : tuple of int
        Units of the hidden layers.
    networks : int
        Networks trained, each with its own initial weights and its own split of the data.
    masks : int
        Drawn on each network, where the method is random.
    fractions : tuple of float
        Kept fractions: of the units of every hidden layer, or of every hidden unit's incoming edges.

    Raises
    ------
    BadInput
        Fewer than two networks (no error bar), no mask, or a fraction outside [0, 1].
    """

    hidden: tuple[int, ...] = (128, 64)
    networks: int = 5
    masks: int = 4
    fractions: tuple[float, ...] = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)

    def __post_init__(self) -> None:
        integer("networks", self.networks, 2)
        integer("masks", self.masks, 1)
        for fraction in self.fractions:
            number("kept fraction", fraction, 0.0, 1.0)

    @classmethod
    def quick(cls) -> DigitsSetting:
        """Two networks, three fractions: seconds."""
        return cls(networks=2, masks=2, fractions=(0.2, 0.5, 0.9))


@dataclass(frozen=True)
class PrunedError:
    """One method at one kept fraction, over all networks.

    Attributes
    ----------
    error, standard_error : float
        Test error, and its standard error from the spread of `network_errors`: it covers initial weights, splits
        of the data and masks. (The test sets overlap: it does not cover the choice of the 1797 images.)
    parameters_kept : float
        Fraction of all weights and biases left. Keeping a fraction f of the nodes leaves f² of the weights
        between the hidden layers, so methods at equal `fraction` may differ in it.
    network_errors : (networks,) floats
        Mean over masks of each network's error.
    """

    method: str
    fraction: float
    reweighted: bool
    error: float
    standard_error: float
    parameters_kept: float
    network_errors: tuple[float, ...]


@dataclass(frozen=True)
class PairedDifference:
    """Error of one method minus that of reweighted DPP edge pruning on the same networks, at one fraction.

    Attributes
    ----------
    difference, standard_error : float
    p_value : float
        Of a paired t test, two-sided, not corrected.
    verdict : {"worse", "better", "undecided"}
        What the method is beside reweighted DPP edge pruning; decided where Holm's correction over all
        comparisons of the study leaves a chance of 5 % that any decided one is false.
    """

    method: str
    fraction: float
    reweighted: bool
    difference: float
    standard_error: float
    p_value: float
    verdict: Verdict


@dataclass(frozen=True)
class DigitsStudy:
    """Test errors of unpruned and pruned networks."""

    setting: DigitsSetting
    unpruned_errors: tuple[float, ...]
    rows: tuple[PrunedError, ...]

    @property
    def unpruned_error(self) -> float:
        """Mean test error before pruning."""
        return float(np.mean(self.unpruned_errors))

    def differences(self) -> list[PairedDifference]:
        """Every method, reweighted or not, against reweighted DPP edges at the same fraction; none without them."""
        references = {r.fraction: r.network_errors for r in self.rows if (r.method, r.reweighted) == REFERENCE}
        if not references:
            return []
        others = [r for r in self.rows if (r.method, r.reweighted) != REFERENCE]
        gaps = [np.subtract(r.network_errors, references[r.fraction]) for r in others]
        p_values = np.array([_paired_p(gap) for gap in gaps])
        decided = _holm(p_values, FALSE_ALARM)
        return [
            PairedDifference(
                row.method,
                row.fraction,
                row.reweighted,
                float(gap.mean()),
                _standard_error(gap),
                float(p),
                _verdict(float(gap.mean()), bool(sure)),
            )
            for row, gap, p, sure in zip(others, gaps, p_values, decided, strict=True)
        ]

    def as_json(self) -> dict[str, Any]:
        """Everything as plain lists and numbers."""
        return {
            "setting": asdict(self.setting),
            "unpruned_error": self.unpruned_error,
            "unpruned_standard_error": _standard_error(np.array(self.unpruned_errors)),
            "rows": [asdict(row) for row in self.rows],
            "differences": [asdict(row) for row in self.differences()],
        }


def digits_study(
    setting: DigitsSetting, seed: int, progress: Progress | None = None, methods: Mapping[str, Method] | None = None
) -> DigitsStudy:
    """Train networks, prune them by every method at every fraction, and measure what is left.

    Networks, methods and fractions run in parallel threads; the result depends on the seed alone.

    Parameters
    ----------
    setting : DigitsSetting
    seed : int
    progress : callable, optional
        Called in this thread with the fraction of the work that is done, 0 to 1.
    methods : mapping of str to pruning method, optional
        The paper's six if not given.
    """
    # the kernel of the k-DPP over nodes matters little here: on five networks, neither had the lower error at all
    # fractions, and with reweighting they differed by 0.1 points
    serving = methods_for_networks(paper_methods() if methods is None else methods)
    kept = enumerate(setting.fractions)
    cells = [(method, f) for method, (f, keep) in product(serving.values(), kept) if _can_keep(method, keep)]
    trained = dict(each_done_with_blas(lambda number: _train(setting, seed, number), range(setting.networks)))
    tasks = [(number, *cell) for cell in cells for number in range(setting.networks)]
    measured = {}
    for task, result in each_done_with_blas(lambda task: _measure(setting, seed, trained[task[0]], *task[1:]), tasks):
        measured[task] = result
        if progress is not None:
            progress(len(measured) / len(tasks))
    by_cell = np.array([measured[task] for task in tasks]).reshape(len(cells), setting.networks, 2, 2)
    rows = [
        _row(method.name, setting.fractions[f], bool(reweighted), of_cell[:, reweighted])
        for (method, f), of_cell in zip(cells, by_cell, strict=True)
        for reweighted in (0, 1)
    ]
    return DigitsStudy(
        setting,
        tuple(trained[n].mlp.error(trained[n].x_test, trained[n].y_test) for n in range(setting.networks)),
        tuple(rows),
    )


@dataclass(frozen=True)
class _Trained:
    """A network and its split of the data."""

    number: int
    mlp: DenseNetwork
    x_train: NDArray[np.float64]
    x_test: NDArray[np.float64]
    y_test: NDArray[np.int64]


def _train(setting: DigitsSetting, seed: int, number: int) -> _Trained:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split
    from sklearn.neural_network import MLPClassifier

    x, y = load_digits(return_X_y=True)
    split, start = (int(s) for s in np.random.SeedSequence(seed, spawn_key=(number,)).generate_state(2))
    x_train, x_test, y_train, y_test = train_test_split(x / 16, y, test_size=0.3, random_state=split, stratify=y)
    # The tolerance ends training after about 65 of these epochs, at a training error of zero.
    classifier = MLPClassifier(
        setting.hidden,
        activation="logistic",
        learning_rate_init=5e-3,
        batch_size=64,
        tol=1e-3,
        max_iter=2000,
        random_state=start,
    )
    return _Trained(number, from_sklearn(classifier.fit(x_train, y_train)), x_train, x_test, y_test)


def _can_keep(method: PruningMethod, keep: float) -> bool:
    return not isinstance(method, EdgePruning) or method.can_keep(keep)


def _measure(
    setting: DigitsSetting, seed: int, network: _Trained, method: PruningMethod, fraction: int
) -> NDArray[np.float64]:
    """Mean over masks of test error and fraction of parameters kept, (2, 2): as pruned, then reweighted.

    Both start from the same masks of the first layer.
    """
    keep, mlp = setting.fractions[fraction], network.mlp
    stream = PAPER.index(method.name) if method.name in PAPER else crc32(method.name.encode())
    key = (network.number, fraction, stream)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
    count = 1 if method.deterministic else setting.masks
    measured = np.empty((count, 2, 2))
    look = SeenLayer(mlp, 0, network.x_train)
    for n, first in enumerate(draw_mask(look, method, keep, rng, count)):
        for reweight in (False, True):
            pruned = _prune_from_first(look, first, method, keep, rng, reweight=reweight).smallest
            error = pruned.error(network.x_test, network.y_test)
            measured[n, int(reweight)] = error, pruned.parameters / mlp.parameters
    return np.asarray(measured.mean(axis=0))


def _prune_from_first(
    look: SeenLayer,
    mask: NDArray[np.bool_],
    method: PruningMethod,
    fraction: float,
    rng: np.random.Generator,
    *,
    reweight: bool,
) -> Pruned:
    """Prune the first hidden layer by a given mask, each later one by a mask drawn on what is left."""
    setting, masks = PruneSetting(reweight=reweight), {0: mask}
    network = prune_layer(look.network, look, mask, setting)
    for layer in range(1, network.hidden_layers):
        look = SeenLayer(network, layer, look.x)
        masks[layer] = draw_mask(look, method, fraction, rng)
        network = prune_layer(network, look, masks[layer], setting)
    return Pruned(network, Mask(method.unit, masks, method.name))


def _row(method: str, fraction: float, reweighted: bool, measured: NDArray[np.float64]) -> PrunedError:
    """Summarize errors and kept fractions, (networks, 2)."""
    errors, parameters = measured.T
    return PrunedError(
        method,
        fraction,
        reweighted,
        float(errors.mean()),
        _standard_error(errors),
        float(parameters.mean()),
        tuple(errors.tolist()),
    )


def _paired_p(gaps: NDArray[np.float64]) -> float:
    """Two-sided p value of a mean difference of zero, from the differences on each network."""
    error = _standard_error(gaps)
    # No spread, no test: errors are counts, and few networks may differ by the same number of images by chance.
    return float(2 * student_t.sf(abs(gaps.mean()) / error, len(gaps) - 1)) if error > 0 else 1.0


def _holm(p_values: NDArray[np.float64], level: float) -> NDArray[np.bool_]:
    """Which null hypotheses Holm's step-down rejects (Holm, Scandinavian Journal of Statistics 6, 65 (1979))."""
    order = np.argsort(p_values)
    small = p_values[order] <= level / (len(order) - np.arange(len(order)))
    rejected = np.zeros(len(order), dtype=np.bool_)
    rejected[order] = np.logical_and.accumulate(small)
    return rejected


def _verdict(difference: float, decided: bool) -> Verdict:
    if not decided:
        return "undecided"
    return "worse" if difference > 0 else "better"


def _standard_error(values: NDArray[np.float64]) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values)))
