"""The headers of a folder: the same as of each file opened alone, and problems in words."""

from __future__ import annotations

import gzip
import math
import os
import struct
import threading
import time
from typing import TYPE_CHECKING, Any

import mrcfile
import numpy as np
import pytest
import tifffile
from mrcfile.dtypes import get_ext_header_dtype

from openem_nb import images, jobs
from openem_nb.errors import NotFound
from openem_nb.images import scanning
from openem_nb.mining import files as mining

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, data: np.ndarray, pixel: float = 1.5) -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    with mrcfile.new(path, overwrite=True) as file:
        file.set_data(data)
        file.voxel_size = pixel
        if data.ndim == 3:
            file.set_image_stack()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "session"
    for number, kind in enumerate(["i1", "i2", "u2", "f2", "f4", ">f4"]):
        write(root / f"sub/{number}.mrc", np.zeros((3, 20 + number, 30), kind), 0.5 + number)
    write(root / "a.mrc", np.zeros((4, 5), np.float32), 0)
    tifffile.imwrite(root / "b.tif", np.zeros((7, 8), np.uint8))
    (root / "broken.mrc").write_bytes((root / "a.mrc").read_bytes()[:1050])
    (root / "empty.mrcs").write_bytes(b"")
    (root / "notes.txt").write_text("no image")
    (root / ".hidden.mrc").write_bytes(b"x")
    return root


def test_rows_are_those_of_each_file(folder: Path) -> None:
    table = images.scan(folder)
    assert table.name.tolist() == [
        *("a.mrc", "b.tif", "broken.mrc", "empty.mrcs"),
        *(f"sub/{number}.mrc" for number in range(6)),
    ]
    for row in table.itertuples():
        if row.name in ("broken.mrc", "empty.mrcs"):
            assert row.name in row.problem
            assert math.isnan(row.pixel_size)
            continue
        with images.open_image(folder / row.name) as found:
            assert (row.format, row.frames, row.dtype) == (
                *(found.format, found.frames, str(found.dtype)),
            )
            assert (row.height, row.width) == found.shape
            if found.pixel_size is None:
                assert math.isnan(row.pixel_size)
            else:
                assert row.pixel_size == pytest.approx(found.pixel_size)
            assert row.bytes == (folder / row.name).stat().st_size
            assert row.problem == ""
    assert table.name[table.problem != ""].tolist() == ["broken.mrc", "empty.mrcs"]
    assert images.scan(folder, recursive=False).name.tolist() == table.name.tolist()[:4]
    assert images.scan([folder / "b.tif"]).width.tolist() == [8]


def test_names_are_those_that_are_mined_and_others_come_by_pattern(tmp_path: Path) -> None:
    write(tmp_path / "one.mrc", np.zeros((4, 5), np.int16))
    packed = gzip.compress((tmp_path / "one.mrc").read_bytes())
    (tmp_path / "sub.npy").mkdir()
    (tmp_path / "sub.npy" / "two.MRC.gz").write_bytes(packed)
    np.save(tmp_path / "sub.npy" / "three.npy", np.zeros((6, 7), np.float32))
    (tmp_path / "thumb.png").write_bytes(b"a picture for people")
    (tmp_path / "camera.gain").write_bytes((tmp_path / "one.mrc").read_bytes())
    found = images.scan(tmp_path)
    assert found.name.tolist() == ["camera.gain", "one.mrc", "sub.npy/two.MRC.gz"]
    assert set(found.problem) == {""}
    mined = [file.name for file in mining.find(tmp_path)]
    assert mined == found.name.tolist()[1:], "references of the camera are not mined"
    arrays = images.scan(tmp_path, pattern="*.npy")
    assert (arrays.name.tolist(), arrays.width.tolist()) == (["sub.npy/three.npy"], [7])


