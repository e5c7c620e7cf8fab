"""Raw data of EMPIAR entries: planned, then downloaded."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest

from openem_nb import empiar, settings, transfer
from openem_nb.empiar import _files
from openem_nb.errors import CannotWrite, InvalidInput, NotFound
from openem_nb.jobs import Progress
from openem_nb.practice import Facility, Fault

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def name(practice: Facility) -> str:
    return next(key for key, entry in practice.truth.empiar.items() if entry.status == "REL")


def test_dry_run_moves_no_byte(practice: Facility, name: str) -> None:
    before = practice.requests
    plan = empiar.download(name, dry_run=True)
    files = empiar.files(name)
    assert plan.id == name
    assert plan.count == len(files)
    assert plan.bytes == files["size"].sum()
    assert plan.folder == settings.folders().data / "empiar" / name.removeprefix("EMPIAR-")
    assert not plan.folder.exists()
    assert plan.free > 0
    assert plan.fits
    assert plan.complete
    text = str(plan)
    for part in (name, str(plan.folder), plan.globus, plan.aspera, "enough", str(plan.notice)):
        assert part in text
    assert "<table>" in plan._repr_html_()
    new = [record for record in practice.requests if not any(record is old for old in before)]
    assert new
    assert all(record.path.endswith("/") for record in new), "only folders were read"


def test_download_keeps_the_folders(practice: Facility, name: str, tmp_path: Path) -> None:
    progress = Progress()
    plan = empiar.download(name, folder=tmp_path, dry_run=True)
    paths = empiar.download(name, folder=tmp_path, progress=progress)
    assert [str(path.relative_to(tmp_path)) for path in paths] == [file.path for file in plan.files]
    for path, file in zip(paths, plan.files, strict=True):
        assert abs(path.stat().st_size - (file.size or 0)) <= file.uncertainty
    assert progress.snapshot().unit == "B"
    assert not list(tmp_path.rglob("*.part*"))
    asked = len(practice.requests)
    assert empiar.download(name, folder=tmp_path) == paths
    assert not any(record.status == 206 for record in practice.requests[asked:])


def test_pattern_and_limit(practice: Facility, name: str, tmp_path: Path) -> None:
    everything = empiar.download(name, dry_run=True)
    plan = empiar.download(name, pattern="*.xml", dry_run=True)
    assert [file.path for file in plan.files] == [
        file.path for file in everything.files if file.path.endswith(".xml")
    ]
    plan = empiar.download(name, pattern="data/*", limit=2, dry_run=True)
    assert (plan.count, plan.complete) == (2, False)
    assert "more exist" in str(plan)
    assert all(file.path.startswith("data/") for file in plan.files)
    assert len(empiar.download(name, pattern="data/*", limit=2, folder=tmp_path)) == 2
    with pytest.raises(NotFound, match="match") as caught:
        empiar.download(name, pattern="*.nothing")
    assert "empiar.files" in caught.value.hint
    with pytest.raises(InvalidInput, match="limit"):
        empiar.download(name, limit=0)


def test_too_large_for_the_disk(
    practice: Facility, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = empiar.download(name, dry_run=True).bytes
    monkeypatch.setattr(_files.transfer, "free_space", lambda folder: size // 2)
    plan = empiar.download(name, folder=tmp_path, dry_run=True)
    assert not plan.fits
    assert "not enough" in str(plan)
    with pytest.raises(CannotWrite, match="do not fit"):
        empiar.download(name, folder=tmp_path)
    assert list(tmp_path.glob("**/*.mrc")) == []


def test_what_is_here_already_needs_no_space(practice: Facility, name: str, tmp_path: Path) -> None:
    empiar.download(name, folder=tmp_path)
    plan = empiar.download(name, folder=tmp_path, dry_run=True)
    room = 2 * sum(file.uncertainty for file in plan.files)
    assert empiar.Plan(plan.id, plan.files, tmp_path, room, complete=True).fits


def test_commands_are_safe_to_paste(tmp_path: Path) -> None:
    folder = tmp_path / "my data; rm -rf $HOME"
    plan = empiar.Plan("EMPIAR-10943", (), folder, 1, complete=True)
    globus, aspera = shlex.split(plan.globus), shlex.split(plan.aspera)
    assert globus[:3] == ["globus", "transfer", "--recursive"]
    assert globus[-2].endswith(":/empiar/world_availability/10943/")
    assert globus[-1] == f"YOUR-COLLECTION:{folder}/"
    assert aspera[0] == "ascp"
    assert aspera[-2:] == ["emp_ext2@hx-fasp-1.ebi.ac.uk:/10943", str(folder)]


def test_plan_is_escaped_in_html(tmp_path: Path) -> None:
    plan = empiar.Plan("EMPIAR-1", (), tmp_path / "<script>", 1, complete=True)
    assert "<script>" not in plan._repr_html_()


def test_no_files_on_the_server(practice: Facility) -> None:
    for ask in (empiar.files, empiar.download):
        with pytest.raises(NotFound, match="no files of EMPIAR-99999") as caught:
            ask(99999)
        assert caught.value.hint


def test_broken_connections(practice: Facility, name: str, tmp_path: Path) -> None:
    practice.add_fault(Fault("cut", path=r"world_availability/.*\.\w+$", share=0.3))
    paths = empiar.download(name, folder=tmp_path)
    practice.clear_faults()
    clean = empiar.download(name, folder=tmp_path / "clean")
    assert [path.read_bytes() for path in paths] == [path.read_bytes() for path in clean]


def test_unknown_size_counts_nothing(tmp_path: Path) -> None:
    files = (transfer.Listed("a", "http://x/a"), transfer.Listed("b", "http://x/b", 10))
    plan = empiar.Plan("EMPIAR-1", files, tmp_path, 10, complete=True)
    assert (plan.count, plan.bytes, plan.fits) == (2, 10, True)
