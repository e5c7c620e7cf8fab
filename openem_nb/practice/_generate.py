"""Make the practice archive, and let it move on week by week."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import replace

from openem_nb.errors import InvalidInput
from openem_nb.practice import _vocabulary as words
from openem_nb.practice._plan import LAST_DAY
from openem_nb.practice._plan import draw_emdb as _draw_emdb
from openem_nb.practice._plan_empiar import draw_empiar, draw_one
from openem_nb.practice.truth import EmdbTruth, Truth

__all__ = ["GENERATION", "MOST_ENTRIES", "advanced", "generate"]

GENERATION = 4
"""Raised with every change of what is drawn: a local archive of the practice data that another
generation drew must not be taken for one of these, whose name has this number."""

MOST_ENTRIES = 60_000
_RAW_DATA_WITHIN = dt.timedelta(400)
"""New raw data belong to maps that have been out for no longer than this."""


def generate(entries: int = 3000, seed: int = 1) -> Truth:
    """Return an archive of ``entries`` EMDB entries (of any status) and their EMPIAR entries.

    Raises
    ------
    InvalidInput
        If ``entries`` is not between 50 and 60,000.
    """
    if not 50 <= entries <= MOST_ENTRIES:
        raise InvalidInput(
            f"The practice archive cannot have {entries} entries.",
            hint=f"Choose a number between 50 and {MOST_ENTRIES}.",
        )
    rng = random.Random(f"practice archive {seed}")
    emdb = _draw_emdb(rng, entries)
    return Truth(seed, LAST_DAY, emdb, draw_empiar(rng, emdb))


def advanced(truth: Truth) -> Truth:
    """Return the archive one week later.

    Each week some waiting entries are released, some released ones are updated, one is replaced by
    its twin or by nothing, and new EMPIAR entries reference some maps. Whatever changes carries the
    new date.
    """
    today = truth.today + dt.timedelta(7)
    rng = random.Random(f"practice week {truth.seed} {today.isoformat()}")
    emdb = dict(truth.emdb)
    waiting = [e for e in emdb.values() if e.status not in ("REL", "OBS", "WDRN")]
    # the example stays as it is
    released = [e for e in emdb.values() if e.status == "REL" and e.emdb_id != words.EXAMPLE_MAP]
    for entry in rng.sample(waiting, min(len(waiting), max(2, len(waiting) // 60))):
        emdb[entry.emdb_id] = replace(
            entry, status="REL", header_released=today, map_released=today, updated=today
        )
    changed = rng.sample(released, min(len(released), max(4, len(released) // 250)))
    for entry in changed[1:]:
        emdb[entry.emdb_id] = _updated(rng, entry, today)
    gone = changed[0]
    twins = [i for i in gone.related if i != gone.emdb_id and emdb[i].status == "REL"]
    emdb[gone.emdb_id] = replace(
        gone, status="OBS", obsoleted=today, updated=today, superseded_by=tuple(twins[:1])
    )
    empiar = dict(truth.empiar)
    number = max(int(empiar_id.rpartition("-")[2]) for empiar_id in empiar)
    recent = today - _RAW_DATA_WITHIN
    candidates = [
        e
        for e in emdb.values()
        if e.status == "REL" and (e.map_released or today) > recent and not truth.links(e.emdb_id)
    ]
    for entry in rng.sample(candidates, min(len(candidates), max(2, len(released) // 500))):
        number += 1
        study = (entry, *(emdb[i] for i in entry.related if i != entry.emdb_id))
        dirt = rng.randrange(100)
        new = draw_one(rng, number, study, emdb, dirt=dirt, released=today, today=today)
        empiar[new.empiar_id] = new
    return Truth(truth.seed, today, emdb, empiar)


def _updated(rng: random.Random, entry: EmdbTruth, today: dt.date) -> EmdbTruth:
    """Return a revision: a paper that has appeared, or a better title or resolution."""
    if entry.doi is None:
        doi = f"10.1038/s41467-{today.year % 100:03d}-{rng.randrange(10**4, 10**5)}-x"
        return replace(
            entry,
            journal="Nat Commun",
            citation_country="UK",
            citation_year=today.year,
            doi=doi,
            updated=today,
        )
    if rng.random() < 0.5:
        return replace(entry, title=f"{entry.title} (revised)", updated=today)
    better = tuple(round(value * 0.97, 2) if value else value for value in entry.resolutions)
    return replace(entry, resolutions=better, updated=today)
