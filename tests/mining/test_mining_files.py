"""Which files of a folder are mined."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from openem_nb.errors import Cancelled, InvalidInput, NotFound
from openem_nb.jobs import Progress
from openem_nb.mining.files import find

if TYPE_CHECKING:
    from pathlib import Path


def names(folder: object, pattern: str | None = None) -> list[str]:
    return [file.name for file in find(folder, pattern=pattern).files]


def put(folder: Path, *files: str) -> Path:
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x" * len(name))
    return folder


def test_images_of_all_folders_by_name(tmp_path: Path) -> None:
    put(tmp_path, "b.mrc", "a/z.EER", "a/y.tiff", "notes.txt", "a/thumb.jpg", "frames.mdoc")
    assert names(tmp_path) == ["a/y.tiff", "a/z.EER", "b.mrc"]


def test_references_and_hidden_files_are_no_exposures(tmp_path: Path) -> None:
    put(tmp_path, "m.mrc", "gain.mrc", "CountRef_Gain_x1.tif", "defects.tif", ".hidden.mrc")
    put(tmp_path, ".cache/m.mrc", "darkref.mrc", "again/m2.mrc", "against.mrc")
    put(tmp_path, "SuperRef_K3.mrc", "GainReference1.mrc", "darkness.mrc")
    assert names(tmp_path) == ["again/m2.mrc", "against.mrc", "darkness.mrc", "m.mrc"]


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    put(tmp_path / "in", "m.mrc")
    put(tmp_path / "out", "other.mrc")
    (tmp_path / "in" / "link").symlink_to(tmp_path / "out")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    assert names(tmp_path / "in") == ["m.mrc"]


def test_a_pattern_is_of_the_name_or_of_the_path(tmp_path: Path) -> None:
    put(tmp_path, "a/one.h5", "a/two.mrc", "b/one.mrc")
    assert names(tmp_path, "*.h5") == ["a/one.h5"]
    assert names(tmp_path, "one.*") == ["a/one.h5", "b/one.mrc"]
    assert names(tmp_path, "b/*") == ["b/one.mrc"]


def test_a_list_a_file_and_what_has_a_folder(tmp_path: Path) -> None:
    put(tmp_path, "a/one.mrc", "b/two.mrc")
    listed = [tmp_path / "b" / "two.mrc", str(tmp_path / "a" / "one.mrc")]
    assert names(listed + listed) == ["a/one.mrc", "b/two.mrc"]
    assert names(tmp_path / "a" / "one.mrc") == ["one.mrc"]
    assert names(SimpleNamespace(folder=tmp_path / "a")) == ["one.mrc"]


def test_the_state_is_that_of_the_file(tmp_path: Path) -> None:
    put(tmp_path, "m.mrc")
    file = find(tmp_path).files[0]
    assert file.state == (str(tmp_path / "m.mrc"), 5, (tmp_path / "m.mrc").stat().st_mtime_ns)


def test_a_name_that_is_no_text_is_written_as_one(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.mrc")).touch()
    file = find(tmp_path).files[0]
    assert file.path.exists()
    assert file.text.endswith("\\xff.mrc")
    assert file.name == "\\xff.mrc"
    assert find([file.path]).files[0].name == "\\xff.mrc"
    file.text.encode()


def test_links_that_lead_nowhere_are_told_and_stop_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "m.mrc", "went.mrc")
    (tmp_path / "self.mrc").symlink_to("self.mrc")
    (tmp_path / "self.txt").symlink_to("self.txt")
    (tmp_path / "away.mrc").symlink_to("nothing.mrc")
    os.mkfifo(tmp_path / "pipe.mrc")
    real = os.scandir

    def scandir(path: str) -> list[os.DirEntry[str]]:
        entries = list(real(path))
        (tmp_path / "went.mrc").unlink()
        return entries

    monkeypatch.setattr(os, "scandir", scandir)
    found = find(tmp_path)
    assert [file.name for file in found.files] == ["m.mrc"]
    assert sorted(found.notes) == [
        "away.mrc is a link to a file that is not there.",
        "self.mrc cannot be looked at: Too many levels of symbolic links.",
        "went.mrc has gone.",
    ]


def test_nothing_to_mine_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no folder"):
        find(tmp_path / "missing")
    put(tmp_path, "notes.txt")
    with pytest.raises(NotFound, match="no file that is an image"):
        find(tmp_path)
    with pytest.raises(NotFound, match=r"like \*\.mrc"):
        find(tmp_path, pattern="*.mrc")
    with pytest.raises(NotFound, match="empty"):
        find([])
    with pytest.raises(NotFound, match=r"gone\.mrc"):
        find([tmp_path / "gone.mrc"])
    with pytest.raises(InvalidInput, match="neither"):
        find(7)


def test_a_folder_that_cannot_be_listed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "open/m.mrc", "closed/m.mrc")
    real = os.scandir

    def scandir(path: str) -> object:
        if path.endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = find(tmp_path)
    assert [file.name for file in found.files] == ["open/m.mrc"]
    assert found.notes == ("closed/ cannot be looked into: Permission denied.",)


def test_looking_can_be_cancelled(tmp_path: Path) -> None:
    put(tmp_path, *[f"{number}.mrc" for number in range(300)])
    progress = Progress()
    progress.cancel()
    with pytest.raises(Cancelled):
        find(tmp_path, progress=progress)
