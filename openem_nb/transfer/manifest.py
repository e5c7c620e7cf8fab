"""What has been verified in a folder, so that nothing is fetched or read twice.

One line of JSON for each file, appended in batches: the bytes of the files are on the disk before
a line claims them. A line that was cut off by a crash is left out when the manifest is read.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self

from openem_nb.errors import CannotWrite
from openem_nb.transfer._checksum import Checksum
from openem_nb.transfer._disk import writing
from openem_nb.transfer._part import locked

if TYPE_CHECKING:
    from io import FileIO
    from pathlib import Path

    from openem_nb.jobs import Progress

__all__ = ["MANIFEST", "Manifest", "Verification", "Verified"]

MANIFEST: Final = ".openem-manifest.jsonl"
"""Name of the manifest in a folder."""

_BATCH: Final = 256
"""Files after which lines are written."""
_SECONDS: Final = 2.0
"""Seconds after which they are written as well, when another file is added."""


@dataclass(frozen=True, slots=True)
class Verified:
    """One file as it was when it was verified."""

    path: str
    """Relative to the folder of the manifest, with ``/``."""
    size: int
    """Bytes."""
    mtime_ns: int
    """Time of the last change, nanoseconds since 1970."""
    checksum: Checksum | None
    """What its bytes were promised to come to; None if only the size was promised."""
    when: datetime
    """Moment of the verification."""
    archive: str = ""
    """Name of the archive that it came out of, empty for a file of its own."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What reading all files again brought to light; paths as in :class:`Verified`."""

    good: tuple[str, ...]
    """Files with the bytes that were promised."""
    changed: tuple[str, ...]
    """Files whose bytes or size are others now, or that are no plain files any more."""
    missing: tuple[str, ...]
    """Files that are gone."""
    unknown: tuple[str, ...]
    """Files of the right size that no checksum was promised for."""

    @property
    def ok(self) -> bool:
        """Whether every file is there and none has changed."""
        return not (self.changed or self.missing)


@dataclass(slots=True)
class _Lines:
    """What the lines of a manifest say."""

    files: dict[str, Verified] = field(default_factory=dict)
    whole: dict[str, int] = field(default_factory=dict)
    """Archives that were unpacked as a whole, with the number of their members."""
    tidy: bool = True
    """False if lines are torn, or have been replaced by later ones."""


