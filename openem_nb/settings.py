"""Which services to talk to, and where files go.

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
    # broker_api, copy_host, work_disk, doi_site, storage: where the instance has them
    # emdb_api, emdb_files, empiar_api, empiar_files, onedep_api: only where they differ
"""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from openem_nb._folders import Folders, folders, write_whole
from openem_nb.errors import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "Folders",
    "Profile",
    "Services",
    "catalogue",
    "folders",
    "profile",
    "profiles",
    "services",
    "use",
    "write_whole",
]

Flavour = Literal["psi5", "v427"]


@dataclass(frozen=True, slots=True)
class Services:
    """Addresses of the public archives, without a slash at the end."""

    name: str = "ebi"
    """Short name that tells archives of different origin apart: ``ebi``, ``practice2-3000-1``."""
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
    broker_api: str | None = None
    """Address of the service that hands out links to public files (PSI's S3 broker)."""
    storage: Literal["PSI", "ETHZ"] = "PSI"
    """Whose archive holds a data set that names no storage location."""
    retrieve_options: tuple[str, ...] = ()
    """Where retrieved files can be put, the usual place first; empty where there is no choice."""
    copy_host: str | None = None
    """Host from which people copy retrieved files by rsync and sftp (option ``PSI``)."""
    work_disk: str | None = None
    """Folder of the facility's cluster below which retrieved files are put (``PSI-RA``)."""
    doi_site: str | None = None
    """Address below which the landing pages of DOIs are."""
    notice: str | None = None
    """Text that everything made from this instance must show; None for real data."""
    passwords: bool = False
    """Whether people usually log in with name and password; elsewhere they paste a token."""
    log_in_help: str = ""
    """How a person gets a token, or an account, in words."""


_ONEDEP = "https://deposit-pdbe.wwpdb.org/deposition/api/v1"

# Addresses, dialects and PID prefixes: configuration published by the two facilities.
_NOTICE: Final = "Practice data: invented data sets, not from a real facility."
_PSI_OPTIONS: Final = ("URLs", "PSI", "PSI-RA")  # as PSI's web interface offers them
_PSI_COPY: Final = "pb-retrieve.psi.ch"  # as PSI's manual says, and the folder of its cluster Ra
_PSI_WORK: Final = "/das/work"
_PRACTICE_PEOPLE: Final = "Practice people: ada, ben, reader, curator. The password is practice."
_PASTE_HELP: Final = (
    "Log in at the website, choose Settings in the menu under your name, copy the SciCat token. "
    "It is good for about an hour."
)

_BUILT_IN: Final = (
    Profile(
        "practice",
        "Practice facility on this machine, invented data",
        None,
        flavour="psi5",
        retrieve_options=_PSI_OPTIONS,
        copy_host=_PSI_COPY,
        work_disk=_PSI_WORK,
        notice=_NOTICE,
        passwords=True,
        log_in_help=_PRACTICE_PEOPLE,
    ),
    Profile(
        "practice-ethz",
        "Practice facility, in the manner of ETH Zurich",
        None,
        flavour="v427",
        storage="ETHZ",
        notice=_NOTICE,
        passwords=True,
        log_in_help=_PRACTICE_PEOPLE,
    ),
    Profile(
        "psi",
        "SciCat at PSI",
        Services(),
        scicat_api="https://dacat.psi.ch/api/v3",
        scicat_site="https://discovery.psi.ch",
        flavour="psi5",
        pid_prefix="20.500.11935",
        onedep_api=_ONEDEP,
        broker_api="https://scicat-s3-broker.psi.ch",
        retrieve_options=_PSI_OPTIONS,
        copy_host=_PSI_COPY,
        work_disk=_PSI_WORK,
        doi_site="https://doi.psi.ch/detail",
        log_in_help=_PASTE_HELP,
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
        broker_api="https://scicat-s3-broker.qa.psi.ch",
        retrieve_options=_PSI_OPTIONS,
        copy_host="pbt-retrieve.psi.ch",
        work_disk=_PSI_WORK,
        log_in_help=_PASTE_HELP,
    ),
    Profile(
        "ethz",
        "SciCat at ETH Zurich (SciOpenEM)",
        Services(),
        scicat_api="https://scopem-openem.ethz.ch/scicat/backend/api/v3",
        scicat_site="https://scopem-openem.ethz.ch/scicat",
        flavour="v427",
        onedep_api=_ONEDEP,
        storage="ETHZ",
        log_in_help=_PASTE_HELP,
    ),
)


_KEYS: Final = {"profile": str, "profiles": dict}
"""What ``settings.toml`` may hold, and of what kind."""


