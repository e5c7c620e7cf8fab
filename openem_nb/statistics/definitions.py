"""The rules of the statistics in words, the ratios, and the published figures to compare with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

__all__ = ["DEFINITIONS", "PUBLISHED", "RATIOS", "Published"]

DEFINITIONS: Final = {
    "counted map": (
        "An EMDB entry with status REL whose deposition date and map release date are not after "
        "the as-of date. Each EMDB id counts once. Obsolete (OBS) entries are listed apart and "
        "never counted, because the entry that replaces one carries the same grants."
    ),
    "map of a country": (
        "A counted map with at least one grant whose country, without blanks around it and "
        "whatever the case, is the asked country. This is the headline figure."
    ),
    "map by funder alias": (
        "A counted map with at least one grant whose funder's name holds a phrase of the alias "
        "list, whatever country the grant names. Reported apart; it never changes the headline "
        "figure."
    ),
    "raw data": (
        "A counted map has raw data when at least one EMPIAR entry with status REL, released "
        "not after the as-of date, names its id."
    ),
    "EMPIAR entries of a country": (
        "Released EMPIAR entries that name at least one counted map of the country (linked); "
        "apart from that, released EMPIAR entries with a grant of the country of their own."
    ),
    "year": (
        "The year in which the map was deposited in EMDB. An EMPIAR entry counts once, in the "
        "year of its earliest deposited counted map."
    ),
    "incomplete years": (
        "The year of the as-of date and the one before are marked: maps deposited then may "
        "still be on hold and will appear in these years later."
    ),
    "delay": (
        "Days from the map release to the first release of raw data in EMPIAR, over maps with "
        "raw data; negative where the raw data came first."
    ),
    "limits": (
        "Grant blocks are missing from many entries, from nearly all before 2017, so early "
        "years are underestimates. The country of a grant is what the depositor chose. What was "
        "released on an earlier date and has been made obsolete since is not counted for that "
        "date."
    ),
}
"""The rules in words, as the report prints them."""

RATIOS: Final = (
    (
        "EMPIAR entries per EMDB entry",
        (
            "All released EMPIAR entries (of a country: linked to one of its counted maps, or with "
            "a grant of its own), per counted map. EMPIAR also holds entries of no EMDB map."
        ),
        ("empiar_any", "entries"),
        ("world_empiar_all", "world_entries"),
    ),
    (
        "EMPIAR entries with a counted map per EMDB entry",
        "Released EMPIAR entries that name at least one counted map, per counted map.",
        ("empiar_entries", "entries"),
        ("world_empiar_entries", "world_entries"),
    ),
    (
        "EMDB entries with raw data per EMDB entry",
        (
            "Counted maps with at least one released EMPIAR entry, per counted map: the share with "
            "raw data."
        ),
        ("with_raw_data", "entries"),
        ("world_with_raw_data", "world_entries"),
    ),
)


@dataclass(frozen=True, slots=True)
class Published:
    """Figures published for one day, to compare with."""

    day: date
    country: str
    emdb: int
    empiar: int
    world_emdb: int
    world_empiar: int
    ratio_text: str


PUBLISHED: Final = Published(
    date(2024, 11, 12), "Switzerland", 1013, 109, 39950, 1891, "about 10 %"
)
"""EMDB and EMPIAR entries on 12 November 2024 as published by the OpenEM project."""
