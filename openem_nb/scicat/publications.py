"""Publishing data sets with a DOI: a draft, a look at what becomes public, and two confirmations.

What is published is public for everybody and for good, and a registered DOI cannot be taken back.
So nothing here happens at once: a draft is private; ``preview`` shows what would become public and
what is public already; ``publish`` and ``register`` each want to be told in words that this is
meant.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from openem_nb.errors import (
    BadAnswer,
    InvalidInput,
    NotAllowed,
    NotFound,
    NotLoggedIn,
    OpenEMError,
)
from openem_nb.scicat._documents import moment, number, text, texts
from openem_nb.scicat._kept import lifecycles, mend
from openem_nb.scicat._pids import pids_of
from openem_nb.scicat._publishing import FormField, Preview, form_of, items_of, missing, notes_for
from openem_nb.scicat.connection import connection, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from openem_nb.scicat._pids import Named
    from openem_nb.scicat.connection import Connection

__all__ = ["Publication", "draft", "form_fields", "prefill", "publication", "publications"]

_ROUTE: Final = "publisheddata"
_MOST: Final = 1000


@dataclass(frozen=True)
class Publication:
    """Data sets that are, or will be, published together under one DOI."""

    doi: str
    title: str
    abstract: str
    status: str
    """``private`` (a draft), ``public``, ``registered`` or ``amended``."""
    pids: tuple[str, ...]
    metadata: Mapping[str, Any] = field(repr=False)
    """What the instance's form asks for: creators, publisher, year ..."""
    size: int
    """Bytes, as the service adds them up."""
    file_count: int
    created: datetime | None
    registered: datetime | None
    """When the DOI was registered, None if it is not."""
    url: str
    """Landing page; empty where the instance names none."""
    profile: str
    notice: str | None = field(repr=False)
    document: Mapping[str, Any] = field(repr=False, compare=False)
    """The whole answer of the service."""

    @property
    def words(self) -> str:
        """What state it is in, in words."""
        match self.status:
            case "private":
                return "a draft that only you and the facility see"
            case "public":
                return "public, its DOI is not registered yet"
            case "registered" | "amended":
                when = f" since {self.registered:%Y-%m-%d}" if self.registered else ""
                return f"published, its DOI is registered{when}"
        return self.status or "not stated"

    def preview(self) -> Preview:
        """Return what publishing would do, looked up now: each data set, its owner, its state."""
        here = connection(self.profile)
        items, absent = items_of(here, self.pids)
        problems = [f"there is no data set {pid} that you may see." for pid in absent]
        problems += [
            f"{item.pid} belongs to {item.owner_group or 'no group'}, which is not one of yours."
            for item in items
            if not item.mine
        ]
        if not self.pids:
            problems.append("it has no data sets.")
        lacking = missing(form_of(here), self.metadata)
        if lacking:
            problems.append(f"not filled in: {', '.join(lacking)}.")
        return Preview(
            doi=self.doi,
            title=self.title,
            status=self.status,
            items=tuple(items),
            problems=tuple(problems),
            notes=notes_for(here, self.doi),
            notice=self.notice,
        )

    def edit(
        self,
        *,
        title: str | None = None,
        abstract: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        pids: Named | None = None,
    ) -> Publication:
        """Change a draft and return it as it is then; metadata are merged into what is there.

        Raises
        ------
        InvalidInput
            If it is no draft any more.
        """
        here = connection(self.profile)
        body: dict[str, Any] = {}
        if title is not None:
            body["title"] = title
        if abstract is not None:
            body["abstract"] = abstract
        if metadata is not None:
            body["metadata"] = {**self.metadata, **metadata}
        if pids is not None:
            body["datasetPids"] = _checked(here, pids)
        if not body:
            return self
        here.send("PATCH", f"{_ROUTE}/{quoted(self.doi)}", body, version=4)
        return publication(self.doi, profile=self.profile)

    def publish(self, *, confirm: str) -> Publication:
        """Make the data sets and the record public, and return it as it is then.

        Parameters
        ----------
        confirm :
            ``"PUBLISH <doi>"``, see :attr:`Preview.publish_words`.

        Raises
        ------
        InvalidInput
            If this is not confirmed, or something has to be mended first.
        NotAllowed
            If a data set is not yours. Nothing is changed then.
        """
        here = connection(self.profile)
        look = self.preview()
        _confirmed(confirm, look.publish_words, look)
        _ready(look)
        try:
            here.send("POST", f"{_ROUTE}/{quoted(self.doi)}/publish", version=4)
        except OpenEMError as error:
            raise self._failed(here, look, error) from error
        return publication(self.doi, profile=self.profile)

    def register(self, *, confirm: str) -> Publication:
        """Register the DOI at DataCite, publishing first what is not public, and return the record.

        This cannot be undone.

        Parameters
        ----------
        confirm :
            The DOI itself.

        Raises
        ------
        InvalidInput
            If this is not confirmed, or something has to be mended first.
        NotAllowed
            If a data set is not yours. Nothing is changed then.
        BadAnswer
            If DataCite does not register it. The data sets are public then nevertheless.
        """
        here = connection(self.profile)
        look = self.preview()
        _confirmed(confirm, look.register_words, look)
        _ready(look)
        before = lifecycles(here, self.pids)
        try:
            here.send("POST", f"{_ROUTE}/{quoted(self.doi)}/register", version=4)
        except OpenEMError as error:
            raise self._failed(here, look, error) from error
        finally:
            mend(here, before)
        return publication(self.doi, profile=self.profile)

    def discard(self) -> None:
        """Remove a draft.

        Raises
        ------
        InvalidInput
            If it is no draft any more.
        """
        if publication(self.doi, profile=self.profile).status != "private":
            raise InvalidInput(f"{self.doi} is no draft any more; it stays.")
        connection(self.profile).send(
            "DELETE", f"{_ROUTE}/{quoted(self.doi)}", version=4, expect=(200, 204)
        )

    def reload(self) -> Publication:
        """Return the record as it is now."""
        return publication(self.doi, profile=self.profile)

    def _failed(self, here: Connection, look: Preview, error: OpenEMError) -> OpenEMError:
        """Return what went wrong, and what is public now in spite of it."""
        try:
            now, _ = items_of(here, self.pids)
            fresh = {item.pid for item in look.becoming_public}
            out = [item.pid for item in now if item.public and item.pid in fresh]
            left = f" These are public now: {', '.join(out)}." if out else " Nothing became public."
        except OpenEMError:
            left = " Whether data sets became public could not be looked up."
        said = error.said or str(error)
        if error.status == 424:
            found: OpenEMError = BadAnswer(
                f"DataCite did not register {self.doi}: {said}{left}",
                hint="The record can be registered again later; the data stay public.",
            )
        elif error.status == 400:
            found = InvalidInput(
                f"{self.doi} cannot go out as it is: {said}{left}",
                hint="Fill in what is missing with .edit(metadata={...}).",
            )
        elif isinstance(error, NotAllowed):
            found = NotAllowed(f"You may not publish {self.doi}: {said}{left}", hint=error.hint)
        else:
            found = type(error)(f"{error}{left}", hint=error.hint)
        found.status, found.said = error.status, error.said
        return found


