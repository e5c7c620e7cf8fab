"""Images in HDF5: EMD of Velox and of NCEM, and any other file whose arrays are images."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb import units
from openem_nb._amounts import decimal
from openem_nb.errors import InvalidInput, OpenEMError
from openem_nb.formats.hdf5 import attribute, child, contained, datasets, inflated, names
from openem_nb.formats.mrc import LONGEST, MOST_SECTIONS
from openem_nb.formats.source import as_file, damaged, in_order
from openem_nb.images._pixels import About, Plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from openem_nb.formats.source import Source

__all__ = ["open_hdf5"]

_LARGEST_METADATA: Final = 8 << 20
_MOST_SIGNALS: Final = 200
_LARGEST_FRAME: Final = 2 << 30
_MOST_CHUNKS: Final = 4096
_EMPTY: Final = 1 << 20
"""Bytes of a frame above which its file has to hold a thousandth of them."""
_BROKEN: Final = (OSError, RuntimeError, ArithmeticError, LookupError, TypeError, ValueError)
"""What the library beneath raises for files that make no sense."""


def open_hdf5(source: Source, *, series: int = 0) -> tuple[Plain, About]:
    """Find the images of a file, and stand ready for the frames of one of them."""
    import h5py

    where = getattr(source, "path", None)
    try:
        file = h5py.File(where if where is not None else as_file(source), "r")
    except (OSError, RuntimeError, ValueError) as error:
        raise damaged(source.name, f"HDF5 does not open it ({_short(error)})") from error
    try:
        found = _Found(source, file)
        pixels, about = found.chosen(series)
    except OpenEMError:
        file.close()
        raise
    except _BROKEN as error:
        file.close()
        raise damaged(source.name, f"HDF5 cannot read it ({_short(error)})") from error
    pixels.source = source
    return pixels, about


def _short(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__


class _Found:
    """The images of one file."""

    def __init__(self, source: Source, file: Any) -> None:
        self.source, self.name, self.file = source, source.name, file

    def chosen(self, series: int) -> tuple[H5Pixels, About]:
        """Return the pixels of one image, and what the file says of it."""
        for find in (self._velox, self._ncem, self._any):
            images = find()
            if images:
                break
        else:
            raise InvalidInput(
                f"{self.name} is an HDF5 file without an image.",
                hint="An image is an array of numbers with two axes at least.",
            )
        if not 0 <= series < len(images):
            raise InvalidInput(
                f"{self.name} has no image {series}.",
                hint=f"It has {len(images)}, counted from 0.",
            )
        dataset, axes, about = images[series]
        pixels = H5Pixels(self.name, self.file, dataset, axes)
        notes = list(about.notes)
        if len(images) > 1:
            notes.append(f"The file holds {len(images)} images; this is number {series}.")
        if dataset.dtype.kind == "c":
            notes.append("The file holds complex numbers; their amplitudes are shown.")
        return pixels, About(
            format=about.format,
            axes=("frame", "y", "x") if pixels.frames > 1 else ("y", "x"),
            pixel_size=about.pixel_size,
            voltage=about.voltage,
            header={
                **about.header,
                "HDF5": {
                    "path": dataset.name,
                    "shape": list(dataset.shape),
                    "dtype": str(dataset.dtype),
                    "chunks": list(dataset.chunks) if dataset.chunks else None,
                },
            },
            notes=tuple(notes),
        )

    def _velox(self) -> list[tuple[Any, tuple[int, int], About]]:
        """Find what Velox wrote: ``/Data/Image/<id>/Data`` with axes y, x, frame."""
        import h5py

        data = child(self.file, "Data", h5py.Group)
        group = child(data, "Image", h5py.Group) if data is not None else None
        if group is None:
            return []
        found = []
        for name in itertools.islice(names(group), _MOST_SIGNALS):
            signal = child(group, name, h5py.Group)
            dataset = child(signal, "Data", h5py.Dataset) if signal is not None else None
            if dataset is None or not _is_image(dataset) or dataset.ndim > 3:
                continue
            meta = _velox_metadata(signal)
            about = About(
                "velox",
                pixel_size=_velox_pixel(meta),
                voltage=_number(_at(meta, "Optics", "AccelerationVoltage"), 1e-3),
                header={"Velox": meta} if meta else {},
            )
            found.append((dataset, (0, 1), about))
        return found

    def _ncem(self) -> list[tuple[Any, tuple[int, int], About]]:
        """Find groups of the EMD format of Berkeley: ``data`` beside ``dim1``, ``dim2``..."""
        found = []
        for path, dataset in datasets(self.file):
            parent = dataset.parent
            if not path.endswith("/data") or attribute(parent, "emd_group_type") != 1:
                continue
            if not _is_image(dataset):
                continue
            dims = _dims(parent, dataset.ndim, self.source)
            axes = _plane(dims)
            header = {"NCEM": {f"dim{i}": words for i, (words, _step) in enumerate(dims, 1)}}
            words, step = dims[axes[1]]
            unit = words.get("units")
            size = None
            if step is not None and isinstance(unit, str):
                size = _length(step, unit.strip("[] ").replace("n_m", "nm"))
            found.append((dataset, axes, About("ncem", pixel_size=size, header=header)))
        return found

    def _any(self) -> list[tuple[Any, tuple[int, int], About]]:
        """Find all arrays that can be images, the largest first."""
        images = [one for _path, one in datasets(self.file) if _is_image(one)]
        images.sort(key=lambda one: -math.prod(one.shape))
        return [(one, (one.ndim - 2, one.ndim - 1), About("hdf5")) for one in images]


def _dims(group: Any, count: int, source: Source) -> list[tuple[dict[str, Any], float | None]]:
    """Return for each axis what it is called and measured in, and the step from one to the next."""
    import h5py

    found: list[tuple[dict[str, Any], float | None]] = []
    for number in range(1, count + 1):
        axis = child(group, f"dim{number}", h5py.Dataset)
        if axis is None or not contained(axis) or axis.ndim != 1 or axis.dtype.kind not in "iuf":
            found.append(({}, None))
            continue
        told = {name: attribute(axis, name, source) for name in ("name", "units")}
        step = float(axis[1]) - float(axis[0]) if axis.shape[0] > 1 else None
        found.append(({name: one for name, one in told.items() if one is not None}, step))
    return found


def _plane(dims: list[tuple[dict[str, Any], float | None]]) -> tuple[int, int]:
    """Return the axes of rows and columns: those named y and x.

    Where no names can be read the first axis is x and the second y, as HyperSpy and the viewer of
    the format's authors have it.
    """
    names = [str(words.get("name", "")).strip().lower() for words, _step in dims]
    if names.count("x") == names.count("y") == 1:
        return names.index("y"), names.index("x")
    return 1, 0


def _is_image(dataset: Any) -> bool:
    return (
        dataset.ndim >= 2
        and dataset.dtype.kind in "uifcb"
        and min(dataset.shape) > 0
        and min(sorted(dataset.shape)[-2:]) > 1
        and contained(dataset)
    )


def _velox_metadata(signal: Any) -> dict[str, Any]:
    import h5py

    stored = child(signal, "Metadata", h5py.Dataset)
    if stored is None or not contained(stored) or stored.dtype.itemsize != 1:
        return {}
    if not 1 <= stored.ndim <= 2 or not 0 < stored.shape[0] <= _LARGEST_METADATA:
        return {}
    raw = bytes((stored[:, 0] if stored.ndim == 2 else stored[:]).tobytes())
    try:
        found = json.loads(raw.split(b"\0", 1)[0].decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _at(tree: object, *path: str) -> Any:
    for name in path:
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree


def _number(value: object, factor: float = 1.0) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        found = float(value) * factor
    except (ValueError, OverflowError):
        return None
    return float(f"{found:.9g}") if 0 < found < 1e30 else None


def _velox_pixel(meta: Mapping[str, Any]) -> float | None:
    size = _number(_at(meta, "BinaryResult", "PixelSize", "width"))
    unit = _at(meta, "BinaryResult", "PixelUnitX")
    return _length(size, unit) if size is not None and isinstance(unit, str) else None


def _length(size: float, unit: str) -> float | None:
    if not units.is_known(unit) or units.find(unit).dimension != "length" or not 0 < size < 1e9:
        return None
    return decimal(units.convert(size, unit, "Å"))


class H5Pixels(Plain):
    """Frames of one data set: two of its axes are rows and columns, all others make frames.

    The library beneath reads one piece at a time, so a frame is read whole and kept, until
    another is asked for.
    """

    source: Source | None = None

    def __init__(self, name: str, file: Any, dataset: Any, axes: tuple[int, int]) -> None:
        height, width = (int(dataset.shape[axis]) for axis in axes)
        if not (0 < width <= LONGEST and 0 < height <= LONGEST):
            raise damaged(name, f"an image cannot have {width} × {height} pixels")
        self._turned = axes[0] > axes[1]
        self._others = [axis for axis in range(dataset.ndim) if axis not in axes]
        frames = math.prod(int(dataset.shape[axis]) for axis in self._others)
        frame_bytes = height * width * dataset.dtype.itemsize
        held = int(dataset.id.get_storage_size())
        if frames >= MOST_SECTIONS:
            raise damaged(name, f"an image cannot have {frames:,} frames")
        if frame_bytes > _LARGEST_FRAME or (frame_bytes > _EMPTY and held * 1000 < frame_bytes):
            raise damaged(name, f"its image of {width} × {height} pixels is not in it")
        plain = dataset.dtype.kind in "uif"
        super().__init__(
            (height, width),
            frames,
            dataset.dtype.newbyteorder("=") if plain else np.dtype(np.float32),
        )
        self._name, self._file, self._data = name, file, dataset

    def load(self, frame: int) -> NDArray[Any]:
        """Return one frame."""
        place: Sequence[Any] = [slice(None)] * self._data.ndim
        index = list(place)
        for axis in reversed(self._others):
            frame, index[axis] = divmod(frame, int(self._data.shape[axis]))
        try:
            places = self._chunks(index)
            if places is not None and inflated(self._data, itertools.product(*places)):
                raise damaged(self._name, "a chunk of it unpacks to more than its pixels")
            with self._announced(index):
                found = np.asarray(self._data[tuple(index)])
        except OpenEMError:
            raise
        except _BROKEN as error:
            raise damaged(self._name, f"HDF5 cannot read it ({_short(error)})") from error
        if self._turned:
            found = found.T
        if found.dtype.kind == "c":
            found = np.abs(found)
        return np.ascontiguousarray(found, self.dtype)

    def _chunks(self, index: Sequence[Any]) -> list[Sequence[int]] | None:
        """Return along each axis where the chunks of a frame begin; None if there are none."""
        data = self._data
        if data.chunks is None:
            return None
        return [
            range(0, int(length), chunk) if isinstance(one, slice) else (one // chunk * chunk,)
            for one, length, chunk in zip(index, data.shape, data.chunks, strict=True)
        ]

    def _announced(self, index: Sequence[Any]) -> contextlib.AbstractContextManager[None]:
        """Say which bytes are going to be read, where the chunks of a frame lie side by side."""
        source, data, sides = self.source, self._data, self._chunks(index)
        if source is None or source.near or sides is None:
            return contextlib.nullcontext()
        if not 1 < math.prod(len(side) for side in sides) <= _MOST_CHUNKS:
            return contextlib.nullcontext()
        chunks = [data.id.get_chunk_info_by_coord(place) for place in itertools.product(*sides)]
        places = [(one.byte_offset, one.size) for one in chunks if one.byte_offset is not None]
        if not places:
            return contextlib.nullcontext()
        first = min(at for at, _many in places)
        count = max(at + many for at, many in places) - first
        if count > 1.25 * sum(many for _at, many in places):
            return contextlib.nullcontext()
        return in_order(source, first, count)

    def close(self) -> None:
        """Close the file."""
        super().close()
        with self._lock:
            self._file.close()
        if self.source is not None:
            self.source.close()
