"""Documents that are not whole yet, in files that say so: one form for all who write them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openem_nb._folders import write_whole
from openem_nb.errors import InvalidMetadata
from openem_nb.oscem._missing import missing as ask
from openem_nb.oscem.check import technique_of, validate
from openem_nb.oscem.files import read

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from openem_nb.oscem._missing import Missing
    from openem_nb.oscem.provenance import Provenance
    from openem_nb.oscem.readers import Finding

__all__ = ["Draft", "is_draft", "read_draft", "write_draft"]


@dataclass(frozen=True, slots=True)
class Draft:
    """A document that is not whole yet, with what was known of it when it was written."""

    document: dict[str, Any]
    technique: str
    """Whose schema it is to follow."""
    missing: tuple[Mapping[str, Any], ...] = ()
    """What it lacked: path, description, choices and why, one mapping each."""
    problems: tuple[Mapping[str, Any], ...] = ()
    """In what it was not valid: path and message."""
    provenance: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Where its values come from, by path; empty where it was not extracted."""
    findings: tuple[Mapping[str, Any], ...] = ()


def write_draft(
    document: Mapping[str, Any],
    path: Path | str,
    *,
    technique: str | None = None,
    missing: Iterable[Missing] | None = None,
    provenance: Mapping[str, Provenance] | None = None,
    findings: Iterable[Finding] = (),
) -> Path:
    """Write a document whether it is valid or not, in a frame that says that it is a draft.

    Parameters
    ----------
    technique :
        The schema that it is to follow; that of :func:`~openem_nb.oscem.technique_of` where it is
        not given.
    missing :
        What it lacks; by default what the schema asks for and is not there.

    Raises
    ------
    InvalidInput
        If there is no such technique.
    CannotWrite
        If the file cannot be written.
    """
    chosen = technique_of(document) if technique is None else technique
    problems = validate(document, technique=chosen)
    asked = ask(document, chosen, {}) if missing is None else missing
    draft = {
        "draft": document,
        "technique": chosen,
        "missing": [asdict(one) for one in asked],
        "problems": [{"path": one.path, "message": one.message} for one in problems],
        "provenance": {name: asdict(one) for name, one in (provenance or {}).items()},
        "findings": [asdict(one) for one in findings],
    }
    target = Path(path).expanduser()
    write_whole(target, json.dumps(draft, ensure_ascii=False, indent=2) + "\n")
    return target


def is_draft(found: Mapping[str, Any]) -> bool:
    """Return whether what a file holds is a draft and no document."""
    return isinstance(found.get("draft"), dict) and "acquisition" not in found


def read_draft(path: Path | str) -> Draft:
    """Return the draft in a file.

    Raises
    ------
    NotFound
        If there is no such file.
    InvalidMetadata
        If it is no JSON file, or no draft.
    """
    found = read(path)
    if not is_draft(found):
        raise InvalidMetadata(f"{path} is no draft.", hint="oscem.read() reads whole documents.")
    document: dict[str, Any] = found["draft"]
    said = found.get("technique")
    provenance = found.get("provenance")
    return Draft(
        document=document,
        technique=said if isinstance(said, str) else technique_of(document),
        missing=_objects(found.get("missing")),
        problems=_objects(found.get("problems")),
        provenance=dict(provenance) if isinstance(provenance, dict) else {},
        findings=_objects(found.get("findings")),
    )


def _objects(value: Any) -> tuple[Mapping[str, Any], ...]:
    """Return the objects of a list; people edit drafts by hand."""
    found = value if isinstance(value, list) else []
    return tuple(one for one in found if isinstance(one, dict))
