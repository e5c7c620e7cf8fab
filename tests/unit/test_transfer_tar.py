"""Headers of tar archives: whatever the standard library writes is read back from any place."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openem_nb.transfer._tar import BLOCK, Damaged, Header, read_header

NAMES = st.text(
    st.characters(blacklist_characters="\0/", blacklist_categories=("Cs",)),
    min_size=1,
    max_size=180,
).filter(lambda name: name.strip("./") and len(name.encode()) < 400)


def archive(files: dict[str, bytes], form: int, mtime: float = 1_700_000_000) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form, encoding="utf-8") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), mtime
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def headers(data: bytes, at: int = 0) -> list[Header]:
    found = []
    while True:
        header = read_header(io.BytesIO(data[at:]).read, at)
        if header is None:
            return found
        found.append(header)
        at = header.next


@settings(deadline=None)
@given(
    files=st.dictionaries(NAMES, st.binary(max_size=1500), max_size=5),
    form=st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
    mtime=st.one_of(st.integers(0, 2**32), st.floats(0, 2**32)),
)
def test_every_member_is_found_at_its_place(
    files: dict[str, bytes], form: int, mtime: float
) -> None:
    data = archive(files, form, mtime)
    found = headers(data)
    assert [header.name for header in found] == list(files)
    for header in found:
        assert data[header.data : header.data + header.size] == files[header.name]
        assert header.kind == "file"
        assert headers(data, header.at)[0] == header  # from the middle as from the beginning
        if form == tarfile.PAX_FORMAT:
            assert header.mtime == pytest.approx(mtime, abs=1e-6)


def test_ustar_splits_long_names() -> None:
    name = "a" * 90 + "/" + "b" * 90
    assert [one.name for one in headers(archive({name: b"x"}, tarfile.USTAR_FORMAT))] == [name]


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_sizes_beyond_eight_gigabytes(form: int) -> None:
    info = tarfile.TarInfo("large")
    info.size = 500 * 10**9
    block = info.tobuf(form)
    header = read_header(io.BytesIO(block).read, 0)
    assert header is not None
    assert header.size == 500 * 10**9
    assert header.next == header.data + -(-header.size // BLOCK) * BLOCK


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (tarfile.SYMTYPE, "symbolic link"),
        (tarfile.LNKTYPE, "hard link"),
        (tarfile.FIFOTYPE, "pipe"),
        (tarfile.CHRTYPE, "device"),
        (tarfile.BLKTYPE, "device"),
        (tarfile.DIRTYPE, "folder"),
        (tarfile.CONTTYPE, "file"),
        (tarfile.AREGTYPE, "file"),
        (b"Z", "of type b'Z'"),
    ],
)
def test_kinds(kind: bytes, words: str) -> None:
    info = tarfile.TarInfo("name")
    info.type, info.linkname = kind, "/etc/passwd"
    header = read_header(io.BytesIO(info.tobuf(tarfile.GNU_FORMAT)).read, 0)
    assert header is not None
    assert header.kind == words


def test_a_sparse_file_is_no_plain_file() -> None:
    info = tarfile.TarInfo("sparse")
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.name": "x", "GNU.sparse.size": "9"}
    header = read_header(io.BytesIO(info.tobuf(tarfile.PAX_FORMAT)).read, 0)
    assert header is not None
    assert header.kind == "sparse file"


def test_a_name_that_is_no_utf8_is_kept_apart() -> None:
    info = tarfile.TarInfo("caf\udce9")
    block = info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
    header = read_header(io.BytesIO(block).read, 0)
    assert header is not None
    assert header.name == "caf\udce9"


def extended(body: bytes, kind: bytes = tarfile.XHDTYPE, size: int | None = None) -> bytes:
    info = tarfile.TarInfo("x")
    info.type, info.size = kind, len(body) if size is None else size
    padded = body + bytes(-len(body) % BLOCK)
    return info.tobuf(tarfile.USTAR_FORMAT) + padded


PLAIN = tarfile.TarInfo("plain").tobuf(tarfile.USTAR_FORMAT)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        PLAIN[:300],
        b"<html>" * 200,
        bytes(BLOCK - 1) + b"x",
        PLAIN[:150] + b"9" + PLAIN[151:],  # its own checksum does not fit
        extended(b"99 path=short\n") + PLAIN,
        extended(b"no record") + PLAIN,
        extended(b"9 path=ab") + PLAIN,  # no line feed
        extended(b"13 size=many\n") + PLAIN,
        extended(b"11 size=-1\n") + PLAIN,
        extended(b"x" * 600)[: BLOCK + 100],  # ends within
        extended(b"", size=2 << 20),
        extended(b"", kind=tarfile.GNUTYPE_LONGNAME, size=(8 << 30) - 1),
        extended(b"9 path=a\n") * 40 + PLAIN,
    ],
    ids=lambda data: f"{len(data)} bytes",
)
def test_what_is_no_header_says_so(data: bytes) -> None:
    with pytest.raises(Damaged):
        read_header(io.BytesIO(data).read, 0)


@settings(deadline=None)
@given(data=st.binary(max_size=1200), place=st.integers(0, 5000), size=st.integers(1, 40))
def test_damage_never_breaks_the_reader(data: bytes, place: int, size: int) -> None:
    whole = bytearray(archive({"a" * 200: data, "b": b"x"}, tarfile.PAX_FORMAT))
    place %= len(whole)
    for at in range(place, min(len(whole), place + size)):
        whole[at] ^= 0xFF
    try:
        for header in headers(bytes(whole)):
            assert header.size >= 0
            assert header.next > header.at
    except Damaged:
        pass


def test_global_headers_and_names_of_links_are_passed_over() -> None:
    data = (
        extended(b"13 comment=x\n", tarfile.XGLTYPE)
        + extended(b"target\0", tarfile.GNUTYPE_LONGLINK)
        + PLAIN
    )
    header = read_header(io.BytesIO(data).read, 0)
    assert header is not None
    assert (header.name, header.at, header.data) == ("plain", 0, len(data))
