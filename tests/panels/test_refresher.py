from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from openem_nb.panels._refresher import Refresher


def threads() -> int:
    return sum(thread.name == "openem-refresh" for thread in threading.enumerate())


def test_many_requests_become_few_drawings_and_the_last_is_drawn(until: Any) -> None:
    seen: list[int] = []
    value = [0]

    def draw() -> bool:
        seen.append(value[0])
        return False

    refresher = Refresher(draw, interval=0.1)
    began = time.monotonic()
    while len(seen) < 4:
        value[0] += 1
        refresher.ask()
    assert time.monotonic() - began > 0.29, "three intervals lie between four drawings"
    assert value[0] > 4
    until(lambda: seen[-1] == value[0])
    until(lambda: threads() == 0)
    refresher.ask()
    until(lambda: len(seen) > 1 and threads() == 0)
    refresher.close()


def test_it_goes_on_by_itself_while_something_runs(until: Any) -> None:
    left = [5]

    def draw() -> bool:
        left[0] -= 1
        return left[0] > 0

    refresher = Refresher(draw, interval=0.01)
    refresher.ask()
    until(lambda: left[0] == 0 and threads() == 0)
    refresher.close()


def test_close_waits_for_the_thread_and_nothing_is_drawn_after_it() -> None:
    count = [0]

    def draw() -> bool:
        count[0] += 1
        return True

    refresher = Refresher(draw, interval=0.01)
    refresher.ask()
    refresher.close()
    drawn = count[0]
    refresher.ask()
    time.sleep(0.05)
    assert count[0] == drawn
    assert threads() == 0


def test_a_drawing_may_close_it(until: Any) -> None:
    refresher = Refresher(lambda: bool(refresher.close()), interval=0.01)
    refresher.ask()
    until(lambda: threads() == 0)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_failed_drawing_is_reported_and_the_next_one_works(until: Any) -> None:
    fail = [True]
    good = threading.Event()

    def draw() -> bool:
        if fail[0]:
            fail[0] = False
            raise ValueError("broken")
        good.set()
        return False

    refresher = Refresher(draw, interval=0.01)
    refresher.ask()
    until(lambda: not fail[0] and threads() == 0)
    refresher.ask()
    assert good.wait(120)
    refresher.close()


def test_settling_waits_for_what_was_asked_for() -> None:
    go_on, drawn = threading.Event(), [0]

    def draw() -> bool:
        go_on.wait(120)
        drawn[0] += 1
        return True

    refresher = Refresher(draw, interval=0.01)
    refresher.settle()  # nothing was asked for
    refresher.ask()
    threading.Timer(0.1, go_on.set).start()
    refresher.settle()
    assert drawn[0] >= 1
    refresher.close()
    refresher.settle()
