"""Which link leads to which tar and until when; names and addresses of the server in our hands."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from _tapes import FAST, FLAVOURS, Site, assert_whole, site, until

from openem_nb import errors, scicat, settings
from openem_nb.practice.scicat._routes import Router
from openem_nb.scicat import _record, _tape_jobs
from openem_nb.scicat._delivery import commands
from openem_nb.scicat._record import Order, Record, Wanted
from openem_nb.scicat._tape_files import Tape, dataset_folder
from openem_nb.scicat._tape_jobs import Link
from openem_nb.scicat.files import TapeBlock, TapedFile
from openem_nb.scicat.tape import State, reattach, retrievals, retrieve

if TYPE_CHECKING:
    from collections.abc import Iterator

URL = (
    "https://store.example.org/bucket/a.tar?X-Amz-Date=20261120T100000Z&X-Amz-Expires=604800"
    "&X-Amz-Signature=5ec4e7"
)


@pytest.fixture(params=FLAVOURS)
def archive(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with site(monkeypatch, request.param) as found:
        yield found


def block(name: str, *paths: str) -> TapeBlock:
    files = tuple(TapedFile(path, 10, "") for path in paths)
    return TapeBlock(name, f"/lts/{name}", 10 * len(paths), 2048, "", None, files)


def test_until_when_an_address_works() -> None:
    assert _tape_jobs.expiry(URL) == datetime(2026, 11, 27, 10, tzinfo=UTC)
    assert _tape_jobs.expiry("https://x.org/a?Expires=0") == datetime(1970, 1, 1, tzinfo=UTC)
    for odd in ("", "?X-Amz-Date=today&X-Amz-Expires=1", "?Expires=99999999999999999", "?a=b"):
        assert _tape_jobs.expiry(f"https://x.org/a.tar{odd}") is None


def test_an_address_is_not_in_the_repr_of_a_link() -> None:
    link = Link("pid", "a.tar", url=URL)
    job = _tape_jobs._job({"jobResultObject": {"result": [{"datasetId": "p", "url": URL}]}})
    assert job.links[0].name == "a.tar"
    assert "5ec4e7" not in repr(link) + repr(job)


def test_odd_jobs_do_no_harm() -> None:
    odd = {
        "id": 7,
        "jobParams": "none",
        "datasetList": [None, {"pid": "p"}, {"files": []}],
        "jobResultObject": {"result": [None, {"url": "file:///etc/passwd", "datasetId": "p"}, 3]},
        "createdAt": "yesterday",
        "statusCode": None,
    }
    job = _tape_jobs._job(odd)
    assert (job.id, dict(job.files), job.links, job.created) == ("7", {"p": frozenset()}, (), None)
    assert not job.ended


def test_links_find_their_tars() -> None:
    tape = Tape("p", (block("t_2.tar", "b"), block("t_10.tar", "c"), block("t_1.tar", "a")))
    by_place = Link("p", "other-name", "/lts/t_10.tar")
    by_name = Link("p", "folder/t_1.tar")
    pairs = tape.pairs([by_place, by_name])
    assert [(link.name, found.name) for link, found in pairs] == [
        ("other-name", "t_10.tar"),
        ("folder/t_1.tar", "t_1.tar"),
    ]


def test_links_of_strange_names_go_by_their_order_if_none_is_missing() -> None:
    tape = Tape("p", (block("t_1.tar", "a"), block("t_2.tar", "b"), block("t_10.tar", "c")))
    strange = [Link("p", "x-10.tar"), Link("p", "x-2.tar"), Link("p", "x-1.tar")]
    assert [found.name for _, found in tape.pairs(strange)] == ["t_1.tar", "t_2.tar", "t_10.tar"]
    assert tape.pairs(strange[:2]) == []


def test_tars_without_a_wanted_file_are_left_alone() -> None:
    tape = Tape("p", (block("t_1.tar", "a", "b"), block("t_2.tar", "c"), block("t_3.tar")))
    wanted = tape.wanted(["c"])
    links = [Link("p", "t_1.tar"), Link("p", "t_2.tar"), Link("p", "t_3.tar")]
    assert [found.name for _, found in wanted.pairs(links)] == ["t_2.tar"]
    assert (len(wanted.members), wanted.size, wanted.packed) == (1, 10, 2048)
    assert [found.name for _, found in tape.pairs(links)] == ["t_1.tar", "t_2.tar"]


def test_folders_of_data_sets_are_one_harmless_name() -> None:
    assert dataset_folder("20.500.11935/1234") == "20.500.11935-1234"
    assert "/" not in dataset_folder("a/b\\..\\c")
    assert dataset_folder("/etc/passwd") == "-etc-passwd"
    with pytest.raises(errors.InvalidInput):
        dataset_folder("..")


def test_no_text_of_the_server_becomes_a_command() -> None:
    order = Order(("p/$(rm -rf ~)",), "PSI", option="PSI")
    wanted = Wanted("p/$(rm -rf ~)", "x", "p-x", 1, 1, source="/a; rm -rf ~", owner_group="p1/../x")
    record = Record("psi", "x", "/data/my folder", (wanted,), (order,), created=_record.now())
    assert commands(record) == ()
    on_ra = Order(("p/$(rm -rf ~)",), "PSI", option="PSI-RA")
    assert commands(Record("psi", "x", "/d", (wanted,), (on_ra,), created=_record.now())) == ()
    good = Wanted("p/12-ab", "x", "p-12-ab", 1, 1)
    plain = Order(("p/12-ab",), "PSI", option="PSI")
    record = Record("psi-qa", "x", "/data/my folder", (good,), (plain,), created=_record.now())
    assert commands(record)[0] == (
        "rsync -e ssh -av pbt-retrieve.psi.ch:retrieve/12-ab/ '/data/my folder/p-12-ab/'"
    )
    nowhere = Record("ethz", "x", "/data", (good,), (plain,), created=_record.now())
    assert commands(nowhere) == ()  # it has no host to copy from
    for order in (plain, replace(plain, option="PSI-RA")):
        gone = Record("taken-out", "x", "/data", (good,), (order,), created=_record.now())
        assert commands(gone) == ()


def test_an_older_server_without_version_4(archive: Site) -> None:
    archive.service.router = Router(
        replace(one, version=3) if one.version is None and one.pattern.startswith("jobs") else one
        for one in archive.service.router.routes
        if not (one.version == 4 and one.pattern.startswith("jobs"))
    )
    pid = archive.add()
    archive.service.robot.ask(pid, "hold")
    retrieval = retrieve(pid)
    assert len(archive.jobs) == 1
    retrieval.forget()
    assert retrieve(pid).jobs == (archive.jobs[0]["id"],)
    archive.service.robot.ask(pid, "normal")
    again = retrievals()[0].run(pace=FAST)
    assert again.state is State.VERIFIED
    assert_whole(archive, pid, again.folders[pid])


def test_a_damaged_record_is_said_and_hides_nothing(archive: Site) -> None:
    pid = archive.add()
    retrieval = retrieve(pid)
    bad = _record.new_folder("damaged-one")
    (bad / "record.json").write_text("{", encoding="utf-8")
    assert retrievals(server=False) == [retrieval]
    (bad / "record.json").write_text('{"wanted": 3}', encoding="utf-8")
    with pytest.raises(errors.BadAnswer, match="not the record"):
        Record.read(bad)
    assert retrievals(server=False) == [retrieval]
    assert reattach(retrieval.id) == retrieval


def test_an_id_of_the_server_cannot_lead_out_of_the_state_folder() -> None:
    folder = _record.new_folder("../../outside")
    assert folder.parent == settings.folders().state / "retrievals"


def test_log_ins_of_other_people_do_not_take_over(archive: Site) -> None:
    """Whoever has asked has to be logged in again, or the server refuses."""
    pid = archive.add()
    archive.service.robot.ask(pid, "hold")
    retrieval = retrieve(pid)
    scicat.logout()
    archive.login("ben")
    with pytest.raises(errors.NotAllowed):
        retrieval.refresh()
    archive.login("ada")
    assert retrieval.refresh().state is State.QUEUED


def test_a_record_says_all_and_survives(archive: Site) -> None:
    pid = archive.add(files=3)
    retrieval = retrieve(pid, files=["*_000001.mrc"])
    until(lambda: retrieval.refresh().state is State.READY)
    record = Record.read(retrieval._folder)
    text = (retrieval._folder / "record.json").read_text(encoding="utf-8")
    assert json.loads(text)["username"] == "ada"
    assert record.write(retrieval._folder) == Record.read(retrieval._folder)
    assert record.wanted[0].files == ("Images/micrograph_000001.mrc",)
    assert record.orders[0].expires is not None
