"""Damaged image files: whatever the bytes are, a reader gives readings and findings, in time."""

from __future__ import annotations

import pickle
import random
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from _header_files import (
    damaged,
    dm,
    dm_tree,
    eer,
    emi,
    fei_record,
    mrc,
    prz,
    prz_metadata,
    ser,
    tiff,
    velox,
)

from openem_nb.formats.pickled import Refused, plain
from openem_nb.oscem.readers._reading import QUANTITIES, Reading
from openem_nb.oscem.readers.dm import read_dm
from openem_nb.oscem.readers.eer import read_eer
from openem_nb.oscem.readers.mrc import read_mrc
from openem_nb.oscem.readers.prz import read_prz
from openem_nb.oscem.readers.tia import read_tia
from openem_nb.oscem.readers.tiff import read_tiff
from openem_nb.oscem.readers.velox import read_velox

Reader = Callable[..., tuple[Reading, ...]]

FEI = fei_record("FEI1", fields={"HT": 3e5, "Dose": 1e21, "Applied defocus": -1e-6})
CASES: dict[str, tuple[Reader, str, tuple[bytes, ...]]] = {
    "mrc": (read_mrc, "a.mrc", (mrc(), mrc(order=">"), mrc(extended=FEI, kind=b"FEI1"))),
    "tiff": (read_tiff, "a.tif", (tiff(), tiff(3, big=True))),
    "eer": (read_eer, "a.eer", (eer(),)),
    "dm": (read_dm, "a.dm4", (dm(dm_tree()), dm(dm_tree(), version=4))),
    "velox": (read_velox, "a.emd", (velox(),)),
    "prz": (read_prz, "a.prz", (prz(prz_metadata()), prz({"source.type": "x"}, as_json=True))),
    "emi": (read_tia, "a.emi", (emi(("High tension", "200", "kV"), ("Mode", "TEM", "")),)),
    "ser": (read_tia, "a.ser", (ser(), ser(version=0x210))),
}

MEMORY: Final = 256 * 1024
"""kB that reading damaged files may take beyond what it took before."""


def survive(name: str, seeds: range) -> None:
    reader, path, wholes = CASES[name]
    for whole in wholes:
        assert reader(Path(path), data=whole)[0].findings == ()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    slowest = 0.0
    codes: set[str] = set()
    for seed in seeds:
        data = damaged(wholes[seed % len(wholes)], random.Random(seed))
        begin = time.thread_time()  # of the processor: others may be at work, too
        readings = reader(Path(path), data=data)
        slowest = max(slowest, time.thread_time() - begin)
        assert readings, seed
        for reading in readings:
            codes |= {one.code for one in reading.findings}
            assert set(reading.values) <= set(QUANTITIES), seed
            assert all(one is not None and one != "" for one in reading.values.values()), seed
            numbers = [one for one in reading.values.values() if isinstance(one, float)]
            assert np.isfinite(numbers).all(), seed
    assert codes & {"damaged", "truncated"}  # the damage was real
    assert slowest < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEMORY


@pytest.mark.parametrize("name", CASES)
def test_damaged_files_are_survived(name: str) -> None:
    survive(name, range(300))


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", CASES)
def test_many_damaged_files_are_survived(name: str) -> None:
    survive(name, range(1000, 11_000))


def survive_pickles(seeds: range) -> None:
    value = np.array([prz_metadata()], dtype=object)
    wholes = [pickle.dumps(value, protocol=protocol) for protocol in (0, 2, 3, 4, 5)]
    refused = 0
    for seed in seeds:
        try:
            plain(damaged(wholes[seed % len(wholes)], random.Random(seed)))
        except Refused:
            refused += 1
    assert refused > len(seeds) / 2


def test_damaged_pickles_are_refused() -> None:
    survive_pickles(range(300))


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_many_damaged_pickles_are_refused() -> None:
    survive_pickles(range(1000, 11_000))
