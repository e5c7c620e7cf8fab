"""TIFF images and movies: the pixels of tifffile, whatever they are packed with."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from openem_nb import images
from openem_nb.errors import DamagedFile, InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

DATA = np.random.default_rng(2).integers(0, 60, (3, 90, 75))


def written(data: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, data, photometric="minisblack", metadata=None, **options)  # type: ignore[arg-type]
    return stream.getvalue()


@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "zstd", "packbits", "lzma"])
@pytest.mark.parametrize("kind", ["u1", "i2", "u2", "f4"])
def test_movies_are_those_of_tifffile(compression: str | None, kind: str) -> None:
    data = DATA.astype(kind)
    raw = written(data, compression=compression, rowsperstrip=16)
    found = images.open_image(raw, name="a.tif")
    assert (found.format, found.frames, found.shape) == ("tiff", 3, (90, 75))
    assert found.dtype == data.dtype
    assert np.array_equal(np.asarray(found), data)
    assert np.array_equal(found.window(10, 60, 7, 70, frame=2), data[2, 10:60, 7:70])
    assert np.array_equal(found.band(15, 33, frame=1), data[1, 15:33])
    assert np.allclose(found.average(), data.mean(axis=0), atol=1e-5)


@pytest.mark.parametrize("options", [
    {"tile": (32, 48)},
    {"tile": (32, 48), "compression": "lzw", "predictor": 2},
    {"byteorder": ">", "compression": "zlib", "predictor": 2},
    {"byteorder": ">"},
    {"bigtiff": True, "compression": "lzw", "rowsperstrip": 7},
])  # fmt: skip
@pytest.mark.parametrize("kind", ["u1", "u2", "i2", "u4"])
def test_tiles_predictors_and_byte_orders(options: dict[str, object], kind: str) -> None:
    data = DATA[0].astype(kind)
    found = images.open_image(written(data, **options))
    assert np.array_equal(found.frame(), data)
    assert np.array_equal(found.window(31, 65, 47, 75), data[31:65, 47:75])


@pytest.mark.parametrize("kind", ["f2", "f4", "f8"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_the_predictor_of_floating_point_numbers(kind: str, order: str) -> None:
    data = (DATA[0] / 7).astype(kind)
    raw = written(data, byteorder=order, compression="zlib", predictor=3)
    assert np.array_equal(images.open_image(raw).frame(), data)


@pytest.mark.parametrize("bits", [1, 4, 12])
def test_numbers_of_few_bits(bits: int) -> None:
    data = (DATA[0] % (1 << min(bits, 5))).astype(np.uint8 if bits <= 8 else np.uint16)
    # every row begins with a whole byte
    single = (data[..., None] >> np.arange(bits)[::-1]) & 1
    rows = np.packbits(single.reshape(len(data), -1), axis=1).tobytes()
    tags = [(256, 75), (257, 90), (258, bits), (259, 1), (262, 1), (273, 8), (277, 1), (278, 90)]
    tags.append((279, len(rows)))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    raw = struct.pack("<2sHI", b"II", 42, 8 + len(rows)) + rows + directory
    assert np.array_equal(images.open_image(raw).frame(), data)


def test_colours_become_grey() -> None:
    data = np.zeros((20, 30, 3), np.uint8)
    data[..., 1] = 90
    stream = io.BytesIO()
    tifffile.imwrite(stream, data, photometric="rgb")
    found = images.open_image(stream.getvalue())
    assert found.dtype == np.float32
    assert np.all(found.frame() == 30)
    assert "colours" in found.notes[0]


@pytest.mark.parametrize("options", [{}, {"tile": (16, 32)}, {"compression": "lzw"}])
def test_colours_that_lie_plane_behind_plane(options: dict[str, object]) -> None:
    planes = np.zeros((4, 40, 30), np.uint8) + np.array([10, 20, 60, 200], np.uint8)[:, None, None]
    planes[:3, 7, 11] = [30, 30, 90]
    for count, extra in ((3, None), (4, ["unassalpha"])):
        stream = io.BytesIO()
        tifffile.imwrite(
            stream,
            planes[:count],
            photometric="rgb",
            planarconfig="separate",
            extrasamples=extra,
            rowsperstrip=None if "tile" in options else 16,
            **options,  # type: ignore[arg-type]
        )
        found = images.open_image(stream.getvalue())
        assert (found.shape, found.frames, found.dtype) == ((40, 30), 1, np.float32)
        expected = np.full((40, 30), 30, np.float32)
        expected[7, 11] = 50
        assert np.array_equal(found.frame(), expected)
        assert np.array_equal(found.window(5, 9, 10, 20), expected[5:9, 10:20])


@pytest.mark.parametrize("options", [
    {"compression": "lzw", "rowsperstrip": 16},
    {"compression": "zlib", "tile": (32, 48)},
    {"bigtiff": True, "compression": "lzw", "rowsperstrip": 16},
    {"byteorder": ">", "rowsperstrip": 16, "contiguous": False},
    {"rowsperstrip": 90, "contiguous": False},
])  # fmt: skip
@pytest.mark.parametrize("bigger", [False, True])
def test_a_movie_that_is_cut_off_has_its_whole_frames(
    options: dict[str, object], bigger: bool
) -> None:
    chosen = {name: value for name, value in options.items() if name != "contiguous"}
    heads = {name: chosen.pop(name) for name in ("bigtiff", "byteorder") if name in chosen}
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream, **heads) as writer:  # type: ignore[arg-type]
        for frame in DATA.astype("u2"):
            writer.write(frame, photometric="minisblack", metadata=None, contiguous=False, **chosen)  # type: ignore[arg-type]
    raw = stream.getvalue()
    with tifffile.TiffFile(io.BytesIO(raw)) as peer:
        last = [
            max(map(sum, zip(p.dataoffsets, p.databytecounts, strict=True))) for p in peer.pages
        ]
    whole = images.open_image(raw, name="a.tif")
    assert (whole.frames, whole.notes, whole.problems) == (3, (), ())
    assert images.open_image(raw[: last[2]]).problems == ()
    cut = images.open_image(raw[: last[2] - (300 if bigger else 1)], name="a.tif")
    assert cut.frames == 2
    assert cut.problems == cut.notes == ("The file is cut off: 2 of 3 frames are whole.",)
    assert np.array_equal(np.asarray(cut), DATA[:2])
    assert np.allclose(cut.average(), DATA[:2].mean(axis=0))
    early = images.open_image(raw[: last[0] + (last[1] - last[0]) // 2], name="a.tif")
    assert early.frames == 1
    assert early.axes == ("frame", "y", "x")
    assert np.array_equal(early.frame(), DATA[0])
    assert "1 of 2" in early.problems[0] or "Whole frames: 1" in early.problems[0]
    with pytest.raises(DamagedFile, match="cut off"):
        images.open_image(raw[: last[0] - 1], name="a.tif")


def test_a_file_with_two_sizes_of_images(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(np.zeros((40, 60), np.uint16), photometric="minisblack", metadata=None)
        writer.write(np.ones((10, 15), np.uint16), photometric="minisblack", metadata=None)
    with images.open_image(path) as found:
        assert (found.frames, found.shape) == (1, (40, 60))
        assert found.notes == ("The file also holds images of 15 × 10 pixels.",)
    with images.open_image(path, series=1) as found:
        assert found.frame().tolist() == np.ones((10, 15)).tolist()
    with pytest.raises(InvalidInput, match="no series 2"):
        images.open_image(path, series=2)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"resolution": (1e8 / 1.5, 1e8 / 1.5), "resolutionunit": "CENTIMETER"}, 1.5),
        ({"resolution": (72, 72), "resolutionunit": "INCH"}, None),
        ({}, None),
    ],
)
def test_pixel_sizes(options: dict[str, object], expected: float | None) -> None:
    found = images.open_image(written(DATA[0].astype("u1"), **options)).pixel_size
    assert found == (None if expected is None else pytest.approx(expected, rel=1e-2))


def test_damage_is_told(tmp_path: Path) -> None:
    raw = written(DATA.astype("u2"), compression="lzw", rowsperstrip=16)
    with pytest.raises(DamagedFile):
        np.asarray(images.open_image(raw[:200]))
    with pytest.raises(DamagedFile, match="does not begin"):
        images.open_image(b"II*\0\0", name="a.tif")
    huge = bytearray(written(np.zeros((8, 8), np.uint8)))
    for tag in (256, 257):
        place = huge.find(struct.pack("<H", tag), 8)
        huge[place : place + 12] = struct.pack("<HHII", tag, 4, 1, 60000)
    with pytest.raises(DamagedFile):
        images.open_image(bytes(huge), name="a.tif").frame()
