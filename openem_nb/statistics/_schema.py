"""The tables of an archive file, and how such a file is opened.

Base tables hold what the services say, row by row; the views that people query join them. What the
listing says of an entry (status, dates) and what the entry itself says (details) are kept apart, so
that an entry whose details could not be read is still there, with empty details.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import duckdb

from openem_nb.errors import CannotWrite, InvalidInput, NotFound

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "CATALOG",
    "SCHEMA_VERSION",
    "TABLES",
    "country_key",
    "create",
    "open_read_only",
    "open_to_write",
    "working_copy",
]

SCHEMA_VERSION: Final = 1

CATALOG: Final = "archive"
"""Name under which the file is attached; the connection itself lives in memory."""

TABLES: Final[dict[str, dict[str, str]]] = {
    "meta": {"key": "VARCHAR", "value": "VARCHAR"},
    "emdb_listing": {
        "emdb_id": "VARCHAR",
        "status": "VARCHAR",
        "deposited": "DATE",
        "header_released": "DATE",
        "map_released": "DATE",
        "updated": "DATE",
        "obsoleted": "DATE",
        "vanished": "DATE",
    },
    "emdb_details": {
        "emdb_id": "VARCHAR",
        "title": "VARCHAR",
        "listed_update": "DATE",
        "status": "VARCHAR",
        "deposited": "DATE",
        "map_released": "DATE",
        "updated": "DATE",
        "obsoleted": "DATE",
        "superseded_by": "VARCHAR[]",
        "methods": "VARCHAR[]",
        "resolution": "DOUBLE",
        "microscopes": "VARCHAR[]",
        "detectors": "VARCHAR[]",
        "voltages": "DOUBLE[]",
        "sample": "VARCHAR",
        "authors": "VARCHAR[]",
        "pdb_ids": "VARCHAR[]",
        "citation_title": "VARCHAR",
        "citation_journal": "VARCHAR",
        "citation_year": "INTEGER",
        "citation_doi": "VARCHAR",
        "citation_pubmed": "VARCHAR",
        "citation_published": "BOOLEAN",
    },
    "emdb_grants": {
        "emdb_id": "VARCHAR",
        "position": "INTEGER",
        "funder": "VARCHAR",
        "country": "VARCHAR",
        "country_key": "VARCHAR",
        "code": "VARCHAR",
    },
    "emdb_organisms": {
        "emdb_id": "VARCHAR",
        "position": "INTEGER",
        "name": "VARCHAR",
        "taxid": "BIGINT",
    },
    "emdb_failures": {"emdb_id": "VARCHAR", "reason": "VARCHAR"},
    "empiar_entries": {
        "empiar_id": "VARCHAR",
        "title": "VARCHAR",
        "status": "VARCHAR",
        "deposited": "DATE",
        "released": "DATE",
        "obsoleted": "DATE",
        "updated": "DATE",
        "experiment_type": "VARCHAR",
        "size_bytes": "BIGINT",
        "doi": "VARCHAR",
        "authors": "VARCHAR[]",
        "pdb_ids": "VARCHAR[]",
        "refs_rejected": "VARCHAR[]",
    },
    "empiar_failures": {"empiar_id": "VARCHAR", "reason": "VARCHAR"},
    "empiar_links": {"empiar_id": "VARCHAR", "emdb_id": "VARCHAR"},
    "empiar_grants": {
        "empiar_id": "VARCHAR",
        "position": "INTEGER",
        "funder": "VARCHAR",
        "country": "VARCHAR",
        "country_key": "VARCHAR",
        "code": "VARCHAR",
    },
    "harvests": {
        "started": "TIMESTAMP",
        "finished": "TIMESTAMP",
        "service": "VARCHAR",
        "queries": "VARCHAR[]",
        "emdb_listed": "INTEGER",
        "emdb_released": "INTEGER",
        "emdb_released_stated": "INTEGER",
        "emdb_fetched": "INTEGER",
        "emdb_missing": "INTEGER",
        "emdb_outdated": "INTEGER",
        "emdb_vanished": "INTEGER",
        "empiar_read": "INTEGER",
        "empiar_entries": "INTEGER",
        "empiar_missing": "INTEGER",
        "mismatches": "VARCHAR[]",
        "versions": "VARCHAR",
    },
}

_VIEWS: Final = {
    # 'details' says what stands behind the row: current, outdated (an older version of the entry),
    # missing (wanted and not there) or none (not released, nothing to read)
    "emdb_entries": """
        SELECT l.emdb_id, l.status, d.title, l.deposited, l.header_released, l.map_released,
               l.updated, coalesce(l.obsoleted, d.obsoleted) AS obsoleted, d.superseded_by,
               d.methods, d.resolution, d.microscopes, d.detectors, d.voltages, d.sample,
               d.authors, d.pdb_ids, d.citation_doi AS doi, l.vanished,
               CASE WHEN d.emdb_id IS NULL AND l.status IN ('REL', 'OBS') THEN 'missing'
                    WHEN d.emdb_id IS NULL THEN 'none'
                    WHEN d.listed_update IS DISTINCT FROM l.updated THEN 'outdated'
                    ELSE 'current' END AS details
        FROM emdb_listing l LEFT JOIN emdb_details d USING (emdb_id)""",
    "emdb_citations": """
        SELECT emdb_id, citation_title AS title, citation_journal AS journal, citation_year AS year,
               citation_doi AS doi, citation_pubmed AS pubmed, citation_published AS published
        FROM emdb_details WHERE citation_title IS NOT NULL OR citation_doi IS NOT NULL""",
    "emdb_methods": "SELECT emdb_id, unnest(methods) AS method FROM emdb_details",
    "emdb_microscopes": "SELECT emdb_id, unnest(microscopes) AS microscope FROM emdb_details",
    "empiar_emdb": """
        SELECT k.empiar_id, k.emdb_id, l.emdb_id IS NOT NULL AS known
        FROM empiar_links k LEFT JOIN emdb_listing l USING (emdb_id)""",
}


def country_key(country: str | None) -> str | None:
    """Return the form in which countries are compared, stripped and casefolded; None if empty."""
    return (country or "").strip().casefold() or None


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the tables and views in a new file, in one transaction."""
    connection.begin()
    for table, columns in TABLES.items():
        body = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        connection.execute(f"CREATE TABLE {table} ({body})")
    for view, query in _VIEWS.items():
        connection.execute(f"CREATE VIEW {view} AS {query}")
    connection.execute("INSERT INTO meta VALUES ('schema', ?)", [str(SCHEMA_VERSION)])
    connection.commit()