def _settings_file() -> Path:
    return folders().config / "settings.toml"


def _read_settings() -> dict[str, Any]:
    path = _settings_file()
    if not path.exists():
        return {}
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be read: {error.strerror or error}.", hint="Mend or remove the file."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"{path} is not valid TOML: {error}.", hint="Mend the line or remove the file."
        ) from error
    for key, kind in found.items():
        if key not in _KEYS:
            raise InvalidInput(
                f"{path}: unknown key {key!r}.",
                hint='Known are profile = "NAME" and sections [profiles.NAME].',
            )
        if not isinstance(kind, _KEYS[key]):
            raise InvalidInput(
                f"{path}: {key} is of the wrong kind.",
                hint='Write profile = "NAME", or sections [profiles.NAME].',
            )
    return found


_RESERVED: Final = frozenset({"ebi", *(built_in.name for built_in in _BUILT_IN)})
"""Names that have a meaning; ``ebi`` marks the archives of the public services."""

_ARCHIVE_FIELDS: Final = frozenset(field.name for field in fields(Services)) - {"name", "notice"}
_PROFILE_FIELDS: Final = frozenset(
    {
        *("title", "scicat_api", "scicat_site", "flavour", "pid_prefix", "onedep_api"),
        *("broker_api", "doi_site", "storage", "copy_host", "work_disk"),
    }
)


def _custom_profile(name: str, entries: Any, path: Path) -> Profile:
    known = _PROFILE_FIELDS | _ARCHIVE_FIELDS
    hint = f"Known keys: {', '.join(sorted(known))}."
    if name in _RESERVED or name.startswith("practice"):
        raise InvalidInput(
            f"{path}: the profile {name} cannot be redefined.", hint="Choose another name."
        )
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):  # it becomes part of file names
        raise InvalidInput(
            f"{path}: {name!r} cannot be the name of a profile.",
            hint="Use small letters, digits and hyphens.",
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
        if is_address and "@" in value:
            raise InvalidInput(
                f"{path}: profiles.{name}.{key} has a user or password in it.",
                hint="Write the address alone, and keep the token with openem_nb.tokens.save.",
            )
    host, disk = entries.get("copy_host"), entries.get("work_disk")
    if host is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*", host):
        raise InvalidInput(
            f"{path}: profiles.{name}.copy_host = {host!r} is not the name of a host.", hint=hint
        )
    if disk is not None and not disk.startswith("/"):
        raise InvalidInput(
            f"{path}: profiles.{name}.work_disk = {disk!r} is not a whole path.",
            hint="It begins with a slash.",
        )
    for key, choices in (("flavour", ("psi5", "v427")), ("storage", ("PSI", "ETHZ"))):
        if entries.get(key) not in (None, *choices):
            raise InvalidInput(
                f"{path}: profiles.{name}.{key} must be {' or '.join(choices)}.", hint=hint
            )
    addresses = {key: value.rstrip("/") for key, value in entries.items() if key in _ARCHIVE_FIELDS}
    own = {key: value.rstrip("/") for key, value in entries.items() if key in _PROFILE_FIELDS}
    archives = Services(name=name, **addresses) if addresses else Services()
    ways = dict(zip(_PSI_OPTIONS, ("broker_api", "copy_host", "work_disk"), strict=True))
    return Profile(
        name=name,
        archives=archives,
        retrieve_options=tuple(option for option, key in ways.items() if own.get(key)),
        log_in_help=_PASTE_HELP if "scicat_api" in own else "",
        **{"title": name, **own},
    )


def profiles() -> dict[str, Profile]:
    """Return all profiles by name: the built-in ones and those of ``settings.toml``."""
    found = {built_in.name: built_in for built_in in _BUILT_IN}
    for name, entries in _read_settings().get("profiles", {}).items():
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
    from openem_nb import _practice_child

    return _practice_child.services()


def catalogue(name: str | None = None) -> Profile:
    """Return a profile with the addresses of its SciCat; the active one if ``name`` is None.

    For the practice profiles this starts the practice facility on first use, as :func:`services`.

    Raises
    ------
    InvalidInput
        If the profile has no SciCat.
    Unreachable
        If the practice facility does not answer or does not start.
    """
    chosen = profile(name)
    if chosen.scicat_api is not None:
        return chosen
    if chosen.archives is None:
        from openem_nb import _practice_child

        return replace(chosen, **_practice_child.catalogue(chosen.name))
    raise InvalidInput(
        f"The profile {chosen.name} has no SciCat.",
        hint=f"Add scicat_api to [profiles.{chosen.name}] in {_settings_file()}.",
    )
