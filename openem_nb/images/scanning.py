"""The headers of all images of a folder as a table.

Of an MRC file 1,024 bytes are read and nothing else, so thousands of files take a moment; of other
formats as much as their header needs. A file that cannot be read is a row with its problem.
"""

from __future__ import annotations

import fnmatch
import itertools
import math
import os
import stat
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from openem_nb._amounts import decimal
from openem_nb._folders import path_of, status_of
from openem_nb.errors import NotFound, OpenEMError
from openem_nb.formats.mrc import HEADER, LONGEST, MOST_SECTIONS
from openem_nb.images.opening import open_image

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pandas as pd

    from openem_nb.jobs import Progress

__all__ = ["ENDINGS", "NAMES", "scan"]

_MRC: Final = (".mrc", ".mrcs", ".st", ".ali", ".map", ".rec", ".ccp4")
_OTHERS: Final = (".tif", ".tiff", ".eer", ".dm3", ".dm4", ".emd", ".prz")
NAMES: Final = f"{', '.join(_MRC)} (also packed: .gz, .bz2), {', '.join(_OTHERS)}"
"""The endings in words, without that of a reference of the camera."""
ENDINGS: Final = (
    *(*_MRC, *_OTHERS, ".gain"),
    *(f"{name}{packed}" for packed in (".gz", ".bz2") for name in _MRC),
)
"""How the image files end that are looked for in folders, data sets and entries.

Pictures for people (PNG, JPEG), arrays (NPY) and HDF5 files, most of which hold something else, can
be opened as well, and are found by a pattern.
"""

_COLUMNS: Final = (
    *("name", "format", "height", "width", "frames", "dtype"),
    *("pixel_size", "voltage", "bytes", "problem", "notes"),
)
_PLAIN: Final = struct.Struct("<10i3f")
"""The first 52 bytes of an MRC file."""
_DENSITIES: Final = struct.Struct("<3f")
"""Smallest, largest and mean density, from byte 76."""
_STEP: Final = 250
_FIRST: Final = 25
"""Files that are read first, which tells whether threads are of use."""
_WAIT: Final = 1e-4
"""Seconds for each file that one waits where threads are of use."""
_NONE: Final = float("nan")


