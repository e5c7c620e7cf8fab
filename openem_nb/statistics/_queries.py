"""The SQL of the statistics: from an archive and a date to counted maps, and from those to tables.

``prepare`` makes temporary tables in a cursor of its own:

``world``  every counted map: released by the date, with its deposition year and whether it has raw data;
``local``  those of ``world`` that have a grant of the asked country;
``raw``    pairs of counted map and released EMPIAR entry;
``hits``   each grant of a counted map that matches, with the rule and what matched.

Every table ends in a total order, so that the same archive gives the same bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    import duckdb
    import pandas as pd

__all__ = ["BANDS", "Scope", "counts", "prepare", "table"]

Scope = str
NOT_STATED: Final = "not stated"

BANDS: Final = (
    (2.0, "below 2 Å"),
    (3.0, "2 to 3 Å"),
    (4.0, "3 to 4 Å"),
    (6.0, "4 to 6 Å"),
    (10.0, "6 to 10 Å"),
)
"""Upper edge (not included, angstrom) and name of the resolution bands; the last one is open."""

_LAST_BAND: Final = "10 Å and above"

_PREPARE: Final = (
    """
    CREATE OR REPLACE TEMP TABLE raw AS
    SELECT DISTINCT k.emdb_id, k.empiar_id, e.released
    FROM empiar_links k JOIN empiar_entries e USING (empiar_id) JOIN emdb_listing l USING (emdb_id)
    WHERE e.status = 'REL' AND e.released <= $as_of
      AND l.status = 'REL' AND l.vanished IS NULL AND l.deposited <= $as_of AND l.map_released <= $as_of
    """,
    """
    CREATE OR REPLACE TEMP TABLE world AS
    SELECT e.*, year(e.deposited) AS year, r.first_raw, r.first_raw IS NOT NULL AS has_raw
    FROM emdb_entries e
    LEFT JOIN (SELECT emdb_id, min(released) AS first_raw FROM raw GROUP BY 1) r USING (emdb_id)
    WHERE e.status = 'REL' AND e.vanished IS NULL AND e.deposited <= $as_of AND e.map_released <= $as_of
    """,
)

_HITS: Final = """
    CREATE OR REPLACE TEMP TABLE hits AS
    SELECT g.emdb_id, g.position, 'country' AS rule, g.country AS matched, g.funder, g.country, g.code
    FROM emdb_grants g SEMI JOIN world USING (emdb_id) WHERE g.country_key = $country
    UNION ALL
    SELECT g.emdb_id, g.position, 'alias', a.phrase, g.funder, g.country, g.code
    FROM emdb_grants g SEMI JOIN world USING (emdb_id) JOIN aliases a ON g.funder = a.funder
"""

_LOCAL: Final = """
    CREATE OR REPLACE TEMP TABLE local AS
    SELECT w.* FROM world w SEMI JOIN (SELECT emdb_id FROM hits WHERE rule = 'country') h USING (emdb_id)
"""


def prepare(
    cursor: duckdb.DuckDBPyConnection,
    *,
    as_of: date,
    country: str,
    aliases: Iterable[tuple[str, str]],
) -> None:
    """Make the temporary tables.

    Parameters
    ----------
    as_of :
        The last day that counts.
    country :
        The country's key: stripped and casefolded.
    aliases :
        Pairs of a funder's name as it stands in the archive, and the phrase that it matches.
    """
    for query in _PREPARE:
        cursor.execute(query, {"as_of": as_of})
    pairs = list(aliases)
    cursor.execute(
        "CREATE OR REPLACE TEMP TABLE aliases AS SELECT unnest($funders::VARCHAR[]) AS funder, "
        "unnest($phrases::VARCHAR[]) AS phrase",
        {"funders": [pair[0] for pair in pairs], "phrases": [pair[1] for pair in pairs]},
    )
    cursor.execute(_HITS, {"country": country})
    cursor.execute(_LOCAL)


_COUNTS: Final = """
    SELECT
      (SELECT count(*) FROM local) AS entries,
      (SELECT count(*) FROM local WHERE has_raw) AS with_raw_data,
      (SELECT count(DISTINCT empiar_id) FROM raw SEMI JOIN local USING (emdb_id)) AS empiar_entries,
      (SELECT count(*) FROM own) AS empiar_own_grant,
      (SELECT count(*) FROM (SELECT empiar_id FROM raw SEMI JOIN local USING (emdb_id)
                             UNION SELECT empiar_id FROM own)) AS empiar_any,
      (SELECT count(*) FROM world) AS world_entries,
      (SELECT count(*) FROM world WHERE has_raw) AS world_with_raw_data,
      (SELECT count(DISTINCT empiar_id) FROM raw) AS world_empiar_entries,
      (SELECT count(*) FROM empiar_entries WHERE status = 'REL' AND released <= $as_of) AS world_empiar_all,
      (SELECT count(DISTINCT emdb_id) FROM hits WHERE rule = 'alias') AS alias_entries,
      (SELECT count(DISTINCT emdb_id) FROM hits WHERE rule = 'alias'
       AND emdb_id IN (SELECT emdb_id FROM local)) AS both_rules
    FROM (SELECT 1)
