"""Several threads for a person who waits, one for a worker among many."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from openem_nb.images.threads import alone, workers
from openem_nb.mining._work import work
from openem_nb.mining.files import ImageFile
from openem_nb.mining.parameters import Parameters

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


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
