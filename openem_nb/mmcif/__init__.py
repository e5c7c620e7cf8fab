"""OSC-EM documents as PDBx/mmCIF for the repositories, and back."""

from __future__ import annotations

from openem_nb.mmcif._dictionary import dictionary_version
from openem_nb.mmcif._mapping import mapping
from openem_nb.mmcif.deposition import Conflict, Deposition, Question
from openem_nb.mmcif.write import to_mmcif

__all__ = ["Conflict", "Deposition", "Question", "dictionary_version", "mapping", "to_mmcif"]
