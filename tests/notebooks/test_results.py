"""Each template run once on the practice facility; its results against the facility's truth."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

import nbformat
import pandas as pd
import pytest

from openem_nb import emdb, runs, settings
from openem_nb.runs import RunState

if TYPE_CHECKING:
    from openem_nb.practice import Facility

pytestmark = pytest.mark.notebook

ENOUGH = 400
"""Seconds that a template may take on a busy machine."""


def finished(name: str, parameters: dict[str, object]) -> runs.Run:
    run = runs.start(name, parameters)
    assert run.wait(ENOUGH) is RunState.DONE, (run.error, run.log.read_text())
    return run


def shown(run: runs.Run) -> str:
    """Return all text that the executed notebook shows."""
    texts = []
    for cell in nbformat.read(run.notebook, as_version=4).cells:
        for output in cell.get("outputs", []):
            assert output.get("name") != "stderr", output["text"]
            data = output.get("data", {})
            texts.append(output.get("text", "") + data.get("text/markdown", ""))
            texts.append(data.get("text/plain", ""))
    return "\n".join(texts)


def notice_of(run: runs.Run) -> str:
    """Return the notice of practice data, after a look that the notebook shows it."""
    notice = settings.services().notice
    assert notice
    assert notice in shown(run)
    return notice


def test_swiss_statistics_equal_the_truth(practice: Facility) -> None:
    run = finished("swiss_statistics", {"country": "switzerland", "first_year": "2019"})
    truth = practice.truth
    assert run.summary is not None
    found = re.search(
        r"Switzerland: ([\d,]+) released EMDB entries as of (\S+), ([\d,]+) with raw", run.summary
    )
    assert found, run.summary
    as_of = date.fromisoformat(found[2].rstrip(","))
    counted = [
        entry
        for entry in truth.emdb.values()
        if entry.status == "REL"
        and entry.map_released is not None
        and max(entry.map_released, entry.deposited) <= as_of
        and "switzerland" in truth.countries(entry.emdb_id)
    ]
    with_raw_data = [entry for entry in counted if truth.raw_data(entry.emdb_id, as_of)]
    assert counted
    assert with_raw_data
    assert int(found[1].replace(",", "")) == len(counted)
    assert int(found[3].replace(",", "")) == len(with_raw_data)

    annual = pd.read_csv(run.outputs / "tables" / "annual.csv").set_index("year")
    assert annual.index.min() == 2019
    for year, entries in annual["entries"].items():
        assert entries == sum(entry.deposited.year == year for entry in counted)
    work_list = pd.read_csv(run.outputs / "tables" / "work_list.csv")
    assert set(work_list["emdb_id"]) == {e.emdb_id for e in counted} - {
        e.emdb_id for e in with_raw_data
    }

    assert run.report == run.outputs / "report.html"
    page = run.report.read_text()
    assert not re.search(r"""src=["']https?:""", page)
    assert notice_of(run) in page
    assert notice_of(run) in run.summary
    assert f"{len(counted):,}" in shown(run)
    pictures = [
        output
        for cell in nbformat.read(run.notebook, as_version=4).cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) == 4
    assert all(len(output["metadata"]["image/png"]["alt"]) > 50 for output in pictures)


def test_an_unknown_country_says_which_there_are(practice: Facility) -> None:
    run = runs.start("swiss_statistics", {"country": "Switzerlnd"})
    assert run.wait(ENOUGH) is RunState.FAILED
    assert run.error is not None
    assert run.error.ename == "InvalidInput"
    assert "Switzerland" in run.error.hint
    assert not (run.outputs / "report.html").exists()


def test_years_out_of_order_are_refused_before_the_harvest(practice: Facility) -> None:
    run = runs.start("swiss_statistics", {"first_year": "2024", "last_year": "2019"})
    assert run.wait(ENOUGH) is RunState.FAILED
    assert run.error is not None
    assert run.error.ename == "InvalidInput"
    assert "wrong way round" in run.error.evalue
    assert not list(settings.folders().data.glob("archive-*"))


def test_a_search_of_emdb_finds_what_is_there_and_downloads(practice: Facility) -> None:
    run = finished(
        "search_repositories",
        {"raw_data": "with", "rows": "5", "download": "image", "first": "2"},
    )
    truth = practice.truth
    released = {e.emdb_id for e in truth.emdb.values() if e.status == "REL"}
    table = pd.read_csv(run.outputs / "results.csv")
    assert len(table) == 5
    for emdb_id in table["emdb_id"]:
        assert emdb_id in released
        assert truth.links(emdb_id)
    assert run.summary is not None
    assert notice_of(run) in run.summary
    query = emdb.query(raw_data=True)
    assert f"5 of {emdb.search(query).total} EMDB entries for the query {query}" in run.summary
    for emdb_id in table["emdb_id"][:2]:
        assert [path for path in (run.outputs / emdb_id).rglob("*") if path.is_file()]
    assert run.report is not None
    assert notice_of(run) in run.report.read_text()


def test_a_search_of_empiar_finds_what_is_there(practice: Facility) -> None:
    run = finished("search_repositories", {"repository": "EMPIAR"})
    truth = practice.truth
    table = pd.read_csv(run.outputs / "results.csv")
    released = {e.empiar_id for e in truth.empiar.values() if e.status == "REL"}
    assert set(table["empiar_id"]) >= released
    assert set(table["empiar_id"]) <= set(truth.empiar)
