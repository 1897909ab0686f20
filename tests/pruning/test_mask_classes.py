"""Random edge pruning as 2^K mask classes, the state that retraining starts from."""

import numpy as np
import pytest

from divprune_sym import Network, OrderParameters
from divprune_sym.checks import BadInput
from divprune_sym.pruning import Layer, RandomEdge
from pruning.judges import FALSE_ALARM, REJECTION, covariance, gaussian_rows, mean_pvalue, random_state, state_of

METHOD = RandomEdge()
CLASSES = ("Q_classes", "R_classes", "T_classes", "v", "A", "mask", "fraction", "variance")


@pytest.mark.parametrize("keep", [0.0, 1e-3, 0.3, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_classes_add_up_to_the_limit(keep, seed):
    state = random_state(seed)
    classes = METHOD.mask_classes(state, keep)
    # valid by the checks of OrderParameters: semi-definite classes, fractions that sum to 1
    OrderParameters(**{name: getattr(classes, name) for name in CLASSES})
    np.testing.assert_allclose(classes.covariance, METHOD.limit(state, keep).covariance, rtol=1e-12, atol=1e-14)
    assert classes.fraction @ classes.mask == pytest.approx(np.full(4, keep), abs=1e-14)
    assert len(np.unique(classes.mask, axis=0)) == len(classes.mask) == (1 if keep in (0.0, 1.0) else 16)


def test_what_is_masked_has_no_overlap():
    classes = METHOD.mask_classes(random_state(0), 0.4)
    lost = classes.mask == 0
    assert not classes.R_classes[lost].any()
    assert not classes.Q_classes[lost[:, :, None] | lost[:, None, :]].any()


def test_input_variance_is_kept():
    state = random_state(1)
    loud = OrderParameters.unpruned(state.Q, state.R, state.T, state.v, state.A, variance=2.5)
    classes = METHOD.mask_classes(loud, 0.4)
    assert (classes.variance == 2.5).all()
    np.testing.assert_allclose(classes.covariance, METHOD.limit(loud, 0.4).covariance, rtol=1e-12, atol=1e-14)


def test_classes_of_drawn_masks():
    """Fractions and overlaps of each class on 30 networks of 1000 inputs: unbiased, so Student's t decides.

    A correct sampler fails with probability 1e-6; masks shared by the nodes must get p < 1e-12.
    """
    K, M, N, keep = 3, 2, 1000, 0.4
    C = covariance(K, M, 4)
    state = state_of(C, K, np.ones(K), np.ones(M))
    theory = METHOD.mask_classes(state, keep)
    wanted = np.lexsort(theory.mask.T[::-1])
    rng = np.random.default_rng(8)

    def sample(shared):
        rows = gaussian_rows(C, N, rng)
        w, B = rows[:K], rows[K:]
        mask = METHOD.draw(Layer.on_white_inputs(w, np.ones(K)), keep, rng)[0]
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


def test_refusals():
    with pytest.raises(BadInput, match="K = 12 nodes and 1 classes; at most 10 and 1"):
        METHOD.mask_classes(random_state(0, K=12), 0.5)
    with pytest.raises(BadInput, match="K = 4 nodes and 16 classes; at most 10 and 1"):
        METHOD.mask_classes(METHOD.mask_classes(random_state(0), 0.5), 0.5)
    with pytest.raises(BadInput, match="keep fraction"):
        METHOD.mask_classes(random_state(0), 1.5)
