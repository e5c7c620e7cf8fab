"""Thumbnails of image files: made in the background, what is looked at first, and kept on disk.

Of files that are far away only those are fetched that somebody looks at, and no more bytes than
:data:`UNASKED` before a person says that more may come.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections import deque
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from openem_nb._folders import write_whole
from openem_nb.errors import Cancelled, CannotWrite, DamagedFile, OpenEMError
from openem_nb.images import jpeg, scan
from openem_nb.mining.engines import cores
from openem_nb.values import format_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from concurrent.futures import Future
    from pathlib import Path

    from openem_nb.jobs import Progress
    from openem_nb.mining.files import ImageFile

__all__ = ["Thumbnails"]

SIZE: Final = 256
"""Pixels of the longest side."""
LIMIT: Final = 1 << 30
"""Bytes of all thumbnails that are kept; about 30,000."""
UNASKED: Final = 512 << 20
"""Bytes that come over the network before somebody has to say that there may be more."""
_FETCHES: Final = 3
"""Files that are fetched at once: servers that serve everybody like no more."""
_EDITION: Final = "1"
"""Part of the name of each: another one where pictures are made otherwise."""
_LOOK: Final = 0.2
"""Seconds after which is looked whether somebody wants to stop, or looks at something else."""
_HEADERS: Final = 1000
"""Headers that are read before somebody who wants to stop is heard."""
_SAID: Final = ("format", "height", "width", "frames", "pixel_size", "voltage")
_HEAD: Final = 8192
"""Bytes of a JPEG in which its comment is found."""


class Thumbnails:
    """The thumbnails of the files of a folder.

    A thumbnail is kept under a name that is made of path, size and time of its file, so it never
    outlives a change. What was found out of the header lies in its comment.

    Parameters
    ----------
    folder :
        Where they are kept.
    ready :
        Called when some are there that were not there before.
    wanted :
        Called when somebody looks at files that are far away, so that :meth:`fetch` has to be
        called.
    """

    def __init__(
        self,
        folder: Path,
        ready: Callable[[], None],
        wanted: Callable[[], None] = lambda: None,
    ) -> None:
        self.folder, self._ready, self._needed = folder, ready, wanted
        self._lock = threading.Lock()
        self._files: dict[str, ImageFile] = {}
        self._wanted: deque[str] = deque(maxlen=256)
        self._known: dict[str, dict[str, Any]] = {}
        self._fetching = False
        self.fetched = 0
        """Bytes that came over the network for the files that are shown."""
        self.allowed = UNASKED
        """Bytes that may come in all; what is looked at beyond that waits."""

    def show(self, files: Iterable[ImageFile]) -> None:
        """Forget what was before, and give the thumbnails of these files."""
        with self._lock:
            self._files = {file.name: file for file in files}
            self._wanted.clear()
            self._known = {}
            self.fetched, self.allowed = 0, UNASKED

    @property
    def waiting(self) -> bool:
        """Whether somebody looks at files that are not fetched, because enough have come."""
        with self._lock:
            return self.fetched >= self.allowed and any(map(self._is_missing, self._wanted))

    def allow(self) -> None:
        """Let as many bytes come again."""
        with self._lock:
            self.allowed = self.fetched + UNASKED
        self._ask()

    def _ask(self) -> None:
        """Have :meth:`fetch` called, unless it is being done or enough has come."""
        with self._lock:
            if self._fetching or self.fetched >= self.allowed:
                return
            self._fetching = True
        self._needed()

    @property
    def known(self) -> Mapping[str, Mapping[str, Any]]:
        """By name, what the headers say, with the names of :data:`openem_nb.mining.COLUMNS`."""
        with self._lock:
            return dict(self._known)

    @property
    def problems(self) -> Mapping[str, str]:
        """By name, why files could not be read."""
        found = {name: info.get("problem") for name, info in self.known.items()}
        return {name: str(problem) for name, problem in found.items() if problem}

    def picture(self, name: str, row: Mapping[str, object]) -> bytes | None:
        """Return the thumbnail if it was made; otherwise it is made before those not looked at."""
        with self._lock:
            file = self._files.get(name)
            problem = self._known.get(name, {}).get("problem")
        if file is None:
            return None
        if problem:
            raise DamagedFile(str(problem))
        with contextlib.suppress(OSError):
            return self._place(file).read_bytes()
        with self._lock:
            if name in self._wanted:
                self._wanted.remove(name)
            self._wanted.append(name)
        if file.far is not None:
            self._ask()
        return None

    def _is_missing(self, name: str) -> bool:
        """Return whether a file is far away and was not fetched; under the lock."""
        file = self._files.get(name)
        return file is not None and file.far is not None and name not in self._known

    def close(self) -> None:
        """Do nothing: what is being made is ended by its progress."""

    def make(self, progress: Progress) -> int:
        """Make all thumbnails that are missing; return how many files could not be read.

        Those of files that are far away are left to :meth:`fetch`.
        """
        with self._lock:
            files = dict(self._files)
        progress.update(0, total=len(files), unit="files", message="Making thumbnails")
        missing: dict[str, ImageFile] = {}
        for number, (name, file) in enumerate(files.items()):
            info = _info(self._place(file))
            if info is None:
                if file.far is None:
                    missing[name] = file
            else:
                self._tell(file, info)
                progress.advance(earlier=True)
            if number % 256 == 255:
                progress.check()
        self._ready()
        if missing:
            self._read_headers(list(missing.values()), progress)
            self._make(missing, progress)
            _prune(self.folder)
        return len(self.problems)

    def _read_headers(self, wanted: list[ImageFile], progress: Progress) -> None:
        """Find out what headers say, long before all thumbnails are made."""
        for start in range(0, len(wanted), _HEADERS):
            part = wanted[start : start + _HEADERS]
            found = scan([file.path for file in part])[list(_SAID)].astype(object)
            for file, row in zip(part, found.to_dict("records"), strict=True):
                said = {
                    str(key): value for key, value in row.items() if not pd.isna(value) and value
                }
                self._tell(file, said)
            progress.check()
        self._ready()

    def fetch(self, progress: Progress) -> int:
        """Fetch what somebody looks at until nothing is missing; return how many came.

        It ends early when as many bytes have come as are allowed.
        """
        try:
            return self._fetched(progress)
        except BaseException:
            with self._lock:  # who has cancelled does not want it to begin again by itself
                self.allowed = min(self.allowed, self.fetched)
            raise
        finally:
            self.ended()

    def ended(self) -> None:
        """Say that nothing is being fetched; also where it was cancelled before it began."""
        with self._lock:
            self._fetching = False

    def _fetched(self, progress: Progress) -> int:
        running: dict[Future[dict[str, Any]], ImageFile] = {}
        done = 0
        with ThreadPoolExecutor(_FETCHES, thread_name_prefix="openem-thumbnails") as pool:
            try:
                while True:
                    with self._lock:
                        files, enough = self._files, self.fetched >= self.allowed
                        names = [one for one in self._wanted if self._is_missing(one)]
                        busy = {file.name for file in running.values()}
                        names = [one for one in names if one not in busy]
                        amount = format_bytes(self.fetched)
                    while names and len(running) < _FETCHES and not enough:
                        file = files[names.pop()]
                        running[pool.submit(self._one, file, progress)] = file
                    total = done + len(names) + len(running)
                    said = f"Fetching thumbnails, {amount} so far"
                    progress.update(done, total=total, unit="files", message=said)
                    if not running:
                        with self._lock:  # what is looked at from here on asks anew
                            more = any(map(self._is_missing, self._wanted)) and not enough
                            self._fetching = more
                        if not more:
                            return done
                        continue
                    ended, _ = wait(running, timeout=_LOOK, return_when=FIRST_COMPLETED)
                    for future in ended:
                        self._tell(running.pop(future), future.result())
                        done += 1
                    if ended:
                        self._ready()
                    progress.check()
            finally:
                for future in running:
                    future.cancel()

    def _make(self, missing: dict[str, ImageFile], progress: Progress) -> None:
        running: dict[Future[dict[str, Any]], ImageFile] = {}
        with ThreadPoolExecutor(cores(), thread_name_prefix="openem-thumbnails") as pool:
            try:
                while missing or running:
                    while missing and len(running) < cores() + 1:
                        file = missing.pop(self._next(missing))
                        running[pool.submit(self._one, file)] = file
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        self._tell(running.pop(future), future.result())
                        progress.advance()
                    self._ready()
                    progress.check()
            finally:
                for future in running:
                    future.cancel()

    def _next(self, missing: Mapping[str, ImageFile]) -> str:
        """Return what somebody looks at, the newest wish first; else the first of the list."""
        with self._lock:
            while self._wanted:
                name = self._wanted.pop()
                if name in missing:
                    return name
        return next(iter(missing))

    def _one(self, file: ImageFile, progress: Progress | None = None) -> dict[str, Any]:
        """Make one thumbnail; a file that cannot be read has a problem and no picture."""
        counted = 0
        try:
            with file.open() as micrograph:
                try:
                    if progress is not None:
                        progress.check()
                    small = micrograph.thumbnail(SIZE)
                finally:
                    counted = micrograph.bytes_fetched
                picture = jpeg(small, origin=micrograph.origin)
                height, width = micrograph.shape
                info = {
                    "format": micrograph.format,
                    "height": height,
                    "width": width,
                    "frames": micrograph.frames,
                    "pixel_size": micrograph.pixel_size,
                    "voltage": micrograph.voltage,
                    "notes": " ".join(micrograph.notes)[:500],
                }
        except (Cancelled, CannotWrite):
            raise
        except OpenEMError as error:
            return {"problem": str(error)}
        except (OSError, ValueError, MemoryError) as error:
            return {"problem": f"It cannot be read: {type(error).__name__}: {error}"}
        finally:
            with self._lock:
                self.fetched += counted
        place = self._place(file)
        _make_folder(place.parent)
        write_whole(place, _commented(picture, info))
        return info

    def _place(self, file: ImageFile) -> Path:
        state = json.dumps([_EDITION, SIZE, *file.state])
        digest = hashlib.sha256(state.encode()).hexdigest()
        return self.folder / digest[:2] / f"{digest[2:34]}.jpg"

    def _tell(self, file: ImageFile, info: dict[str, Any]) -> None:
        with self._lock:
            if self._files.get(file.name) is file:  # another folder may be shown by now
                self._known[file.name] = info


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(
            f"{folder} cannot be made: {error.strerror or error}.",
            hint="Set OPENEM_HOME to a folder where you may write.",
        ) from error


def _commented(picture: bytes, info: Mapping[str, Any]) -> bytes:
    """Return a JPEG with what is known of the image as its comment (marker COM, ITU-T T.81)."""
    told = {key: value for key, value in info.items() if value not in (None, "")}
    comment = json.dumps(told).encode("ascii")
    return picture[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + picture[2:]


def _info(path: Path) -> dict[str, Any] | None:
    """Return the comment of a thumbnail; None where there is none, or it is of other making."""
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
        if head[:4] != b"\xff\xd8\xff\xfe":
            return None
        end = 4 + int.from_bytes(head[4:6], "big")
        found = json.loads(head[6:end])
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _prune(folder: Path) -> None:
    """Remove the oldest thumbnails where all of them take too much room."""
    there = []
    for path in folder.glob("??/*.jpg"):
        with contextlib.suppress(OSError):  # another process may tidy up, too
            state = path.stat()
            there.append((state.st_mtime, state.st_size, path))
    total = sum(size for _, size, _ in there)
    for _, size, path in sorted(there, key=lambda one: one[0]):
        if total <= LIMIT:
            return
        with contextlib.suppress(OSError):
            path.unlink()
        total -= size
