"""Draw the EMDB side of the practice archive: studies of one or more entries, 2002 to 2026.

Everything comes from one seeded generator, so that seed and number of entries fix every byte.
Tuples and words are shared between the entries of a study; 60,000 entries stay small in memory.
"""

from __future__ import annotations

import datetime as dt
import math
from bisect import bisect
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Final, TypeVar

from openem_nb.practice import _vocabulary as words
from openem_nb.practice._spread import spread
from openem_nb.practice.truth import EmdbTruth, GrantTruth

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

__all__ = ["LAST_DAY", "author", "draw_emdb", "funders", "next_wednesday"]

LAST_DAY: Final = dt.date(2026, 11, 18)
"""The archive's date before any :meth:`Facility.advance`; a Wednesday, the day of releases."""

_YEARS: Final = range(2002, 2027)
# Depositions per year; the growth of the real archive, rounded.
_GROWTH: Final = (
    *(10, 15, 25, 40, 60, 80, 110, 140, 190, 240, 330, 420, 600),
    *(780, 1100, 1500, 2200, 3100, 4200, 5200, 6200, 7500, 9500, 11000, 9800),
)
_GROWN: Final = list(accumulate(_GROWTH))
_SIZES: Final = (1, 2, 3, 4, 5, 8)
_SIZE_WEIGHTS: Final = (48, 24, 13, 8, 5, 2)
_MEAN_SIZE: Final = 2.1
_WAITING: Final = ("HPUB", "HOLD", "HOLD8W", "PROC", "REPL", "AUTH", "WAIT", "AUCO", "POLC", "REFI")
_WAITING_WEIGHTS: Final = (60, 14, 2, 9, 3, 4, 3, 3, 1, 1)
_SWISS_SHARE: Final = 0.0254  # 1013 of 39950 released entries on 12 November 2024
_FUNDERS: Final = [(name, country) for name, country, _ in words.FUNDERS]
_FUNDER_WEIGHTS: Final = list(accumulate(weight for *_, weight in words.FUNDERS))
_ORGANISMS: Final = [(name, taxid) for name, taxid, _ in words.ORGANISMS]
_ORGANISM_WEIGHTS: Final = list(accumulate(weight for *_, weight in words.ORGANISMS))
_METHODS: Final = [methods for methods, _ in words.METHODS]
_METHOD_WEIGHTS: Final = list(accumulate(weight for _, weight in words.METHODS))
_JOURNAL_WEIGHTS: Final = list(accumulate(journal[-1] for journal in words.JOURNALS))
_SWISS_WEIGHTS: Final = list(accumulate(weight for _, weight in words.SWISS_FUNDERS))

T = TypeVar("T")


@dataclass(slots=True)
class _Study:
    """What the entries of one publication have in common."""

    deposited: dt.date
    size: int
    site: str
    methods: tuple[str, ...]
    organisms: tuple[tuple[str, int | None], ...]
    microscopes: tuple[str, ...]
    authors: tuple[str, ...]
    grants: tuple[GrantTruth, ...]
    title: str
    released: dt.date | None
    """None while the study waits for its paper."""
    waiting: str
    journal: str | None = None
    journal_country: str | None = None
    year: int | None = None
    doi: str | None = None
    pubmed: str | None = None
    numbers: tuple[int, ...] = ()


def _pick(rng: random.Random, values: Sequence[T], cumulative: Sequence[float]) -> T:
    return rng.choices(values, cum_weights=cumulative)[0]


def next_wednesday(day: dt.date) -> dt.date:
    """Return ``day`` if it is a Wednesday, else the next one: EMDB releases on Wednesdays."""
    return day + dt.timedelta((2 - day.weekday()) % 7)


def author(rng: random.Random) -> str:
    """Return one author the way EMDB writes it: ``Smith JM``."""
    initials = rng.choice(words.INITIALS) + (
        rng.choice(words.INITIALS) if rng.random() < 0.5 else ""
    )
    return f"{rng.choice(words.SURNAMES)} {initials}"


def _code(rng: random.Random) -> str | None:
    shape = rng.random()
    if shape < 0.12:
        return None
    if shape < 0.5:
        return f"R{rng.randrange(1, 99):02d}GM{rng.randrange(10**5, 10**6)}"
    return f"{rng.randrange(10**4, 10**7)}"


