"""Images that are opened from the gallery one after the other, or while the folder changes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import mrcfile
import numpy as np
import pytest

from openem_nb.mining import ImageFile
from openem_nb.panels.inspect import InspectPanel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def write(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for number, name in enumerate(names):
        pixels = np.random.default_rng(number).normal(100, 20, (64, 64)).astype(np.float32)
        with mrcfile.new(folder / name) as mrc:
            mrc.set_data(pixels)
            mrc.voxel_size = 1.5
    return folder


@pytest.fixture
def panel(closing: Any, tmp_path: Path) -> InspectPanel:
    found: InspectPanel = closing(InspectPanel(write(tmp_path / "big", "fast.mrc", "slow.mrc")))
    return found.wait()


class Held:
    """Keeps ``slow.mrc`` from being opened until it is let go."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()


@pytest.fixture
def held(panel: InspectPanel, monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    real, hold = ImageFile.open, Held()

    def slow(file: ImageFile, **options: Any) -> Any:
        found = real(file)
        if file.name == "slow.mrc":
            hold.begun.set()
            assert hold.go.wait(120)
        return found

    monkeypatch.setattr(ImageFile, "open", slow)
    yield hold
    hold.go.set()


def test_of_two_images_the_one_that_was_opened_last_shows(
    panel: InspectPanel, held: Held, ask: Any, until: Any
) -> None:
    ask(panel.gallery, "open", row=1)
    first = panel.job
    assert held.begun.wait(120)
    ask(panel.gallery, "open", row=0)
    assert panel.job is not None
    panel.job.result(120)
    held.go.set()
    until(lambda: first is not None and first.done)
    assert panel.viewer.micrograph.name == "fast.mrc"
    assert panel.viewing.name == "fast.mrc"
    assert "fast.mrc" in panel.viewing.children[0].value
    assert panel.gallery.told == "fast.mrc is open below."
    assert panel.errors.error is None
    assert "fast.mrc" in panel.code()


def test_an_image_of_the_folder_before_does_not_come_into_the_next(
    panel: InspectPanel, held: Held, ask: Any, until: Any, tmp_path: Path
) -> None:
    ask(panel.gallery, "open", row=1)
    first = panel.job
    assert held.begun.wait(120)
    panel.show(write(tmp_path / "raw", "slow.mrc", "x.mrc"))
    assert panel.listing is not None
    panel.listing.result(120)
    held.go.set()
    until(lambda: first is not None and first.done)
    assert panel.viewing.layout.display == "none"
    assert panel.viewing.file is None
    assert panel.code().splitlines()[-1] == "gallery"
    assert panel.errors.error is None


def test_an_image_whose_name_is_no_text_keeps_its_mark(closing: Any, tmp_path: Path) -> None:
    folder = write(tmp_path / "big", "a.mrc")
    odd = bytes(folder) + b"/Mikroskopie_M\xfcller.mrc"
    (folder / "a.mrc").rename(odd.decode("utf-8", "surrogateescape"))
    panel = closing(InspectPanel(folder)).wait()
    (name,) = panel.frame["name"]
    panel.gallery.mark([name], "bad", note="ice")
    panel.close()
    again = closing(InspectPanel(folder)).wait()
    assert again.gallery.marks["mark"].tolist() == ["bad"]
