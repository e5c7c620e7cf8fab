"""Names, tars, links and other users that want files where they must not be."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from _tapes import FAST, FLAVOURS, Site, assert_whole, site, truth

from openem_nb import errors, scicat, settings
from openem_nb.practice.scicat._hostile import HOSTILE
from openem_nb.practice.scicat._store import blocks_of
from openem_nb.scicat import _record, safe_path
from openem_nb.scicat.tape import Retrieval, State, retrieve

if TYPE_CHECKING:
    from collections.abc import Iterator

ODD = {
    "dotdot": "../up.mrc",
    "dotdot within": "a/../../up.mrc",
    "absolute": "/etc/up.mrc",
    "drive": "C:\\Windows\\up.mrc",
    "drive with slash": "C:/Windows/up.mrc",
    "backslashes": "..\\..\\up.mrc",
    "trailing dots": "folder./name...",
    "trailing blanks": "name.mrc ",
    "device name": "CON",
    "device name with ending": "sub/nul.txt",
    "tilde": "~/x.mrc",
    "option": "-rf",
    "newline": "a\nb.mrc",
    "escape": "a\x1b[2Jb.mrc",
    "bidi": "exe.\u202ecrm",
    "html": "<img src=x onerror=alert(1)>.mrc",
    "own manifest": ".openem-manifest.jsonl",
    "own parts": ".openem-partial/x",
    "long": "x" * 300,
    "deep": "/".join(["d"] * 80) + "/x.mrc",
    "hidden": ".bashrc",
}


@pytest.fixture(params=FLAVOURS)
def archive(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with site(monkeypatch, request.param) as found:
        yield found


@pytest.fixture
def psi(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with site(monkeypatch, "practice") as found:
        yield found


def snapshot(folder: Path, *leaving: Path) -> dict[str, Any]:
    """Return what lies below a folder, with kind, permissions and content, leaving some out."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        if any(path.is_relative_to(place) for place in leaving):
            continue
        facts = path.lstat()
        content: Any = None
        if stat.S_ISLNK(facts.st_mode):
            content = path.readlink()
        elif stat.S_ISREG(facts.st_mode):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        found[str(path.relative_to(folder))] = (stat.filemode(facts.st_mode), content)
    return found


def state() -> Path:
    """Return what this program writes for itself."""
    return settings.folders().state.parent


def surroundings(tmp_path: Path) -> Path:
    """Make a target folder with neighbours that an escape could hit; return the folder."""
    target = tmp_path / "outer" / "inner" / "target"
    target.mkdir(parents=True)
    for place in (target.parent, target.parent.parent, tmp_path):
        (place / "up.mrc").write_text("precious")
        (place / "practice-escape.txt").write_text("precious")
    (target.parent / "Windows").mkdir()
    return target


def no_way_out(tmp_path: Path, before: dict[str, Any], retrieval: Retrieval) -> None:
    """Assert that nothing has changed but the folders of the data sets, which hold plain files."""
    mine = list(retrieval.folders.values())
    assert snapshot(tmp_path, state(), *mine) == before
    for folder in mine:
        for path in folder.rglob("*"):
            assert path.resolve().is_relative_to(folder.resolve())
            assert path.is_dir() or path.is_file()
            assert not path.is_symlink()
            assert all(sign.isprintable() for sign in path.name)
    for name in ("up.mrc", "practice-escape.txt"):
        assert not Path("/", name).exists()
        assert not Path("/etc", name).exists()


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_tar_that_attacks_changes_nothing_around_it(psi: Site, kind: str, tmp_path: Path) -> None:
    pid = psi.add(files=3, hostile=kind)
    (block,) = blocks_of(psi.service.store, "datablocks", pid)
    psi.service.store.put("datablocks", block["_id"], {**block, "packedSize": 0})
    target = surroundings(tmp_path)
    before = snapshot(tmp_path, state())
    retrieval = retrieve(pid, folder=target)
    with pytest.raises(errors.NotOnDisk):
        retrieval.run(pace=FAST)
    assert retrieval.state is State.FAILED
    no_way_out(tmp_path, before, retrieval)
    listed = set(truth(psi, pid)) | {"retrieved.json"}
    for folder in retrieval.folders.values():
        came = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        assert {name for name in came if not name.startswith(".openem-")} <= listed


