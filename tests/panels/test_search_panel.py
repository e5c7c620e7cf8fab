from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from openem_nb import scicat, settings, tokens
from openem_nb.errors import Cancelled, InvalidInput, TokenExpired, Unreachable
from openem_nb.panels import SearchPanel
from openem_nb.panels._catalogue_query import COMPARISONS, CatalogueQuery, Condition
from openem_nb.practice import Facility, Fault

if TYPE_CHECKING:
    from collections.abc import Callable

EVIL = "<img src=x onerror=alert(1)>\n\u202egpj.exe"


@pytest.fixture
def panel(catalogue: Facility, closing: Any, until: Any) -> SearchPanel:
    opened = closing(SearchPanel())
    until(lambda: opened.form.fields[-1]["suggestions"])  # the names of metadata have come
    return opened


def search(panel: SearchPanel, until: Any, **values: str) -> pd.DataFrame:
    panel.form.fill(**values)
    job = panel.search()
    assert job is not None
    job.result(120)
    until(lambda: not panel.facets.busy)
    return panel.results


def choose(panel: SearchPanel, *rows: int) -> None:
    """Do what the browser does when rows are clicked."""
    panel.table._table.set_state({"selected_rows": list(rows)})


def seen_by(catalogue: Facility, *groups: str) -> list[dict[str, Any]]:
    """Return the documents that a person in these groups may see, by the generator's word."""
    return [
        one
        for one in catalogue.scicat["practice"].store.all("datasets")
        if one["isPublished"]
        or one["ownerGroup"] in groups
        or set(one["accessGroups"]) & set(groups)
    ]


def lists_asked(catalogue: Facility) -> int:
    return sum("/datasets?filter" in request.path for request in catalogue.requests)


def test_names_of_metadata_that_come_late_change_no_value(
    catalogue: Facility, closing: Any, until: Any
) -> None:
    panel = closing(SearchPanel())
    panel.form.fill(text="apoferritin")
    changes: list[Any] = []
    panel.form.observe(lambda change: changes.append(change["new"]), names="values")
    until(lambda: panel.form.fields[-1]["suggestions"])
    assert changes == []  # a value that travels to the browser would take the place of a newer one
    assert panel.form.values["text"] == "apoferritin"


def test_a_search_counts_all_and_fetches_one_page(
    panel: SearchPanel, catalogue: Facility, until: Any
) -> None:
    public = seen_by(catalogue)
    before = lists_asked(catalogue)
    found = search(panel, until)
    assert lists_asked(catalogue) == before + 1
    assert len(found) == 100
    assert found.total == len(public)
    assert f"1–100 of {len(public):,}" in panel.table.status.value
    assert f"{len(public):,} found in practice" in panel.form.status
    assert settings.profile().notice in panel.banner.value
    assert panel.form.busy is False


def test_pages_come_when_they_are_turned_to_and_once(
    panel: SearchPanel, catalogue: Facility, until: Any
) -> None:
    first = search(panel, until)
    before = lists_asked(catalogue)
    panel.table.next.click()
    assert panel.table.next.disabled  # until it has come
    panel.job.result(120)
    assert lists_asked(catalogue) == before + 1
    second = panel.results
    assert "101–200 of" in panel.table.status.value
    assert not set(first["pid"]) & set(second["pid"])
    panel.table.previous.click()
    panel.table.next.click()
    assert lists_asked(catalogue) == before + 1
    assert panel.results is second


def test_a_selection_survives_turning_pages(panel: SearchPanel, until: Any) -> None:
    first = search(panel, until)
    choose(panel, 0, 3)
    panel.job.result(120)
    panel.table.next.click()
    panel.job.result(120)
    choose(panel, 5)
    assert "3 selected in 2 pages" in panel.table.selection.value
    wanted = [*first["pid"].iloc[[0, 3]], panel.results["pid"].iloc[5]]
    assert list(panel.selected["pid"]) == wanted
    assert "Retrieve 3 selected data sets" in panel.retrieve.heading.value
    panel.table.go(0)
    assert panel.table._table.selected_rows == [0, 3]


