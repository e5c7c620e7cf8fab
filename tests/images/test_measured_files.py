"""Measurements of opened files say what those of their pixels say, and what is true of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from openem_nb import images
from openem_nb.practice import micrographs

if TYPE_CHECKING:
    from pathlib import Path


def test_averages_are_measured_as_arrays_are(tmp_path: Path) -> None:
    truth = micrographs.write_dataset(tmp_path, 1, shape=(1024, 1024), bad=0, seed=2)
    ((name, one),) = truth.micrographs.items()
    with images.open_image(tmp_path / name) as opened:
        array = opened.frame()
        assert images.statistics(opened).mean == images.statistics(array).mean
        assert images.statistics(opened).hot_pixels == len(one.hot_pixels)
        found = images.ctf(opened, voltage=300)
        same = images.ctf(array, voltage=300, pixel_size=opened.pixel_size)
        assert found.defocus_u == same.defocus_u
        assert found.defocus == pytest.approx((one.defocus_u + one.defocus_v) / 2, abs=300)
        assert images.dose(opened, expected=40).agrees
        assert images.ice(opened).crystalline is False
        power = images.periodogram(opened)
        assert power.pixel_size == pytest.approx(one.pixel_size)


@pytest.mark.parametrize("kind", ["dm4", "emd"])
def test_averages_of_other_programs_know_pixel_size_and_voltage(tmp_path: Path, kind: str) -> None:
    truth = micrographs.write_dataset(tmp_path / kind, 2, kind=kind, shape=(256, 320), bad=0)
    micrographs.write_dataset(tmp_path / "mrc", 2, shape=(256, 320), bad=0)
    assert truth.gain is None
    for name, one in truth.micrographs.items():
        with images.open_image(tmp_path / kind / name) as opened:
            assert (opened.shape, opened.frames, opened.origin) == ((256, 320), 1, "upper")
            assert opened.pixel_size == pytest.approx(one.pixel_size)
            assert opened.voltage == pytest.approx(one.voltage)
            assert images.dose(opened, expected=40).agrees
            found = opened.frame()[::-1]
        with images.open_image(tmp_path / "mrc" / name.replace(kind, "mrc")) as same:
            assert np.allclose(found, same.frame(), atol=0 if kind == "dm4" else 0.5)


@pytest.mark.parametrize("kind", ["movie", "tiff"])
def test_movies_are_followed_and_summed(tmp_path: Path, kind: str) -> None:
    truth = micrographs.write_dataset(
        tmp_path, 1, kind=kind, shape=(768, 768), frames=10, bad=0, seed=5
    )
    ((name, one),) = truth.micrographs.items()
    assert truth.gain is not None
    gain = images.read_gain(tmp_path / truth.gain)
    with images.open_image(tmp_path / name) as movie:
        assert images.dose(movie, expected=40, pixel_size=one.pixel_size).agrees
        found = images.motion(
            movie,
            gain=gain if kind == "movie" else None,
            pixel_size=one.pixel_size,
        )
        assert found.track.shape == (10, 2)
        if kind == "movie":
            assert found.total == pytest.approx(one.drift, rel=0.3)
            off = (found.track - found.track.mean(axis=0)) - (one.track - one.track.mean(axis=0))
            assert np.hypot(*off.T).max() < 2.0
        assert images.statistics(movie, frame=3).mean == pytest.approx(
            images.statistics(movie).mean, rel=0.05
        )


def test_faults_of_a_dataset_show_in_the_measurements(tmp_path: Path) -> None:
    truth = micrographs.write_dataset(tmp_path, 5, shape=(1024, 1024), bad=1, seed=4)
    by_fault = {fault: name for name, fault in truth.faults.items()}
    assert set(by_fault) == set(micrographs.FAULTS)

    def opened(fault: str) -> images.Micrograph:
        return images.open_image(tmp_path / by_fault[fault])

    with opened("crystalline ice") as one:
        assert images.ice(one).crystalline
    with opened("thick ice") as one:
        assert not images.dose(one, expected=40).agrees
    with opened("no specimen") as one:
        assert not images.ctf(one, voltage=300).reliable
    with opened("blurred") as one:
        resolution = images.ctf(one, voltage=300).resolution
        assert resolution is None or resolution > 7
    with opened("carbon") as one:
        assert images.statistics(one).unevenness > 0.01