def draft(
    pids: Named,
    *,
    title: str = "",
    abstract: str = "",
    metadata: Mapping[str, Any] | None = None,
    profile: str | None = None,
) -> Publication:
    """Make a private draft of a publication; nothing becomes public by it.

    Parameters
    ----------
    pids :
        Data sets, all of them of your own groups.
    title, abstract :
        Proposed by the service from the first data set where they are empty.
    metadata :
        Values of :func:`form_fields`; some are filled in by the service itself.

    Raises
    ------
    NotFound, NotAllowed
        If a data set does not exist or is not yours; nothing is made then.

    Examples
    --------
    >>> record = openem.scicat.draft([pid], title="Apoferritin on KRIOS1")
    >>> record.preview()
    >>> record.publish(confirm=f"PUBLISH {record.doi}")
    """
    here = connection(profile)
    wanted = _checked(here, pids)
    proposed = _prefilled(here, wanted) if not (title and abstract) else {}
    body = {
        "title": title or text(proposed.get("title")) or "Untitled",
        "abstract": abstract or text(proposed.get("abstract")) or text(proposed.get("description")),
        "datasetPids": wanted,
        "metadata": {**_metadata(proposed), **(metadata or {})},
    }
    answer = here.send("POST", _ROUTE, body, version=4)
    if not isinstance(answer, dict) or not text(answer.get("doi")):
        raise BadAnswer("SciCat made a draft but does not say under which DOI.")
    return publication(text(answer["doi"]), profile=here.profile.name)


