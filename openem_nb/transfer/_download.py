"""Downloads over HTTP: resumed where they stopped, named only when whole."""

from __future__ import annotations

import email.utils
import os
import re
import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from openem_nb import http
from openem_nb.errors import (
    BadAnswer,
    Cancelled,
    CannotWrite,
    ChecksumMismatch,
    OpenEMError,
    Unreachable,
)
from openem_nb.transfer._disk import need_space, writing
from openem_nb.transfer._part import Part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from io import FileIO
    from pathlib import Path

    from openem_nb.jobs import Progress

    Check = Callable[[Path], None]

__all__ = ["Item", "download", "download_all"]

STALL: Final = 12.0
"""Seconds without a byte after which a connection is given up. A few percent of the archive's
connections hang; to wait longer only loses time."""

_CHUNK: Final = 1 << 16
"""Bytes asked of the connection at once. What is asked for and not yet complete is lost when the
connection breaks off, and a cancel waits for it."""

_ATTEMPTS: Final = 5
"""Attempts in a row that may bring nothing new."""

_HEADERS: Final = {"Accept-Encoding": "identity"}  # the file itself, not a packed copy of it
_CONTENT_RANGE = re.compile(r"bytes (?:([0-9]+)-[0-9]+|\*)/([0-9]+)")


@dataclass(frozen=True, slots=True)
class Item:
    """One file to download; see :func:`download` for the meaning of the fields."""

    url: str
    target: Path
    size: int | None = None
    check: Check | None = None


def download(
    url: str,
    target: Path,
    *,
    size: int | None = None,
    check: Check | None = None,
    progress: Progress | None = None,
) -> Path:
    """Download a file and return its path.

    - The bytes go to ``NAME.part`` beside the target. Only a whole, checked file gets its name.
    - A part that is left from before is continued, if the server still has the same file (its
      ETag or date is compared by the server itself); otherwise the download starts afresh.
    - A target that exists is left alone if its size is ``size`` or, where that is not given, if it
      has the length and the time of the server's file; else it is replaced by the whole new file.
    - A connection that breaks off or brings nothing for 12 s is taken up again.

    Parameters
    ----------
    url :
        Where the file is.
    target :
        Its path here; missing folders are made.
    size :
        Bytes that it must have, where they are known exactly.
    check :
        Called with the path of the whole file before it gets its name; may repair the file in
        place, and raises if it is not good, which removes it.
    progress :
        Told about bytes; its cancel ends the download and keeps the part.

    Raises
    ------
    CannotWrite
        If the disk is full (what arrived is kept) or the folder cannot be written.
    ChecksumMismatch
        If the file does not have the size that it must have.
    NotFound, Unreachable, BadAnswer
        If the server has no such file, does not answer, or answers with a page instead of it.

    Examples
    --------
    >>> transfer.download("https://example.org/emd_1000.map.gz", Path("emd_1000.map.gz"))
    """
    if progress is not None:
        progress.update(0, total=size, message=f"Downloading {target.name}", unit="B")
    return _Download(Item(url, target, size, check), _Meter(progress, alone=True)).run()


