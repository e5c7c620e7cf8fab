"""Files in archives at an address: looked through once, opened many times."""

from __future__ import annotations

import gzip
import io
import tarfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
from _range_server import Server, serving
from image_files import write_mrc

from openem_nb import images
from openem_nb.errors import DamagedFile, NotFound, OpenEMError
from openem_nb.images.remote import RemoteFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DATA = np.random.default_rng(2).integers(0, 900, (300, 400)).astype(np.int16)
NAMES = [f"raw/{number}.mrc" for number in range(6)]


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as own:
        yield own


@pytest.fixture
def archive(tmp_path: Path) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as out:
        out.addfile(_folder("raw"))
        for number, name in enumerate(NAMES):
            write_mrc(tmp_path / "one.mrc", DATA + number)
            out.add(tmp_path / "one.mrc", name)
            (tmp_path / "one.mrc").unlink()
    return stream.getvalue()


def _folder(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = tarfile.DIRTYPE
    return info


def test_an_archive_is_looked_through_once(server: Server, archive: bytes) -> None:
    server.files["a.tar"] = archive
    with images.open_tar(server.url("a.tar?signature=secret")) as found:
        assert "secret" not in repr(found)
        members = found.members()
        assert [one.name for one in members] == NAMES
        assert len(server.asked) <= len(NAMES) + 1
        assert found.bytes_fetched < len(archive) / 2
        for one in members:
            assert archive[one.offset + 208 : one.offset + 211] == b"MAP"
        seen = len(server.asked)
        for number, name in enumerate(NAMES):
            with found.open_image(name) as image:
                assert image.name == name.rpartition("/")[2]
                assert np.array_equal(image.frame(), DATA + number)
                assert image.bytes_fetched < 2 * DATA.nbytes
        assert len(server.asked) <= seen + 2 * len(NAMES)
        assert server.connections == 1
        with pytest.raises(NotFound, match=r"no file 'raw/9\.mrc'"):
            found.open_image("raw/9.mrc")
    seen = len(server.asked)
    with images.open_image(server.url("a.tar?signature=other"), member=NAMES[-1]) as image:
        assert len(server.asked) <= seen + 2  # its place is known from before
        assert np.array_equal(image.frame(), DATA + 5)


def test_an_archive_that_changed_is_looked_through_anew(server: Server, archive: bytes) -> None:
    server.files["a.tar"] = archive
    with images.open_tar(server.url("a.tar")) as found:
        found.members()
    server.files["a.tar"] = bytes(512 * 4) + archive
    server.etag = '"two"'
    with images.open_tar(server.url("a.tar")) as found:
        assert found.members() == ()  # two blocks of zeros end an archive
    server.files["a.tar"] = archive[: len(archive) // 2]
    server.etag = '"three"'
    with images.open_tar(server.url("a.tar")) as found:
        with pytest.raises(DamagedFile, match="is cut off"):
            found.members()
        with found.open_image(NAMES[0]) as image:
            assert np.array_equal(image.frame(), DATA)


def test_what_was_not_reached_is_looked_for_from_there(server: Server, archive: bytes) -> None:
    server.files["a.tar"] = archive
    file = RemoteFile(server.url("a.tar"))
    with images.open_image(file, member=NAMES[1]) as image:
        assert np.array_equal(image.frame(), DATA + 1)
        assert image.bytes_fetched == file.fetched
    with images.open_tar(file) as found:
        assert len(found.members()) == len(NAMES)
        twice = file.again()
        assert twice.fetched == 0
        assert twice.read(0, 512) == archive[:512]
        assert file.fetched >= twice.fetched > 0


def test_an_archive_on_disk(archive: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(archive)
    with images.open_tar(path) as found:
        assert [one.size for one in found.members()] == [1024 + DATA.nbytes] * len(NAMES)
        image = found.open_image(NAMES[3])
        assert found.bytes_fetched == 0
    with image:
        assert np.array_equal(image.frame(), DATA + 3)
    path.with_suffix(".tgz").write_bytes(gzip.compress(archive))
    with pytest.raises(OpenEMError, match="packed as a whole"):
        images.open_tar(path.with_suffix(".tgz"))
    with pytest.raises(NotFound):
        images.open_tar(tmp_path / "none.tar")
