"""The templates about SciCat, run on a practice facility of the test's own; against its truth."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pandas as pd
import pytest

from openem_nb import runs, scicat, settings, tokens
from openem_nb.practice import serve
from openem_nb.runs import RunState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openem_nb.practice import Facility
    from openem_nb.practice.scicat.service import ScicatService

pytestmark = pytest.mark.notebook

ENOUGH = 400
"""Seconds that a template may take on a busy machine."""


@pytest.fixture
def catalogue(monkeypatch: pytest.MonkeyPatch) -> Iterator[Facility]:
    """Run a facility in which much is changed."""
    with serve(entries=50, seed=3, datasets=300, tape_seconds=0.2) as facility:
        monkeypatch.setenv("OPENEM_PROFILE", "practice")
        monkeypatch.setenv("OPENEM_PRACTICE_URL", facility.url)
        yield facility


@pytest.fixture
def service(catalogue: Facility) -> ScicatService:
    return catalogue.scicat["practice"]


@pytest.fixture
def ada(service: ScicatService) -> str:
    """Log in as ada; return the token, which must be in no file of a run."""
    token: str = service.users.token("ada")
    tokens.save("practice", token)
    return token


def finished(name: str, parameters: dict[str, object]) -> runs.Run:
    run = runs.start(name, parameters)
    assert run.wait(ENOUGH) is RunState.DONE, (run.error, run.log.read_text())
    notice = settings.profile().notice
    assert notice is not None
    assert notice in run.notebook.read_text()
    assert run.summary is not None
    assert notice in run.summary
    return run


def nowhere_in(run: runs.Run, *secrets: str) -> None:
    """Assert that no file of a run holds a secret."""
    for path in run.folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            for secret in secrets:
                assert secret.encode() not in content, path


def test_a_search_finds_what_is_there(service: ScicatService, ada: str) -> None:
    run = finished(
        "search_catalogue",
        {
            "kind": "raw",
            "recorded_from": "2025",
            "files": "on tape",
            "conditions": ["acquisition.nominal_magnification >= 80000"],
            "rows": "20",
        },
    )
    table = pd.read_csv(run.outputs / "results.csv")
    assert len(table) == 20
    for pid in table["pid"]:
        document = service.store.get("datasets", pid)
        assert document is not None
        assert document["type"] == "raw"
        assert document["creationTime"] >= "2025"
        assert document["datasetlifecycle"]["retrievable"]
    total = scicat.count(
        type="raw",
        created=("2025", None),
        retrievable=True,
        where={"acquisition.nominal_magnification": (">=", 80_000)},
    )
    assert f"20 of {total:,} data sets of practice, seen as ada" in (run.summary or "")
    counts = pd.read_csv(run.outputs / "counts_type.csv")
    assert dict(zip(counts["value"], counts["count"], strict=True)) == {"raw": total}
    nowhere_in(run, ada)


def test_a_condition_that_cannot_be_read_is_refused(catalogue: Facility) -> None:
    run = runs.start("search_catalogue", {"conditions": ["magnification"]})
    assert run.wait(ENOUGH) is RunState.FAILED
    assert run.error is not None
    assert "cannot be read" in run.error.evalue


def checked(run: runs.Run, table: pd.DataFrame, service: ScicatService, pid: str) -> None:
    """Assert that the report lists files that are on disk with just this content."""
    blocks = scicat.get(pid).tape()
    truth = {file.path: file.checksum for block in blocks for file in block.files}
    mine = table[table["pid"] == pid]
    assert set(mine["path"]) <= set(truth)
    for path, location, algorithm, checksum in zip(
        mine["path"], mine["location"], mine["checked_by"], mine["checksum"], strict=True
    ):
        assert checksum == truth[path]
        assert hashlib.new(algorithm, Path(location).read_bytes()).hexdigest() == checksum


def test_a_retrieval_brings_verified_files(service: ScicatService, ada: str) -> None:
    pids = [service.add_dataset(files=5, size=32 * 1024, tars=2) for _ in range(2)]
    run = finished("retrieve_dataset", {"pids": pids, "patterns": ["*0.mrc", "*3.mrc"]})
    table = pd.read_csv(run.outputs / "files.csv")
    assert len(table) == 4
    for pid in pids:
        checked(run, table, service, pid)
    assert "verified: 4 files" in (run.summary or "")
    nowhere_in(run, ada, "X-Amz-Signature")


def test_public_data_come_without_a_log_in(service: ScicatService) -> None:
    pid = service.add_dataset(files=3, size=32 * 1024, published=True)
    run = finished("retrieve_dataset", {"pids": [pid], "email": "eva@practice.example"})
    table = pd.read_csv(run.outputs / "files.csv")
    assert len(table) == 3
    checked(run, table, service, pid)


def test_what_is_only_asked_for_is_fetched_by_a_later_run(
    catalogue: Facility, service: ScicatService, ada: str
) -> None:
    pid = service.add_dataset(files=3, size=32 * 1024)
    first = finished("retrieve_dataset", {"pids": [pid], "wait": False})
    assert "Run it again" in (first.summary or "")
    assert pd.read_csv(first.outputs / "files.csv").empty
    asked = sum(request.method == "POST" for request in catalogue.requests)
    assert asked == 1
    second = finished("retrieve_dataset", {"pids": [pid]})
    checked(second, pd.read_csv(second.outputs / "files.csv"), service, pid)
    assert sum(request.method == "POST" for request in catalogue.requests) == asked


def test_what_is_private_is_refused_without_a_log_in(service: ScicatService) -> None:
    run = runs.start("retrieve_dataset", {"pids": [service.add_dataset()]})
    assert run.wait(ENOUGH) is RunState.FAILED
    assert run.error is not None
    assert "you may not see it" in run.error.evalue


FILLED = [
    "publisher.name = Practice Institute",
    "publisher.publisherIdentifierScheme = ROR",
    'dates = [{"date": "2026-01-15", "dateType": "Collected"}]',
    "language = en",
    'rightsList = [{"rights": "CC BY 4.0"}]',
    'relatedItems = [{"relatedItemType": "JournalArticle", "relationType": "IsReferencedBy"}]',
]


def record_of(run: runs.Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run.outputs / "publication.json").read_text())
    return found


def test_a_publication_goes_out_step_by_step_and_only_when_it_is_confirmed(
    service: ScicatService, ada: str
) -> None:
    pid = service.add_dataset(datasetName="Apo 7")

    def public() -> bool:
        return bool((service.store.get("datasets", pid) or {})["isPublished"])

    run = finished("publish_dataset", {"pids": [pid], "metadata": FILLED})
    doi = record_of(run)["doi"]
    assert record_of(run)["status"] == "private"
    assert f"confirm = PUBLISH {doi}" in (run.summary or "")
    assert "public for everybody and for good" in json.dumps(
        nbformat.read(run.notebook, as_version=4).cells
    )
    assert not public()
    nowhere_in(run, ada)

    wrong = runs.start("publish_dataset", {"draft": doi, "confirm": "yes"})
    assert wrong.wait(ENOUGH) is RunState.FAILED
    assert wrong.error is not None
    assert f"PUBLISH {doi}" in wrong.error.hint
    assert not public()

    run = finished("publish_dataset", {"draft": doi, "confirm": f"PUBLISH {doi}"})
    assert record_of(run)["status"] == "public"
    assert f"confirm = {doi}" in (run.summary or "")
    assert public()
    assert scicat.publication(doi).status == "public"

    run = finished("publish_dataset", {"draft": doi, "confirm": doi})
    assert record_of(run)["status"] == "registered"
    assert scicat.publication(doi).registered is not None


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({}, "Either data sets or a draft"),
        ({"pids": ["20.500.11935/x"], "confirm": "20.500/x"}, "looked at before"),
        ({"pids": ["20.500.11935/x"], "metadata": ["language"]}, "cannot be read"),
    ],
)
def test_half_a_question_is_refused(
    catalogue: Facility, parameters: dict[str, object], says: str
) -> None:
    run = runs.start("publish_dataset", parameters)
    assert run.wait(ENOUGH) is RunState.FAILED
    assert run.error is not None
    assert says in run.error.evalue
