"""Random edge pruning as 2^K mask classes, the state that retraining starts from."""

import numpy as np
import pytest

from divprune_sym import Network, OrderParameters
from divprune_sym.ground.checks import BadInput
from divprune_sym.pruning import METHODS, Layer, RandomEdge
from divprune_sym.pruning.method import EdgeMethod
from tests.pruning.judges import FALSE_ALARM, REJECTION, covariance, gaussian_rows, mean_pvalue, random_state, state_of

METHOD = RandomEdge()
CLASSES = ("Q_classes", "R_classes", "T_classes", "v", "A", "mask", "fraction", "variance")


@pytest.mark.parametrize("keep", [0.0, 1e-3, 0.3, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_classes_add_up_to_the_limit(keep, seed):
    state = random_state(seed)
    classes = METHOD.mask_classes(state, keep).state
    # valid by the checks of OrderParameters: semi-definite classes, fractions that sum to 1
    OrderParameters(**{name: getattr(classes, name) for name in CLASSES})
    np.testing.assert_allclose(classes.covariance, METHOD.limit(state, keep).covariance, rtol=1e-12, atol=1e-14)
    assert classes.fraction @ classes.mask == pytest.approx(np.full(4, keep), abs=1e-14)
    assert len(np.unique(classes.mask, axis=0)) == len(classes.mask) == (1 if keep in (0.0, 1.0) else 16)


def test_what_is_masked_has_no_overlap():
    classes = METHOD.mask_classes(random_state(0), 0.4).state
    lost = classes.mask == 0
    assert not classes.R_classes[lost].any()
    assert not classes.Q_classes[lost[:, :, None] | lost[:, None, :]].any()


def test_input_variance_is_kept():
    state = random_state(1)
    loud = OrderParameters.unpruned(state.Q, state.R, state.T, state.v, state.A, variance=2.5)
    classes = METHOD.mask_classes(loud, 0.4).state
    assert (classes.variance == 2.5).all()
    np.testing.assert_allclose(classes.covariance, METHOD.limit(loud, 0.4).covariance, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", ["random-edge", "magnitude-edge", "dpp-edge"])
@pytest.mark.statistical
def test_classes_of_drawn_masks(name):
    """Fractions and overlaps of each class on 30 networks of 1000 inputs: unbiased, so Student's t decides.

    A correct sampler fails with probability 1e-6; masks shared by the nodes must get p < 1e-12. Terms of order 1/N in
    the masks of magnitude and DPP edges, and the error of sampled classes, are below a tenth of the 30 networks' own.
    """
    K, M, N, keep = 3, 2, 1000, 0.4
    C = covariance(K, M, 4)
    state = state_of(C, K, np.ones(K), np.ones(M))
    method = METHODS[name]
    theory = method.mask_classes(state, keep).state
    wanted = np.lexsort(theory.mask.T[::-1])
    rng = np.random.default_rng(8)

    def sample(shared):
        rows = gaussian_rows(C, N, rng)
        w, B = rows[:K], rows[K:]
        mask = method.draw(Layer.on_white_inputs(w, np.ones(K)), keep, rng)[0]
        if shared:
            mask = np.repeat(mask[:1], K, axis=0)
        network = Network(w * mask, np.ones(K), B, np.ones(M), mask.astype(float))
        found = network.order_parameters()
        row = {tuple(m): c for c, m in enumerate(found.mask.tolist())}
        gaps = []
        for c in wanted:
            at = row.get(tuple(theory.mask[c].tolist()))
            for name in ("fraction", "Q_classes", "R_classes", "T_classes"):
                expected = np.atleast_1d(getattr(theory, name)[c])
                measured = np.zeros_like(expected) if at is None else np.atleast_1d(getattr(found, name)[at])
                gaps.append((measured - expected)[np.abs(expected) > 0].ravel())
        return np.concatenate(gaps)

    assert mean_pvalue(np.array([sample(False) for _ in range(30)])) > FALSE_ALARM
    wrong = np.array([sample(True) for _ in range(30)])
    assert mean_pvalue(wrong[:, wrong.std(axis=0) > 1e-9]) < REJECTION


# eight scramblings: an entry off by ten of the largest standard error has probability 2e-5 at most (Student's t of 7)
TEN = 10


@pytest.mark.statistical
def test_sampled_classes_of_random_edges_are_the_exact_ones():
    state = random_state(2)
    sampled, exact = EdgeMethod._classes(METHOD, state, 0.4, 0, 2**15), METHOD.mask_classes(state, 0.4).state
    assert 0 < sampled.standard_error < 1e-4
    assert np.array_equal(sampled.state.mask, exact.mask)
    for name in CLASSES:
        gap = np.abs(getattr(sampled.state, name) - getattr(exact, name)).max()
        assert gap <= TEN * sampled.standard_error
    wrong = METHOD.mask_classes(state, 0.41).state
    assert np.abs(sampled.state.Q_classes - wrong.Q_classes).max() > TEN * sampled.standard_error


@pytest.mark.parametrize("name", ["magnitude-edge", "dpp-edge"])
@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9])
@pytest.mark.statistical
def test_sampled_classes_add_up_to_the_limit(name, keep):
    state, method = random_state(3), METHODS[name]
    sampled = method.mask_classes(state, keep, seed=4)
    # sixteen classes together
    allowed = 4 * TEN * sampled.standard_error
    assert np.abs(sampled.state.covariance - method.limit(state, keep).covariance).max() <= allowed
    assert np.abs(sampled.state.covariance - METHOD.limit(state, keep).covariance).max() > allowed
    assert sampled.state.fraction @ sampled.state.mask == pytest.approx(np.full(4, keep), abs=allowed)


def test_a_seed_gives_the_same_classes():
    state, method = random_state(3), METHODS["magnitude-edge"]
    one, again, other = (method.mask_classes(state, 0.5, seed=s, points=256) for s in (1, 1, 2))
    assert np.array_equal(one.state.Q_classes, again.state.Q_classes)
    assert not np.array_equal(one.state.Q_classes, other.state.Q_classes)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"state": random_state(0, K=12)}, "K = 12 nodes and 1 classes; at most 10 and 1"),
        ({"keep": 1.1}, "keep fraction"),
        ({"points": 100}, "100 is no power of two"),
        ({"points": 1}, "points"),
    ],
)
def test_refusals_of_sampled_classes(changed, words):
    arguments = {"state": random_state(0), "keep": 0.5} | changed
    with pytest.raises(BadInput, match=words):
        METHODS["dpp-edge"].mask_classes(**arguments)


def test_refusals():
    with pytest.raises(BadInput, match="K = 12 nodes and 1 classes; at most 10 and 1"):
        METHOD.mask_classes(random_state(0, K=12), 0.5)
    with pytest.raises(BadInput, match="K = 4 nodes and 16 classes; at most 10 and 1"):
        METHOD.mask_classes(METHOD.mask_classes(random_state(0), 0.5).state, 0.5)
    with pytest.raises(BadInput, match="keep fraction"):
        METHOD.mask_classes(random_state(0), 1.5)
