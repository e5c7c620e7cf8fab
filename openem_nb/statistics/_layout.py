"""What the report shows where: its sections, and the columns of its tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

__all__ = ["SECTIONS", "TITLES", "SectionLayout", "TableLayout"]

TITLES: Final = {
    "aliases": "Funder phrases that mean the country, and their source",
    "annual": "By deposition year",
    "cumulative": "Sums up to each deposition year",
    "delay": "Delay from map release to raw data, in days",
    "delays": "Delay of each map with raw data, in days",
    "empiar": "EMPIAR entries of the country",
    "entries": "All counted maps of the country",
    "funders": "Funders on the maps of the country",
    "matches": "Why each map matched",
    "methods": "By method",
    "methods_by_year": "By method and deposition year",
    "microscopes": "By microscope",
    "missing": "Entries that could not be read, or only in an older version",
    "obsolete": "Obsolete entries of the country, not counted",
    "organisms": "By organism",
    "published": "Published on 12 November 2024, and recomputed for that day",
    "ratios": "Three ratios side by side",
    "resolution": "By resolution",
    "rules": "Maps by the country of a grant, and by funder alias",
    "to_release": "Median days from deposition to map release",
    "totals": "Totals",
    "work_list": "Maps without raw data, newest first",
}
"""Caption of each table."""


@dataclass(frozen=True, slots=True)
class TableLayout:
    """How one table is shown."""

    name: str
    columns: dict[str, str]
    """Column names and their headings, in the order shown."""
    note: str = ""
    limit: int | None = None
    """Rows shown; the CSV has all."""
    mark: str | None = None
    """A yes/no column whose rows are set off."""
    since: str | None = None
    """A column of counts: the table begins with the first that is not 0, and is shown whole."""


@dataclass(frozen=True, slots=True)
class SectionLayout:
    """One section of the report."""

    id: str
    title: str
    text: str = ""
    figures: tuple[str, ...] = ()
    tables: tuple[TableLayout, ...] = field(default=())


_MAPS: Final = {
    "entries": "EMDB entries",
    "with_raw_data": "with raw data",
    "share": "share",
    "world_entries": "world",
    "world_with_raw_data": "with raw data, world",
    "world_share": "share, world",
}
_SEVERAL: Final = (
    "An entry with several counts in each, so the rows can add up to more than the total."
)


def _category(
    name: str, column: str, title: str, *, note: str = _SEVERAL, limit: int | None = None
) -> TableLayout:
    return TableLayout(name, {column: title, **_MAPS}, note, limit)


SECTIONS: Final = (
    SectionLayout(
        "years",
        "By year",
        "",
        ("annual", "cumulative"),
        (
            TableLayout(
                "annual",
                {
                    "year": "year",
                    "entries": "EMDB entries",
                    "with_raw_data": "with raw data",
                    "share": "share",
                    "empiar_entries": "EMPIAR entries",
                    "ratio": "EMPIAR per EMDB",
                    "world_entries": "EMDB, world",
                    "world_with_raw_data": "with raw data, world",
                    "world_share": "share, world",
                    "world_empiar_entries": "EMPIAR, world",
                    "world_ratio": "EMPIAR per EMDB, world",
                },
                "From the first shown year with a map of the country on; the shown years before it "
                "are in tables/annual.csv. Marked years are incomplete.",
                mark="right_censored",
                since="entries",
            ),
        ),
    ),
    SectionLayout(
        "totals",
        "Totals and ratios",
        "Three ratios are in use, and they differ: one EMPIAR entry can belong to many maps, "
        "one map can have several EMPIAR entries, and EMPIAR holds data that belong to no map.",
        (),
        (
            TableLayout("totals", {"quantity": "quantity", "number": "number"}),
            TableLayout(
                "ratios",
                {
                    "ratio": "ratio",
                    "scope": "scope",
                    "numerator": "numerator",
                    "denominator": "denominator",
                    "value": "value",
                    "definition": "definition",
                },
            ),
        ),
    ),
    SectionLayout(
        "published",
        "Against the published figures",
        "The published figures are quoted as they were published. Recomputed are the counted "
        "maps of that day and the EMPIAR entries of the first ratio; entries made obsolete "
        "since then are missing in the recomputed numbers. Practice data cannot be expected to "
        "agree with them.",
        (),
        (
            TableLayout(
                "published",
                {
                    "quantity": "quantity",
                    "published": "published",
                    "recomputed": "recomputed",
                    "difference": "difference",
                },
                "Published ratio: about 10 %.",
            ),
        ),
    ),
    SectionLayout(
        "delay",
        "How long raw data take",
        "",
        ("delay",),
        (
            TableLayout(
                "delay",
                {
                    "scope": "scope",
                    "maps": "maps with raw data",
                    "lower_quartile_days": "lower quartile",
                    "median_days": "median",
                    "upper_quartile_days": "upper quartile",
                    "least_days": "least",
                    "most_days": "most",
                    "raw_data_first": "raw data first",
                    "same_day": "same day",
                },
            ),
            TableLayout("to_release", {"scope": "scope", "median_days": "median"}),
        ),
    ),
    SectionLayout(
        "what",
        "What was measured, and with what",
        "",
        ("methods",),
        (
            _category("methods", "method", "method"),
            _category("resolution", "band", "best resolution", note="Each entry counts once."),
            _category("microscopes", "microscope", "microscope", limit=30),
            _category("organisms", "organism", "organism", limit=30),
        ),
    ),
    SectionLayout(
        "funders",
        "Funding",
        "The headline counts grants by their country. Funders that mean the country although "
        "the grant names another country or none are counted apart.",
        (),
        (
            TableLayout("rules", {"rule": "rule", "entries": "EMDB entries", "meaning": "meaning"}),
            TableLayout(
                "funders",
                {
                    "funder": "funder",
                    "of_country": "grant of the country",
                    "entries": "EMDB entries",
                    "with_raw_data": "with raw data",
                    "share": "share",
                },
                _SEVERAL,
                limit=60,
            ),
        ),
    ),
    SectionLayout(
        "work-list",
        "Work list",
        "Maps of the country without raw data in EMPIAR. Their authors can be asked to deposit.",
        (),
        (
            TableLayout(
                "work_list",
                {
                    "emdb_id": "map",
                    "title": "title",
                    "released": "released",
                    "doi": "DOI",
                    "funders": "funders",
                },
                limit=1000,
            ),
        ),
    ),
    SectionLayout(
        "empiar",
        "Raw data",
        "",
        (),
        (
            TableLayout(
                "empiar",
                {
                    "empiar_id": "EMPIAR entry",
                    "title": "title",
                    "released": "released",
                    "experiment_type": "type",
                    "counted_maps": "counted maps",
                    "own_grant": "grant of its own",
                },
                limit=300,
            ),
        ),
    ),
    SectionLayout(
        "apart",
        "Listed apart",
        "",
        (),
        (
            TableLayout(
                "obsolete",
                {
                    "emdb_id": "map",
                    "title": "title",
                    "released": "released",
                    "obsoleted": "made obsolete",
                    "superseded_by": "replaced by",
                    "obsoleted_after": "after the as-of date",
                },
                limit=300,
            ),
            TableLayout(
                "missing",
                {
                    "emdb_id": "map",
                    "status": "status",
                    "released": "released",
                    "state": "state",
                    "reason": "reason",
                },
                limit=300,
            ),
            TableLayout(
                "matches",
                {
                    "emdb_id": "map",
                    "rule": "rule",
                    "matched": "matched",
                    "funder": "funder",
                    "country": "country",
                    "code": "code",
                },
                limit=50,
            ),
        ),
    ),
    SectionLayout(
        "method",
        "Method",
        "",
        (),
        (
            TableLayout(
                "aliases", {"phrase": "phrase", "source": "source"}, "Matched as whole words."
            ),
        ),
    ),
    SectionLayout("provenance", "Where the numbers come from"),
)
