"""From a card or a retrieval to the images: the button that the other panels have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import openem_nb as openem
from openem_nb import scicat
from openem_nb.panels import RepositoryPanel, RetrievalPanel, SearchPanel
from openem_nb.practice import serve
from openem_nb.scicat import Pace
from openem_nb.tokens import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openem_nb.practice import Facility

ENTRY = "EMPIAR-10028"


@pytest.fixture(scope="module")
def running() -> Iterator[Facility]:
    with serve(entries=60, seed=5, datasets=20, tape_seconds=0.05) as facility:
        yield facility


@pytest.fixture
def here(running: Facility, monkeypatch: pytest.MonkeyPatch) -> Facility:
    monkeypatch.setenv("OPENEM_PROFILE", "practice")
    monkeypatch.setenv("OPENEM_PRACTICE_URL", running.url)
    scicat.login_with("ada", Secret("practice"), "practice")
    return running


def shown(panel: Any) -> bool:
    return bool(panel.inspect.line.layout.display != "none")


def test_an_entry_of_empiar_is_inspected_below_its_card(
    here: Facility, closing: Any, until: Any
) -> None:
    panel = closing(RepositoryPanel("EMPIAR"))
    panel.job.result(120)
    assert not shown(panel)
    panel.show_entry(ENTRY)
    panel.job.result(120)
    assert shown(panel)
    assert f"openem.InspectPanel(&#x27;{ENTRY}&#x27;)" in panel.inspect.words.value
    before = len(here.requests)
    assert panel.inspect.panel is None
    panel.inspect.button.click()
    inspection = panel.inspect.panel
    until(lambda: inspection.frame is not None and len(inspection.frame) >= 12)
    assert len(here.requests) > before
    panel.show_entry("EMD-1000" if "EMD-1000" in here.truth.emdb else next(iter(here.truth.emdb)))
    panel.job.result(120)
    assert not shown(panel)  # a map has no images
    other = next(
        one.empiar_id
        for one in here.truth.empiar.values()
        if one.status == "REL" and one.empiar_id != ENTRY and int(one.empiar_id[7:]) % 41 != 7
    )
    panel.show_entry(other)
    panel.job.result(120)
    panel.inspect.button.click()
    assert panel.inspect.panel is inspection
    until(lambda: inspection.source is not None and inspection.source.given == other)


def test_a_data_set_is_inspected_below_its_card(here: Facility, closing: Any, until: Any) -> None:
    pid = here.scicat["practice"].add_dataset(files=2, size=200_000)
    openem.retrieve(pid).run(pace=Pace(0.05, 0.2))
    panel = closing(SearchPanel())
    panel.show_data_set(pid)
    panel.job.result(120)
    assert shown(panel)
    assert f"openem.InspectPanel(&#x27;{pid}&#x27;)" in panel.inspect.words.value
    panel.inspect.button.click()
    inspection = panel.inspect.panel
    until(lambda: inspection.frame is not None and len(inspection.frame) == 2)
    assert not inspection.files.far


def test_a_retrieval_is_inspected_when_its_files_can_be_read(
    here: Facility, closing: Any, until: Any, ask: Any
) -> None:
    pid = here.scicat["practice"].add_dataset(files=2, size=200_000)
    retrieval = openem.retrieve(pid)
    panel = closing(RetrievalPanel())

    def actions() -> list[str]:
        panel.active.refresh()
        rows = [*panel.active.rows, *panel.past.rows]
        mine = [one for one in rows if one["key"] == retrieval.id]
        return [action for one in mine[:1] for action, _ in one.get("actions", ())]

    until(lambda: any(one["key"] == retrieval.id for one in panel.active.rows))
    until(lambda: retrieval.refresh().state is scicat.State.READY)
    until(lambda: actions()[:1] == ["inspect"])  # in the store
    retrieval.run()
    panel.refresh()
    until(lambda: any(one["key"] == retrieval.id for one in panel.past.rows))
    assert actions()[:1] == ["inspect"]
    assert ask(panel.past, "inspect", row=retrieval.id)["type"] == "reply"
    until(lambda: panel.inspect.panel is not None)
    inspection = panel.inspect.panel
    until(lambda: inspection.frame is not None and len(inspection.frame) == 2)
    assert inspection.form.values["source"] == pid
