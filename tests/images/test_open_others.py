"""Gatan, Velox, NCEM, Panta Rhei, HDF5, Zarr and pictures: the same pixels as other readers see."""

from __future__ import annotations

import io
import json
import os
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest
from _gatan import dm
from PIL import Image

from openem_nb import images
from openem_nb.errors import DamagedFile, InvalidInput, NotFound, OpenEMError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RNG = np.random.default_rng(5)


# DM3 and DM4


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("kind", ["i2", "u2", "f4", "u1", "i4", "f8"])
def test_images_of_gatan(version: int, big: bool, kind: str) -> None:
    data = RNG.integers(0, 100, (21, 34)).astype(kind)
    found = images.open_image(dm(data, version=version, big=big), name="a.dm4")
    assert (found.format, found.shape, found.frames) == ("dm", (21, 34), 1)
    assert np.array_equal(found.frame(), data)
    assert np.array_equal(found.window(3, 9, 5, 30), data[3:9, 5:30])
    assert found.pixel_size == pytest.approx(2.0)
    assert found.voltage == 300
    assert found.origin == "upper"
    assert found.header["DM"]["Name"] == "image of ours"


def test_gatan_as_rosettasciio_sees_it(tmp_path: Path) -> None:
    digitalmicrograph = pytest.importorskip("rsciio.digitalmicrograph")
    data = RNG.integers(0, 1000, (3, 20, 30)).astype(np.int16)
    path = tmp_path / "a.dm4"
    path.write_bytes(dm(data, unit="µm", scale=0.5))
    other = digitalmicrograph.file_reader(str(path))[-1]
    with images.open_image(path) as found:
        assert found.axes == ("frame", "y", "x")
        assert np.array_equal(np.asarray(found), other["data"])
        assert found.pixel_size == pytest.approx(5000)


def test_units_that_are_no_length_give_no_pixel_size() -> None:
    data = np.zeros((4, 8, 8), np.float32)
    found = images.open_image(dm(data, unit="1/nm", slow_unit="eV", volts=0.0))
    assert (found.pixel_size, found.voltage) == (None, None)
    assert found.axes == ("channel", "y", "x")
    assert not found.is_movie
    assert images.open_image(dm(data, unit="")).pixel_size is None


