"""Real data: test error of pruned networks on scikit-learn's handwritten digits (8 × 8 pixels, 1797 images).

Acharyya et al. (UAI 2021, arXiv:2006.16617) compare pruning methods on real data too; these images need no
download. Both hidden layers are pruned, first to last, each on the activations that the pruned layers before it
leave.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy.stats import t as student_t

from divprune_sym.checks import integer, number, real_array
from divprune_sym.pruning import (
    METHODS,
    DPPNode,
    EdgeMethod,
    Layer,
    NodeMethod,
    reweighted_edges,
    reweighted_second_layer,
)
from divprune_sym.pruning.method import edges_kept
from divprune_sym.validate.mlp import MLP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Progress = Callable[[float], None]
    Method = NodeMethod | EdgeMethod

# The k-DPP over nodes takes the moments of what the next layer sees: two saturated nodes with different fields
# are copies to it, and the preactivation kernel would keep both. The choice matters little: measured on five
# networks, neither kernel had the lower error at all fractions, and with reweighting they differed by 0.1 points.
DIGITS_METHODS: dict[str, Method] = METHODS | {"dpp-node": DPPNode(kernel="activation")}

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
        """Every method, reweighted or not, against reweighted DPP edge pruning at the same fraction."""
        references = {r.fraction: r.network_errors for r in self.rows if (r.method, r.reweighted) == REFERENCE}
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


def prune_layers(
    mlp: MLP, x_train: NDArray[np.float64], method: Method, fraction: float, rng: np.random.Generator, *, reweight: bool
) -> MLP:
    """Prune every hidden layer of a network, first to last; the output layer keeps all edges from kept units.

    Node methods keep a fraction of each layer's units, and the others leave the network; edge methods keep a
    fraction of each unit's incoming edges. A layer is pruned, and reweighted, on the activations that the pruned
    layers before it leave.

    Parameters
    ----------
    mlp : MLP
    x_train : (n, inputs)
        Data whose moments the methods and the reweighting use.
    method : NodeMethod or EdgeMethod
    fraction : float
        Kept; counts are rounded, half up.
    reweight : bool
        Refit the weights behind what was removed, and the bias, by least squares on x_train: outgoing weights
        of kept units to the next layer's preactivations, kept edges of a unit to its own.

    Raises
    ------
    BadInput
        A fraction outside [0, 1] or one that leaves a layer without units; x_train of the wrong shape.
    """
    x = real_array("x_train", x_train, (None, mlp.weights[0].shape[1]))
    first = _draw(mlp, 0, x, method, fraction, rng, 1)[0]
    return _prune_from_first(mlp, x, first, method, fraction, rng, reweight=reweight)


def digits_study(setting: DigitsSetting, seed: int, progress: Progress | None = None) -> DigitsStudy:
    """Train networks, prune them by every method at every fraction, and measure what is left.

    Networks, methods and fractions run in parallel threads; the result depends on the seed alone.

    Parameters
    ----------
    setting : DigitsSetting
    seed : int
    progress : callable, optional
        Called in this thread with the fraction of the work that is done, 0 to 1.
    """
    cells = [(name, f) for name in DIGITS_METHODS for f in range(len(setting.fractions))]
    with _workers() as pool:
        trained = list(pool.map(lambda number: _train(setting, seed, number), range(setting.networks)))
        tasks = [(network, *cell) for cell in cells for network in trained]
        measured = []
        for result in pool.map(lambda task: _measure(setting, seed, *task), tasks):
            measured.append(result)
            if progress is not None:
                progress(len(measured) / len(tasks))
    by_cell = np.array(measured).reshape(len(cells), setting.networks, 2, 2)
    rows = [
        _row(name, setting.fractions[f], bool(reweighted), of_cell[:, reweighted])
        for (name, f), of_cell in zip(cells, by_cell, strict=True)
        for reweighted in (0, 1)
    ]
    return DigitsStudy(setting, tuple(t.mlp.error(t.x_test, t.y_test) for t in trained), tuple(rows))


@contextmanager
def _workers() -> Iterator[ThreadPoolExecutor]:
    """Threads, one per processor, with one BLAS thread each: the matrices are small.

    After an exception in the body, KeyboardInterrupt included, nothing new is started.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


@dataclass(frozen=True)
class _Trained:
    """A network and its split of the data."""

    number: int
    mlp: MLP
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
    return _Trained(number, MLP.from_sklearn(classifier.fit(x_train, y_train)), x_train, x_test, y_test)


