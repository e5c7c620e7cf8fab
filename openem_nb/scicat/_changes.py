"""What of a data set can be changed, under which name, and with which values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from openem_nb.errors import InvalidInput
from openem_nb.scicat._documents import plain_metadata
from openem_nb.scicat._periods import iso

__all__ = ["NAMES", "as_sent"]

NAMES: Final = {
    "name": "datasetName",
    "description": "description",
    "comment": "comment",
    "keywords": "keywords",
    "owner": "owner",
    "owner_email": "ownerEmail",
    "owner_group": "ownerGroup",
    "orcid_of_owner": "orcidOfOwner",
    "contact": "contactEmail",
    "access_groups": "accessGroups",
    "shared_with": "sharedWith",
    "location": "creationLocation",
    "created": "creationTime",
    "start": "startTime",
    "end": "endTime",
    "license": "license",
    "data_format": "dataFormat",
    "run_number": "runNumber",
    "validation_status": "validationStatus",
    "techniques": "techniques",
    "relationships": "relationships",
    "metadata": "scientificMetadata",
    "metadata_schema": "scientificMetadataSchema",
    "principal_investigator": "principalInvestigator",
    "investigator": "investigator",
    "proposal": "proposalId",
    "sample": "sampleId",
    "instrument": "instrumentId",
    "inputs": "inputDatasets",
    "software": "usedSoftware",
    "data_quality": "dataQualityMetrics",
}
"""What can be changed, and what the catalogue calls it; its own names do, too."""
_NO_KEY: Final = frozenset(".[]<>$")
"""Letters that the facilities' own tools refuse in keys of metadata."""


def as_sent(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return changes by the catalogue's names, with values as it takes them."""
    if not changes:
        raise InvalidInput("There is nothing to change.")
    found: dict[str, Any] = {}
    for name, value in changes.items():
        field = NAMES.get(name, name)
        if field not in NAMES.values():
            raise InvalidInput(f"{name} cannot be changed this way.", hint=_instead(field))
        if field in found:
            raise InvalidInput(f"{name} is there twice.")
        found[field] = _value(name, value)
    return found


def _instead(field: str) -> str:
    if field in ("datasetlifecycle", "lifecycle"):
        return "Use scicat.set_lifecycle, which leaves the rest of the lifecycle as it is."
    if field in ("isPublished", "published"):
        return "Use scicat.draft and its publish, which show first what becomes public."
    if field in ("size", "numberOfFiles", "packedSize"):
        return "The service adds up the sizes of the file blocks itself."
    return f"What can be changed: {', '.join(sorted(NAMES))}."


def _value(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise InvalidInput(
                f"{name} has no time zone.", hint="Give one: datetime(..., tzinfo=UTC)."
            )
        return iso(value)
    if isinstance(value, date):
        return f"{value.isoformat()}T00:00:00.000Z"
    if name in ("metadata", "scientificMetadata"):
        if not isinstance(value, Mapping):
            raise InvalidInput("The metadata are not a mapping of keys.")
        _check_keys(value, "")
        return plain_metadata(json.loads(json.dumps(value, default=_plain)))
    if isinstance(value, tuple | set | frozenset):
        value = list(value)
    if name in ("contact", "contactEmail") and isinstance(value, list):
        return ";".join(value)
    return value


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):  # a number of numpy
        return value.item()
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise InvalidInput(f"{value!r} cannot stand in metadata.", hint="Use texts, numbers and lists.")


def _check_keys(node: Mapping[str, Any], path: str) -> None:
    for key, value in node.items():
        if not isinstance(key, str) or not key.strip() or _NO_KEY & set(key):
            raise InvalidInput(
                f"{key!r}{f' below {path}' if path else ''} cannot be a key of metadata.",
                hint="Keys are not empty and hold none of . [ ] < > $",
            )
        if isinstance(value, Mapping):
            _check_keys(value, f"{path}.{key}" if path else key)
