"""Downloads over HTTP: resumed where they stopped, named only when whole."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from openem_nb import http
from openem_nb.errors import BadAnswer, CannotWrite, ChecksumMismatch, OpenEMError, Unreachable
from openem_nb.transfer._checksum import Checksum, Digest
from openem_nb.transfer._disk import need_room, writing
from openem_nb.transfer._meter import Meter, in_parallel
from openem_nb.transfer._part import Part
from openem_nb.transfer._source import CHUNK, Address, Patience, Source, extent, modified, same_as

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from io import FileIO

    from openem_nb.jobs import Progress
    from openem_nb.transfer.manifest import Manifest

    Check = Callable[[Path], None]

__all__ = ["Item", "download", "download_all"]

_SMALL: Final = 1 << 19
"""A file up to this size gets no tag beside its part: to fetch it again costs as little."""

_ATTEMPTS: Final = 5
"""Attempts in a row that may bring nothing new."""

_PAGES: Final = 2
"""Web pages in place of the file that are taken for a passing fault."""


@dataclass(frozen=True, slots=True)
class Item:
    """One file to download; see :func:`download` for the meaning of the fields."""

    url: Address
    target: Path
    size: int | None = None
    check: Check | None = None
    checksum: Checksum | None = None


def download(
    url: Address,
    target: Path,
    *,
    size: int | None = None,
    check: Check | None = None,
    checksum: Checksum | None = None,
    patience: Patience | None = None,
    progress: Progress | None = None,
) -> Path:
    """Download a file and return its path.

    - The bytes go to ``NAME.part`` beside the target. Only a whole, checked file gets its name.
    - A part that is left from before is continued, if the server still has the same file (its
      ETag or date is compared by the server itself); otherwise the download starts afresh.
    - A target that exists is left alone if it has the ``checksum`` or, where none is given, the
      ``size`` or, where that is not given either, the length and the time of the server's file;
      else it is replaced by the whole new file.
    - A connection that breaks off or brings nothing for 12 s is taken up again.

    Parameters
    ----------
    url :
        Where the file is, or a function that returns an address; it is called again when the
        address has expired, and what arrived is kept.
    target :
        Its path here; missing folders are made.
    size :
        Bytes that it must have, where they are known exactly.
    check :
        Called with the path of the whole file before it gets its name; may repair the file in
        place, and raises if it is not good, which removes it.
    checksum :
        What its bytes must come to; computed while they arrive.
    patience :
        How long to wait for an object that its store still reads from tape.
    progress :
        Told about bytes; its cancel ends the download and keeps the part.

    Raises
    ------
    CannotWrite
        If the disk is full (what arrived is kept) or the folder cannot be written.
    ChecksumMismatch
        If the file does not have the size or the checksum that it must have.
    NotFound, NotAllowed, NotOnDisk, Unreachable, BadAnswer
        If the server has no such file, refuses it, has not got it back from tape in time, does not
        answer, or answers with a page instead of it.

    Examples
    --------
    >>> transfer.download("https://example.org/emd_1000.map.gz", Path("emd_1000.map.gz"))
    """
    with Meter(progress, f"Downloading {target.name}", alone=True) as meter:
        meter.begin(size)
        return _Download(Item(url, target, size, check, checksum), meter, patience).run()


def download_all(
    items: Iterable[Item],
    *,
    workers: int = 4,
    manifest: Manifest | None = None,
    patience: Patience | None = None,
    progress: Progress | None = None,
) -> tuple[Path, ...]:
    """Download several files at the same time and return their paths in the same order.

    If some cannot be had, all others are downloaded first, then the first error is raised with the
    number of missing files. A full disk and a cancel end everything at once.

    Parameters
    ----------
    manifest :
        Remembers what was verified: such files are skipped without a look at the server.
    workers, patience, progress :
        Files at the same time, and as in :func:`download`.

    Raises
    ------
    InvalidInput, CannotWrite, ChecksumMismatch, NotFound, NotAllowed, Unreachable, BadAnswer
        As :func:`download`.
    """
    items = list(items)
    sizes = [item.size for item in items]
    total = None if None in sizes else sum(size or 0 for size in sizes)
    with Meter(progress, "Downloading", files=len(items)) as meter:
        meter.begin(total)
        _need_room(items)

        def work(item: Item) -> Path:
            path = _Download(item, meter, patience, manifest).run()
            meter.finished()
            return path

        try:
            return in_parallel(work, items, meter, workers=workers, what="files")
        finally:
            if manifest is not None:
                manifest.flush()


def _need_room(items: Sequence[Item]) -> None:
    """Refuse before the first byte what cannot fit; files of unknown size count nothing."""
    if not items:
        return
    needed = 0
    for item in items:
        part = item.target.with_name(item.target.name + ".part")
        here = [path.stat().st_size for path in (item.target, part) if path.is_file()]
        if item.size is not None and item.size not in here[:1]:
            needed += max(0, item.size - (here[-1] if part.is_file() else 0))
    need_room(Path(os.path.commonpath([item.target.absolute().parent for item in items])), needed)


@dataclass(slots=True)
class _Download:
    """One download on its way."""

    item: Item
    meter: Meter
    patience: Patience | None = None
    manifest: Manifest | None = None
    source: Source = field(init=False)
    part: Part = field(init=False)
    modified: float | None = None
    """Time of the file on the server, seconds since 1970."""
    counted: int = 0
    """Bytes that the meter knows of."""
    same_as: str | None = None
    """By what the server recognises the file that was begun."""
    digest: Digest = field(init=False)

    def __post_init__(self) -> None:
        self.part = Part(self.item.target)
        self.source = Source(self.item.url, self.item.target.name, self.meter, self.patience)
        self._digest_anew()

    def _digest_anew(self) -> None:
        self.digest = Digest(self.item.checksum.algorithm if self.item.checksum else None)

    def run(self) -> Path:
        self.meter.check()
        target = self.item.target
        with writing(target):
            try:
                found = target.stat()
            except (FileNotFoundError, NotADirectoryError):
                found = None
            if found is not None and target.is_dir():
                raise CannotWrite(f"{target} is a folder.", hint="Choose another name.")
        if found is not None and self._is_current(found):
            self._note()
            return target
        with self.part.opened() as handle:
            try:
                self._fill(handle)
                self._finish()
            except BaseException:
                self._leave(handle)
                raise
            finally:
                self.digest.close()
        self._note()
        return target

    def _note(self) -> None:
        if self.manifest is not None:
            self.manifest.add(self.item.target, self.item.checksum)

    def _leave(self, handle: FileIO) -> None:
        """Leave behind what a later call can continue, and nothing else."""
        if self.same_as and os.fstat(handle.fileno()).st_nlink and handle.seek(0, os.SEEK_END):
            self.part.remember(self.source.key, self.same_as)
        self.part.drop_if_empty()

    def _is_current(self, found: os.stat_result) -> bool:
        """Whether the target is what was promised or, without a promise, unchanged since."""
        item = self.item
        if item.size is not None and found.st_size != item.size:
            return False
        if item.checksum is not None:
            if self.manifest is None or not self.manifest.knows(item.target, item.checksum):
                algorithm = item.checksum.algorithm
                here = Checksum.of(item.target, algorithm=algorithm, check=self.meter.check)
                if here != item.checksum:
                    return False
        elif item.size is None:
            with self.source.ask("HEAD", expect=(200, 405, 501)) as answer:
                # The latter where a server knows no HEAD.
                total = extent(answer)[1] if answer.status == 200 else None
                when = modified(answer.headers)
            # Its own time is the server's, see _finish: a file from elsewhere is not trusted.
            if found.st_size != total or when not in (None, int(found.st_mtime)):
                return False
        self.meter.expect(found.st_size)
        self._count(found.st_size, earlier=True)
        return True

    def _fill(self, handle: FileIO) -> None:
        """Fill the part, taking up connections that break off."""
        idle = pages = 0
        if handle.seek(0, os.SEEK_END):
            self.same_as = self.part.known(self.source.key)
        while True:
            before = handle.seek(0, os.SEEK_END)
            try:
                self._attempt(handle, before)
            except BadAnswer:
                pages += 1
                if pages > _PAGES:
                    raise
            except Unreachable as error:
                idle = 0 if handle.seek(0, os.SEEK_END) > before else idle + 1
                if idle >= _ATTEMPTS:
                    raise Unreachable(
                        f"{self.item.target.name}: {error}",
                        hint="Run it again later: what arrived is kept and continued.",
                    ) from error
            else:
                return
            self.meter.wait(http.session().backoff * 2 ** (idle or pages))

    def _attempt(self, handle: FileIO, have: int) -> None:
        same = self.same_as if have else None
        resume = {"Range": f"bytes={have}-", "If-Range": same} if same else {}
        if same:  # before the server waits for somebody to read
            self.digest.catch_up(handle, have, self.meter.check)
        with self.source.ask(headers=resume, expect=(200, 206, 416)) as answer:
            start, total = extent(answer)
            if answer.status == 416 and same and total == have:
                self._count(have, earlier=True)
                self._whole(have, total)
                return
            fits = start == have and _is_same(answer.headers, same)
            if answer.status == 416 or (answer.status == 206 and not fits):
                self._restart(handle)
                raise Unreachable(f"{self.source.shown} is not the file that was begun.")
            self._look(answer)
            if answer.status == 200:
                self._restart(handle)
                self.same_as = same_as(answer.headers)
                have = 0
            if self.item.size is not None and total not in (None, self.item.size):
                self.part.drop()
                raise ChecksumMismatch(
                    f"{self.source.shown} has {total:,} bytes, {self.item.size:,} were expected.",
                    hint="The file may have changed in the archive; list the files again.",
                )
            self.meter.expect(total)
            if total is not None:
                self.meter.need(self.item.target.parent, total - have)
            if total is None or total > _SMALL:
                self.part.remember(self.source.key, self.same_as)
            self._copy(answer, handle, have, total)

    def _restart(self, handle: FileIO) -> None:
        self.part.restart(handle)
        self.digest.close()
        self._digest_anew()

    def _copy(self, answer: http.Response, handle: FileIO, have: int, total: int | None) -> None:
        self._count(have, earlier=True)
        handle.seek(have)
        with self.meter.listening(answer):
            for chunk in answer.chunks(CHUNK):
                self.meter.check()
                self.digest.update(chunk)
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
                f"{self.source.shown} brought {have:,} bytes, {expected:,} were expected.",
                hint="Run it again; it starts afresh.",
            )

    def _look(self, answer: http.Response) -> None:
        """Refuse a web page in place of a file, and note the time of the file."""
        kind = answer.headers.get("Content-Type", "")
        if kind.startswith("text/html") and self.item.target.suffix not in (".html", ".htm"):
            raise BadAnswer(
                f"{self.source.shown} answered with a web page in place of the file.",
                hint="The server may be in maintenance; try again later.",
            )
        self.modified = modified(answer.headers)

    def _count(self, position: int, *, earlier: bool = False) -> None:
        self.meter.add(position - self.counted, earlier=earlier)
        self.counted = position

    def _finish(self) -> None:
        try:
            self.digest.demand(self.item.checksum, self.item.target.name)
            if self.item.check is not None:
                self.item.check(self.part.path)
        except OpenEMError:
            self.part.drop()
            raise
        self.part.become(self.item.target, self.modified)


def _is_same(headers: Mapping[str, str], same: str | None) -> bool:
    """Whether a part is of the file that was begun, for servers that do not read ``If-Range``."""
    name = "ETag" if (same or "").startswith('"') else "Last-Modified"
    return headers.get(name, same) == same
