from __future__ import annotations

import io
import pickle
import threading
import time
import traceback

import pytest

from openem_nb.errors import Cancelled, InvalidInput
from openem_nb.jobs import INTERVAL, JobRunner, JobState, Progress, ProgressState, follow, runner


def test_state_in_numbers_and_words() -> None:
    progress = Progress(unit="entries")
    assert progress.snapshot().fraction is None
    progress.update(30, total=120, message="Reading headers")
    state = progress.snapshot()
    assert state.fraction == 0.25
    assert state.text.startswith("30 of 120 entries")
    progress.advance(90)
    assert progress.snapshot().fraction == 1.0
    assert ProgressState(done=5, total=0).fraction == 1.0


def test_rate_and_time_left() -> None:
    state = ProgressState(done=30, total=120, rate=10.0)
    assert state.seconds_left == 9.0
    assert state.text == "30 of 120, 9 s left"
    assert ProgressState(done=30, total=120).seconds_left is None
    assert (
        ProgressState(done=2.5e9, total=1e10, unit="B", rate=1e9).text
        == "2.5 GB of 10 GB, 8 s left"
    )


def test_a_smaller_amount_begins_a_new_stage() -> None:
    progress = Progress()
    progress.update(100, total=100)
    progress.update(0, message="Second stage")
    state = progress.snapshot()
    assert (state.done, state.total, state.rate) == (0, None, None)


def test_what_is_waited_for_does_not_count_for_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    progress = Progress(unit="B")
    progress.update(0, total=100, message="Waiting for the tape")
    progress.advance(20, earlier=True)
    now[0] += 36_000
    progress.update(message="Downloading")
    now[0] += 10
    progress.update(60, message="Downloading the next")
    assert progress.snapshot().rate == 4.0
    assert progress.snapshot().seconds_left == 10.0


def test_line_and_html_are_bounded_and_escaped() -> None:
    state = ProgressState(done=1, total=4, message='A "quoted" <b>stage</b> ' + "x" * 200)
    assert len(state.line(60)) == 60
    assert state.line(60).startswith(" 25%")
    html = state._repr_html_()
    assert "<b>" not in html
    assert 'value="25"' in html
    assert "aria-label=" in html
    assert "value=" not in ProgressState().html()


def test_listeners_hear_at_most_five_times_a_second_and_always_the_last() -> None:
    progress, heard = Progress(), []
    unsubscribe = progress.subscribe(lambda state: heard.append((time.monotonic(), state.done)))
    started = time.monotonic()
    count = 0
    while len(heard) < 4:
        count += 1
        progress.update(count)
    took = time.monotonic() - started
    unsubscribe()
    progress.update(count + 5)
    assert heard[-1][1] == count
    assert len(heard) <= took / INTERVAL + 2
    assert count > 100


def test_a_late_state_arrives_without_further_updates() -> None:
    progress, arrived = Progress(), threading.Event()
    unsubscribe = progress.subscribe(lambda state: arrived.set() if state.done == 2 else None)
    progress.update(1)
    progress.update(2)
    assert arrived.wait(120)
    unsubscribe()
    unsubscribe()


def test_job_brings_result_error_and_state() -> None:
    pool = JobRunner(workers=1)
    go = threading.Event()

    def wait(progress: Progress) -> int:
        progress.update(1, total=2, message="half")
        go.wait(120)
        return 42

    first = pool.submit(wait, title="first")
    second = pool.submit(lambda progress: 1 / 0, title="second")
    while first.state is not JobState.RUNNING:
        time.sleep(0.001)
    assert second.state is JobState.QUEUED
    with pytest.raises(TimeoutError, match="first"):
        first.result(0.01)
    go.set()
    assert first.result(120) == 42
    with pytest.raises(ZeroDivisionError):
        second.result(120)
    assert (first.state, second.state) == (JobState.DONE, JobState.FAILED)
    assert first.error is None
    assert isinstance(second.error, ZeroDivisionError)
    pool.close()


def test_a_timeout_raised_by_the_work_is_the_works_own() -> None:
    pool = JobRunner()

    def work(progress: Progress) -> None:
        raise TimeoutError("from the work")

    with pytest.raises(TimeoutError, match="from the work"):
        pool.submit(work, title="x").result(120)
    pool.close()


def test_cancel_running_and_queued() -> None:
    pool = JobRunner(workers=1)
    running = pool.submit(lambda progress: progress.wait(60), title="running")
    queued = pool.submit(lambda progress: "never", title="queued")
    queued.cancel()
    running.cancel()
    for job in (running, queued):
        with pytest.raises(Cancelled):
            job.result(120)
        assert job.state is JobState.CANCELLED
    pool.close()


def test_when_done_is_called_once_even_if_late() -> None:
    pool, seen = JobRunner(), []
    job = pool.submit(lambda progress: "x", title="x")
    job.when_done(lambda done: seen.append(done.state))
    job.result(120)
    job.when_done(lambda done: seen.append(done.state))
    pool.close()
    assert seen == [JobState.DONE, JobState.DONE]


def test_close_ends_all_threads() -> None:
    pool = JobRunner(workers=2)
    jobs = [pool.submit(lambda progress: progress.wait(60), title=str(n)) for n in range(6)]
    pool.close()
    assert all(job.state is JobState.CANCELLED for job in jobs)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("openem")]


def test_the_shared_runner_is_one() -> None:
    assert runner() is runner()


def test_follow_writes_stages_to_a_log() -> None:
    stream = io.StringIO()
    with follow(stream) as progress:
        for stage in ("Listing", "Fetching"):
            for step in range(50):
                progress.update(step, total=50, message=stage)
            time.sleep(2 * INTERVAL)
    lines = stream.getvalue().splitlines()
    assert [line.split("%")[1].split()[0] for line in lines] == ["Listing", "Fetching"]


def test_follow_draws_one_line_on_a_terminal() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    with follow(stream) as progress:
        progress.update(1, total=2, message="Fetching")
    assert "Fetching" in stream.getvalue()
    assert "\n" not in stream.getvalue()
    assert stream.getvalue().endswith("\r\x1b[2K")


def test_an_error_of_ours_shows_its_hint_in_a_notebook() -> None:
    error = InvalidInput("No country 'Swizerland'.", hint="Did you mean Switzerland?")
    assert error._render_traceback_() == [
        "InvalidInput: No country 'Swizerland'.",
        "What to do: Did you mean Switzerland?",
    ]


def test_an_error_of_ours_shows_its_hint_in_a_plain_script() -> None:
    error = InvalidInput("No country 'Swizerland'.", hint="Did you mean Switzerland?")
    error = pickle.loads(pickle.dumps(error))
    shown = traceback.format_exception(error)
    assert shown[-1] == "What to do: Did you mean Switzerland?\n"
    error.hint = "Look at the list."
    assert traceback.format_exception(error)[-1] == "What to do: Look at the list.\n"
    error.hint = ""
    assert "What to do" not in "".join(traceback.format_exception(error))
