"""Files of EMDB entries: downloaded, checked, and refused when they are not right."""

from __future__ import annotations

import gzip
import struct
from typing import TYPE_CHECKING

import mrcfile
import numpy as np
import pytest

from openem_nb import emdb, http, settings, transfer
from openem_nb.emdb._map_check import check_map, check_packed
from openem_nb.errors import (
    BadAnswer,
    CannotWrite,
    ChecksumMismatch,
    InvalidInput,
    NotFound,
    Unreachable,
)
from openem_nb.practice import Facility, Fault

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def released(practice: Facility, wanted: Callable[[emdb.Entry], bool]) -> emdb.Entry:
    for batch in emdb.fetch(practice.truth.emdb):
        for entry in batch.found:
            if entry.status == "REL" and entry.files and wanted(entry):
                return entry
    raise AssertionError("no such entry in the practice archive")


def test_map_in_the_data_folder(practice: Facility) -> None:
    entry = released(practice, lambda entry: True)
    (path,) = emdb.download(entry.id)
    assert path == settings.folders().data / "emdb" / entry.id / entry.files[0].name
    with mrcfile.open(path) as opened:
        assert opened.data.shape == entry.files[0].dimensions[::-1]
    asked = len(practice.requests)
    assert emdb.download(entry.id) == (path,)
    again = [record for record in practice.requests[asked:] if "/structures/" in record.path]
    assert [record.method for record in again] == ["HEAD"]


def test_all_kinds(practice: Facility, tmp_path: Path) -> None:
    entry = released(
        practice, lambda entry: {"half_map", "mask"} <= {file.kind for file in entry.files}
    )
    what = ("map", "half_map", "mask", "image", "fsc", "header")
    paths = emdb.download(entry.id, what, folder=tmp_path)
    named = [file.name for kind in what for file in entry.files if file.kind == kind]
    assert {path.name for path in paths} >= set(named)
    assert all(path.parent == tmp_path and path.stat().st_size > 0 for path in paths)
    number = entry.id.removeprefix("EMD-")
    assert tmp_path / f"emd-{number}-v30.xml" in paths
    assert not list(tmp_path.glob("*.part*"))


def test_padded_ids(practice: Facility) -> None:
    entry = released(practice, lambda entry: entry.id.startswith("EMD-0"))
    (path,) = emdb.download(entry.id.replace("EMD-0", ""))
    assert path.parent.name == entry.id


def test_what_is_not_there(practice: Facility) -> None:
    entry = released(practice, lambda entry: "half_map" not in {file.kind for file in entry.files})
    with pytest.raises(NotFound, match="no half map") as caught:
        emdb.download(entry.id, "half_map")
    assert "map" in caught.value.hint
    with pytest.raises(NotFound):
        emdb.download("EMD-999999")
    with pytest.raises(InvalidInput, match="'model'"):
        emdb.download(entry.id, ["map", "model"])  # type: ignore[list-item]
    with pytest.raises(InvalidInput):
        emdb.download(entry.id, ())


def test_unusual_names_are_looked_up(practice: Facility, tmp_path: Path) -> None:
    usual, unusual, missing = 0, 0, 0
    for entry in practice.truth.emdb.values():
        if entry.status != "REL" or not entry.map_released:
            continue
        try:
            (path,) = emdb.download(entry.emdb_id, "image", folder=tmp_path)
        except NotFound as error:
            missing += str(error) == f"{entry.emdb_id} has no image."
        else:
            canonical = path.name == f"emd_{entry.emdb_id.removeprefix('EMD-')}.png"
            usual, unusual = usual + canonical, unusual + (not canonical)
        if usual and unusual and missing:
            return
    raise AssertionError(f"the archive has no such case: {usual=} {unusual=} {missing=}")


def test_cut_map_is_completed(practice: Facility) -> None:
    entry = released(practice, lambda entry: True)
    practice.add_fault(Fault("cut", path=r"/map/emd_", times=2))
    (path,) = emdb.download(entry.id)
    check_map(path, path.name, entry.files[0].dimensions)
    assert any(record.fault for record in practice.requests)


def test_garbage_in_place_of_a_map(practice: Facility) -> None:
    entry = released(practice, lambda entry: True)
    practice.add_fault(Fault("garbage", path=r"/map/emd_"))
    with pytest.raises(ChecksumMismatch):
        emdb.download(entry.id)
    folder = settings.folders().data / "emdb" / entry.id
    assert list(folder.iterdir()) == []


def test_service_down(practice: Facility) -> None:
    entry = released(practice, lambda entry: True)
    practice.add_fault(Fault("status", path=r"/structures/", status=503))
    with pytest.raises(Unreachable):
        emdb.download(entry.id)


def test_folder_in_the_way(practice: Facility, tmp_path: Path) -> None:
    entry = released(practice, lambda entry: True)
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(CannotWrite):
        emdb.download(entry.id, folder=tmp_path / "file" / "below")


def test_session_is_used_only_through_http() -> None:
    assert http.session() is http.session()


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    path = tmp_path / "emd_1.map"
    with mrcfile.new(path) as opened:
        opened.set_data(np.arange(4 * 3 * 2, dtype=np.float32).reshape(2, 3, 4))
    return path


def pack(path: Path, data: bytes | None = None) -> Path:
    path.write_bytes(gzip.compress(path.read_bytes() if data is None else data))
    return path


