"""Which services to talk to, where files go, and the tokens of this user.

A **profile** names one SciCat instance and the public archives beside it. The active profile is
the environment variable ``OPENEM_PROFILE``, else ``profile = "..."`` in ``settings.toml``, else
``practice``: local stand-ins of all services with invented data, so that everything works without
account and network.

``settings.toml`` lies in the configuration folder (``openem status`` shows it)::

    profile = "unibas"

    [profiles.unibas]
    title = "SciCat at UNIBAS"
    scicat_api = "https://scicat.example.ch/api/v3"
    scicat_site = "https://scicat.example.ch"
    flavour = "v427"
    pid_prefix = "20.500.99999"
    # emdb_api, emdb_files, empiar_api, empiar_files, onedep_api: only where they differ

Tokens come from the environment (``OPENEM_TOKEN_<SERVICE>``), a file only its owner can read
(below the configuration folder; ``OPENEM_TOKEN_FILE`` names another one for the token of the active
profile), or the system keyring where one is installed.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import tempfile
import threading
import tomllib
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, NoReturn

from openem_nb.errors import CannotWrite, InvalidInput, Unreachable

__all__ = [
    "Folders",
    "Profile",
    "Secret",
    "Services",
    "folders",
    "forget_token",
    "profile",
    "profiles",
    "save_token",
    "services",
    "token",
    "use",
    "write_whole",
]

Flavour = Literal["psi5", "v427"]


@dataclass(frozen=True, slots=True)
class Services:
    """Addresses of the public archives, without a slash at the end."""

    name: str = "ebi"
    """Short name that tells archives of different origin apart: ``ebi``, ``practice-3000-1``."""
    notice: str | None = None
    """Text that everything made from these services must show; None for the real ones."""
    emdb_api: str = "https://www.ebi.ac.uk/emdb/api"
    emdb_files: str = "https://ftp.ebi.ac.uk/pub/databases/emdb"
    emdb_site: str = "https://www.ebi.ac.uk/emdb"
    empiar_api: str = "https://www.ebi.ac.uk/empiar/api"
    empiar_files: str = "https://ftp.ebi.ac.uk/empiar/world_availability"
    empiar_site: str = "https://www.ebi.ac.uk/empiar"


@dataclass(frozen=True, slots=True)
class Profile:
    """One SciCat instance and the archives that belong with it."""

    name: str
    """The name by which a person chooses it."""
    title: str
    """What it is, in a few words."""
    archives: Services | None
    """Addresses of EMDB and EMPIAR; None where they are started on demand (practice)."""
    scicat_api: str | None = None
    """Address of the SciCat API, *not* of the web interface."""
    scicat_site: str | None = None
    """Address of the SciCat web interface."""
    flavour: Flavour | None = None
    """Backend dialect: ``psi5`` (PSI's own line) or ``v427`` (release 4.27, as at ETHZ)."""
    pid_prefix: str | None = None
    """Prefix of the persistent identifiers of the instance; None where it is not known."""
    onedep_api: str | None = None
    """Address of the OneDep deposition API."""


_ONEDEP = "https://deposit-pdbe.wwpdb.org/deposition/api/v1"

# Addresses, dialects and PID prefixes: configuration published by the two facilities.
_BUILT_IN: Final = (
    Profile("practice", "Practice facility on this machine, invented data", None),
    Profile(
        "psi",
        "SciCat at PSI",
        Services(),
        scicat_api="https://dacat.psi.ch/api/v3",
        scicat_site="https://discovery.psi.ch",
        flavour="psi5",
        pid_prefix="20.500.11935",
        onedep_api=_ONEDEP,
    ),
    Profile(
        "psi-qa",
        "SciCat at PSI, test instance",
        Services(),
        scicat_api="https://dacat-qa.psi.ch/api/v3",
        scicat_site="https://discovery-qa.psi.ch",
        flavour="psi5",
        pid_prefix="20.500.11935",
        onedep_api="https://onedep-depui-test.wwpdb.org/deposition/api/v1",
    ),
    Profile(
        "ethz",
        "SciCat at ETH Zurich (SciOpenEM)",
        Services(),
        scicat_api="https://scopem-openem.ethz.ch/scicat/backend/api/v3",
        scicat_site="https://scopem-openem.ethz.ch/scicat",
        flavour="v427",
        onedep_api=_ONEDEP,
    ),
)


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


def write_whole(path: Path, text: str, *, private: bool = False) -> None:
    """Write a text file so that it is there whole or not at all.

    Parameters
    ----------
    private :
        Readable by its owner alone (mode 0600), from its first byte on.

    Raises
    ------
    CannotWrite
        If the folder is read-only or full; an older file of that name is kept.
    """
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
            if not private:
                Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise CannotWrite(
            f"{path} cannot be written: {error.strerror or error}.",
            hint="Free some space or choose a folder where you may write.",
        ) from error


def _settings_file() -> Path:
    return folders().config / "settings.toml"


def _read_settings() -> dict[str, Any]:
    path = _settings_file()
    if not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be read: {error.strerror or error}.", hint="Mend or remove the file."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"{path} is not valid TOML: {error}.", hint="Mend the line or remove the file."
        ) from error


