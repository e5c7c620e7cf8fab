"""What a harvest must have brought, by the truth of the practice facility."""

from __future__ import annotations

from typing import TYPE_CHECKING

from _truth_tables import Expected

from openem_nb import statistics

if TYPE_CHECKING:
    from pathlib import Path

    from openem_nb.practice import Facility


def released(facility: Facility) -> int:
    return sum(entry.status == "REL" for entry in facility.truth.emdb.values())


def assert_true(path: Path, facility: Facility) -> None:
    """Compare the totals with the truth, for the country and the world."""
    with statistics.archive(path) as archive:
        result = statistics.swiss(facility.truth.today, archive=archive)
    totals = Expected(facility.truth, facility.truth.today).totals()
    assert {name: getattr(result, name) for name in totals} == totals
