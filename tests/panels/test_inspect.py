"""The InspectPanel with small micrographs that the test writes."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import mrcfile
import numpy as np
import pytest
from PIL import Image

from openem_nb import settings
from openem_nb.errors import InvalidInput, NotFound
from openem_nb.images import read_selection
from openem_nb.mining import ImageFile
from openem_nb.panels import _inspect_thumbnails, inspect
from openem_nb.panels.inspect import InspectPanel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from openem_nb.jobs import Job

EVIL = "<img src=x onerror=alert(1)>"


def write(path: Path, *, seed: int = 0, size: int = 128) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).normal(100, 20, (size, size)).astype(np.float32)
    with mrcfile.new(path, overwrite=True) as mrc:
        mrc.set_data(pixels)
        mrc.voxel_size = 1.06
    return path


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """Write five micrographs in two folders, one of which is cut off, and a gain reference."""
    folder = tmp_path / "session"
    for number in range(4):
        write(folder / f"grid{number % 2}" / f"mic_{number}.mrc", seed=number)
    write(folder / "gain_ref.mrc")
    broken = write(folder / "grid1" / "mic_9.mrc")
    broken.write_bytes(broken.read_bytes()[:700])
    return folder


NAMES = [*(f"grid0/mic_{n}.mrc" for n in (0, 2)), *(f"grid1/mic_{n}.mrc" for n in (1, 3, 9))]


def opened(closing: Callable[[Any], Any], until: Any, source: Any, **options: Any) -> InspectPanel:
    panel: InspectPanel = closing(InspectPanel(source, **options))
    panel.job.result(120)
    until(lambda: panel.making is not None and panel.making.done)
    until(lambda: panel.frame["problem"].notna().sum() == len(panel.thumbnails.problems))
    return panel


def ended(job: Job[Any] | None) -> Any:
    assert job is not None
    return job.result(120)


def test_images_are_listed_and_their_thumbnails_made(
    closing: Any, until: Any, ask: Any, session: Path
) -> None:
    panel = opened(closing, until, session)
    assert panel.gallery.table["name"].tolist() == NAMES
    assert "5 images." in panel.summary.value
    until(lambda: panel.frame["pixel_size"].notna().sum() == 4)
    first = panel.frame.iloc[0]
    assert (first["width"], first["frames"], first["format"]) == (128, 1, "mrc")
    assert first["pixel_size"] == pytest.approx(1.06)
    answer = ask(panel.gallery, "thumbnails", rows=[4])
    assert "mic_9.mrc" in answer["content"]["pictures"][0]["error"]
    row = panel.gallery._rows.since(0)
    assert "mic_9.mrc" in row["reasons"][4]
    found = panel.thumbnails.picture(NAMES[0], {})
    picture = Image.open(io.BytesIO(found))
    assert picture.size == (128, 128)
    with mrcfile.open(session / NAMES[0]) as mrc:
        pixels = mrc.data[::-1]  # the first row of an MRC file is the bottom of the picture
    assert np.corrcoef(np.asarray(picture, float).ravel(), pixels.ravel())[0, 1] > 0.95


def test_thumbnails_are_kept_until_their_file_changes(
    closing: Any, until: Any, session: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(closing, until, session).close()
    made: list[str] = []
    make = ImageFile.open

    def counted(file: ImageFile) -> Any:
        made.append(file.path.name)
        return make(file)

    monkeypatch.setattr(ImageFile, "open", counted)
    write(session / "grid0" / "mic_2.mrc", seed=8, size=64)
    panel = opened(closing, until, session)
    assert sorted(made) == ["mic_2.mrc", "mic_9.mrc"]
    until(lambda: panel.frame["width"].tolist()[:4] == [128, 64, 128, 128])


def test_headers_are_read_before_the_pictures_are_made(
    closing: Any, until: Any, session: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = threading.Event()
    make = ImageFile.open

    def slow(file: ImageFile) -> Any:
        hold.wait(120)
        return make(file)

    monkeypatch.setattr(ImageFile, "open", slow)
    panel: InspectPanel = closing(InspectPanel(SimpleNamespace(folder=session)))
    try:
        until(lambda: panel.frame is not None and panel.frame.get("pixel_size") is not None)
        until(lambda: panel.frame["pixel_size"].notna().sum() >= 4)
        assert panel.thumbnails.picture(NAMES[0], {}) is None
        assert panel.frame["problem"].isna().all()
    finally:
        hold.set()
    until(lambda: panel.making.done)
    assert panel.thumbnails.picture(NAMES[0], {}) is not None


def test_old_thumbnails_make_room(
    closing: Any, until: Any, session: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_inspect_thumbnails, "LIMIT", 12_000)
    panel = opened(closing, until, session)
    kept = list((settings.folders().cache / "thumbnails").glob("??/*.jpg"))
    assert 0 < sum(path.stat().st_size for path in kept) <= 12_000
    assert len(kept) < 4
    panel.close()


def test_an_image_opens_in_the_viewer(closing: Any, until: Any, ask: Any, session: Path) -> None:
    panel = opened(closing, until, session)
    assert panel.viewing.layout.display == "none"
    ask(panel.gallery, "open", row=1)
    ended(panel.job)
    assert panel.viewing.layout.display == ""
    assert panel.viewer.micrograph.name == "mic_2.mrc"
    assert panel.gallery.told == "grid0/mic_2.mrc is open below."
    assert panel.viewer.canvas.revealed == 1
    ask(panel.gallery, "open", row=4)
    with pytest.raises(Exception, match="mic_9"):
        ended(panel.job)
    assert "mic_9.mrc" in panel.errors.disclosure.sentence
    assert panel.viewer.micrograph.name == "mic_2.mrc"
    assert panel.gallery.told == "grid1/mic_9.mrc could not be opened."
    panel.show_image(NAMES[0])  # code does not move the page
    ended(panel.job)
    assert panel.viewer.canvas.revealed == 1


def test_all_images_are_measured_and_rows_come_into_the_gallery(
    closing: Any, until: Any, session: Path
) -> None:
    panel = opened(closing, until, session)
    panel.measure.form.submit({"ctf": False, "spectrum": False, "ice": False})
    ended(panel.job)
    until(lambda: "std" in panel.frame and panel.frame["std"].notna().sum() == 4)
    assert panel.frame["std"].iloc[0] == pytest.approx(20, rel=0.05)
    assert panel.frame["name"].tolist() == NAMES
    until(lambda: "4 files measured" in panel.measure.words.value)
    assert panel.measure.form.busy is False
    names: dict[str, Any] = {}
    exec(panel.code(), names)  # what a person would run
    assert panel.code().splitlines()[-1] == "gallery"
    closing(names["gallery"])
    assert names["gallery"].table["name"].tolist() == NAMES
    same = names["gallery"].table["std"].fillna(-1).tolist()
    assert same == panel.frame["std"].fillna(-1).tolist()


def test_wrong_values_are_said_at_their_fields(closing: Any, until: Any, session: Path) -> None:
    panel = opened(closing, until, session)
    nothing = dict.fromkeys(("ctf", "spectrum", "ice", "statistics", "dose", "motion"), False)
    panel.measure.form.submit({**nothing, "cs": "2,7 mm", "voltage": "-300"})
    assert set(panel.measure.form.errors) == {"cs", "voltage", "statistics"}
    assert panel.mined is None


def test_marks_are_kept_for_the_folder_and_saved(
    closing: Any, until: Any, ask: Any, session: Path, tmp_path: Path
) -> None:
    panel = opened(closing, until, session)
    ask(panel.gallery, "mark", rows=[0, 3], mark="good")
    ask(panel.gallery, "note", rows=[2], note="=1+1 ice")
    panel.close()
    again = opened(closing, until, session)
    marks = again.gallery.marks
    assert marks["name"].tolist() == [NAMES[0], NAMES[2], NAMES[3]]
    assert marks["mark"].tolist() == ["good", "", "good"]
    assert marks["note"].tolist() == ["", "=1+1 ice", ""]
    again.save_form.submit({"path": str(tmp_path / "good.star"), "keep": "good"})
    ended(again.job)
    names = [str(session / NAMES[0]), str(session / NAMES[3])]
    assert read_selection(tmp_path / "good.star")["name"].tolist() == names
    assert "Written" in again.save_form.status
    assert "voltage" in again.save_form.status  # nothing was measured, RELION asks for it
    again.save_form.submit({"path": str(session / "nodir" / "good.csv"), "keep": "all"})
    assert again.save_form.errors == {"path": f"There is no folder {session / 'nodir'}."}
    again.save_form.submit({"path": "good.txt", "keep": "good"})
    assert set(again.save_form.errors) == {"path"}


def test_no_file_is_replaced_unasked_and_marks_are_loaded_again(
    closing: Any, until: Any, session: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    theirs = tmp_path / "mine.csv"
    theirs.write_text("precious")
    panel = opened(closing, until, session)
    panel.gallery.mark([NAMES[0]], "bad", note="ice")
    asked = {"path": "~/mine.csv", "keep": "all"}
    panel.save_form.submit(asked)
    assert "Tick this to replace it" in panel.save_form.errors["replace"]
    assert theirs.read_text() == "precious"
    panel.save_form.submit({**asked, "replace": True})
    ended(panel.job)
    assert panel.save_form.values["replace"] is False
    for mark in ("bad", "good"):  # what was written here is replaced at once
        panel.gallery.mark([NAMES[0]], mark)
        panel.save_form.submit(asked)
        ended(panel.job)
        assert panel.save_form.errors == {}
        assert read_selection(theirs)["mark"].tolist()[0] == mark
    panel.gallery.mark([NAMES[0]], "", note="")
    panel.load_form.submit({"path": "~/none.csv"})
    until(lambda: "none.csv" in panel.load_form.problems.disclosure.sentence)
    panel.load_form.submit({"path": "~/mine.csv"})
    ended(panel.job)
    assert panel.load_form.status == "Loaded from mine.csv: 1 image."
    panel.close()
    assert opened(closing, until, session).gallery.marks["note"].tolist() == ["ice"]


def test_a_folder_without_images_and_no_folder_say_so(
    closing: Any, tmp_path: Path, session: Path
) -> None:
    (tmp_path / "empty").mkdir()
    panel = closing(InspectPanel(tmp_path / "empty"))
    with pytest.raises(NotFound):
        panel.job.result(120)
    assert "holds no file" in panel.errors.disclosure.sentence
    assert panel.gallery.hidden
    assert panel.form.busy is False
    with pytest.raises(InvalidInput):
        panel.code()
    panel.form.submit({"source": " "})
    assert "source" in panel.form.errors
    with pytest.raises(InvalidInput):
        InspectPanel(object())
    panel.show(session)
    panel.job.result(120)
    assert panel.errors.error is None
    assert panel.gallery.hidden is False


def test_another_folder_takes_the_place_of_the_first(
    closing: Any, until: Any, session: Path, tmp_path: Path
) -> None:
    panel = opened(closing, until, session)
    panel.gallery.mark([NAMES[0]], "bad")
    other = write(tmp_path / "other" / EVIL / "grid0_mic.mrc").parents[1]
    panel.show(other)
    panel.job.result(120)
    until(lambda: panel.making.done)
    assert panel.frame["name"].tolist() == [f"{EVIL}/grid0_mic.mrc"]
    assert len(panel.gallery.marks) == 0
    assert EVIL not in panel.summary.value
    panel.show(session)
    panel.job.result(120)
    assert panel.gallery.marks["mark"].tolist() == ["bad"]


def test_a_folder_with_the_same_names_has_its_own_marks_and_pictures(
    closing: Any, until: Any, ask: Any, tmp_path: Path
) -> None:
    for folder, seed in (("raw", 1), ("denoised", 2)):
        write(tmp_path / folder / "a.mrc", seed=seed)
        write(tmp_path / folder / "b.mrc", seed=seed + 5)
    panel = opened(closing, until, tmp_path / "raw")
    ask(panel.gallery, "mark", rows=[1], mark="bad")
    ask(panel.gallery, "select", rows=[1])
    before = panel.thumbnails.picture("a.mrc", {})
    version = panel.gallery.version
    panel.show(tmp_path / "denoised")
    panel.job.result(120)
    ended(panel.making)
    assert len(panel.gallery.marks) == 0
    assert panel.gallery.selected == ()
    assert panel.thumbnails.picture("a.mrc", {}) != before
    assert panel.gallery._rows.since(version)["anew"]  # the browser drops the pictures it has
    panel.gallery.mark(["a.mrc"], "good")
    panel.close()
    again = opened(closing, until, tmp_path / "denoised")
    assert again.gallery.marks["name"].tolist() == ["a.mrc"]
    again = opened(closing, until, tmp_path / "raw")
    assert again.gallery.marks["name"].tolist() == ["b.mrc"]


def test_practice_micrographs_are_written_whole(
    closing: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspect, "_PRACTICE", 2)
    panel = closing(InspectPanel())
    panel.practise()
    until(lambda: panel.frame is not None and len(panel.frame) == 2)
    folder = settings.folders().data / "practice-micrographs"
    assert panel.folder == folder
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    until(lambda: panel.frame["pixel_size"].notna().all())


def test_a_list_of_files_is_shown(closing: Any, until: Any, session: Path) -> None:
    paths = [session / NAMES[2], session / NAMES[0]]
    panel = opened(closing, until, paths)
    assert panel.frame["name"].tolist() == [NAMES[0], NAMES[2]]
    assert panel.folder is None
    names: dict[str, Any] = {}
    exec(panel.code(), names)
    closing(names["gallery"])
    assert names["mined"].frame["name"].tolist() == [NAMES[0], NAMES[2]]


def test_a_notebook_waits_for_the_pictures(closing: Any, session: Path) -> None:
    panel = closing(InspectPanel(session))
    assert panel.wait() is panel
    assert panel.thumbnails.picture(NAMES[0], {}) is not None
    with pytest.raises(NotFound):
        closing(InspectPanel(session, pattern="*.xyz")).wait()


WITHOUT: Final = """
from openem_nb.errors import CannotWrite
from openem_nb.panels.inspect import InspectPanel
try:
    InspectPanel()
except CannotWrite:
    print("said")
"""


def test_a_panel_without_a_place_to_write_says_one_thing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    places = {**os.environ, "OPENEM_HOME": str(tmp_path / "file" / "home")}
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT], env=places, capture_output=True, text=True, check=True
    )
    assert (ran.stdout, ran.stderr) == ("said\n", "")
