"""The documents of one practice SciCat: what the generator draws, with what was changed over it."""

from __future__ import annotations

import copy
import json
import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["Database", "Generated", "Store", "blocks_of"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
  instance TEXT, collection TEXT, key TEXT, body TEXT, stamp INTEGER, born INTEGER,
  PRIMARY KEY (instance, collection, key)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS changed ON documents (instance, stamp);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS clock (one INTEGER PRIMARY KEY CHECK (one = 1), stamp INTEGER);
INSERT OR IGNORE INTO clock VALUES (1, 0);
"""


class Generated(Protocol):
    """What the generator draws: documents that exist without being stored."""

    def get(self, collection: str, key: str) -> dict[str, Any] | None:
        """Return a document that may be shared: not to be changed."""

    def all(self, collection: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield key and document in the order of creation."""

    def blocks(self, collection: str, dataset: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
        """Return the blocks that a data set was drawn with; each is made when it is read."""


class Database:
    """One SQLite file that several processes may use at the same time."""

    def __init__(self, path: Path) -> None:
        self.lock = threading.RLock()
        self.connection = sqlite3.connect(
            path, timeout=30, isolation_level=None, check_same_thread=False
        )
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute("PRAGMA synchronous=NORMAL")
        self.connection.executescript(_SCHEMA)
        self.undone = 0
        """Transactions that were rolled back: what a store took in meanwhile is void."""
        self._depth = 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Read and write as one step, over threads and processes."""
        with self.lock:
            if self._depth == 0:
                self.connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self.connection.execute("ROLLBACK")
                    self.undone += 1
                raise
            self._depth -= 1
            if self._depth == 0:
                self.connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        with self.lock:
            self.connection.close()


class Store:
    """The documents of one instance; safe to use from threads and processes.

    Parameters
    ----------
    database :
        Where changes are kept.
    instance :
        Name of the instance, which keeps the documents of several apart.
    generated :
        What exists without having been written.
    """

    def __init__(self, database: Database, instance: str, generated: Generated) -> None:
        self._database = database
        self._instance = instance
        self._generated = generated
        self._seen = 0
        self._undone = 0
        self._changes: dict[str, dict[str, dict[str, Any] | None]] = {}
        self._of_dataset: dict[tuple[str, str], list[str]] = {}

    @property
    def version(self) -> int:
        """Number that grows with every change of any instance in the file."""
        self._refresh()
        return self._seen

    def get(self, collection: str, key: str) -> dict[str, Any] | None:
        """Return a copy of a document, None where there is none."""
        document = self.peek(collection, key)
        return copy.deepcopy(document)

    def peek(self, collection: str, key: str) -> dict[str, Any] | None:
        """Return a document that must not be changed."""
        changes = self._refresh(collection)
        if key in changes:
            return changes[key]
        return self._generated.get(collection, key)

    def put(self, collection: str, key: str, document: Mapping[str, Any]) -> None:
        """Write a document."""
        self._write(collection, key, json.dumps(document, ensure_ascii=False))

    def delete(self, collection: str, key: str) -> None:
        """Remove a document, a generated one too."""
        self._write(collection, key, None)

    def all(self, collection: str) -> Iterator[dict[str, Any]]:
        """Yield all documents in the order of creation; they must not be changed."""
        changes = self._refresh(collection).copy()
        for key, document in self._generated.all(collection):
            if key not in changes:
                yield document
            elif (changed := changes.pop(key)) is not None:
                yield changed
        yield from (document for document in changes.values() if document is not None)

    def transaction(self) -> Any:
        """Return a context in which reading and writing is one step."""
        return self._database.transaction()

    def setting(self, name: str, default: str) -> str:
        """Return a value that is made once and survives restarts, as keys and secrets do."""
        key = f"{self._instance}/{name}"
        with self.transaction():
            run = self._database.connection.execute
            run("INSERT OR IGNORE INTO settings VALUES (?, ?)", (key, default))
            row = run("SELECT value FROM settings WHERE name = ?", (key,)).fetchone()
        return str(row[0])

    def blocks(
        self, collection: str, pid: str, *, checks: bool = True
    ) -> list[dict[str, Any]] | Sequence[dict[str, Any]]:
        """Return the blocks of a data set; those that were drawn are made when they are read.

        Without ``checks`` the checksums of their files, which take time, are left out.
        """
        changes = self._refresh(collection)
        dataset = self.peek("datasets", pid)
        if dataset is None:
            return []
        if not checks and "_shape" in dataset:
            dataset = {**dataset, "_shape": {**dataset["_shape"], "checks": False}}
        drawn = self._generated.blocks(collection, dataset)
        touched = self._of_dataset.get((collection, pid), [])
        removed = [key for key, document in changes.items() if document is None]
        if not touched and not removed:
            return drawn
        rest = {key: changes[key] for key in (*touched, *removed)}
        found = []
        for block in drawn:
            changed = rest.pop(block["_id"], block)
            if changed is not None:
                found.append(changed)
        return found + [document for document in rest.values() if document is not None]

    def _write(self, collection: str, key: str, body: str | None) -> None:
        with self.transaction():
            run = self._database.connection.execute
            run("UPDATE clock SET stamp = stamp + 1")
            run(
                "INSERT INTO documents SELECT ?, ?, ?, ?, stamp, stamp FROM clock WHERE true "
                "ON CONFLICT DO UPDATE SET body = excluded.body, stamp = excluded.stamp",
                (self._instance, collection, key, body),
            )

    def _refresh(self, collection: str = "") -> dict[str, dict[str, Any] | None]:
        """Take in what any process has written since the last look."""
        database = self._database
        with database.lock:
            if database.undone != self._undone:
                self._seen, self._undone = 0, database.undone
                self._changes.clear()
                self._of_dataset.clear()
            run = database.connection.execute
            (stamp,) = run("SELECT stamp FROM clock").fetchone()
            if stamp != self._seen:
                rows = run(
                    "SELECT collection, key, body, stamp FROM documents "
                    "WHERE instance = ? AND stamp > ? ORDER BY born",
                    (self._instance, self._seen),
                ).fetchall()
                for name, key, body, _ in rows:
                    document = None if body is None else json.loads(body)
                    self._changes.setdefault(name, {})[key] = document
                    if document is not None and "datasetId" in document:
                        keys = self._of_dataset.setdefault((name, document["datasetId"]), [])
                        if key not in keys:
                            keys.append(key)
                self._seen = stamp
            return self._changes.setdefault(collection, {})


def blocks_of(
    store: Store, collection: str, pid: str, *, checks: bool = True
) -> Sequence[dict[str, Any]]:
    """Return the ``origdatablocks`` or ``datablocks`` of a data set, without a scan."""
    return store.blocks(collection, pid, checks=checks)
