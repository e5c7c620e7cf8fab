"""What mining is given: by whom, in which type, and of which of the files a table tells."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from image_files import write_mrc

from openem_nb import images_of, mine, mining
from openem_nb.errors import CannotWrite, InvalidInput, NotFound
from openem_nb.mining.parameters import Parameters

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "session"
    found.mkdir()
    noise = np.random.default_rng(0)
    for number in range(4):
        write_mrc(found / f"img_{number}.mrc", noise.normal(size=(64, 64)).astype(np.float32))
    return found


def statistics(source: Any, out: Path, **more: Any) -> mining.Mined:
    return mine(source, measures=more.pop("measures", "statistics"), out=out, **more)


def names(found: mining.Mined) -> list[str]:
    return list(found.frame["name"])


def test_the_same_number_in_another_type_is_the_same_run() -> None:
    one = Parameters.of("ctf", None, voltage=300, cs=2.7, size=256)
    for voltage, size in (
        (300.0, 256),
        (np.float32(300), np.int64(256)),
        ("300", np.uint16(256)),
    ):
        same = Parameters.of("ctf", None, voltage=voltage, cs="2.7", size=size)
        assert same.key == one.key
        assert same == one


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 256.5},
        {"size": "256"},
        {"phase_plate": "no"},
        {"quick": 1},
        {"measures": None},
        {"gain": np.ones((4, 4))},
    ],
)
def test_a_value_of_a_wrong_type_is_refused_in_words(wrong: dict[str, Any]) -> None:
    given = {"measures": "ctf", "gain": None, **wrong}
    with pytest.raises(InvalidInput) as raised:
        Parameters.of(given.pop("measures"), given.pop("gain"), **given)
    assert raised.value.hint


def test_files_that_have_gone_or_were_not_asked_for_are_not_told(
    folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert len(statistics(folder, out)) == 4
    (folder / "img_0.mrc").rename(folder / "new.mrc")
    (folder / "img_1.mrc").unlink()
    again = statistics(folder, out)
    assert names(again) == ["img_2.mrc", "img_3.mrc", "new.mrc"]
    assert again.words == "3 files measured."
    part = statistics(folder, out, pattern="img_*")
    assert names(part) == ["img_2.mrc", "img_3.mrc"]
    assert len(mining.open_mined(out)) == 5  # all that lies there


def test_images_that_were_found_are_mined_and_some_of_them(folder: Path, tmp_path: Path) -> None:
    found = images_of(folder)
    assert "img_1.mrc" in found
    assert "img_9.mrc" not in found
    assert found[0] in found
    assert names(statistics(found, tmp_path / "all")) == [one.name for one in found]
    assert names(statistics(found[1:3], tmp_path / "two")) == ["img_1.mrc", "img_2.mrc"]
    assert names(statistics(found[0], tmp_path / "one")) == ["img_0.mrc"]
    assert names(statistics(found, tmp_path / "like", pattern="*_3*")) == ["img_3.mrc"]
    with pytest.raises(NotFound, match="None of these images is like x"):
        statistics(found, tmp_path / "like", pattern="x")


def test_one_file_by_two_paths_is_one_row(folder: Path, tmp_path: Path) -> None:
    paths = [folder / "img_0.mrc", folder / "x" / ".." / "img_0.mrc"]
    (folder / "x").mkdir()
    assert len(statistics(paths, tmp_path / "out")) == 1


@pytest.mark.parametrize("source", ["", "  ", b"session", [None], 5, [b"a.mrc"]])
def test_what_is_no_source_is_refused(source: Any, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as raised:
        statistics(source, tmp_path / "out")
    assert raised.value.hint


def test_a_folder_in_a_list_of_files_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is a folder, and this is a list of files"):
        statistics([folder], tmp_path / "out")


def test_pictures_that_were_lost_come_back_with_retry(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = statistics(folder, out, measures="thumbnail")
    picture = found.frame["thumbnail"][0]
    shutil.rmtree(out / "pictures")
    with pytest.raises(NotFound, match="has no picture"):
        found.picture(picture)
    found = statistics(folder, out, measures="thumbnail", retry=True)
    assert found.picture(picture).startswith(b"\xff\xd8")


def test_a_row_without_a_picture_says_so(folder: Path, tmp_path: Path) -> None:
    (folder / "img_0.mrc").write_bytes(b"no image")
    found = statistics(folder, tmp_path / "out", measures="thumbnail")
    assert found.frame["thumbnail"].isna().sum() == 1
    with pytest.raises(NotFound, match="names no picture"):
        found.picture(found.frame["thumbnail"][0])


def test_no_room_for_pictures_ends_the_run_and_blames_no_file(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "pictures").write_text("a file where the folder should be")
    with pytest.raises(CannotWrite, match="The results cannot be written"):
        statistics(folder, out, measures="thumbnail")
    (out / "pictures").unlink()
    found = statistics(folder, out, measures="thumbnail")
    assert len(found) == 4
    assert found.problems.empty
