from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from openem_nb import jobs
from openem_nb.errors import Cancelled, InvalidInput, Unreachable
from openem_nb.panels import JobList, Row, RowList
from openem_nb.panels._panel import Panel

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from openem_nb.jobs import Progress


def row(shown: JobList) -> dict[str, Any]:
    return shown.rows[0] if shown.rows else {}


def wait_for_cancel(progress: Progress) -> None:
    progress.update(3, total=12, message="Reading", unit="entries")
    progress.wait(120)


def test_a_job_is_followed_from_running_to_its_end(until: Any, closing: Any) -> None:
    shown = closing(JobList("Jobs"))
    go = threading.Event()

    def work(progress: Progress) -> int:
        progress.update(1, total=4, message="First part")
        go.wait(120)
        return 7

    job = jobs.runner().submit(work, title="Count")
    shown.follow(job, describe=lambda number: f"{number} things")
    until(lambda: row(shown).get("fraction") == 0.25)
    assert row(shown)["message"] == "First part"
    assert row(shown)["state"] == "Running"
    assert row(shown)["active"] is True
    go.set()
    until(lambda: row(shown)["state"] == "Done")
    assert row(shown)["message"] == "7 things"
    assert row(shown)["actions"] == (("dismiss", "Dismiss"),)


def test_cancel_reaches_the_job_and_is_shown_at_once(
    until: Any, ask: Callable[..., Any], closing: Any
) -> None:
    shown = closing(JobList())
    job = jobs.runner().submit(wait_for_cancel, title="Wait")
    shown.follow(job)
    until(lambda: row(shown).get("state") == "Running")
    assert ask(shown, "cancel", row=row(shown)["key"])["type"] == "reply"
    until(lambda: row(shown)["state"] == "Cancelled")
    assert isinstance(job.error, Cancelled)


def test_a_failed_job_says_why_and_can_be_retried_or_dismissed(
    until: Any, ask: Callable[..., Any], closing: Any
) -> None:
    shown = closing(JobList())
    tries: list[int] = []

    def fail(_: Progress) -> None:
        raise Unreachable("Nobody answers.", hint="Try later.")

    def again() -> None:
        tries.append(1)
        shown.follow(jobs.runner().submit(fail, title="Ask"), retry=again)

    again()
    until(lambda: row(shown).get("state") == "Failed")
    assert row(shown)["message"] == "Nobody answers. Try later."
    assert [action for action, _ in row(shown)["actions"]] == ["retry", "dismiss"]
    key = row(shown)["key"]
    ask(shown, "retry", row=key)
    until(lambda: row(shown).get("state") == "Failed" and row(shown)["key"] != key)
    assert len(tries) == 2
    assert len(shown.rows) == 1
    ask(shown, "dismiss", row=row(shown)["key"])
    until(lambda: shown.rows == [])


def test_a_job_that_is_not_kept_goes_when_it_has_ended(until: Any, closing: Any) -> None:
    shown = closing(JobList())
    job = jobs.runner().submit(wait_for_cancel, title="Wait")
    shown.follow(job, keep=False)
    until(lambda: len(shown.rows) == 1)
    job.cancel()
    until(lambda: shown.rows == [])


def test_the_row_has_gone_when_the_result_shows(closing: Any, until: Any) -> None:
    panel = closing(Panel("A panel", notice=None))
    go = threading.Event()
    seen: list[Any] = []

    def show(_: bool) -> None:
        seen.append(list(panel.jobs.rows))
        panel.jobs.settle()  # a later drawing does not bring it back
        seen.append(list(panel.jobs.rows))

    job = panel._start("Wait", lambda _: go.wait(120), show)
    until(lambda: len(panel.jobs.rows) == 1)
    go.set()
    job.result(120)
    assert seen == [[], []]


def test_thousands_of_updates_become_a_few_messages(until: Any, closing: Any) -> None:
    shown = closing(JobList())
    messages: list[Any] = []
    shown.observe(messages.append, names="rows")

    def work(progress: Progress) -> None:
        for number in range(20_000):
            progress.update(number, total=20_000)

    job = jobs.runner().submit(work, title="Flood")
    shown.follow(job)
    job.result(120)
    until(lambda: row(shown).get("state") == "Done")
    seconds = job.progress.snapshot().seconds
    assert len(messages) <= 5 * seconds + 3


def test_nothing_travels_while_nothing_changes(until: Any, closing: Any) -> None:
    shown = closing(RowList("List"))
    messages: list[Any] = []
    shown.observe(messages.append, names="rows")
    for _ in range(5):
        shown.show([Row("1", "One", "Done")])
    assert len(messages) == 1


def test_every_request_is_answered_whatever_happens(ask: Callable[..., Any], closing: Any) -> None:
    shown = closing(RowList("List"))

    def refuse(_: str) -> None:
        raise InvalidInput("Not now.", hint="Wait.")

    def break_down(_: str) -> None:
        raise ZeroDivisionError("oops")

    shown.on_action("refuse", refuse)
    shown.on_action("break", break_down)
    refused = ask(shown, "refuse", row="1")
    assert (refused["type"], refused["message"]) == ("error", "Not now. Wait.")
    assert ask(shown, "break", row="1")["message"] == "Unexpected ZeroDivisionError: oops"
    assert ask(shown, "unknown", row="1")["type"] == "error"
    assert ask(closing(JobList()), "cancel", row="gone")["type"] == "reply"


def test_a_request_that_comes_twice_is_done_once_and_answered_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows, pressed, answers = RowList("Work"), [], []
    rows.on_action("cancel", pressed.append)
    monkeypatch.setattr(rows, "send", answers.append)
    request = {"type": "request", "key": "a", "action": "cancel", "content": {"row": "1"}}
    for message in (request, request, {**request, "key": "b"}):
        rows._handle_custom_msg(message, [])
    assert pressed == ["1", "1"]
    assert [one["key"] for one in answers] == ["a", "a", "b"]
    assert all(one["type"] == "reply" for one in answers)
    rows.close()
