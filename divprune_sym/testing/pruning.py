"""The two faces of a pruning method against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import t as student_t

from divprune_sym.bound.faces import Agreement, Drawing, compare_faces
from divprune_sym.ground.checks import integer, number
from divprune_sym.pruning.registry import as_method
from divprune_sym.testing.names import name_of

if TYPE_CHECKING:
    from divprune_sym.pruning import EdgePruning, NodeMethod
    from divprune_sym.pruning.variant import EdgeVariant


def assert_limit_matches_draw(
    method: str | EdgePruning | NodeMethod | EdgeVariant,
    *,
    inputs: int = 1200,
    networks: int = 30,
    masks: int = 8,
    seed: int = 0,
    false_alarm: float = 1e-4,
) -> Agreement:
    """Assert that the masks a method draws do to real networks what its limit says.

    Masks are drawn on Gaussian networks, and what they leave is compared with `limit` at the order parameters of the
    same network: for edges, every kind of overlap of copies and of correlated nodes, at up to three keep fractions;
    for nodes, the error averaged over masks, for up to five numbers of kept nodes. Each mean difference is judged by
    Student's t over networks, Bonferroni over all comparisons.

    Parameters
    ----------
    method : str or pruning method
        A name that ``divprune-sym error`` knows, or a method of your own (docs/bound_a_variant.md).
    inputs, networks, masks : int
        N, networks of each kind (at least 3), and masks on each. A limit differs from what masks do at finite N by
        O(1/N), which does not average out: with more networks, take more inputs.
    seed : int
        Of networks and masks.
    false_alarm : float
        Probability, over seeds, that two faces that agree fail (as N → ∞).

    Returns
    -------
    Agreement
        Every comparison; `resolution` is the largest difference that would have gone unnoticed.

    Raises
    ------
    AssertionError
        A difference is beyond chance. The message names the quantity, and ends with a line that repeats the test.
    BadInput
        There is no such method, or a number is out of range.
    """
    found = as_method(method)
    false_alarm = number("false_alarm", false_alarm, 0.0, 1.0)
    drawing = Drawing(integer("inputs", inputs, 2), integer("networks", networks, 3), integer("masks", masks, 1))
    faces = compare_faces(found, 2, 2, drawing, np.random.default_rng(integer("seed", seed, 0))).faces
    limit = float(student_t.ppf(1 - false_alarm / (2 * len(faces)), networks - 1))
    agreement = Agreement(faces, networks, limit, false_alarm)
    if not agreement.agrees:
        worst = agreement.worst
        name = repr(method) if isinstance(method, str) else f"{name_of(type(found), 'method')}()"
        msg = (
            f"{found.name}: {worst.quantity} ({worst.state}) at keep fraction {worst.keep:.3g}: "
            f"limit {worst.limit:.6g}, drawn {worst.drawn:.6g}, t = {worst.t_statistic:.1f} beyond {limit:.1f}\n"
            f"reproduce: assert_limit_matches_draw({name}, {inputs=}, {networks=}, {masks=}, {seed=})"
        )
        raise AssertionError(msg)
    return agreement