_ARCHIVE_FIELDS: Final = frozenset(field.name for field in fields(Services)) - {"name", "notice"}
_PROFILE_FIELDS: Final = frozenset(
    {"title", "scicat_api", "scicat_site", "flavour", "pid_prefix", "onedep_api"}
)


def _custom_profile(name: str, entries: Any, path: Path) -> Profile:
    known = _PROFILE_FIELDS | _ARCHIVE_FIELDS
    hint = f"Known keys: {', '.join(sorted(known))}."
    if name == "practice":
        raise InvalidInput(
            f"{path}: the profile practice cannot be redefined.", hint="Choose another name."
        )
    if not isinstance(entries, dict):
        raise InvalidInput(f"{path}: profiles.{name} is not a table.", hint=hint)
    for key, value in entries.items():
        if key not in known:
            raise InvalidInput(f"{path}: profiles.{name} has the unknown key {key!r}.", hint=hint)
        if not isinstance(value, str):
            raise InvalidInput(f"{path}: profiles.{name}.{key} must be text.", hint=hint)
        is_address = key in _ARCHIVE_FIELDS or key.endswith(("_api", "_site"))
        if is_address and not value.startswith(("https://", "http://")):
            raise InvalidInput(
                f"{path}: profiles.{name}.{key} = {value!r} is not an address.",
                hint="It begins with https://.",
            )
    if entries.get("flavour") not in (None, "psi5", "v427"):
        raise InvalidInput(f"{path}: profiles.{name}.flavour must be psi5 or v427.", hint=hint)
    addresses = {key: value.rstrip("/") for key, value in entries.items() if key in _ARCHIVE_FIELDS}
    own = {key: value.rstrip("/") for key, value in entries.items() if key in _PROFILE_FIELDS}
    archives = Services(name=name, **addresses) if addresses else Services()
    return Profile(name=name, archives=archives, **{"title": name, **own})


def profiles() -> dict[str, Profile]:
    """Return all profiles by name: the built-in ones and those of ``settings.toml``."""
    found = {built_in.name: built_in for built_in in _BUILT_IN}
    custom = _read_settings().get("profiles", {})
    if not isinstance(custom, dict):
        raise InvalidInput(
            f"{_settings_file()}: profiles must be a table.", hint="Write [profiles.NAME] sections."
        )
    for name, entries in custom.items():
        found[name] = _custom_profile(name, entries, _settings_file())
    return found


def profile(name: str | None = None) -> Profile:
    """Return the profile ``name``, or the active one.

    Raises
    ------
    InvalidInput
        If no profile has that name; the hint lists those that exist.
    """
    known = profiles()
    wanted = str(
        name or os.environ.get("OPENEM_PROFILE") or _read_settings().get("profile") or "practice"
    )
    if wanted not in known:
        raise InvalidInput(
            f"There is no profile named {wanted!r}.",
            hint=f"Choose one of {', '.join(known)}, or describe it in {_settings_file()}.",
        )
    return known[wanted]


def use(name: str) -> Profile:
    """Make ``name`` the active profile of this process and of the processes that it starts."""
    chosen = profile(name)
    os.environ["OPENEM_PROFILE"] = chosen.name
    return chosen


def services(name: str | None = None) -> Services:
    """Return the addresses of EMDB and EMPIAR for a profile, or for the active one.

    For the practice profile this starts the practice facility on first use: one child process
    that ends with this one. Where ``OPENEM_PRACTICE_URL`` names a running one, that is used.

    Raises
    ------
    Unreachable
        If the practice facility does not answer or does not start.
    """
    archives = profile(name).archives
    if archives is not None:
        return archives
    url = os.environ.get("OPENEM_PRACTICE_URL")
    if url:
        return _running_practice(url.rstrip("/"))
    size = _practice_size()
    with _own_lock:  # panels ask from several threads at once; there is one facility for all
        own = _own.get(size)
        if own is None or own[0].poll() is not None:
            own = _own[size] = _start_practice(*size)
    return own[1]


def _practice_size() -> tuple[int, int]:
    numbers = []
    for variable, default in (("OPENEM_PRACTICE_ENTRIES", 3000), ("OPENEM_PRACTICE_SEED", 1)):
        text = os.environ.get(variable, str(default))
        if not text.isdecimal():
            raise InvalidInput(
                f"{variable} = {text!r} is not a whole number.", hint=f"The default is {default}."
            )
        numbers.append(int(text))
    return numbers[0], numbers[1]


