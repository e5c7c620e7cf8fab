"""The defocus of images and spectra whose truth is known."""

from __future__ import annotations

import math
import re
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from openem_nb import images
from openem_nb.errors import InvalidInput
from openem_nb.practice import micrographs
from openem_nb.practice.micrographs import _optics

SHAPE = (2048, 2048)


def drawn(number: int) -> dict[str, Any]:
    rng = np.random.default_rng([31, number])
    middle, half = rng.uniform(6_000, 26_000), rng.uniform(0, 700) * (number % 3 > 0)
    return {
        "pixel_size": [0.83, 1.06, 1.3][number % 3],
        "voltage": [300.0, 200.0][number % 2],
        "cs": [2.7, 2.7, 0.01][number % 3],
        "defocus_u": middle + half,
        "defocus_v": middle - half,
        "angle": rng.uniform(-90, 90),
        "dose": 50.0,
        "signal": rng.uniform(1.0, 1.6),
        "b_factor": rng.uniform(30, 60),
        "carbon": 0.3 if number % 5 == 4 else 0.0,
        "phase_shift": 70.0 if number % 8 == 7 else 0.0,
        "hot_pixels": 20,
        "seed": number,
    }


def apart(found: float, true: float) -> float:
    """Return the angle between two axes."""
    return abs((found - true + 90) % 180 - 90)


def model(
    *,
    defocus: tuple[float, float, float],
    voltage: float = 300,
    cs: float = 2.7,
    phase: float = 0,
    pixel_size: float = 1.0,
    depth: float = 0.5,
    side: int = 512,
    samples: float = 400,
    seed: int = 0,
) -> images.Spectrum:
    """Return the spectrum of a perfect specimen, with as much noise as so many samples leave."""
    fy, fx = np.fft.fftfreq(side), np.fft.rfftfreq(side)
    ky, kx = fy[:, None] / pixel_size, fx / pixel_size
    amplitude = _optics.transfer(
        ky,
        kx,
        voltage=voltage,
        cs=cs,
        defocus=defocus,
        amplitude_contrast=0.07,
        phase_shift=phase,
        b_factor=30,
    )
    decline = 1 + 20 * np.exp(-((ky**2 + kx**2) / 0.03**2) / 2)
    noise = np.random.default_rng(seed).gamma(samples, 1 / samples, amplitude.shape)
    power = (decline * (1 + depth * amplitude**2) * noise).astype(np.float32)
    return images.Spectrum(power, fy, fx, samples, pixel_size, voltage)


@pytest.mark.parametrize("number", range(24))
def test_simulated_micrographs_are_measured(number: int) -> None:
    image, truth = micrographs.simulate(SHAPE, **drawn(number))
    found = images.ctf(
        image,
        voltage=truth.voltage,
        cs=truth.cs,
        pixel_size=truth.pixel_size,
        phase_shift=True if truth.phase_shift else None,
    )
    error = abs(found.defocus - (truth.defocus_u + truth.defocus_v) / 2)
    assert found.reliable, found.words
    # a quarter of the pixels of a full frame, so twice its error, and five deviations of it
    assert error < max(100, 5 * found.deviation)
    assert error < 500
    assert found.defocus_u >= found.defocus_v
    if truth.defocus_u - truth.defocus_v > 600:
        assert apart(found.angle, truth.angle) < 15
    if truth.phase_shift:
        assert found.phase_shift == pytest.approx(truth.phase_shift, abs=20)


@pytest.mark.parametrize("angle", [-80.0, -35.0, 0.0, 20.0, 45.0, 89.0])
def test_axis_of_astigmatism_is_counted_from_x_counterclockwise(angle: float) -> None:
    found = images.ctf(model(defocus=(16_000, 15_000, angle)))
    assert found.defocus_u == pytest.approx(16_000, abs=40)
    assert found.defocus_v == pytest.approx(15_000, abs=40)
    assert apart(found.angle, angle) < 2
    assert found.reliable


@pytest.mark.parametrize("defocus", [5_000, 9_000, 18_000, 30_000])
@pytest.mark.parametrize("voltage", [120, 200, 300])
@pytest.mark.parametrize("cs", [0.01, 2.7])
def test_clean_spectra_give_the_defocus_to_a_thousandth(defocus, voltage, cs) -> None:
    spectrum = model(defocus=(defocus, defocus, 0), voltage=voltage, cs=cs, side=1024)
    found = images.ctf(spectrum, cs=cs)
    assert found.defocus == pytest.approx(defocus, abs=max(15, 0.001 * defocus))
    assert found.astigmatism < 80
    assert found.score > 0.9
    assert found.resolution is not None
    assert found.resolution < 4.5
    assert abs(found.defocus - defocus) < 6 * found.deviation + 10


