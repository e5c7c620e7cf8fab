from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from openem_nb import emdb, settings
from openem_nb.errors import Cancelled, InvalidInput, Unreachable
from openem_nb.panels import RepositoryPanel
from openem_nb.practice import Facility, Fault
from openem_nb.values import SearchResult


@pytest.fixture
def panel(practice: Facility, closing: Any) -> RepositoryPanel:
    opened = closing(RepositoryPanel())
    opened.job.result(120)
    return opened


def search(panel: RepositoryPanel, **values: str) -> pd.DataFrame:
    panel.form.fill(**values)
    job = panel.search()
    assert job is not None
    job.result(120)
    return panel.results


def choose(panel: RepositoryPanel, *rows: int) -> None:
    """Do what the browser does when rows are clicked."""
    panel.table._table.set_state({"selected_rows": list(rows)})


def test_practice_data_are_called_so(panel: RepositoryPanel, practice: Facility) -> None:
    assert settings.services().notice in panel.banner.value
    assert "oem-banner" in panel.banner.value


def test_a_search_gives_all_hits_and_shows_a_page_of_them(
    panel: RepositoryPanel, practice: Facility
) -> None:
    found = search(panel)
    released = {name for name, entry in practice.truth.emdb.items() if entry.status == "REL"}
    assert set(found["emdb_id"]) == released
    assert f"1–100 of {len(released)}" in panel.table.status.value
    assert len(panel.table.page) == 100
    assert f"{len(released)} found" in panel.form.status
    assert panel.form.busy is False
    assert "sampl" not in str(panel.table._table._dt_args.get("downsampling_warning", ""))


def test_the_query_is_shown_while_it_is_typed(panel: RepositoryPanel) -> None:
    panel.form.fill(text="ribosome", resolution_to="3.5", raw_data="yes")
    query = emdb.query("ribosome", resolution=(None, 3.5), raw_data=True)
    assert f"<code>{query}</code>" in panel.lucene.value.replace("&quot;", '"')
    assert panel.query.resolution_to == 3.5
    panel.form.fill(resolution_to="good")
    assert list(panel.form.errors) == ["resolution_to"]
    assert "<code>" not in panel.lucene.value
    assert panel.code_view.text == ""
    assert panel.search() is None
    with pytest.raises(InvalidInput, match="resolution_to"):
        _ = panel.query
    panel.form.fill(resolution_to="", text='"half a phrase')
    assert list(panel.form.errors) == ["text"]
    panel.form.fill(resolution_to="good")
    assert set(panel.form.errors) == {"text", "resolution_to"}
    panel.form.fill(resolution_from="4", resolution_to="3", text="ribosome")
    assert set(panel.form.errors) == {"resolution_to"}
    panel.form.fill(resolution_from="", resolution_to="3")
    assert panel.form.errors == {}
    assert "<code>" in panel.lucene.value
    assert "ribosome" in panel.code_view.text


def test_the_code_gives_the_same_table(panel: RepositoryPanel) -> None:
    for values in (
        {"resolution_to": "3.2", "raw_data": "no", "order": "resolution"},
        {"resolution_to": "", "raw_data": "yes", "order": "newest"},
        {"repository": "EMPIAR"},
    ):
        found = search(panel, **values)
        assert len(found) > 0
        names: dict[str, Any] = {}
        exec(panel.code(), names)
        assert_frame_equal(pd.DataFrame(names["results"]), pd.DataFrame(found))


def test_a_selection_survives_turning_pages(panel: RepositoryPanel) -> None:
    found = search(panel)
    choose(panel, 0, 3)
    panel.table.next.click()
    assert "101–200 of" in panel.table.status.value
    choose(panel, 5)
    panel.table.next.click()
    choose(panel, 1, 2)
    assert "5 selected in 3 pages" in panel.table.selection.value
    assert list(panel.selected.index) == [0, 3, 105, 201, 202]
    assert_frame_equal(panel.selected, pd.DataFrame(found).iloc[[0, 3, 105, 201, 202]])
    panel.table.go(0)
    assert panel.table._table.selected_rows == [0, 3]
    choose(panel, 3)
    assert list(panel.selected.index) == [3, 105, 201, 202]
    panel.table.select_page.click()
    assert "103 selected in 3 pages" in panel.table.selection.value
    panel.table.clear_selection.click()
    assert panel.selected.empty
    assert panel.table.previous.disabled
    panel.table.previous.click()
    assert "1–100 of" in panel.table.status.value


def test_a_chosen_row_opens_its_card(panel: RepositoryPanel, practice: Facility) -> None:
    found = search(panel, raw_data="yes")
    choose(panel, 0)
    panel.job.result(120)
    entry = practice.truth.emdb[found["emdb_id"].iloc[0]]
    assert f'aria-label="{entry.emdb_id}"' in panel.card.value
    assert "Raw data in EMPIAR</span>" in panel.card.value
    for name in practice.truth.raw_data(entry.emdb_id):
        assert f"/empiar/{name}" in panel.card.value
    if entry.doi:
        assert f"https://doi.org/{entry.doi}" in panel.card.value
    assert "Download files of 1 selected entry" in panel.download.heading.value


