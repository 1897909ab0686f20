"""What `bound --certify` prints."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING

from divprune_sym.certify.stored import NAME

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from divprune_sym.certify.run import Outcome

_WIDTH = 100


def print_certified(method: str, outcomes: Sequence[Outcome], folder: Path) -> None:
    """Sentences that are certified, then what is not, and why."""
    certified = [outcome.sentence for outcome in outcomes if outcome.sentence]
    print(f"\ncertified: {len(certified)} of {len(outcomes)} comparisons of {method}\n")
    for sentence in certified:
        print(fill(sentence, _WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False))
    numerical = [outcome for outcome in outcomes if not outcome.sentence]
    if numerical:
        print("\nnumerical, not certified\n")
    for outcome in numerical:
        said = f"{outcome.rival}, {outcome.about}: {outcome.why}"
        print(fill(said, _WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False))
    if certified:
        print(f"\nto check it again: divprune-sym verify --quick {folder / NAME}")