@pytest.mark.parametrize("phase", [30.0, 90.0, 150.0])
def test_phase_shift_is_found_with_the_defocus(phase: float) -> None:
    spectrum = model(defocus=(12_000, 12_000, 0), phase=phase)
    found = images.ctf(spectrum, phase_shift=True)
    assert found.phase_shift == pytest.approx(phase, abs=6)
    assert found.defocus == pytest.approx(12_000, abs=120)
    known = images.ctf(spectrum, phase_shift=phase)
    assert known.phase_shift == pytest.approx(phase)
    assert known.defocus == pytest.approx(12_000, abs=25)
    between = images.ctf(spectrum, phase_shift=(phase - 20, phase + 20))
    assert between.phase_shift == pytest.approx(phase, abs=6)


@pytest.mark.parametrize("given", [-10.0, 170.0, 350.0])
def test_a_phase_shift_is_told_as_it_was_given(given: float) -> None:
    spectrum = model(defocus=(12_000, 12_000, 0), phase=170.0)
    assert images.ctf(spectrum, phase_shift=given).phase_shift == given
    around = images.ctf(spectrum, phase_shift=(given - 20, given + 20))
    assert around.phase_shift == pytest.approx(given, abs=6)


def test_ends_of_a_phase_shift_come_in_any_sequence() -> None:
    spectrum = model(defocus=(12_000, 12_000, 0), phase=90.0)
    known = images.ctf(spectrum, phase_shift=(70, 110))
    for pair in ([70, 110], np.array([70, 110])):
        found = images.ctf(spectrum, phase_shift=pair)
        assert found.phase_shift == known.phase_shift


@pytest.mark.parametrize(
    "wrong", [[60], [60, 90, 120], "90 to 120", "ab", [120, 60], [0, 181], [0, math.nan], [None, 9]]
)
def test_a_phase_shift_that_is_none_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidInput, match="phase") as caught:
        images.ctf(model(defocus=(12_000, 12_000, 0)), phase_shift=wrong)
    assert "upper end" in caught.value.hint


def test_standard_deviations_cover_what_noise_does() -> None:
    apart_by: list[tuple[float, ...]] = []
    for seed in range(40):
        found = images.ctf(
            model(defocus=(15_400, 14_600, 25), depth=0.3, samples=60, side=512, seed=seed)
        )
        assert found.reliable
        apart_by.append(
            (
                (found.defocus - 15_000) / found.deviation,
                (found.defocus_u - 15_400) / found.deviation_u,
                (found.defocus_v - 14_600) / found.deviation_v,
                (found.angle - 25) / found.deviation_angle,
            )
        )
        assert found.deviation < found.deviation_u < 300
        assert found.deviation_angle < 20
    spread = np.sqrt(np.mean(np.square(apart_by), axis=0))
    # of 40 values the root mean square lies within 0.75 and 1.25 times its own in 97 %; the doubt
    # of the model makes deviations larger than the noise does, that of bins a little smaller
    assert ((spread > 0.5) & (spread < 1.6)).all(), spread


def test_an_axis_without_astigmatism_is_anywhere() -> None:
    found = images.ctf(model(defocus=(15_000, 15_000, 0), side=512, samples=100))
    assert found.deviation_angle > 10
    assert images.ctf(model(defocus=(16_000, 14_000, 0))).deviation_angle < 2


def test_more_cells_show_the_rings_of_small_pixels() -> None:
    values = {"defocus_u": 25_000, "defocus_v": 24_000, "angle": 30.0, "signal": 1.2, "dose": 50}
    image, truth = micrographs.simulate(SHAPE, pixel_size=0.65, seed=11, **values)
    known = {"voltage": 300.0, "pixel_size": truth.pixel_size}
    found = images.ctf(image, **known)
    coarse = images.ctf(
        images.periodogram(image, pixel_size=truth.pixel_size, cells=400), voltage=300
    )
    assert found.deviation < 0.9 * coarse.deviation
    assert abs(found.defocus - 24_500) < 5 * found.deviation


def test_quick_fit_finds_the_same() -> None:
    image, truth = micrographs.simulate(SHAPE, defocus_u=14_000, defocus_v=13_500, seed=3)
    known = {"voltage": 300, "pixel_size": truth.pixel_size}
    found, quick = images.ctf(image, **known), images.ctf(image, quick=True, **known)
    assert quick.reliable
    assert quick.defocus == pytest.approx(found.defocus, abs=150)
    assert quick.profile.frequency.max() < found.profile.frequency.max()