def test_the_picture_is_part_of_the_page(panel: RepositoryPanel) -> None:
    found = search(panel)
    for name in found["emdb_id"].head(12):
        panel.show_entry(name)
        panel.job.result(120)
        if "<img" in panel.card.value:
            break
    assert 'src="data:image/png;base64,' in panel.card.value
    assert 'src="http' not in panel.card.value


def test_a_card_without_its_picture_is_still_a_card(
    panel: RepositoryPanel, practice: Facility
) -> None:
    practice.add_fault(Fault("status", path=r".*/images/.*", status=500))
    for name in search(panel)["emdb_id"].head(12):
        panel.show_entry(name)
        panel.job.result(120)
        if "could not be loaded" in panel.card.value:
            break
    assert "could not be loaded" in panel.card.value
    assert "<dt>Status</dt>" in panel.card.value


def test_an_empiar_search_has_its_own_fields_and_cards(
    panel: RepositoryPanel, practice: Facility
) -> None:
    panel.form.fill(text="ribosome", resolution_to="3")
    panel.form.fill(repository="EMPIAR")
    assert set(panel.form.values) == {"repository", "text"}
    assert panel.form.values["text"] == "ribosome"
    found = search(panel, text="")
    assert set(found["empiar_id"]) <= set(practice.truth.empiar)
    assert len(found) > 0
    choose(panel, 0)
    panel.job.result(120)
    assert f'aria-label="{found["empiar_id"].iloc[0]}"' in panel.card.value
    panel.form.fill(repository="EMDB")
    assert "resolution_to" in panel.form.values


def test_nothing_found_is_said(panel: RepositoryPanel) -> None:
    found = search(panel, text="nosuchwordanywhere")
    assert found.empty
    assert "Nothing found" in panel.table.status.value
    assert panel.selected.empty


def test_a_service_that_is_down_can_be_asked_again(
    panel: RepositoryPanel, practice: Facility
) -> None:
    practice.add_fault(Fault("status", path=r".*/search/.*", status=503))
    with pytest.raises(Unreachable):
        search(panel, text="ribosome")
    assert isinstance(panel.errors.error, Unreachable)
    assert panel.form.busy is False
    assert panel.form.values["text"] == "ribosome"
    practice.clear_faults()
    panel.errors.retry.click()
    panel.job.result(120)
    assert panel.errors.disclosure.sentence == ""
    assert len(panel.results) > 0


def test_a_search_that_hangs_can_be_cancelled(
    panel: RepositoryPanel, practice: Facility, until: Any, ask: Any
) -> None:
    practice.add_fault(Fault("hang", path=r".*/search/.*"))
    panel.search()
    until(lambda: [row["title"] for row in panel.jobs.rows] == ["Search EMDB"])
    assert panel.form.busy is True
    assert "is running" in ask(panel.form, "submit", values=panel.form.values)["message"]
    slow = panel.job
    assert ask(panel.jobs, "cancel", row=panel.jobs.rows[0]["key"])["type"] == "reply"
    assert panel.form.busy is False
    practice.clear_faults()
    found = search(panel, text="ribosome")
    with pytest.raises(Cancelled):
        slow.result(120)
    assert panel.results is found
    assert panel.errors.disclosure.sentence == ""
    until(lambda: panel.jobs.rows == [])


def test_fewer_rows_than_the_service_counts_are_mentioned(
    panel: RepositoryPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(query: str, **_: Any) -> SearchResult:
        frame = emdb_search(query)
        return SearchResult.of(pd.DataFrame(frame).head(5), total=frame.total, query=query)

    emdb_search = emdb.search
    monkeypatch.setattr(emdb, "search", short)
    search(panel)
    assert "Only 5 of" in panel.form.status


def test_a_query_can_be_kept_and_brought_back(panel: RepositoryPanel, closing: Any) -> None:
    panel.form.fill(text="membrane", organism='O\'Neil "x"', year_from="2019", raw_data="no")
    kept = json.loads(json.dumps(panel.to_dict()))
    other = closing(RepositoryPanel("EMPIAR"))
    other.from_dict(kept)
    assert other.query == panel.query
    assert other.code() == panel.code()
    with pytest.raises(InvalidInput, match="nonsense"):
        other.from_dict({"nonsense": 1})


def test_titles_are_text_and_not_html(
    panel: RepositoryPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    evil = "<img src=x onerror=alert(1)>"
    entry = emdb.Entry("EMD-1234", evil, "REL", sample=evil, url="javascript:alert(1)")
    monkeypatch.setattr(emdb, "entry", lambda *_, **__: entry)
    panel.show_entry("EMD-1234")
    panel.job.result(120)
    assert "<img" not in panel.card.value
    assert "javascript:" not in panel.card.value


def test_a_new_attempt_clears_the_error_of_the_last_one(
    panel: RepositoryPanel, practice: Facility
) -> None:
    practice.add_fault(Fault("status", path=r".*/search/.*", status=503))
    with pytest.raises(Unreachable):
        search(panel, text="ribosome")
    practice.clear_faults()
    search(panel, text="apoferritin")
    assert panel.errors.error is None
    with pytest.raises(InvalidInput):
        open_entry(panel, "nonsense")
    assert isinstance(panel.errors.error, InvalidInput)
    open_entry(panel, str(panel.results["emdb_id"].iloc[0]))
    assert panel.errors.error is None


def open_entry(panel: RepositoryPanel, name: str) -> None:
    panel.show_entry(name)
    panel.job.result(120)