def _measure(setting: DigitsSetting, seed: int, network: _Trained, name: str, fraction: int) -> NDArray[np.float64]:
    """Mean over masks of test error and fraction of parameters kept, (2, 2): as pruned, then reweighted.

    Both start from the same masks of the first layer.
    """
    method, keep, mlp = DIGITS_METHODS[name], setting.fractions[fraction], network.mlp
    key = (network.number, fraction, list(DIGITS_METHODS).index(name))
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
    count = 1 if method.deterministic else setting.masks
    measured = np.empty((count, 2, 2))
    for n, first in enumerate(_draw(mlp, 0, network.x_train, method, keep, rng, count)):
        for reweight in (False, True):
            pruned = _prune_from_first(mlp, network.x_train, first, method, keep, rng, reweight=reweight)
            error = pruned.error(network.x_test, network.y_test)
            measured[n, int(reweight)] = error, pruned.parameters / mlp.parameters
    return np.asarray(measured.mean(axis=0))


def _prune_from_first(
    mlp: MLP,
    x: NDArray[np.float64],
    mask: NDArray[np.bool_],
    method: Method,
    fraction: float,
    rng: np.random.Generator,
    *,
    reweight: bool,
) -> MLP:
    """Prune the first hidden layer by a given mask, each later one by a mask drawn on what is left."""
    prune = _prune_nodes if isinstance(method, NodeMethod) else _prune_edges
    for layer in range(mlp.hidden_layers):
        if layer > 0:
            mask = _draw(mlp, layer, x, method, fraction, rng, 1)[0]
        mlp = prune(mlp, layer, x, mask, reweight=reweight)
        x = mlp.activations(layer, x)
    return mlp


def _draw(
    mlp: MLP,
    layer: int,
    x: NDArray[np.float64],
    method: Method,
    fraction: float,
    rng: np.random.Generator,
    count: int,
) -> NDArray[np.bool_]:
    """Masks (count, K) or (count, K, N) for one hidden layer, whose inputs are x (n, N)."""
    weights = mlp.weights[layer]
    look = Layer(
        weights,
        mlp.weights[layer + 1].T,
        activation_kernel=_second_moments(mlp.activations(layer, x)),
        preactivation_kernel=_second_moments(mlp.preactivations(layer, x)),
        input_moments=_second_moments(x),
    )
    if isinstance(method, NodeMethod):
        return method.draw(look, edges_kept(fraction, len(weights)), rng, count)
    return method.draw(look, fraction, rng, count)


def _prune_nodes(mlp: MLP, layer: int, x: NDArray[np.float64], mask: NDArray[np.bool_], *, reweight: bool) -> MLP:
    """The network without the nodes where mask (K,) is false; see `prune_layers` for `reweight`."""
    kept = np.flatnonzero(mask)
    outgoing, bias = mlp.weights[layer + 1].T, mlp.biases[layer + 1]
    left = outgoing[kept]
    if reweight:
        h = mlp.activations(layer, x)
        left = reweighted_second_layer(_covariance(h), outgoing, kept[None])[0]
        mean = h.mean(axis=0)
        bias = bias + (mean @ outgoing - mean[kept] @ left)
    return mlp.with_layers({layer: (mlp.weights[layer][kept], mlp.biases[layer][kept]), layer + 1: (left.T, bias)})


def _prune_edges(mlp: MLP, layer: int, x: NDArray[np.float64], mask: NDArray[np.bool_], *, reweight: bool) -> MLP:
    """The network without the edges where mask (K, N) is false; see `prune_layers` for `reweight`."""
    weights, bias = mlp.weights[layer], mlp.biases[layer]
    left = np.where(mask, weights, 0.0)
    if reweight:
        left = reweighted_edges(weights, mask, _covariance(x))
        bias = bias + (weights - left) @ x.mean(axis=0)
    return mlp.with_layers({layer: (left, bias)})


def _second_moments(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """E[x xᵀ] over the rows of x (n, N)."""
    return np.asarray(x.T @ x / len(x))


def _covariance(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Covariance over the rows of x (n, N): fitting to centred data is fitting with a free bias."""
    return _second_moments(x - x.mean(axis=0))


def _row(method: str, fraction: float, reweighted: bool, measured: NDArray[np.float64]) -> PrunedError:
    """Summarise errors and kept fractions, (networks, 2)."""
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
