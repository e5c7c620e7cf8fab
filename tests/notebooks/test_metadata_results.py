"""The templates about metadata: on practice sessions, against their truth; on a person's own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import gemmi
import pandas as pd
import pytest

from openem_nb import oscem, runs, settings
from openem_nb.practice.sessions import INSTRUMENT, write_session
from openem_nb.runs import RunState

if TYPE_CHECKING:
    from pathlib import Path

    from openem_nb.practice.sessions import SessionTruth

pytestmark = pytest.mark.notebook

ENOUGH = 400
"""Seconds that a template may take on a busy machine."""


def finished(name: str, parameters: dict[str, object]) -> runs.Run:
    run = runs.start(name, parameters)
    assert run.wait(ENOUGH) is RunState.DONE, (run.error, run.log.read_text())
    return run


def failed(name: str, parameters: dict[str, object]) -> str:
    run = runs.start(name, parameters)
    assert run.wait(ENOUGH) is RunState.FAILED
    assert run.error is not None
    return f"{run.error.evalue} {run.error.hint}"


@pytest.fixture
def notice() -> str:
    found = settings.profile().notice
    assert found
    return found


@pytest.fixture
def truth(tmp_path: Path) -> SessionTruth:
    """Write a session of a person's own, which is not known to be practice."""
    return write_session(tmp_path / "mine", images=20, seed=5)


def test_a_practice_session_becomes_a_valid_document(notice: str) -> None:
    run = finished("extract_session", {})
    document = oscem.read(run.outputs / "oscem.json")
    assert oscem.validate(document) == ()
    assert document["acquisition"]["images_generated"] == 50
    assert document["instrument"]["cs"]["value"] == 2.7
    assert notice in (run.summary or "")
    assert notice in run.notebook.read_text()
    values = pd.read_csv(run.outputs / "values.csv").set_index("path")
    assert values.loc["acquisition.pixel_size", "agreed"] == 50
    assert values.loc["instrument.cs", "source"] == "instrument file"


def test_a_named_session_is_read_and_is_not_called_practice(
    truth: SessionTruth, notice: str
) -> None:
    given = {"folder": str(truth.folder), "values": ["instrument.cs = 2.7 mm"]}
    run = finished("extract_session", given)
    document = oscem.read(run.outputs / "oscem.json")
    cs = document["instrument"]["cs"]
    assert (cs["value"], cs["unit"]) == (2.7, "mm")
    pixel: Any = truth.values["acquisition.pixel_size"]
    assert document["acquisition"]["pixel_size"]["value"] == pytest.approx(pixel[0])
    assert notice not in (run.summary or "")
    assert notice not in run.notebook.read_text()


def test_what_is_missing_leaves_a_draft_with_the_list(tmp_path: Path) -> None:
    write_session(tmp_path / "mine", kind="serialem")
    run = finished("extract_session", {"folder": str(tmp_path / "mine")})
    assert not (run.outputs / "oscem.json").exists()
    draft = json.loads((run.outputs / "draft.json").read_text())
    assert draft["draft"]["acquisition"]["technique"] == "subtomo"
    assert "missing: acquisition.date_time" in (run.summary or "")
    more = {
        "instruments": str(tmp_path / "mine" / INSTRUMENT),
        "technique": "cellular_tomo",
        "values": ['sample.specimen_env.organism = ["Homo sapiens"]'],
    }
    run = finished("extract_session", {"folder": str(tmp_path / "mine"), **more})
    document = oscem.read(run.outputs / "oscem.json")
    assert document["acquisition"]["technique"] == "cellular_tomo"
    assert oscem.validate(document) == ()


def test_a_document_becomes_mmcif_with_the_list_of_what_is_asked_for(
    truth: SessionTruth, tmp_path: Path, notice: str
) -> None:
    oscem.write(oscem.extract(truth.folder).document, tmp_path / "oscem.json")
    given = {
        "document": str(tmp_path / "oscem.json"),
        "answers": ["_em_ctf_correction.type = NONE", "_em_buffer.pH = 7.4"],
    }
    run = finished("convert_to_mmcif", given)
    block = gemmi.cif.read(str(run.outputs / "deposition.cif"))[0]
    assert block.find_value("_em_buffer.pH") == "7.4"
    assert block.find_value("_em_imaging.accelerating_voltage") == "300"
    form = json.loads((run.outputs / "form.json").read_text())
    asked = {one["item"] for one in form["questions"]}
    assert "_em_specimen.vitrification_applied" in asked
    assert not asked & {"_em_buffer.pH", "_em_ctf_correction.type"}
    written = pd.read_csv(run.outputs / "written.csv")
    assert "_em_imaging.nominal_defocus_max" in set(written["item"])
    assert "mandatory items still asked for" in (run.summary or "")
    assert notice not in (run.summary or "")
    for one in form["questions"]:
        if one["item"] == "_em_specimen.vitrification_applied":
            one["answer"] = "YES"
    (tmp_path / "filled.json").write_text(json.dumps(form))
    run = finished("convert_to_mmcif", {**given, "form": str(tmp_path / "filled.json")})
    block = gemmi.cif.read(str(run.outputs / "deposition.cif"))[0]
    assert block.find_value("_em_specimen.vitrification_applied") == "YES"
    assert block.find_value("_em_buffer.pH") == "7.4"


def test_without_a_document_a_practice_session_is_converted(notice: str) -> None:
    run = finished("convert_to_mmcif", {})
    block = gemmi.cif.read(str(run.outputs / "deposition.cif"))[0]
    assert block.find_value("_em_imaging.microscope_model") == "'TFS KRIOS'"
    assert notice in (run.summary or "")
    messages = pd.read_csv(run.outputs / "messages.csv")
    assert set(messages["level"]) <= {"error", "warning", "info"}


def test_coverage_of_a_practice_session(notice: str) -> None:
    run = finished("metadata_coverage", {})
    table = pd.read_csv(run.outputs / "coverage.csv").set_index("item")
    assert table.loc["_em_imaging.accelerating_voltage", "there"]
    assert not table.loc["_em_3d_reconstruction.symmetry_type", "there"]
    assert table.loc["_em_3d_reconstruction.symmetry_type", "who"] == "reconstruction"
    assert (run.outputs / "coverage.png").read_bytes().startswith(b"\x89PNG")
    assert (run.outputs / "coverage.svg").read_text().startswith("<?xml")
    assert notice in (run.summary or "")
    assert "parameters are there" in (run.summary or "")
    assert run.report is not None
    assert 'alt="' in run.report.read_text(), "the picture can be read without seeing it"


def test_coverage_of_the_formats_alone(notice: str) -> None:
    run = finished("metadata_coverage", {"formats_only": "yes"})
    table = pd.read_csv(run.outputs / "coverage.csv").set_index("item")
    assert table["there"].isna().all()
    assert table.loc["_em_imaging.accelerating_voltage", "EPU"]
    assert notice not in (run.summary or "")


def test_a_real_profile_asks_for_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENEM_PROFILE", "psi")
    assert "No session is named" in failed("extract_session", {})
    assert "No session is named" in failed("metadata_coverage", {})
    assert "No document is named" in failed("convert_to_mmcif", {})


def test_bad_lines_are_told(truth: SessionTruth) -> None:
    wrong = {"folder": str(truth.folder), "values": ["instrument.cs = 2.7 kV"]}
    assert "instrument.cs" in failed("extract_session", wrong)
    assert "not an item with a value" in failed("convert_to_mmcif", {"answers": ["pH = 7"]})
