from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

import openem_nb as openem
from openem_nb import lab, settings, tokens
from openem_nb.errors import NotOnDisk
from openem_nb.panels import RetrievalPanel, SearchPanel
from openem_nb.practice import serve
from openem_nb.scicat import Pace, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from openem_nb.practice import Facility

EVIL = "<img src=x onerror=alert(1)>\n\u202egpj.exe"
QUICK = Pace(0.05, 0.2)


@pytest.fixture(autouse=True)
def no_retrieval_is_left(own_environment: None) -> Iterator[None]:
    """End the workers of a test that failed half-way, and take note of the end of the others."""
    yield
    for one in openem.retrievals(server=False):
        one.cancel()
        one.wait(120)


@pytest.fixture
def catalogue(monkeypatch: pytest.MonkeyPatch) -> Iterator[Facility]:
    """Run a facility of the test's own: a server remembers what was asked of it."""
    with serve(entries=50, seed=3, datasets=60, tape_seconds=0.3) as facility:
        monkeypatch.setenv("OPENEM_PROFILE", "practice")
        monkeypatch.setenv("OPENEM_PRACTICE_URL", facility.url)
        yield facility


@pytest.fixture
def add(ada: str, catalogue: Facility) -> Callable[..., str]:
    """Return a function that makes a data set of ada's on tape."""

    def make(**shape: Any) -> str:
        pid: str = catalogue.scicat["practice"].add_dataset(
            **{"files": 4, "size": 64 * 1024, "group": "p20001", **shape}
        )
        return pid

    return make


@pytest.fixture
def panel(ada: str, catalogue: Facility, closing: Any, until: Any) -> RetrievalPanel:
    opened = closing(RetrievalPanel())
    opened.job.result(120)
    return opened


def row(shown: Any, key: str) -> dict[str, Any]:
    return next((one for one in shown.rows if one["key"] == key), {})


def buttons(shown: Any, key: str) -> list[str]:
    return [action for action, _ in row(shown, key).get("actions", ())]


def press(ask: Callable[..., Any], shown: Any, action: str, key: str) -> None:
    assert action in buttons(shown, key), row(shown, key)
    assert ask(shown, action, row=key)["type"] == "reply"


def test_nothing_is_said_to_be_under_way(panel: RetrievalPanel) -> None:
    assert "Nothing is being brought back" in panel.active.empty
    assert settings.profile().notice in panel.banner.value


