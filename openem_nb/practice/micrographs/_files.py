"""Files of practice micrographs, as cameras and programs write them."""

from __future__ import annotations

import json
import random
import secrets
import struct
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import mrcfile
import numpy as np
import tifffile

from openem_nb.errors import CannotWrite
from openem_nb.practice.micrographs._gatan import dm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

__all__ = ["write_dm4", "write_eer", "write_emd", "write_mrc", "write_tiff"]

_EER: Final = 65001
"""Compression of TIFF that means: runs of 7 bits, then 2 + 2 bits within the pixel."""
_EER_XML: Final = 65001
"""Tag of the metadata, which has the same number."""
_VELOX_TEXT: Final = 60_000
"""Bytes in which Velox keeps the text of each frame, the rest of them zero."""
_RUN: Final = 7
_EVENT: Final = 11


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Lend the name under which a file is written before it gets its own."""
    temporary = path.with_name(f".{secrets.token_hex(4)}-{path.name}")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise CannotWrite(
            f"{path} cannot be written: {error.strerror or error}.",
            hint="Free some space or choose a folder where you may write.",
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_mrc(path: Path, counts: npt.NDArray[Any], *, pixel_size: float) -> None:
    """Write an image (y, x) or a movie (frames, y, x) as MRC, in the type of the array."""
    with _whole(path) as place, mrcfile.new(place) as file:
        file.set_data(counts)
        if counts.ndim == 3:
            file.set_image_stack()
        file.voxel_size = pixel_size
        file.add_label("practice data")


def write_tiff(path: Path, counts: npt.NDArray[Any], *, pixel_size: float) -> None:
    """Write an image or a movie as TIFF with LZW, the first row on top as TIFF has it."""
    with _whole(path) as place:
        tifffile.imwrite(
            place,
            counts[..., ::-1, :],
            compression="lzw",
            photometric="minisblack",
            description="practice data",
            resolution=(1e8 / pixel_size, 1e8 / pixel_size),
            resolutionunit="CENTIMETER",
            metadata=None,
        )


def write_dm4(path: Path, counts: npt.NDArray[Any], *, pixel_size: float, voltage: float) -> None:
    """Write an image or a movie as DigitalMicrograph does, the first row on top."""
    content = dm(counts[..., ::-1, :], scale=pixel_size / 10, volts=voltage * 1e3)
    with _whole(path) as place:
        place.write_bytes(content)


def write_emd(
    path: Path, counts: npt.NDArray[Any], *, pixel_size: float, voltage: float, seed: int = 0
) -> None:
    """Write an image or a movie as Velox does: whole counts in HDF5, the first row on top.

    The axes are y, x and frame; metadata are JSON, in which all numbers are texts and all lengths
    metres.
    """
    import h5py

    frames = np.atleast_3d(np.moveaxis(counts, 0, -1) if counts.ndim == 3 else counts)[::-1]
    length = f"{pixel_size * 1e-10:.12g}"
    metadata = {
        "Core": {"MetadataDefinitionVersion": "7.9", "practice": "practice data"},
        "Optics": {"AccelerationVoltage": f"{voltage * 1e3:.9g}"},
        "BinaryResult": {
            "Detector": "Practice camera",
            "PixelSize": {"width": length, "height": length},
            "PixelUnitX": "m",
            "PixelUnitY": "m",
        },
    }
    text = np.zeros((_VELOX_TEXT, frames.shape[2]), np.uint8)
    words = np.frombuffer(json.dumps(metadata, indent=4).encode(), np.uint8)
    text[: len(words)] = words[:, None]
    name = uuid.UUID(int=random.Random(seed).getrandbits(128), version=4).hex
    with _whole(path) as place, h5py.File(place, "w") as file:
        file["Version"] = json.dumps({"format": "Velox", "version": "1.8"})
        group = file.create_group(f"Data/Image/{name}")
        whole = np.clip(np.rint(frames), 0, np.iinfo(np.uint16).max).astype(np.uint16)
        group.create_dataset("Data", data=whole, chunks=(*whole.shape[:2], 1))
        group["Metadata"] = text


def write_eer(
    path: Path, frames: npt.NDArray[Any], *, pixel_size: float, dose: float, seed: int = 0
) -> None:
    """Write raw frames as EER: a BigTIFF whose frames list where single electrons fell.

    A pixel counts one electron in a raw frame at most: what is above is lost, as in the camera.
    The place within the pixel is drawn at random.
    """
    rng = np.random.default_rng(seed)
    xml = (
        '<?xml version="1.0"?><metadata>'
        '<item name="acquisitionID">practice</item>'
        '<item name="commercialName">Practice camera</item>'
        f'<item name="exposureTime" unit="s">{len(frames) / 248:.6g}</item>'
        f'<item name="numberOfFrames">{len(frames)}</item>'
        f'<item name="sensorImageWidth" unit="pixel">{frames.shape[2]}</item>'
        f'<item name="sensorImageHeight" unit="pixel">{frames.shape[1]}</item>'
        '<item name="sensorPixelSize.width" unit="m">1.4e-05</item>'
        '<item name="sensorPixelSize.height" unit="m">1.4e-05</item>'
        f'<item name="totalDose" unit="e/pixel">{dose * pixel_size**2:.6g}</item>'
        "</metadata>"
    ).encode()
    with _whole(path) as place, place.open("wb") as file:
        file.write(struct.pack("<2sHHHQ", b"II", 43, 8, 0, 16))
        text_at = 0
        for number, frame in enumerate(frames):
            data = _encoded(np.flatnonzero(frame[::-1]), frame.size, rng)
            entries = [
                (256, 4, 1, frame.shape[1]),
                (257, 4, 1, frame.shape[0]),
                (258, 3, 1, 1),
                (259, 3, 1, _EER),
                (262, 3, 1, 1),
                (273, 16, 1, 0),
                (277, 3, 1, 1),
                (278, 4, 1, frame.shape[0]),
                (279, 16, 1, len(data)),
            ]
            if number == 0:
                entries.append((_EER_XML, 7, len(xml), 0))
            # the directory comes first, then what it points at
            start = file.tell()
            after = start + 8 + 20 * len(entries) + 8
            if number == 0:
                text_at, after = after, after + len(xml)
            end = after + len(data)
            file.write(struct.pack("<Q", len(entries)))
            for tag, kind, count, value in entries:
                known = {273: after}.get(tag, value)
                if tag == _EER_XML:
                    known = text_at
                file.write(struct.pack("<HHQQ", tag, kind, count, known))
            file.write(struct.pack("<Q", end if number + 1 < len(frames) else 0))
            if number == 0:
                file.write(xml)
            file.write(data)


def _encoded(places: npt.NDArray[np.intp], size: int, rng: np.random.Generator) -> bytes:
    """Return the electrons of a frame as EER lists them, lowest bit first.

    Each code of 7 bits tells how many pixels are empty before the next electron, whose place within
    its pixel follows in 4 bits; 127 says that 127 pixels are empty and no electron follows. The
    last code leads to the end of the frame; some bytes of nothing close it.
    """
    most = (1 << _RUN) - 1
    gaps = np.diff(np.concatenate([[-1], places, [size]])) - 1
    full, rest = np.divmod(gaps, most)
    codes = np.full(int(full.sum()) + len(places) + 1, most, dtype=np.int64)
    at = np.cumsum(full[:-1]) + np.arange(len(places))
    codes[at] = rest[:-1] | (rng.integers(0, 16, len(places)) << _RUN)
    codes[-1] = rest[-1]
    event = np.zeros(len(codes), dtype=bool)
    event[at] = True
    bits = (codes[:, None] >> np.arange(_EVENT)) & 1
    used = np.arange(_EVENT) < np.where(event, _EVENT, _RUN)[:, None]
    found = np.packbits(bits[used].astype(np.uint8), bitorder="little").tobytes()
    return found + bytes(4 + len(found) % 2)  # whole words of two bytes
