"""Archives that attack are refused, with the member named; what is good stays."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING, Any

import pytest
from _file_server import Files, serving
from _tars import info, left_over, listed, on_disk, some_files, tar_of, unpack

from openem_nb.errors import BadAnswer, CannotWrite, ChecksumMismatch
from openem_nb.transfer import Archive, Checksum, Member

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GOOD = some_files(2, 5000)
OTHER = some_files(3, 5000, seed=9)
FIRST = next(iter(GOOD))


@pytest.fixture
def server() -> Iterator[Files]:
    with serving(objects={"/other.tar": tar_of(OTHER)}) as files:
        yield files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "victim").write_text("untouched")
    return tmp_path / "data"


def member(name: str, data: bytes = b"evil", **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    return info(name, len(data), **fields), data


def link(name: str, to: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    return info(name, type=kind, linkname=to)


ATTACKS: dict[str, tuple[list[Any], str]] = {
    "absolute": ([member("/tmp/evil")], r"'/tmp/evil' is an absolute path"),
    "parent": ([member("../outside/victim")], r"'\.\./outside/victim' leads out"),
    "parent within": ([member("a/../../outside/victim")], "leads out"),
    "parent as a folder": ([info("../new", type=tarfile.DIRTYPE)], "leads out"),
    "link": ([link("a", "/etc/passwd")], "'a' is no file but a symbolic link"),
    "link within": ([link("a", FIRST)], "symbolic link"),
    "link to a folder, then through it": (
        [link("a", "../outside"), member("a/victim")],
        "'a' is no file but a symbolic link",
    ),
    "hard link": ([link("a", "../outside/victim", tarfile.LNKTYPE)], "hard link"),
    "character device": ([info("a", type=tarfile.CHRTYPE, devmajor=1, devminor=3)], "device"),
    "block device": ([info("a", type=tarfile.BLKTYPE)], "device"),
    "pipe": ([info("a", type=tarfile.FIFOTYPE)], "pipe"),
    "unknown kind": ([info("a", type=b"Q")], "of type"),
    "sparse": ([info("a", pax_headers={"GNU.sparse.size": "1"})], "sparse"),
    "twice": ([member(FIRST)], "comes twice"),
    "twice, by another spelling": ([member(f"./{FIRST.replace('/', '//')}")], "comes twice"),
    "twice, in another form of Unicode": (
        [member("caf\u00e9"), member("cafe\u0301")],
        "twice, written otherwise",
    ),
    "file and folder": ([member("a"), info("a", type=tarfile.DIRTYPE)], "folder at once"),
    "folder and file": ([member("a/b"), member("a")], "folder at once"),
    "below a file": ([member("a"), member("a/b")], "below a file"),
    "line feed": ([member("a\nb")], r"'a\\nb' has invisible signs"),
    "escape": ([member("a\x1b[2J")], r"'a\\x1b\[2J' has invisible signs"),
    "reversed": ([member("a\u202egpj.exe")], r"\\u202e"),
    "backslash": ([member("..\\..\\a")], "other systems"),
    "our own manifest": ([member(".openem-manifest.jsonl")], "reserved"),
    "our own journal": ([member(".openem-partial/bad.tar.journal")], "reserved"),
    "too long": ([member("a" * 300)], "255 bytes"),
    "too deep": ([member("a/" * 80 + "b")], "folders deep"),
}


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("with_list", [False, True], ids=["no list", "listed"])
def test_attacks(server: Files, folder: Path, attack: str, with_list: bool) -> None:
    more, words = ATTACKS[attack]
    server.objects["/bad.tar"] = tar_of(GOOD, *more, format=tarfile.PAX_FORMAT)
    members = None
    if with_list:  # also where the list of files says the same
        names = [one[0].name if isinstance(one, tuple) else one.name for one in more]
        members = {name: Member(f"safe/{n}", 4) for n, name in enumerate(names)} | listed(GOOD)
    archives = [
        Archive(f"{server.root}/bad.tar", folder, "bad.tar", None, members),
        Archive(f"{server.root}/other.tar", folder, "other.tar", None, listed(OTHER)),
    ]
    with pytest.raises(BadAnswer, match=r"bad\.tar is refused: its member") as caught:
        unpack(archives, folder, workers=1)
    caught.match(words)
    assert "\x1b" not in str(caught.value)
    assert "\n" not in str(caught.value)
    found = on_disk(folder)
    assert OTHER.items() <= found.items()  # the other archive is there
    assert GOOD.items() <= found.items()
    assert (folder.parent / "outside" / "victim").read_text() == "untouched"
    assert {path.name for path in folder.parent.iterdir()} <= {"data", "home", "outside"}
    assert not any(path.is_symlink() for path in folder.rglob("*"))
    assert left_over(folder) == []


def refused(server: Files, folder: Path, data: bytes, **fields: Any) -> str:
    server.objects["/bad.tar"] = data
    with pytest.raises(BadAnswer) as caught:
        unpack([Archive(f"{server.root}/bad.tar", folder, "bad.tar", **fields)], folder)
    return str(caught.value)


def test_members_that_are_not_what_was_promised(server: Files, folder: Path) -> None:
    data = tar_of(GOOD, member("extra"))
    assert "'extra' is not in the list" in refused(server, folder, data, members=listed(GOOD))
    members = listed(GOOD) | {"extra": Member("extra", 3)}
    assert "'extra' has 4 bytes, 3 in" in refused(server, folder, data, members=members)
    members = listed(GOOD) | {"missing": Member("missing", 3), "extra": Member("extra", 4)}
    assert "lacks 1 of its files, first 'missing'" in refused(server, folder, data, members=members)


def test_a_member_that_claims_more_than_there_is(server: Files, folder: Path) -> None:
    bomb = info("bomb", 10**15).tobuf(tarfile.GNU_FORMAT) + bytes(2048)
    assert "more than the archive has" in refused(server, folder, bomb, members=None)
    assert not (folder / "bomb").exists()


def test_too_many_members(server: Files, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from openem_nb.transfer import _admission

    monkeypatch.setattr(_admission, "_MOST_MEMBERS", 100)
    many = tar_of({}, *[info(f"d{number}", type=tarfile.DIRTYPE) for number in range(101)])
    assert "more than 100 members" in refused(server, folder, many)


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", "", "a\nb"])
def test_a_list_that_attacks(server: Files, folder: Path, path: str) -> None:
    members = {name: Member(path, len(data)) for name, data in GOOD.items()}
    words = refused(server, folder, tar_of(GOOD), members=members)
    assert "its list of files has" in words
    assert on_disk(folder) == {}


def test_a_list_with_two_files_for_one_place(server: Files, folder: Path) -> None:
    members = {name: Member("same", len(data)) for name, data in GOOD.items()}
    assert "twice" in refused(server, folder, tar_of(GOOD), members=members)


def test_links_in_the_folder_are_not_followed(server: Files, folder: Path) -> None:
    outside = folder.parent / "outside"
    folder.mkdir()
    (folder / "grid").symlink_to(outside)
    server.objects["/a.tar"] = tar_of(GOOD)
    archive = Archive(f"{server.root}/a.tar", folder, "a.tar", None, listed(GOOD))
    with pytest.raises(CannotWrite, match="is a link"):
        unpack([archive], folder)
    assert [path.name for path in outside.iterdir()] == ["victim"]
    # A link in place of a file is replaced, not written through.
    (folder / "grid").unlink()
    (folder / "grid").mkdir()
    (folder / FIRST).symlink_to(outside / "victim")
    unpack([archive], folder)
    assert on_disk(folder) == GOOD
    assert not (folder / FIRST).is_symlink()
    assert (outside / "victim").read_text() == "untouched"


def test_a_link_in_place_of_our_own_folder(server: Files, folder: Path) -> None:
    outside = folder.parent / "outside"
    folder.mkdir()
    (folder / ".openem-partial").symlink_to(outside)
    server.objects["/a.tar"] = tar_of(GOOD)
    archive = Archive(f"{server.root}/a.tar", folder, "a.tar", None, listed(GOOD))
    with pytest.raises(CannotWrite, match="is a link"):
        unpack([archive], folder)
    assert [path.name for path in outside.iterdir()] == ["victim"]


def test_the_folder_itself_may_be_reached_by_a_link(server: Files, folder: Path) -> None:
    real = folder.parent / "scratch"
    real.mkdir()
    folder.symlink_to(real)
    server.objects["/a.tar"] = tar_of(GOOD)
    unpack([Archive(f"{server.root}/a.tar", folder, "a.tar", None, listed(GOOD))], folder)
    assert on_disk(real) == GOOD


def test_names_that_differ_in_case_only_are_noted(server: Files, folder: Path) -> None:
    files = {"Image.tif": b"1", "image.tif": b"2"}
    server.objects["/a.tar"] = tar_of(files)
    found = unpack([Archive(f"{server.root}/a.tar", folder, "a.tar", None, listed(files))], folder)
    assert on_disk(folder) == files
    assert len(found.notes) == 1
    assert "'Image.tif' and 'image.tif'" in found.notes[0]


def test_a_wrong_checksum_is_never_named(server: Files, folder: Path) -> None:
    wrong = Checksum("sha1", "0" * 40)
    members = {name: Member(name, len(data), wrong) for name, data in GOOD.items()}
    server.objects["/a.tar"] = tar_of(GOOD)
    with pytest.raises(ChecksumMismatch, match="other bytes than promised"):
        unpack([Archive(f"{server.root}/a.tar", folder, "a.tar", None, members)], folder)
    assert on_disk(folder) == {}
