"""The folder of the results: a table in parts, and the pictures it names.

::

    mine.json                the parameters, for people
    parts/part-000001.parquet ...
    parts/rows.jsonl         the rows since the last part, one line each
    pictures/ab/….jpg        thumbnails and spectra

A row is written down as soon as it is measured, so that a process that is killed loses the files in
its hands and no others. A part gets its name when it is whole, and the rows are forgotten after
that; a row that is in both by an accident in between is told once. Anybody may read while one
process writes.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import os
import re
import secrets
import threading
from typing import IO, TYPE_CHECKING, Any, Final, TypeAlias

import duckdb

from openem_nb import settings
from openem_nb._folders import write_whole
from openem_nb.errors import CannotWrite, Conflict, DamagedFile, NotFound
from openem_nb.mining.columns import COLUMNS, LASTING, table, tidy

try:
    import fcntl
except ImportError:  # pragma: no cover  (Windows has no such locks)
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    import pandas as pd

    from openem_nb.mining.files import ImageFile
    from openem_nb.mining.parameters import Parameters

    _State: TypeAlias = tuple[str, int, int]

__all__ = ["Store", "picture_name", "write_picture"]

PART: Final = 2000
"""Rows of a part."""
_CASTS: Final = ", ".join(f'CAST("{n}" AS {c.type}) AS "{n}"' for n, c in COLUMNS.items())
_ROWS: Final = """
CREATE VIEW rows AS SELECT *, CAST(9223372036854775807 AS BIGINT) AS part FROM waiting
"""
_AND_PARTS: Final = r"""
UNION ALL BY NAME SELECT * EXCLUDE (filename, file_row_number), file_row_number AS place,
    CAST(regexp_extract(filename, 'part-(\d+)\.parquet$', 1) AS BIGINT) AS part FROM parts
"""
"""A row's place is that of its part and in it; what waits comes after all parts."""
_NEWEST: Final = """
WITH last AS (
    SELECT * FROM rows WHERE $key IS NULL OR parameters = $key
    QUALIFY row_number() OVER (PARTITION BY path ORDER BY part DESC, place DESC) = 1
)
SELECT * FROM last
QUALIFY row_number() OVER (
    PARTITION BY CASE
        WHEN $own AND name IS NOT NULL THEN [name]
        WHEN source IS NOT NULL AND name IS NOT NULL THEN [source, name]
        ELSE [path, '', '']
    END
    ORDER BY part DESC, place DESC
) = 1
ORDER BY name, path
"""
"""An image of a data set or entry is one wherever it was read: its address may be another one in
each process, and once it was brought here it is a path. Files of a folder are known by their path.

What was written down last counts, not what a clock calls the latest: clocks are set anew, and each
machine of a cluster has its own.
"""
_DONE: Final = """
SELECT path, bytes, mtime, thumbnail, spectrum FROM rows
WHERE parameters = $key AND (problem_kind IS NULL OR list_contains($kinds, problem_kind))
"""
_OWN: Final = re.compile(r".+-[0-9a-f]{8}")
"""How the folders are called that are one source's own."""
_SPACE: Final = "Free some space or choose another folder with out=."


