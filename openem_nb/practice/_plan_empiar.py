"""Draw the EMPIAR side: raw data of studies, volume-EM sets without a map, dirty references."""

from __future__ import annotations

import datetime as dt
import math
from bisect import bisect_left
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from openem_nb.practice import _vocabulary as words
from openem_nb.practice._plan import LAST_DAY, author, funders
from openem_nb.practice._spread import spread
from openem_nb.practice.truth import EmdbTruth, EmpiarTruth

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

__all__ = ["draw_empiar", "draw_one"]

_SHARE: Final = 0.0473  # 1891 EMPIAR entries for 39950 released EMDB entries on 12 November 2024
_RAW: Final = 0.087
"""Share of the released maps with raw data, before a few references are lost."""
_SWISS_RAW: Final = 0.108
_FIRST_YEAR: Final = 2014
"""Maps deposited before EMPIAR opened have no raw data."""
_EARLY: Final = 0.11
"""Share of the raw data that are out before their maps."""
_OPENED: Final = dt.date(2013, 1, 7)
_SOONEST: Final = dt.timedelta(60)
"""Maps released within so many days before the last day have no raw data yet."""
_MEAN: Final = 2.45
"""Released maps per study with raw data: a study of one map has them less often."""
_SWISS_MEAN: Final = 1.0
_OTHER_TYPES: Final = (
    "SBF-SEM",
    "FIB-SEM",
    "INSILICO",
    "SXT",
    "IHM",
    "CLEM",
    "CLXM",
    "MicroED",
    "ATUM-SEM",
    "Hard X-ray/X-ray microCT",
    "ssET",
)
_OTHER_WEIGHTS: Final = (22, 30, 3, 6, 2, 10, 2, 8, 5, 4, 6)
_SIZES: Final = (("KB", 1000), ("MB", 1000**2), ("GB", 1000**3), ("TB", 1000**4), ("PB", 1000**5))
_SIZE_WEIGHTS: Final = (1, 6, 62, 31, 0.3)
_COUNTRIES: Final = (
    "United States",
    "United Kingdom",
    "Germany",
    "China",
    "Japan",
    "Switzerland",
    "France",
    "Saudi Arabia",
    "Sweden",
)
_SAMPLES: Final = ("mouse cortex", "HeLa cells", "yeast", "a zebrafish larva", "root tips")
_RUBBISH: Final = ("EMD-", "EMD-XXXX", "to be published", "EMD", "10.1038/s41586-020-0001-1", "n/a")


