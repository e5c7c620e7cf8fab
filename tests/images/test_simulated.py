"""Practice micrographs are what they say, and image as the estimator understands imaging."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import imagecodecs
import mrcfile
import numpy as np
import pytest
import scipy.fft
import tifffile

from openem_nb.errors import InvalidInput
from openem_nb.images import _ctf_model
from openem_nb.practice import micrographs
from openem_nb.practice.micrographs import _optics
from openem_nb.practice.micrographs._files import write_eer

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = {"covered": 0.0, "signal": 1.0}


@pytest.mark.parametrize("voltage", [60, 120, 200, 300])
def test_both_sides_have_the_same_wavelength(voltage: float) -> None:
    assert _optics.wavelength(voltage) == pytest.approx(_ctf_model.wavelength(voltage), rel=1e-7)
    # tabulated: 300 kV 0.019687 Å, 200 kV 0.025079 Å
    known = {300: 0.019687, 200: 0.025079, 120: 0.033492, 60: 0.048661}[voltage]
    assert _ctf_model.wavelength(voltage) == pytest.approx(known, abs=1e-6)


@pytest.mark.parametrize("cs", [2.7, 0.01, 0.0])
@pytest.mark.parametrize("phase", [0.0, 90.0])
@pytest.mark.parametrize("azimuth", [0.0, 37.0, 90.0, -30.0])
def test_transfer_is_zero_where_the_estimator_expects_it(
    cs: float, phase: float, azimuth: float
) -> None:
    u, v, angle = 16_000.0, 14_000.0, 37.0
    optics = _ctf_model.Optics(_ctf_model.wavelength(300), cs * 1e7, math.asin(0.07))
    defocus = (u + v) / 2 + (u - v) / 2 * math.cos(math.radians(2 * (azimuth - angle)))
    rings = _ctf_model.zeros(defocus, math.radians(phase), optics, 12)
    assert len(rings) == 12
    ky = rings * math.sin(math.radians(azimuth))
    kx = rings * math.cos(math.radians(azimuth))
    values = _optics.transfer(
        ky,
        kx,
        voltage=300,
        cs=cs,
        defocus=(u, v, angle),
        amplitude_contrast=0.07,
        phase_shift=phase,
        b_factor=0,
    )
    assert np.abs(values).max() < 1e-4


def test_zeros_stop_where_the_phase_turns_back() -> None:
    optics = _ctf_model.Optics(_ctf_model.wavelength(300), 2.7e7, math.asin(0.07))
    found = _ctf_model.zeros(2_000.0, 0.0, optics, 100)
    assert 0 < len(found) < 100
    assert (np.diff(found) > 0).all()


def test_counts_are_those_of_the_dose() -> None:
    counts, truth = micrographs.simulate((256, 256), dose=30, pixel_size=1.2, seed=4, **PLAIN)
    assert counts.dtype == np.float32
    assert counts.mean() == pytest.approx(30 * 1.2**2, rel=0.01)
    assert (counts == np.rint(counts)).all()
    assert (counts >= 0).all()
    # electrons fall at random: the variance is the mean, and the specimen adds little
    assert counts.var() == pytest.approx(counts.mean(), rel=0.1)
    assert truth.defocus_v == truth.defocus_u


def test_movie_frames_add_up_to_the_exposure() -> None:
    frames, truth = micrographs.simulate((128, 160), frames=5, dose=50, pixel_size=1.0, seed=2)
    assert frames.shape == (5, 128, 160)
    assert frames.sum(axis=0).mean() == pytest.approx(50, rel=0.02)
    assert truth.track.shape == (5, 2)
    assert truth.drift == 0


def test_the_same_seed_gives_the_same_micrograph() -> None:
    one, _ = micrographs.simulate((64, 64), seed=7)
    same, _ = micrographs.simulate((64, 64), seed=7)
    other, _ = micrographs.simulate((64, 64), seed=8)
    assert (one == same).all()
    assert (one != other).any()


def test_drift_has_the_length_that_was_asked_for_and_gets_slower() -> None:
    _, truth = micrographs.simulate((64, 64), frames=20, drift=25, seed=3)
    steps = np.hypot(*np.diff(truth.track, axis=0).T)
    assert truth.drift == pytest.approx(25)
    assert steps[:5].sum() > steps[-5:].sum()


def test_gain_is_undone_by_its_reference() -> None:
    counts, truth = micrographs.simulate((256, 256), dose=400, gain=True, seed=1, **PLAIN)
    assert truth.gain is not None
    columns = counts.mean(axis=0)
    corrected = (counts * truth.gain).mean(axis=0)
    assert corrected.std() < 0.5 * columns.std()


def test_hot_pixels_are_where_the_truth_says() -> None:
    counts, truth = micrographs.simulate((128, 128), hot_pixels=5, seed=6)
    assert len(truth.hot_pixels) == 5
    assert (counts[truth.hot_pixels[:, 0], truth.hot_pixels[:, 1]] > 900).all()
    assert (counts > 900).sum() <= 5


def test_carbon_lies_left_and_takes_electrons() -> None:
    counts, truth = micrographs.simulate((256, 256), carbon=0.4, seed=5, **PLAIN)
    assert truth.carbon == 0.4
    assert counts[:, :80].mean() == pytest.approx(0.9 * counts[:, -80:].mean(), rel=0.02)


def test_particles_are_dark_at_their_centres() -> None:
    counts, truth = micrographs.simulate((1024, 1024), pixel_size=2.0, dose=400, seed=9)
    assert len(truth.particles) > 50
    around = [counts[y - 10 : y + 10, x - 10 : x + 10].mean() for y, x in truth.particles.tolist()]
    assert np.mean(around) < counts.mean() - 5 * counts.std() / math.sqrt(400 * len(around))


def test_ring_of_ice_stands_in_the_spectrum() -> None:
    k = np.linspace(0.05, 0.4, 400)
    power = {}
    for strength in (0.0, 3.0):
        counts, _ = micrographs.simulate(
            (512, 512), dose=2000, ice_ring=strength, b_factor=20, seed=2, **PLAIN
        )
        transform = np.abs(scipy.fft.rfft2(counts - counts.mean())) ** 2
        ky, kx = scipy.fft.fftfreq(512, 1.06)[:, None], scipy.fft.rfftfreq(512, 1.06)
        ring = np.abs(np.hypot(ky, kx) - 1 / 3.67) < 0.003
        power[strength] = transform[ring].mean()
    assert k.size
    assert power[3.0] > 1.3 * power[0.0]


@pytest.mark.parametrize(
    "wrong",
    [{"shape": (8, 8)}, {"frames": 0}, {"dose": 0}, {"pixel_size": 0}, {"defocus_v": 20_000}],
)
def test_impossible_values_are_refused(wrong: dict[str, object]) -> None:
    values = {"shape": (64, 64), **wrong}
    with pytest.raises(InvalidInput, match="make no micrograph"):
        micrographs.simulate(**values)


def test_dataset_of_averages_is_read_by_others(tmp_path: Path) -> None:
    truth = micrographs.write_dataset(tmp_path / "new", 4, shape=(200, 240), bad=2, seed=3)
    assert sorted(path.name for path in truth.folder.iterdir()) == sorted(truth.micrographs)
    assert truth.faults == {
        "practice-0002.mrc": "crystalline ice",
        "practice-0004.mrc": "thick ice",
    }
    for name, one in truth.micrographs.items():
        with mrcfile.open(truth.folder / name) as file:
            assert file.data.shape == (200, 240)
            assert float(file.voxel_size.x) == pytest.approx(one.pixel_size)
            assert file.data.mean() == pytest.approx(one.dose * one.pixel_size**2, rel=0.05)
        assert mrcfile.validate(truth.folder / name)


@pytest.mark.parametrize("kind", ["movie", "tiff"])
def test_dataset_of_movies_has_one_gain_reference(tmp_path: Path, kind: str) -> None:
    truth = micrographs.write_dataset(tmp_path, 2, kind=kind, shape=(128, 96), frames=3, bad=0)
    assert truth.gain is not None
    with mrcfile.open(tmp_path / truth.gain) as file:
        gain = file.data.copy()
    for name, one in truth.micrographs.items():
        assert one.gain is not None
        assert (one.gain == gain).all()
        assert one.drift > 0
        if kind == "movie":
            with mrcfile.open(tmp_path / name) as file:
                frames = file.data.copy()
                assert file.is_image_stack()
        else:
            frames = tifffile.imread(tmp_path / name)[:, ::-1]
        assert frames.shape == (3, 128, 96)
        assert frames.sum(axis=0).mean() == pytest.approx(40 * one.pixel_size**2, rel=0.05)


@pytest.mark.parametrize("full", [0.0, 0.001, 0.05, 1.0])
def test_events_of_eer_are_those_that_were_written(tmp_path: Path, full: float) -> None:
    frames = (np.random.default_rng(2).random((3, 50, 70)) < full).astype(np.uint8)
    write_eer(tmp_path / "a.eer", frames, pixel_size=1.0, dose=1.0)
    with tifffile.TiffFile(tmp_path / "a.eer") as file:
        assert file.is_bigtiff
        assert len(file.pages) == 3
        for page, frame in zip(file.pages, frames, strict=True):
            file.filehandle.seek(page.dataoffsets[0])
            data = file.filehandle.read(page.databytecounts[0])
            seen = np.zeros((50, 70), np.uint16)
            imagecodecs.eer_decode(data, (50, 70), 7, 2, 2, out=seen)
            assert (seen[::-1] == frame).all()


@pytest.mark.parametrize("wrong", [{"kind": "jpeg"}, {"count": 0}])
def test_datasets_of_nothing_are_refused(tmp_path: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match="cannot be written"):
        micrographs.write_dataset(tmp_path, **wrong)