class Store:
    """The results of mining in one folder.

    Parameters
    ----------
    folder :
        Made when something is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._parts = folder / "parts"
        self._rows = self._parts / "rows.jsonl"
        self._lock = threading.Lock()
        self._journal: IO[str] | None = None
        self._waiting = 0

    # writing

    @contextlib.contextmanager
    def writing(self, parameters: Parameters) -> Iterator[None]:
        """Keep other processes from writing here, and write down what is measured and how.

        Raises
        ------
        Conflict
            If another process, or another run in this one, writes into the folder.
        CannotWrite
            If the folder cannot be made or written.
        """
        try:
            self._parts.mkdir(parents=True, exist_ok=True)
            lock = (self.folder / ".lock").open("a")
        except OSError as error:
            raise _cannot_write(self.folder, error) from error
        with lock:
            if fcntl is not None:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise Conflict(
                        f"Another run writes into {self.folder}.",
                        hint="Wait for its end, cancel it, or choose another folder with out=.",
                    ) from None
                except OSError:  # some network disks have no locks
                    pass
            told = {"key": parameters.key, "parameters": parameters.content}
            text = json.dumps(told, indent=1, ensure_ascii=False)
            write_whole(self.folder / "mine.json", text + "\n")
            self._seal()
            try:
                yield
            finally:
                self._seal()

    def add(self, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Write rows down at once, and return them as they will be read."""
        known = [tidy(row) for row in rows]
        with self._lock:
            try:
                if self._journal is None:
                    self._journal = self._rows.open("a", encoding="utf-8")
                for row in known:
                    self._journal.write(json.dumps(row) + "\n")
                self._journal.flush()
            except OSError as error:
                raise _cannot_write(self.folder, error) from error
            self._waiting += len(known)
        if self._waiting >= PART:
            self._seal()
        return known

    def _seal(self) -> None:
        """Make a part of the rows since the last one."""
        with self._lock:
            if self._journal is not None:
                self._journal.close()
                self._journal = None
            self._waiting = 0
            rows = self._noted()
            if rows:
                numbers = [int(path.stem.rpartition("-")[2]) for path in self._finished()]
                target = self._parts / f"part-{max(numbers, default=0) + 1:06d}.parquet"
                temporary = self._parts / f".{target.name}-{secrets.token_hex(4)}"
                try:
                    _write_parquet(table(rows), temporary)
                    temporary.replace(target)
                except OSError as error:
                    raise _cannot_write(self.folder, error) from error
                finally:
                    temporary.unlink(missing_ok=True)
            self._rows.unlink(missing_ok=True)

    # reading

    @property
    def own(self) -> bool:
        """Whether the folder is one source's own, where each name is one image."""
        if not _OWN.fullmatch(self.folder.name):
            return False
        return self.folder.absolute().parent == settings.folders().data.absolute() / "mining"

    def _finished(self) -> list[Path]:
        return sorted(self._parts.glob("part-*.parquet"))

    def _noted(self) -> list[dict[str, Any]]:
        """Return the rows since the last part; a last line that is not whole was never written."""
        try:
            lines = self._rows.read_text(encoding="utf-8", errors="replace").split("\n")
        except FileNotFoundError:
            return []
        return [row for row in map(_row, lines[:-1]) if row]

    def frame(self, key: str | None = None) -> pd.DataFrame:
        """Return the newest row of each image, by name.

        An image of a data set or entry is the same one on its server and on the disk.

        Parameters
        ----------
        key :
            Only rows of these parameters.

        Raises
        ------
        DamagedFile
            If a part cannot be read.
        """
        return self._asked(_NEWEST, {"key": key, "own": self.own})

    def done(self, key: str, *, retry: bool = False) -> set[tuple[str, int, int]]:
        """Return path, size and time of the files that need not be measured again.

        Parameters
        ----------
        retry :
            Leave out all files with a problem, not only those where it may have been an accident,
            and those whose pictures are not there any more.
        """
        found = self._asked(_DONE, {"key": key, "kinds": [] if retry else list(LASTING)})
        if retry:
            found = found[self._with_pictures(found)]
        states = found[["path", "bytes", "mtime"]]
        return set(states.itertuples(index=False, name=None))

    def newest(self, key: str, *, retry: bool = False) -> dict[tuple[str, str], _State]:
        """Return path, size and time of images of data sets and entries that were measured last.

        Parameters
        ----------
        retry :
            Leave out all images with a problem, not only those where it may have been an accident,
            and those whose pictures are not there any more.

        Returns
        -------
        By source and name. The source is empty in rows of a release that did not write it down,
        which are told where no other can be meant.
        """
        found = self.frame(key)
        kinds = [] if retry else list(LASTING)
        found = found[found["problem_kind"].isna() | found["problem_kind"].isin(kinds)]
        if retry:
            found = found[self._with_pictures(found)]
        if not self.own:
            found = found[found["source"].notna()]
        columns = [
            found["source"].fillna(""),
            *(found[n] for n in ("name", "path", "bytes", "mtime")),
        ]
        return {(a, b): (c, int(d), int(e)) for a, b, c, d, e in zip(*columns, strict=True)}

    def _asked(self, query: str, values: dict[str, Any]) -> pd.DataFrame:
        rows = self._noted()  # before the parts are listed: what moves meanwhile is in both
        # to DuckDB, brackets and stars in a path are patterns
        parts = [glob.escape(str(path)) for path in self._finished()]
        with duckdb.connect(":memory:") as connection:
            waiting = table(rows)
            waiting["place"] = range(len(rows))
            casts = f'{_CASTS}, CAST("place" AS BIGINT) AS "place"'
            connection.from_df(waiting).project(casts).create_view("waiting")
            try:
                if parts:
                    # parts of an older release may have fewer columns
                    connection.read_parquet(
                        parts, union_by_name=True, filename=True, file_row_number=True
                    ).create_view("parts")
                connection.execute(f"{_ROWS} {_AND_PARTS}" if parts else _ROWS)
                found: pd.DataFrame = connection.execute(query, values).df()
            except duckdb.Error as error:
                raise DamagedFile(
                    f"The results in {self.folder} cannot be read: {error}",
                    hint="Remove the part that it names, and mine again: only its files are "
                    "measured anew.",
                ) from error
        return found[[name for name in COLUMNS if name in found]]

    # pictures

    def _with_pictures(self, rows: pd.DataFrame) -> list[bool]:
        """Return of which rows the pictures are there that they name."""
        there = {
            f"pictures/{folder.name}/{one.name}"
            for folder in (self.folder / "pictures").glob("*")
            for one in folder.glob("*.jpg")
        }
        named = zip(rows["thumbnail"], rows["spectrum"], strict=True)
        return [all(not isinstance(n, str) or n in there for n in both) for both in named]

    def picture(self, name: str) -> bytes:
        """Return a JPEG that a row names, never one outside of this folder.

        Raises
        ------
        NotFound
            If it is not there.
        """
        if not isinstance(name, str):
            raise NotFound(
                "This row names no picture: its file could not be read, or pictures were not "
                "asked for.",
                hint="Its column problem says why; .dropna() leaves such rows out.",
            )
        path = (self.folder / name).resolve()
        if not path.is_relative_to((self.folder / "pictures").resolve()) or not path.is_file():
            raise NotFound(
                f"{self.folder} has no picture {name}.", hint="Mine the folder again with retry."
            )
        return path.read_bytes()