def _check_version(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    try:
        rows = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchall()
    except duckdb.CatalogException:
        rows = []
    if rows != [(str(SCHEMA_VERSION),)]:
        found = f"schema {rows[0][0]}" if rows else "no schema number"
        raise InvalidInput(
            f"{path} is not an archive that this version reads: it has {found}, not "
            f"{SCHEMA_VERSION}.",
            hint=(
                "Move the file away and harvest again, or use the version of openem_nb that "
                "made it."
            ),
        )


def _attach(path: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    # Attached to a connection of its own instead of duckdb.connect(path): that function shares one
    # instance per path, which would show a reader the old file after a harvest has put a new one
    # there,
    # and would let two writers of one process in.
    connection = duckdb.connect(":memory:")
    mode = " (READ_ONLY)" if read_only else ""
    quoted = str(path).replace("'", "''")
    try:
        connection.execute(f"ATTACH '{quoted}' AS {CATALOG}{mode}")
        connection.execute(f"USE {CATALOG}")
    except BaseException:
        connection.close()
        raise
    return connection


def open_read_only(path: Path) -> duckdb.DuckDBPyConnection:
    """Open an archive for reading; its SQL cannot reach files, the network or Python variables.

    Raises
    ------
    NotFound
        If there is no such file.
    InvalidInput
        If the file is not an archive, or one of another schema version.
    """
    if not path.is_file():
        unfinished = working_copy(path).exists()
        raise NotFound(
            f"There is no archive {path}.",
            hint="An unfinished harvest lies there: run harvest again, it goes on where it stopped."
            if unfinished
            else "Run statistics.harvest() (in a terminal: openem harvest) first.",
        )
    try:
        connection = _attach(path, read_only=True)
    except duckdb.Error as error:
        raise _unusable(path, error) from error
    try:
        _check_version(connection, path)
        connection.execute("SET python_enable_replacements = false")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
    except BaseException:
        connection.close()
        raise
    return connection


def open_to_write(path: Path) -> duckdb.DuckDBPyConnection:
    """Open a file for writing, making the tables where it is new.

    Raises
    ------
    CannotWrite
        If another harvest is writing to it, or the folder is read-only or full.
    InvalidInput
        If the file is not an archive, or one of another schema version.
    """
    try:
        connection = _attach(path, read_only=False)
    except duckdb.Error as error:
        raise _unusable(path, error) from error
    try:
        if not connection.execute(
            "SELECT 1 FROM duckdb_tables() WHERE database_name = ?", [CATALOG]
        ).fetchall():
            create(connection)
        _check_version(connection, path)
    except duckdb.Error as error:
        connection.close()
        raise _unusable(path, error) from error
    except BaseException:
        connection.close()
        raise
    return connection


def working_copy(path: Path) -> Path:
    """Return the file that a harvest works on; it takes the archive's name once it is whole."""
    return path.with_name(path.name + ".harvest")


def _unusable(path: Path, error: duckdb.Error) -> CannotWrite | InvalidInput:
    text = str(error).splitlines()[0]
    if "lock" in text or "already attached" in text:
        return CannotWrite(
            f"{path} is in use by another harvest.",
            hint="Wait until that one has ended, or cancel it. Meanwhile the archive can be used "
            "as it is: the notebook swiss_statistics does so with refresh=false.",
        )
    damaged = "not a valid DuckDB" in text or "read enough bytes" in text
    if isinstance(error, duckdb.IOException) and not damaged:
        return CannotWrite(
            f"{path} cannot be opened: {text}",
            hint="Choose a folder where you may write and that has space (OPENEM_DATA).",
        )
    return InvalidInput(
        f"{path} is not an archive: {text}", hint="Move the file away and harvest again."
    )
