"""Small archives made by hand, without any service."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from openem_nb import emdb, empiar
from openem_nb.settings import Services
from openem_nb.statistics import harvests
from openem_nb.statistics._store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from openem_nb.statistics import HarvestReport

NOTICE = "Invented data for a test."


def entry(number: int, *grants: tuple[str, str | None], **values: object) -> emdb.Entry:
    """Return a released map; ``grants`` are pairs of funder and country."""
    known: dict[str, object] = {
        "id": f"EMD-{number:04d}",
        "title": f"Map {number} of <a> & b",
        "status": "REL",
        "deposited": date(2020, 1, 1),
        "map_released": date(2020, 6, 1),
        "updated": date(2020, 6, 1),
        "methods": ("singleParticle",),
        "grants": tuple(
            emdb.Grant(funder=funder, country=country, code=None) for funder, country in grants
        ),
    }
    return emdb.Entry(**{**known, **values})


def raw(number: int, *ids: str, **values: object) -> empiar.Entry:
    """Return a released EMPIAR entry that references EMDB ids."""
    known: dict[str, object] = {
        "id": f"EMPIAR-{number}",
        "title": f"Raw data {number}",
        "status": "REL",
        "deposited": date(2020, 1, 1),
        "released": date(2021, 1, 1),
        "updated": date(2021, 1, 1),
        "emdb_ids": ids,
    }
    return empiar.Entry(**{**known, **values})


def fill(
    path: Path,
    maps: Sequence[emdb.Entry],
    images: Sequence[empiar.Entry] = (),
    *,
    harvested: date = date(2022, 1, 1),
    notice: str | None = None,
) -> HarvestReport:
    """Write an archive as a harvest on a given day would leave it."""
    services = Services(name="by-hand", notice=notice)
    rows = [
        {
            "emdb_id": item.id,
            "status": item.status,
            "deposited": item.deposited and item.deposited.isoformat(),
            "header_released": None,
            "map_released": item.map_released and item.map_released.isoformat(),
            "updated": item.updated and item.updated.isoformat(),
            "obsoleted": item.obsoleted and item.obsoleted.isoformat(),
        }
        for item in maps
    ]
    with Store(path) as store:
        harvests._claim(store, services, path)
        store.put_listing(rows, whole=True, day=harvested)
        wanted = store.pending()
        store.put_details([item for item in maps if item.id in wanted], {}, listed=wanted)
        store.put_empiar(images, {})
        released = sum(item.status == "REL" for item in maps)
        day = datetime(harvested.year, harvested.month, harvested.day, tzinfo=UTC)
        report = harvests._conclude(
            store,
            services,
            path,
            day,
            released,
            [],
            fetched=len(maps),
            read=len(images),
            queries=("by hand",),
        )
        # the record says when it was written; here that day is chosen
        store.connection.execute("UPDATE harvests SET finished = ?", [day.replace(tzinfo=None)])
        store.settle()
    return report
