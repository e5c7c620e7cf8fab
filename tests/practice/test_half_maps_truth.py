"""Half maps of the practice archive: their correlation is the curve that their entry states."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from openem_nb import emdb, images
from openem_nb.practice._half_maps import true_fsc

if TYPE_CHECKING:
    from pathlib import Path

    from openem_nb.practice import Facility


def test_the_correlation_of_an_entry_is_known(practice: Facility, tmp_path: Path) -> None:
    entry = emdb.entry("EMD-1000")
    assert entry.resolution is not None
    halves = emdb.download(entry.id, "half_map", folder=tmp_path)
    found = images.fsc(*halves)
    expected = np.array([true_fsc(one, entry.resolution) for one in found.frequency])
    spread = (1 - expected**2) / np.sqrt(found.voxels / 2)
    assert (np.abs(found.correlation - expected)[1:] / np.maximum(spread, 1e-4)[1:]).max() < 4
    assert found.resolution() == pytest.approx(entry.resolution, rel=0.04)
    # and the file of the curve says the same
    (path,) = emdb.download(entry.id, "fsc", folder=tmp_path)
    points = re.findall(r"<x>([\d.]+)</x><y>([\d.]+)</y>", path.read_text())
    for x, y in points:
        assert float(y) == pytest.approx(true_fsc(float(x), entry.resolution), abs=2e-3)
    stated = next(float(x) for x, y in points if float(y) < 0.143)
    assert 1 / stated == pytest.approx(entry.resolution, rel=0.05)


def test_the_map_is_what_its_halves_have_in_common(practice: Facility, tmp_path: Path) -> None:
    entry = emdb.entry("EMD-1000")
    path, *halves = emdb.download(entry.id, ("map", "half_map"), folder=tmp_path)
    assert entry.level is not None
    with images.open_map(path) as found:
        assert 0 < entry.level < found.statistics.max
        assert not found.doubts
        assert found.contour(entry.level).largest > 0.9
        both = [images.open_map(half) for half in halves]
        mean = (np.array(both[0].data) + np.array(both[1].data)) / 2
        # a weight for each shell changes no correlation of shells
        assert images.fsc(np.array(found.data), mean).correlation == pytest.approx(1, abs=1e-3)
        for one in both:
            assert one.statistics.rms > found.statistics.rms
            one.close()


def test_voxels_are_fine_enough_for_the_resolution(practice: Facility) -> None:
    seen = 0
    for batch in emdb.fetch(practice.truth.emdb):
        for entry in batch.found:
            halves = [file for file in entry.files if file.kind == "half_map"]
            if not halves or entry.resolution is None or entry.resolution < 2.1:
                continue
            size = practice_voxel(practice, entry)
            assert 2 * size < entry.resolution
            seen += 1
    assert seen > 5


def practice_voxel(practice: Facility, entry: emdb.Entry) -> float:
    from openem_nb.practice._emdb_maps import map_box

    return map_box(practice.truth.emdb[entry.id], practice.truth.seed)[1]
