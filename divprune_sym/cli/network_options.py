"""Options of the commands about real networks, as they are written on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from divprune_sym.cli.options import Whole

if TYPE_CHECKING:
    from divprune_sym.ground.checks import BadInput
    from divprune_sym.networks.prune import PruneSetting

DataOption = Annotated[str, Parameter(name="--data")]
Layers = Annotated[list[Whole] | None, Parameter(name="--layer", negative=())]
Flag = Annotated[bool, Parameter(show_default=False)]


def _refusal(msg: str) -> BadInput:
    # NumPy comes with it: `--help` must not wait for that
    from divprune_sym.ground.checks import BadInput

    return BadInput(msg)


def read_normalize(text: str | None) -> tuple[float, float] | None:
    """MEAN,STD as numbers."""
    if text is None:
        return None
    try:
        mean, std = (float(part) for part in text.split(","))
    except ValueError:
        msg = f"--normalize {text[:40]!r}: expected MEAN,STD such as 0.1307,0.3081"
        raise _refusal(msg) from None
    return mean, std


def read_shares(text: str) -> list[float]:
    """One share, or several separated by commas."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        msg = f"--keep {text[:40]!r}: expected a share such as 0.3, or one for each layer: 0.3,0.5"
        raise _refusal(msg) from None


def read_grid(text: str) -> tuple[float, ...]:
    """FROM:TO:STEP, or shares separated by commas."""
    if ":" not in text:
        return tuple(read_shares(text))
    try:
        low, high, step = (float(part) for part in text.split(":"))
    except ValueError:
        low, high, step = 1.0, 0.0, 0.0
    if not (0.0 <= low <= high <= 1.0 and step > 0.0 and (high - low) / step < 1000):
        msg = f"--keep {text[:40]!r}: expected FROM:TO:STEP in [0, 1] such as 0.2:0.9:0.1, at most 1000 shares"
        raise _refusal(msg)
    count = int((high - low) / step + 1e-9) + 1
    return tuple(round(low + n * step, 12) for n in range(count))


def setting_of(
    layers: list[int] | None, *, reweight: bool, as_published: bool, original: bool, silenced: bool, ridge: float
) -> PruneSetting:
    """What the flags say together."""
    from divprune_sym.networks.prune import PruneSetting

    chosen = None if layers is None else tuple(layers)
    if as_published:
        if silenced or original or ridge:
            msg = "--as-published: is a setting of its own; leave out --silenced, --original and --ridge"
            raise _refusal(msg)
        return PruneSetting.as_published(chosen, reweight)
    return PruneSetting(
        chosen,
        "original" if original else "pruned",
        reweight,
        ridge=ridge,
        pruned_node="silenced" if silenced else "removed",
    )
