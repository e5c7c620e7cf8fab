"""The manifest of verified files: torn lines, changed files, several processes."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openem_nb import transfer
from openem_nb.errors import CannotWrite
from openem_nb.transfer import Checksum, Manifest

if TYPE_CHECKING:
    from pathlib import Path


def sha1(data: bytes) -> Checksum:
    return Checksum("sha1", hashlib.sha1(data).hexdigest())


def filled(folder: Path, count: int = 3) -> Path:
    path = folder / transfer.MANIFEST
    with Manifest(path) as manifest:
        for number in range(count):
            file = folder / f"{number}.tif"
            file.write_bytes(b"%d" % number)
            manifest.add(file, sha1(b"%d" % number))
    return path


def test_what_was_added_is_known_to_the_next_one(tmp_path: Path) -> None:
    path = filled(tmp_path)
    manifest = Manifest(path)
    file = tmp_path / "1.tif"
    assert manifest.knows(file)
    assert manifest.knows(file, sha1(b"1"), size=1)
    assert not manifest.knows(file, sha1(b"2"))
    assert not manifest.knows(file, size=2)
    assert not manifest.knows(tmp_path / "other.tif")
    assert [one.path for one in manifest.files()] == ["0.tif", "1.tif", "2.tif"]


def test_a_changed_file_is_not_known(tmp_path: Path) -> None:
    manifest = Manifest(filled(tmp_path))
    (tmp_path / "0.tif").write_bytes(b"00")
    os.utime(tmp_path / "1.tif", (1, 1))
    (tmp_path / "2.tif").unlink()
    (tmp_path / "2.tif").symlink_to(tmp_path / "1.tif")
    assert not any(manifest.knows(tmp_path / f"{number}.tif") for number in range(3))


def test_a_whole_second_read_tells_what_changed(tmp_path: Path) -> None:
    path = filled(tmp_path, 5)
    moment = (tmp_path / "0.tif").stat()
    (tmp_path / "0.tif").write_bytes(b"x")  # of the same size, and with the same time
    os.utime(tmp_path / "0.tif", ns=(moment.st_atime_ns, moment.st_mtime_ns))
    (tmp_path / "1.tif").unlink()
    (tmp_path / "2.tif").write_bytes(b"longer")
    with Manifest(path) as manifest:
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub" / "free").write_bytes(b"free")
        manifest.add(tmp_path / "sub" / "free", None)
        assert manifest.knows(tmp_path / "0.tif")
        found = manifest.verify()
        assert (found.good, found.changed) == (("3.tif", "4.tif"), ("0.tif", "2.tif"))
        assert (found.missing, found.unknown) == (("1.tif",), ("sub/free",))
        assert not found.ok
        assert manifest.verify(tmp_path / "sub").ok


def test_torn_and_foreign_lines_are_left_out_and_tidied(tmp_path: Path) -> None:
    path = filled(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(b'[1]\nnull\n{"path": 3}\n' + whole + whole.splitlines()[0][:40])
    with Manifest(path) as manifest:
        assert len(manifest.files()) == 3
        new = tmp_path / "new.tif"
        new.write_bytes(b"new")
        manifest.add(new, None)
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert [line["path"] for line in lines] == ["0.tif", "1.tif", "2.tif", "new.tif"]
    assert not list(tmp_path.glob("*.new"))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cut=st.integers(0, 10_000))
def test_a_manifest_cut_anywhere_claims_nothing_wrong(tmp_path: Path, cut: int) -> None:
    path = filled(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: cut % (len(whole) + 1)])
    with Manifest(path) as manifest:
        known = [one.path for one in manifest.files()]
        assert known == ["0.tif", "1.tif", "2.tif"][: len(known)]
        for number in range(3):
            manifest.add(tmp_path / f"{number}.tif", sha1(b"%d" % number))
    assert len(Manifest(path).files()) == 3
    path.unlink()


def test_a_replaced_file_has_one_line_after_a_while(tmp_path: Path) -> None:
    path = filled(tmp_path, 1)
    for number in range(3):
        with Manifest(path) as manifest:
            (tmp_path / "0.tif").write_bytes(b"x" * number)
            manifest.add(tmp_path / "0.tif", None)
    with Manifest(path) as manifest:
        assert len(manifest.files()) == 1
        manifest.add(tmp_path / "0.tif", sha1(b"xx"))
    assert manifest.knows(tmp_path / "0.tif", sha1(b"xx"))
    assert len(path.read_bytes().splitlines()) == 2


def test_archives_that_came_whole(tmp_path: Path) -> None:
    path = filled(tmp_path, 2)
    with Manifest(path) as manifest:
        for name in ("a", "b"):
            (tmp_path / name).write_text(name)
            manifest.add(tmp_path / name, None, archive="one.tar")
        assert manifest.members("one.tar") is None
        manifest.finish("one.tar", 2)
    found = Manifest(path).members("one.tar")
    assert found is not None
    assert [one.path for one in found] == ["a", "b"]
    assert Manifest(path).members("two.tar") is None


def test_many_threads(tmp_path: Path) -> None:
    path = tmp_path / transfer.MANIFEST
    files = [tmp_path / f"{number}" for number in range(600)]
    for file in files:
        file.write_bytes(b"")
    with Manifest(path) as manifest:
        threads = [
            threading.Thread(target=lambda part=part: [manifest.add(one, None) for one in part])
            for part in (files[::3], files[1::3], files[2::3])
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(path.read_bytes().splitlines()) >= 256  # in batches, not at the end
    assert len(Manifest(path).files()) == 600


def test_two_writers_do_not_mix(tmp_path: Path) -> None:
    path = filled(tmp_path)
    (tmp_path / "new").write_bytes(b"")
    with Manifest(path) as first:
        first.add(tmp_path / "new", None)
        first.flush()
        second = Manifest(path)
        assert second.knows(tmp_path / "new")
        (tmp_path / "newer").write_bytes(b"")
        second.add(tmp_path / "newer", None)
        with pytest.raises(CannotWrite, match="already"):
            second.flush()
    second.close()
    assert Manifest(path).knows(tmp_path / "newer")


def test_a_manifest_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match="cannot be read"):
        Manifest(tmp_path)