"""

# released EMPIAR entries that name a grant of the country themselves
_OWN: Final = """
    CREATE OR REPLACE TEMP TABLE own AS
    SELECT DISTINCT g.empiar_id FROM empiar_grants g JOIN empiar_entries e USING (empiar_id)
    WHERE g.country_key = $country AND e.status = 'REL' AND e.released <= $as_of
"""


def counts(cursor: duckdb.DuckDBPyConnection, *, as_of: date, country: str) -> dict[str, int]:
    """Return the totals of the prepared tables by name."""
    cursor.execute(_OWN, {"as_of": as_of, "country": country})
    answer = cursor.execute(_COUNTS, {"as_of": as_of})
    names = [column[0] for column in answer.description]
    row = answer.fetchone()
    return dict(zip(names, row, strict=True)) if row else {}


def _annual(maps: Scope) -> str:
    return f"""
        SELECT y.year,
               count(m.emdb_id)::INTEGER AS entries,
               count(m.emdb_id) FILTER (m.has_raw)::INTEGER AS with_raw_data,
               coalesce(any_value(e.n), 0)::INTEGER AS empiar_entries
        FROM years y LEFT JOIN {maps} m USING (year)
        LEFT JOIN (SELECT year, count(*) AS n FROM
                     (SELECT r.empiar_id, min(m.year) AS year FROM raw r JOIN {maps} m USING (emdb_id) GROUP BY 1)
                   GROUP BY 1) e ON e.year = y.year
        GROUP BY y.year"""  # noqa: S608


def _grouped(select: str) -> str:
    """Return a table of maps by category, for the country beside the world.

    ``select`` gives (emdb_id, has_raw, category columns...) with ``{maps}`` for the scope; its first category
    column is the key.
    """
    return f"""
        WITH here AS ({select.format(maps="local")}), everywhere AS ({select.format(maps="world")}),
        a AS (SELECT key, any_value(first_label) AS label, count(DISTINCT emdb_id) AS n,
                     count(DISTINCT emdb_id) FILTER (has_raw) AS r FROM
                (SELECT *, first_value(label) OVER
                   (PARTITION BY key ORDER BY uses DESC, label) AS first_label FROM
                   (SELECT *, count(*) OVER (PARTITION BY key, label) AS uses FROM here)) GROUP BY key),
        b AS (SELECT key, count(DISTINCT emdb_id) AS n, count(DISTINCT emdb_id) FILTER (has_raw) AS r
              FROM everywhere GROUP BY key)
        SELECT a.key, a.label, a.n::INTEGER AS entries, a.r::INTEGER AS with_raw_data, a.r / a.n AS share,
               b.n::INTEGER AS world_entries, b.r::INTEGER AS world_with_raw_data, b.r / b.n AS world_share
        FROM a JOIN b USING (key)"""  # noqa: S608


def _listed(column: str) -> str:
    """Return maps by each value of a list column; a map without one counts as not stated."""
    return _grouped(
        f"SELECT emdb_id, has_raw, value AS key, value AS label FROM (SELECT emdb_id, has_raw, unnest("  # noqa: S608
        f"CASE WHEN len(coalesce({column}, [])) = 0 THEN ['{NOT_STATED}'] ELSE {column} END) AS value FROM {{maps}})"
    )


def _band(column: str) -> str:
    cases = " ".join(
        f"WHEN {column} < {edge} THEN {number}" for number, (edge, _) in enumerate(BANDS)
    )
    return f"CASE WHEN {column} IS NULL THEN {len(BANDS) + 1} {cases} ELSE {len(BANDS)} END"


def _band_name(number: str) -> str:
    names = [name for _, name in BANDS] + [_LAST_BAND, NOT_STATED]
    quoted = ", ".join(f"'{name}'" for name in names)
    return f"list_extract([{quoted}], {number} + 1)"


_DELAY: Final = """
    SELECT '{maps}' AS scope, count(*)::INTEGER AS maps,
           quantile_cont(days, 0.25) AS lower_quartile_days, median(days) AS median_days,
           quantile_cont(days, 0.75) AS upper_quartile_days, min(days) AS least_days, max(days) AS most_days,
           count(*) FILTER (days < 0)::INTEGER AS raw_data_first, count(*) FILTER (days = 0)::INTEGER AS same_day
    FROM (SELECT first_raw - map_released AS days FROM {maps} WHERE has_raw)