def _cannot_write(folder: Path, error: OSError) -> CannotWrite:
    return CannotWrite(
        f"The results cannot be written to {folder}: {error.strerror or error}.", hint=_SPACE
    )


def _row(line: str) -> dict[str, Any]:
    """Return a row that was noted; of a line torn by a dead machine nothing: its file is redone."""
    try:
        row = json.loads(line)
        return tidy(row) if isinstance(row, dict) and row.get("path") else {}
    except (ValueError, TypeError):
        return {}


def picture_name(file: ImageFile, kind: str, size: int) -> str:
    """Return where the picture of a file lies in the folder of the results."""
    state = json.dumps([file.text, file.size, file.mtime, kind, size])
    digest = hashlib.sha256(state.encode()).hexdigest()
    return f"pictures/{digest[:2]}/{digest[2:22]}.jpg"


def write_picture(folder: Path, name: str, content: bytes) -> None:
    """Write a picture so that it is there whole or not at all.

    Raises
    ------
    CannotWrite
        If there is no room for it, or it may not be written.
    """
    target = folder / name
    temporary = target.with_name(f".{target.name}-{secrets.token_hex(4)}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(target)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    finally:
        with contextlib.suppress(OSError):  # the disk is away, or full: that has been said
            temporary.unlink(missing_ok=True)


def _write_parquet(frame: pd.DataFrame, path: Path) -> None:
    with duckdb.connect(":memory:") as connection:
        rows = connection.from_df(frame).project(_CASTS)
        try:
            rows.write_parquet(str(path), compression="zstd")
        except duckdb.Error as error:
            raise OSError(f"{error}") from error
    with path.open("rb") as written:
        os.fsync(written.fileno())
