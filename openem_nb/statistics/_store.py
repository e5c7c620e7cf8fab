"""The writing side of an archive: rows go in many at a time, each call is one transaction."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Self

import duckdb

from openem_nb.errors import CannotWrite
from openem_nb.statistics import _schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date
    from pathlib import Path
    from types import TracebackType

    from openem_nb import emdb, empiar

__all__ = ["Row", "Store"]

Row = dict[str, Any]

_PORTION: Final = 10_000
"""Rows of the listing that are put into one statement."""


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


class Store:
    """An archive file opened for writing, alone.

    Raises
    ------
    CannotWrite
        If another harvest has it open, or the folder is read-only or full.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = _schema.open_to_write(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; closing twice is fine."""
        self._connection.close()

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The open connection, for questions."""
        return self._connection

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.begin()
        try:
            yield
        except BaseException as error:
            self._roll_back()
            if isinstance(error, duckdb.IOException | duckdb.FatalException):
                raise self._cannot_write(error) from error
            raise
        try:
            self._connection.commit()
        except duckdb.Error as error:  # alone with its file, a commit fails only where writing does
            self._roll_back()
            raise self._cannot_write(error) from error

    def _cannot_write(self, error: duckdb.Error) -> CannotWrite:
        return CannotWrite(
            f"{self.path} cannot be written: {str(error).splitlines()[0]}",
            hint="Free some space, or set OPENEM_DATA to a folder with more. "
            "What was kept so far stays.",
        )

    def _roll_back(self) -> None:
        try:
            self._connection.rollback()
        except duckdb.Error as error:
            # After a failed write DuckDB may have closed the transaction, or the file, by itself.
            if not isinstance(error, duckdb.TransactionException | duckdb.FatalException):
                raise

    def _insert(self, table: str, rows: Sequence[Row]) -> None:
        if not rows:
            return
        # One JSON text with stated types: as fast as a data frame, and a column that happens to be
        # empty in one batch cannot change its type.
        columns = _schema.TABLES[table]
        shape = json.dumps([{name: _json_type(kind) for name, kind in columns.items()}])
        self._connection.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) "  # noqa: S608  (names from our own schema)
            f"SELECT r.* FROM (SELECT unnest(from_json(?::JSON, '{shape}')) AS r)",
            [json.dumps(rows)],
        )

    def _delete(self, table: str, column: str, ids: Iterable[str]) -> None:
        self._connection.execute(
            f"DELETE FROM {table} WHERE {column} IN (SELECT unnest(?))",  # noqa: S608
            [list(ids)],
        )

    def set_meta(self, values: Mapping[str, str | None]) -> None:
        """Note facts about the archive; None removes one."""
        with self._transaction():
            self._delete("meta", "key", values)
            self._insert(
                "meta",
                [
                    {"key": key, "value": value}
                    for key, value in values.items()
                    if value is not None
                ],
            )

    def meta(self) -> dict[str, str]:
        """Return the noted facts."""
        return dict(self._connection.execute("SELECT key, value FROM meta").fetchall())

    def put_listing(self, rows: Sequence[Row], *, whole: bool, day: date) -> None:
        """Replace the listing.

        Parameters
        ----------
        rows :
            One per id, with the columns of ``emdb_listing``.
        whole :
            Whether the rows agree with the number that the service states. Only then does an id
            that is not among them count as vanished (on ``day``); otherwise it stays as it was.
        """
        with self._transaction():
            self._connection.execute("CREATE TEMP TABLE before AS SELECT * FROM emdb_listing")
            self._connection.execute("DELETE FROM emdb_listing")
            for start in range(0, len(rows), _PORTION):
                self._insert("emdb_listing", rows[start : start + _PORTION])
            self._connection.execute(
                "INSERT INTO emdb_listing SELECT * REPLACE "
                "(CASE WHEN ? THEN coalesce(vanished, ?) ELSE vanished END AS vanished) "
                "FROM before WHERE emdb_id NOT IN (SELECT emdb_id FROM emdb_listing)",
                [whole, day],
            )
            self._connection.execute("DROP TABLE before")
            # an entry that was released and is not any more shows no details, as in a first harvest
            for table in ("emdb_details", "emdb_grants", "emdb_organisms", "emdb_failures"):
                self._connection.execute(
                    f"DELETE FROM {table} WHERE emdb_id IN "  # noqa: S608
                    "(SELECT emdb_id FROM emdb_listing WHERE status NOT IN ('REL', 'OBS'))"
                )

    def released(self) -> set[str]:
        """Return the ids of the listed released entries."""
        rows = self._connection.execute(
            "SELECT emdb_id FROM emdb_listing WHERE status = 'REL' AND vanished IS NULL"
        ).fetchall()
        return {row[0] for row in rows}

    def pending(self) -> dict[str, date | None]:
        """Return the ids whose details are missing or outdated, with the listed update date."""
        rows = self._connection.execute(
            "SELECT l.emdb_id, l.updated FROM emdb_listing l LEFT JOIN emdb_details d USING "
            "(emdb_id) WHERE l.status IN ('REL', 'OBS') AND l.vanished IS NULL AND (d.emdb_id "
            "IS NULL OR d.listed_update IS DISTINCT FROM l.updated) ORDER BY l.emdb_id"
        ).fetchall()
        return dict(rows)

    def put_details(
        self,
        entries: Sequence[emdb.Entry],
        failures: Mapping[str, str],
        *,
        listed: Mapping[str, date | None],
    ) -> None:
        """Replace the details of some entries, and note why others could not be read."""
        ids = [entry.id for entry in entries]
        with self._transaction():
            for table in ("emdb_details", "emdb_grants", "emdb_organisms"):
                self._delete(table, "emdb_id", ids)
            self._delete("emdb_failures", "emdb_id", [*ids, *failures])
            self._insert("emdb_details", [_details(entry, listed[entry.id]) for entry in entries])
            self._insert(
                "emdb_grants", [row for entry in entries for row in _grants("emdb_id", entry)]
            )
            self._insert("emdb_organisms", [row for entry in entries for row in _organisms(entry)])
            self._insert(
                "emdb_failures",
                [{"emdb_id": key, "reason": reason} for key, reason in failures.items()],
            )

    def put_empiar(self, entries: Sequence[empiar.Entry], failures: Mapping[str, str]) -> None:
        """Replace some EMPIAR entries, and note why others could not be read."""
        ids = [entry.id for entry in entries]
        with self._transaction():
            self._delete("empiar_failures", "empiar_id", [*ids, *failures])
            self._insert(
                "empiar_failures",
                [{"empiar_id": key, "reason": reason} for key, reason in failures.items()],
            )
            for table in ("empiar_entries", "empiar_links", "empiar_grants"):
                self._delete(table, "empiar_id", ids)
            self._insert("empiar_entries", [_empiar(entry) for entry in entries])
            self._insert(
                "empiar_links",
                [
                    {"empiar_id": entry.id, "emdb_id": ref}
                    for entry in entries
                    for ref in entry.emdb_ids
                ],
            )
            self._insert(
                "empiar_grants", [row for entry in entries for row in _grants("empiar_id", entry)]
            )

    def keep_empiar(self, ids: Iterable[str]) -> None:
        """Remove the EMPIAR entries that are not among ``ids``: those of a whole pass."""
        with self._transaction():
            for table in ("empiar_entries", "empiar_links", "empiar_grants", "empiar_failures"):
                self._connection.execute(
                    f"DELETE FROM {table} WHERE empiar_id NOT IN (SELECT unnest(?))",  # noqa: S608
                    [list(ids)],
                )

    def failed_empiar(self) -> list[str]:
        """Return the EMPIAR ids that could not be read so far."""
        rows = self._connection.execute(
            "SELECT empiar_id FROM empiar_failures ORDER BY 1"
        ).fetchall()
        return [row[0] for row in rows]

    def drop_empiar_failures(self, ids: Iterable[str]) -> None:
        """Forget that these could not be read."""
        with self._transaction():
            self._delete("empiar_failures", "empiar_id", ids)

    def add_harvest(self, row: Row) -> None:
        """Record a finished harvest."""
        with self._transaction():
            self._insert("harvests", [row])

    def settle(self) -> None:
        """Write everything into the one file, so that it can be moved."""
        try:
            self._connection.execute("CHECKPOINT")
        except duckdb.Error as error:
            raise self._cannot_write(error) from error