class Manifest:
    """The verified files of a folder; safe to use from many threads.

    Parameters
    ----------
    path :
        Where it is kept, best ``FOLDER/.openem-manifest.jsonl``. It is made with the first file.

    Raises
    ------
    CannotWrite
        When a file is added: if another process writes the same manifest, or the disk is full.

    Examples
    --------
    >>> with transfer.Manifest(folder / transfer.MANIFEST) as manifest:
    ...     transfer.download_all(items, manifest=manifest)
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.folder = self.path.parent
        """What the paths are relative to."""
        self._pending: list[tuple[Path | None, dict[str, Any]]] = []
        self._since = time.monotonic()
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._handle: FileIO | None = None
        self._held = contextlib.ExitStack()
        self._lines = self._read()

    def _read(self) -> _Lines:
        hint = "It says which files are whole; make it readable, or remove it."
        try:
            is_plain = stat.S_ISREG(self.path.lstat().st_mode)
            text = self.path.read_bytes() if is_plain else b""  # a pipe would be waited for
        except FileNotFoundError:
            return _Lines()
        except OSError as error:
            raise CannotWrite(
                f"{self.path} cannot be read: {error.strerror}.", hint=hint
            ) from error
        if not is_plain:
            raise CannotWrite(f"{self.path} cannot be read: it is no plain file.", hint=hint)
        return _parsed(text)

    def name(self, path: Path) -> str:
        """Return a path as it stands in the manifest."""
        path = path.absolute()
        return (
            path.relative_to(self.folder) if path.is_relative_to(self.folder) else path
        ).as_posix()

    def files(self) -> tuple[Verified, ...]:
        """Return all files that were verified, whether or not they have changed since."""
        with self._lock:
            return tuple(self._lines.files.values())

    def knows(
        self, path: Path, checksum: Checksum | None = None, *, size: int | None = None
    ) -> bool:
        """Whether a file was verified, against this checksum and size, and is unchanged since."""
        with self._lock:
            known = self._lines.files.get(self.name(path))
        if known is None or (checksum is not None and known.checksum != checksum):
            return False
        try:
            found = path.lstat()
        except OSError:
            return False
        same = (found.st_size, found.st_mtime_ns) == (known.size, known.mtime_ns)
        return same and stat.S_ISREG(found.st_mode) and size in (None, known.size)

    def add(self, path: Path, checksum: Checksum | None, *, archive: str = "") -> None:
        """Note that a file is whole and has been verified."""
        if self.knows(path, checksum):
            return
        with writing(path):
            found = path.lstat()
        now = datetime.now(UTC).replace(microsecond=0)
        file = Verified(self.name(path), found.st_size, found.st_mtime_ns, checksum, now, archive)
        with self._lock:
            self._lines.files[file.path] = file
            self._pending.append((path, _line(file)))
            due = len(self._pending) >= _BATCH or time.monotonic() - self._since > _SECONDS
        if due:
            self.flush()

    def finish(self, archive: str, members: int) -> None:
        """Note that an archive was unpacked as a whole."""
        with self._lock:
            self._lines.whole[archive] = members
            self._pending.append((None, {"whole": archive, "members": members}))
        self.flush()

    def members(self, archive: str) -> tuple[Verified, ...] | None:
        """Return the members of an archive that was unpacked as a whole; None if it was not."""
        with self._lock:
            found = tuple(one for one in self._lines.files.values() if one.archive == archive)
            return found if self._lines.whole.get(archive) == len(found) else None

    def flush(self) -> None:
        """Bring the bytes of new files to the disk, then the lines that claim them."""
        with self._writing:
            with self._lock:
                pending, self._pending = self._pending, []
                self._since = time.monotonic()
            if not pending:
                return
            try:
                with writing(self.path):
                    for path, _ in pending:
                        if path is not None:
                            _settle(path)
                    handle = self._opened()
                    _write(handle, [line for _, line in pending])
            except BaseException:
                with self._lock:
                    self._pending = pending + self._pending
                self._handle = None  # its last line may be torn: tidied when opened again
                self._held.close()
                raise

    def _opened(self) -> FileIO:
        """Return the file to append to, kept from other processes; tidied when it is opened."""
        if self._handle is None:
            with contextlib.ExitStack() as stack:
                handle = stack.enter_context(locked(self.path, self.path.name))
                handle.seek(0)
                found = _parsed(handle.read())
                if not found.tidy:
                    other = self.path.with_name(self.path.name + ".new")
                    other.unlink(missing_ok=True)
                    handle = stack.enter_context(locked(other, other.name))
                    wholes = [{"whole": k, "members": n} for k, n in found.whole.items()]
                    _write(handle, [*map(_line, found.files.values()), *wholes])
                    other.replace(self.path)
                handle.seek(0, os.SEEK_END)
                self._handle, self._held = handle, stack.pop_all()
        return self._handle

    def verify(
        self, folder: Path | None = None, *, progress: Progress | None = None
    ) -> Verification:
        """Read all files again, or those below ``folder``, and compare them with what is noted."""
        wanted = [
            file
            for file in self.files()
            if folder is None or (self.folder / file.path).is_relative_to(folder.absolute())
        ]
        if progress is not None:
            total = sum(file.size for file in wanted)
            progress.update(0, total=total, message="Reading the files again", unit="B")
        sorted_in: dict[str, list[str]] = {"good": [], "changed": [], "missing": [], "unknown": []}
        for file in wanted:
            sorted_in[_state(self.folder / file.path, file, progress)].append(file.path)
            if progress is not None:
                progress.advance(file.size)
        return Verification(**{name: tuple(paths) for name, paths in sorted_in.items()})

    def close(self) -> None:
        """Write what is left to write, and let others write."""
        try:
            self.flush()
        finally:
            self._handle = None
            self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _parsed(text: bytes) -> _Lines:
    found = _Lines()
    lines = text.split(b"\n")
    found.tidy = lines.pop() == b""
    for line in lines:
        try:
            said = json.loads(line)
            if "whole" in said:
                found.tidy = found.tidy and said["whole"] not in found.whole
                found.whole[str(said["whole"])] = int(said["members"])
                continue
            checksum = Checksum(*said["checksum"].split(":")) if "checksum" in said else None
            file = Verified(
                str(said["path"]),
                int(said["size"]),
                int(said["mtime_ns"]),
                checksum,
                datetime.fromisoformat(said["when"]),
                str(said.get("archive", "")),
            )
        except (ValueError, KeyError, TypeError, AttributeError):  # cut off by a crash
            found.tidy = False
            continue
        found.tidy = found.tidy and file.path not in found.files
        found.files[file.path] = file
    return found


def _line(file: Verified) -> dict[str, Any]:
    line: dict[str, Any] = {
        "path": file.path,
        "size": file.size,
        "mtime_ns": file.mtime_ns,
        "when": file.when.isoformat(),
    }
    if file.checksum is not None:
        line["checksum"] = f"{file.checksum.algorithm}:{file.checksum.value}"
    return line | ({"archive": file.archive} if file.archive else {})


def _write(handle: FileIO, lines: list[dict[str, Any]]) -> None:
    rest = memoryview("".join(f"{json.dumps(line)}\n" for line in lines).encode())
    while rest:
        rest = rest[handle.write(rest) :]
    os.fsync(handle.fileno())


def _settle(path: Path) -> None:
    """Bring the bytes of a file to the disk; one that is gone meanwhile is nobody's concern."""
    with contextlib.suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            getattr(os, "fdatasync", os.fsync)(descriptor)
        finally:
            os.close(descriptor)


def _state(path: Path, file: Verified, progress: Progress | None) -> str:
    try:
        found = path.lstat()
    except OSError:
        return "missing"
    if not stat.S_ISREG(found.st_mode) or found.st_size != file.size:
        return "changed"
    if file.checksum is None:
        return "unknown"
    check = None if progress is None else progress.check
    here = Checksum.of(path, algorithm=file.checksum.algorithm, check=check)
    return "good" if here == file.checksum else "changed"