def _written(
    rng: random.Random, emdb_ids: tuple[str, ...], dirt: int, known: Mapping[str, object]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return references, unknown ids and rubbish: every third entry has dirt, kinds take turns."""
    written = list(emdb_ids)
    unknown: tuple[str, ...] = ()
    rubbish: tuple[str, ...] = ()
    match dirt % 24:
        case 0:
            written[0] = written[0].lower()
        case 3:
            written[-1] = f" {written[-1]} "
        case 6:
            written.append(written[0])
        case 9:
            written = [f"EMD-{int(emdb_id[4:])}" for emdb_id in written]  # loses the padding
        case 12:
            rubbish = (rng.choice(_RUBBISH),)
            written = [*rubbish, *written]
        case 15:
            number = rng.randrange(80000, 90000)
            unknown = (f"EMD-{number}",) if f"EMD-{number}" not in known else ()
            written += unknown
        case 18:
            written = [emdb_id.replace("EMD-", "EMD_") for emdb_id in written]
        case 21:
            written = [*written, written[0].lower(), f"{written[-1]} "]
    return tuple(written), unknown, rubbish


def _due(study: tuple[EmdbTruth, ...], share: float) -> dt.date:
    """Return when the raw data of a study come out: months after the map, seldom before it.

    ``share`` is that of the studies whose raw data come sooner.
    """
    near = _shown(study)
    if share < _EARLY:
        return near - dt.timedelta(1 + int(120 * share / _EARLY))
    due = near + dt.timedelta(int(-120 * math.log((1 - share) / (1 - _EARLY))))
    return due if due <= LAST_DAY else near + (LAST_DAY - near) * share


def _dated(
    rng: random.Random, studies: Sequence[tuple[EmdbTruth, ...]]
) -> list[tuple[tuple[EmdbTruth, ...], dt.date]]:
    """Return studies with the release of their raw data; the delays cover their whole range."""
    shares = [(number + rng.random()) / len(studies) for number in range(len(studies))]
    rng.shuffle(shares)
    return [(study, _due(study, share)) for study, share in zip(studies, shares, strict=True)]


def _shown(study: tuple[EmdbTruth, ...]) -> dt.date:
    """Return when the maps of a study were released; for waiting ones a likely day."""
    dates = (entry.map_released for entry in study)
    return next(filter(None, dates), study[0].deposited + dt.timedelta(100))


def draw_one(
    rng: random.Random,
    number: int,
    study: tuple[EmdbTruth, ...],
    known: Mapping[str, EmdbTruth],
    *,
    dirt: int,
    released: dt.date,
    today: dt.date = LAST_DAY,
) -> EmpiarTruth:
    """Return one entry about a study, or about something without a map if ``study`` is empty."""
    emdb_ids: tuple[str, ...] = ()
    if study:
        first = study[0]
        grants = first.grants if rng.random() < 0.75 else ()
        authors, title = first.authors, first.title
        doi, kind = first.doi, "EMDB"
        kept = [entry.emdb_id for entry in study if rng.random() < 0.96]
        emdb_ids = tuple(kept) or (first.emdb_id,)
    else:
        kind = rng.choices(_OTHER_TYPES, _OTHER_WEIGHTS)[0]
        grants = funders(rng) if rng.random() < 0.5 else ()
        authors = tuple(author(rng) for _ in range(rng.randrange(2, 7)))
        doi = f"10.1101/{rng.randrange(10**6)}" if rng.random() < 0.6 else None
        title = f"{kind} of {rng.choice(_SAMPLES)}"
    deposited = max(_OPENED, released - dt.timedelta(10 + int(rng.expovariate(1 / 90))))
    updated = min(released + dt.timedelta(rng.choice((0, 0, 0, 30, 200, 700))), today)
    status, obsoleted = "REL", None
    if dirt % 33 == 17 and today == LAST_DAY:
        status, obsoleted = "OBS", updated
    references, unknown, rubbish = (
        _written(rng, emdb_ids, dirt, known) if emdb_ids else ((), (), ())
    )
    unit, factor = rng.choices(_SIZES, _SIZE_WEIGHTS)[0]
    tenths = rng.randrange(11, 9999)
    return EmpiarTruth(
        empiar_id=f"EMPIAR-{number}",
        status=status,
        deposited=deposited,
        released=released,
        updated=updated,
        obsoleted=obsoleted,
        title=title if kind != "EMDB" else f"Raw data of: {title}",
        emdb_ids=emdb_ids,
        references=references,
        unknown_ids=unknown,
        rubbish=rubbish,
        experiment_type=kind,
        grants=grants,
        authors=authors,
        country=rng.choice(_COUNTRIES),
        doi=doi,
        size_text=f"{tenths // 10}.{tenths % 10} {unit}",
        size_bytes=tenths * factor // 10,
    )


def _is_swiss(entry: EmdbTruth) -> bool:
    return any((grant.country or "").strip().casefold() == "switzerland" for grant in entry.grants)


def _studies(emdb: Mapping[str, EmdbTruth]) -> list[tuple[EmdbTruth, ...]]:
    """Return the studies since EMPIAR opened, oldest first, each with its first entry first."""
    heads = [
        entry
        for entry in emdb.values()
        if entry.emdb_id == entry.related[0] and entry.deposited.year >= _FIRST_YEAR
    ]
    heads.sort(key=lambda entry: entry.deposited)
    return [tuple(emdb[emdb_id] for emdb_id in entry.related) for entry in heads]


def _maps(study: tuple[EmdbTruth, ...]) -> int:
    return sum(entry.status == "REL" for entry in study)


def draw_empiar(rng: random.Random, emdb: Mapping[str, EmdbTruth]) -> dict[str, EmpiarTruth]:
    """Return the EMPIAR entries that go with ``emdb``, by id."""
    released = [entry for entry in emdb.values() if entry.status == "REL"]
    total = max(24, round(len(released) * _SHARE))
    studies = [study for study in _studies(emdb) if _shown(study) <= LAST_DAY - _SOONEST]
    waiting = [study for study in studies if not _maps(study)]
    swiss = [study for study in studies if _maps(study) and _is_swiss(study[0])]
    world = [study for study in studies if _maps(study) and not _is_swiss(study[0])]
    swiss_maps = max(2, round(_SWISS_RAW * sum(map(_is_swiss, released))))
    world_maps = round(total / _SHARE * _RAW) - swiss_maps  # few entries: a larger share of them
    targets: list[tuple[tuple[EmdbTruth, ...], dt.date]] = []
    for shelf, wanted, mean in ((swiss, swiss_maps, _SWISS_MEAN), (world, world_maps, _MEAN)):
        sizes = [_maps(study) for study in shelf]
        chosen = spread(rng, sizes, wanted=wanted, mean=mean)
        targets += _dated(rng, [shelf[position] for position in chosen])
    for study, due in rng.sample(targets, len(targets) // 12):  # a second data set for the same
        targets.append((study, min(due + dt.timedelta(rng.randrange(200)), LAST_DAY)))
    targets += _dated(rng, rng.sample(waiting, min(len(waiting), max(1, total // 30))))
    for _ in range(total - len(targets)):
        age = 20 + int(4200 * rng.random() ** 1.6)
        targets.append(((), LAST_DAY - dt.timedelta(age)))
    rng.shuffle(targets)
    entries = [
        draw_one(rng, 0, study, emdb, dirt=dirt, released=due)
        for dirt, (study, due) in enumerate(targets)
    ]
    entries.sort(key=lambda entry: entry.deposited)  # numbers follow time, unlike those of EMDB
    found = {
        (empiar_id := f"EMPIAR-{number}"): replace(entry, empiar_id=empiar_id)
        for number, entry in zip(_numbers(rng, len(entries)), entries, strict=True)
    }
    example = found[words.EXAMPLE_RAW]
    found[words.EXAMPLE_RAW] = replace(example, status="REL", obsoleted=None)
    return found


def _numbers(rng: random.Random, count: int) -> list[int]:
    numbers, number = [], 10001
    for _ in range(count):
        number += 1 if rng.random() < 0.8 else rng.randrange(2, 5)
        numbers.append(number)
    example = int(words.EXAMPLE_RAW[7:])
    numbers[min(bisect_left(numbers, example), count - 1)] = example
    return numbers
