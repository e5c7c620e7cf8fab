"""From tallies to values: which source is believed, what to do where files differ."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from openem_nb import units
from openem_nb.oscem.document import set_at
from openem_nb.oscem.provenance import INSTRUMENT_FILE, Provenance
from openem_nb.oscem.readers import QUANTITIES, Finding, Value, label

if TYPE_CHECKING:
    from openem_nb.oscem._gather import Gathered, Group, Tally

__all__ = ["INSTRUMENT_FILE", "Composer", "Pick", "clean", "near", "text_of"]

_KINDS: Final = (
    *("file header", "fractions", "signal", "tilt", "image", "tilt series", "session"),
    *("overview", "montage"),
)
"""Who is believed first. The movie itself knows best what it is; the camera's own list of
fractions comes next; the microscope's state at the exposure after that, and what was planned for
a session late, because plans change. Overviews, last, are of the same microscope and no more."""

_ORDER: Final = {
    # a header is written when the file is closed, and the camera's clock has another zone
    "time": ("image", "tilt", "signal", "fractions", "file header"),
    # pages of a header may be images of a series, and an EER file counts raw frames
    "frames": ("fractions", "image", "tilt", "file header"),
    # Falcon 4i in the image's XML, Falcon-4 or a serial number elsewhere
    "detector": ("image", "tilt", "signal", "tilt series", "file header", "fractions"),
    # the header names the program that wrote the file, which is not always that of the microscope
    "software": ("image", "tilt", "signal", "tilt series", "session", "fractions", "file header"),
    "software_version": (
        *("image", "tilt", "signal", "tilt series", "session", "fractions", "file header"),
    ),
}
_SOURCES: Final = ("eer", "tiff", "mrc", "serialem", "epu", "tomo5", "velox", "prz", "dm", "tia")
"""Within one kind: the movie before the average; an mdoc, which is written with each tilt, before
the XML."""

_OWN_WORDS: Final = ("serial", "fractionation")
"""Quantities that stand in no document; where files differ in them, others say what that means."""
_ASKED: Final = {
    "serial": "instrument.microscope.model",
    **dict.fromkeys(("camera", "detector"), "acquisition.detectors[0].name"),
}
"""Where a person is asked instead."""
AGREE: Final = 0.95
"""Share of files that has to say the same for a value to be taken in spite of the others."""
_NEAR: Final = 1e-3
"""Relative difference of two numbers that are one: files round."""


def near(a: Value, b: Value) -> bool:
    """Return whether two values say the same."""
    if isinstance(a, str) or isinstance(b, str) or isinstance(a, bool) or isinstance(b, bool):
        return a == b
    return math.isclose(a, b, rel_tol=_NEAR, abs_tol=1e-12)


def clean(value: float) -> float | int:
    """Return a number without the dust of a change of units: 12 digits, whole where it is whole."""
    rounded = float(f"{value:.12g}")
    return int(rounded) if rounded == int(rounded) and abs(rounded) < 1e15 else rounded


def text_of(value: Any) -> str:
    """Return a value as text for people."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.12g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True, slots=True)
class Pick:
    """A value that was chosen, and of whom."""

    value: Value
    group: Group
    tally: Tally
    agreed: int
    total: int


