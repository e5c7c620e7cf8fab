"""Changing a data set without harm: only what is meant, and never over somebody else's change.

A data set that was read must not be sent back whole: the service refuses most of its fields, and a
lifecycle that comes with it is reset to that of a new data set. So only the fields that change are
sent, together with the moment up to which the data set is known; lists are read, changed and sent
again when somebody was faster.
"""

from __future__ import annotations

import io
import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from openem_nb.errors import Conflict, InvalidInput, NotAllowed, NotLoggedIn
from openem_nb.scicat._changes import as_sent
from openem_nb.scicat._documents import moment, texts
from openem_nb.scicat._periods import iso
from openem_nb.scicat.attachments import Attachment, data_uri, shrunk
from openem_nb.scicat.connection import connection, quoted
from openem_nb.scicat.datasets import DataSet, read
from openem_nb.values import format_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from openem_nb.scicat.connection import Connection

__all__ = ["attach", "set_keywords", "set_lifecycle", "share", "unshare", "update"]

_LIFECYCLE: Final = {
    "archivable": ("archivable", bool),
    "retrievable": ("retrievable", bool),
    "on_disk": ("isOnCentralDisk", bool),
    "archive_status": ("archiveStatusMessage", str),
    "retrieve_status": ("retrieveStatusMessage", str),
    "location": ("storageLocation", str),
}
_LARGEST: Final = 15_000_000
"""Bytes of a change: the service takes 16 MB, its database no larger document."""
_ATTEMPTS: Final = 5
"""How often a list is read and sent again when somebody else was faster."""


def update(data_set: DataSet | str, *, profile: str | None = None, **changes: Any) -> DataSet:
    """Change fields of a data set and return it as it is then.

    Parameters
    ----------
    data_set :
        As it was read, or its identifier. A data set that was read is changed only if nobody has
        changed it since.
    profile :
        The instance; by default that of the data set, or the active profile.
    changes :
        New values: ``name``, ``description``, ``keywords``, ``contact``, ``license``,
        ``metadata`` (whole, without SI copies), ``access_groups`` ..., or the catalogue's own
        names. Lists replace what was there; :func:`set_keywords` and :func:`share` add to it.

    Raises
    ------
    InvalidInput
        If something cannot be changed this way, or the service refuses a value. Lifecycle, sizes
        and publication have their own functions.
    NotAllowed
        If your groups may not change it.
    Conflict
        If somebody has changed it since it was read.

    Examples
    --------
    >>> openem.scicat.update(data_set, description="Grid 3, after clipping", license="CC BY-SA 4.0")
    """
    here, pid = _place(data_set, profile)
    wanted = as_sent(changes)
    current = read(here, pid)
    known = data_set if isinstance(data_set, DataSet) else current
    before = {**current.document, "scientificMetadata": current.metadata}
    body = {field: value for field, value in wanted.items() if before.get(field) != value}
    if not body:
        return current
    _patch(here, known, body)
    return read(here, pid)


def set_keywords(
    data_set: DataSet | str,
    *,
    add: Iterable[str] | str = (),
    remove: Iterable[str] | str = (),
    profile: str | None = None,
) -> DataSet:
    """Add keywords to a data set and remove others; the rest stays, whoever has changed it.

    Raises
    ------
    NotAllowed, Conflict
        As for :func:`update`; a conflict only if others are faster five times in a row.
    """
    return _change_lists(data_set, profile, {"keywords": (_list(add), _list(remove))})


def share(
    data_set: DataSet | str,
    *,
    groups: Iterable[str] | str = (),
    people: Iterable[str] | str = (),
    profile: str | None = None,
) -> DataSet:
    """Let further groups read a data set, and show it to people by e-mail address.

    People see the entry in their lists only: its files stay closed to them, because the service
    gives those to groups alone.
    """
    return _change_lists(
        data_set,
        profile,
        {"accessGroups": (_list(groups), []), "sharedWith": (_addresses(people), [])},
    )


def unshare(
    data_set: DataSet | str,
    *,
    groups: Iterable[str] | str = (),
    people: Iterable[str] | str = (),
    profile: str | None = None,
) -> DataSet:
    """Take back what :func:`share` gave."""
    return _change_lists(
        data_set,
        profile,
        {"accessGroups": ([], _list(groups)), "sharedWith": ([], _list(people))},
    )


def set_lifecycle(
    data_set: DataSet | str, *, profile: str | None = None, **changes: bool | str
) -> DataSet:
    """Change parts of a lifecycle and leave the rest as it is.

    Archives do this themselves; a person needs it to mend an entry by hand.

    Parameters
    ----------
    changes :
        ``archivable``, ``retrievable``, ``on_disk`` (True or False); ``archive_status``,
        ``retrieve_status``, ``location`` (texts, in the archive's own words).
    """
    here, pid = _place(data_set, profile)
    body: dict[str, bool | str] = {}
    for name, value in changes.items():
        if name not in _LIFECYCLE:
            raise InvalidInput(
                f"A lifecycle has no {name!r}.", hint=f"It has {', '.join(_LIFECYCLE)}."
            )
        field, kind = _LIFECYCLE[name]
        if not isinstance(value, kind):  # the service would store a null
            raise InvalidInput(f"{name} cannot be {value!r}.")
        body[field] = value
    if not body:
        raise InvalidInput("There is nothing to change.")
    current = data_set if isinstance(data_set, DataSet) else read(here, pid)
    _send(here, current, "PATCH", "/datasetlifecycle", body)
    return read(here, pid)


