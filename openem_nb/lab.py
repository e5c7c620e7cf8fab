"""Start JupyterLab with the notebooks at hand."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

from openem_nb import resources, settings
from openem_nb.errors import BadAnswer, CannotWrite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["copy_notebooks", "lab", "links"]

_START: Final = "start.ipynb"
_OVERRIDES: Final = {
    # Without an answer to its question about news, JupyterLab lays a message over the page.
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    # JupyterLab sends what panels say to a subshell that all pages share, and may delete it while
    # a notebook whose kernel lives is opened again: what is said to it then is lost, and all panels
    # are dead (JupyterLab 4.6, CommHandler; ipykernel logs "Unknown subshell_id").
    "@jupyterlab/apputils-extension:kernels-settings": {"commsOverSubshells": "disabled"},
}
_PATIENCE: Final = 15.0
"""Seconds that the server gets to end its kernels."""
_SET_DEATH_SIGNAL: Final = 1
"""``PR_SET_PDEATHSIG`` of Linux: the signal that a process gets when its parent has ended."""

_log = logging.getLogger(__name__)


def lab(*, port: int | None = None, open_browser: bool = True, folder: Path | None = None) -> int:
    """Run JupyterLab in the foreground until Ctrl-C, and return its exit code.

    It opens ``start.ipynb`` from a folder of the user's own, where all notebooks are laid; a copy
    that was edited is never overwritten. The folder has links to the run folders and to what was
    retrieved from tape. Where nothing is configured, the panels work on the practice facility.

    Parameters
    ----------
    port :
        Port to listen on; a free one near 8888 if None.
    open_browser :
        Whether to open a browser.
    folder :
        Where the notebooks go; ``notebooks`` below the data folder if None.

    Raises
    ------
    CannotWrite
        If the folder cannot be written.
    """
    root = (folder or settings.folders().data / "notebooks").expanduser().absolute()
    copy_notebooks(root)
    _lay_links(root)
    process = None
    try:
        with _ended_by_signals():
            process = subprocess.Popen(  # noqa: S603  (our own Python, no shell)
                _command(root, port, open_browser=open_browser),
                env=_environment(root),
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for us: the server would ask a question first
                preexec_fn=_end_with_parent(),
            )
            return process.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        if process is not None:
            _stop(process)


def copy_notebooks(root: Path) -> tuple[Path, ...]:
    """Lay the notebooks into ``root`` and return those that were written.

    A notebook that is there already is replaced by a newer one only if it still is what was laid
    there before.

    Raises
    ------
    CannotWrite
        If the folder cannot be made or written.
    """
    record = settings.folders().state / "lab_notebooks.json"
    laid = _read_record(record)
    written = []
    try:
        root.mkdir(parents=True, exist_ok=True)
        for source in sorted(resources.folder("notebooks").glob("*.ipynb")):
            text = source.read_text(encoding="utf-8")
            target = root / source.name
            now = _fingerprint(target.read_bytes()) if target.exists() else None
            new = _fingerprint(text.encode())
            if now == new or (now is not None and now != laid.get(str(target))):
                continue
            settings.write_whole(target, text)
            laid[str(target)] = new
            written.append(target)
    except CannotWrite:
        raise
    except OSError as error:
        raise CannotWrite(
            f"The notebooks cannot be laid into {root}: {error.strerror or error}.",
            hint="Name a folder where you may write: openem lab --folder FOLDER.",
        ) from error
    if written:
        settings.write_whole(record, json.dumps(laid, indent=1) + "\n")
    return tuple(written)


def _read_record(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadAnswer(
            f"{path} is damaged: {error}.",
            hint="Remove it; no notebook that is there will be overwritten.",
        ) from error
    return dict(found)


def _fingerprint(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def links() -> dict[str, Path]:
    """Return the links beside the notebooks, by name, and the folders that they lead to."""
    found = settings.folders()
    return {"runs": found.runs, "scicat": found.data.absolute() / "scicat"}


def _lay_links(root: Path) -> None:
    """Put links beside the notebooks, so that reports and retrieved files can be opened."""
    for name, target in links().items():
        link = root / name
        if link.is_symlink() and link.resolve() != target.resolve():
            link.unlink()
        if link.exists():
            continue
        try:
            target.mkdir(parents=True, exist_ok=True)
            link.symlink_to(target, target_is_directory=True)
        except OSError as error:  # some systems forbid links; the panels show paths instead
            _log.warning("No link to %s could be made in %s: %s", target, root, error)


def _command(root: Path, port: int | None, *, open_browser: bool) -> list[str]:
    fixed = [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"] if port else []
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        fixed.append("--allow-root")  # in a container there often is no other user
    return [
        *(sys.executable, "-m", "jupyterlab"),
        f"--ServerApp.root_dir={root}",
        f"--LabApp.open_browser={open_browser}",
        f"--LabApp.default_url=/lab/tree/{_START}",
        "--LabApp.extension_manager=readonly",  # the other one asks PyPI for extensions
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.news_url=",
        "--ContentsManager.files_handler_class=openem_nb._lab_files.RunFilesHandler",
        *fixed,
    ]


def _environment(root: Path) -> dict[str, str]:
    """Return the environment of the server: ours, one default setting, and where the runs show."""
    config = settings.folders().state / "lab"
    overrides = config / "labconfig" / "default_setting_overrides.json"
    overrides.parent.mkdir(parents=True, exist_ok=True)
    settings.write_whole(overrides, json.dumps(_OVERRIDES, indent=1) + "\n")
    before = os.environ.get("JUPYTER_CONFIG_PATH")
    paths = [str(config), *([before] if before else [])]
    return {
        **os.environ,
        "JUPYTER_CONFIG_PATH": os.pathsep.join(paths),
        "OPENEM_LAB_ROOT": str(root),
    }


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Treat a request to end, or a closed terminal, like Ctrl-C: nothing is left running."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread gets signals
        return

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), interrupt) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


def _end_with_parent() -> Callable[[], None] | None:
    """Return what a new process does so that it ends even if we are killed; Linux alone can."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl  # looked up here: a new process should do as little as it can
    return lambda: prctl(_SET_DEATH_SIGNAL, signal.SIGTERM)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server and with it its kernels; after some patience without asking."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_PATIENCE)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):  # it hangs, or Ctrl-C came again
        process.kill()
        process.wait()
