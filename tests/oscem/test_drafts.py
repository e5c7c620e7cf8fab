"""Drafts: one form for all who write them, and a frame that says what they are."""

from __future__ import annotations

import json

import pytest
from _epu_forms import write_images

import openem_nb as openem
from openem_nb import oscem
from openem_nb.errors import InvalidInput, InvalidMetadata, NotFound
from openem_nb.panels._metadata_save import read_any, write_any


def test_a_document_is_kept_with_what_it_lacks_and_what_is_wrong(tmp_path) -> None:
    document = {"acquisition": {"technique": "spa", "frames_per_movie": "many"}}
    path = oscem.write_draft(document, tmp_path / "draft.json")
    found = oscem.read_draft(path)
    assert found.document == document
    assert found.technique == "spa"
    assert "acquisition.pixel_size" in {one["path"] for one in found.missing}
    assert "acquisition.frames_per_movie" in {one["path"] for one in found.problems}
    assert found.provenance == {}
    assert oscem.is_draft(oscem.read(path))


def test_an_extraction_and_a_document_make_drafts_of_one_form(tmp_path) -> None:
    write_images(tmp_path / "session", 2, illumination="nil")
    found = openem.extract(tmp_path / "session")
    extracted = json.loads(found.write_draft(tmp_path / "a.json").read_text())
    edited = tmp_path / "b.json"
    write_any(found.document, edited, technique=found.technique, draft=True)
    assert json.loads(edited.read_text()).keys() == extracted.keys()
    assert read_any(tmp_path / "a.json")[0] == read_any(edited)[0] == found.document
    kept = oscem.read_draft(tmp_path / "a.json")
    assert kept.missing[0]["path"] == "instrument.illumination"
    assert kept.provenance["acquisition.pixel_size"]["source"] == "epu"
    assert [one["code"] for one in kept.findings] == [one.code for one in found.findings]


def test_a_draft_that_was_edited_by_hand_is_read_all_the_same(tmp_path) -> None:
    path = tmp_path / "draft.json"
    path.write_text('{"draft": {"acquisition": {"tilt_axis_angle": 3}}, "missing": "much"}')
    found = oscem.read_draft(path)
    assert found.technique == "subtomo"
    assert found.missing == ()


def test_what_is_no_draft_is_refused(tmp_path) -> None:
    path = tmp_path / "whole.json"
    path.write_text('{"acquisition": {}, "draft": {}}')
    with pytest.raises(InvalidMetadata, match="no draft"):
        oscem.read_draft(path)
    with pytest.raises(NotFound):
        oscem.read_draft(tmp_path / "nowhere.json")
    with pytest.raises(InvalidInput, match="technique"):
        oscem.write_draft({}, tmp_path / "x.json", technique="sem")
    assert not (tmp_path / "x.json").exists()