def test_odd_names_end_harmless_or_are_refused_by_name(psi: Site, tmp_path: Path) -> None:
    pids = {
        kind: psi.add(names=["good.mrc", name], sizes=[900, 1000], datasetName=kind)
        for kind, name in ODD.items()
    }
    target = surroundings(tmp_path)
    before = snapshot(tmp_path, state())
    retrieval = retrieve(list(pids.values()), folder=target)
    with pytest.raises(errors.NotOnDisk):
        retrieval.run(pace=FAST)
    no_way_out(tmp_path, before, retrieval)
    record = _record.Record.read(retrieval._folder)
    ends = {one.name: one for one in record.wanted}
    for kind, name in ODD.items():
        one = ends[kind]
        if one.done:
            came = target / one.folder / safe_path(name)
            assert came.stat().st_size == 1000, kind
        else:
            assert one.failure, kind
            named = "/etc" if kind == "absolute" else ascii(name)[1:9]
            assert named in one.failure, kind
            assert "\x1b" not in one.failure + retrieval.words
    refused = {kind for kind in ODD if ends[kind].failure}
    assert {"dotdot", "dotdot within", "absolute", "backslashes", "own manifest"} <= refused
    assert {"html", "device name", "trailing dots", "hidden", "option"}.isdisjoint(refused)
    assert (target / ends["device name"].folder / safe_path("CON")).name != "CON"


def test_names_that_some_disks_take_for_one_stay_two(archive: Site, tmp_path: Path) -> None:
    twins = ["caf\u00e9.mrc", "cafe\u0301.mrc", "NAME.mrc", "name.mrc", "dot.", "dot_"]
    assert len({str(safe_path(name)) for name in twins}) == len(twins)
    assert safe_path("x" * 300) != safe_path("x" * 301)
    assert len(safe_path("\u00e9" * 200).name.encode()) <= 255
    pid = archive.add(names=twins[2:], sizes=[1000, 1001, 1002, 1003])
    retrieval = retrieve(pid, folder=tmp_path / "here").run(pace=FAST)
    came = [path.stat().st_size for path in retrieval.folders[pid].iterdir()]
    assert {1000, 1001, 1002, 1003} <= set(came)
    # in one tar nobody can say which of these is which on a disk that writes them alike
    retrieval = retrieve(archive.add(names=twins[:2], sizes=[900, 900]), folder=tmp_path / "here")
    with pytest.raises(errors.NotOnDisk, match="twice, written otherwise"):
        retrieval.run(pace=FAST)


@pytest.mark.parametrize(
    "pid", ["p/..", "p/a\\..\\b", "/etc/passwd", "p/\u202egnp.exe", "p/" + "y" * 400, "p/a:b*c?"]
)
def test_an_odd_pid_is_one_folder_below_the_target(pid: str, tmp_path: Path) -> None:
    from openem_nb.scicat._tape_files import dataset_folder

    try:
        name = dataset_folder(pid)
    except errors.InvalidInput:
        return
    (tmp_path / name).mkdir()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert name not in (".", "..")
    assert all(sign.isprintable() for sign in name)


def test_a_folder_that_another_user_has_planted_as_a_link_is_refused(
    psi: Site, tmp_path: Path
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only the superuser can make a link that belongs to somebody else")
    victim = tmp_path / "victim"
    victim.mkdir()
    target = tmp_path / "shared"
    target.mkdir()
    pid = psi.add(files=2)
    retrieval = retrieve(pid, folder=target)
    link = retrieval.folders[pid]
    link.symlink_to(victim)
    os.lchown(link, 65534, 65534)
    with pytest.raises(errors.CannotWrite, match="another user"):
        retrieval.run(pace=FAST)
    assert list(victim.iterdir()) == []
    os.lchown(link, os.geteuid(), -1)  # one's own link, to a larger disk
    assert retrieval.run(pace=FAST).state is State.VERIFIED
    assert_whole(psi, pid, victim)

    target = tmp_path / "linked"
    target.symlink_to(victim)
    os.lchown(target, 65534, 65534)
    with pytest.raises(errors.CannotWrite, match="another user"):
        retrieve(psi.add(files=1), folder=target).run(pace=FAST)


@pytest.mark.parametrize("where", ["Images", ".openem-partial", "Images/micrograph_000001.mrc"])
def test_links_within_the_folder_are_not_written_through(
    psi: Site, where: str, tmp_path: Path
) -> None:
    pid = psi.add(files=3)
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "precious").write_text("precious")
    retrieval = retrieve(pid, folder=tmp_path / "here")
    planted = retrieval.folders[pid] / where
    planted.parent.mkdir(parents=True)
    planted.symlink_to(victim / "precious" if planted.suffix else victim)
    before = snapshot(victim)
    try:
        retrieval.run(pace=FAST)
    except errors.CannotWrite as error:
        assert "link" in str(error)  # noqa: PT017  (a link to a file is replaced, not refused)
    else:
        assert_whole(psi, pid, retrieval.folders[pid])
        assert not planted.is_symlink()
    assert snapshot(victim) == before


