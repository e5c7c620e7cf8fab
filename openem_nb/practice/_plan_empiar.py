"""Draw the EMPIAR side: raw data of studies, volume-EM sets without a map, dirty references."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

from openem_nb.practice._plan import LAST_DAY, author, funders
from openem_nb.practice.truth import EmdbTruth, EmpiarTruth

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Mapping

__all__ = ["draw_empiar", "draw_one"]

_SHARE: Final = 0.0473  # 1891 EMPIAR entries for 39950 released EMDB entries on 12 November 2024
_SWISS_RAW: Final = 0.108
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


def draw_one(
    rng: random.Random,
    number: int,
    study: tuple[EmdbTruth, ...],
    known: Mapping[str, EmdbTruth],
    *,
    dirt: int,
    today: dt.date = LAST_DAY,
) -> EmpiarTruth:
    """Return one entry about a study, or about something without a map if ``study`` is empty."""
    emdb_ids: tuple[str, ...] = ()
    if study:
        first = study[0]
        near = first.deposited + dt.timedelta(rng.choice((-1, 1, 1, 1)) * rng.randrange(0, 200))
        grants = first.grants if rng.random() < 0.75 else ()
        authors, title = first.authors, first.title
        doi, kind = first.doi, "EMDB"
        kept = [entry.emdb_id for entry in study if rng.random() < 0.96]
        emdb_ids = tuple(kept) or (first.emdb_id,)
    else:
        near = LAST_DAY - dt.timedelta(int(4200 * rng.random() ** 1.6) + 20)
        kind = rng.choices(_OTHER_TYPES, _OTHER_WEIGHTS)[0]
        grants = funders(rng) if rng.random() < 0.5 else ()
        authors = tuple(author(rng) for _ in range(rng.randrange(2, 7)))
        doi = f"10.1101/{rng.randrange(10**6)}" if rng.random() < 0.6 else None
        title = f"{kind} of {rng.choice(_SAMPLES)}"
    deposited = min(max(near, dt.date(2013, 1, 7)), today - dt.timedelta(15))
    released = min(deposited + dt.timedelta(10 + int(rng.expovariate(1 / 120))), today)
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


def _study_of(entry: EmdbTruth, emdb: Mapping[str, EmdbTruth]) -> tuple[EmdbTruth, ...]:
    return tuple(emdb[emdb_id] for emdb_id in entry.related)


def draw_empiar(rng: random.Random, emdb: Mapping[str, EmdbTruth]) -> dict[str, EmpiarTruth]:
    """Return the EMPIAR entries that go with ``emdb``, by id."""
    heads = [
        entry
        for entry in emdb.values()
        if entry.emdb_id == entry.related[0] and entry.deposited.year >= 2012
    ]
    heads.sort(
        key=lambda entry: rng.random() ** (1 / len(entry.related))
    )  # large studies share their data more
    released = [entry for entry in emdb.values() if entry.status == "REL"]
    swiss = [entry for entry in heads if entry.status == "REL" and _is_swiss(entry)]
    others = [
        entry
        for entry in heads
        if not _is_swiss(entry) and (entry.status == "REL" or rng.random() < 0.15)
    ]
    total = max(24, round(len(released) * _SHARE))
    wanted = max(2, round(_SWISS_RAW * sum(map(_is_swiss, released))))
    targets: list[tuple[EmdbTruth, ...]] = []
    for head in swiss:
        if wanted <= 0:
            break
        targets.append(_study_of(head, emdb))
        wanted -= sum(entry.status == "REL" for entry in targets[-1])
    while len(targets) < total:
        shape = rng.random()
        if shape < 0.17 or not others:
            targets.append(())
            continue
        targets.append(_study_of(others.pop(), emdb))
        if shape < 0.25:  # a second data set for the same maps
            targets.append(targets[-1])
    rng.shuffle(targets)
    numbers = _numbers(rng, len(targets))
    entries: Iterable[EmpiarTruth] = (
        draw_one(rng, number, study, emdb, dirt=dirt)
        for dirt, (number, study) in enumerate(zip(numbers, targets, strict=True))
    )
    return {entry.empiar_id: entry for entry in entries}


def _numbers(rng: random.Random, count: int) -> list[int]:
    numbers, number = [], 10001
    for _ in range(count):
        number += 1 if rng.random() < 0.8 else rng.randrange(2, 5)
        numbers.append(number)
    return numbers