def test_what_is_missing_is_a_problem_and_what_is_odd_is_a_note(tmp_path: Path) -> None:
    movie = np.arange(3 * 40 * 50, dtype=np.uint16).reshape(3, 40, 50)
    write(tmp_path / "cut.mrc", movie)
    tifffile.imwrite(tmp_path / "cut.tif", movie, photometric="minisblack", compression="lzw")
    for name in ("cut.mrc", "cut.tif"):
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[:-100])
    tifffile.imwrite(tmp_path / "part.tif", np.zeros((400, 500), np.float32))
    (tmp_path / "part.tif").write_bytes((tmp_path / "part.tif").read_bytes()[:3000])
    tifffile.imwrite(tmp_path / "rgb.tif", np.zeros((9, 8, 3), np.uint8), photometric="rgb")
    (tmp_path / "link.mrc").symlink_to(tmp_path / "gone.mrc")
    table = images.scan(tmp_path).set_index("name")
    assert table.problem.to_dict() == {
        "cut.mrc": "The file is cut off: 2 of 3 sections are whole.",
        "cut.tif": "The file is cut off: 2 of 3 frames are whole.",
        "link.mrc": "link.mrc is a link to a file that is not there.",
        "part.tif": table.problem["part.tif"],
        "rgb.tif": "",
    }
    assert "part.tif is cut off" in table.problem["part.tif"]
    assert table.frames[["cut.mrc", "cut.tif"]].tolist() == [2, 2]
    assert table.index[table.notes != ""].tolist() == ["rgb.tif"]
    assert "colours" in table.notes["rgb.tif"]


def test_the_voltage_of_an_extended_header(tmp_path: Path) -> None:
    record = np.zeros(1, get_ext_header_dtype(b"FEI1", "<"))
    record["Metadata size"], record["HT"] = record.itemsize, 300_000
    record["Pixel size X"] = 1.25e-10
    head = bytearray(1024)
    struct.pack_into("<10i", head, 0, 4, 4, 1, 1, 0, 0, 0, 4, 4, 1)
    struct.pack_into("<2i", head, 88, 0, record.itemsize)
    head[104:108], head[208:214] = b"FEI1", b"MAP \x44\x44"
    (tmp_path / "a.mrc").write_bytes(bytes(head) + record.tobytes() + bytes(32))
    table = images.scan(tmp_path)
    assert table.voltage.tolist() == [300]
    assert table.pixel_size.tolist() == pytest.approx([1.25])


def test_thousands_of_files_and_their_progress(tmp_path: Path) -> None:
    write(tmp_path / "0000.mrc", np.zeros((4, 5), np.int16))
    content = (tmp_path / "0000.mrc").read_bytes()
    for number in range(1, 600):
        (tmp_path / f"{number:04}.mrc").write_bytes(content)
    told = jobs.Progress()
    table = images.scan(tmp_path, progress=told)
    assert len(table) == 600
    assert table.name.is_monotonic_increasing
    assert set(table.width) == {5}
    assert told.snapshot().done == 600


def test_counts_that_no_file_can_have_are_a_problem_of_that_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tags = [(256, 4, 1, 4), (257, 4, 1, 4), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    tags += [(273, 16, 1 << 60, 1 << 63), (278, 4, 1, 4), (279, 16, 1 << 60, 1 << 63)]
    body = b"".join(struct.pack("<HHQQ", *tag) for tag in sorted(tags))
    head = struct.pack("<2sHHHQQ", b"II", 43, 8, 0, 16, len(tags))
    (tmp_path / "lying.tif").write_bytes(head + body + bytes(32))
    write(tmp_path / "m.mrc", np.zeros((4, 5), np.float32))
    table = images.scan(tmp_path)
    assert table.problem.astype(bool).tolist() == [True, False]
    assert "Error" not in table.problem[0], "a sentence, not the name of an exception"

    def broken(path: str) -> object:
        raise ZeroDivisionError(path)

    monkeypatch.setattr(scanning, "open_image", broken)
    table = images.scan(tmp_path)
    assert table.problem.astype(bool).tolist() == [True, False], "the others are read all the same"


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        images.scan(tmp_path / "none")
    assert images.scan(tmp_path).empty


@pytest.mark.parametrize("slow", [False, True])
def test_files_that_are_waited_for_are_read_by_several_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slow: bool
) -> None:
    write(tmp_path / "0000.mrc", np.zeros((4, 5), np.float32))
    for number in range(1, 60):
        os.link(tmp_path / "0000.mrc", tmp_path / f"{number:04}.mrc")
    real, readers = scanning._rows, []
    monkeypatch.setattr(scanning, "_STEP", 10)
    monkeypatch.setattr(scanning, "_WAIT", 1e-3 if slow else 10.0)

    def rows(files: list[str]) -> list[tuple[Any, ...]]:
        readers.append(threading.current_thread().name)
        if slow:
            time.sleep(0.1)
        return real(files)

    monkeypatch.setattr(scanning, "_rows", rows)
    table = images.scan(tmp_path)
    assert table["name"].tolist() == [f"{number:04}.mrc" for number in range(60)]
    assert (table["width"] == 5).all()
    others = [name for name in readers if name.startswith("openem-scan")]
    assert (len(readers), len(others)) == (5, 4 if slow else 0)
