"""Panels between an attacker's names and a browser: every message of a panel is looked at."""

from __future__ import annotations

import ast
import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import comm
import ipywidgets
import pytest

import openem_nb as openem
from openem_nb import scicat, settings, tokens
from openem_nb.panels import LoginPanel, PublishPanel, RetrievalPanel, SearchPanel
from openem_nb.practice import Fault, serve
from openem_nb.practice.scicat import _users
from openem_nb.scicat.tape import Pace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openem_nb.practice import Facility

EVIL = (
    "evilword \"><script>alert(1)</script><img src=x onerror=alert(1)>'`}} {{ \\ \"\"\" '''"
    "\x1b[2J\x1b]0;owned\x07\x9b31m\r\n__import__('os').system('x')\u202egpj.exe\u2066\u200b\ufeff"
)
TRICKY = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
)
PASSWORD = "kp7-Korrekt-Pferd-Batterie"
QUICK = Pace(first=0.02, longest=0.1)


class Line:
    """All messages on the line between kernel and browser, as they would be sent."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, str]] = []

    @property
    def text(self) -> str:
        return "\n".join(text for _, text in self.messages)


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Line:
    """Listen to what all widgets of the test send."""
    found = Line()

    class Listening(comm.DummyComm):
        def publish_msg(self, msg_type: str, data: Any = None, **more: Any) -> None:
            found.messages.append((msg_type, json.dumps([data, more], default=repr)))

    monkeypatch.setattr(comm, "create_comm", Listening)
    return found


@pytest.fixture
def catalogue(monkeypatch: pytest.MonkeyPatch) -> Iterator[Facility]:
    monkeypatch.setattr(_users, "PASSWORD", PASSWORD)
    with serve(entries=50, seed=3, datasets=20, tape_seconds=0.05) as facility:
        monkeypatch.setenv("OPENEM_PROFILE", "practice")
        monkeypatch.setenv("OPENEM_PRACTICE_URL", facility.url)
        tokens.save("practice", facility.scicat["practice"].users.token("ada"))
        settings.use("practice")
        yield facility


@pytest.fixture
def pid(catalogue: Facility) -> str:
    """Add a data set with an attacker's text wherever one can be."""
    found: str = catalogue.scicat["practice"].add_dataset(
        files=2,
        size=9000,
        **dict.fromkeys(("datasetName", "owner", "contactEmail", "description", "license"), EVIL),
        **dict.fromkeys(("creationLocation", "sourceFolder", "principalInvestigator"), EVIL),
        keywords=[EVIL],
        accessGroups=[EVIL],
        principalInvestigators=[EVIL],
        techniques=[{"pid": EVIL, "name": EVIL}],
        scientificMetadata={EVIL: {"value": EVIL, "unit": EVIL}},
    )
    return found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.bad: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "iframe", "object", "embed", "svg", "math", "form", "base", "meta"):
            self.bad.append(tag)
        for name, value in attrs:
            if name.startswith("on") or name in ("srcdoc", "formaction"):
                self.bad.append(f"{tag} {name}")
            if name in ("href", "src") and not re.match(r"(https?://|data:image/|#)", value or ""):
                self.bad.append(f"{tag} {name}={value}")