def test_the_own_files_beside_the_data_follow_no_link(psi: Site, tmp_path: Path) -> None:
    victim = tmp_path / "precious"
    victim.write_text("precious")
    pid = psi.add(files=2)
    retrieval = retrieve(pid, folder=tmp_path / "here")
    folder = retrieval.folders[pid]
    folder.mkdir(parents=True)
    (folder / "retrieved.json").symlink_to(victim)
    retrieval.run(pace=FAST)
    assert victim.read_text() == "precious"
    assert not (folder / "retrieved.json").is_symlink()
    pid = psi.add(files=2)
    retrieval = retrieve(pid, folder=tmp_path / "here")
    folder = retrieval.folders[pid]
    folder.mkdir()
    (folder / ".openem-manifest.jsonl").symlink_to(victim)
    with pytest.raises(errors.CannotWrite, match="no plain file"):
        retrieval.run(pace=FAST)
    assert victim.read_text() == "precious"
    (folder / ".openem-manifest.jsonl").unlink()
    os.mkfifo(folder / ".openem-manifest.jsonl")
    with pytest.raises(errors.CannotWrite, match="no plain file"):
        retrieval.run(pace=FAST)


def test_a_file_of_the_data_set_is_not_replaced_by_the_own_summary(psi: Site) -> None:
    pid = psi.add(names=["retrieved.json", "a.mrc"], sizes=[700, 800])
    retrieval = retrieve(pid).run(pace=FAST)
    file = retrieval.folders[pid] / "retrieved.json"
    algorithm_value = truth(psi, pid)["retrieved.json"]
    assert file.stat().st_size == 700
    assert hashlib.sha1(file.read_bytes()).hexdigest() == algorithm_value[1]
    assert retrieval.verify().whole


def test_records_are_for_their_owner_alone(psi: Site, tmp_path: Path) -> None:
    before = os.umask(0)  # nothing of the rest of the system helps
    try:
        pid = psi.add(files=2)
        retrieval = retrieve(pid, folder=tmp_path / "here").start(pace=FAST)
        retrieval.wait(120)
        retrieval.pause()
        other = retrieve(psi.add(files=1), folder=tmp_path / "here").run(pace=FAST)
        other.forget()
    finally:
        os.umask(before)
    assert retrieval.state is State.VERIFIED
    folders = settings.folders()
    records = folders.state / "retrievals"
    for path in (folders.state, records, *records.rglob("*")):
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), (path, oct(mode))
    names = {path.name for path in retrieval._folder.iterdir()}
    assert {"record.json", "process.json", "progress.json", "lock", "log.txt"} <= names
    token = folders.config / "tokens" / "practice"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600


def test_files_follow_the_umask(psi: Site, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        retrieval = retrieve(psi.add(files=2), folder=tmp_path / "here").run(pace=FAST)
    finally:
        os.umask(before)
    for path in (tmp_path / "here").rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode & 0o027 == 0, (path, oct(mode))
        assert mode & 0o640 == 0o640, (path, oct(mode))
    assert retrieval.state is State.VERIFIED


@pytest.mark.parametrize("name", ["lock", "log.txt", "record.json", "process.json", "ask"])
def test_files_of_a_record_are_no_way_to_other_files(psi: Site, name: str, tmp_path: Path) -> None:
    victim = tmp_path / "precious"
    victim.write_text("precious")
    retrieval = retrieve(psi.add(files=1))
    planted = retrieval._folder / name
    content = planted.read_text() if name == "record.json" else "precious"
    victim.write_text(content)
    planted.unlink(missing_ok=True)
    planted.symlink_to(victim)
    try:
        retrieval.start(pace=FAST)
        retrieval.wait(120)
        retrieval.pause()
    except errors.CannotWrite as error:
        assert str(planted) in str(error)  # noqa: PT017  (others are replaced)
    except OSError as error:
        assert name == "log.txt", error  # noqa: PT017
    finally:
        if retrieval.working:
            retrieval.cancel()
    assert victim.read_text() == content


def test_a_name_that_is_wrong_is_shown_in_the_listing_and_not_on_disk(archive: Site) -> None:
    pid = archive.add(names=[*ODD.values()], sizes=[10] * len(ODD), tars=0)
    listed = scicat.get(pid).files()
    assert set(listed["path"]) == set(ODD.values())
    for name in listed["path"]:
        try:
            path = safe_path(name)
        except errors.InvalidInput as error:
            assert "\x1b" not in str(error)  # noqa: PT017  (either is good)
            continue
        assert not path.is_absolute()
        assert ".." not in path.parts
        assert all(len(part.encode()) <= 255 for part in path.parts)
        assert str(path).isprintable()
