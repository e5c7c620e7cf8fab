"""Tilt series whose exposures are files of their own, one mdoc each.

Scripts that take many series at once write no file for a series: that images belong together shows
in the tilts of the stage, in the dose that rises from one to the next, and in their names.
"""

from __future__ import annotations

import re
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING, Final

from openem_nb.oscem._document import TILTED, in_order
from openem_nb.oscem.readers import Finding
from openem_nb.oscem.readers._tilts import distinct_angles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openem_nb.oscem._gather import Gathered, Tilt

__all__ = ["regroup"]

_IMAGES: Final = ("serialem", "image")
_TILTS: Final = ("serialem", "tilt")
MANY: Final = 7
"""Different tilts that no session of single particles has: those have one to five."""
WIDE: Final = 10.0
"""Degrees that they have to span."""
_APART: Final = 0.5
"""Degrees between two tilts that are meant to be different."""
_IN_NAME: Final = re.compile(r"(?:[_\[]+|-(?=\d))([+-]?\d+(?:\.\d+)?)(?=[\]_.]|$)")
_NUMBER: Final = re.compile(r"[_\-. ]*\d+$")
_ENDING: Final = re.compile(r"(?:\.(?:mdoc|tiff?|mrcs?|eer))+$", re.IGNORECASE)


def regroup(gathered: Gathered, technique: str | None) -> None:
    """Make tilt series of single images if that is what they are.

    Parameters
    ----------
    technique :
        What a person says: a tilted technique makes series of any images at different tilts, one
        that is not tilted leaves them single.
    """
    group, singles = gathered.groups.get(_IMAGES), gathered.singles
    if group is None or not singles:
        return
    if gathered.tilts:
        _of_known_series(gathered)
        return
    angles = _different(singles)
    given = technique in TILTED
    if (technique is not None and not given) or len(angles) < 2:
        return
    if not given and not _is_series(singles, angles):
        return
    del gathered.groups[_IMAGES]
    group.kind = "tilt"
    gathered.groups[_TILTS] = group
    if "stage_tilt" in group.tallies:
        group.tallies["tilt_angle"] = group.tallies.pop("stage_tilt")
    gathered.tilts = list(_named(singles))
    gathered.findings.add(
        Finding(
            "single-tilts",
            f"{len(singles):,} mdoc files hold one exposure each, at {len(angles)} different tilts"
            " of the stage: they are taken as tilt series, told apart by the names of the files.",
            "Say technique='spa' if they are single images of a tilted stage.",
            "info",
        )
    )


def _different(singles: list[Tilt]) -> list[float]:
    found: list[float] = []
    for angle in distinct_angles([one.angle for one in singles]):
        if not found or angle - found[-1] > _APART:
            found.append(angle)
    return found


def _is_series(singles: list[Tilt], angles: list[float]) -> bool:
    if len(angles) >= MANY and angles[-1] - angles[0] >= WIDE:
        return True
    # of few tilts the dose tells whether they are of one place
    return len(angles) > 2 and any(_rises(found) for found in _by_name(singles).values())


def _rises(found: list[Tilt]) -> bool:
    doses = [one.prior_dose for one in in_order(found)]
    known = [dose for dose in doses if dose is not None]
    return len(known) == len(doses) > 2 and known == sorted(set(known))


def _named(singles: list[Tilt]) -> Iterator[Tilt]:
    """Yield exposures with the names of their series."""
    for base, found in _by_name(singles).items():
        parts = _parts(in_order(found))
        for number, part in enumerate(parts, start=1):
            name = f"{base} ({number})" if len(parts) > 1 else base
            yield from (replace(one, series=name) for one in part)


def _by_name(singles: list[Tilt]) -> dict[str, list[Tilt]]:
    by_name: dict[str, list[Tilt]] = {}
    for one in singles:
        by_name.setdefault(_base(one.series, one.angle), []).append(one)
    return by_name


def _base(file: str, angle: float) -> str:
    """Return what the files of one series have in common: ``ts_01`` of ``ts_01_007_-12.0.tif``."""
    folder, slash, name = file.rpartition("/")
    name = _ENDING.sub("", name)
    told = [one for one in _IN_NAME.finditer(name) if abs(float(one[1]) - angle) < 1]
    if told:  # a tilt of 0 looks like the number 000 before it, but for its point
        name = name[: max(told, key=lambda one: ("." in one[1], one.start())).start()]
    return f"{folder}{slash}{_NUMBER.sub('', name) or name}"


def _parts(found: list[Tilt]) -> list[list[Tilt]]:
    """Return series that have one name, apart: each begins where the dose begins again.

    Without doses a tilt that comes again begins a series; where this would leave pieces, because
    series were taken in turns, they stay together.
    """
    parts: list[list[Tilt]] = [[]]
    for one in found:
        part = parts[-1]
        before = part[-1] if part else None
        if before is not None and one.prior_dose is not None and before.prior_dose is not None:
            begins = one.prior_dose < before.prior_dose
        else:
            begins = any(abs(one.angle - other.angle) < _APART for other in part)
        if begins:
            parts.append([])
        parts[-1].append(one)
    return parts if median(len(part) for part in parts) > 2 else [found]


def _of_known_series(gathered: Gathered) -> None:
    """Leave out the files of single movies where those of their series are there as well."""
    group = gathered.groups[_IMAGES]
    movies = {one.movie.lower() for one in gathered.tilts if one.movie}
    theirs = [one for one in gathered.singles if one.movie and one.movie.lower() in movies]
    if len(theirs) < group.count:
        return
    del gathered.groups[_IMAGES]
    gathered.findings.add(
        Finding(
            "movies-of-series",
            f"{len(theirs):,} mdoc files are of single movies of the tilt series; what the files of"
            " the series say is taken.",
            level="info",
        )
    )