def test_a_retrieval_is_followed_to_its_end_and_its_folder_can_be_opened(
    panel: RetrievalPanel,
    add: Callable[..., str],
    until: Any,
    ask: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = tmp_path / "books"
    root.mkdir()
    monkeypatch.setenv("OPENEM_LAB_ROOT", str(root))
    lab._lay_links(root)
    pid = add()
    one = openem.retrieve(pid)
    until(lambda: one.refresh().state is State.READY)
    panel.refresh()
    until(lambda: row(panel.active, one.id).get("state") == "Ready")
    press(ask, panel.active, "resume", one.id)
    until(lambda: row(panel.past, one.id).get("state") == "Verified")
    until(lambda: panel.active.rows == [])
    shown = row(panel.past, one.id)
    assert shown["message"] == "Verified: 4 files, 262 kB"
    folder = one.folders[pid]
    assert shown["path"] == str(folder)
    (link,) = shown["links"]
    assert link == {
        "label": "Open folder",
        "path": f"scicat/practice/{folder.name}",
        "view": "lab/tree",
    }
    assert (root / link["path"]).samefile(folder)


def test_a_button_that_is_pressed_while_another_is_obeyed_comes_next(
    panel: RetrievalPanel,
    catalogue: Facility,
    add: Callable[..., str],
    until: Any,
    ask: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pid = add()
    catalogue.scicat["practice"].robot.ask(pid, "hold")
    one = openem.retrieve(pid)
    one.pause()
    panel.refresh()
    until(lambda: {"resume", "cancel"} <= set(buttons(panel.active, one.id)))
    go, resume = threading.Event(), type(one).resume
    begun = threading.Event()

    def slow(retrieval: Any) -> Any:
        begun.set()
        go.wait(120)
        return resume(retrieval, pace=QUICK)

    monkeypatch.setattr(type(one), "resume", slow)
    assert ask(panel.active, "resume", row=one.id)["type"] == "reply"
    assert begun.wait(120)
    assert ask(panel.active, "cancel", row=one.id)["type"] == "reply"
    go.set()
    until(lambda: row(panel.past, one.id).get("state") == "Cancelled")


def test_buttons_do_what_they_say(
    panel: RetrievalPanel,
    catalogue: Facility,
    add: Callable[..., str],
    until: Any,
    ask: Callable[..., Any],
) -> None:
    pid = add()
    catalogue.scicat["practice"].robot.ask(pid, "hold")  # the tape does not come by itself
    one = openem.retrieve(pid)
    one.start(pace=QUICK)
    panel.refresh()
    until(lambda: "pause" in buttons(panel.active, one.id))
    press(ask, panel.active, "pause", one.id)
    until(lambda: row(panel.active, one.id).get("state") == "Paused")
    assert "Resume goes on" in row(panel.active, one.id)["message"]
    press(ask, panel.active, "resume", one.id)
    until(lambda: one.working)
    until(lambda: "cancel" in buttons(panel.active, one.id))
    press(ask, panel.active, "cancel", one.id)
    until(lambda: row(panel.past, one.id).get("state") == "Cancelled")
    assert one.state is State.CANCELLED

    press(ask, panel.past, "forget", one.id)
    until(lambda: "forget-now" in buttons(panel.past, one.id))
    press(ask, panel.past, "keep", one.id)
    until(lambda: "forget" in buttons(panel.past, one.id))
    press(ask, panel.past, "forget", one.id)
    until(lambda: "forget-now" in buttons(panel.past, one.id))
    press(ask, panel.past, "forget-now", one.id)
    until(lambda: not row(panel.past, one.id))
    assert openem.retrievals(server=False) == []


def test_what_failed_says_why_and_can_be_asked_for_again(
    panel: RetrievalPanel,
    catalogue: Facility,
    add: Callable[..., str],
    until: Any,
    ask: Callable[..., Any],
) -> None:
    pid = add()
    catalogue.scicat["practice"].fail_next_retrieval(pid)
    one = openem.retrieve(pid)
    with pytest.raises(NotOnDisk):
        one.run(pace=QUICK)
    panel.refresh()
    until(lambda: row(panel.past, one.id).get("state") == "Failed")
    message = row(panel.past, one.id)["message"]
    assert str(one.error) in message
    assert message.count(str(one.error)) == 1
    press(ask, panel.past, "again", one.id)
    until(lambda: row(panel.past, one.id).get("state") == "Verified")


def test_verify_reads_every_byte_again(
    panel: RetrievalPanel, add: Callable[..., str], until: Any, ask: Callable[..., Any]
) -> None:
    pid = add()
    one = openem.retrieve(pid).run(pace=QUICK)
    panel.refresh()
    until(lambda: row(panel.past, one.id).get("state") == "Verified")
    (damaged, *_) = sorted(one.folders[pid].rglob("*.mrc"))
    content = bytearray(damaged.read_bytes())
    content[-1] ^= 1
    damaged.write_bytes(content)
    press(ask, panel.past, "verify", one.id)
    until(lambda: any(job["state"] == "Done" for job in panel.jobs.rows))
    (job,) = (job for job in panel.jobs.rows if job["state"] == "Done")
    assert "1 is not what was archived" in job["message"]


def test_files_that_are_fetched_by_hand_come_with_the_commands(
    panel: RetrievalPanel, add: Callable[..., str], until: Any
) -> None:
    pid = add()
    one = openem.retrieve(pid, option="PSI").run(pace=QUICK)
    panel.refresh()
    until(lambda: row(panel.active, one.id).get("state") == "Ready")
    shown = row(panel.active, one.id)
    assert shown["code"].startswith("rsync ")
    assert "press Verify" in shown["message"]
    assert "verify" in buttons(panel.active, one.id)


def test_what_another_machine_asked_for_is_there_too_and_can_be_fetched_here(
    panel: RetrievalPanel,
    add: Callable[..., str],
    until: Any,
    ask: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    ada: str,
) -> None:
    pid = add()
    with monkeypatch.context() as other:
        other.setenv("OPENEM_HOME", str(tmp_path / "other"))
        tokens.save("practice", ada)
        job = openem.retrieve(pid).jobs[0]
    panel.refresh()
    until(lambda: row(panel.active, job))
    assert "resume" in buttons(panel.active, job)
    press(ask, panel.active, "resume", job)
    until(lambda: any(one["state"] == "Verified" for one in panel.past.rows))


def test_nobody_logged_in_still_sees_what_this_machine_knows(
    catalogue: Facility, add: Callable[..., str], closing: Any, until: Any
) -> None:
    one = openem.retrieve(add()).run(pace=QUICK)
    tokens.save("practice", catalogue.scicat["practice"].users.token("ada", seconds=-5))
    panel = closing(RetrievalPanel())
    until(lambda: row(panel.past, one.id).get("state") == "Verified")
    until(lambda: panel.errors.login is not None)
    panel.errors.login.form.submit({"username": "ada", "secret": "practice"})
    until(lambda: panel.errors.login is None)


def test_names_from_the_server_are_text_and_no_token_shows(
    panel: RetrievalPanel,
    add: Callable[..., str],
    until: Any,
    everything_shown: Callable[..., str],
    ada: str,
) -> None:
    one = openem.retrieve(add(datasetName=EVIL)).run(pace=QUICK)
    panel.refresh()
    until(lambda: row(panel.past, one.id))
    shown = row(panel.past, one.id)
    assert "\u202e" not in shown["title"]
    assert "\n" not in shown["title"]
    everything = everything_shown(panel)
    assert ada not in everything
    assert "X-Amz" not in everything  # addresses of files are as good as a log-in


def test_the_code_gives_the_same_retrievals(
    panel: RetrievalPanel, add: Callable[..., str], until: Any
) -> None:
    one = openem.retrieve(add()).run(pace=QUICK)
    panel.refresh()
    until(lambda: row(panel.past, one.id))
    names: dict[str, Any] = {}
    exec(panel.code(), names)
    assert [found.id for found in names["found"]] == [found.id for found in panel.found]


# From the search panel


@pytest.fixture
def found(ada: str, catalogue: Facility, closing: Any, until: Any) -> Callable[..., SearchPanel]:
    """Return a function that opens a search panel and selects these data sets in it."""

    def select(*pids: str) -> SearchPanel:
        opened = closing(SearchPanel())
        opened.form.fill(text="searchable together")
        opened.search().result(120)
        until(lambda: not opened.facets.busy)
        rows = list(opened.results["pid"])
        opened.table._table.set_state({"selected_rows": [rows.index(pid) for pid in pids]})
        opened.job.result(120)
        return opened

    return select


def test_a_selection_is_retrieved_after_its_plan_was_shown(
    found: Callable[..., SearchPanel],
    add: Callable[..., str],
    until: Any,
    catalogue: Facility,
) -> None:
    pids = [add(keywords=["searchable together"]) for _ in range(2)]
    panel = found(*pids)
    jobs = sum(request.method == "POST" for request in catalogue.requests)
    panel.retrieve.form.submit({"files": "*3.mrc"})
    until(lambda: panel.retrieve.plan.value)
    plan = panel.retrieve.plan.value
    assert "<dd>2, 131 kB on disk</dd>" in plan
    assert "2 data sets from PSI: a new job" in plan
    assert sum(request.method == "POST" for request in catalogue.requests) == jobs
    panel.retrieve.confirm.click()
    shown = panel.retrieve.retrievals
    until(lambda: [one["state"] for one in shown.rows] == ["Verified"])
    assert sum(request.method == "POST" for request in catalogue.requests) == jobs + 1
    assert "2 data sets" in shown.rows[0]["detail"]
    (one,) = openem.retrievals(server=False)
    assert sorted(path.name for path in one.folder.rglob("*.mrc")) == ["micrograph_000003.mrc"] * 2


def test_what_cannot_come_is_said_and_the_rest_comes(
    found: Callable[..., SearchPanel], add: Callable[..., str], until: Any
) -> None:
    good = add(keywords=["searchable together"], datasetName="good one")
    bad = add(keywords=["searchable together"], datasetName=f"bad {EVIL}", tars=0)
    panel = found(good, bad)
    panel.retrieve.form.submit()
    until(lambda: panel.retrieve.plan.value)
    plan = panel.retrieve.plan.value
    assert "1 cannot come" in plan
    assert "<img" not in plan
    panel.retrieve.confirm.click()
    shown = panel.retrieve.retrievals
    until(lambda: [one["state"] for one in shown.rows] == ["Verified"])
    assert openem.retrievals(server=False)[0].pids == (good,)


def test_nothing_is_asked_where_nothing_can_come(
    found: Callable[..., SearchPanel], add: Callable[..., str], until: Any
) -> None:
    panel = found(add(keywords=["searchable together"], tars=0))
    panel.retrieve.form.submit()
    until(lambda: panel.retrieve.plan.value)
    assert panel.retrieve.confirm.layout.display == "none"
    panel.table.clear_selection.click()
    assert panel.retrieve.layout.display == "none"
    assert panel.retrieve.plan.value == ""


def test_public_data_come_without_a_log_in(
    found: Callable[..., SearchPanel], add: Callable[..., str], until: Any
) -> None:
    tokens.forget("practice")
    pid = add(keywords=["searchable together"], published=True)
    panel = found(pid)
    panel.retrieve.form.fill(email="eva@practice.example")
    panel.retrieve.form.submit()
    until(lambda: panel.retrieve.plan.value)
    panel.retrieve.confirm.click()
    shown = panel.retrieve.retrievals
    until(lambda: [one["state"] for one in shown.rows] == ["Verified"])