def download_all(
    items: Iterable[Item], *, workers: int = 4, progress: Progress | None = None
) -> tuple[Path, ...]:
    """Download several files at the same time and return their paths in the same order.

    If some cannot be had, all others are downloaded first, then the first error is raised with the
    number of missing files. A full disk and a cancel end everything at once.

    Raises
    ------
    InvalidInput, CannotWrite, ChecksumMismatch, NotFound, Unreachable, BadAnswer
        As :func:`download`.
    """
    items = list(items)
    if progress is not None:
        sizes = [item.size for item in items]
        total = None if None in sizes else sum(size or 0 for size in sizes)
        progress.update(0, total=total, message=f"Downloading {len(items)} files", unit="B")
    meter = _Meter(progress)
    failures: list[OpenEMError] = []

    def work(item: Item) -> Path | None:
        try:
            return _Download(item, meter).run()
        except (CannotWrite, Cancelled):
            raise
        except OpenEMError as error:
            failures.append(error)
            return None

    with ThreadPoolExecutor(workers, thread_name_prefix="download") as pool:
        try:
            futures = [pool.submit(work, item) for item in items]
            wait(futures, return_when=FIRST_EXCEPTION)
            for future in futures:
                if future.done() and (error := future.exception()):
                    raise error
            paths = [future.result() for future in futures]
        finally:
            meter.stop()
            pool.shutdown(wait=True, cancel_futures=True)
    if failures:
        first = failures[0]
        if len(items) == 1:
            raise first
        raise type(first)(
            f"{len(failures)} of {len(items)} files could not be downloaded. First: {first}",
            hint="Run it again: files that are whole are not downloaded twice.",
        ) from first
    return tuple(path for path in paths if path is not None)


class _Meter:
    """Counts the bytes of one or several downloads, and says when to stop."""

    def __init__(self, progress: Progress | None, *, alone: bool = False) -> None:
        self.progress = progress
        self._alone = alone
        self._stopped = threading.Event()

    def add(self, size: int) -> None:
        if self.progress is not None and size:
            self.progress.advance(size)

    def expect(self, total: int | None) -> None:
        if self.progress is not None and self._alone and total is not None:
            self.progress.update(total=total)

    def check(self) -> None:
        if self._stopped.is_set():
            raise Cancelled("The download was stopped.")
        if self.progress is not None:
            self.progress.check()

    def wait(self, seconds: float) -> None:
        if self.progress is not None:
            self.progress.wait(seconds)
        else:
            self._stopped.wait(seconds)
        self.check()

    def stop(self) -> None:
        self._stopped.set()