def test_values_to_tick_have_the_counts_of_the_truth(
    ada: str, panel: SearchPanel, catalogue: Facility, until: Any
) -> None:
    search(panel, until)
    seen = seen_by(catalogue, "emf-krios", "p20001", "p20002")
    groups = {group["name"]: group["options"] for group in panel.facets.groups}
    types = {option["value"]: option["count"] for option in groups["type"]}
    assert types == dict(pd.Series([one["type"] for one in seen]).value_counts())
    years = {option["value"]: option["count"] for option in groups["year"]}
    assert years == dict(pd.Series([one["creationTime"][:4] for one in seen]).value_counts())

    year = max(years)
    panel.facets.choose({"type": ["raw"], "year": [year]})
    panel.job.result(120)
    until(lambda: not panel.facets.busy)
    wanted = [one for one in seen if one["type"] == "raw" and one["creationTime"].startswith(year)]
    assert panel.results.total == len(wanted)
    groups = {group["name"]: group["options"] for group in panel.facets.groups}
    # those of a property with ticks are counted as if it had none: others can be ticked, too
    in_year = [one for one in seen if one["creationTime"].startswith(year)]
    types = {option["value"]: option["count"] for option in groups["type"]}
    assert types == dict(pd.Series([one["type"] for one in in_year]).value_counts())
    locations = {option["value"]: option["count"] for option in groups["location"]}
    assert sum(locations.values()) == len(wanted)


def test_the_code_gives_the_same_table(ada: str, panel: SearchPanel, until: Any) -> None:
    names: dict[str, Any] = {}
    for values, chosen in (
        ({"text": "apoferritin", "sort": "-size"}, {}),
        ({"text": "", "sort": "-created", "place": "tape"}, {"type": ["raw"]}),
        ({"place": "", "published": "no"}, {"year": ["2024", "2026"]}),
        ({"published": "", "created_from": "2025-03", "created_to": "2026"}, {}),
    ):
        panel.form.fill(**values)
        panel.facets.chosen = chosen
        found = search(panel, until)
        assert len(found) > 0
        exec(panel.code(), names)
        assert_frame_equal(pd.DataFrame(names["results"]), pd.DataFrame(found))
        assert panel.code_view.text == panel.code()
    panel.table.next.click()
    panel.job.result(120)
    exec(panel.code(), names)
    assert_frame_equal(pd.DataFrame(names["results"]), pd.DataFrame(panel.results))


def test_conditions_on_metadata_find_what_they_say(
    panel: SearchPanel, catalogue: Facility, until: Any
) -> None:
    public = seen_by(catalogue)
    key = "acquisition.nominal_magnification"
    assert key in panel.form.fields[-1]["suggestions"]

    def magnification(document: dict[str, Any]) -> float:
        value = document["scientificMetadata"].get("acquisition", {}).get("nominal_magnification")
        return value["value"] if isinstance(value, dict) else value or 0

    wanted = {one["pid"] for one in public if magnification(one) >= 100_000}
    assert 0 < len(wanted) < len(public)
    row = {"name": key, "comparison": ">=", "value": "100000", "unit": ""}
    found = search(panel, until, conditions=json.dumps([row]))
    assert found.total == len(wanted)
    assert set(found["pid"]) <= wanted


def test_what_is_wrong_is_said_at_its_field(panel: SearchPanel) -> None:
    panel.form.fill(created_from="yesterday")
    assert "not a date" in panel.form.errors["created_from"]
    assert panel.search() is None
    with pytest.raises(InvalidInput, match="created_from"):
        _ = panel.query
    panel.form.fill(created_from="2026", created_to="2025")
    assert "ends before" in panel.form.errors["created_to"]
    panel.form.fill(created_from="", created_to="")
    row = {"name": "a.b", "comparison": "between", "value": "3", "unit": ""}
    panel.form.fill(conditions=json.dumps([row]))
    assert "two values" in panel.form.errors["conditions"]
    panel.form.fill(conditions=json.dumps([{**row, "value": "1 to 3"}]))
    assert panel.form.errors == {}
    assert panel.query.arguments()["where"] == {"a.b": ("between", 1, 3)}
    assert "('between', 1, 3)" in panel.code_view.text