def test_small_pixels_are_averaged_first() -> None:
    image, truth = micrographs.simulate(
        (2048, 2048), pixel_size=0.5, defocus_u=11_000, dose=100, seed=2
    )
    found = images.ctf(image, voltage=300, pixel_size=truth.pixel_size)
    assert found.pixel_size == pytest.approx(1.0)
    assert found.defocus == pytest.approx(11_000, abs=200)


def test_a_spectrum_gives_what_its_image_gives() -> None:
    image, truth = micrographs.simulate(SHAPE, defocus_u=15_000, seed=4)
    direct = images.ctf(image, voltage=300, pixel_size=truth.pixel_size)
    spectrum = images.periodogram(image, pixel_size=truth.pixel_size)
    through = images.ctf(spectrum, voltage=300)
    assert through.defocus == pytest.approx(direct.defocus, abs=60)
    tiles = images.ctf(images.spectrum(image, pixel_size=truth.pixel_size), voltage=300)
    assert tiles.defocus == pytest.approx(15_000, abs=300)


def test_the_pixel_size_that_is_given_is_that_of_a_spectrum() -> None:
    image, truth = micrographs.simulate(SHAPE, defocus_u=15_000, seed=4)
    wrong = images.periodogram(image, pixel_size=truth.pixel_size * 0.9)
    found = images.ctf(wrong, voltage=300, pixel_size=truth.pixel_size)
    assert found.pixel_size == truth.pixel_size
    assert found.defocus == pytest.approx(15_000, abs=150)


