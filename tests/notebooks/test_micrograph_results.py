"""The templates about micrographs: on practice images, against their truth; on a person's own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import mrcfile
import numpy as np
import pandas as pd
import pytest

from openem_nb import mining, runs, settings
from openem_nb.practice.micrographs import simulate, write_dataset
from openem_nb.runs import RunState

if TYPE_CHECKING:
    from pathlib import Path

    from openem_nb.practice.micrographs import DatasetTruth

pytestmark = pytest.mark.notebook

ENOUGH = 400
"""Seconds that a template may take on a busy machine."""


def finished(name: str, parameters: dict[str, object]) -> runs.Run:
    run = runs.start(name, parameters)
    assert run.wait(ENOUGH) is RunState.DONE, (run.error, run.log.read_text())
    return run


@pytest.fixture
def notice() -> str:
    found = settings.profile().notice
    assert found
    return found


@pytest.fixture
def truth(tmp_path: Path) -> DatasetTruth:
    """Write images of a person's own, which are not known to be practice."""
    return write_dataset(tmp_path / "mine", 9, shape=(768, 768), bad=3, seed=4)


def test_practice_micrographs_are_mined(notice: str) -> None:
    run = finished("mine_micrographs", {})
    table = pd.read_csv(run.outputs / "measurements.csv")
    assert len(table) == 18
    assert table["ctf_defocus"].notna().all()
    assert table["problem"].isna().all()
    assert notice in (run.summary or "")
    assert "18 files measured." in (run.summary or "")
    assert notice in run.notebook.read_text()
    assert (run.outputs / "distributions.png").read_bytes().startswith(b"\x89PNG")
    assert pd.read_csv(run.outputs / "columns.csv").set_index("column").loc["ctf_defocus", "unit"]
    assert run.report is not None
    report = run.report.read_text()
    assert report.count("data:image/jpeg;base64,") >= 27, "sheets that need no kernel"
    parts = {part.partition("</h2>")[0]: part for part in report.split("<h2")}
    best, worst = (
        {*re.findall(r"practice-\d{4}\.mrc", part)}
        for title in ("The best", "The worst")
        for head, part in parts.items()
        if title in head
    )
    assert (len(best), len(worst), best & worst) == (9, 9, set())
    assert 'alt="Micrograph practice-0001.mrc' in report or "practice-0001.mrc" in report


def test_a_persons_own_images_and_again(truth: DatasetTruth, tmp_path: Path, notice: str) -> None:
    (truth.folder / "broken.mrc").write_bytes(b"not an image at all")
    given = {
        "source": str(truth.folder),
        "voltage": 300,
        "cs": 2.7,
        "results": str(tmp_path / "results"),
    }
    run = finished("mine_micrographs", given)
    table = pd.read_csv(run.outputs / "measurements.csv").set_index("name")
    good = [name for name in truth.micrographs if name not in truth.faults]
    for name in good:
        known = truth.micrographs[name]
        middle = (known.defocus_u + known.defocus_v) / 2
        assert table.loc[name, "ctf_defocus"] == pytest.approx(middle, abs=500)
    assert "1 file could not be read" in (run.summary or "")
    assert notice not in (run.summary or "")
    assert "broken.mrc" in pd.read_csv(run.outputs / "outliers.csv")["name"].to_numpy()
    measured = mining.open_mined(tmp_path / "results").frame["measured"]
    finished("mine_micrographs", given)
    again = mining.open_mined(tmp_path / "results").frame["measured"]
    assert again.equals(measured), "nothing is measured twice"


def test_what_the_ctf_wants_is_asked_for(truth: DatasetTruth) -> None:
    run = finished("mine_micrographs", {"source": str(truth.folder), "shown": 2})
    assert "ctf: voltage and Cs are not known." in (run.summary or "")


def test_a_data_set_is_inspected(truth: DatasetTruth, notice: str) -> None:
    given = {"source": str(truth.folder), "voltage": 300, "cs": 2.7, "chosen": 2}
    run = finished("inspect_dataset", given)
    assert "9 images in mine" in (run.summary or "")
    assert "Underfocus" in (run.summary or "")
    assert notice not in (run.summary or "")
    assert run.report is not None
    report = run.report.read_text()
    assert "Power spectrum of practice-0002.mrc" in report
    assert report.count('alt="Images of mine: 9 images of 9') == 1, "the gallery is there once"


def test_the_track_of_a_movie_is_shown(tmp_path: Path) -> None:
    movie, truth = simulate((512, 512), frames=10, drift=15, dose=80, covered=0.3, seed=3)
    (tmp_path / "in").mkdir()
    with mrcfile.new(tmp_path / "in" / "movie.mrcs") as file:
        file.set_data(movie.astype(np.int16))
        file.set_image_stack()
        file.voxel_size = truth.pixel_size
    given = {"source": str(tmp_path / "in"), "voltage": 300, "cs": 2.7}
    run = finished("inspect_dataset", given)
    assert "Moved by 1" in (run.summary or "")
    assert run.report is not None
    assert 'alt="Track of the specimen: Moved by 1' in run.report.read_text()


def test_an_entry_of_empiar_is_inspected_and_mined(notice: str) -> None:
    given = {"source": "EMPIAR-10028", "pattern": "*Micrographs/*.mrc", "voltage": 300, "cs": 2.7}
    run = finished("inspect_dataset", given)
    assert "12 images in EMPIAR-10028" in (run.summary or "")
    assert "Underfocus" in (run.summary or "")
    assert run.report is not None
    assert 'alt="Images of EMPIAR-10028: 12 images of 12' in run.report.read_text()
    assert not list(settings.folders().data.rglob("*.mrc")), "nothing is downloaded"
    run = finished("mine_micrographs", given)
    table = pd.read_csv(run.outputs / "measurements.csv")
    assert len(table) == 12
    assert (table["fetched"] > 500_000).all()
    assert "Practice data" in (run.summary or "")


def test_without_a_folder_practice_images_are_inspected(notice: str) -> None:
    run = finished("inspect_dataset", {})
    assert notice in (run.summary or "")
    assert "18 images in practice_micrographs" in (run.summary or "")


def test_a_real_profile_asks_for_a_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENEM_PROFILE", "psi")
    for name in ("mine_micrographs", "inspect_dataset"):
        run = runs.start(name, {})
        assert run.wait(ENOUGH) is RunState.FAILED
        assert run.error is not None
        assert "No source is named" in run.error.evalue
