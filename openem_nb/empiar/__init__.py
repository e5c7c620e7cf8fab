"""EMPIAR, the archive of raw electron-microscopy images: entries, their files, downloads.

>>> from openem_nb import empiar
>>> empiar.for_emdb(["EMD-12602"])
>>> empiar.entry("EMPIAR-10943").imagesets
"""

from __future__ import annotations

from openem_nb._records import Citation, Grant
from openem_nb.empiar._entries import entries, entry, for_emdb, pages, search
from openem_nb.empiar._files import download, files
from openem_nb.empiar._plan import Plan
from openem_nb.empiar._reading import parse
from openem_nb.empiar.identifiers import normalise_id
from openem_nb.empiar.records import Entries, Entry, ImageSet, Page

__all__ = [
    "Citation",
    "Entries",
    "Entry",
    "Grant",
    "ImageSet",
    "Page",
    "Plan",
    "download",
    "entries",
    "entry",
    "files",
    "for_emdb",
    "normalise_id",
    "pages",
    "parse",
    "search",
]
