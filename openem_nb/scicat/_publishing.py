"""What a publication needs before it can go out: its form, and a look at what becomes public."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Final

from openem_nb._texts import one_line, printable
from openem_nb.errors import BadAnswer
from openem_nb.scicat._documents import moment, number, text, texts, yes
from openem_nb.scicat.datasets import documents
from openem_nb.values import counted, format_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from openem_nb.scicat.connection import Connection

__all__ = ["FormField", "Preview", "PreviewItem", "form_of", "items_of", "missing"]

_TEST_PREFIXES: Final = ("10.83766/", "10.5072/")
"""DOI prefixes of PSI's test instance and of DataCite's: such a DOI leads nowhere."""
_FIELDS: Final = ("datasetName", "ownerGroup", "size", "numberOfFiles", "isPublished")
_KINDS: Final = {
    "string": "text",
    "integer": "number",
    "number": "number",
    "boolean": "flag",
    "array": "list",
    "object": "group",
}
_LONGEST_TABLE: Final = 100


@dataclass(frozen=True, slots=True)
class FormField:
    """One field of the form that an instance wants filled in for a publication."""

    name: str
    title: str
    kind: str
    """``text``, ``number``, ``flag``, ``choice``, ``list`` or ``group``."""
    required: bool
    help: str = ""
    choices: tuple[str, ...] = ()
    default: Any = None
    fields: tuple[FormField, ...] = ()
    """Fields of a group, or of each member of a list."""
    filled: bool = False
    """Whether the service fills it in itself where it is left empty."""
    least: int = 0
    """Fewest members that a list needs."""


@dataclass(frozen=True, slots=True)
class PreviewItem:
    """One data set of a publication, before it goes out."""

    pid: str
    name: str
    size: int
    """Bytes."""
    files: int
    owner_group: str
    mine: bool
    """Whether you are in its owner group."""
    public: bool
    """Whether everybody can see it already."""
    since: datetime | None
    """When a publication with it was registered; the catalogue keeps no other date."""

    @property
    def words(self) -> str:
        """Whether it is public, and since when."""
        if not self.public:
            return "becomes public"
        return f"public since {self.since:%Y-%m-%d}" if self.since else "public already"


@dataclass(frozen=True, slots=True)
class Preview:
    """What publishing would do; nothing has happened yet."""

    doi: str
    title: str
    status: str
    items: tuple[PreviewItem, ...]
    problems: tuple[str, ...]
    """What has to be mended first; empty if it can go out."""
    notes: tuple[str, ...] = ()
    """What is worth knowing before."""
    notice: str | None = None

    @property
    def becoming_public(self) -> tuple[PreviewItem, ...]:
        """The data sets that nobody else can see yet."""
        return tuple(item for item in self.items if not item.public)

    @property
    def size(self) -> int:
        """Bytes of all its data sets."""
        return sum(item.size for item in self.items)

    @property
    def publish_words(self) -> str:
        """What has to be given to ``publish`` as ``confirm``."""
        return f"PUBLISH {self.doi}"

    @property
    def register_words(self) -> str:
        """What has to be given to ``register`` as ``confirm``."""
        return self.doi

    @property
    def words(self) -> str:
        """What would happen, in a few sentences."""
        fresh = self.becoming_public
        old = len(self.items) - len(fresh)
        files = counted(sum(item.files for item in self.items), "file")
        content = f"{format_bytes(self.size)} in {files}"
        many = counted(len(self.items), "data set")
        becoming = "1 becomes" if len(fresh) == 1 else f"{len(fresh)} become"
        before = {0: "none is", 1: "1 is"}.get(old, f"{old} are")
        parts = [
            f"{self.title} ({self.doi}, {self.status}): {many}, {content}.",
            f"{becoming} public for everybody and for good; {before} already."
            if fresh
            else "Nothing becomes public that is not already.",
            *self.notes,
            *(f"To be mended first: {problem}" for problem in self.problems),
        ]
        return one_line(" ".join(parts))

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th scope="row">{escape(item.name)}<br><code>{escape(item.pid)}</code></th>'
            f"<td>{format_bytes(item.size)}</td><td>{item.files:,}</td>"
            f"<td>{escape(item.owner_group)}{'' if item.mine else ' (not yours)'}</td>"
            f"<td>{escape(item.words)}</td></tr>"
            for item in self.items[:_LONGEST_TABLE]
        )
        more = len(self.items) - _LONGEST_TABLE
        banner = (
            f'<p class="oem-banner" role="note">{escape(self.notice)}</p>' if self.notice else ""
        )
        return printable(
            f'<section aria-label="What becomes public">{banner}<p>{escape(self.words)}</p>'
            "<table><caption>Data sets of the publication</caption><thead><tr>"
            '<th scope="col">Data set</th><th scope="col">Size</th><th scope="col">Files</th>'
            '<th scope="col">Owner group</th><th scope="col">Public</th></tr></thead>'
            f"<tbody>{rows}</tbody></table>"
            f"{f'<p>And {more} more.</p>' if more > 0 else ''}</section>"
        )


def notes_for(here: Connection, doi: str) -> tuple[str, ...]:
    """Return what is worth knowing about publishing at this instance."""
    found = []
    if here.profile.notice or doi.startswith(_TEST_PREFIXES):
        found.append("This is no real DOI: it leads nowhere.")
    found.append("A DOI that is registered stays: it cannot be taken back.")
    return tuple(found)


def items_of(here: Connection, pids: Sequence[str]) -> tuple[list[PreviewItem], list[str]]:
    """Return the data sets of a publication as they are now, and which of them do not exist."""
    who = here.identity()
    groups = who.groups if who else ()
    found = documents(here, pids, _FIELDS)
    public = [pid for pid, document in found.items() if yes(document.get("isPublished"))]
    since = _registered(here, public)
    items = [
        PreviewItem(
            pid=pid,
            name=text(document.get("datasetName")) or pid,
            size=number(document.get("size")),
            files=number(document.get("numberOfFiles")),
            owner_group=text(document.get("ownerGroup")),
            mine=text(document.get("ownerGroup")) in groups,
            public=yes(document.get("isPublished")),
            since=since.get(pid),
        )
        for pid, document in found.items()
    ]
    return items, [pid for pid in dict.fromkeys(pids) if pid not in found]


def _registered(here: Connection, pids: Sequence[str]) -> dict[str, datetime]:
    """Return when publications with these data sets were registered, the first of each."""
    found: dict[str, datetime] = {}
    for start in range(0, len(pids), 50):
        part = list(pids[start : start + 50])
        answer = here.get(
            "publisheddata",
            params={
                "filter": {
                    "where": {"datasetPids": {"$in": part}},
                    "limits": {"limit": 1000, "skip": 0},
                }
            },
            version=4,
        )
        for item in answer if isinstance(answer, list) else ():
            when = moment(item.get("registeredTime")) if isinstance(item, dict) else None
            if when is None or item.get("status") not in ("registered", "amended"):
                continue
            for pid in set(texts(item.get("datasetPids"))) & set(part):
                found[pid] = min(when, found.get(pid, when))
    return found


def form_of(here: Connection) -> tuple[FormField, ...]:
    """Return the fields that the instance wants filled in."""
    answer = here.get("publisheddata/config", version=4)
    schema = answer.get("metadataSchema") if isinstance(answer, dict) else None
    if not isinstance(schema, dict):
        raise BadAnswer("SciCat does not say which fields a publication has.")
    return tuple(_fields(schema))


def _fields(schema: Mapping[str, Any]) -> Iterable[FormField]:
    properties = schema.get("properties")
    required = texts(schema.get("required"))
    filled = schema.get("dynamicDefaults")
    for name, about in (properties if isinstance(properties, dict) else {}).items():
        if isinstance(about, dict):
            dynamic = isinstance(filled, dict) and name in filled
            yield _field(name, about, required=name in required, filled=dynamic)


def _field(name: str, about: Mapping[str, Any], *, required: bool, filled: bool) -> FormField:
    kind = _KINDS.get(text(about.get("type")), "text")
    listed = about.get("enum")
    choices = tuple(map(str, listed)) if isinstance(listed, list) else ()
    members = about.get("items") if kind == "list" else about
    nested = tuple(_fields(members)) if isinstance(members, dict) else ()
    return FormField(
        name=name,
        title=text(about.get("title")) or _spaced(name),
        kind="choice" if choices and kind == "text" else kind,
        required=required,
        help=text(about.get("description")),
        choices=choices,
        default=about.get("default"),
        fields=nested,
        filled=filled or "dynamicDefault" in about,
        least=number(about.get("minItems")),
    )


def _spaced(name: str) -> str:
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
    return words.strip().capitalize()


def _wanted(field: FormField, name: str) -> list[str]:
    """Return how an empty field is filled in: the parts of a group, the members of a list."""
    needed = [part.name for part in field.fields if part.required]
    if field.kind == "group" and needed:
        return [f"{name}.{part}" for part in needed]
    return [f"{name} (a list of {', '.join(needed)})" if field.kind == "list" and needed else name]


def missing(form: Iterable[FormField], metadata: Mapping[str, Any], where: str = "") -> list[str]:
    """Return the names of required fields that are empty, those within others as well."""
    found: list[str] = []
    for field in form:
        value, name = metadata.get(field.name), f"{where}{field.name}"
        is_short = isinstance(value, list) and len(value) < field.least
        is_blank = value in (None, {}) or (value == "" and "" not in field.choices)
        if is_blank or is_short:
            if field.required or is_short:
                found += _wanted(field, name)
        elif isinstance(value, dict):
            found += missing(field.fields, value, f"{name}.")
        elif isinstance(value, list):
            for place, member in enumerate(value):
                if isinstance(member, dict):
                    found += missing(field.fields, member, f"{name}[{place}].")
    return found