def funders(rng: random.Random) -> tuple[GrantTruth, ...]:
    """Return one to four grants without Swiss money, some with no or a wrong country."""
    grants = []
    for _ in range(rng.choices((1, 2, 3, 4), (45, 30, 17, 8))[0]):
        name, country = _pick(rng, _FUNDERS, _FUNDER_WEIGHTS)
        if name == "Not funded":
            return (GrantTruth(name, None, None),)
        oddity = rng.random()
        if oddity < 0.05:
            country = None
        elif oddity < 0.08:
            country = rng.choice(words.FOREIGN_COUNTRIES)
        elif oddity < 0.09 and country:
            country = country.upper()
        grants.append(GrantTruth(name, country, _code(rng)))
    return tuple(grants)


def _swiss(rng: random.Random, others: tuple[GrantTruth, ...]) -> tuple[GrantTruth, ...]:
    """Return grants with at least one of country Switzerland, among others."""
    count = rng.choices((1, 2, 3), (65, 25, 10))[0]
    mine = []
    for _ in range(count):
        name = _pick(rng, words.SWISS_FUNDERS, _SWISS_WEIGHTS)[0]
        if rng.random() < 0.15 and name == "Swiss National Science Foundation":
            name = "Swiss National Science Foundation (SNSF)"
        country = rng.choice(words.ODD_SWITZERLAND) if rng.random() < 0.08 else "Switzerland"
        mine.append(GrantTruth(name, country, _code(rng)))
    kept = tuple(g for g in others if g.funder != "Not funded") if rng.random() < 0.45 else ()
    return (*kept[:1], *mine, *kept[1:])


def _study(rng: random.Random, deposited: dt.date, size: int) -> _Study:
    methods = _pick(rng, _METHODS, _METHOD_WEIGHTS)
    year = deposited.year
    old = year < 2014 or (year < 2018 and rng.random() < 0.3)
    pool = words.MICROSCOPES_OLD if old else words.MICROSCOPES_NEW
    microscopes: tuple[str, ...] = (rng.choice(pool)[0],)
    if rng.random() < 0.03:
        microscopes = tuple(dict.fromkeys((*microscopes, rng.choice(pool)[0])))
    organisms: tuple[tuple[str, int | None], ...] = (_pick(rng, _ORGANISMS, _ORGANISM_WEIGHTS),)
    if rng.random() < 0.12:
        organisms = tuple(dict.fromkeys((*organisms, _pick(rng, _ORGANISMS, _ORGANISM_WEIGHTS))))
    title = rng.choice(words.FRAMES).format(
        protein=rng.choice(words.PROTEINS), partner=rng.choice(words.PARTNERS)
    )
    if year < 2026 and rng.random() < 0.004:
        title += " from a sample collected in Switzerland"  # a decoy: says nothing about the money
    released: dt.date | None = next_wednesday(
        deposited + dt.timedelta(14 + int(rng.expovariate(1 / 210)))
    )
    stuck = rng.random() < {2024: 0.12, 2025: 0.22, 2026: 0.35}.get(
        year, 0.01 if year > 2020 else 0.0
    )
    if stuck or (released is not None and released > LAST_DAY):
        released = None
    has_grants = rng.random() < (0.76 if year >= 2017 else 0.04 if year >= 2016 else 0.0)
    study = _Study(
        deposited=deposited,
        size=size,
        site=rng.choices(("RCSB", "PDBe", "PDBj"), (45, 35, 20))[0],
        methods=methods,
        organisms=organisms,
        microscopes=microscopes,
        authors=tuple(author(rng) for _ in range(rng.randrange(2, 9))),
        grants=funders(rng) if has_grants else (),
        title=title[0].upper() + title[1:],
        released=released,
        waiting=rng.choices(_WAITING, _WAITING_WEIGHTS)[0],
    )
    if rng.random() < 0.84:
        _publish(rng, study)
    return study


