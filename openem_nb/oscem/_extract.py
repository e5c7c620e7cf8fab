"""A session's folder in, a document with the origin of every value out.

Files are found, read and forgotten one after the other: what stays of each is a few numbers in the
tallies of :mod:`._gather`. A few threads fetch bytes ahead, because a folder on a network drive
answers many questions at once; what they fetch is read and taken in in the order of the names, so
that the same folder always gives the same document.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from openem_nb.errors import InvalidInput
from openem_nb.jobs import Progress
from openem_nb.oscem._document import compose, set_aside, technique_of
from openem_nb.oscem._facility import instrument_of, known_instruments
from openem_nb.oscem._gather import Gathered
from openem_nb.oscem._single_tilts import regroup
from openem_nb.oscem.extraction import Extraction, made
from openem_nb.oscem.fields import choose
from openem_nb.oscem.readers import Finding, Found, Reading, find, read
from openem_nb.oscem.readers._xml import bytes_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openem_nb.oscem.instruments import Instrument, Instruments

__all__ = ["extract"]

_BATCH: Final = 32
"""Files that one thread fetches before it hands over."""
_THREADS: Final = 4
_AHEAD: Final = 1 << 20
"""Bytes of a file that are fetched ahead at most; larger ones are read when their turn comes."""
_ENDINGS: Final = 1000
"""Different endings of names that no reader knows, of which the files are counted."""
_EXPOSURES: Final = ("image", "tilt", "tilt series", "signal")
HEADERS: Final = 100
"""Image files of one format of which the header is read; further ones are counted only."""

_LINK: Final = Finding(
    "link",
    "Links in the folder are not followed.",
    "Extract the folder that they lead to, or copy the files.",
    "info",
)
_UNREADABLE: Final = Finding(
    "unreadable",
    "Some folders cannot be opened.",
    "Check the permissions, then extract again.",
    "error",
)
_NOTHING: Final = Finding(
    "no-metadata",
    "No file in the folder holds metadata that is known here.",
    "Give the folder that holds the XML, mdoc or image files of the session.",
)
_DEEP: Final = Finding("deep", "Some folders lie too deep and were not looked into.")
_PROBLEMS: Final = {"link": _LINK, "unreadable": _UNREADABLE, "deep": _DEEP}


def extract(
    folder: Path | str,
    *,
    technique: str | None = None,
    instruments: Instruments | Instrument | Path | str | None = None,
    time_zone: str = "",
    si: bool = True,
    progress: Progress | None = None,
) -> Extraction:
    """Read a session's folder and say what is true of it.

    Parameters
    ----------
    folder :
        The folder of the session. It may still be written to: a second extraction differs only
        where the session does.
    technique :
        ``spa``, ``subtomo``, ``env_tomo``, ``cellular_tomo`` or ``general``; by default what the
        files show, and ``subtomo`` for tilt series.
    instruments :
        What the facility says of its microscopes: as loaded, one of them, or a file. By default
        all files in the configuration folder. A microscope is found by its serial number.
    time_zone :
        Such as ``Europe/Zurich``, for files that write local time without a zone.
    si :
        Also give ``valueSI`` and ``unitSI`` with each quantity, which the catalogue searches by.
    progress :
        Is told how many files are done; cancelling it ends the work with ``Cancelled``.

    Raises
    ------
    NotFound, InvalidInput
        If the folder is not there or is a file, or if technique or time zone are not known.

    Notes
    -----
    Nothing is invented: a value that no file holds and nobody gave is not in the document, and
    :attr:`Extraction.missing` lists those that have to be there.
    """
    started = time.monotonic()
    if technique is not None:
        choose(technique)
    _known_zone(time_zone)
    top = Path(folder).expanduser()
    shown, progress = progress is not None, progress or Progress()
    others: Counter[str] = Counter()
    known = known_instruments(instruments)
    gathered = Gathered()
    _gather(gathered, top, progress, others, shown=shown)
    if not any(kind in _EXPOSURES for _source, kind in gathered.groups):
        for mirror in _mirrors(known, top):
            _gather(gathered, mirror, progress, others, shown=shown)
    empty = not any(group.tallies for group in gathered.groups.values())
    if empty:
        gathered.findings.add(_NOTHING)
    regroup(gathered, technique)
    taken = technique or ("general" if empty else technique_of(gathered))
    set_aside(gathered, taken)
    instrument = instrument_of(gathered, known, given=instruments is not None)
    to = compose(
        gathered,
        technique=taken,
        shown="given" if technique is not None else "nowhere" if empty else "files",
        instrument=instrument,
        zone=time_zone,
        si=si,
    )
    return made(
        folder=top,
        technique=taken,
        composer=to,
        others=dict(others.most_common(50)),
        seconds=time.monotonic() - started,
        instrument=instrument,
    )


def _known_zone(name: str) -> None:
    if not name:
        return
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidInput(
            f"There is no time zone {name!r}.", hint="Write it as Europe/Zurich."
        ) from error


def _mirrors(known: Instruments, top: Path) -> Iterator[Path]:
    """Yield folders of the session's name where facilities keep metadata apart from images."""
    own = top.resolve()
    for one in known:
        if one.mirror is not None and own.name:
            folder = one.mirror / own.name
            if folder.is_dir() and folder.resolve() != own:
                yield folder


