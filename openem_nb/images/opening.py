"""Open an image file by its content, whatever it is called."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openem_nb._folders import path_of, status_of
from openem_nb.errors import InvalidInput
from openem_nb.formats.mrc import HEADER, byte_order
from openem_nb.formats.source import LocalFile, Memory, Source, damaged
from openem_nb.formats.tiff import is_tiff
from openem_nb.formats.unpacking import unpacked
from openem_nb.images._tilts import with_tilts_beside
from openem_nb.images.micrograph import Micrograph

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from openem_nb.images._pixels import About, Pixels
    from openem_nb.images.remote import RemoteFile
    from openem_nb.jobs import Progress

__all__ = ["open_again", "open_image", "sniff"]


def open_image(
    source: Path | str | bytes | Callable[[], str] | RemoteFile,
    *,
    name: str | None = None,
    progress: Progress | None = None,
    superres: int = 0,
    series: int = 0,
    member: str | None = None,
) -> Micrograph:
    """Open a micrograph, movie, tilt series, volume or picture.

    The format is found by content: MRC (all modes, also packed with gzip or bzip2), TIFF, EER, DM3
    and DM4, EMD of Velox and of NCEM, PRZ, NPY, OME-Zarr, HDF5, PNG and JPEG. Only the header is
    read now; pixels are read as they are asked for. Sections are tilts, not frames of a movie,
    where the header, or the mdoc file beside a file, has a tilt angle for each.

    Parameters
    ----------
    source :
        Path, address (``https://…``), or the bytes of a file. For addresses that expire, what gives
        a fresh one: it is called at once, and again when the last one is refused. A file at an
        address that was opened before can be given, too.
    name :
        What to call it; by default the name of the file.
    superres :
        Of an EER movie, and of no other, by which power of two its pixels are divided: 0 for the
        pixels of the camera, 1 for twice as many along each side.
    series :
        Which image, of a file that holds several of different size; the notes name them.
    member :
        Name of a file in a tar archive at ``source``.

    Raises
    ------
    NotFound
        If there is no such file.
    DamagedFile
        If it is cut off, or its content makes no sense.
    InvalidInput
        If it is of a kind that holds no image, or has no super-resolution.
    """
    if superres not in (0, 1, 2):
        raise InvalidInput(f"There is no super-resolution {superres}.", hint="Choose 0, 1 or 2.")
    given = {"name": name, "superres": superres, "series": series, "member": member}
    options = {key: value for key, value in given.items() if value}
    again = _again(source)
    opened: Source
    identity: tuple[Any, ...] | None = None
    fetched: Callable[[], int] | None = None
    if isinstance(source, str) and (folder := _far_zarr(source)) is not None:
        from openem_nb.images._zarr import open_far_zarr

        planes, words, store = open_far_zarr(folder, series=series, progress=progress)
        title, address = name or store.name, store.shown
        _only_of_eer(superres, words, title)
        return Micrograph(
            planes,
            words,
            name=title,
            source=address,
            fetched=lambda: store.fetched,
            options=options,
            again=again,
        )
    remote = _remote(source, name, progress)
    if remote is not None:
        opened, place = remote, remote.shown
        fetched = lambda: remote.fetched  # noqa: E731
    elif isinstance(source, bytes | bytearray | memoryview):
        opened, place = Memory(bytes(source), name or "image"), ""
    elif not isinstance(source, str | os.PathLike):
        raise InvalidInput(
            f"An image is opened by its path, address or bytes, not by {source!r:.80}.",
            hint="Arrays need not be opened: measurements and views take them as they are.",
        )
    else:
        path = path_of(source)
        status = status_of(path)
        if status is not None and stat.S_ISDIR(status.st_mode):
            from openem_nb.images._zarr import open_zarr

            found, about = open_zarr(path, series=series)
            _only_of_eer(superres, about, path.name)
            title = name or path.name
            return Micrograph(
                found, about, name=title, source=str(path), options=options, again=again
            )
        local = LocalFile(path)
        opened, place = local, str(path)
        identity = (*local.stamp, superres, series)
        if name:
            opened.name = name
    try:
        if member is not None:
            from openem_nb.images.tars import member_of

            opened = member_of(opened, member)
            identity = None if identity is None else (*identity, member)
        opened = unpacked(opened)
        pixels, about = _reader(opened, superres, series)
        _only_of_eer(superres, about, opened.name)
        if identity is not None and member is None:  # a file on disk, which others lie beside
            about = with_tilts_beside(about, pixels.frames, Path(place))
    except BaseException:
        opened.close()
        raise
    return Micrograph(
        pixels,
        about,
        name=opened.name,
        source=place,
        identity=identity,
        fetched=fetched,
        options=options,
        again=again,
    )


def open_again(
    source: str, options: Mapping[str, Any], told: Iterable[Mapping[str, Any]]
) -> Micrograph:
    """Open a file as another process, or a copy, has it.

    Parameters
    ----------
    options :
        What :func:`open_image` was given beside the source.
    told :
        What :meth:`Micrograph.told` was given since.
    """
    found = open_image(source, **options)
    for words in told:
        found.told(**words)
    return found


def _again(source: Any) -> str:
    """Return where another process finds the same; empty where it has to be given a key."""
    if isinstance(source, os.PathLike) or (isinstance(source, str) and not _is_address(source)):
        return os.path.abspath(os.path.expanduser(source))  # noqa: PTH100, PTH111  (text, too)
    return source if isinstance(source, str) and "?" not in source and "@" not in source else ""


def _only_of_eer(superres: int, about: About, name: str) -> None:
    if superres and about.format != "eer":
        raise InvalidInput(
            f"{name} has no super-resolution to choose: only EER movies have.",
            hint="Leave out superres.",
        )


def _is_address(source: str) -> bool:
    return source.lower().startswith(("https://", "http://"))


def _far_zarr(source: str) -> str | None:
    """Return the address of a Zarr folder; None if it is the address of a file, or none at all."""
    if not (_is_address(source) and ("zarr" in source.lower() or "/.z" in source)):
        return None
    from openem_nb.images._zarr import far_folder

    return far_folder(source)


def _remote(source: Any, name: str | None, progress: Progress | None) -> RemoteFile | None:
    """Return the file at an address, or None if it is none."""
    address = isinstance(source, str) and _is_address(source)
    if not (address or callable(source) or hasattr(source, "again")):
        return None  # files on disk do without the network library
    from openem_nb.images.remote import RemoteFile

    return (
        source
        if isinstance(source, RemoteFile)
        else RemoteFile(source, name=name, progress=progress)
    )


def sniff(head: bytes) -> str:
    """Return the format by the first kilobyte; empty if it is none that is known."""
    if is_tiff(head):
        return "tiff"
    if head[:8] == b"\x89HDF\r\n\x1a\n":
        return "hdf5"
    if head[:4] == b"PK\x03\x04":
        return "prz"
    if head[:6] == b"\x93NUMPY":
        return "npy"
    if head[:8] == b"\x89PNG\r\n\x1a\n" or head[:3] == b"\xff\xd8\xff":
        return "picture"
    if len(head) >= HEADER and (head[208:212] == b"MAP " or head[208:211] == b"MAP"):
        return "mrc"
    if head[:4] in (b"\0\0\0\3", b"\0\0\0\4"):
        order = head[8:12] if head[3] == 3 else head[12:16]
        if order in (b"\0\0\0\0", b"\0\0\0\1"):
            return "dm"
    # a file of less is cut off in its header, which the reader of it says
    return "mrc" if len(head) >= 56 and byte_order(head) is not None else ""


def _reader(source: Source, superres: int, series: int) -> tuple[Pixels, About]:
    head = source.read(0, HEADER)
    if not head:
        raise damaged(source.name, "it is empty")
    kind = sniff(head)
    if kind == "mrc":
        from openem_nb.images._mrc import open_mrc

        return open_mrc(source)
    if kind == "tiff":
        from openem_nb.images._tiff import open_tiff

        return open_tiff(source, superres=superres, series=series)
    if kind == "dm":
        from openem_nb.images._dm import open_dm

        return open_dm(source, series=series)
    if kind == "hdf5":
        from openem_nb.images._hdf5 import open_hdf5

        return open_hdf5(source, series=series)
    if kind in ("prz", "npy"):
        from openem_nb.images._npy import open_npy, open_prz

        found: tuple[Pixels, About] = open_prz(source) if kind == "prz" else open_npy(source)
        return found
    if kind == "picture":
        from openem_nb.images._picture import open_picture

        return open_picture(source)
    if head[257:262] == b"ustar":  # POSIX.1-1988 on, and GNU
        raise InvalidInput(
            f"{source.name} is a tar archive, not an image.",
            hint="Give the name of a file in it as member=; images.open_tar(...) lists them.",
        )
    raise InvalidInput(
        f"{source.name} is no image of a kind that is known here.",
        hint="Known are MRC, TIFF, EER, DM3, DM4, EMD, PRZ, NPY, OME-Zarr, HDF5, PNG and JPEG.",
    )