def test_good_maps_pass(volume: Path) -> None:
    check_map(volume, "emd_1.map", (4, 3, 2))
    check_map(volume, "emd_1.map", None)
    check_map(pack(volume), "emd_1.map.gz", (4, 3, 2))
    check_packed(volume, "emd_1.map.gz")


def test_big_endian_maps_pass(volume: Path) -> None:
    data = bytearray(volume.read_bytes())
    data[:16] = struct.pack(">4i", 4, 3, 2, 2)
    data[92:96] = struct.pack(">i", 0)
    data[212:216] = b"\x11\x11\x00\x00"
    volume.write_bytes(data)
    check_map(volume, "emd_1.map", (4, 3, 2))


def test_a_map_that_was_unpacked_on_the_way_is_packed_again(volume: Path) -> None:
    content = volume.read_bytes()
    check_map(volume, "emd_1.map.gz", (4, 3, 2))
    first = volume.read_bytes()
    assert gzip.decompress(first) == content
    volume.write_bytes(content)
    check_map(volume, "emd_1.map.gz", (4, 3, 2))
    assert volume.read_bytes() == first  # the same bytes every time
    assert [path.name for path in volume.parent.iterdir()] == ["emd_1.map"]


def test_bad_maps_are_refused(volume: Path) -> None:
    whole = volume.read_bytes()
    with pytest.raises(ChecksumMismatch, match="4 x 3 x 2 voxels, its entry says 2 x 3 x 4"):
        check_map(volume, "emd_1.map", (2, 3, 4))
    volume.write_bytes(whole[:-1])
    with pytest.raises(ChecksumMismatch, match="ends after 1,119 of 1,120 bytes"):
        check_map(volume, "emd_1.map", (4, 3, 2))
    packed = gzip.compress(whole)
    for damaged in (packed[:-5], packed[:-8] + b"12345678", packed[:40] + b"xx" + packed[42:]):
        volume.write_bytes(damaged)
        with pytest.raises(ChecksumMismatch, match=r"is damaged|is not a map|ends after"):
            check_map(volume, "emd_1.map.gz", (4, 3, 2))
    volume.write_bytes(b"<html>no map</html>" * 100)
    with pytest.raises(ChecksumMismatch, match="not a map"):
        check_map(volume, "emd_1.map", None)
    with pytest.raises(ChecksumMismatch, match="not packed"):
        check_packed(volume, "mask.map.gz")
    check_packed(volume, "mask.map")  # a mask may be anything that is not packed
    wrong_mode = bytearray(whole)
    wrong_mode[12:16] = struct.pack("<i", 77)
    volume.write_bytes(wrong_mode)
    with pytest.raises(ChecksumMismatch, match="makes no sense"):
        check_map(volume, "emd_1.map", (4, 3, 2))


def test_dry_run_states_the_sizes_and_moves_no_byte(practice: Facility, tmp_path: Path) -> None:
    entry = released(
        practice, lambda entry: {"half_map", "mask"} <= {file.kind for file in entry.files}
    )
    what = ("map", "half_map", "mask", "header")
    folder = tmp_path / "<new>"
    before = practice.requests
    plan = emdb.download(entry.id, what, dry_run=True, folder=folder)
    new = [record for record in practice.requests if not any(record is old for old in before)]
    asked = [record.method for record in new if "/structures/" in record.path]
    assert set(asked) == {"HEAD"}
    assert not folder.exists()
    assert plan.id == entry.id
    assert plan.fits
    text = str(plan)
    for part in (f"Download of {entry.id}", str(folder), "enough", str(plan.notice)):
        assert part in text
    assert "about" not in text
    assert "Globus" not in text
    assert "<new>" not in plan._repr_html_()
    paths = emdb.download(entry.id, what, folder=folder)
    assert [folder / file.path for file in plan.files] == list(paths)
    assert [file.size for file in plan.files] == [path.stat().st_size for path in paths]
    assert plan.bytes == sum(path.stat().st_size for path in paths)
    assert plan.needed == 0, "all of it is here now"


def test_dry_run_finds_what_the_download_finds(practice: Facility, tmp_path: Path) -> None:
    entries = [entry for entry in practice.truth.emdb.values() if entry.status == "REL"][:30]
    found = 0
    for entry in entries:
        try:
            plan = emdb.download(entry.emdb_id, "header", dry_run=True, folder=tmp_path)
        except NotFound:
            with pytest.raises(NotFound):
                emdb.download(entry.emdb_id, "header", folder=tmp_path)
        else:
            (path,) = emdb.download(entry.emdb_id, "header", folder=tmp_path)
            assert path.name == plan.files[0].path
            found += 1
    assert found
    lacks = released(practice, lambda entry: "half_map" not in {file.kind for file in entry.files})
    with pytest.raises(NotFound, match="no half map"):
        emdb.download(lacks.id, "half_map", dry_run=True)


def test_a_web_page_in_place_of_a_map_has_no_size(practice: Facility) -> None:
    entry = released(practice, lambda entry: True)
    practice.add_fault(Fault("html", path=r"/structures/"))
    with pytest.raises(BadAnswer, match="web page"):
        emdb.download(entry.id, dry_run=True)


def test_an_unknown_size_is_said(tmp_path: Path) -> None:
    files = (transfer.Listed("a", "http://x/a"), transfer.Listed("b", "http://x/b", 2000))
    plan = transfer.Plan("EMD-1", files, tmp_path, 100)
    assert plan.size == "2 kB, and 1 of unknown size"
    assert not plan.fits
    assert "not enough" in str(plan)
