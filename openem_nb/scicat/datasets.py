"""One data set as a value: who, what, where it is, its files, its tape blocks, its pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from openem_nb.errors import BadAnswer, InvalidInput, NotFound
from openem_nb.scicat import _card, citation
from openem_nb.scicat._documents import DatasetDocument, plain_metadata, text
from openem_nb.scicat.attachments import read_attachments
from openem_nb.scicat.connection import Connection, connection, quoted
from openem_nb.scicat.files import read_files, read_tape
from openem_nb.scicat.lifecycle import Lifecycle

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from openem_nb.jobs import Progress
    from openem_nb.scicat.attachments import Attachment
    from openem_nb.scicat.files import FileList, TapeBlock

__all__ = ["DataSet", "documents", "get", "read"]

_CHUNK = 80
"""Identifiers in one question: more make an address that proxies refuse."""


@dataclass(frozen=True, repr=False)
class DataSet:
    """One data set of a SciCat instance, as it was when it was read.

    What the catalogue does not state is empty, zero or None; nothing is guessed.
    """

    pid: str
    name: str
    type: str
    """``raw``, ``derived``, or a type of the instance's own."""
    description: str
    owner: str
    contact: tuple[str, ...]
    """E-mail addresses of whom to ask."""
    investigators: tuple[str, ...]
    owner_group: str
    access_groups: tuple[str, ...]
    """Groups that may read it."""
    shared_with: tuple[str, ...]
    """E-mail addresses of people who see it listed (its files stay closed to them)."""
    size: int
    """Bytes of the files, as stated."""
    packed_size: int
    """Bytes on tape, as stated."""
    file_count: int
    """Number of files, as stated."""
    created: datetime | None
    """When the data were recorded, UTC."""
    updated: datetime | None
    """When the entry was changed last, UTC."""
    location: str
    """Where the data were recorded: ``/PSI/EMF/KRIOS``."""
    source_folder: str
    keywords: tuple[str, ...]
    license: str
    published: bool
    """Whether everybody may see it; the only evidence that the catalogue has for this."""
    instrument_ids: tuple[str, ...]
    proposal_ids: tuple[str, ...]
    sample_ids: tuple[str, ...]
    techniques: tuple[str, ...]
    inputs: tuple[str, ...]
    """Data sets that this one was derived from."""
    related: tuple[tuple[str, str], ...]
    """Relation and identifier of what else belongs with it."""
    lifecycle: Lifecycle
    metadata: Mapping[str, Any] = field(repr=False)
    """Scientific metadata as it was sent: without the copies in SI units that the server adds."""
    url: str
    """Page in the web interface, for people; empty if there is none."""
    profile: str
    """The profile of the instance that it was read from."""
    notice: str | None = field(repr=False)
    """Text that must be shown with it (practice data), None for real data."""
    document: Mapping[str, Any] = field(repr=False, compare=False)
    """The whole answer of the service."""

    def files(self, *, progress: Progress | None = None) -> FileList:
        """Return the list of all files, also where the service's own route stops short.

        Warns
        -----
        QueryTruncatedWarning
            If it is incomplete or disagrees with what the data set states.
        """
        return read_files(connection(self.profile), self.pid, self.file_count, progress=progress)

    def tape(self, *, files: bool = True, progress: Progress | None = None) -> list[TapeBlock]:
        """Return the blocks on tape with the checksums of their files; empty if never archived.

        Parameters
        ----------
        files :
            With the files in each block; without them it takes one request.
        """
        return read_tape(connection(self.profile), self.pid, files=files, progress=progress)

    def attachments(self, *, progress: Progress | None = None) -> tuple[Attachment, ...]:
        """Return all pictures."""
        return read_attachments(connection(self.profile), self.pid, progress=progress)

    def bibtex(self) -> str:
        """Return a BibTeX entry; with the DOI of its publication where there is one."""
        return citation.bibtex(self, citation.publication_of(connection(self.profile), self.pid))

    def datacite(self) -> dict[str, Any]:
        """Return a description in DataCite's schema, version 4, as JSON.

        What a publication states counts first; what is missing there comes from the catalogue.
        """
        return citation.datacite(self, citation.publication_of(connection(self.profile), self.pid))

    def reload(self) -> DataSet:
        """Return the data set as it is now."""
        return read(connection(self.profile), self.pid)

    def __repr__(self) -> str:
        return f"<DataSet {self.pid} {self.name!r}: {self.lifecycle.words}>"

    def __str__(self) -> str:
        return _card.lines(self)

    def _repr_html_(self) -> str:
        return _card.card(self, connection(self.profile))


