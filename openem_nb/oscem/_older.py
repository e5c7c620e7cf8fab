"""Names and forms of OSC-EM before 1.0, as far as documents with them are still around.

Sources: the history of the schemas from 2024-08 to 2025-11, and the output of the programs that
followed them. The last member of a way is the older name; ``[]`` stands for each place of a list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MOVED", "RENAMED", "UNCLEAR"]

RENAMED: Final[Mapping[tuple[str, ...], Mapping[str, str]]] = {
    (): {"organisational": "organizational"},
    ("acquisition",): {
        "datetime": "date_time",
        "temperature_range": "temperature",
        "gainref_fliprotate": "gainref_flip_rotate",
    },
    ("acquisition", "energy_filter"): {"width": "width_energy_filter"},
    ("organizational",): {"author": "authors", "grant": "grants", "funders": "funder"},
    ("organizational", "authors", "[]"): {
        "name": "family_name",
        "last_name": "family_name",
        "first_name": "given_name",
        "work_phone": "telephone",
        "phone": "telephone",
    },
    ("organizational", "grants", "[]"): {"name": "grant_name"},
    ("organizational", "funder", "[]"): {"name": "funder_name"},
    ("sample",): {"molecules": "molecule", "ligand": "ligands"},
    ("sample", "overall_molecule"): {
        "name": "name_sample",
        "type": "molecular_overall_type",
        "molecular_type": "molecular_overall_type",
    },
    ("sample", "molecule", "[]"): {
        "name": "name_mol",
        "type": "molecular_type",
        "class": "molecular_class",
    },
}
"""The name today, by place and older name. Where both are there, the older one stays."""

MOVED: Final[Mapping[str, str]] = {
    "author": "authors",
    "authors": "authors",
    "grant": "grants",
    "grants": "grants",
    "funder": "funder",
    "funders": "funder",
}
"""What once stood at the root and belongs into ``organizational``, with its name there."""

UNCLEAR: Final[frozenset[str]] = frozenset(("calibrated_defocus", "beamshift"))
"""Acquisition's fields whose plain numbers had one unit in the schema and another in files."""
