"""OSC-EM documents as PDBx/mmCIF for the repositories, and back.

>>> import openem_nb as openem
>>> made = openem.to_mmcif(document, "model.cif")  # doctest: +SKIP
>>> made.missing, made.conflicts, made.left_out  # doctest: +SKIP
>>> openem.check_mmcif(made.text).errors  # doctest: +SKIP
>>> openem.from_mmcif("deposition.cif").document  # doctest: +SKIP
>>> openem.coverage("/data/session").summary  # doctest: +SKIP
"""

from __future__ import annotations

from openem_nb.mmcif._collect import Entry, LeftOut
from openem_nb.mmcif._coverage import Coverage, Covered, coverage
from openem_nb.mmcif._dictionary import dictionary_version
from openem_nb.mmcif._mapping import mapping
from openem_nb.mmcif.answers import load_answers, read_answers
from openem_nb.mmcif.check import Check, Message, check_mmcif
from openem_nb.mmcif.deposition import Deposition, Disagreement, Question
from openem_nb.mmcif.read import Restored, from_mmcif
from openem_nb.mmcif.write import to_mmcif

__all__ = [
    "Check",
    "Coverage",
    "Covered",
    "Deposition",
    "Disagreement",
    "Entry",
    "LeftOut",
    "Message",
    "Question",
    "Restored",
    "check_mmcif",
    "coverage",
    "dictionary_version",
    "from_mmcif",
    "load_answers",
    "mapping",
    "read_answers",
    "to_mmcif",
]
