"""Where the package keeps its files, how it writes small ones, and paths that people write."""

from __future__ import annotations

import errno
import os
import secrets
from dataclasses import dataclass, fields, replace
from pathlib import Path

from openem_nb.errors import CannotWrite, InvalidInput, NotFound, OpenEMError

__all__ = ["Folders", "folders", "path_of", "status_of", "write_whole"]


@dataclass(frozen=True, slots=True)
class Folders:
    """Where the package keeps its files; each folder exists once it is asked for."""

    config: Path
    """``settings.toml`` and tokens."""
    state: Path
    """Open work that survives restarts."""
    cache: Path
    """Answers that can be fetched again."""
    runs: Path
    """One folder for each notebook run."""
    data: Path
    """Archives, downloads and everything large."""


def folders() -> Folders:
    """Return the folders of this user, creating what is missing.

    ``OPENEM_HOME`` puts configuration, state, cache and runs below one folder, ``OPENEM_DATA``
    names the data folder (below ``OPENEM_HOME`` where only that is set); otherwise the places of
    the operating system.

    Raises
    ------
    CannotWrite
        If a folder cannot be made; the hint names the variable to set.
    """
    import platformdirs

    home, data = os.environ.get("OPENEM_HOME"), os.environ.get("OPENEM_DATA")
    if home:
        base = Path(home).expanduser()
        found = Folders(
            base / "config", base / "state", base / "cache", base / "runs", base / "data"
        )
    else:
        dirs = platformdirs.PlatformDirs("openem", appauthor=False)
        found = Folders(
            dirs.user_config_path,
            dirs.user_state_path,
            dirs.user_cache_path,
            dirs.user_data_path / "runs",
            dirs.user_data_path,
        )
    if data:
        found = replace(found, data=Path(data).expanduser())
    for field in fields(found):
        path: Path = getattr(found, field.name)
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise CannotWrite(
                f"The folder {path} cannot be made: {error.strerror or error}.",
                hint="Set OPENEM_HOME (and OPENEM_DATA for large files) to a writable folder.",
            ) from error
    return found


def path_of(given: object) -> Path:
    """Return the path that a person wrote, ``~`` written out.

    Raises
    ------
    InvalidInput
        If it is no path, or empty.
    NotFound
        If it begins with the name of a user who is not known here.
    """
    if not isinstance(given, (str, os.PathLike)):
        raise InvalidInput(
            f"{given!r:.80} is no path.", hint="Give the path of a file or folder, as text."
        )
    text = os.fsdecode(os.fspath(given))
    if not text:
        raise InvalidInput("No path is given.", hint="A folder is '.' where this one is meant.")
    try:
        odd = b"\0" in os.fsencode(text)
    except UnicodeEncodeError:  # halves of characters, which stand for no byte
        odd = True
    if odd:
        raise InvalidInput(
            f"{text!a:.80} holds characters that no path has.", hint="Write it anew."
        )
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise NotFound(
            f"There is no user {text.partition(os.sep)[0].removeprefix('~')} here, as in {text}.",
            hint="Write ./ before a name that begins with ~.",
        ) from None


def status_of(path: Path) -> os.stat_result | None:
    """Return the state of what lies at a path, behind links; None if there is nothing.

    Raises
    ------
    OpenEMError
        If it cannot be looked at: its folder is closed, or a link leads to itself.
    """
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:  # of any long text
            return None
        raise OpenEMError(
            f"{path} cannot be looked at: {error.strerror or error}.",
            hint="Check the permissions and the network drive.",
        ) from error


def write_whole(path: Path, content: str | bytes, *, private: bool = False) -> None:
    """Write a file so that it is there whole or not at all.

    Parameters
    ----------
    private :
        Readable by its owner alone (mode 0600), from its first byte on.

    Raises
    ------
    CannotWrite
        If the folder is read-only or full; an older file of that name is kept.
    """
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        try:
            handle = os.open(temporary, flags, 0o600 if private else 0o666)
            with os.fdopen(handle, "wb") as stream:
                stream.write(content.encode("utf-8") if isinstance(content, str) else content)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise CannotWrite(
            f"{path} cannot be written: {error.strerror or error}.",
            hint="Free some space or choose a folder where you may write.",
        ) from error
