"""What `bound --certify` prints."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING

from divprune_sym.certify.stored import NAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from divprune_sym.certify.run import Outcome

_WIDTH = 100


def print_certified(outcomes: Sequence[Outcome], folder: str) -> None:
    """Sentences that are certified, then what is not, and why."""
    certified = [outcome.sentence for outcome in outcomes if outcome.sentence]
    print(f"\ncertified: {len(certified)} of {len(outcomes)} comparisons\n")
    for sentence in certified:
        print(fill(sentence, _WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False))
    numerical = [outcome for outcome in outcomes if not outcome.sentence]
    if numerical:
        print("\nnumerical, not certified\n")
    for outcome in numerical:
        said = f"{', '.join(x for x in (outcome.rival, outcome.about) if x)}: {outcome.why}"
        print(fill(said, _WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False))
    if certified:
        print(f"\nto check it again: divprune-sym verify --quick {folder}/{NAME}")
