"""Names from other people: which may become files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openem_nb.errors import CannotWrite
from openem_nb.transfer._names import PARTIAL, fold, inside, objection, plain
from openem_nb.transfer.manifest import MANIFEST


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("/etc/passwd", "absolute"),
        ("//etc/passwd", "absolute"),
        ("../x", "leads out"),
        ("a/../../x", "leads out"),
        ("a/..", "leads out"),
        ("./../x", "leads out"),
        ("", "no name"),
        ("./", "no name"),
        (".", "no name"),
        ("a\nb", "invisible"),
        ("a\0b", "invisible"),
        ("a\x1b[31m", "invisible"),
        ("a\x7f", "invisible"),
        ("a\x85b", "invisible"),
        ("a\u2028b", "invisible"),
        ("gpj\u202efit.exe", "invisible"),
        ("a\u2066b", "invisible"),
        ("a\\..\\b", "other systems"),
        ("caf\udce9", "UTF-8"),
        ("x" * 256, "more than 255 bytes"),
        ("ä" * 128, "more than 255 bytes"),
        ("a/" * 70 + "b", "folders deep"),
        (f"{PARTIAL}/x", "reserved"),
        (MANIFEST, "reserved"),
        (f"./{MANIFEST.upper()}", "reserved"),
    ],
)
def test_refused(name: str, why: str) -> None:
    assert why in objection(name)


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "./a//b/./c.tif",
        "...",
        "..a/b..",
        "Grid 1/Aufnahme_größer.mrc",
        "日本/データ.tif",
        "emoji-🔬.tif",
        "-rf",
        "a b'c\"d$e;f|g&h<i>j",
        "~root",
        "C:drive",
        "x" * 255,
        f"a/{MANIFEST}",
    ],
)
def test_allowed(name: str) -> None:
    assert objection(name) == ""


@given(st.text(max_size=40))
def test_what_is_allowed_stays_inside(name: str) -> None:
    if not objection(name):
        path = Path("/root/folder") / plain(name)
        assert Path("/root/folder") in path.resolve().parents


def test_names_that_some_disks_take_for_one() -> None:
    assert fold("e\u0301") == fold("\u00e9")
    assert fold("a") != fold("A")


def test_folders_are_made_and_links_are_not_followed(tmp_path: Path) -> None:
    root, other = tmp_path / "root", tmp_path / "other"
    root.mkdir()
    other.mkdir()
    assert inside(root, "a/b/c.tif") == root / "a" / "b" / "c.tif"
    assert (root / "a" / "b").is_dir()
    (root / "link").symlink_to(other)
    (root / "a" / "deep").symlink_to(other)
    (root / "file").write_text("")
    for name in ("link/x", "a/deep/x", "a/deep/y/x"):
        with pytest.raises(CannotWrite, match="is a link"):
            inside(root, name)
    with pytest.raises(CannotWrite, match="is a file"):
        inside(root, "file/x")
    assert list(other.iterdir()) == []
