"""What thousands of readings say together, kept in a few numbers for each quantity.

Readings come and go; what stays is, for each kind of file and each quantity, how many say it, the
smallest, the largest, the sum and at most fifty different values with their counts. A session of
20,000 images so needs no more memory than one of fifty.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from openem_nb.oscem.readers import QUANTITIES, Finding, Reading, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Findings", "Gathered", "Group", "Tally", "Tilt", "Times", "longest_pause"]

DIFFERENT: Final = 50
"""Different values of one quantity that are kept."""
TILTS: Final = 50_000
"""Exposures of tilt series that are kept one by one: a thousand series."""
FILES: Final = 20
"""Files that a finding names."""
_MESSAGES: Final = 200
_HOURS: Final = 100_000
_OUTSIDE: Final = ("overview", "montage")
"""Kinds that are no data: their number is kept, and what is true of the microscope at any time."""
_OF_MICROSCOPE: Final = ("serial", "model", "manufacturer", "voltage", "electron_source", "cs")


class Tally:
    """All that is known of one quantity in one kind of file."""

    __slots__ = (
        "_high",
        "_low",
        "_run",
        "_runs",
        "_total",
        "_values",
        "file",
        "many",
        "rule",
        "tag",
    )

    def __init__(self, file: str, tag: str, rule: str) -> None:
        self.file = file
        """The first file that says it."""
        self.tag = tag
        self.rule = rule
        self.many = False
        """Whether there were more different values than are kept."""
        self._low: float | None = None
        self._high: float | None = None
        self._total = 0.0
        self._values: dict[Value, int] = {}
        self._run: Value | None = None
        self._runs = 0

    def add(self, value: Value) -> None:
        """Take in one more value; one that is the same as the last takes next to no time."""
        if value == self._run:
            self._runs += 1
            return
        if self._runs:
            self._close()
        self._run = value
        self._runs = 1

    def _close(self) -> None:
        value, times = self._run, self._runs
        self._run, self._runs = None, 0
        if value is None:
            return
        if value in self._values:
            self._values[value] += times
        elif len(self._values) < DIFFERENT:
            self._values[value] = times
        else:
            self.many = True
            self._values[_REST] = self._values.get(_REST, 0) + times
        if not isinstance(value, str):
            self._total += value * times
            if self._low is None or value < self._low:
                self._low = value
            if self._high is None or value > self._high:
                self._high = value

    @property
    def values(self) -> Mapping[Value, int]:
        """Different values and how often each came, the most frequent first."""
        self._close()
        known = [(value, n) for value, n in self._values.items() if value != _REST]
        return dict(sorted(known, key=lambda one: (-one[1], str(one[0]))))

    @property
    def low(self) -> float | None:
        """Smallest of all numbers; None where there is none."""
        self._close()
        return self._low

    @property
    def high(self) -> float | None:
        """Largest of all numbers; None where there is none."""
        self._close()
        return self._high

    @property
    def count(self) -> int:
        """How many readings say it."""
        self._close()
        return sum(self._values.values())

    @property
    def mean(self) -> float:
        """Mean of all values, which have to be numbers."""
        return self._total / self.count if self.count else float("nan")


_REST: Final = "\0rest"


class Times:
    """When it was: the earliest and latest moment, with a zone and without one."""

    __slots__ = ("count", "earliest", "file", "hours", "latest", "odd")

    def __init__(self) -> None:
        self.count = 0
        self.odd = 0
        """How many times could not be read."""
        self.earliest: dict[bool, tuple[datetime, str]] = {}
        """By whether the zone is known: the moment, and how the file writes it."""
        self.latest: dict[bool, tuple[datetime, str]] = {}
        self.file: dict[bool, str] = {}
        self.hours: set[int] = set()
        """Hours since 1970 in which something was recorded."""

    def add(self, text: str, file: str) -> datetime | None:
        """Take in one more time; returns it, None where the text is none."""
        try:
            moment = datetime.fromisoformat(text)
            zoned = moment.tzinfo is not None
            when = moment if zoned else moment.replace(tzinfo=UTC)
            hour = int(when.timestamp()) // 3600
        except (ValueError, OverflowError):
            self.odd += 1
            return None
        self.count += 1
        if zoned not in self.earliest or when < self.earliest[zoned][0]:
            self.earliest[zoned] = (when, text)
            self.file[zoned] = file
        if zoned not in self.latest or when > self.latest[zoned][0]:
            self.latest[zoned] = (when, text)
        if len(self.hours) < _HOURS:
            self.hours.add(hour)
        return when


def longest_pause(hours: Iterable[int]) -> timedelta:
    """Return the longest time in which nothing was recorded, to the hour."""
    gaps = (later - earlier for earlier, later in pairwise(sorted(hours)))
    return timedelta(hours=max(gaps, default=0))


@dataclass(frozen=True, slots=True)
class Tilt:
    """One exposure of a tilt series."""

    series: str
    """File that holds the series, relative to the folder."""
    angle: float
    """Degrees."""
    time: str = ""
    seconds: float | None = None
    """Seconds since 1970, by the clock of the microscope."""
    dose: float | None = None
    """Electrons per Å²."""
    prior_dose: float | None = None
    """Electrons per Å² that the specimen had seen before, where the file says so."""
    defocus: float | None = None
    """Nanometres, underfocus negative."""
    exposure: float | None = None
    """Seconds."""
    movie: str = ""


@dataclass(slots=True)
class Group:
    """Everything that one kind of file of one writer says."""

    source: str
    kind: str
    count: int = 0
    tallies: dict[str, Tally] = field(default_factory=dict)
    times: Times = field(default_factory=Times)
    file: str = ""
    """The first one."""


class Findings:
    """Findings by what they say, each with a few of its files."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], tuple[Finding, list[str], int]] = {}

    def add(self, finding: Finding, file: str = "") -> None:
        """Take in a finding, of a file or of the whole session."""
        key = (finding.code, finding.message)
        if key not in self._kept:
            if len(self._kept) >= _MESSAGES:
                key = (finding.code, "")
            self._kept.setdefault(key, (finding, list(finding.files), 0))
        first, files, count = self._kept[key]
        if file and file not in files and len(files) < FILES:
            files.append(file)
        self._kept[key] = (first, files, count + finding.count)

    def all(self) -> tuple[Finding, ...]:
        """Return all findings, the gravest first."""
        levels = ("error", "warning", "info")
        found = [
            replace(finding, files=tuple(files), count=count)
            for finding, files, count in self._kept.values()
        ]
        return tuple(sorted(found, key=lambda one: levels.index(one.level)))