def _json_type(kind: str) -> str | list[str]:
    return [kind.removesuffix("[]")] if kind.endswith("[]") else kind


def _details(entry: emdb.Entry, listed_update: date | None) -> Row:
    citation = entry.citation
    return {
        "emdb_id": entry.id,
        "title": entry.title,
        "listed_update": _day(listed_update),
        "status": entry.status,
        "deposited": _day(entry.deposited),
        "map_released": _day(entry.map_released),
        "updated": _day(entry.updated),
        "obsoleted": _day(entry.obsoleted),
        "superseded_by": entry.superseded_by,
        "methods": entry.methods,
        "resolution": entry.resolution,
        "microscopes": entry.microscopes,
        "detectors": entry.detectors,
        "voltages": entry.voltages,
        "sample": entry.sample,
        "authors": entry.authors,
        "pdb_ids": entry.pdb_ids,
        "citation_title": citation.title if citation else None,
        "citation_journal": citation.journal if citation else None,
        "citation_year": citation.year if citation else None,
        "citation_doi": citation.doi if citation else None,
        "citation_pubmed": citation.pubmed if citation else None,
        "citation_published": citation.published if citation else None,
    }


def _grants(key: str, entry: emdb.Entry | empiar.Entry) -> Iterator[Row]:
    for position, grant in enumerate(entry.grants):
        yield {
            key: entry.id,
            "position": position,
            "funder": grant.funder,
            "country": grant.country,
            "country_key": _schema.country_key(grant.country),
            "code": grant.code,
        }


def _organisms(entry: emdb.Entry) -> Iterator[Row]:
    for position, organism in enumerate(entry.organisms):
        yield {
            "emdb_id": entry.id,
            "position": position,
            "name": organism.name,
            "taxid": organism.taxid,
        }


def _empiar(entry: empiar.Entry) -> Row:
    return {
        "empiar_id": entry.id,
        "title": entry.title,
        "status": entry.status,
        "deposited": _day(entry.deposited),
        "released": _day(entry.released),
        "obsoleted": _day(entry.obsoleted),
        "updated": _day(entry.updated),
        "experiment_type": entry.experiment_type,
        "size_bytes": entry.size_bytes,
        "doi": entry.doi,
        "authors": entry.authors,
        "pdb_ids": entry.pdb_ids,
        "refs_rejected": entry.emdb_refs_rejected,
    }
