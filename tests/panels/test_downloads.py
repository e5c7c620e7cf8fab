from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from openem_nb import emdb, settings, transfer
from openem_nb.errors import CannotWrite, Unreachable
from openem_nb.panels import RepositoryPanel
from openem_nb.practice import Fault
from openem_nb.values import format_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from openem_nb.practice import Facility


@pytest.fixture
def panel(practice: Facility, closing: Any) -> RepositoryPanel:
    opened = closing(RepositoryPanel())
    opened.job.result(120)
    opened.search().result(120)
    return opened


def plan(panel: RepositoryPanel, *ids: str, **values: str) -> str:
    panel.table.select(ids)
    panel.download.form.submit(values)
    panel.job.result(120)
    return panel.download.plan.value


def files() -> list[Path]:
    return sorted(path for path in settings.folders().data.rglob("*") if path.is_file())


def with_map(panel: RepositoryPanel) -> list[str]:
    return list(panel.results["emdb_id"].head(2))


def test_nothing_moves_before_the_plan_is_confirmed(panel: RepositoryPanel, until: Any) -> None:
    ids = with_map(panel)
    assert panel.download.layout.display == "none"
    words = plan(panel, *ids)
    assert "Map: 2 files of 2 entries" in words
    assert " free." in words
    assert all(f"Download of {name}" in words for name in ids)
    assert files() == []
    panel.download.confirm.click()
    paths = panel.job.result(120).paths
    assert files() == sorted(paths)
    came = sum(path.stat().st_size for path in paths)
    assert f"Map: 2 files of 2 entries, {format_bytes(came)};" in words
    assert {path.parent.name for path in paths} == set(ids)
    until(lambda: panel.download.jobs.rows and panel.download.jobs.rows[0]["state"] == "Done")
    assert panel.download.jobs.rows[0]["message"].startswith("2 files in ")
    assert panel.download.plan.value == ""


def test_another_selection_forgets_the_plan(panel: RepositoryPanel) -> None:
    ids = with_map(panel)
    plan(panel, ids[0])
    panel.table.select(ids[1:])
    assert panel.download.plan.value == ""
    panel.download.confirm.click()
    assert panel.job.title == "Look what would come"
    plan(panel, ids[0])
    panel.download.dismiss.click()
    assert panel.download.plan.value == ""
    panel.table.clear_selection.click()
    assert panel.download.layout.display == "none"


def test_entries_without_such_a_file_are_named(panel: RepositoryPanel, until: Any) -> None:
    found = emdb.entries(panel.results["emdb_id"].head(60)).found.values()
    has = next(one.id for one in found if any(file.kind == "half_map" for file in one.files))
    lacks = next(one.id for one in found if all(file.kind != "half_map" for file in one.files))
    words = plan(panel, has, lacks, kind="half_map")
    assert "files of 1 entry" in words
    assert f"No such file: {lacks}." in words
    panel.download.confirm.click()
    panel.job.result(120)
    until(lambda: panel.download.jobs.rows and panel.download.jobs.rows[0]["state"] == "Done")
    assert f"No such file: {lacks}." in panel.download.jobs.rows[0]["message"]


def test_entries_that_all_lack_it_cannot_be_downloaded(panel: RepositoryPanel) -> None:
    found = emdb.entries(panel.results["emdb_id"].head(60)).found.values()
    lacks = next(one.id for one in found if all(file.kind != "half_map" for file in one.files))
    assert "0 files" in plan(panel, lacks, kind="half_map")
    assert panel.download.confirm.layout.display == "none"


def test_plans_that_fit_one_by_one_may_not_fit_together(
    panel: RepositoryPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = with_map(panel)
    sizes = [emdb.download(name, dry_run=True).bytes for name in ids]
    monkeypatch.setattr(transfer, "free_space", lambda _: max(sizes))
    assert "not enough" not in plan(panel, ids[0])
    assert "not enough" in plan(panel, *ids)
    assert panel.download.confirm.layout.display == "none"


def test_a_folder_of_ones_own_gets_a_folder_for_each_entry(
    panel: RepositoryPanel, tmp_path: Path
) -> None:
    (name, _) = with_map(panel)
    plan(panel, name, kind="image", folder=str(tmp_path / "mine"))
    panel.download.confirm.click()
    (path,) = panel.job.result(120).paths
    assert path.parent == tmp_path / "mine" / name


def test_raw_data_show_size_and_room_and_keep_to_the_limit(
    panel: RepositoryPanel, practice: Facility
) -> None:
    panel.form.fill(repository="EMPIAR")
    panel.search().result(120)
    name = panel.results["empiar_id"].iloc[0]
    words = plan(panel, name, limit="2")
    assert "Free space" in words
    assert f"Download of {name}" in words
    assert practice.description()["notice"] in words
    panel.download.confirm.click()
    paths = panel.job.result(60).paths
    assert len(paths) == 2
    assert all(path.stat().st_size > 0 for path in paths)


def test_a_limit_that_is_no_number_is_marked(panel: RepositoryPanel) -> None:
    panel.form.fill(repository="EMPIAR")
    panel.search().result(120)
    panel.download.form.submit({"limit": "few"})
    assert list(panel.download.form.errors) == ["limit"]


def test_a_folder_that_cannot_be_written_is_refused_before_the_plan(
    panel: RepositoryPanel, tmp_path: Path
) -> None:
    (name, _) = with_map(panel)
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite):
        plan(panel, name, folder=str(tmp_path / "file" / "mine"))
    assert isinstance(panel.download.errors.error, CannotWrite)
    assert panel.errors.error is None
    assert panel.download.plan.value == ""
    assert "Map: 1 file" in plan(panel, name, folder=str(tmp_path / "mine"))
    assert panel.download.errors.error is None


def test_a_download_reports_below_its_button_and_a_new_attempt_clears_that(
    panel: RepositoryPanel, practice: Facility, until: Any
) -> None:
    (name, _) = with_map(panel)
    plan(panel, name)
    practice.add_fault(Fault("status", path=r".*\.map\.gz", status=503))
    panel.download.confirm.click()
    with pytest.raises(Unreachable):
        panel.job.result(120)
    until(lambda: [row["state"] for row in panel.download.jobs.rows] == ["Failed"])
    assert isinstance(panel.download.errors.error, Unreachable)
    assert panel.errors.error is None
    assert panel.jobs.rows == []
    parts = list(panel.children)
    below = parts.index(panel.download) + 1
    assert parts[below : below + 2] == [panel.download.errors, panel.download.jobs]
    practice.clear_faults()
    panel.download.errors.retry.click()
    panel.job.result(120)
    until(lambda: [row["state"] for row in panel.download.jobs.rows] == ["Done"])
    assert panel.download.errors.error is None
    panel.table.select(())
    assert panel.download.layout.display == "none"
    assert [row["state"] for row in panel.download.jobs.rows] == ["Done"]