class Gathered:
    """All that a folder says, by kind of file and quantity."""

    def __init__(self) -> None:
        self.groups: dict[tuple[str, str], Group] = {}
        self.findings = Findings()
        self.tilts: list[Tilt] = []
        self.tilts_left = 0
        """Exposures of tilt series beyond those that are kept."""
        self.singles: list[Tilt] = []
        """Exposures that are files of their own, as long as they may be of tilt series."""
        self._leaning: set[int] | None = set()
        self.detectors: dict[str, dict[str, Value]] = {}
        """Of files of materials science: what belongs to each detector, by its name."""
        self._movies: set[str] = set()
        self.sampled: set[str] = set()
        """Formats of which not all files were looked into."""

    def add(self, readings: Iterable[Reading], file: str) -> None:
        """Take in what one file says."""
        for reading in readings:
            key = (reading.source, reading.kind)
            group = self.groups.get(key)
            if group is None:
                group = self.groups[key] = Group(*key, file=file)
            if reading.values or not reading.findings:
                group.count += 1
            for finding in reading.findings:
                self.findings.add(finding, file)
            if reading.kind in _OUTSIDE:
                said = reading.values
                always = {name: said[name] for name in _OF_MICROSCOPE if name in said}
                reading = replace(reading, values=always)
            self._values(reading, group, file)

    def _values(self, reading: Reading, group: Group, file: str) -> None:
        tallies, values = group.tallies, reading.values
        for name, value in values.items():
            tally = tallies.get(name)
            if tally is None:
                if name not in QUANTITIES:
                    continue
                tally = tallies[name] = Tally(
                    file, reading.tags.get(name, ""), reading.rules.get(name, "")
                )
            if name != "time" and value == value:
                tally.add(value)
        when = None
        if (text := values.get("time")) is not None:
            when = group.times.add(str(text), file)
        if (movie := values.get("movie")) is not None and len(self._movies) < _MOVIES:
            self._movies.add(str(movie).lower())
        if reading.kind == "tilt":
            self._tilt(values, file, when)
        elif reading.kind == "image" and reading.source == "serialem":
            self._single(values, file, when)
        elif reading.kind == "signal" and len(self.detectors) < DIFFERENT:
            self._detector(values)

    def _detector(self, values: Mapping[str, Value]) -> None:
        """Keep together what a signal says of the detector that it comes from."""
        if (detector := values.get("detector")) is None:
            return
        own = self.detectors.setdefault(str(detector), {})
        for part in _OF_DETECTOR:
            if part in values:
                own.setdefault(part, values[part])

    def is_movie(self, name: str) -> bool:
        """Return whether an image file is a movie that one of the readings speaks of.

        EPU calls its movies as the XML with ``_Fractions`` or ``_EER`` after it; what has the very
        name of the XML is an average, with the size and pixel of a preview.
        """
        base = name.rpartition("/")[2].lower()
        stem, _dot, ending = base.rpartition(".")
        if base in self._movies:
            return True
        short = _SUFFIX.sub("", stem)
        return short in self._movies and (short != stem or ending in ("eer", "tif", "tiff"))

    def _tilt(self, values: Mapping[str, Value], file: str, when: datetime | None) -> None:
        angle = _number(values, "tilt_angle")
        if angle is None:
            return
        if len(self.tilts) >= TILTS:
            self.tilts_left += 1
            return
        self.tilts.append(_tilt(values, angle, file, when))

    def _single(self, values: Mapping[str, Value], file: str, when: datetime | None) -> None:
        """Keep an exposure unless the stage stood still for so long that it is no tilt series."""
        angle = _number(values, "stage_tilt")
        if angle is None or self._leaning is None or len(self.singles) >= TILTS:
            return
        if len(self._leaning) < _STILL:
            self._leaning.add(round(angle))
            if len(self.singles) >= _SINGLES and len(self._leaning) < _STILL:
                self._leaning = None
                self.singles.clear()
                return
        self.singles.append(_tilt(values, angle, file, when))


def _tilt(values: Mapping[str, Value], angle: float, file: str, when: datetime | None) -> Tilt:
    return Tilt(
        series=file,
        angle=angle,
        time=str(values.get("time", "")),
        seconds=when.timestamp() if when is not None else None,
        dose=_number(values, "dose"),
        prior_dose=_number(values, "prior_dose"),
        defocus=_number(values, "defocus_nominal"),
        exposure=_number(values, "exposure"),
        movie=str(values.get("movie", "")),
    )


_STILL: Final = 4
"""Different degrees of the stage below which images may well be single particles."""
_SINGLES: Final = 2000
"""Images after which that is believed."""
_SUFFIX: Final = re.compile(r"_(?:fractions|eer)$")
_MOVIES: Final = 100_000
_OF_DETECTOR: Final = (
    "detector_mode",
    "collection_angle_min",
    "collection_angle_max",
    "dispersion",
)


def _number(values: Mapping[str, Value], name: str) -> float | None:
    value = values.get(name)
    return float(value) if isinstance(value, int | float) else None