def get(pid: str, *, profile: str | None = None, progress: Progress | None = None) -> DataSet:
    """Return one data set.

    Parameters
    ----------
    pid :
        Its identifier: ``20.500.11935/0f6f2a5c-...``.
    profile :
        The instance; the active profile if None.

    Raises
    ------
    InvalidInput
        If it cannot be an identifier.
    NotFound
        If there is no such data set, or you may not see it.

    Examples
    --------
    >>> data_set = openem.get("20.500.11935/0f6f2a5c-2b6e-4ab0-8d13-5a5b5e0c9d70")
    >>> data_set.lifecycle.words, data_set.files().complete
    """
    return read(connection(profile), pid, progress=progress)


def read(here: Connection, pid: str, *, progress: Progress | None = None) -> DataSet:
    """Return one data set over a connection that exists."""
    name = here.profile.name
    try:
        answer = here.get(f"datasets/{quoted(pid)}", progress=progress)
    except NotFound:
        answer = None
    if answer is None or answer == {}:
        who = here.identity()
        ask = (
            f"You are {who.words}; a new group counts after the next log-in."
            if who
            else f'It may be private: log in with openem.login("{name}").'
        )
        raise NotFound(
            f"{name} has no data set {pid.strip()} that you may see.",
            hint=f"Check the identifier and the instance. {ask}",
        )
    if not isinstance(answer, dict) or text(answer.get("pid")) != pid.strip():
        raise BadAnswer(f"SciCat did not answer with the data set {pid} when asked for it.")
    return of_document(here, answer)


def of_document(here: Connection, document: Mapping[str, Any]) -> DataSet:
    """Return the data set that a document of version 3 of the API describes."""
    read = DatasetDocument.model_validate(document)
    people = (*read.principalInvestigators, read.principalInvestigator, read.investigator)
    return DataSet(
        pid=read.pid,
        name=read.datasetName or read.pid,
        type=read.type,
        description=read.description.strip(),
        owner=read.owner,
        contact=tuple(part.strip() for part in read.contactEmail.split(";") if part.strip()),
        investigators=tuple(dict.fromkeys(person for person in people if person)),
        owner_group=read.ownerGroup,
        access_groups=read.accessGroups,
        shared_with=read.sharedWith,
        size=read.size,
        packed_size=read.packedSize,
        file_count=read.numberOfFiles,
        created=read.creationTime,
        updated=read.updatedAt,
        location=read.creationLocation,
        source_folder=read.sourceFolder,
        keywords=read.keywords,
        license=read.license,
        published=read.isPublished,
        instrument_ids=read.instrumentIds,
        proposal_ids=read.proposalIds,
        sample_ids=read.sampleIds,
        techniques=tuple(
            found
            for item in read.techniques
            if (found := text(item.get("name") or item.get("pid")))
        ),
        inputs=read.inputDatasets,
        related=tuple(_relations(read.relationships)),
        lifecycle=Lifecycle.of(read.datasetlifecycle, here.profile.storage),
        metadata=plain_metadata(read.scientificMetadata),
        url=here.page(read.pid) if read.pid else "",
        profile=here.profile.name,
        notice=here.profile.notice,
        document=document,
    )


def _relations(items: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield relation and identifier; one flavour calls the latter ``pid``, the other not."""
    for item in items:
        name = text(item.get("identifier")) or text(item.get("pid")) or text(item.get("externalId"))
        if name:
            yield text(item.get("relationship")) or "related to", name


def documents(
    here: Connection,
    pids: Sequence[str],
    fields: Sequence[str] = (),
    *,
    progress: Progress | None = None,
) -> dict[str, dict[str, Any]]:
    """Return documents by identifier, asked for in portions; what is not visible is left out.

    Parameters
    ----------
    fields :
        Parts of a document to ask for; all if empty.
    """
    wanted = list(dict.fromkeys(pids))
    for pid in wanted:
        quoted(pid)  # refuses what is no identifier
    found: dict[str, dict[str, Any]] = {}
    for portion in _portions(wanted):
        question: dict[str, Any] = {
            "where": {"pid": {"$in": portion}},
            "limits": {"limit": len(portion), "skip": 0, "order": "pid:asc"},
        }
        if fields:
            question["fields"] = list(dict.fromkeys(["pid", *fields]))
        answer = here.get("datasets", params={"filter": question}, progress=progress)
        if not isinstance(answer, list):
            raise BadAnswer("SciCat answered a list of data sets with something else.")
        for item in answer:
            if isinstance(item, dict) and item.get("pid") in portion:
                found[item["pid"]] = item
    return {pid: found[pid] for pid in wanted if pid in found}


def _portions(pids: list[str]) -> Iterator[list[str]]:
    portion: list[str] = []
    length = 0
    for pid in pids:
        cost = len(quoted(pid)) + 9  # two quotation marks and a comma, encoded
        if cost > 6000:
            raise InvalidInput(f"{pid[:60]!r}... is not an identifier: it is too long.")
        if portion and (len(portion) == _CHUNK or length + cost > 6000):
            yield portion
            portion, length = [], 0
        portion.append(pid)
        length += cost
    if portion:
        yield portion
