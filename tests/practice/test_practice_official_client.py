"""The official client (PyPI ``emdb``) works here: the practice service speaks the real dialect."""

from __future__ import annotations

import inspect
import warnings
from typing import TYPE_CHECKING, Any

import pytest
import requests

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # its models are written for pydantic 1
    pytest.importorskip("emdb", reason="the official emdb client is not installed")
    from emdb import client as module
    from emdb import utils
    from emdb.exceptions import EMDBAPIError

if TYPE_CHECKING:
    from openem_nb.practice import Facility

_REAL = "https://www.ebi.ac.uk/"


@pytest.fixture
def client(practice: Facility, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the client with its hard-coded address led to the facility, and without its sleeps."""
    get = requests.get

    def redirected(url: str, **options: Any) -> requests.Response:
        assert url.startswith(_REAL)
        return get(url.replace(_REAL, practice.url + "/"), **options)

    monkeypatch.setattr(utils.requests, "get", redirected)
    for name in ("get_entry", "csv_search", "get_annotations", "get_validation"):
        monkeypatch.setattr(module.EMDB, name, inspect.unwrap(getattr(module.EMDB, name)))
    return module.EMDB()


def test_search(client: Any, practice: Facility) -> None:
    found = {entry._id for entry in client.search("current_status:REL")}
    assert found == {key for key, entry in practice.truth.emdb.items() if entry.status == "REL"}


def test_csv_search(client: Any, practice: Facility) -> None:
    frame = client.csv_search("resolution:[2 TO 3}", fields="emdb_id,resolution,microscope_name")
    expected = {
        key: entry.resolution
        for key, entry in practice.truth.emdb.items()
        if entry.visible and entry.resolution and 2 <= entry.resolution < 3
    }
    assert expected
    assert dict(zip(frame["emdb_id"], frame["resolution"], strict=True)) == expected
    assert list(frame.columns) == ["emdb_id", "resolution", "microscope_name"]


def test_get_entry(client: Any, practice: Facility) -> None:
    read = 0
    released = [entry for entry in practice.truth.emdb.values() if entry.status == "REL"]
    for entry in released:
        try:
            got = client.get_entry(entry.emdb_id)
        except EMDBAPIError:
            continue  # it cannot read some shapes of the real service: null, object for list
        read += 1
        assert got.id == entry.emdb_id
        assert got.method == entry.methods[0]
        assert got.admin["title"] == entry.title
        if len(entry.resolutions) == 1 and entry.resolution:
            assert got.resolution == entry.resolution
        assert [model.pdb_id for model in got.pdb_models] == list(entry.pdb_ids)
        assert got.primary_map.filename == f"emd_{entry.emdb_id[4:]}.map.gz"
    assert read > 0.8 * len(released)


def test_not_found_and_annotations(client: Any, practice: Facility) -> None:
    with pytest.raises(EMDBAPIError, match="404"):
        client.get_entry("EMD-99999")
    truth = practice.truth
    linked = next(key for key, entry in truth.emdb.items() if truth.links(key) and entry.visible)
    assert client.get_annotations(linked) is not None