def scan(
    folder: Path | str | Iterable[Path | str],
    *,
    recursive: bool = True,
    pattern: str | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Read the headers of all image files in a folder.

    Parameters
    ----------
    folder :
        Folder, or paths of files.
    recursive :
        Whether folders in the folder are looked into; links to folders never are.
    pattern :
        Like ``*.hdf5``: only files whose name is like that, whatever they end in. By default those
        that end as images do, :data:`ENDINGS`; references of the camera are among them.

    Returns
    -------
    DataFrame
        One row for each file, sorted by name: ``name`` (below the folder), ``format``, ``height``
        and ``width`` (pixels), ``frames``, ``dtype``, ``pixel_size`` (Å), ``voltage`` (kV),
        ``bytes``, ``problem``, why the file cannot be read or what of it is missing (empty where
        it is whole), and ``notes``, what else is odd about it.

    Raises
    ------
    NotFound
        If there is no such folder.
    """
    import pandas as pd

    if isinstance(folder, str | Path):
        root = path_of(folder)
        status = status_of(root)
        if status is None or not stat.S_ISDIR(status.st_mode):
            raise NotFound(f"There is no folder {root}.", hint="Check the path.")
        files = sorted(_below(str(root), recursive, pattern))
        start = len(str(root)) + 1 if not str(root).endswith(os.sep) else len(str(root))
        names = [path[start:] for path in files]
    else:
        files = [str(path_of(one)) for one in folder]
        names = [Path(one).name for one in files]
    if progress is not None:
        progress.update(0, total=len(files), unit="files", message="Reading headers")
    rows: list[tuple[Any, ...]] = []
    for found in _read(files):
        rows += found
        if progress is not None:
            progress.update(len(rows))
    table = pd.DataFrame.from_records(rows, columns=_COLUMNS[1:])
    whole = dict.fromkeys(("height", "width", "frames"), "Int64")  # they may be unknown
    table = table.astype({**whole, "bytes": "Int64", "pixel_size": "float", "voltage": "float"})
    table.insert(0, "name", names)
    return table


def _read(files: list[str]) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the rows of some files at a time: in threads where one would have to wait for them.

    While one thread waits for a file server, another reads. Where nobody waits, threads only take
    the interpreter from one another, and need twice as long as one.
    """
    ends = [0, *range(_FIRST, len(files), _STEP), len(files)]
    pieces = [files[start:end] for start, end in itertools.pairwise(ends)]
    for number, piece in enumerate(pieces, 1):
        began = time.perf_counter() - time.thread_time()
        rows = _rows(piece)
        waited = time.perf_counter() - time.thread_time() - began
        yield rows
        if waited > _WAIT * len(rows):
            with ThreadPoolExecutor(_threads(), thread_name_prefix="openem-scan") as pool:
                yield from pool.map(_rows, pieces[number:])
            return


def _threads() -> int:
    return min(4, os.cpu_count() or 1)


def _below(folder: str, recursive: bool, pattern: str | None) -> Iterator[str]:
    left = [folder]
    while left:
        place = left.pop()
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    folded = entry.is_dir(follow_symlinks=False)
                    if _named(entry.name, pattern) and not (folded and pattern):
                        yield entry.path
                    elif folded and recursive:
                        left.append(entry.path)
        except OSError as error:
            if place == folder:
                raise OpenEMError(
                    f"{place} cannot be listed: {error.strerror or error}.",
                    hint="Check the permissions and the network drive.",
                ) from error


def _named(name: str, pattern: str | None) -> bool:
    if pattern is None:
        return name.lower().endswith(ENDINGS)
    return fnmatch.fnmatch(name, pattern)


def _rows(files: list[str]) -> list[tuple[Any, ...]]:
    return [_quick(path) or _row(path) for path in files]


def _quick(path: str) -> tuple[Any, ...] | None:
    """Read a plain little-endian MRC file; None for anything else, which is looked at closely."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    try:
        head = os.read(handle, HEADER)
        status = os.fstat(handle)
    except OSError:
        return None
    finally:
        os.close(handle)
    if len(head) < HEADER or not stat.S_ISREG(status.st_mode) or head[208:211] != b"MAP":
        return None
    width, height, sections, mode, *_start, grid, _my, _mz, cell, _b, _c = _PLAIN.unpack_from(head)
    extended = int.from_bytes(head[92:96], "little", signed=True)
    kind = _KINDS.get(mode)
    if (
        kind is None
        or not (
            0 < width <= LONGEST
            and 0 < height <= LONGEST
            and 0 < sections < MOST_SECTIONS
            and extended >= 0
            and head[104:107] != b"FEI"
            and head[212] == 0x44  # little-endian
            and head[220] <= 10  # labels
            and head[221:224] == b"\0\0\0"
        )
    ):
        return None
    low, high, mean = _DENSITIES.unpack_from(head, 76)
    if not mean <= max(low, high) < math.inf:  # to be looked at
        return None
    dtype, size = kind
    if HEADER + extended + width * height * sections * size > status.st_size:
        return None
    step = cell / grid if grid > 0 and 0 < cell < 1e30 else _NONE
    step = decimal(step) if 0.01 < step < 1e5 and step != 1.0 else _NONE
    return "mrc", height, width, sections, dtype, step, _NONE, status.st_size, "", ""


_KINDS: Final = {1: ("int16", 2), 2: ("float32", 4), 6: ("uint16", 2), 12: ("float16", 2)}
"""Modes whose pixels need no second look: type and bytes."""


def _row(path: str) -> tuple[Any, ...]:
    size: float = _NONE
    try:
        size = Path(path).stat().st_size
        with open_image(path) as found:
            height, width = found.shape
            return (
                *(found.format, height, width, found.frames, str(found.dtype)),
                _NONE if found.pixel_size is None else found.pixel_size,
                _NONE if found.voltage is None else found.voltage,
                *(size, " ".join(found.problems), " ".join(found.notes[len(found.problems) :])),
            )
    except OpenEMError as error:
        problem = str(error)
    except OSError as error:
        name = os.path.basename(path)  # noqa: PTH119  (a path of thousands is not worth an object)
        problem = f"{name} cannot be read: {error.strerror or error}."
        if os.path.islink(path) and not os.path.exists(path):  # noqa: PTH110, PTH114
            problem = f"{name} is a link to a file that is not there."
    except MemoryError:
        problem = f"There is not enough memory for {os.path.basename(path)}."  # noqa: PTH119
    except Exception as error:  # noqa: BLE001  (whatever is wrong with one file, the others go on)
        name = os.path.basename(path)  # noqa: PTH119
        problem = f"{name} cannot be read: {type(error).__name__}: {error}"
    return "", None, None, None, "", _NONE, _NONE, size, problem, ""
