"""Moving files: downloads that resume and check, plans of them, and what a file server has.

    >>> from openem_nb import transfer
    >>> transfer.download(url, Path("emd_1000.map.gz"))

A file has its final name only once it is whole. Until then it is ``NAME.part``, which a later call
continues.
"""

from __future__ import annotations

from openem_nb.transfer._disk import free_space
from openem_nb.transfer._download import Item, download, download_all
from openem_nb.transfer._listing import Listed, listing, look, walk
from openem_nb.transfer.plans import Plan

__all__ = [
    "Item",
    "Listed",
    "Plan",
    "download",
    "download_all",
    "free_space",
    "listing",
    "look",
    "walk",
]
