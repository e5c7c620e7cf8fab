"""Where values come from, in words for the details of a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openem_nb.oscem.provenance import Provenance

__all__ = ["origins"]


def origins(provenance: Mapping[str, Provenance]) -> dict[str, list[tuple[str, str]]]:
    """Return name and text of all that is known of each value's origin, by its path."""
    return {path: list(_words(one)) for path, one in provenance.items()}


def _words(one: Provenance) -> list[tuple[str, str]]:
    pairs: list[tuple[str, Any]] = [
        ("Where from", f"{one.source} {one.kind}".strip()),
        ("File", one.file),
        ("Tag", one.tag),
        ("Rule", one.rule),
    ]
    if one.total > 1:
        pairs.append(("Agree", f"{one.agreed:,} of {one.total:,} that say anything"))
    if one.low is not None and one.high is not None and one.low != one.high:
        pairs.append(("Range", f"{one.low:.10g} to {one.high:.10g} {one.unit}".strip()))
    if one.others:
        pairs.append(("Other values", ", ".join(one.others)))
    return [(name, str(text)) for name, text in pairs if text]