def flat(rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((1024, 1024))


def declining(rng: np.random.Generator) -> np.ndarray:
    image = rng.standard_normal((1024, 1024))
    transform = np.fft.rfft2(rng.standard_normal((1024, 1024)))
    k2 = np.fft.fftfreq(1024)[:, None] ** 2 + np.fft.rfftfreq(1024) ** 2
    return image + 20 * np.fft.irfft2(transform * np.exp(-k2 * 180))


def stepped(rng: np.random.Generator) -> np.ndarray:
    image = rng.standard_normal((1024, 1024))
    image[:, :400] = image[:, :400] * 2 - 40
    image[500:520] += 30
    return image


@pytest.mark.parametrize("make", [flat, declining, stepped])
@pytest.mark.parametrize("phase_shift", [None, True])
@pytest.mark.parametrize("seed", range(4))
def test_images_without_rings_are_flagged(make, phase_shift, seed) -> None:
    image = make(np.random.default_rng(seed)).astype(np.float32)
    found = images.ctf(image, voltage=300, pixel_size=1.0, phase_shift=phase_shift)
    assert not found.reliable
    assert found.words.startswith("No defocus to rely on")


@pytest.mark.parametrize("side", [64, 96, 128, 192, 256])
@pytest.mark.parametrize("quick", [False, True])
def test_noise_of_few_pixels_is_flagged(side: int, quick: bool) -> None:
    rng = np.random.default_rng(side)
    if quick and side == 64:
        with pytest.raises(InvalidInput, match="too few rings"):
            images.ctf(rng.normal(size=(side, side)), voltage=300, pixel_size=1.5, quick=True)
        return
    # a fifth to two fifths of such images have a score above 0.5 over more than one ring
    found = [
        images.ctf(rng.normal(size=(side, side)), voltage=300, pixel_size=1.5, quick=quick)
        for _ in range(30)
    ]
    assert not any(one.reliable for one in found)
    assert any("do not stand out of the noise" in one.words for one in found)


def test_strong_rings_of_few_pixels_are_reliable() -> None:
    for seed in range(3):
        image, truth = micrographs.simulate(
            (512, 512), defocus_u=14_000, signal=1.5, dose=50, b_factor=30, seed=seed
        )
        found = images.ctf(image, voltage=300, pixel_size=truth.pixel_size)
        assert found.reliable, found.words
        assert found.defocus == pytest.approx(14_000, abs=5 * found.deviation)


def test_words_say_why_a_fit_is_not_relied_on() -> None:
    coarse = model(defocus=(35_000, 35_000, 0), pixel_size=7, side=1024, depth=1.0, samples=4000)
    found = images.ctf(coarse)
    assert not found.reliable
    assert found.score > 0.9
    assert found.words.startswith(
        "No defocus to rely on: the fit ran out of the 0.3 to 5 µm that were searched. The best"
    )
    few = images.ctf(model(defocus=(15_000, 15_000, 0), pixel_size=9.0, side=1024))
    assert few.words.startswith(
        "No defocus to rely on: its rings follow the spectrum too little "
        "(searched from 0.3 to 5 µm). The best"
    )


@pytest.mark.parametrize(
    ("gain", "resolution", "followed", "finest", "words"),
    [
        (39.0, 4.0, 5.0, 3.0, "its rings do not stand out of the noise"),
        (90.0, None, 0.0, 3.0, "not even the rings at 25 Å follow the spectrum"),
        (90.0, 12.3, 1.0, 3.0, "the fit ends at 12.3 Å, with less than two rings"),
        (
            90.0,
            12.3,
            1.0,
            12.0,
            "the fit ends at 12.3 Å, with less than two rings: pixels show no finer ones",
        ),
        (90.0, 4.0, 5.0, 3.0, ""),
    ],
)
def test_doubts_are_told_apart(gain, resolution, followed, finest, words) -> None:
    fit = SimpleNamespace(defocus=15_000.0, gain=gain)
    shown = SimpleNamespace(score=0.99, resolution=resolution, followed=followed)
    found = import_module("openem_nb.images.ctf")._doubt(fit, shown, (3_000.0, 50_000.0), finest)
    assert found == (f"{words} (searched from 0.3 to 5 µm)" if words else "")


@pytest.mark.parametrize("seed", range(20))
def test_any_spectrum_has_an_answer(seed: int) -> None:
    rng = np.random.default_rng(seed)
    fy, fx = np.fft.fftfreq(128), np.fft.rfftfreq(128)
    k = np.hypot(fy[:, None], fx)
    bumps = [
        rng.uniform(-3, 3) * np.exp(-(((k - rng.uniform(0, 0.5)) / 0.05) ** 2)) for _ in range(4)
    ]
    power = np.exp(sum(bumps) + rng.normal(0, 0.05, k.shape)).astype(np.float32)
    spectrum = images.Spectrum(power, fy, fx, 25.0, rng.uniform(0.7, 1.4), 300.0)
    for phase in (None, True):
        found = images.ctf(spectrum, cs=2.7, phase_shift=phase)
        assert math.isfinite(found.defocus_u)
        assert math.isfinite(found.defocus_v)
        assert -1 <= found.score <= 1
        assert found.words


def test_overwhelming_noise_is_flagged() -> None:
    image, truth = micrographs.simulate(
        (1024, 1024), defocus_u=15_000, signal=0.05, covered=0, seed=5
    )
    found = images.ctf(image, voltage=300, pixel_size=truth.pixel_size)
    assert not found.reliable
    assert found.score < 0.5


def test_profile_shows_curve_and_fit_on_one_scale() -> None:
    found = images.ctf(model(defocus=(15_500, 14_500, 30), side=1024))
    profile = found.profile
    assert list(profile.columns) == ["frequency", "power", "fit", "ctf", "cc"]
    assert profile.frequency.is_monotonic_increasing
    inner = profile[(profile.frequency > 0.05) & (profile.frequency < 0.2)]
    assert np.corrcoef(inner.power, inner.fit)[0, 1] > 0.9
    assert inner.cc.min() > 0.5
    assert profile.ctf.between(0, 1).all()
    # the fit is lowest where the transfer function is zero
    for zero in found.zeros(6):
        near = profile[(profile.frequency - zero).abs() < 0.004]
        lowest = float(near.frequency[near.fit.idxmin()])
        assert lowest == pytest.approx(zero, abs=0.0015)


def test_zeros_depend_on_the_direction() -> None:
    found = images.ctf(model(defocus=(16_000, 14_000, 25)))
    along, across = found.zeros(3, azimuth=found.angle), found.zeros(3, azimuth=found.angle + 90)
    assert (along < found.zeros(3)).all()
    assert (found.zeros(3) < across).all()
    expected = math.sqrt((math.pi - math.asin(0.07)) / (math.pi * 0.0196875 * 16_000))
    assert along[0] == pytest.approx(expected, rel=0.01)


def test_words_say_what_was_found() -> None:
    found = images.ctf(model(defocus=(15_500, 14_500, 30)))
    assert found.words.startswith("Underfocus 1.50 µm, astigmatism 10")
    assert "rings fit to" in found.words
    assert found._repr_html_() == f"<p>{found.words}</p>"


def test_the_same_image_gives_the_same_numbers() -> None:
    spectrum = model(defocus=(13_000, 12_800, 10), seed=3)
    one, again = images.ctf(spectrum), images.ctf(spectrum)
    assert (one.defocus_u, one.angle, one.score) == (again.defocus_u, again.angle, again.score)


def test_what_is_not_known_has_to_be_given() -> None:
    image = np.zeros((256, 256), np.float32)
    with pytest.raises(InvalidInput, match="pixel size and voltage"):
        images.ctf(image)
    with pytest.raises(InvalidInput, match="without the voltage"):
        images.ctf(image, pixel_size=1.0)


@pytest.mark.parametrize(
    ("wrong", "words", "unit"),
    [
        ({"voltage": -300}, "voltage is -300 kV", "kV"),
        ({"voltage": 300_000}, "voltage is 300000 kV", "300, not 300000"),
        ({"voltage": "high"}, "voltage is 'high', and has to be a number", "kV"),
        ({"pixel_size": 0}, "pixel size is 0", "Å"),
        ({"pixel_size": float("nan")}, "pixel size is nan", "Å"),
        ({"pixel_size": 8.3e-11}, "pixel_size is 8.3e-11 Å", "Å"),
        ({"cs": float("inf")}, "cs is inf", "mm"),
        ({"cs": 2700}, "cs is 2700 mm", "2.7, not 2700"),
        ({"cs": -2.7}, "cs is -2.7 mm", "mm"),
        ({"amplitude_contrast": 7}, "amplitude_contrast is 7,", "part of 1"),
        ({"amplitude_contrast": None}, "amplitude_contrast is None", "part of 1"),
        ({"defocus": (20_000, 10_000)}, "No defocus lies between", "lower one first"),
        ({"defocus": (-1, 10_000)}, "defocus is -1 Å", "Å"),
        ({"defocus": (0.5, 3)}, "defocus of 0.5 to 3 Å leaves no rings", "in Å"),
        ({"defocus": (5e-7, 3e-6)}, "defocus is 5e-07 Å", "in Å"),
        ({"defocus": 15_000}, "has to be a pair", "in Å"),
        ({"defocus": (None, 3_000)}, "defocus is None", "in Å"),
        ({"phase_shift": (90, 10)}, "phase shift", "lower"),
        ({"phase_shift": float("nan")}, "phase shift", "lower"),
    ],
)
def test_impossible_values_are_refused(wrong: dict[str, Any], words: str, unit: str) -> None:
    image = np.random.default_rng(0).standard_normal((256, 256))
    with pytest.raises(InvalidInput, match=re.escape(words)) as caught:
        images.ctf(image, **{"voltage": 300, "pixel_size": 1.0, **wrong})
    assert unit in (caught.value.hint or "")


def test_what_is_assumed_is_said() -> None:
    spectrum = model(defocus=(15_500, 14_500, 30))
    for one in (images.ctf(spectrum), images.ctf(spectrum, cs=None)):
        assert (one.cs, one.cs_assumed) == (2.7, True)
        assert one.words.endswith(" Cs was assumed to be 2.7 mm.")
    given = images.ctf(spectrum, cs=2.7)
    assert not given.cs_assumed
    assert given.words.endswith("Å.")
    assert given.defocus == one.defocus
    flat_words = images.ctf(flat(np.random.default_rng(0)), voltage=300, pixel_size=1.0).words
    assert flat_words.endswith("assumed to be 2.7 mm.")


@pytest.mark.parametrize("path", ["x.mrc", Path("x.mrc")])
@pytest.mark.parametrize(
    "measure", [images.ctf, images.ice, images.spectrum, images.periodogram, images.statistics]
)
def test_a_path_has_to_be_opened_first(measure: Any, path: Any) -> None:
    with pytest.raises(InvalidInput, match="not the name of its file") as caught:
        measure(path)
    assert "images.open_image('x.mrc')" in caught.value.hint


@pytest.mark.parametrize(
    ("image", "pixel_size"),
    [(np.zeros((512, 512)), 1.0), (np.ones((32, 32)), 1.0), (np.eye(256), 20.0)],
)
def test_images_that_cannot_have_rings_are_refused(image: np.ndarray, pixel_size: float) -> None:
    with pytest.raises(InvalidInput, match="too few rings"):
        images.ctf(image, voltage=300, pixel_size=pixel_size)


def test_the_finest_distance_that_pixels_show_is_named() -> None:
    image = np.random.default_rng(0).normal(size=(256, 256))
    with pytest.raises(InvalidInput, match=r"pixels of 11 Å .* between 25 and 23\.2 Å"):
        images.ctf(image, voltage=300, pixel_size=11.0)
