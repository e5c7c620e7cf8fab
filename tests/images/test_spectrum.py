"""Power spectra: scale, place, direction, and what must not show in them."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openem_nb import images
from openem_nb.errors import InvalidInput


def noise(shape: tuple[int, int], seed: int = 0, std: float = 3.0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(shape) * std + 40).astype(np.float32)


def wave(shape: tuple[int, int], fy: float, fx: float) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.cos(2 * np.pi * (fy * y + fx * x)).astype(np.float32)


def whole_plane(found: images.Spectrum) -> np.ndarray:
    """Power of both halves: columns beside the first and the last count twice."""
    inner = found.power[:, 1:-1]
    return np.concatenate([found.power[:, :1], inner, inner, found.power[:, -1:]], axis=1)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), side=st.sampled_from([16, 32, 60, 64]), offset=st.floats(-99, 99))
def test_parseval_holds_for_a_tile(seed: int, side: int, offset: float) -> None:
    image = noise((side, side), seed) + np.float32(offset)
    found = images.spectrum(image, tile=side)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(side) / side)
    weight = np.outer(window, window)
    step = max(1, int((image.size // 20_000) ** 0.5))
    seen = (image - image[::step, ::step].mean(dtype=np.float64)) * weight
    assert whole_plane(found).mean() == pytest.approx(
        float((seen**2).sum() / (weight**2).sum()), rel=1e-4
    )


@pytest.mark.parametrize("make", [images.spectrum, images.periodogram])
@pytest.mark.parametrize("shape", [(512, 512), (400, 730), (1100, 901)])
def test_white_noise_has_its_variance_at_every_frequency(make, shape) -> None:
    found = make(noise(shape, 1))
    assert found.power.mean() == pytest.approx(9, rel=0.03)
    middle = len(found.radial) // 2
    assert found.radial[:middle].mean() == pytest.approx(9, rel=0.05)
    assert found.radial[middle:].mean() == pytest.approx(9, rel=0.05)


@pytest.mark.parametrize("make", [images.spectrum, images.periodogram])
def test_samples_are_how_many_estimates_are_averaged(make) -> None:
    found = make(noise((2048, 2048), 2), **({"cells": 200} if make is images.periodogram else {}))
    # means of blocks of 8 x 8 values, so that what neighbours share is counted
    rows = found.power[8:104, 8:104]
    blocks = rows.reshape(12, 8, 12, 8).mean(axis=(1, 3))
    seen = (blocks.mean() / blocks.std()) ** 2 / 64
    assert seen == pytest.approx(found.samples, rel=0.35)


@pytest.mark.parametrize("make", [images.spectrum, images.periodogram])
@pytest.mark.parametrize("shape", [(512, 512), (600, 1500), (2400, 1700)])
@pytest.mark.parametrize(("fy", "fx"), [(0.1, 0.2), (-0.1, 0.2), (-0.3, 0.05)])
def test_a_wave_stands_at_its_frequency(make, shape, fy, fx) -> None:
    found = make(noise(shape, 3) + 5 * wave(shape, fy, fx), pixel_size=2.0)
    row, column = np.unravel_index(int(found.power.argmax()), found.power.shape)
    assert found.fy[row] == pytest.approx(fy, abs=found.fy[1])
    assert found.fx[column] == pytest.approx(fx, abs=found.fx[1])
    ring = found.frequency[int(found.radial.argmax())]
    assert ring == pytest.approx(np.hypot(fy, fx) / 2.0, abs=found.fy[1])
    picture = found.picture(512)
    assert picture.shape == (512, 512)
    y, x = 256 + fy * 512, 256 + fx * 512
    found_y, found_x = np.unravel_index(int(picture.argmax()), picture.shape)
    if found_x < 256:
        found_y, found_x = 512 - found_y, 512 - found_x
    assert abs(found_y - y) <= 2
    assert abs(found_x - x) <= 2


def test_the_picture_is_symmetric_and_even() -> None:
    picture = images.periodogram(noise((512, 512), 4)).picture(256)
    left, right = picture[1:, 1:128], picture[1:, 129:]
    assert np.allclose(left, right[::-1, ::-1], rtol=1e-4)
    assert picture.mean() == pytest.approx(1, abs=0.15)
    logarithm = images.spectrum(noise((512, 512), 4)).picture(256, flatten=False)
    assert logarithm[60:100, 60:100].mean() == pytest.approx(np.log10(9), abs=0.1)


@pytest.mark.parametrize("make", [images.spectrum, images.periodogram])
def test_hot_pixels_do_not_whiten_the_spectrum(make) -> None:
    image = noise((512, 512), 5)
    clean = make(image).radial
    image[100, 200] = 1e6
    image[300, 17] = np.float32(65535)
    assert make(image).radial[4:] == pytest.approx(clean[4:], rel=0.02)


@pytest.mark.parametrize("make", [images.spectrum, images.periodogram])
@pytest.mark.parametrize("kind", ["u1", "i2", "u2", "f8", ">f4", "f2"])
def test_all_types_of_pixels_give_the_same(make, kind: str) -> None:
    image = np.rint(noise((256, 256), 6))
    expected = make(image).radial
    assert make(image.astype(kind)).radial == pytest.approx(expected, rel=1e-3)


def test_fewer_frequencies_are_the_same_frequencies() -> None:
    image = noise((1800, 1700), 7)
    whole, part = images.periodogram(image), images.periodogram(image, limit=0.25)
    assert part.fx[-1] <= 0.25 < whole.fx[-1]
    count = len(part.fx)
    assert np.allclose(part.power[:50, :count], whole.power[:50, :count], rtol=1e-4)
    assert np.allclose(part.power[-50:, :count], whole.power[-50:, :count], rtol=1e-4)


def test_threads_do_not_share_their_memory() -> None:
    pictures = [noise((900, 900), seed) for seed in range(4)]
    alone = [images.periodogram(picture).power for picture in pictures]
    together: dict[int, np.ndarray] = {}

    def work(number: int) -> None:
        for _ in range(3):
            together[number] = images.periodogram(pictures[number]).power

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, power in enumerate(alone):
        assert (together[number] == power).all()


@pytest.mark.parametrize("make", [images.spectrum, images.periodogram])
@pytest.mark.parametrize(
    "wrong", [np.zeros((8, 8)), np.zeros((3, 64, 64)), np.zeros((64, 64), complex), np.zeros(9)]
)
def test_what_is_no_image_is_refused(make, wrong) -> None:
    with pytest.raises(InvalidInput):
        make(wrong)


def test_impossible_tiles_and_limits_are_refused() -> None:
    image = noise((64, 64))
    for wrong in ({"tile": 4}, {"overlap": 1.0}, {"overlap": -0.1}):
        with pytest.raises(InvalidInput):
            images.spectrum(image, **wrong)
    for limit in (0.0, 0.7):
        with pytest.raises(InvalidInput):
            images.periodogram(image, limit=limit)
    with pytest.raises(InvalidInput, match="pixel size"):
        images.spectrum(image, pixel_size=0)


def test_an_empty_image_has_no_power() -> None:
    for make in (images.spectrum, images.periodogram):
        assert (make(np.full((128, 128), 7, np.int16)).power == 0).all()