def _publish(rng: random.Random, study: _Study) -> None:
    name, country, *_, prefix, _weight = _pick(rng, words.JOURNALS, _JOURNAL_WEIGHTS)
    near = study.released or study.deposited
    study.journal, study.year = name, near.year
    study.journal_country = country
    if rng.random() < 0.95:
        number = f"{rng.randrange(10**4, 10**5)}-{rng.choice('123456789x')}"
        study.doi = f"{prefix}{near.year % 100:03d}-{number}"
    if rng.random() < 0.9:
        study.pubmed = str(rng.randrange(12 * 10**6, 42 * 10**6))


def _studies(rng: random.Random, count: int) -> list[_Study]:
    sizes: list[int] = []
    left = count
    while left:
        sizes.append(min(left, rng.choices(_SIZES, _SIZE_WEIGHTS)[0]))
        left -= sizes[-1]
    days = []
    for number in range(len(sizes)):
        point = (number + rng.random()) / len(sizes) * _GROWN[-1]
        year = _YEARS[bisect(_GROWN, point)]
        first = dt.date(year, 1, 1)
        last = dt.date(year, 12, 31) if year < LAST_DAY.year else LAST_DAY - dt.timedelta(2)
        days.append(first + dt.timedelta(rng.randrange((last - first).days + 1)))
    return [_study(rng, day, size) for day, size in zip(sorted(days), sizes, strict=True)]


def _give_money(rng: random.Random, studies: list[_Study]) -> None:
    """Make exact shares of the entries Swiss, in step with the years: by country, by name only."""
    for released in (True, False):
        able = [study for study in studies if study.grants and bool(study.released) == released]
        maps = sum(study.size for study in studies if bool(study.released) == released)
        swiss = max(8 if released else 1, round(maps * _SWISS_SHARE))
        for position in _positions(rng, able, swiss):
            able[position].grants = _swiss(rng, able[position].grants)
            del able[position]
        for position in _positions(rng, able, max(4 if released else 1, round(maps * 0.005))):
            able[position].grants = _swiss_by_name(rng, able[position].grants)


def _positions(rng: random.Random, studies: list[_Study], wanted: int) -> list[int]:
    """Return positions from the last to the first, so that deleting one moves no other."""
    return spread(rng, [study.size for study in studies], wanted=wanted, mean=_MEAN_SIZE)[::-1]


def _swiss_by_name(rng: random.Random, others: tuple[GrantTruth, ...]) -> tuple[GrantTruth, ...]:
    name, country = rng.choice(words.SWISS_BY_NAME)
    kept = tuple(grant for grant in others if grant.funder != "Not funded")
    return (GrantTruth(name, country, _code(rng)), *kept[:2])