def every(widget: Any) -> Iterator[Any]:
    """Yield a widget and all that are in it."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from every(child)


def assert_harmless(panel: Any) -> None:
    """Assert that all HTML of a panel shows something, runs nothing and hides nothing."""
    seen = 0
    for widget in every(panel):
        if isinstance(widget, ipywidgets.HTML):
            reader = _Reader()
            reader.feed(widget.value)
            reader.close()
            assert reader.bad == []
            assert not TRICKY.search(widget.value), widget.value
            seen += 1
        table = widget.get_state().get("_dt_args")
        if table:
            shown = json.dumps(table)
            assert "<script>alert" not in shown
            assert "<img src=x" not in shown
            assert not re.search(r"\\+u(?:202e|001b|009b|2066)", shown)
    assert seen > 2


def texts_of(code: str) -> list[Any]:
    """Return the constants of a Python source, which must hold nothing but plain calls."""
    tree = ast.parse(code)
    called = {
        node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    }
    assert called <= {"search", "draft", "preview", "retrievals", "range", "next", "Path"}
    return [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]


def no_secret(line: Line, panel: Any) -> None:
    stored = tokens.find("practice")
    assert stored is not None
    parts = stored.reveal().split(".")
    assert line.messages
    for secret in (PASSWORD, stored.reveal(), *parts[1:], "X-Amz-"):
        assert secret not in line.text
    manager = json.dumps(
        ipywidgets.Widget.get_manager_state(widgets=list(every(panel))), default=repr
    )
    for secret in (PASSWORD, stored.reveal(), *parts[1:], "X-Amz-"):
        assert secret not in manager


def test_search_card_facets_and_retrieval(
    pid: str, catalogue: Facility, line: Line, closing: Any, until: Any
) -> None:
    panel = closing(SearchPanel())
    until(lambda: panel.form.fields[-1]["suggestions"])
    panel.form.fill(text="evilword")
    panel.search().result(120)
    until(lambda: not panel.facets.busy)
    assert list(panel.results["pid"]) == [pid]
    panel.table._table.set_state({"selected_rows": [0]})
    panel.job.result(120)
    until(lambda: pid in panel.card.value)
    assert "evilword" in panel.card.value
    assert_harmless(panel)
    panel.retrieve.form.submit()
    until(lambda: panel.retrieve.plan.value)
    assert "evilword" in panel.retrieve.plan.value
    assert_harmless(panel)
    panel.retrieve.confirm.click()
    until(lambda: panel.retrieve.retrievals.rows)
    (row,) = panel.retrieve.retrievals.rows
    assert not TRICKY.search(row["title"] + row["message"])
    (one,) = openem.retrievals(server=False)
    assert one.wait(120) == "verified"
    no_secret(line, panel)
    assert any(kind == "comm_open" for kind, _ in line.messages)
    # a value of a facet is the attacker's text, and stays one text in the code
    panel.facets.choose({"keywords": [EVIL]})
    panel.job.result(120)
    until(lambda: not panel.facets.busy)
    assert EVIL in texts_of(panel.code())
    names: dict[str, Any] = {}
    exec(panel.code(), names)
    assert list(names["results"]["pid"]) == [pid]


def test_retrievals(pid: str, catalogue: Facility, line: Line, closing: Any, until: Any) -> None:
    service = catalogue.scicat["practice"]
    service.robot.ask(pid, "fail")
    one = openem.retrieve(pid)
    (job,) = service.store.all("jobs")
    service.store.put(
        "jobs",
        job["id"],
        {**job, "statusCode": "finishedUnsuccessful", "statusMessage": EVIL},
    )
    with pytest.raises(openem.errors.NotOnDisk):
        one.run(pace=QUICK)
    panel = closing(RetrievalPanel())
    until(lambda: panel.past.rows)
    (row,) = [row for row in panel.past.rows if row["key"] == one.id]
    assert "evilword" in row["title"]
    for text in row.values():
        assert not TRICKY.search(str(text))
    assert_harmless(panel)
    texts_of(panel.code())
    no_secret(line, panel)


def test_publication(pid: str, catalogue: Facility, line: Line, closing: Any, until: Any) -> None:
    record = scicat.draft([pid], title=EVIL, abstract=EVIL)
    panel = closing(PublishPanel([pid]))
    panel.choice.submit()
    panel.job.result(120)
    panel.take_up(record.doi)
    panel.job.result(120)
    until(lambda: panel.records.rows)
    assert "evilword" in panel.preview.value
    assert_harmless(panel)
    for row in panel.records.rows:
        assert not TRICKY.search(row["title"] + row["message"] + row["detail"])
    texts = texts_of(panel.code())
    assert any("evilword" in str(text) for text in texts)
    assert pid in texts
    no_secret(line, panel)


def test_log_in_sends_nothing_of_it_back(
    catalogue: Facility, line: Line, closing: Any, ask: Callable[..., Any]
) -> None:
    scicat.logout()
    panel = closing(LoginPanel())
    panel.job.result(120)
    values = {**panel.form.values, "username": "ada", "secret": PASSWORD}
    answer = ask(panel.form, "submit", values=values)
    panel.job.result(120)
    assert PASSWORD not in json.dumps(answer)
    assert "<h3>ada" in panel.state.value
    no_secret(line, panel)
    stored = tokens.find("practice")
    panel.form.fill(way="token")
    answer = ask(panel.form, "submit", values={**panel.form.values, "secret": stored.reveal()})
    panel.job.result(120)
    assert stored.reveal() not in json.dumps(answer)
    no_secret(line, panel)


def test_errors_of_the_service(
    pid: str, catalogue: Facility, line: Line, closing: Any, until: Any
) -> None:
    panel = closing(SearchPanel())
    until(lambda: panel.form.fields[-1]["suggestions"])
    catalogue.add_fault(Fault("html", path=r"/scicat-psi/.*"))
    job = panel.search()
    with pytest.raises(openem.errors.OpenEMError):
        job.result(120)
    until(lambda: panel.errors.disclosure.sentence)
    no_secret(line, panel)
    panel.errors.show(openem.errors.BadAnswer(f"It said {EVIL}", hint=EVIL))
    shown = panel.errors.disclosure
    for text in (shown.sentence, shown.hint, shown.text):
        assert "evilword" in text
        assert not TRICKY.search(text)
    panel.errors.show(ValueError(EVIL))
    assert not TRICKY.search(shown.sentence)
    assert not TRICKY.search(shown.text)
    until(lambda: not panel.form.busy)
