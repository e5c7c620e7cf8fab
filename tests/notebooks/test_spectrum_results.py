"""The power spectrum in the notebook that looks at a data set: which way up, and what it lacks."""

from __future__ import annotations

import base64
import io
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from image_files import write_mrc
from PIL import Image

from openem_nb import images, runs
from openem_nb.practice.micrographs import simulate
from openem_nb.runs import RunState

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.notebook

ENOUGH = 400
"""Seconds that a template may take on a busy machine."""


def test_the_spectrum_lies_as_the_image_does(tmp_path: Path) -> None:
    image, truth = simulate(
        (768, 768), pixel_size=1.5, defocus_u=25_000, defocus_v=13_000, angle=30, signal=6, seed=3
    )
    folder = tmp_path / "session"
    folder.mkdir()
    write_mrc(folder / "m.mrc", image, pixel_size=1.5)
    run = runs.start("inspect_dataset", {"source": str(folder), "voltage": 300})
    assert run.wait(ENOUGH) is RunState.DONE, (run.error, run.log.read_text())
    assert "no CTF without Cs" in (run.summary or "")  # the others are known
    assert run.report is not None
    tags = re.findall(r"<img [^>]*>", run.report.read_text())
    (tag,) = [one for one in tags if "Power spectrum of m.mrc" in one]
    found = re.search(r"data:image/jpeg;base64,([^\"]+)", tag)
    assert found
    drawn = np.asarray(Image.open(io.BytesIO(base64.b64decode(found[1]))).convert("L")).astype(
        float
    )
    picture = images.periodogram(image, pixel_size=1.5).picture(512)
    picture = np.clip(picture, *np.percentile(picture, (1, 99)))

    def alike(other: object) -> float:
        return float(np.corrcoef(drawn.ravel(), np.ravel(other))[0, 1])

    assert alike(picture[::-1]) > 0.8  # the first row of an MRC file lies at the bottom
    assert alike(picture) < 0.6
    assert truth.angle == 30
