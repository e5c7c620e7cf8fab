"""SciCat's JSON as it really comes: nulls, missing fields, lists with nulls, unknown types.

These models stand at the edge only. They take any document apart without failing over dirt, because
one damaged field must not hide a data set; what cannot be read becomes what "not stated" is.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import unquote

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

__all__ = [
    "AttachmentDocument",
    "BlockDocument",
    "DatasetDocument",
    "LifecycleDocument",
    "moment",
    "number",
    "plain_metadata",
    "text",
    "texts",
    "yes",
]


def text(value: Any) -> str:
    """Return a text on one line; empty where there is none."""
    if value is None or isinstance(value, dict | list | bool):
        return ""
    clean = str(value).encode("utf-8", "replace").decode("utf-8")  # half a surrogate pair
    return " ".join(clean.split())


def _verbatim(value: Any) -> str:
    """Return a text as it stands: file names and descriptions may hold any white space."""
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else ""


def texts(value: Any) -> tuple[str, ...]:
    """Return the texts of a list, without nulls and empty ones."""
    items = value if isinstance(value, list) else [value]
    return tuple(dict.fromkeys(found for item in items if (found := text(item))))


def number(value: Any) -> int:
    """Return a count or a size; 0 where there is none."""
    if isinstance(value, str):
        value = value.strip()
        try:
            value = float(value) if value else 0
        except ValueError:
            return 0
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return max(0, int(value)) if value == value and abs(value) < 2**63 else 0


def yes(value: Any) -> bool:
    """Return a yes or no; no where nothing is said."""
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


def moment(value: Any) -> datetime | None:
    """Return a point in time, in UTC; what names no zone is UTC as all answers are."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value.strip())
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _members(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


Text = Annotated[str, BeforeValidator(text)]
Verbatim = Annotated[str, BeforeValidator(_verbatim)]
Texts = Annotated[tuple[str, ...], BeforeValidator(texts)]
Count = Annotated[int, BeforeValidator(number)]
Flag = Annotated[bool, BeforeValidator(yes)]
Moment = Annotated[datetime | None, BeforeValidator(moment)]


class _Document(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, protected_namespaces=())


class LifecycleDocument(_Document):
    """``datasetlifecycle``; its dates are defaults of the server, so they are not read at all."""

    archivable: Flag = False
    retrievable: Flag = False
    isOnCentralDisk: Flag = False  # noqa: N815  (SciCat's name, as all in this module)
    archiveStatusMessage: Text = ""  # noqa: N815
    retrieveStatusMessage: Text = ""  # noqa: N815
    storageLocation: Text = ""  # noqa: N815


class DatasetDocument(_Document):
    """A data set as version 3 of the API gives it, both flavours."""

    pid: Text = ""
    type: Text = ""
    datasetName: Text = ""  # noqa: N815
    description: Verbatim = ""
    owner: Text = ""
    ownerEmail: Text = ""  # noqa: N815
    orcidOfOwner: Text = ""  # noqa: N815
    contactEmail: Text = ""  # noqa: N815
    principalInvestigators: Texts = ()  # noqa: N815
    principalInvestigator: Text = ""  # noqa: N815
    investigator: Text = ""
    ownerGroup: Text = ""  # noqa: N815
    accessGroups: Texts = ()  # noqa: N815
    sharedWith: Texts = ()  # noqa: N815
    size: Count = 0
    packedSize: Count = 0  # noqa: N815
    numberOfFiles: Count = 0  # noqa: N815
    creationTime: Moment = None  # noqa: N815
    startTime: Moment = None  # noqa: N815
    endTime: Moment = None  # noqa: N815
    createdAt: Moment = None  # noqa: N815
    updatedAt: Moment = None  # noqa: N815
    creationLocation: Text = ""  # noqa: N815
    sourceFolder: Verbatim = ""  # noqa: N815
    keywords: Texts = ()
    license: Text = ""
    isPublished: Flag = False  # noqa: N815
    proposalIds: Texts = ()  # noqa: N815
    sampleIds: Texts = ()  # noqa: N815
    instrumentIds: Texts = ()  # noqa: N815
    inputDatasets: Texts = ()  # noqa: N815
    techniques: Annotated[list[dict[str, Any]], BeforeValidator(_objects)] = Field(
        default_factory=list
    )
    relationships: Annotated[list[dict[str, Any]], BeforeValidator(_objects)] = Field(
        default_factory=list
    )
    datasetlifecycle: Annotated[
        LifecycleDocument, BeforeValidator(lambda value: LifecycleDocument(**_members(value)))
    ] = Field(default_factory=LifecycleDocument)
    scientificMetadata: Annotated[dict[str, Any], BeforeValidator(_members)] = Field(  # noqa: N815
        default_factory=dict
    )


class BlockDocument(_Document):
    """A block of files, on disk (``origdatablocks``) or on tape (``datablocks``)."""

    id: Text = Field(default="", alias="_id")
    archiveId: Text = ""  # noqa: N815
    size: Count = 0
    packedSize: Count = 0  # noqa: N815
    chkAlg: Text = ""  # noqa: N815
    createdAt: Moment = None  # noqa: N815


class AttachmentDocument(_Document):
    """A picture that belongs to a data set."""

    id: Text = ""
    aid: Text = ""
    caption: Verbatim = ""
    thumbnail: Verbatim = ""


def plain_metadata(value: Any) -> Any:
    """Return metadata for people: keys decoded, without the SI copies that the server adds.

    Keys come percent-encoded from some versions of the backend (a dot in a key always), and every
    quantity carries ``valueSI`` and ``unitSI`` that nobody has sent.
    """
    if isinstance(value, dict):
        return {
            _decoded(key): plain_metadata(inner)
            for key, inner in value.items()
            if key not in ("valueSI", "unitSI")
        }
    if isinstance(value, list):
        return [plain_metadata(inner) for inner in value]
    return value


def _decoded(key: str) -> str:
    return unquote(key, errors="replace") if "%" in key else key
