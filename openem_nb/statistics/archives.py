"""Reading an archive: any SQL, what is in it, and its fingerprint.

An archive is one DuckDB file with the metadata of EMDB and EMPIAR as one harvest left them. It is
opened for reading only; many readers at once are fine, also while a harvest runs, because a harvest
works on a copy and puts it in place when it is whole. A reader goes on seeing the archive that it
has opened.
"""

from __future__ import annotations

import hashlib
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Self

import duckdb

from openem_nb import settings
from openem_nb.errors import InvalidInput
from openem_nb.statistics import _schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from pathlib import Path
    from types import TracebackType

    import pandas as pd

__all__ = ["Archive", "archive", "archive_path"]

# What the services say, and nothing of when and how it was read: an entry that the service no
# longer
# lists, or the reason why one could not be read, is not part of the content.
_LISTED: Final = "SELECT emdb_id FROM emdb_listing WHERE vanished IS NULL"
_CONTENT: Final = {
    "emdb_listing": "emdb_id, status, deposited, header_released, map_released, updated, obsoleted "
    "FROM emdb_listing WHERE vanished IS NULL",
    "emdb_details": f"* FROM emdb_details WHERE emdb_id IN ({_LISTED})",
    "emdb_grants": f"* FROM emdb_grants WHERE emdb_id IN ({_LISTED})",
    "emdb_organisms": f"* FROM emdb_organisms WHERE emdb_id IN ({_LISTED})",
    "empiar_entries": "* FROM empiar_entries",
    "empiar_links": "* FROM empiar_links",
    "empiar_grants": "* FROM empiar_grants",
}


class Archive:
    """An open archive, for reading.

    Parameters
    ----------
    path :
        The DuckDB file.

    Raises
    ------
    NotFound
        If there is no such file.
    InvalidInput
        If it is not an archive of this schema version.

    Examples
    --------
    >>> with statistics.archive() as archive:                               # doctest: +SKIP
    ...     archive.sql("SELECT status, count(*) AS n FROM emdb_entries GROUP BY ALL ORDER BY n
    DESC")
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = _schema.open_read_only(path)
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Archive({str(self.path)!r})"

    def close(self) -> None:
        """Close the file; closing twice is fine."""
        self._connection.close()

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give a connection of its own to the open file: safe beside others in other threads.

        Temporary tables that are made in it end with it.
        """
        with self._lock:
            cursor = self._connection.cursor()
        try:
            cursor.execute(f"USE {_schema.CATALOG}")
            yield cursor
        finally:
            cursor.close()

    def sql(self, query: str) -> pd.DataFrame:
        """Return the answer to an SQL query as a data frame.

        The tables: ``emdb_entries`` (one row per id that EMDB lists, also unreleased ones),
        ``emdb_grants``, ``emdb_organisms``, ``emdb_methods``, ``emdb_microscopes``,
        ``emdb_citations``, ``empiar_entries``, ``empiar_emdb`` (links), ``empiar_grants``,
        ``harvests``; ``DESCRIBE emdb_entries`` lists columns.

        Raises
        ------
        InvalidInput
            If DuckDB refuses the query; the message is DuckDB's. Nothing can be changed, and
            neither files nor the network can be reached.
        """
        if not query.strip():
            raise InvalidInput(
                "The SQL query is empty.", hint="Try: SELECT count(*) FROM emdb_entries"
            )
        with self.cursor() as cursor:
            try:
                return cursor.execute(query).df()
            except duckdb.Error as error:
                raise InvalidInput(
                    str(error),
                    hint="SHOW TABLES lists the tables, DESCRIBE emdb_entries the columns of one.",
                ) from error

    def meta(self) -> dict[str, str]:
        """Return what is noted about the archive: service, notice and addresses."""
        with self.cursor() as cursor:
            return dict(cursor.execute("SELECT key, value FROM meta ORDER BY key").fetchall())

    def last_harvest(self) -> dict[str, Any]:
        """Return the record of the last harvest, by column name."""
        with self.cursor() as cursor:
            found = cursor.execute("SELECT * FROM harvests ORDER BY finished DESC LIMIT 1")
            row = found.fetchone()
            names = [column[0] for column in found.description]
        if row is None:  # a file gets the archive's name only after this record is written
            raise InvalidInput(f"{self.path} holds no finished harvest.", hint="Run harvest again.")
        return dict(zip(names, row, strict=True))

    def known_until(self) -> date:
        """Return the last date about which the archive can say something.

        The day of the last harvest (UTC), or the last update that the service itself states where
        that is later.
        """
        with self.cursor() as cursor:
            row = cursor.execute(
                "SELECT greatest((SELECT max(finished)::DATE FROM harvests), (SELECT "
                "max(updated) FROM emdb_listing), (SELECT max(updated) FROM empiar_entries))"
            ).fetchone()
        if row is None or row[0] is None:
            raise InvalidInput(f"{self.path} holds no finished harvest.", hint="Run harvest again.")
        day: date = row[0]
        return day

    def info(self) -> dict[str, Any]:
        """Return in short what the archive holds: counts, dates, service, fingerprint."""
        harvest, meta = self.last_harvest(), self.meta()
        with self.cursor() as cursor:
            statuses = dict(
                cursor.execute(
                    "SELECT status, count(*) FROM emdb_listing WHERE vanished IS NULL GROUP BY "
                    "1 ORDER BY 1"
                ).fetchall()
            )
        return {
            "path": str(self.path),
            "bytes": self.path.stat().st_size,
            "service": meta["service"],
            "notice": meta.get("notice"),
            "emdb_statuses": statuses,
            "harvested": harvest["finished"],
            "known_until": self.known_until(),
            **{
                key: harvest[key]
                for key in (
                    "emdb_listed",
                    "emdb_released",
                    "emdb_missing",
                    "emdb_outdated",
                    "empiar_entries",
                    "mismatches",
                )
            },
            "fingerprint": self.fingerprint(),
        }

    def fingerprint(self) -> str:
        """Return a SHA-256 over the content, the same however it was harvested."""
        with self.cursor() as cursor:
            return content_fingerprint(cursor)


def content_fingerprint(connection: duckdb.DuckDBPyConnection) -> str:
    """Return the SHA-256 over what the services say, in sorted order."""
    whole = hashlib.sha256()
    for table, rows in _CONTENT.items():
        row = connection.execute(
            "SELECT count(*), sha256(string_agg(h, '' ORDER BY h)) FROM"  # noqa: S608  (our own constants)
            f" (SELECT sha256(CAST(t AS VARCHAR)) AS h FROM (SELECT {rows}) t)"
        ).fetchone()
        whole.update(f"{table} {row}\n".encode())
    return whole.hexdigest()


def archive_path() -> Path:
    """Return where the archive of the active services lies."""
    return settings.folders().data / f"archive-{settings.services().name}.duckdb"


def archive(path: Path | None = None) -> Archive:
    """Open the archive of the active services, or the one at ``path``.

    Raises
    ------
    NotFound
        If nothing has been harvested yet.
    """
    return Archive(path if path is not None else archive_path())
