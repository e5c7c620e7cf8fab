"""Documents in files: valid ones as they are, others as drafts, which say that they are drafts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from openem_nb import oscem
from openem_nb.settings import write_whole

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_any", "write_any"]


def read_any(path: Path) -> tuple[dict[str, Any], str]:
    """Return the document in a file (of a draft, what is in it), and the Python that reads it."""
    found, code = oscem.read(path), f"oscem.read({str(path)!r})"
    if oscem.is_draft(found):
        return found["draft"], f"oscem.read_draft({str(path)!r}).document"
    return found, code


def write_any(
    document: dict[str, Any], path: Path, *, technique: str | None, draft: bool = False
) -> None:
    """Write a document.

    Parameters
    ----------
    technique :
        The schema that it has to follow; None for free metadata, which are written as they are.
    draft :
        Write it in a frame that says it is a draft, with what is wrong, instead of refusing it.

    Raises
    ------
    InvalidMetadata
        If it is not valid and no draft; nothing is written then.
    CannotWrite
        If the folder is read-only or full.
    """
    if technique is not None and not draft:
        oscem.write(document, path, technique=technique)
        return
    if technique is not None:
        oscem.write_draft(document, path, technique=technique)
        return
    write_whole(path, json.dumps(document, ensure_ascii=False, indent=2) + "\n")