@given(
    text=st.text(max_size=20),
    keywords=st.lists(st.text(min_size=1).filter(str.strip), max_size=2, unique=True),
    comparison=st.sampled_from(["=", "contains", "!="]),
    value=st.text(min_size=1, max_size=12).filter(str.strip),
    published=st.sampled_from([True, False, None]),
)
@example(text="", keywords=[], comparison="=", value="INF", published=None)
@example(text="", keywords=[], comparison="!=", value="nan", published=None)
def test_any_query_is_the_same_after_code_and_storage(
    text: str, keywords: list[str], comparison: str, value: str, published: bool | None
) -> None:
    query = CatalogueQuery(
        text=text,
        keywords=tuple(keywords),
        conditions=(Condition("a.b", comparison, value),),
        published=published,
    )
    assert CatalogueQuery.from_dict(json.loads(json.dumps(query.to_dict()))) == query
    asked: list[Any] = []

    class Scicat:
        @staticmethod
        def search(*words: str, **given: Any) -> None:
            asked.append((words, given))

    exec(query.code().replace("import openem_nb as openem\n", ""), {"openem": Scicat})
    ((words, given_),) = asked
    assert words == ((text,) if text else ())
    assert given_ == query.arguments()


def test_each_comparison_reaches_the_search(catalogue: Facility) -> None:
    values = {"between": "1 to 2", "in": "1, 2", "exists": "", "contains": "x"}
    for comparison in COMPARISONS:
        condition = Condition("a.b", comparison, values.get(comparison, "1"))
        scicat.check("", where={"a.b": condition.read()})


def test_a_query_can_be_kept_and_brought_back(panel: SearchPanel, closing: Any) -> None:
    row = {"name": "a.b", "comparison": "<", "value": "3", "unit": "um"}
    panel.form.fill(text='O\'Neil "x"', place="tape", conditions=json.dumps([row]))
    panel.facets.chosen = {"keywords": ["SPA"], "year": ["2025"]}
    kept = json.loads(json.dumps(panel.to_dict()))
    other = closing(SearchPanel())
    other.from_dict(kept)
    assert other.query == panel.query
    assert other.code() == panel.code()
    with pytest.raises(InvalidInput, match="nonsense"):
        other.from_dict({"nonsense": 1})


def test_a_chosen_row_opens_its_card(ada: str, panel: SearchPanel, until: Any) -> None:
    found = search(panel, until, place="tape")
    choose(panel, 0)
    panel.job.result(120)
    row = found.iloc[0]
    assert row["pid"] in panel.card.value
    assert "on tape at PSI" in panel.card.value
    assert row["owner_group"] in panel.card.value
    assert "Scientific metadata" in panel.card.value
    assert 'src="http' not in panel.card.value


def test_names_from_the_server_are_text(
    ada: str, panel: SearchPanel, catalogue: Facility, until: Any, everything_shown: Any
) -> None:
    service = catalogue.scicat["practice"]
    pid = service.add_dataset(
        datasetName=f"evil {EVIL}",
        description=EVIL,
        keywords=[EVIL, "onlyevil"],
        creationLocation=EVIL,
        scientificMetadata={EVIL: EVIL},
    )
    found = search(panel, until, text="onlyevil")
    assert list(found["pid"]) == [pid]
    choose(panel, 0)
    panel.job.result(120)
    assert pid in panel.card.value
    assert "<img src=x" not in panel.card.value
    assert "\u202e" not in panel.card.value
    (keywords,) = (group for group in panel.facets.groups if group["name"] == "keywords")
    labels = [option["label"] for option in keywords["options"]]
    assert all("\u202e" not in label for label in labels)
    shown = panel.table._table.get_state()["_dt_args"]
    assert "<img src=x" not in json.dumps(shown, default=str)
    service.store.delete("datasets", pid)


