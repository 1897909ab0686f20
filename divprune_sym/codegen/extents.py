"""A pass on the form: arrays get their sizes, as numbers, holes for numbers, or what is known at run time only."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from typing import TYPE_CHECKING

from divprune_sym.codegen.form import Allocate, Expression, Name, Operation, Whole, parts, rebuilt
from divprune_sym.codegen.targets import hole, is_hole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from divprune_sym.codegen.form import Body


def frozen(extent: Expression, sizes: Mapping[str, int | str]) -> Expression:
    """A sum of sizes and integers with the sizes that are known by now."""
    names = [part.label for part in parts(extent) if isinstance(part, Name)]
    if names and all(is_hole(str(sizes.get(name))) for name in names):
        return Name(hole(" + ".join(names)))
    known = {name: size for name in names if isinstance(size := sizes.get(name), int)}
    total = sum(known[name] for name in names if name in known)
    total += sum(part.value for part in parts(extent) if isinstance(part, Whole))
    terms: list[Expression] = [Name(name) for name in names if name not in known]
    if total or not terms:
        terms.append(Whole(total))
    return reduce(lambda left, right: Operation("+", left, right), terms)


def is_frozen(extent: Expression) -> bool:
    """Whether an extent is a number by the time the text is compiled."""
    return isinstance(extent, Whole) or (isinstance(extent, Name) and is_hole(extent.label))


def with_sizes(body: Body, sizes: Mapping[str, int | str]) -> Body:
    """The statements with room for arrays of these sizes."""

    def change(part: object) -> object:
        if isinstance(part, Allocate):
            return replace(part, shape=tuple(frozen(extent, sizes) for extent in part.shape))
        return part

    return rebuilt(body, change)
