"""What holds at any instance, proved against nothing but its own answers: only reading.

The rest of the suite proves the same against the truth of the practice services.
"""

from __future__ import annotations

import base64
import json
import re
import time
import warnings
from typing import TYPE_CHECKING

import pytest

from openem_nb import scicat, tokens
from openem_nb.errors import NotFound, NotLoggedIn, QueryTruncatedWarning, TokenExpired

if TYPE_CHECKING:
    from conftest import Place

MOST = 5000
"""Data sets up to which a whole list is read."""


@pytest.fixture(params=["anonymous", "logged in"])
def reader(request: pytest.FixtureRequest, anywhere: Place) -> Place:
    """Give an instance as nobody and as somebody; skip where there is nobody."""
    logged_in = request.param == "logged in"
    if anywhere.service is not None:
        if logged_in:
            anywhere.log_in("ada")
    elif logged_in != (tokens.find("real") is not None):
        pytest.skip("OPENEM_TEST_SCICAT_TOKEN decides who reads the real instance")
    return anywhere


def test_pages_follow_each_other_without_overlap(reader: Place) -> None:
    page = scicat.search(rows=25)
    seen: list[str] = []
    for number in range(4):
        assert page.start == 25 * number
        assert page["created"].is_monotonic_decreasing
        seen += list(page["pid"])
        following = page.next()
        if following is None:
            break
        page = following
    assert len(seen) == len(set(seen)) == min(100, page.total)


def test_a_whole_list_is_as_long_as_the_count(reader: Place) -> None:
    total = scicat.count()
    if total > MOST:
        pytest.skip(f"{total:,} data sets are too many for a test")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = scicat.search(rows=None)
    assert len(found) == found.total == found["pid"].nunique() == total


def test_facets_count_as_searches_do(reader: Place) -> None:
    found = scicat.facets()
    for name in ("type", "keywords", "owner_group", "location"):
        for value, count in list(found[name].itertuples(index=False, name=None))[:2]:
            assert scicat.count(**{name: value}) == count, (name, value)
    for month, count in list(found["created"].itertuples(index=False, name=None))[-2:]:
        assert scicat.count(created=month) == count, month


def test_flags_split_a_list(reader: Place) -> None:
    total = scicat.count()
    for flag in ("published", "on_disk", "retrievable"):
        assert scicat.count(**{flag: True}) + scicat.count(**{flag: False}) == total, flag


def test_a_data_set_is_found_by_what_it_is_called(reader: Place) -> None:
    for row in scicat.search(rows=3).itertuples():
        words = re.findall(r"\w{4,}", row.name)[:3]
        assert scicat.count(f'"{row.pid}"') == 1
        if words:
            narrowed = scicat.search(" ".join([*words, f'"{row.pid}"']))
            assert list(narrowed["pid"]) == [row.pid]


def test_data_sets_come_whole(reader: Place) -> None:
    for pid in scicat.search(rows=3)["pid"]:
        found = scicat.get(pid)
        assert found.pid == pid
        assert found.lifecycle.words
        assert pid in found._repr_html_()
        assert pid in str(found)
        assert found.bibtex().startswith("@")
        assert found.datacite()["titles"][0]["title"]
        if found.file_count > 20_000:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", QueryTruncatedWarning)
            files = found.files()
        assert files.complete == (len(files) == found.file_count and not files.problem)
        blocks = found.tape()
        assert len({block.archive_id for block in blocks}) == len(blocks)
        assert isinstance(found.attachments(), tuple)


def test_what_is_not_there_is_not_found(reader: Place) -> None:
    assert scicat.search("zzq-no-such-thing-qzz").empty
    assert scicat.count(where={"scientificMetadata.no.such.key": ("exists", True)}) == 0
    with pytest.raises((NotFound, NotLoggedIn)):
        scicat.get("20.500.00000/no-such-data-set")


def test_suggested_names_of_metadata_exist(reader: Place) -> None:
    names = scicat.metadata_keys()
    if not names:
        pytest.skip("the instance suggests nothing")
    assert any(scicat.count(where={name: ("exists", True)}) > 0 for name in names[:5])


def test_a_token_that_is_no_good_is_never_public_data_only(
    anywhere: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forged(end: float) -> str:
        body = json.dumps({"username": "nobody", "exp": int(end)}).encode()
        parts = (b'{"alg":"HS256","typ":"JWT"}', body, b"not a signature of anybody")
        return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)

    variable = f"OPENEM_TOKEN_{anywhere.name.upper().replace('-', '_')}"
    monkeypatch.setenv(variable, forged(time.time() + 600))
    with pytest.raises(NotLoggedIn):
        scicat.search(rows=1)
    monkeypatch.setenv(variable, forged(time.time() - 600))
    with pytest.raises(TokenExpired):
        scicat.search(rows=1)


def test_the_client_beside_sees_the_same_data_set(reader: Place) -> None:
    if scicat.identity() is None:  # the other client wants a log-in
        with pytest.raises(NotLoggedIn):
            scicat.connection().pyscicat()
        return
    pid = scicat.search(rows=1)["pid"].iloc[0]
    assert scicat.connection().pyscicat().datasets_get_one(pid)["pid"] == pid
