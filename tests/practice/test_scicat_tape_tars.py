"""Tars and micrographs that are made while they are read; signatures that others make, too."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import random
import tarfile
from unittest import mock
from urllib.parse import quote, urlsplit

import mrcfile
import numpy as np
import pytest
from PIL import Image

from openem_nb.practice.scicat import _micrographs
from openem_nb.practice.scicat._micrographs import checksum, content
from openem_nb.practice.scicat._signing import Ask, Denied, check, lend, presigned
from openem_nb.practice.scicat._tars import TarSource, entries_of, packed_size

NOW = dt.datetime(2026, 5, 4, 3, 2, 1, tzinfo=dt.UTC)
FILES = [
    (f"raw/{'d' * 60}/{'e' * 60}/long.mrc", 5000, 1_700_000_000),
    ("raw/ü blank.tif", 777, 1_700_000_000),
    ("raw/empty.xml", 0, 5),
    *((f"raw/m{number}.mrc", 70_000, 1_700_000_000) for number in range(40)),
    ("big.mrc", 9_000_001, 2),
]


def _bytes(source: object, start: int = 0, end: int | None = None) -> bytes:
    return b"".join(source.read(start, end))  # type: ignore[attr-defined]


@pytest.mark.parametrize("mode", [0, 1, 2, 6, 12])
@pytest.mark.parametrize("size", [1028, 5000, 262_144, 8_356_037])
def test_mrc_files_are_valid_and_of_exactly_the_size(
    mode: int, size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = _micrographs._mrc(size, mode, 12345, "pid path")
    assert made is not None
    data = _bytes(made)
    path = tmp_path_factory.mktemp("mrc") / "one.mrc"
    path.write_bytes(data)
    complaints = io.StringIO()
    assert len(data) == size
    assert mrcfile.validate(path, print_file=complaints), complaints.getvalue()
    with mrcfile.open(path) as opened:
        assert opened.header.mode == mode
        assert opened.data.size * opened.data.itemsize > 0.7 * (size - 1024)
        assert size < 3000 or float(opened.data.astype("f8").std()) > 0.5


@pytest.mark.parametrize("pixel", ["u1", "<u2"])
@pytest.mark.parametrize("size", [1500, 262_144, 8_356_037])
@pytest.mark.parametrize("big", [False, True])
def test_tiff_files_are_readable_and_of_exactly_the_size(
    pixel: str, size: int, big: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_micrographs, "_CLASSIC_TIFF", 0 if big else 1 << 32)
    made = _micrographs._tiff(size, pixel, 99)
    assert made is not None
    data = _bytes(made)
    assert len(data) == size
    with Image.open(io.BytesIO(data)) as picture:
        picture.seek(picture.n_frames - 1)  # type: ignore[attr-defined]
        pixels = np.asarray(picture)
    assert pixels.dtype == np.dtype(pixel)
    assert pixels.std() > 1


@pytest.mark.parametrize("name", ["a.xml", "b.mdoc", "c.json", "d.txt", "e.bin", "f.mrc", "g.tif"])
@pytest.mark.parametrize("size", [0, 1, 100, 100_001])
def test_a_file_of_any_kind_has_exactly_its_size_and_its_checksum(name: str, size: int) -> None:
    data = _bytes(content("p/1", name, size))
    assert len(data) == size
    assert checksum("sha1", "p/1", name, size) == hashlib.sha1(data).hexdigest()
    assert checksum("md5", "p/1", name, size) == hashlib.md5(data).hexdigest()


def test_contents_depend_on_data_set_path_and_nothing_else() -> None:
    first = _bytes(content("p/1", "a.mrc", 50_000))
    assert first == _bytes(content("p/1", "a.mrc", 50_000))
    assert first != _bytes(content("p/2", "a.mrc", 50_000))
    assert first != _bytes(content("p/1", "b.mrc", 50_000))


@pytest.mark.parametrize("folders", [False, True])
def test_tars_hold_what_they_should_and_can_be_read_in_any_parts(folders: bool) -> None:
    tar = TarSource(entries_of("p/1", FILES, folders=folders))
    data = _bytes(tar)
    assert len(data) == tar.size == packed_size(FILES, folders=folders)
    with tarfile.open(fileobj=io.BytesIO(data)) as opened:
        members = opened.getmembers()
        found = {}
        for member in members:
            if member.isfile():
                inside = opened.extractfile(member)
                assert inside is not None
                digest = hashlib.sha1(inside.read()).hexdigest()
                found[member.name] = (member.size, member.mtime, digest)
    assert found == {
        path: (size, time, checksum("sha1", "p/1", path, size)) for path, size, time in FILES
    }
    assert any(member.isdir() for member in members) is folders
    rng = random.Random(4)
    for _ in range(300):
        start = rng.randrange(tar.size)
        end = min(tar.size, start + rng.choice((1, 511, 70_000, 3_000_000)))
        assert _bytes(tar, start, end) == data[start:end]


def test_a_tar_of_terabytes_is_laid_out_at_once() -> None:
    tar = TarSource(
        entries_of("p/1", [("a.mrc", 1 << 40, 0), ("b.mrc", 9 << 30, 0)], folders=False)
    )
    assert tar.size > (1 << 40) + (9 << 30)
    part = _bytes(tar, (1 << 39) + 5, (1 << 39) + 1_000_005)
    assert len(part) == 1_000_000
    head = io.BytesIO(_bytes(tar, 0, 1 << 20))
    with tarfile.open(fileobj=head, mode="r|") as opened:
        member = opened.next()
    assert member is not None
    assert (member.name, member.size) == ("a.mrc", 1 << 40)


def test_addresses_are_signed_as_amazon_signs_them() -> None:
    auth = pytest.importorskip("botocore.auth", reason="boto3 is not installed")
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    base, key = "http://127.0.0.1:8000/s3/psi-retrieve", "20.5/a b+ü/x#1%.tar"
    ours = presigned("secret", base, key, signed=NOW, seconds=77)
    request = AWSRequest("GET", f"{base}/{quote(key, safe='/-_.~')}")
    signer = auth.S3SigV4QueryAuth(
        Credentials("PRACTICEARCHIVE", "secret"), "s3", "us-east-1", expires=77
    )
    naive = NOW.replace(tzinfo=None)
    with mock.patch.object(auth, "get_current_datetime", return_value=naive):
        signer.add_auth(request)
    assert ours == request.url


def _ask(url: str, method: str = "GET") -> Ask:
    parts = urlsplit(url)
    return Ask(method, parts.path, parts.query, {"host": parts.netloc})


def test_an_address_is_good_until_its_second_and_for_reading_only() -> None:
    url = presigned("secret", "http://127.0.0.1:8000/s3/b", "k/x.tar", signed=NOW, seconds=60)
    assert check("secret", _ask(url), now=NOW + dt.timedelta(seconds=59)) is None
    with pytest.raises(Denied, match="Request has expired") as late:
        check("secret", _ask(url), now=NOW + dt.timedelta(seconds=60))
    assert (late.value.status, late.value.code) == (403, "AccessDenied")
    with pytest.raises(Denied) as head:
        check("secret", _ask(url, "HEAD"), now=NOW)
    assert head.value.code == "SignatureDoesNotMatch"
    longer = url.replace("X-Amz-Expires=60", "X-Amz-Expires=600")
    with pytest.raises(Denied) as forged:
        check("secret", _ask(longer), now=NOW)
    assert forged.value.code == "SignatureDoesNotMatch"
    with pytest.raises(Denied) as other:
        check("another secret", _ask(url), now=NOW)
    assert other.value.code == "SignatureDoesNotMatch"


def test_secrets_are_not_shown() -> None:
    lent = lend("secret", "p/1", "read", expires=NOW)
    assert lent.secret_key not in repr(lent)
    assert lent.session_token not in repr(lent)
