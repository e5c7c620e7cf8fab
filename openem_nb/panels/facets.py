"""Boxes to tick that narrow down a search: the values that the hits have, with their counts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import traitlets

from openem_nb.panels._front_end import FrontEnd, module, style

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["Chosen", "Facet", "Facets", "Option"]

Chosen = dict[str, list[str]]
"""The ticked values, by the name of their property; a property without any is not in it."""


@dataclass(frozen=True, slots=True)
class Option:
    """One value of a property."""

    value: str
    """The value itself."""
    label: str
    """What a person reads."""
    count: int
    """How many hits have it."""


@dataclass(frozen=True, slots=True)
class Facet:
    """One property of the hits."""

    name: str
    """What tells it from the others."""
    label: str
    """What a person reads above its values."""
    options: tuple[Option, ...] = ()
    """Its values, the one that comes first first; without any it is not shown."""


class Facets(FrontEnd):
    """Properties with boxes to tick; all that are ticked travel with each click.

    Parameters
    ----------
    label :
        Heading and accessible name.
    choose :
        Called with all ticked values after each click; it must be quick.
    """

    _esm = module("facets")
    _css = style("facets")

    label = traitlets.Unicode().tag(sync=True)
    groups = traitlets.List(traitlets.Dict()).tag(sync=True)
    chosen = traitlets.Dict().tag(sync=True)
    busy = traitlets.Bool(False).tag(sync=True)

    def __init__(self, label: str, *, choose: Callable[[Chosen], None]) -> None:
        super().__init__(label=label)
        self._choose = choose
        self.answer("choose", self._on_choose)

    def show(self, facets: Iterable[Facet]) -> None:
        """Replace the properties; a ticked value stays, also where no hit has it any more."""
        shown = [asdict(_with_chosen(facet, self.chosen.get(facet.name, ()))) for facet in facets]
        self.groups = shown

    def choose(self, chosen: Mapping[str, Iterable[str]]) -> None:
        """Do what ticking these boxes and no others does."""
        self.chosen = {name: list(values) for name, values in chosen.items() if values}
        self._choose(dict(self.chosen))

    def _on_choose(self, content: Mapping[str, Any]) -> None:
        self.choose({str(name): map(str, values) for name, values in content["chosen"].items()})


def _with_chosen(facet: Facet, chosen: Iterable[str]) -> Facet:
    there = {option.value for option in facet.options}
    gone = tuple(Option(value, value, 0) for value in chosen if value not in there)
    return Facet(facet.name, facet.label, (*gone, *facet.options))
