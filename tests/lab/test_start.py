"""What ``openem lab`` lays out before the server starts; no browser needed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from openem_nb import lab, resources, settings
from openem_nb.errors import BadAnswer, CannotWrite
from openem_nb.panels._server_paths import server_path

if TYPE_CHECKING:
    from pathlib import Path


def test_the_notebooks_are_laid_out_once(tmp_path: Path) -> None:
    root = tmp_path / "books"
    written = {path.name for path in lab.copy_notebooks(root)}
    assert written == {path.name for path in resources.folder("notebooks").glob("*.ipynb")}
    assert "start.ipynb" in written
    assert lab.copy_notebooks(root) == ()


def test_an_edited_notebook_stays_and_an_untouched_one_follows_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, root = tmp_path / "package", tmp_path / "books"
    source.mkdir()
    for name in ("edited", "untouched"):
        (source / f"{name}.ipynb").write_text("old")
    monkeypatch.setattr(resources, "folder", lambda _: source)
    lab.copy_notebooks(root)
    (root / "edited.ipynb").write_text("mine")
    for name in ("edited", "untouched", "added"):
        (source / f"{name}.ipynb").write_text("new")
    assert {path.name for path in lab.copy_notebooks(root)} == {"untouched.ipynb", "added.ipynb"}
    assert (root / "edited.ipynb").read_text() == "mine"
    assert (root / "untouched.ipynb").read_text() == "new"


def test_a_file_that_was_there_first_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "start.ipynb").write_text("mine")
    lab.copy_notebooks(tmp_path)
    assert (tmp_path / "start.ipynb").read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_an_error_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite) as caught:
        lab.copy_notebooks(tmp_path / "file" / "books")
    assert "--folder" in caught.value.hint


def test_a_damaged_record_is_not_guessed_at(tmp_path: Path) -> None:
    (settings.folders().state / "lab_notebooks.json").write_text("{")
    with pytest.raises(BadAnswer, match="damaged"):
        lab.copy_notebooks(tmp_path)


def test_links_lead_to_runs_and_retrieved_files_and_follow_them(tmp_path: Path) -> None:
    root, old = tmp_path / "books", tmp_path / "old"
    root.mkdir()
    old.mkdir()
    (root / "runs").symlink_to(old)
    lab._lay_links(root)
    assert (root / "runs").samefile(settings.folders().runs)
    assert (root / "scicat").samefile(settings.folders().data / "scicat")
    lab._lay_links(root)
    (root / "runs").unlink()
    (root / "runs").mkdir()
    lab._lay_links(root)
    assert not (root / "runs").is_symlink()


def test_what_the_server_sees_has_a_path_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "books"
    root.mkdir()
    retrieved = settings.folders().data / "scicat" / "practice" / "one"
    assert server_path(retrieved) is None  # no server said where its root is
    monkeypatch.setenv("OPENEM_LAB_ROOT", str(root))
    assert server_path(retrieved) is None  # there is no link
    lab._lay_links(root)
    assert server_path(retrieved) == "scicat/practice/one"
    assert server_path(settings.folders().runs / "x" / "output.ipynb") == "runs/x/output.ipynb"
    assert server_path(root / "a b") == "a b"
    assert server_path(tmp_path / "elsewhere") is None


def test_the_server_gets_a_default_but_the_users_settings_come_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "/theirs")
    environment = lab._environment(tmp_path)
    ours, theirs = environment["JUPYTER_CONFIG_PATH"].split(os.pathsep)
    assert theirs == "/theirs"
    overrides = json.loads(
        (settings.folders().state / "lab/labconfig/default_setting_overrides.json").read_text()
    )
    assert str(settings.folders().state) in ours
    assert overrides["@jupyterlab/apputils-extension:notification"]["fetchNews"] == "false"
    kernels = overrides["@jupyterlab/apputils-extension:kernels-settings"]
    assert kernels == {"commsOverSubshells": "disabled"}
    assert environment["OPENEM_LAB_ROOT"] == str(tmp_path)


def played_server(tmp_path: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start ``lab``; the server is played by a process that writes its number and waits."""
    script = (
        "import sys; from pathlib import Path; from openem_nb import lab\n"
        "play = 'import os, sys, time; open(sys.argv[1], \"w\").write(str(os.getpid()));'\n"
        "lab._command = lambda *_, **__: "
        "[sys.executable, '-c', play + 'time.sleep(60)', sys.argv[1] + '/pid']\n"
        "raise SystemExit(lab.lab(folder=Path(sys.argv[1]) / 'books', open_browser=False))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)])
    pid = tmp_path / "pid"
    deadline = time.monotonic() + 120
    while not (pid.exists() and pid.read_text()):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    return process, int(pid.read_text())


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_the_server_too(name: str, tmp_path: Path) -> None:
    process, server = played_server(tmp_path)
    process.send_signal(getattr(signal, name))
    assert process.wait(120) == 0
    with pytest.raises(ProcessLookupError):
        os.kill(server, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have nothing for it")
def test_the_server_does_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    process, number = played_server(tmp_path)
    server = psutil.Process(number)
    process.kill()
    process.wait(120)
    deadline = time.monotonic() + 120
    with contextlib.suppress(psutil.NoSuchProcess):  # it may end between two questions
        while server.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline
            time.sleep(0.02)