class Composer:
    """Puts values into a document and remembers where they come from."""

    def __init__(self, gathered: Gathered, *, si: bool) -> None:
        self.gathered = gathered
        self.si = si
        self.document: dict[str, Any] = {}
        self.provenance: dict[str, Provenance] = {}
        self.waiting: dict[str, tuple[Any, Provenance]] = {}
        """True values whose object lacks something that it has to have."""
        self.needed: dict[str, str] = {}
        """Paths that would let values that wait be written, with the reason."""

    def find(self, finding: Finding) -> None:
        """Add a finding."""
        self.gathered.findings.add(finding)

    def said(self, name: str) -> list[tuple[Group, Tally]]:
        """Return who says a quantity, in the order in which they are believed."""
        order = _ORDER.get(name, _KINDS)
        found = [
            (group, group.tallies[name])
            for group in self.gathered.groups.values()
            if name in group.tallies and group.kind in order
        ]
        return sorted(found, key=lambda one: (order.index(one[0].kind), _place(one[0].source)))

    def pick(self, name: str, *, compare: bool = True) -> Pick | None:
        """Choose the value of a quantity in which files have to agree.

        Where they do not, the most frequent value is taken if 95 % of the files say it, and a
        finding tells of the others; if not, there is no value, and the finding lists them all.
        """
        chosen: Pick | None = None
        for group, tally in self.said(name):
            mine = self._agreed(name, group, tally) if chosen is None else None
            if chosen is None:
                chosen = mine
                if mine is None:
                    return None
                continue
            first = next(iter(tally.values), None)
            if compare and first is not None and not near(first, chosen.value):
                self.find(
                    Finding(
                        "disagree",
                        f"{_label(name)}: {_who(chosen.group)} says {text_of(chosen.value)}, "
                        f"{_who(group)} says {text_of(first)}; the former is taken.",
                        "Look which of them is right, and give the value yourself if need be.",
                        files=(tally.file,),
                    )
                )
        return chosen

    def _agreed(self, name: str, group: Group, tally: Tally) -> Pick | None:
        values, total = tally.values, tally.count
        if not values:
            return None
        first = next(iter(values))
        agreed = sum(count for value, count in values.items() if near(value, first))
        if agreed == total:
            return Pick(first, group, tally, agreed, total)
        taken = agreed >= AGREE * total
        if not taken:
            path = _ASKED.get(name, QUANTITIES[name].path)
            self.needed.setdefault(path, "the files do not agree on it")
        if name in _OWN_WORDS:
            return Pick(first, group, tally, agreed, total) if taken else None
        unit = QUANTITIES[name].unit
        listed = ", ".join(
            f"{text_of(value)}{f' {unit}' if unit else ''} ({count})"
            for value, count in list(values.items())[:8]
        ) + (", ..." if len(values) > 8 or tally.many else "")
        self.find(
            Finding(
                "mixed",
                f"{_label(name)} is not the same in all files: {listed}. "
                + (
                    f"{text_of(first)} is taken, which {agreed} of {total} say."
                    if taken
                    else "It is left out."
                ),
                "Put files that belong to another session into a folder of their own, or give the"
                " value yourself.",
            )
        )
        return Pick(first, group, tally, agreed, total) if taken else None

    def put(
        self,
        path: str,
        value: Any,
        pick: Pick | None = None,
        *,
        unit: str = "",
        rule: str = "",
        source: str = "",
        tag: str = "",
        file: str = "",
        spread: bool = True,
        wait: bool = False,
    ) -> None:
        """Write a value, and where it comes from.

        Parameters
        ----------
        spread :
            Smallest and largest of the tally are of this very quantity.
        wait :
            Keep it back until the rest of its object is known.
        unit :
            Makes it a quantity.
        source :
            In place of ``pick``: who says it, where no file of the session does.
        """
        if isinstance(value, float):
            value = clean(value)
        written = units.quantity(value, unit, si=self.si) if unit else value
        unit = written["unit"] if unit else ""
        if pick is None:
            origin = Provenance(path, text_of(value), source, rule=rule, tag=tag, unit=unit)
        else:
            origin = _origin(path, value, pick, unit, rule, tag, file)
            if not spread:
                origin = replace(origin, low=None, high=None, others=())
        if wait:
            self.waiting[path] = (written, origin)
            return
        set_at(self.document, path, written)
        self.provenance[path] = origin

    def same(
        self, name: str, path: str = "", *, whole: bool = False, compare: bool = True
    ) -> Pick | None:
        """Write a quantity in which files have to agree; returns what was chosen."""
        pick = self.pick(name, compare=compare)
        quantity = QUANTITIES[name]
        if pick is None:
            return None
        value: Any = pick.value
        if whole and not isinstance(value, str) and value != int(value):
            return None
        self.put(path or quantity.path, int(value) if whole else value, pick, unit=quantity.unit)
        return pick

    def spread(self, name: str, path: str) -> None:
        """Write smallest and largest as ``minimal`` and ``maximal``; one value is both."""
        for group, tally in self.said(name):
            self._range(name, group, tally, path, ("minimal", "maximal"))
            return

    def box(self, name: str, axis: str, path: str) -> None:
        """Write one axis of a box: ``x_min`` and ``x_max``."""
        for group, tally in self.said(name):
            self._range(name, group, tally, path, (f"{axis}_min", f"{axis}_max"))
            return

    def _range(
        self, name: str, group: Group, tally: Tally, path: str, ends: tuple[str, str]
    ) -> None:
        count = tally.count
        one = tally.low == tally.high
        words = ("smallest of all", "largest of all")
        for end, value, word in zip(ends, (tally.low, tally.high), words, strict=True):
            if value is None:
                continue
            self.put(
                f"{path}.{end}",
                float(value),
                Pick(value, group, tally, count, count),
                unit=QUANTITIES[name].unit,
                rule="" if one else word,
            )


def _origin(
    path: str, value: Any, pick: Pick, unit: str, rule: str, tag: str, file: str
) -> Provenance:
    tally, group = pick.tally, pick.group
    numbers = isinstance(value, int | float) and not isinstance(value, bool)
    return Provenance(
        path,
        text_of(value),
        group.source,
        group.kind,
        file or tally.file,
        tag or tally.tag,
        "; ".join(dict.fromkeys(part for part in (tally.rule, rule) if part)),
        pick.agreed,
        pick.total,
        tally.low if numbers else None,
        tally.high if numbers else None,
        unit,
        tuple(text_of(one) for one in tally.values if not near(one, pick.value))[:20],
    )


def _place(source: str) -> int:
    return _SOURCES.index(source) if source in _SOURCES else len(_SOURCES)


def _label(name: str) -> str:
    parts = (QUANTITIES[name].path or name).split(".")
    last = parts[-2:] if parts[-1] in ("width", "height", "used", "name") else parts[-1:]
    return " ".join(last).replace("_", " ").capitalize()


def _who(group: Group) -> str:
    return f"{label(group.source)} ({group.kind})"