def attach(
    data_set: DataSet | str,
    picture: Path | str | bytes | Any,
    caption: str = "",
    *,
    profile: str | None = None,
) -> Attachment:
    """Attach a picture to a data set, made small enough for the catalogue.

    Parameters
    ----------
    picture :
        A PNG or JPEG file (or another that Pillow reads), its bytes, or a figure of matplotlib.
        Anything above 300 kB is made smaller.
    caption :
        What it shows.

    Raises
    ------
    InvalidInput
        If it is no picture.
    NotAllowed
        If your groups may not change the data set.
    """
    here, pid = _place(data_set, profile)
    kind, image = shrunk(_bytes_of(picture))
    current = data_set if isinstance(data_set, DataSet) else read(here, pid)
    caption = caption.strip() or "Picture"
    answer = _send(
        here,
        current,
        "POST",
        "/attachments",
        {
            "thumbnail": data_uri(kind, image),
            "caption": caption,
            "ownerGroup": current.owner_group,
            "accessGroups": list(current.access_groups),
        },
    )
    given = answer if isinstance(answer, dict) else {}
    return Attachment(str(given.get("aid") or given.get("id") or ""), caption, kind, image)


def _bytes_of(picture: Any) -> Path | bytes:
    if hasattr(picture, "savefig"):
        data = io.BytesIO()
        picture.savefig(data, format="png", dpi=120, bbox_inches="tight")
        return data.getvalue()
    if isinstance(picture, bytes):
        return picture
    if not isinstance(picture, str | Path):
        raise InvalidInput("The picture is neither a file nor bytes nor a figure.")
    return Path(picture).expanduser()


def _place(data_set: DataSet | str, profile: str | None) -> tuple[Connection, str]:
    if isinstance(data_set, DataSet):
        if profile not in (None, data_set.profile):
            raise InvalidInput(f"{data_set.pid} is at {data_set.profile}, not at {profile}.")
        return connection(data_set.profile), data_set.pid
    quoted(data_set)
    return connection(profile), data_set.strip()


def _list(values: Iterable[str] | str) -> list[str]:
    found = [values] if isinstance(values, str) else list(values)
    for value in found:
        if not isinstance(value, str) or not value.strip():
            raise InvalidInput(f"{value!r} is not a text.")
    return list(dict.fromkeys(value.strip() for value in found))


def _addresses(people: Iterable[str] | str) -> list[str]:
    found = _list(people)
    for address in found:
        if "@" not in address.strip("@"):
            raise InvalidInput(
                f"{address!r} is not an e-mail address.", hint="Groups go into groups=..."
            )
    return found


def _change_lists(
    data_set: DataSet | str,
    profile: str | None,
    changes: Mapping[str, tuple[list[str], list[str]]],
) -> DataSet:
    """Read, change and send lists until nobody else was faster."""
    if not any(add or remove for add, remove in changes.values()):
        raise InvalidInput("There is nothing to add or remove.")
    here, pid = _place(data_set, profile)
    for left in reversed(range(_ATTEMPTS)):
        current = read(here, pid)
        body = {}
        for field, (add, remove) in changes.items():
            before = list(texts(current.document.get(field)))
            after = [value for value in dict.fromkeys([*before, *add]) if value not in remove]
            if after != before:
                body[field] = after
        if not body:
            return current
        try:
            _patch(here, current, body)
        except Conflict:
            if left == 0:
                raise
            continue
        return read(here, pid)
    raise AssertionError("the last attempt returns or raises")


def _patch(here: Connection, known: DataSet, body: Mapping[str, Any]) -> None:
    try:
        _send(here, known, "PATCH", "", body, headers=_unmodified(here, known))
    except Conflict as error:
        if error.status != 412:
            raise
        found = Conflict(
            f"{known.pid} was changed by somebody else meanwhile.",
            hint="Look at it as it is now with openem.get, then change it again.",
        )
        found.status, found.said = error.status, error.said
        raise found from None


def _unmodified(here: Connection, known: DataSet) -> dict[str, str]:
    """Return the header that makes the service refuse if somebody was faster.

    It takes a moment with milliseconds, not the date that HTTP prescribes; a release 4.27 compares
    "before", the others "not after".
    """
    stamp = moment(known.document.get("updatedAt"))
    if stamp is None:
        return {}
    later = timedelta() if here.profile.flavour == "psi5" else timedelta(milliseconds=1)
    return {"If-Unmodified-Since": iso(stamp + later)}


def _send(
    here: Connection,
    known: DataSet,
    method: str,
    part: str,
    body: Mapping[str, Any],
    *,
    headers: Mapping[str, str] | None = None,
) -> Any:
    size = len(json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"))
    if size > _LARGEST:
        raise InvalidInput(
            f"The change is too large: {format_bytes(size)}.",
            hint=f"A data set takes {format_bytes(_LARGEST)} of text; put the rest into files.",
        )
    who = here.identity()
    if who is None:
        raise NotLoggedIn(
            "Changing a data set needs a log-in.",
            hint=f'Log in with openem.login("{here.profile.name}").',
        )
    try:
        return here.send(method, f"datasets/{quoted(known.pid)}{part}", body, headers=headers)
    except NotAllowed as error:
        raise _refused(known, who.groups, error) from None


def _refused(known: DataSet, groups: tuple[str, ...], error: NotAllowed) -> NotAllowed:
    mine = ", ".join(groups) or "none"
    what = (
        "Accounts of your kind may only read."
        if known.owner_group in groups
        else "Only its owner group may change it."
    )
    found = NotAllowed(
        f"You may not change {known.pid}: your groups are {mine}; "
        f"the data set belongs to {known.owner_group or 'no group'}.",
        hint=f"{what} Ask {known.owner or 'the owner'}, or the facility.",
    )
    found.status, found.said = error.status, error.said
    return found
