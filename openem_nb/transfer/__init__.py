"""Moving files: downloads that resume and check, archives that become files while they arrive.

    >>> from openem_nb import transfer
    >>> transfer.download(url, Path("emd_1000.map.gz"))
    >>> with transfer.Manifest(folder / transfer.MANIFEST) as manifest:
    ...     transfer.unpack([transfer.Archive(url, folder, "block-1.tar")], manifest=manifest)

A file has its final name only once it is whole. Until then it is ``NAME.part``, or lies in
``.openem-partial`` if it comes out of an archive; a later call continues it.
"""

from __future__ import annotations

from openem_nb.transfer._checksum import Checksum
from openem_nb.transfer._disk import free_space, need_room
from openem_nb.transfer._download import Item, download, download_all
from openem_nb.transfer._listing import Listed, listing, look, walk
from openem_nb.transfer._source import Patience
from openem_nb.transfer.archives import Archive, Member, Unpacked, unpack
from openem_nb.transfer.manifest import MANIFEST, Manifest, Verification, Verified
from openem_nb.transfer.plans import Plan

__all__ = [
    "MANIFEST",
    "Archive",
    "Checksum",
    "Item",
    "Listed",
    "Manifest",
    "Member",
    "Patience",
    "Plan",
    "Unpacked",
    "Verification",
    "Verified",
    "download",
    "download_all",
    "free_space",
    "listing",
    "look",
    "need_room",
    "unpack",
    "walk",
]
