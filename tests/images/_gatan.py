"""The writer of DM3 and DM4 files is that of the practice micrographs."""

from __future__ import annotations

from openem_nb.practice.micrographs._gatan import dm

__all__ = ["dm"]