@dataclass(slots=True)
class _Download:
    """One download on its way."""

    item: Item
    meter: _Meter
    modified: float | None = None
    """Time of the file on the server, seconds since 1970."""
    counted: int = 0
    """Bytes that the meter knows of."""
    part: Part = field(init=False)

    def __post_init__(self) -> None:
        self.part = Part(self.item.target)

    def run(self) -> Path:
        self.meter.check()
        target = self.item.target
        with writing(target):
            if target.is_dir():
                raise CannotWrite(f"{target} is a folder.", hint="Choose another name.")
            target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and self._is_current(target.stat()):
            return target
        with self.part.opened() as handle:
            try:
                self._fill(handle)
                self._finish()
            finally:
                self.part.drop_if_empty()
        return target

    def _is_current(self, found: os.stat_result) -> bool:
        """Whether the target is what the server has: of the size asked for, or unchanged since."""
        if self.item.size is not None:
            current = found.st_size == self.item.size
        else:
            with http.session().request(
                "HEAD",
                self.item.url,
                headers=_HEADERS,
                timeout=STALL,
                expect=(200, 405, 501),  # the latter where a server knows no HEAD
                progress=self.meter.progress,
            ) as answer:
                total = _extent(answer)[1] if answer.status == 200 else None
                modified = _time(answer.headers)
            # Its own time is the server's, see _finish: a file from elsewhere is not trusted.
            current = found.st_size == total and modified in (None, int(found.st_mtime))
        if current:
            self.meter.expect(found.st_size)
            self._count(found.st_size)
        return current

    def _fill(self, handle: FileIO) -> None:
        """Fill the part, taking up connections that break off."""
        idle = 0
        while True:
            before = handle.seek(0, os.SEEK_END)
            try:
                self._attempt(handle)
            except Unreachable as error:
                idle = 0 if handle.seek(0, os.SEEK_END) > before else idle + 1
                if idle >= _ATTEMPTS:
                    raise Unreachable(
                        f"{self.item.target.name}: {error}",
                        hint="Run it again later: what arrived is kept and continued.",
                    ) from error
            else:
                return
            self.meter.wait(http.session().backoff * 2**idle)

    def _attempt(self, handle: FileIO) -> None:
        have = handle.seek(0, os.SEEK_END)
        same_as = self.part.known(self.item.url) if have else None
        resume = {"Range": f"bytes={have}-", "If-Range": same_as} if same_as else {}
        with http.session().get(
            self.item.url,
            headers=_HEADERS | resume,
            timeout=STALL,
            stream=True,
            expect=(200, 206, 416),
            progress=self.meter.progress,
        ) as answer:
            start, total = _extent(answer)
            if answer.status == 416 and total == have:
                self._count(have)
                self._whole(have, total)
                return
            fits = start == have and _is_same(answer.headers, same_as)
            if answer.status == 416 or (answer.status == 206 and not fits):
                self.part.restart(handle)
                raise Unreachable(f"{self.item.url} is not the file that was begun.")
            self._look(answer)
            if answer.status == 200:
                self.part.restart(handle)
                self.part.remember(self.item.url, answer.headers)
                have = 0
            if self.item.size is not None and total not in (None, self.item.size):
                self.part.drop()
                raise ChecksumMismatch(
                    f"{self.item.url} has {total:,} bytes, {self.item.size:,} were expected.",
                    hint="The file may have changed in the archive; list the files again.",
                )
            self.meter.expect(total)
            if total is not None:
                need_space(self.item.target.parent, total - have)
            self._copy(answer, handle, have, total)

    def _copy(self, answer: http.Response, handle: FileIO, have: int, total: int | None) -> None:
        self._count(have)
        for chunk in answer.chunks(_CHUNK):
            self.meter.check()
            rest = memoryview(chunk)
            while rest:
                with writing(self.part.path):
                    rest = rest[handle.write(rest) :]
            have += len(chunk)
            self._count(have)
        self._whole(have, total)

    def _whole(self, have: int, total: int | None) -> None:
        if total is not None and have < total:
            raise Unreachable(f"The connection broke off after {have:,} of {total:,} bytes.")
        expected = total if self.item.size is None else self.item.size
        if expected is not None and have != expected:
            self.part.drop()
            raise ChecksumMismatch(
                f"{self.item.url} brought {have:,} bytes, {expected:,} were expected.",
                hint="Run it again; it starts afresh.",
            )

    def _look(self, answer: http.Response) -> None:
        """Refuse a web page in place of a file, and note the time of the file."""
        kind = answer.headers.get("Content-Type", "")
        if kind.startswith("text/html") and self.item.target.suffix not in (".html", ".htm"):
            raise BadAnswer(
                f"{self.item.url} answered with a web page in place of the file.",
                hint="The server may be in maintenance; try again later.",
            )
        self.modified = _time(answer.headers)

    def _count(self, position: int | None) -> None:
        if position is not None:
            self.meter.add(position - self.counted)
            self.counted = position

    def _finish(self) -> None:
        if self.item.check is not None:
            try:
                self.item.check(self.part.path)
            except OpenEMError:
                self.part.drop()
                raise
        self.part.become(self.item.target, self.modified)


def _extent(answer: http.Response) -> tuple[int, int | None]:
    """Return where the body begins in the file, and the size of the file."""
    if answer.status in (206, 416):
        found = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", "").strip())
        return (int(found[1] or 0), int(found[2])) if found else (-1, None)
    if "Content-Encoding" in answer.headers:
        return 0, None  # the length is that of the packed body
    length = answer.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else None


def _is_same(headers: Mapping[str, str], same_as: str | None) -> bool:
    """Whether a part is of the file that was begun, for servers that do not read ``If-Range``."""
    name = "ETag" if (same_as or "").startswith('"') else "Last-Modified"
    return headers.get(name, same_as) == same_as


def _time(headers: Mapping[str, str]) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(headers.get("Last-Modified", "")).timestamp()
    except ValueError:
        return None
