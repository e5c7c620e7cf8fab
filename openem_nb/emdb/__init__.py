"""EMDB, the archive of electron-microscopy maps: search, entries, files.

    >>> from openem_nb import emdb
    >>> hits = emdb.search(emdb.query("TRPM8", resolution=(None, 3.0), raw_data=True))
    >>> emdb.entry("EMD-74041").grants

Search queries are Lucene in EMDB's own field names (see :func:`query`); entries are frozen values
with units (:class:`Entry`), read tolerantly but never guessed.
"""

from __future__ import annotations

from openem_nb._records import Citation, Grant
from openem_nb.emdb._fetch import entries, entry, fetch
from openem_nb.emdb._files import KINDS, download
from openem_nb.emdb._lucene import METHODS, check, query
from openem_nb.emdb._reading import parse
from openem_nb.emdb._search import DEFAULT_FIELDS, count, search
from openem_nb.emdb.identifiers import normalise_id
from openem_nb.emdb.records import Batch, Entries, Entry, EntryFile, Organism

__all__ = [
    "DEFAULT_FIELDS",
    "KINDS",
    "METHODS",
    "Batch",
    "Citation",
    "Entries",
    "Entry",
    "EntryFile",
    "Grant",
    "Organism",
    "check",
    "count",
    "download",
    "entries",
    "entry",
    "fetch",
    "normalise_id",
    "parse",
    "query",
    "search",
]