def _described(description: dict[str, Any]) -> Services:
    return Services(
        name=description["name"], notice=description["notice"], **description["services"]
    )


@cache
def _running_practice(url: str) -> Services:
    from openem_nb import http

    description = http.session().json(url + "/")
    try:
        return _described(description)
    except (KeyError, TypeError) as error:
        raise Unreachable(
            f"{url} is not a practice facility.",
            hint="Start one with `openem practice`, or unset OPENEM_PRACTICE_URL.",
        ) from error


_own: dict[tuple[int, int], tuple[subprocess.Popen[str], Services]] = {}
_own_lock = threading.Lock()


def _start_practice(entries: int, seed: int) -> tuple[subprocess.Popen[str], Services]:
    """Start the facility as a child; its stdin closes with this process, however it ends."""
    import atexit

    child = subprocess.Popen(  # noqa: S603  (our own module, no outside text)
        [
            *(sys.executable, "-m", "openem_nb.practice", "--until-stdin-closes"),
            *("--entries", str(entries), "--seed", str(seed)),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for this process; the child ends through its pipe
    )

    def stop() -> None:
        try:
            child.communicate(timeout=5)
        except BrokenPipeError:  # it has ended already
            child.wait()
        except subprocess.TimeoutExpired:  # it is still making its archive
            child.kill()
            child.communicate()

    atexit.register(stop)
    line = child.stdout.readline() if child.stdout else ""
    try:
        return child, _described(json.loads(line))
    except (ValueError, KeyError, TypeError) as error:
        stop()
        raise Unreachable(
            "The practice facility did not start.",
            hint="Run `openem practice` in a terminal to see why.",
        ) from error


class Secret:
    """A text that must not leak: it cannot be printed, formatted, pickled or copied."""

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = text

    def reveal(self) -> str:
        """Return the text itself, for the request that needs it."""
        return self.__text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied")


def _token_file(service: str) -> Path:
    named = _named_token_file(service)
    return Path(named).expanduser() if named else folders().config / "tokens" / service


def _named_token_file(service: str) -> str | None:
    # It holds one token, which must never be sent to another service than its own.
    return os.environ.get("OPENEM_TOKEN_FILE") if service == profile().name else None


def _readable(text: str, where: str) -> str:
    """Return a token without the blanks around it.

    What cannot be one must not reach a request, where the error would show it.
    """
    text = text.strip()
    if not all("!" <= character <= "~" for character in text):
        raise InvalidInput(
            f"{where} holds no token: there are blanks or letters with accents in it.",
            hint="Save the token again, whole and without anything else.",
        )
    return text


def _keyring() -> Any | None:
    try:
        import keyring
        from keyring.backends.fail import Keyring
    except ImportError:
        return None
    return None if isinstance(keyring.get_keyring(), Keyring) else keyring


def token(service: str) -> Secret | None:
    """Return this user's token for a service (a profile name, ``onedep``, ``empiar``), or None.

    Looked for in ``OPENEM_TOKEN_<SERVICE>``, then the token file, then the system keyring.

    Raises
    ------
    InvalidInput
        If what is stored is no token, or its file can be read by others; the hint says what to do.
    """
    variable = "OPENEM_TOKEN_" + service.upper().replace("-", "_")
    text = _readable(os.environ.get(variable, ""), variable)
    if text:
        return Secret(text)
    path = _token_file(service)
    if path.is_file():
        if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise InvalidInput(
                f"The token file {path} can be read by others.", hint=f"Run: chmod 600 {path}"
            )
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise InvalidInput(
                f"The token file {path} cannot be read: {error.strerror or error}.",
                hint="It must belong to you and have mode 600.",
            ) from error
        text = _readable(text, f"The token file {path}")
        return Secret(text) if text else None
    ring = _keyring()
    text = _readable(ring.get_password("openem", service) or "", "The keyring") if ring else ""
    return Secret(text) if text else None


def save_token(service: str, text: str) -> None:
    """Keep a token: in the system keyring where there is one, else in a file of mode 0600."""
    text = _readable(text, "What was typed")
    if not text:
        raise InvalidInput("This is not a token: it is empty.", hint="Paste it again, whole.")
    ring = None if _named_token_file(service) else _keyring()
    if ring:
        ring.set_password("openem", service, text)
        return
    path = _token_file(service)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise CannotWrite(
            f"The folder {path.parent} cannot be made: {error.strerror or error}.",
            hint="Set OPENEM_HOME to a folder where you may write.",
        ) from error
    write_whole(path, text + "\n", private=True)


def forget_token(service: str) -> None:
    """Remove the stored token of a service, if there is one."""
    _token_file(service).unlink(missing_ok=True)
    ring = _keyring()
    if ring and ring.get_password("openem", service):
        ring.delete_password("openem", service)