def test_a_service_that_is_down_can_be_asked_again(
    panel: SearchPanel, catalogue: Facility, until: Any
) -> None:
    search(panel, until, text="nosuchwordanywhere")
    assert "Nothing found" in panel.table.status.value
    assert panel.table.layout.display == ""
    catalogue.add_fault(Fault("status", path=r"/scicat-psi/.*", status=503))
    panel.form.fill(text="apoferritin")
    with pytest.raises(Unreachable):
        panel.search().result(120)
    assert isinstance(panel.errors.error, Unreachable)
    assert panel.table.layout.display == "none"  # nothing is known of this question
    assert panel.form.busy is False
    catalogue.clear_faults()
    panel.errors.retry.click()
    panel.job.result(120)
    until(lambda: panel.results is not None)
    assert panel.errors.disclosure.sentence == ""
    assert panel.table.layout.display == ""


def test_rows_of_the_search_before_are_called_so_when_the_next_one_fails(
    panel: SearchPanel, catalogue: Facility, until: Any
) -> None:
    search(panel, until)
    catalogue.add_fault(Fault("status", path=r"/scicat-psi/.*", status=503))
    panel.form.fill(text="apoferritin")
    job = panel.search()
    until(lambda: "Next attempt in" in job.progress.snapshot().message)
    with pytest.raises(Unreachable):
        job.result(120)
    until(lambda: not panel.form.busy)
    assert panel.form.status == "The table below still answers the search before."
    catalogue.clear_faults()
    panel.errors.retry.click()
    panel.job.result(120)
    until(lambda: "found in practice" in panel.form.status)
    until(lambda: not panel.facets.busy)


@pytest.mark.filterwarnings("default::openem_nb.errors.MisspeltNameWarning")  # the panel says it
def test_what_is_not_known_there_is_said(panel: SearchPanel, until: Any) -> None:
    condition = {"name": "acquisition.nominal_magnificaton", "comparison": ">=", "value": "1"}
    search(panel, until, conditions=json.dumps([condition]))
    assert "Is acquisition.nominal_magnification meant?" in panel.form.status


def test_a_log_in_that_has_run_out_offers_one_and_repeats_the_search(
    panel: SearchPanel, catalogue: Facility, until: Any
) -> None:
    tokens.save("practice", catalogue.scicat["practice"].users.token("ada", seconds=-5))
    with pytest.raises(TokenExpired):
        panel.search().result(120)
    login = panel.errors.login
    assert login is not None
    login.form.submit({"username": "ada", "secret": "practice"})
    until(lambda: panel.results is not None)
    assert panel.results.total == len(seen_by(catalogue, "emf-krios", "p20001", "p20002"))
    until(lambda: not panel.facets.busy)


def test_a_newer_search_overtakes_an_older_one(
    panel: SearchPanel, catalogue: Facility, until: Any
) -> None:
    search(panel, until)
    catalogue.add_fault(Fault("hang", path=r".*/count.*"))
    before = len(catalogue.requests)
    panel.facets.choose({"type": ["raw"]})
    slow = panel.job
    until(lambda: any("/count" in one.path for one in catalogue.requests[before:]))  # it is held
    catalogue.clear_faults()
    panel.facets.choose({"type": ["derived"]})
    panel.job.result(120)
    with pytest.raises(Cancelled):
        slow.result(120)
    assert set(panel.results["type"]) == {"derived"}
    assert panel.errors.disclosure.sentence == ""
    until(lambda: not panel.facets.busy)


def test_no_token_is_in_the_state_of_the_panel(
    ada: str, panel: SearchPanel, until: Any, everything_shown: Callable[..., str]
) -> None:
    search(panel, until)
    choose(panel, 0)
    panel.job.result(120)
    assert ada not in everything_shown(panel)
    assert ada not in panel.code()