def _gather(
    gathered: Gathered, top: Path, progress: Progress, others: Counter[str], *, shown: bool
) -> None:
    """Read all files of a folder, a few at a time, in the order in which they are found.

    They are counted before where somebody is shown how far it is; names alone are quick to list.
    """
    headers: list[tuple[str, tuple[Reading, ...]]] = []
    counted: Counter[str] = Counter()

    def other(ending: str) -> None:
        if ending in others or len(others) < _ENDINGS:
            others[ending] += 1

    def wanted() -> Iterator[Found]:
        for found in find(top, others=other):
            if found.format is None:
                gathered.findings.add(_PROBLEMS[found.problem], found.name)
                continue
            if found.format.movies:
                counted[found.format.name] += 1
                if counted[found.format.name] > HEADERS:
                    continue
            yield found

    def take(batch: list[tuple[Found, bytes | None, tuple[Reading, ...]]]) -> None:
        for found, data, header in batch:
            readings = header or read(found, data=data)
            if found.format is not None and found.format.movies and _header(readings):
                headers.append((found.name, readings))
            else:
                gathered.add(readings, found.name)
        progress.advance(len(batch))
        progress.check()

    progress.update(0, total=float(sum(1 for _ in find(top))) if shown else None)
    progress.update(unit="files", message="Reading the session")
    files = wanted()
    running: deque[Future[list[tuple[Found, bytes | None, tuple[Reading, ...]]]]] = deque()
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="extract") as pool:
        try:
            while batch := list(islice(files, _BATCH)):
                running.append(pool.submit(_fetch, batch))
                if len(running) > 2 * _THREADS:
                    take(running.popleft().result())
            while running:
                take(running.popleft().result())
        finally:
            for future in running:
                future.cancel()
    _headers(gathered, headers, counted)


def _header(readings: tuple[Reading, ...]) -> bool:
    return bool(readings) and readings[0].kind == "file header"


def _fetch(batch: list[Found]) -> list[tuple[Found, bytes | None, tuple[Reading, ...]]]:
    """Return the bytes of each file, or what its header says; None where the reader has to look."""
    fetched: list[tuple[Found, bytes | None, tuple[Reading, ...]]] = []
    for found in batch:
        if found.format is not None and found.format.large:
            fetched.append((found, None, read(found)))
            continue
        try:
            data = bytes_of(found.path, _AHEAD + 1)
        except OSError:
            data = b""
        fetched.append((found, data if 0 < len(data) <= _AHEAD else None, ()))
    return fetched


def _headers(
    gathered: Gathered, headers: list[tuple[str, tuple[Reading, ...]]], counted: Counter[str]
) -> None:
    """Take in headers of image files: of the session's movies where it is known which they are.

    Beside the movies lie averages, and later maps and reconstructions with pixels of their own.
    """
    images = any(
        group.count
        for group in gathered.groups.values()
        if group.kind in ("image", "tilt", "tilt series")
    )
    left = 0
    for name, readings in headers:
        if images and not gathered.is_movie(name):
            left += 1
            for finding in (one for reading in readings for one in reading.findings):
                gathered.findings.add(finding, name)
            continue
        gathered.add(readings, name)
    for source, count in counted.items():
        if count > HEADERS:
            gathered.sampled.add(source)
            gathered.findings.add(
                Finding(
                    "sampled",
                    f"{count} files of the form {source} are there; the headers of {HEADERS} of"
                    " them were read.",
                    level="info",
                )
            )
    if left:
        gathered.findings.add(
            Finding(
                "no-movies",
                f"{left} image files are not movies of this session; their headers are left out.",
                level="info",
            )
        )
