from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from openem_nb import runs
from openem_nb.errors import CannotWrite
from openem_nb.panels import RunPanel

PARAMETERS = """\
from datetime import date
from pathlib import Path
from typing import Literal

seconds: float = 0.0  # How long it takes.
times: int = 2  # How often.
kind: Literal["good", "bad"] = "good"  # How it ends.
careful: bool = True  # Look twice.
day: date | None = None  # A day, or blank.
names: list[str] = ["one", "two"]  # One a line.
output: Path = Path(".")  # Where files go.
word: str = "x"  # Any text.
"""
BODY = """\
import time
for _ in range(int(seconds * 20)):
    time.sleep(0.05)
if kind == "bad":
    raise ValueError("it was to be bad")
open("summary.txt", "w").write(f"{times} times {word}, {names}, {day}")
"""


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    book = nbformat.v4.new_notebook()
    parameters = nbformat.v4.new_code_cell(PARAMETERS)
    parameters.metadata["tags"] = ["parameters"]
    heading = nbformat.v4.new_markdown_cell("# A test\n\nIt does little.")
    book.cells = [heading, parameters, nbformat.v4.new_code_cell(BODY)]
    path = tmp_path / "little.ipynb"
    nbformat.write(book, path)
    return path


@pytest.fixture
def panel(notebook: Path, practice: Any, closing: Any) -> RunPanel:
    opened = closing(RunPanel(notebook))
    opened.job.result(120)
    yield opened
    for run_id in runs.history()["id"]:
        run = runs.get(run_id)
        run.cancel()
        run.wait(120)


def start(panel: RunPanel, **values: str | bool) -> None:
    panel.form.fill(**values)
    panel.start()
    panel.job.result(120)


def past(panel: RunPanel) -> dict[str, Any]:
    return panel.history.rows[0] if panel.history.rows else {}


def test_the_form_has_a_fitting_control_for_every_parameter(panel: RunPanel) -> None:
    shown = {field["name"]: field for field in panel.form.fields}
    kinds = {name: field["kind"] for name, field in shown.items()}
    assert kinds == {
        "seconds": "number",
        "times": "number",
        "kind": "choice",
        "careful": "check",
        "day": "date",
        "names": "lines",
        "output": "text",
        "word": "text",
    }
    assert shown["seconds"]["help"] == "How long it takes."
    assert panel.form.values["names"] == "one\ntwo"
    assert panel.form.values["careful"] is True
    assert panel.form.values["output"] == ""
    assert shown["output"]["placeholder"] == "the run's own folder"
    assert "output" not in panel.code()
    panel.form.fill(output="elsewhere")
    assert "'output': " in panel.code()
    assert "It does little." in panel.about.value


def test_wrong_values_are_marked_and_nothing_starts(panel: RunPanel) -> None:
    panel.form.fill(times="two", day="yesterday")
    assert set(panel.form.errors) == {"times", "day"}
    assert panel.form.errors["times"] == "'two' is not a whole number."
    panel.start()
    assert runs.history().empty
    panel.form.fill(times="3", day="")
    assert panel.form.errors == {}


def test_a_run_is_followed_to_its_summary_and_can_be_repeated_and_deleted(
    panel: RunPanel, until: Any, ask: Any
) -> None:
    start(panel, times="5", names="one, or more\nthree", day="2024-11-12", word='"quoted"')
    until(lambda: past(panel).get("state") == "Done")
    assert past(panel)["message"] == "5 times \"quoted\", ['one, or more', 'three'], 2024-11-12"
    until(lambda: panel.active.rows == [])
    first = past(panel)["key"]
    assert Path(past(panel)["path"]).is_dir()

    assert ask(panel.history, "rerun", row=first)["type"] == "reply"
    panel.job.result(120)
    until(lambda: len(panel.history.rows) == 2)
    second = past(panel)["key"]
    assert runs.get(second).parameters == runs.get(first).parameters

    ask(panel.history, "delete", row=second)
    until(lambda: past(panel)["actions"][0][0] == "delete-now")
    ask(panel.history, "keep", row=second)
    until(lambda: past(panel)["actions"][0][0] == "rerun")
    ask(panel.history, "delete", row=second)
    ask(panel.history, "delete-now", row=second)
    until(lambda: [row["key"] for row in panel.history.rows] == [first])


def test_a_run_can_be_cancelled_and_a_new_panel_finds_it_before(
    panel: RunPanel, notebook: Path, until: Any, ask: Any, closing: Any
) -> None:
    start(panel, seconds="60")
    until(lambda: panel.active.rows and panel.active.rows[0]["state"] == "Running")
    panel.close()
    other = closing(RunPanel(notebook))
    until(lambda: len(other.active.rows) == 1)
    assert ask(other.active, "cancel", row=other.active.rows[0]["key"])["type"] == "reply"
    until(lambda: past(other).get("state") == "Cancelled")
    until(lambda: other.active.rows == [])


def test_a_failed_run_says_why(panel: RunPanel, until: Any) -> None:
    start(panel, kind="bad")
    until(lambda: past(panel).get("state") == "Failed")
    assert "it was to be bad" in past(panel)["message"]


def test_runs_started_elsewhere_come_with_a_refresh(
    panel: RunPanel, notebook: Path, until: Any
) -> None:
    run = runs.start(notebook)
    panel.reload.click()
    until(lambda: [row["key"] for row in panel.active.rows + panel.history.rows] == [run.id])
    run.wait(120)
    until(lambda: past(panel).get("state") == "Done")


def test_a_list_that_cannot_be_read_is_an_error_to_see(
    panel: RunPanel, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise CannotWrite("The folder cannot be made.", hint="Set OPENEM_HOME.")

    with monkeypatch.context() as patch:
        patch.setattr(runs, "history", refuse)
        panel.refresh()
        until(lambda: panel.errors.disclosure.hint == "Set OPENEM_HOME.")


def test_the_code_starts_the_same_run(panel: RunPanel) -> None:
    values = {"times": "7", "day": "2020-02-29", "names": "a, b", "careful": False, "kind": "bad"}
    panel.form.fill(**values)
    started: list[Any] = []

    class Waiting:
        def wait(self) -> None:
            started.append("waited")

    def begin(name: str, parameters: dict[str, Any] | None = None) -> Waiting:
        form = runs.form(name)
        started.append(form.read(parameters))
        return Waiting()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "start", begin)
        exec(panel.code(), {})
        panel.start()
        panel.job.result(120)
    assert started[0] == started[2]
    assert started[0]["names"] == ["a, b"]
    assert started[1] == "waited"


def test_links_are_given_where_the_server_can_follow_them(
    panel: RunPanel, until: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from openem_nb import lab

    root = tmp_path / "books"
    lab.copy_notebooks(root)
    lab._lay_links(root)
    start(panel)
    until(lambda: past(panel).get("state") == "Done")
    assert past(panel)["links"] == ()
    monkeypatch.setenv("OPENEM_LAB_ROOT", str(root))
    panel.refresh()
    until(lambda: past(panel)["links"])
    for link in json.loads(json.dumps(past(panel)["links"])):
        assert (root / link["path"]).is_file()
    assert {link["label"] for link in past(panel)["links"]} == {"Open report", "Open output"}