def test_damaged_gatan_files() -> None:
    data = dm(np.ones((64, 64), np.float32))
    with pytest.raises(DamagedFile, match="image"):
        images.open_image(data[: len(data) // 2], name="a.dm4")
    with pytest.raises(DamagedFile):
        images.open_image(data[:30], name="a.dm4")
    with pytest.raises(InvalidInput, match="spectrum"):
        images.open_image(dm(np.ones(2000, np.float32)[None][0]), name="a.dm4")


# HDF5


def velox(path: Path, data: np.ndarray, meta: dict[str, Any]) -> None:
    raw = np.frombuffer(json.dumps(meta).encode().ljust(4000, b"\0"), np.uint8)
    with h5py.File(path, "w") as file:
        group = file.create_group("Data/Image/0123456789abcdef")
        group.create_dataset("Data", data=data, chunks=(*data.shape[:2], 1))
        group.create_dataset("Metadata", data=np.repeat(raw[:, None], data.shape[2], axis=1))


def test_velox(tmp_path: Path) -> None:
    data = RNG.integers(0, 4000, (24, 30, 3)).astype(np.uint16)
    meta = {
        "BinaryResult": {"PixelSize": {"width": "1.5e-10", "height": "1.5e-10"}, "PixelUnitX": "m"},
        "Optics": {"AccelerationVoltage": "200000"},
    }
    path = tmp_path / "a.emd"
    velox(path, data, meta)
    with images.open_image(path) as found:
        assert (found.format, found.shape, found.frames) == ("velox", (24, 30), 3)
        assert found.pixel_size == pytest.approx(1.5)
        assert found.voltage == 200
        assert found.header["Velox"] == meta
        assert np.array_equal(np.asarray(found), np.moveaxis(data, -1, 0))
        assert np.allclose(found.average(), data.mean(axis=2))
    again = images.open_image(path.read_bytes(), name="b.emd")
    assert np.array_equal(again.frame(2), data[..., 2])
    again.close()


@pytest.mark.parametrize("text", [np.bytes_, str])
@pytest.mark.parametrize("names", ["xyz", "zyx", None])
def test_ncem(tmp_path: Path, names: str | None, text: type) -> None:
    data = RNG.random((5, 12, 17)).astype(np.float32)
    path = tmp_path / "a.emd"
    with h5py.File(path, "w") as file:
        file.attrs["version_major"], file.attrs["version_minor"] = 0, 2
        group = file.create_group("data/stack")
        group.attrs["emd_group_type"] = 1
        group["data"] = data
        for number, size in enumerate(data.shape, 1):
            axis = group.create_dataset(f"dim{number}", data=np.arange(size) * 0.25)
            axis.attrs["name"] = text(names[number - 1] if names else "axis")
            axis.attrs["units"] = text("[n_m]")
    expected = data if names == "zyx" else data.T
    with images.open_image(path) as found:
        assert (found.format, found.frames) == ("ncem", len(expected))
        assert found.pixel_size == pytest.approx(2.5)
        assert np.array_equal(np.asarray(found), expected)
    if names != "zyx":
        other = pytest.importorskip("rsciio.emd").file_reader(str(path))[0]
        assert np.array_equal(other["data"], expected)


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_texts_of_variable_length(tmp_path: Path, libver: str) -> None:
    path = tmp_path / "a.emd"
    with h5py.File(path, "w", libver=libver) as file:
        group = file.create_group("data/a")
        group.attrs["emd_group_type"] = 1
        group["data"] = RNG.random((7, 6)).astype(np.float32)
        for name, size in (("dim1", 7), ("dim2", 6)):
            axis = group.create_dataset(name, data=np.arange(size) * 0.5)
            for number in range(6):
                axis.attrs[f"note {number}"] = "a text that needs room " * 3
            axis.attrs["units"] = "nm"
    good = path.read_bytes()
    assert images.open_image(good, name="a.emd").pixel_size == pytest.approx(5)
    heap = good.index(b"GCOL")
    damages = {
        "an object without a number": (heap + 16, bytes(2)),
        "one that ends outside": (heap + 24, b"\xff" * 8),
        "a heap without a size": (heap + 8, bytes(8)),
        "another version": (heap + 4, b"\x09"),
        "no heap": (heap, b"GOAL"),
    }
    for what, (place, content) in damages.items():
        bad = good[:place] + content + good[place + len(content) :]
        with images.open_image(bad, name="a.emd") as found:
            assert (found.pixel_size, found.shape) == (None, (6, 7)), what
            assert found.frame().shape == (6, 7), what


def test_any_hdf5_file_with_an_image(tmp_path: Path) -> None:
    data = RNG.integers(0, 9, (4, 2, 10, 11)).astype(">i4")
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["small"] = np.zeros((2, 2))
        file["deep/er/image"] = data
        file["text"] = "no image"
        file["deep/again"] = h5py.SoftLink("/deep")
    with images.open_image(path) as found:
        assert (found.format, found.shape, found.frames) == ("hdf5", (10, 11), 8)
        assert found.dtype == np.int32
        assert np.array_equal(found.frame(5), data[2, 1])
        assert found.header["HDF5"]["path"] == "/deep/er/image"
        assert "2 images" in found.notes[0]
    with images.open_image(path, series=1) as found:
        assert found.shape == (2, 2)


def test_nothing_outside_an_hdf5_file_is_opened(tmp_path: Path) -> None:
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["image"] = np.ones((20, 20))
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["image"] = h5py.ExternalLink(str(secret), "/image")
        (tmp_path / "raw").write_bytes(bytes(400))
        file.create_dataset("raw", (20, 20), "u1", external=[(str(tmp_path / "raw"), 0, 400)])
        layout = h5py.VirtualLayout((20, 20), "f8")
        layout[:] = h5py.VirtualSource(str(secret), "image", (20, 20))
        file.create_virtual_dataset("virtual", layout)
    with pytest.raises(InvalidInput, match="without an image"):
        images.open_image(path)


def test_an_hdf5_image_that_is_not_there_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("image", (30_000, 30_000), "u1", chunks=(100, 100), fillvalue=1)
    with pytest.raises(DamagedFile, match="not in it"):
        images.open_image(path)
    with pytest.raises(DamagedFile, match="HDF5"):
        images.open_image(path.read_bytes()[:300], name="a.h5")


# NumPy and Panta Rhei


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("kind", ["f4", "u2", ">i4"])
def test_panta_rhei(packing: int, kind: str) -> None:
    data = RNG.integers(0, 500, (2, 40, 50)).astype(kind)
    meta = {
        "device.calib": [{"unit": "m", "value": 2e-10, "pixel_factor": 2}],
        "electron_gun": {"voltage": 80e3},
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", packing) as archive:
        archive.writestr("meta_data_json.npy", npy(np.array(json.dumps([meta]))))
        archive.writestr("data.npy", npy(data))
    found = images.open_image(stream.getvalue(), name="a.prz")
    assert (found.format, found.shape, found.frames) == ("prz", (40, 50), 2)
    assert found.pixel_size == pytest.approx(4)
    assert found.voltage == 80
    assert np.array_equal(np.asarray(found), data)
    assert found.thumbnail(25).shape == (20, 25)
    found.close()


class Trap:
    def __reduce__(self) -> Any:
        return (os.mkdir, ("trap",))


def test_no_pickle_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    trap = np.array([{"electron_gun.voltage": 80e3, "x": Trap()}], dtype=object)
    stream = io.BytesIO()
    np.save(stream, trap, allow_pickle=True)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("meta_data.npy", stream.getvalue())
        archive.writestr("data.npy", npy(np.ones((5, 6))))
    found = images.open_image(packed.getvalue(), name="a.prz")
    assert found.voltage is None
    assert found.notes == ("Its metadata hold more than plain values, and were not read.",)
    assert found.frame().shape == (5, 6)
    with pytest.raises(InvalidInput, match="no array of numbers"):
        images.open_image(stream.getvalue(), name="a.npy")
    assert not (tmp_path / "trap").exists()


def test_an_archive_that_claims_too_much() -> None:
    huge = npy(np.zeros((4, 4)))[:128].replace(b"(4, 4), ", b"(60000, 60000), ")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.npy", huge)
    with pytest.raises(DamagedFile, match="cut off"):
        images.open_image(stream.getvalue(), name="a.prz")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(InvalidInput, match="without an image"):
        images.open_image(stream.getvalue(), name="a.zip")
    with pytest.raises(DamagedFile, match="no end"):
        images.open_image(b"PK\3\4" + bytes(4000), name="a.prz")


def test_columns_first_and_complex_numbers() -> None:
    with pytest.raises(InvalidInput, match="column by column"):
        images.open_image(npy(np.asfortranarray(np.ones((5, 6)))))
    found = images.open_image(npy(np.full((3, 4), 3 + 4j)))
    assert np.all(found.frame() == 5)
    assert "amplitudes" in found.notes[0]


# pictures


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_pictures(form: str) -> None:
    data = RNG.integers(0, 255, (18, 26)).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(data).save(stream, form)
    found = images.open_image(stream.getvalue())
    assert (found.format, found.shape, found.dtype) == (form.lower(), (18, 26), np.uint8)
    if form == "PNG":
        assert np.array_equal(found.frame(), data)
        with pytest.raises(DamagedFile):
            images.open_image(stream.getvalue()[:200]).frame()
    else:
        assert np.array_equal(found.frame(), np.asarray(Image.open(stream)))


def test_deep_and_coloured_pictures() -> None:
    data = RNG.integers(0, 60_000, (8, 9)).astype(np.uint16)
    stream = io.BytesIO()
    Image.fromarray(data).save(stream, "PNG")
    assert np.array_equal(images.open_image(stream.getvalue()).frame(), data)
    stream = io.BytesIO()
    Image.new("RGBA", (6, 5), (30, 60, 90, 10)).save(stream, "PNG")
    found = images.open_image(stream.getvalue())
    assert np.all(found.frame() == 60)
    assert "colours" in found.notes[0]


def test_a_picture_of_too_many_pixels() -> None:
    stream = io.BytesIO()
    Image.new("1", (40_000, 10_000)).save(stream, "PNG")
    with pytest.raises(InvalidInput, match="pixels"):
        images.open_image(stream.getvalue())


# OME-Zarr


@pytest.fixture(autouse=True)
def no_thread_of_zarr() -> Iterator[None]:
    """End the thread in which the package zarr reads, and which it keeps for itself."""
    yield
    if "zarr" in sys.modules:
        from zarr.core.sync import cleanup_resources

        cleanup_resources()


@pytest.mark.parametrize("version", [2, 3])
def test_ome_zarr(tmp_path: Path, version: int) -> None:
    zarr = pytest.importorskip("zarr")
    data = RNG.integers(0, 99, (3, 32, 40)).astype(np.int16)
    folder = tmp_path / "a.zarr"
    group = zarr.open_group(str(folder), mode="w", zarr_format=version)
    for level in (0, 1):
        small = data[:, :: 1 << level, :: 1 << level]
        array = group.create_array(str(level), shape=small.shape, chunks=(1, 16, 16), dtype="i2")
        array[:] = small
    scales = [
        {
            "axes": [{"name": one, "type": "space", "unit": "angstrom"} for one in "zyx"],
            "datasets": [
                {
                    "path": str(one),
                    "coordinateTransformations": [{"type": "scale", "scale": [8.0, 4.0, 4.0]}],
                }
                for one in (0, 1)
            ],
        }
    ]
    group.attrs.update(
        {"multiscales": scales} if version == 2 else {"ome": {"multiscales": scales}}
    )
    with images.open_image(folder) as found:
        assert (found.format, found.name) == ("zarr", "a.zarr")
        assert (found.shape, found.frames, found.axes) == ((32, 40), 3, ("z", "y", "x"))
        assert found.pixel_size == pytest.approx(4)
        assert np.array_equal(np.asarray(found), data)
        assert np.array_equal(found.window(3, 20, 10, 33, frame=1), data[1, 3:20, 10:33])
    scales[0]["datasets"][0]["path"] = "../b.zarr/0"
    group.attrs.update(
        {"multiscales": scales} if version == 2 else {"ome": {"multiscales": scales}}
    )
    with pytest.raises(DamagedFile, match="outside the folder"):
        images.open_image(folder)


def test_a_folder_that_is_no_zarr(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is a folder"):
        images.open_image(tmp_path)
    with pytest.raises(NotFound):
        images.open_image(tmp_path / "b.zarr")
    (tmp_path / "zarr.json").write_text("{")
    with pytest.raises(OpenEMError):
        images.open_image(tmp_path)
