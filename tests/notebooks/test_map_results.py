"""The template about maps: on an entry of the practice archive, and on a file that has no entry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mrcfile
import numpy as np
import pandas as pd
import pytest

from openem_nb import emdb, images, runs, settings
from openem_nb.practice import serve
from openem_nb.runs import RunState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.notebook

ENOUGH = 400
"""Seconds that a template may take on a busy machine."""


def finished(parameters: dict[str, object]) -> runs.Run:
    run = runs.start("inspect_map", parameters)
    assert run.wait(ENOUGH) is RunState.DONE, (run.error, run.log.read_text())
    return run


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run a practice archive that the test and the template share."""
    with serve(entries=50, seed=3) as facility:
        monkeypatch.setenv("OPENEM_PROFILE", "practice")
        monkeypatch.setenv("OPENEM_PRACTICE_URL", facility.url)
        yield


def test_a_practice_entry_with_its_half_maps(archive: None) -> None:
    run = finished({"entry": "EMD-1000", "molecular_weight": "10"})
    notice = settings.profile().notice
    assert notice
    assert notice in run.notebook.read_text()
    assert notice in (run.summary or "")
    level = emdb.entry("EMD-1000").level
    assert level is not None
    (path,) = emdb.download("EMD-1000", "map")
    with images.open_map(path) as found:
        for words in found.contour(level, molecular_weight=10).words:
            assert words in (run.summary or "")
    halves = emdb.download("EMD-1000", "half_map")
    expected = images.fsc(*halves, mask="soft")
    assert " ".join(expected.words) in (run.summary or "")
    table = pd.read_csv(run.outputs / "fsc.csv")
    assert table["correlation"].to_numpy() == pytest.approx(expected.correlation)
    assert (run.outputs / "map.png").read_bytes().startswith(b"\x89PNG")
    assert 'alt=\\"Map emd_1000.map.gz' in run.notebook.read_text()


def test_a_file_of_ones_own_is_no_practice(tmp_path: Path) -> None:
    path = tmp_path / "mine.mrc"
    rng = np.random.default_rng(2)
    data = 0.05 * rng.standard_normal((24, 24, 24), np.float32)
    data[9:15, 9:15, 9:15] += 1
    with mrcfile.new(path) as file:
        file.set_data(data)
        file.set_volume()
        file.voxel_size = 2.0
    run = finished({"file": str(path)})
    notice = settings.profile().notice
    assert notice not in (run.summary or "")
    assert "no two half maps" in (run.summary or "")
    assert "encloses 1.7" in (run.summary or ""), "216 voxels of 8 Å³"