"""

_TABLES: Final = {
    "annual": f"""
        SELECT l.year, l.entries, l.with_raw_data,
               CASE WHEN l.entries > 0 THEN l.with_raw_data / l.entries END AS share,
               l.empiar_entries, CASE WHEN l.entries > 0 THEN l.empiar_entries / l.entries END AS ratio,
               w.entries AS world_entries, w.with_raw_data AS world_with_raw_data,
               CASE WHEN w.entries > 0 THEN w.with_raw_data / w.entries END AS world_share,
               w.empiar_entries AS world_empiar_entries,
               CASE WHEN w.entries > 0 THEN w.empiar_entries / w.entries END AS world_ratio,
               l.year >= (SELECT max(year) - 1 FROM years) AS right_censored
        FROM ({_annual("local")}) l JOIN ({_annual("world")}) w USING (year) ORDER BY l.year""",  # noqa: S608
    "funders": """
        SELECT first(funder ORDER BY uses DESC, funder) AS funder, of_country,
               count(DISTINCT emdb_id)::INTEGER AS entries,
               count(DISTINCT emdb_id) FILTER (has_raw)::INTEGER AS with_raw_data,
               count(DISTINCT emdb_id) FILTER (has_raw) / count(DISTINCT emdb_id) AS share
        FROM (SELECT trim(g.funder) AS funder, lower(trim(g.funder)) AS key, g.emdb_id, m.has_raw,
                     coalesce(g.country_key = $country, false) AS of_country,
                     count(*) OVER (PARTITION BY trim(g.funder)) AS uses
              FROM emdb_grants g JOIN local m USING (emdb_id))
        GROUP BY key, of_country ORDER BY of_country DESC, entries DESC, funder""",
    "methods": f"""
        SELECT label AS method, * EXCLUDE (key, label) FROM ({_listed("methods")})
        ORDER BY entries DESC, method""",  # noqa: S608
    "methods_by_year": f"""
        SELECT year, method, count(DISTINCT emdb_id)::INTEGER AS entries FROM
          (SELECT year, emdb_id, unnest(CASE WHEN len(coalesce(methods, [])) = 0 THEN ['{NOT_STATED}']
                                        ELSE methods END) AS method FROM local)
        GROUP BY ALL ORDER BY year, method""",  # noqa: S608
    "resolution": f"""
        SELECT {_band_name("key")} AS band, * EXCLUDE (key, label) FROM
          ({_grouped("SELECT emdb_id, has_raw, " + _band("resolution") + " AS key, 0 AS label FROM {maps}")})
        ORDER BY key""",  # noqa: S608
    "microscopes": f"""
        SELECT label AS microscope, * EXCLUDE (key, label) FROM ({_listed("microscopes")})
        ORDER BY entries DESC, microscope""",  # noqa: S608
    "organisms": f"""
        SELECT label AS organism, try_cast(key AS BIGINT) AS taxid, * EXCLUDE (key, label) FROM ({
        _grouped('''SELECT m.emdb_id, m.has_raw, coalesce(o.taxid::VARCHAR, lower(o.name), 'not stated') AS key,
                    coalesce(o.name, 'not stated') AS label
                    FROM {maps} m LEFT JOIN emdb_organisms o USING (emdb_id)''')
    }) ORDER BY entries DESC, organism, taxid""",  # noqa: S608
    "delay": f"{_DELAY.format(maps='local')} UNION ALL {_DELAY.format(maps='world')}",
    "delays": """
        SELECT emdb_id, map_released, first_raw AS first_raw_data, first_raw - map_released AS days
        FROM local WHERE has_raw ORDER BY days, emdb_id""",
    "to_release": """
        SELECT 'local' AS scope, median(map_released - deposited) AS median_days FROM local UNION ALL
        SELECT 'world', median(map_released - deposited) FROM world""",
    "work_list": """
        SELECT m.emdb_id, m.title, m.map_released AS released, m.doi, $emdb_site || '/' || m.emdb_id AS link,
               (SELECT string_agg(funder, '; ' ORDER BY position) FROM
                 (SELECT funder, min(position) AS position FROM hits h
                  WHERE h.emdb_id = m.emdb_id AND h.rule = 'country' GROUP BY funder)) AS funders
        FROM local m WHERE NOT has_raw ORDER BY m.map_released DESC, m.emdb_id""",
    "entries": """
        SELECT m.emdb_id, m.title, m.deposited, m.map_released AS released, m.year, m.methods, m.resolution,
               m.has_raw AS with_raw_data, m.first_raw AS first_raw_data, r.ids AS empiar_ids, m.doi,
               $emdb_site || '/' || m.emdb_id AS link
        FROM local m LEFT JOIN (SELECT emdb_id, list(empiar_id ORDER BY empiar_id) AS ids FROM raw GROUP BY 1) r
          USING (emdb_id)
        ORDER BY m.deposited, m.emdb_id""",
    "empiar": """
        SELECT e.empiar_id, e.title, e.released, e.experiment_type, e.size_bytes,
               coalesce(k.maps, 0)::INTEGER AS counted_maps, k.maps IS NOT NULL AS linked,
               e.empiar_id IN (SELECT empiar_id FROM own) AS own_grant, e.doi,
               $empiar_site || '/' || e.empiar_id AS link
        FROM empiar_entries e LEFT JOIN
          (SELECT empiar_id, count(*) AS maps FROM raw SEMI JOIN local USING (emdb_id) GROUP BY 1) k USING (empiar_id)
        WHERE k.maps IS NOT NULL OR e.empiar_id IN (SELECT empiar_id FROM own)
        ORDER BY e.released, e.empiar_id""",
    "matches": """
        SELECT emdb_id, rule, matched, funder, country, code FROM hits
        ORDER BY emdb_id, position, rule DESC, matched""",
    "obsolete": """
        SELECT e.emdb_id, e.title, e.deposited, e.map_released AS released, e.obsoleted,
               e.superseded_by, coalesce(e.obsoleted > $as_of, false) AS obsoleted_after
        FROM emdb_entries e SEMI JOIN (SELECT emdb_id FROM emdb_grants WHERE country_key = $country) g USING (emdb_id)
        WHERE e.status = 'OBS' AND e.vanished IS NULL AND e.deposited <= $as_of AND e.map_released <= $as_of
        ORDER BY e.obsoleted, e.emdb_id""",
    "missing": """
        SELECT e.emdb_id, e.status, e.deposited, e.map_released AS released, e.details,
               CASE WHEN e.vanished IS NOT NULL THEN 'no longer listed since ' || e.vanished
                    ELSE coalesce(f.reason, 'not read yet') END AS reason
        FROM emdb_entries e LEFT JOIN emdb_failures f USING (emdb_id)
        WHERE e.deposited <= $as_of AND e.map_released <= $as_of AND
          (e.details IN ('missing', 'outdated') OR (e.vanished IS NOT NULL AND e.status = 'REL'))
        ORDER BY e.emdb_id""",
}

TABLE_NAMES: Final = tuple(_TABLES)


def table(cursor: duckdb.DuckDBPyConnection, name: str, values: dict[str, Any]) -> pd.DataFrame:
    """Return one table from the prepared ones; ``values`` fills what its SQL names."""
    query = _TABLES[name]
    used = {key: value for key, value in values.items() if f"${key}" in query}
    return cursor.execute(query, used).df()