def _number(rng: random.Random, studies: list[_Study], count: int) -> None:
    """Hand out accession numbers: each site has its own blocks, so numbers do not follow time.

    Numbers below 1000 went to depositions of about 2018, four-digit ones to the early years.
    """
    padded = iter(rng.sample(range(1, 1000), max(4, count // 62)))
    early = iter(sorted(rng.sample(range(1001, 10000), min(8900, max(10, count // 7)))))
    blocks = {"RCSB": (2, 4, 7), "PDBe": (1, 5), "PDBj": (3, 6)}
    later: dict[str, list[int]] = {}
    for site, leads in blocks.items():
        needed = sum(study.size for study in studies if study.site == site)
        pool = [lead * 10000 + n for lead in leads for n in range(10000)]
        later[site] = sorted(rng.sample(pool, min(needed, len(pool))), reverse=True)
    for study in studies:
        numbers = []
        for _ in range(study.size):
            number = None
            if study.deposited.year in (2017, 2018, 2019):
                number = next(padded, None)
            elif study.deposited.year < 2017 or rng.random() < 0.01:
                number = next(early, None)
            numbers.append(number if number is not None else later[study.site].pop())
        study.numbers = tuple(numbers)
    example = next(study for study in studies if study.released)
    example.numbers = (int(words.EXAMPLE_MAP[4:]), *example.numbers[1:])


def _resolution(rng: random.Random, method: str, year: int) -> float | None:
    if method == "tomography":
        return None
    oddity = rng.random()
    if oddity < 0.004:
        return 0.0
    if oddity < 0.008:
        return None
    typical = 3.1 + 14.0 * math.exp(-(max(year, 2004) - 2004) / 5.0)
    typical *= {"subtomogramAveraging": 2.8, "electronCrystallography": 0.9}.get(method, 1.0)
    return max(1.15, round(typical * rng.lognormvariate(0.0, 0.28), rng.choice((1, 2, 2))))


def _resolutions(
    rng: random.Random, methods: tuple[str, ...], year: int
) -> tuple[float | None, ...]:
    values = [_resolution(rng, method, year) for method in methods]
    if values[-1] and rng.random() < 0.02:  # a second reconstruction from the same images
        values.append(round(values[-1] * 1.4, 2))
    return tuple(values)


def _pdb_ids(rng: random.Random, methods: tuple[str, ...], year: int) -> tuple[str, ...]:
    if "tomography" in methods or rng.random() > (0.72 if year >= 2014 else 0.3):
        return ()
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    count = rng.choices((1, 2, 3), (88, 9, 3))[0]
    return tuple(
        f"{rng.randrange(3, 10)}{''.join(rng.choices(letters, k=3))}" for _ in range(count)
    )


def draw_emdb(rng: random.Random, count: int) -> dict[str, EmdbTruth]:
    """Return ``count`` entries by id, in the order of their numbers."""
    studies = _studies(rng, count)
    _give_money(rng, studies)
    _number(rng, studies, count)
    entries = [
        _example(study, entry) if entry.emdb_id == words.EXAMPLE_MAP else entry
        for study in studies
        for entry in _entries(rng, study)
    ]
    entries.sort(key=lambda entry: int(entry.emdb_id[4:]))
    return {entry.emdb_id: entry for entry in entries}


def _example(study: _Study, entry: EmdbTruth) -> EmdbTruth:
    """Return the entry as one that the guide can rely on: released, a map with a resolution."""
    shown = study.released or study.deposited
    return replace(
        entry,
        status="REL",
        header_released=shown,
        map_released=shown,
        updated=max(entry.updated, shown),
        obsoleted=None,
        superseded_by=(),
        methods=("singleParticle",),
        resolutions=(8.7,),
    )


def _entries(rng: random.Random, study: _Study) -> list[EmdbTruth]:
    related = tuple(f"EMD-{number:04d}" for number in study.numbers)
    obsolete = study.released is not None and rng.random() < 0.022
    entries = []
    for position, emdb_id in enumerate(related):
        title = study.title
        if position:
            title += f" - {rng.choice(words.VARIANTS)}"
        first = position == 0
        status, header, released, obsoleted = study.waiting, None, study.released, None
        superseded_by: tuple[str, ...] = ()
        if released is not None:
            status = "REL"
            header = released
            if rng.random() < 0.05:
                header = max(study.deposited, released - dt.timedelta(7 * rng.randrange(1, 8)))
            if first and obsolete and released < LAST_DAY - dt.timedelta(60):
                status = "OBS"
                span = (LAST_DAY - released).days // 7
                obsoleted = released + dt.timedelta(7 * rng.randrange(1, span))
                superseded_by = related[1:2]  # its twin carries the same grants
        withdrawn = rng.random() < 0.055 and status not in ("REL", "OBS")
        if withdrawn or (status == "REL" and rng.random() < 0.05):
            status, header, released, obsoleted, superseded_by = "WDRN", None, None, None, ()
        entries.append(
            EmdbTruth(
                emdb_id=emdb_id,
                status=status,
                deposited=study.deposited,
                header_released=header,
                map_released=released,
                updated=obsoleted or _updated(rng, released or next_wednesday(study.deposited)),
                obsoleted=obsoleted,
                superseded_by=superseded_by,
                title=title,
                sample=study.title,
                methods=study.methods,
                resolutions=_resolutions(rng, study.methods, study.deposited.year),
                microscopes=study.microscopes,
                organisms=study.organisms,
                authors=study.authors,
                grants=study.grants,
                journal=study.journal,
                citation_country=study.journal_country,
                citation_year=study.year,
                doi=study.doi,
                pubmed=study.pubmed,
                pdb_ids=_pdb_ids(rng, study.methods, study.deposited.year),
                related=related,
                site=study.site,
            )
        )
    return entries


def _updated(rng: random.Random, released: dt.date) -> dt.date:
    weeks = (LAST_DAY - released).days // 7
    if weeks < 1 or rng.random() < 0.5:
        return min(released, LAST_DAY)
    return released + dt.timedelta(7 * rng.randrange(1, weeks + 1))
