"""Public data without a log-in, files that people copy, tars that attack, faulty services."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from _tapes import FAST, FLAVOURS, Site, assert_whole, site, until

from openem_nb import errors, scicat, settings
from openem_nb.practice.faults import Fault
from openem_nb.practice.scicat._hostile import HOSTILE
from openem_nb.practice.scicat._store import blocks_of
from openem_nb.scicat.tape import Retrieval, State, retrievals, retrieve

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(params=FLAVOURS)
def archive(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with site(monkeypatch, request.param) as found:
        yield found


@pytest.fixture
def psi(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with site(monkeypatch, "practice") as found:
        yield found


@pytest.fixture
def ethz(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with site(monkeypatch, "practice-ethz") as found:
        yield found


def test_public_data_without_a_log_in(psi: Site, tmp_path: Path) -> None:
    pid, private = psi.add(files=4, tars=2, published=True), psi.add()
    scicat.logout()
    plan = retrieve([pid, private], dry_run=True)
    assert plan.pids == (pid,)
    assert "may not see" in plan.refused[0].why_not
    with pytest.raises(errors.NotLoggedIn, match="not logged in") as raised:
        retrieve(pid)
    assert "email=" in raised.value.hint
    assert psi.jobs == []
    psi.service.robot.ask(pid, "hold")  # the tape does not come before it is looked for
    retrieval = retrieve(pid, email="guest@example.org")
    assert [job["type"] for job in psi.jobs] == ["public"]
    assert psi.jobs[0]["contactEmail"] == "guest@example.org"
    assert retrieval.refresh().state is State.QUEUED  # nobody in particular cannot read jobs
    psi.service.robot.ask(pid, "normal")
    assert retrieval.run(pace=FAST).state is State.VERIFIED
    assert_whole(psi, pid, retrieval.folders[pid])

    psi.mark()
    other = retrieve(pid, folder=tmp_path / "other")  # it is out now: needs no job, no address
    assert psi.jobs_sent == 0
    assert other.run(pace=FAST).state is State.VERIFIED
    assert_whole(psi, pid, other.folders[pid])
    assert {one.id for one in retrievals()} == {retrieval.id, other.id}


def test_public_data_whose_addresses_have_run_out_are_asked_for_anew(psi: Site) -> None:
    pid = psi.add(published=True)
    scicat.logout()
    psi.service.robot.url_seconds = 1
    first = retrieve(pid, email="guest@example.org")
    until(lambda: first.refresh().state is State.EXPIRED)  # ready it is for a second only
    psi.service.robot.url_seconds = 3600
    again = first.ask_again()
    assert len(psi.jobs) == 2
    assert again.run(pace=FAST).state is State.VERIFIED


def test_ethz_brings_nothing_without_a_log_in(ethz: Site) -> None:
    pid = ethz.add(published=True)
    scicat.logout()
    plan = retrieve(pid, dry_run=True)
    assert "only for those who are logged in" in plan.refused[0].why_not
    with pytest.raises(errors.NotLoggedIn) as raised:
        retrieve(pid)
    assert "Log in first" in raised.value.hint
    assert ethz.jobs_sent == 0


NAMES = [f"Images/micrograph_{number:06d}.mrc" for number in range(3)]


def copied(one: Site, pid: str, target: Path) -> None:
    """Put the files of a data set where a person would have copied them."""
    other = retrieve(pid, option="URLs", folder=target.parent / "by-address").run(pace=FAST)
    shutil.copytree(
        other.folders[pid],
        target,
        ignore=shutil.ignore_patterns(".openem*", "retrieved.json"),
        dirs_exist_ok=True,
    )
    assert_whole(one, pid, target)


def test_files_that_a_person_copies(psi: Site) -> None:
    pid = psi.add(files=3)
    retrieval = retrieve(pid, option="PSI").run(pace=FAST)
    assert retrieval.state is State.READY
    assert not retrieval.working
    uuid = pid.partition("/")[2]
    folder = retrieval.folders[pid]
    assert retrieval.commands == (
        f"rsync -e ssh -av pb-retrieve.psi.ch:retrieve/{uuid}/ {folder}/",
        f"sftp -P 4222 -r pb-retrieve.psi.ch:retrieve/{uuid}/ {folder}/",
    )
    assert retrieval.words == "ready: copy it with .commands, then .verify()"
    assert "rsync -e ssh" in retrieval._repr_html_()
    assert psi.tars_fetched == []
    found = retrieval.verify()
    assert len(found.missing) == 3
    assert retrieval.state is State.READY
    copied(psi, pid, folder)
    assert retrieval.run(pace=FAST).state is State.VERIFIED


def test_verify_reads_every_byte(archive: Site, tmp_path: Path) -> None:
    pid = archive.add(files=3)
    retrieval = retrieve(pid).run(pace=FAST)
    found = retrieval.verify()
    assert (found.good, found.by_size, found.whole) == (3, 0, True)
    assert found.words == "3 files have the checksum of the archive"
    elsewhere = tmp_path / "moved"
    shutil.copytree(retrieval.folders[pid], elsewhere)
    victim = sorted(elsewhere.rglob("*.mrc"))[1]
    data = bytearray(victim.read_bytes())
    data[30_000] ^= 1
    victim.write_bytes(data)
    found = retrieval.verify(elsewhere)
    assert (found.good, found.wrong) == (2, (f"Images/{victim.name}",))
    assert retrieval.state is State.VERIFIED  # its own folder is whole

    shutil.copy(victim, retrieval.folders[pid] / "Images")
    assert not retrieval.verify().whole
    assert retrieval.state is State.FAILED
    assert "not whole any more" in retrieval.words
    (retrieval.folders[pid] / "Images" / victim.name).unlink()
    assert retrieval.run(pace=FAST).state is State.VERIFIED
    assert_whole(archive, pid, retrieval.folders[pid])


def test_files_on_ra_are_verified_where_they_are(
    psi: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pid = psi.add(files=3, sourceFolder="/sls/krios1/data/2026")
    ra = tmp_path / "das"
    here = replace(settings.profile("practice"), work_disk=str(ra))
    others = [one for one in settings._BUILT_IN if one.name != here.name]
    monkeypatch.setattr(settings, "_BUILT_IN", (here, *others))
    place = ra / "p20" / "retrieve" / "p20001" / "sls" / "krios1" / "data" / "2026"
    retrieval = retrieve(pid, option="PSI-RA").run(pace=FAST)
    assert retrieval.state is State.READY
    assert retrieval.commands == (f"rsync -av {place}/ {retrieval.folders[pid]}/",)
    copied(psi, pid, place)
    assert retrieval.run(pace=FAST).state is State.VERIFIED


def test_a_source_folder_cannot_lead_elsewhere(psi: Site) -> None:
    pid = psi.add(sourceFolder="/../../../etc")
    retrieval = retrieve(pid, option="PSI-RA").run(pace=FAST)
    assert retrieval.state is State.READY
    assert retrieval.commands == ()


@pytest.mark.parametrize("sized", [True, False], ids=["size known", "size not known"])
@pytest.mark.parametrize("kind", HOSTILE)
def test_tars_that_attack_are_refused_and_the_others_come(
    psi: Site, kind: str, *, sized: bool
) -> None:
    bad = psi.add(files=3, hostile=kind, datasetName="the bad one", names=NAMES, sizes=[50_000] * 3)
    good = psi.add(files=2)
    if not sized:  # else a tar of another size is refused before it is looked into
        (block,) = blocks_of(psi.service.store, "datablocks", bad)
        psi.service.store.put("datablocks", block["_id"], {**block, "packedSize": 0})
    retrieval = retrieve([bad, good])
    with pytest.raises(errors.NotOnDisk, match="the bad one") as raised:
        retrieval.run(pace=FAST)
    assert retrieval.state is State.FAILED
    assert_whole(psi, good, retrieval.folders[good])
    said = str(raised.value)
    named = {
        "dotdot": "../practice-escape.txt",
        "absolute": "/practice-escape.txt",
        "symlink": "way-out",
        "hardlink": "way-in",
        "device": "null",
        "fifo": "pipe",
        "duplicate": "Images/micrograph_000000.mrc",
        "bomb": "bomb.mrc",
        "unlisted": "not-in-the-list.txt",
        "truncated": "Images/micrograph_000002.mrc",
        "wrong-byte": "micrograph_000000.mrc",
        "not-a-tar": "no whole tar archive",
    }
    assert named[kind] in said or (sized and "bytes, 153,600 were expected" in said)
    assert escaped(retrieval) == []


def escaped(retrieval: Retrieval) -> list[Path]:
    """Return what lies where no file of the data sets may be."""
    inside = list(retrieval.folders.values())
    outside = [
        path for path in retrieval.folder.parent.rglob("*escape*") if path.parent not in inside
    ]
    links = [path for path in retrieval.folder.rglob("*") if path.is_symlink()]
    return [*outside, *links, *Path("/").glob("practice-escape*")]


def test_names_that_lead_out_of_the_folder_are_refused(archive: Site) -> None:
    pid = archive.add(names=["good.mrc", "../../escape.mrc"], sizes=[3000, 3000])
    retrieval = retrieve(pid)
    with pytest.raises(errors.NotOnDisk, match="escape"):
        retrieval.run(pace=FAST)
    assert escaped(retrieval) == []


def test_odd_names_come_as_they_are_or_harmless(archive: Site) -> None:
    names = ["grid ü/mövie 1.mrc", "a+b#c%20.mrc", "deep/er/x.mrc", "with\u202ename.mrc"]
    pid = archive.add(names=names[:3], sizes=[3000, 4000, 5000])
    retrieval = retrieve(pid).run(pace=FAST)
    assert_whole(archive, pid, retrieval.folders[pid])


@pytest.mark.parametrize("seed", [1, 2])
def test_services_that_stumble(archive: Site, seed: int) -> None:
    """Five of a hundred requests go wrong, in every way."""
    pids = [archive.add(files=6, tars=3) for _ in range(4)]
    retrieval = retrieve(pids)
    for number, kind in enumerate(("cut", "status", "garbage", "html", "wrong_json")):
        path = "/s3/" if kind == "cut" else "/jobs/"
        fault = Fault(kind, path=path, share=0.05, seed=10 * seed + number)  # type: ignore[arg-type]
        archive.facility.add_fault(fault)
    archive.facility.add_fault(Fault("cut", path="/datasets", share=0.05, seed=seed))
    assert retrieval.run(pace=FAST).state is State.VERIFIED
    archive.facility.clear_faults()
    for pid in pids:
        assert_whole(archive, pid, retrieval.folders[pid])
    assert len(archive.jobs) == 1
