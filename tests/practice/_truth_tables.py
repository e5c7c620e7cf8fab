"""The tables of the statistics, computed in plain Python from the truth of the practice archive.

Nothing here uses the package's own statistics, except the phrases of the alias list.
"""

from __future__ import annotations

import re
import statistics
import tomllib
from collections import Counter, defaultdict
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import date

    from openem_nb.practice.truth import EmdbTruth, Truth

PHRASES = [
    item["phrase"]
    for item in tomllib.loads(
        files("openem_nb.statistics").joinpath("funders.toml").read_text(encoding="utf-8")
    )["Switzerland"]
]


def alias_phrases(funder: str) -> list[str]:
    """Return the phrases that stand in a funder's name as whole words."""
    words = re.split(r"\W+", funder.casefold())
    found = []
    for phrase in PHRASES:
        part = re.split(r"\W+", phrase.casefold())
        if any(words[start : start + len(part)] == part for start in range(len(words))):
            found.append(phrase)
    return found


class Expected:
    """What the statistics of one country at one day must be."""

    def __init__(self, truth: Truth, day: date, country: str = "switzerland") -> None:
        self.truth, self.day, self.country = truth, day, country
        self.world = [
            entry
            for entry in truth.emdb.values()
            if entry.status == "REL"
            and entry.map_released is not None
            and max(entry.map_released, entry.deposited) <= day
        ]
        self.local = [e for e in self.world if country in truth.countries(e.emdb_id)]
        self.by_alias = {
            e.emdb_id for e in self.world if any(alias_phrases(grant.funder) for grant in e.grants)
        }
        self.own = {
            e.empiar_id
            for e in truth.empiar.values()
            if self.released(e.empiar_id)
            and any((grant.country or "").strip().casefold() == country for grant in e.grants)
        }

    def released(self, empiar_id: str) -> bool:
        entry = self.truth.empiar[empiar_id]
        return entry.status == "REL" and entry.released is not None and entry.released <= self.day

    def raw(self, entry: EmdbTruth) -> tuple[str, ...]:
        return self.truth.raw_data(entry.emdb_id, self.day)

    def linked(self, maps: Iterable[EmdbTruth]) -> set[str]:
        return {name for entry in maps for name in self.raw(entry)}

    def totals(self) -> dict[str, int]:
        local = {e.emdb_id for e in self.local}
        return {
            "entries": len(self.local),
            "with_raw_data": sum(bool(self.raw(e)) for e in self.local),
            "empiar_entries": len(self.linked(self.local)),
            "empiar_own_grant": len(self.own),
            "empiar_any": len(self.linked(self.local) | self.own),
            "world_entries": len(self.world),
            "world_with_raw_data": sum(bool(self.raw(e)) for e in self.world),
            "world_empiar_entries": len(self.linked(self.world)),
            "world_empiar_all": sum(self.released(name) for name in self.truth.empiar),
            "alias_entries": len(self.by_alias),
            "both_rules": len(self.by_alias & local),
        }

    def _yearly(self, maps: list[EmdbTruth]) -> dict[int, tuple[int, int, int]]:
        first: dict[str, int] = {}
        for entry in maps:
            for name in self.raw(entry):
                first[name] = min(first.get(name, 9999), entry.deposited.year)
        return {
            year: (
                sum(e.deposited.year == year for e in maps),
                sum(e.deposited.year == year and bool(self.raw(e)) for e in maps),
                sum(value == year for value in first.values()),
            )
            for year in self.years()
        }

    def years(self) -> range:
        return range(min(e.deposited.year for e in self.world), self.day.year + 1)

    def annual(self) -> list[tuple[Any, ...]]:
        def share(part: int, whole: int) -> float | None:
            return part / whole if whole else None

        local, world = self._yearly(self.local), self._yearly(self.world)
        return [
            (
                year,
                e,
                r,
                share(r, e),
                p,
                share(p, e),
                we,
                wr,
                share(wr, we),
                wp,
                share(wp, we),
                year >= self.day.year - 1,
            )
            for year in self.years()
            for (e, r, p), (we, wr, wp) in [(local[year], world[year])]
        ]

    def cumulative(self) -> list[tuple[int, ...]]:
        rows, sums = [], [0] * 6
        local, world = self._yearly(self.local), self._yearly(self.world)
        for year in self.years():
            sums = [a + b for a, b in zip(sums, (*local[year], *world[year]), strict=True)]
            rows.append((year, *sums))
        return rows

    def by(self, values: Callable[[EmdbTruth], Iterable[tuple[Any, str]]]) -> list[tuple[Any, ...]]:
        """Return (key, label, counts and shares) of categories; ``values`` gives (key, label)."""
        labels: dict[Any, Counter[str]] = defaultdict(Counter)
        groups: dict[str, dict[Any, list[EmdbTruth]]] = {
            "local": defaultdict(list),
            "world": defaultdict(list),
        }
        for scope, maps in (("local", self.local), ("world", self.world)):
            for entry in maps:
                found = list(values(entry)) or [("not stated", "not stated")]
                for key, label in found:
                    if scope == "world":
                        labels[key][label] += 1
                    if entry not in groups[scope][key][-1:]:
                        groups[scope][key].append(entry)
        rows = []
        for key, maps in groups["local"].items():
            everywhere = groups["world"][key]
            raw, world_raw = (sum(bool(self.raw(e)) for e in part) for part in (maps, everywhere))
            label = min(labels[key], key=lambda text: (-labels[key][text], text))
            rows.append(
                (
                    key,
                    label,
                    len(maps),
                    raw,
                    raw / len(maps),
                    len(everywhere),
                    world_raw,
                    world_raw / len(everywhere),
                )
            )
        return rows

    def methods(self) -> list[tuple[Any, ...]]:
        rows = self.by(lambda e: [(name, name) for name in e.methods])
        return sorted((row[1:] for row in rows), key=lambda row: (-row[1], row[0]))

    def microscopes(self) -> list[tuple[Any, ...]]:
        rows = self.by(lambda e: [(name, name) for name in e.microscopes])
        return sorted((row[1:] for row in rows), key=lambda row: (-row[1], row[0]))

    def organisms(self) -> list[tuple[Any, ...]]:
        rows = self.by(lambda e: [(taxid or name.lower(), name) for name, taxid in e.organisms])
        return sorted(
            ((label, key if isinstance(key, int) else None, *rest) for key, label, *rest in rows),
            key=lambda row: (-row[2], row[0], row[1] or 0),
        )

    def resolution(self) -> list[tuple[Any, ...]]:
        names = ["below 2 Å", "2 to 3 Å", "3 to 4 Å", "4 to 6 Å", "6 to 10 Å", "10 Å and above"]

        def band(entry: EmdbTruth) -> list[tuple[Any, str]]:
            if entry.resolution is None:
                return []
            place = sum(entry.resolution >= edge for edge in (2, 3, 4, 6, 10))
            return [(str(place), names[place])]

        return [row[1:] for row in sorted(self.by(band))]

    def methods_by_year(self) -> list[tuple[int, str, int]]:
        counts = Counter(
            (entry.deposited.year, method)
            for entry in self.local
            for method in set(entry.methods) or {"not stated"}
        )
        return [(*key, number) for key, number in sorted(counts.items())]

    def funders(self) -> list[tuple[Any, ...]]:
        spelled: dict[str, Counter[str]] = defaultdict(Counter)
        groups: dict[tuple[str, bool], set[str]] = defaultdict(set)
        for entry in self.local:
            for grant in entry.grants:
                name = grant.funder.strip()
                of_country = (grant.country or "").strip().casefold() == self.country
                spelled[name.lower()][name] += 1
                groups[name.lower(), of_country].add(entry.emdb_id)
        rows = []
        for (key, of_country), ids in groups.items():
            name = min(spelled[key], key=lambda text: (-spelled[key][text], text))
            raw = sum(bool(self.truth.raw_data(emdb_id, self.day)) for emdb_id in ids)
            rows.append((name, of_country, len(ids), raw, raw / len(ids)))
        return sorted(rows, key=lambda row: (-row[1], -row[2], row[0]))

    def _days(self, entry: EmdbTruth) -> int:
        released = min(self.truth.empiar[name].released for name in self.raw(entry))
        return (released - entry.map_released).days

    def delays(self) -> list[tuple[int, str]]:
        return sorted((self._days(e), e.emdb_id) for e in self.local if self.raw(e))

    def delay(self) -> list[tuple[Any, ...]]:
        rows = []
        for scope, maps in (("country", self.local), ("world", self.world)):
            days = [self._days(e) for e in maps if self.raw(e)]
            if not days:
                continue
            low, middle, high = (
                statistics.quantiles(days, n=4, method="inclusive")
                if len(days) > 1
                else [days[0]] * 3
            )
            early, same = sum(day < 0 for day in days), sum(day == 0 for day in days)
            rows.append((scope, len(days), low, middle, high, min(days), max(days), early, same))
        return rows

    def to_release(self) -> list[tuple[Any, ...]]:
        return [
            (
                scope,
                len(maps),
                statistics.median((e.map_released - e.deposited).days for e in maps),
            )
            for scope, maps in (("country", self.local), ("world", self.world))
        ]

    def work_list(self) -> list[tuple[Any, ...]]:
        rows = [
            (
                e.emdb_id,
                e.title,
                e.map_released,
                e.doi,
                "; ".join(
                    dict.fromkeys(
                        grant.funder
                        for grant in e.grants
                        if (grant.country or "").strip().casefold() == self.country
                    )
                ),
            )
            for e in self.local
            if not self.raw(e)
        ]
        return sorted(rows, key=lambda row: (-row[2].toordinal(), row[0]))

    def entries(self) -> list[tuple[Any, ...]]:
        return [
            (
                e.emdb_id,
                e.deposited,
                e.map_released,
                tuple(e.methods),
                e.resolution,
                tuple(sorted(self.raw(e))),
            )
            for e in sorted(self.local, key=lambda e: (e.deposited, e.emdb_id))
        ]

    def empiar(self) -> list[tuple[Any, ...]]:
        local = {e.emdb_id for e in self.local}
        rows = []
        for name in self.linked(self.local) | self.own:
            entry = self.truth.empiar[name]
            maps = len(local & set(entry.emdb_ids))
            rows.append((entry.released, name, maps, maps > 0, name in self.own))
        return sorted(rows)

    def matches(self) -> list[tuple[Any, ...]]:
        rows = []
        for entry in sorted(self.world, key=lambda e: e.emdb_id):
            for grant in entry.grants:
                if (grant.country or "").strip().casefold() == self.country:
                    rows.append((entry.emdb_id, "country", grant.country.strip(), grant.funder))
                if self.country == "switzerland":
                    rows += [
                        (entry.emdb_id, "alias", phrase, grant.funder)
                        for phrase in sorted(alias_phrases(grant.funder))
                    ]
        return rows

    def obsolete(self) -> list[tuple[Any, ...]]:
        rows = [
            (e.obsoleted, e.emdb_id, e.obsoleted is not None and e.obsoleted > self.day)
            for e in self.truth.emdb.values()
            if e.status == "OBS"
            and e.map_released is not None
            and max(e.map_released, e.deposited) <= self.day
            and self.country in self.truth.countries(e.emdb_id)
        ]
        return sorted(rows)