def form_fields(*, profile: str | None = None) -> tuple[FormField, ...]:
    """Return the fields that an instance wants filled in for a publication."""
    return form_of(connection(profile))


def prefill(pids: Named, *, profile: str | None = None) -> dict[str, Any]:
    """Return what the service proposes for a publication: title, abstract, metadata."""
    return _prefilled(connection(profile), list(pids_of(pids)))


def publication(doi: str, *, profile: str | None = None) -> Publication:
    """Return one publication, or a draft of your own.

    Raises
    ------
    NotFound
        If there is none, or you may not see it.
    """
    here = connection(profile)
    answer = here.get(f"{_ROUTE}/{quoted(doi)}", version=4)
    if not isinstance(answer, dict) or not text(answer.get("doi")):
        raise NotFound(f"{here.profile.name} has no publication {doi}.", hint="Check the DOI.")
    return _publication(here, answer)


def publications(*, profile: str | None = None) -> list[Publication]:
    """Return the publications that you may see, the newest first: drafts are your own."""
    here = connection(profile)
    question = {"where": {}, "limits": {"limit": _MOST, "skip": 0, "sort": {"createdAt": "desc"}}}
    answer = here.get(_ROUTE, params={"filter": question}, version=4)
    if not isinstance(answer, list):
        raise BadAnswer("SciCat answered a list of publications with something else.")
    found = [_publication(here, item) for item in answer if isinstance(item, dict)]
    return sorted(
        found, key=lambda one: one.created.timestamp() if one.created else 0, reverse=True
    )


def _publication(here: Connection, document: Mapping[str, Any]) -> Publication:
    doi = text(document.get("doi"))
    metadata = document.get("metadata")
    site = here.profile.doi_site
    return Publication(
        doi=doi,
        title=text(document.get("title")),
        abstract=str(document.get("abstract") or "").strip(),
        status=text(document.get("status")),
        pids=texts(document.get("datasetPids")),
        metadata=metadata if isinstance(metadata, dict) else {},
        size=number(document.get("sizeOfArchive")),
        file_count=number(document.get("numberOfFiles")),
        created=moment(document.get("createdAt")),
        registered=moment(document.get("registeredTime")),
        url=f"{site.rstrip('/')}/{doi}" if site and doi else "",
        profile=here.profile.name,
        notice=here.profile.notice,
        document=document,
    )


def _checked(here: Connection, pids: Named) -> list[str]:
    """Return the identifiers if all of these data sets are of this user's groups."""
    wanted = list(pids_of(pids))
    who = here.identity()
    if who is None:
        raise NotLoggedIn(
            "Publishing needs a log-in.", hint=f'Log in with openem.login("{here.profile.name}").'
        )
    items, absent = items_of(here, wanted)
    if absent:
        raise NotFound(
            f"There is no data set {', '.join(absent)} that you may see.",
            hint="Check the identifiers.",
        )
    foreign = [f"{item.pid} ({item.owner_group or 'no group'})" for item in items if not item.mine]
    if foreign:
        raise NotAllowed(
            f"Not of your groups: {', '.join(foreign)}.",
            hint=f"You are {who.words}. Only the owner group can publish a data set.",
        )
    return wanted


def _prefilled(here: Connection, pids: list[str]) -> dict[str, Any]:
    chosen = pids if here.profile.flavour == "psi5" else pids[:1]  # others take one only
    answer = here.get(
        f"{_ROUTE}/formpopulate", params=[("pid", pid) for pid in chosen[:50]], version=4
    )
    return answer if isinstance(answer, dict) else {}


def _metadata(proposed: Mapping[str, Any]) -> dict[str, Any]:
    found = proposed.get("metadata")
    return dict(found) if isinstance(found, dict) else {}


def _confirmed(given: str, wanted: str, look: Preview) -> None:
    if given != wanted:
        raise InvalidInput(
            f"Not confirmed. {look.words}", hint=f'If this is meant: confirm="{wanted}".'
        )


def _ready(look: Preview) -> None:
    if not look.problems:
        return
    foreign = [item for item in look.items if not item.mine]
    kind = NotAllowed if foreign else InvalidInput
    raise kind(
        f"{look.doi} cannot go out: {' '.join(look.problems)} Nothing was changed.",
        hint="Change the draft with .edit(...), then look at .preview() again.",
    )
