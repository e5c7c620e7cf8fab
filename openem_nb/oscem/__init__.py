"""OSC-EM: the metadata of electron microscopy as a document that can be checked.

>>> from openem_nb import oscem
>>> session = oscem.extract("/data/session")  # doctest: +SKIP
>>> oscem.validate(session.document)  # doctest: +SKIP
()
>>> oscem.upgrade(oscem.read("old.json")).changes  # doctest: +SKIP

A document is a plain dictionary as JSON has it, after the schemas of OSC-EM 1.0.2. What takes time
to load is loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

# These load quickly, and a function has to be here before the module of its own name is loaded.
from openem_nb.oscem.check import Problem, check, technique_of, validate
from openem_nb.oscem.document import Change, diff, get_at, paths, set_at
from openem_nb.oscem.doubts import doubts
from openem_nb.oscem.fields import TECHNIQUES, FieldInfo, fields
from openem_nb.oscem.files import read, write
from openem_nb.oscem.schema import context, json_schema
from openem_nb.oscem.upgrade import Upgraded, upgrade

if TYPE_CHECKING:
    from openem_nb import units
    from openem_nb.oscem import instruments, model
    from openem_nb.oscem._extract import extract
    from openem_nb.oscem.answers import read_answers
    from openem_nb.oscem.drafts import Draft, is_draft, read_draft, write_draft
    from openem_nb.oscem.export import datacite_missing, to_datacite, to_rocrate
    from openem_nb.oscem.extraction import Extraction, Missing
    from openem_nb.oscem.provenance import Provenance
    from openem_nb.oscem.readers import Finding

_MEMBERS: Final = {
    "Draft": "openem_nb.oscem.drafts",
    "Extraction": "openem_nb.oscem.extraction",
    "Finding": "openem_nb.oscem.readers",
    "Missing": "openem_nb.oscem.extraction",
    "Provenance": "openem_nb.oscem.provenance",
    "datacite_missing": "openem_nb.oscem.export",
    "extract": "openem_nb.oscem._extract",
    "is_draft": "openem_nb.oscem.drafts",
    "read_answers": "openem_nb.oscem.answers",
    "read_draft": "openem_nb.oscem.drafts",
    "to_datacite": "openem_nb.oscem.export",
    "to_rocrate": "openem_nb.oscem.export",
    "write_draft": "openem_nb.oscem.drafts",
}
_MODULES: Final = {
    "instruments": "openem_nb.oscem.instruments",
    "model": "openem_nb.oscem.model",
    "units": "openem_nb.units",
}

__all__ = [
    "TECHNIQUES",
    "Change",
    "Draft",
    "Extraction",
    "FieldInfo",
    "Finding",
    "Missing",
    "Problem",
    "Provenance",
    "Upgraded",
    "check",
    "context",
    "datacite_missing",
    "diff",
    "doubts",
    "extract",
    "fields",
    "get_at",
    "instruments",
    "is_draft",
    "json_schema",
    "model",
    "paths",
    "read",
    "read_answers",
    "read_draft",
    "set_at",
    "technique_of",
    "to_datacite",
    "to_rocrate",
    "units",
    "upgrade",
    "validate",
    "write",
    "write_draft",
]


def __getattr__(name: str) -> Any:
    """Load a module or a member on first use (PEP 562)."""
    if name in _MEMBERS:
        found: Any = getattr(import_module(_MEMBERS[name]), name)
    elif name in _MODULES:
        found = import_module(_MODULES[name])
    else:
        raise AttributeError(f"module 'openem_nb.oscem' has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
