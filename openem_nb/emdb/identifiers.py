"""Spelling of EMDB identifiers."""

from __future__ import annotations

from openem_nb._records import emdb_id as normalise_id

__all__ = ["normalise_id"]
