"""The commands about metadata as a person uses them: processes with output and exit code."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys

import gemmi
import pytest

from openem_nb import oscem
from openem_nb.cli._metadata import extract
from openem_nb.errors import Cancelled
from openem_nb.practice.sessions import write_session

COMMAND = [sys.executable, "-W", "error", "-m", "openem_nb"]


def openem(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


def test_the_help_names_the_commands() -> None:
    done = openem("--help")
    for command in ("extract", "coverage", "mmcif", "check", "upgrade"):
        assert f"  {command} " in done.stdout


def test_extract_shows_each_value_with_its_origin_and_what_one_should_know(tmp_path) -> None:
    truth = write_session(tmp_path / "a", images=20, faults=["truncated"])
    done = openem("extract", str(tmp_path / "a"))
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    pixel = truth.values["acquisition.pixel_size"][0]
    assert f" {pixel:.10g} Å " in lines["acquisition.pixel_size"]
    assert "epu image, 19 of 19 files" in lines["acquisition.pixel_size"]
    assert lines["(serial)"].split()[1] == truth.serial
    assert lines["acquisition.date_time"].endswith("epu image, earliest of 19 files")
    assert "instrument.cs" not in lines
    assert "Reading the session" not in done.stderr, "no progress where nobody looks on"
    assert "break off" in done.stderr
    assert truth.faults["truncated"][0] in done.stderr


def test_a_remedy_of_several_findings_is_said_once(tmp_path) -> None:
    write_session(tmp_path / "a", images=20, faults=["magnifications"])
    done = openem("extract", str(tmp_path / "a"))
    mixed = done.stderr.count("is not the same in all files")
    assert mixed >= 2
    assert done.stderr.count("Put files that belong to another session") == 1


def test_of_many_files_a_finding_names_some_and_counts_the_others(tmp_path) -> None:
    write_session(tmp_path / "a", images=20, faults=["linear"])
    done = openem("extract", str(tmp_path / "a"))
    line = next(line for line in done.stderr.splitlines() if " and " in line and ".xml" in line)
    assert line.endswith(".xml and 19 more")


def test_extract_says_of_an_empty_folder_that_it_is_empty_and_no_more(tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    done = openem("extract", str(tmp_path / "empty"))
    assert done.stdout == ""
    assert "No file in the folder holds metadata" in done.stderr
    assert "missing:" not in done.stderr


def test_extract_writes_a_document_or_prints_it(tmp_path) -> None:
    truth = write_session(tmp_path / "a", images=8)
    target = tmp_path / "oscem.json"
    given = ["--set", "instrument.cs = 2.7 mm", "--set", "sample.overall_molecule.source = NATURAL"]
    given += ["--set", "sample.overall_molecule.name_sample = practice apoferritin"]
    done = openem("extract", str(tmp_path / "a"), "-o", str(target), *given)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"Document: {target}\n"
    document = oscem.read(target)
    assert oscem.validate(document) == ()
    assert document["instrument"]["cs"]["value"] == 2.7
    assert document["instrument"]["cs"]["valueSI"] == pytest.approx(0.0027)
    done = openem("extract", str(tmp_path / "a"), "--json")
    assert json.loads(done.stdout)["acquisition"]["images_generated"] == truth.images


def test_what_is_missing_is_told_and_can_be_left_for_later(tmp_path) -> None:
    write_session(tmp_path / "a", kind="serialem")
    target = tmp_path / "oscem.json"
    done = openem("extract", str(tmp_path / "a"), "-o", str(target))
    assert done.returncode == 1
    assert not target.exists()
    assert "instrument.illumination" in done.stderr
    assert "--set" in done.stderr
    assert "--draft" in done.stderr
    assert "complete(" not in done.stderr, "a person at a console has options, not calls"
    assert "time_zone=" not in done.stderr
    done = openem("extract", str(tmp_path / "a"), "-o", str(target), "--draft")
    assert done.returncode == 0, done.stderr
    assert "missing: acquisition.date_time" in done.stderr
    assert json.loads(target.read_text())["draft"]["acquisition"]["technique"] == "subtomo"
    done = openem("extract", str(tmp_path / "a"), "--time-zone", "Europe/Zurich")
    assert "missing: acquisition.date_time" not in done.stderr
    done = openem("extract", str(tmp_path / "a"), "--technique", "cellular_tomo")
    assert "cellular_tomo" in done.stdout


def test_coverage_of_a_session_and_of_the_formats(tmp_path) -> None:
    write_session(tmp_path / "a", images=8)
    done = openem("coverage", str(tmp_path / "a"))
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if "accelerating voltage" in line)
    assert line.split()[0] == "yes"
    assert "300 kV (epu, FoilHole_" in line, "the value, and the file that says it"
    assert "parameters are there" in done.stderr
    done = openem("coverage", "--csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(rows) >= 38
    by_item = {row["item"]: row for row in rows}
    assert by_item["_em_imaging.accelerating_voltage"]["EPU"] == "True"
    assert by_item["_em_3d_reconstruction.symmetry_type"]["EPU"] == "False"


def test_a_document_becomes_mmcif_that_can_be_checked(tmp_path) -> None:
    write_session(tmp_path / "a", images=8)
    document, target = tmp_path / "oscem.json", tmp_path / "out.cif"
    assert openem("extract", str(tmp_path / "a"), "-o", str(document)).returncode == 0
    answer = "_em_ctf_correction.type = NONE"
    done = openem("mmcif", str(document), "-o", str(target), "--set", answer)
    assert done.returncode == 0, done.stderr
    block = gemmi.cif.read(str(target))[0]
    assert block.find_value("_em_imaging.accelerating_voltage") == "300"
    assert block.find_value("_em_ctf_correction.type") == "NONE"
    assert "missing: _em_buffer.pH (buffer: pH)" in done.stderr
    assert "_em_ctf_correction.type" not in done.stderr
    assert "missing: _em_admin" not in done.stderr, "OneDep knows that itself"
    done = openem("check", str(target))
    assert "by PDBx dictionary 5." in done.stdout
    assert done.returncode == (0 if done.stdout.splitlines()[-1].startswith("0 errors") else 1)


def test_what_has_no_item_is_summed_up_and_the_form_is_filled_in(tmp_path) -> None:
    write_session(tmp_path / "a", images=4)
    document, target, form = (tmp_path / name for name in ("oscem.json", "out.cif", "form.json"))
    assert openem("extract", str(tmp_path / "a"), "-o", str(document)).returncode == 0
    done = openem("mmcif", str(document), "-o", str(target), "--form", str(form))
    assert done.returncode == 0, done.stderr
    left = [line for line in done.stderr.splitlines() if line.startswith("left out: ")]
    assert any("values that PDBx/mmCIF has no item for; --all lists them" in one for one in left)
    assert not any("pixel_size" in one for one in left)
    assert len(left) == len(set(left))
    asked = json.loads(form.read_text())
    for one in asked["questions"]:
        one["answer"] = "7.5" if one["key"] == "_em_buffer.pH" else None
    form.write_text(json.dumps(asked))
    more = ("--answers", str(form), "--entry-id", "MINE", "--all")
    done = openem("mmcif", str(document), "-o", str(target), *more)
    assert done.returncode == 0, done.stderr
    assert "left out: acquisition.pixel_size: PDBx/mmCIF has no item for it" in done.stderr
    block = gemmi.cif.read(str(target))[0]
    assert block.find_value("_entry.id") == "MINE"
    assert block.find_value("_em_buffer.pH") == "7.5"
    done = openem("check", str(target))
    assert "marked EMDB_PUBLIC" not in done.stdout, "how categories are marked helps nobody"


def test_check_and_upgrade_of_a_document(tmp_path) -> None:
    write_session(tmp_path / "a", images=8)
    good, old, new = (tmp_path / name for name in ("good.json", "old.json", "new.json"))
    assert openem("extract", str(tmp_path / "a"), "-o", str(good)).returncode == 0
    done = openem("check", str(good))
    assert done.returncode == 0
    assert "valid document of spa" in done.stdout
    document = oscem.read(good)
    document["acquisition"]["datetime"] = document["acquisition"].pop("date_time")
    old.write_text(json.dumps(document))
    done = openem("mmcif", str(old), "-o", str(tmp_path / "old.cif"))
    assert done.returncode == 0
    assert "The document itself has 2 problems: see `openem check`" in done.stderr
    done = openem("check", str(old))
    assert done.returncode == 1
    assert "error: acquisition.date_time is missing" in done.stdout
    done = openem("upgrade", str(old), "-o", str(new))
    assert done.returncode == 0, done.stderr
    assert "date_time" in done.stdout
    assert oscem.read(new) == oscem.read(good)
    assert "nothing to change" in openem("upgrade", str(good)).stdout


def test_what_cannot_be_upgraded_whole_is_kept_as_a_draft(tmp_path) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_text('{"acquisition": {"technique": "spa", "detector": "K3"}}')
    done = openem("upgrade", str(old), "-o", str(new))
    assert done.returncode == 1
    assert not new.exists()
    assert "`openem check` lists all problems" in done.stderr
    done = openem("upgrade", str(old), "-o", str(new), "--draft")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, f"Draft: {new}")
    assert oscem.read_draft(new).document["acquisition"]["detectors"] == [{"name": "K3"}]


def test_microscopes_are_listed_and_an_example_shows_how_to_describe_one(tmp_path) -> None:
    done = openem("instruments")
    assert (done.returncode, done.stdout) == (0, "")
    assert "openem instruments --example >" in done.stderr
    file = tmp_path / "ours.toml"
    file.write_text(openem("instruments", "--example").stdout)
    line = openem("instruments", str(file)).stdout.splitlines()[0]
    assert line.startswith("TITAN52339260  Titan Krios G4  Cs 2.7 mm  Falcon 4i, Ceta 16M")
    done = openem("instruments", str(tmp_path / "none.toml"))
    assert done.returncode == 1
    assert "`openem instruments --example` shows one" in done.stderr


def test_a_draft_is_checked_and_converted_as_what_it_is(tmp_path) -> None:
    write_session(tmp_path / "a", kind="serialem")
    draft, target = tmp_path / "draft.json", tmp_path / "out.cif"
    assert openem("extract", str(tmp_path / "a"), "-o", str(draft), "--draft").returncode == 0
    done = openem("check", str(draft))
    assert done.returncode == 1
    assert "is a draft" in done.stderr
    assert "error: instrument.illumination is missing" in done.stdout
    assert "error: acquisition is missing" not in done.stdout
    assert openem("mmcif", str(draft), "-o", str(target)).returncode == 0
    block = gemmi.cif.read(str(target))[0]
    assert block.find_value("_em_experiment.reconstruction_method") == "'SUBTOMOGRAM AVERAGING'"


def test_an_extraction_that_is_interrupted_is_cancelled(tmp_path, monkeypatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(oscem, "extract", interrupted)
    with pytest.raises(Cancelled, match="cancelled"):
        extract(tmp_path, tmp_path / "oscem.json")
    assert not (tmp_path / "oscem.json").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["extract", "nowhere"], "nowhere"),
        (["extract", ".", "--set", "instrument.cs"], "cannot be read"),
        (["extract", ".", "--technique", "sem"], "sem"),
        (["extract", ".", "--instruments", "none.toml"], "none.toml"),
        (["coverage", "nowhere"], "nowhere"),
        (["check", "nothing.json"], "nothing.json"),
        (["check", "nothing.cif"], "nothing.cif"),
        (["mmcif", "nothing.json", "-o", "out.cif"], "nothing.json"),
        (["mmcif", "nothing.json", "-o", "out.cif", "--set", "x"], "not an item with a value"),
        (["mmcif", "nothing.json", "-o", "out.cif", "--answers", "no.json"], "no.json"),
        (["upgrade", "nothing.json"], "nothing.json"),
    ],
)
def test_bad_input_is_a_sentence_with_a_hint(tmp_path, monkeypatch, arguments, says) -> None:
    monkeypatch.chdir(tmp_path)
    write_session(tmp_path / "a", images=2)
    done = openem(*arguments)
    assert done.returncode == 1, done.stdout
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) >= 2, "a message and a hint"


def test_what_is_wrapped_is_to_be_upgraded_first(tmp_path) -> None:
    (tmp_path / "old.json").write_text('{"scientificMetadata": {"acquisition": {}}}')
    done = openem("mmcif", str(tmp_path / "old.json"), "-o", str(tmp_path / "out.cif"))
    assert done.returncode == 1
    assert "no OSC-EM document" in done.stderr
    assert "`openem upgrade`" in done.stderr
    assert not (tmp_path / "out.cif").exists()


def test_a_wrong_choice_is_a_wrong_call(tmp_path) -> None:
    assert openem("mmcif", "a.json", "-o", "b.cif", "--wins", "nobody").returncode == 2
