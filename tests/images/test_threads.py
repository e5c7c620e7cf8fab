"""Several threads for a person who waits, one for a worker among many."""

from __future__ import annotations

import importlib
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import mrcfile
import numpy as np
import pytest
from threadpoolctl import ThreadpoolController

from openem_nb.images.threads import alone, once, plain_algebra, workers
from openem_nb.mining import mine
from openem_nb.mining._work import work
from openem_nb.mining.engines import Threads
from openem_nb.mining.files import ImageFile
from openem_nb.mining.parameters import Parameters

if TYPE_CHECKING:
    from pathlib import Path


def test_a_worker_has_one_thread_and_nobody_else_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(3)), raising=False)
    found = []
    with alone():
        with alone():
            assert workers() == 1
        assert workers() == 1
        other = threading.Thread(target=lambda: found.append(workers()))
        other.start()
        other.join()
    assert (workers(), found) == (3, [3])


def test_more_than_four_threads_only_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    assert workers() == 4


def test_what_mines_measures_each_file_in_one_thread(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(3)), raising=False)
    monkeypatch.setattr("openem_nb.mining.measure.measure", lambda *_: {"threads": workers()})
    file = ImageFile(tmp_path / "a.mrc", "a.mrc", 1, 1)
    assert work([file, file], Parameters(), tmp_path) == [{"threads": 1}, {"threads": 1}]
    assert workers() == 3


class _Meeting:
    """Computes its value when another one does so at the same time, and not before."""

    meet = threading.Barrier(2)

    def __init__(self) -> None:
        self.times = 0

    @once
    def value(self) -> int:
        """Both."""
        self.times += 1
        return self.meet.wait(timeout=120)


def test_objects_do_not_wait_for_one_another() -> None:
    both = _Meeting(), _Meeting()
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda one: one.value, both))
    assert sorted(found) == [0, 1]
    assert [one.value for one in both] == found
    assert [one.times for one in both] == [1, 1]
    assert (_Meeting.value.__doc__, type(_Meeting.value)) == ("Both.", once)


def test_files_that_are_measured_at_once_have_their_spectra_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spectra = importlib.import_module("openem_nb.images.spectrum")
    meet, periodogram = threading.Barrier(2), spectra.periodogram

    def together(*args: Any, **options: Any) -> Any:
        meet.wait(timeout=120)
        return periodogram(*args, **options)

    monkeypatch.setattr(spectra, "periodogram", together)
    for name in "ab":
        image = np.random.default_rng(1).normal(40, 6, (256, 256)).astype(np.float32)
        mrcfile.write(tmp_path / f"{name}.mrc", image, voxel_size=1.1)
    mined = mine(tmp_path, measures=["ice"], workers=2, out=tmp_path / "out")
    assert (len(mined.frame), len(mined.problems)) == (2, 0)


def algebra() -> set[int]:
    """Return how many threads the libraries of linear algebra use."""
    np.ones((2, 2)) @ np.ones((2, 2))
    found = ThreadpoolController().info()
    return {one["num_threads"] for one in found if one["user_api"] == "blas"}


def test_linear_algebra_gets_its_threads_back_from_whoever_leaves_last() -> None:
    with ThreadpoolController().limit(limits=2, user_api="blas"):
        before = algebra()
        one, other = plain_algebra(), plain_algebra()
        one.__enter__()
        other.__enter__()
        assert algebra() == {1}
        one.__exit__(None, None, None)
        assert algebra() == {1}
        other.__exit__(None, None, None)
        assert algebra() == before == {2}


def test_threads_that_mine_wait_less_for_the_interpreter_and_only_while_they_do() -> None:
    before = sys.getswitchinterval()
    first, second = Threads(2), Threads(2)
    first.close()
    assert sys.getswitchinterval() == pytest.approx(1e-3)
    second.close()
    assert sys.getswitchinterval() == pytest.approx(before)
