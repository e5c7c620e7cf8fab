"""Images that are not on this machine: files of EMPIAR, and members of tars in an object store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from openem_nb.images import open_image

if TYPE_CHECKING:
    from openem_nb.images import Micrograph
    from openem_nb.jobs import Progress
    from openem_nb.scicat.access import OpenTar

__all__ = ["AtAddress", "InTar"]


@dataclass(frozen=True, slots=True)
class AtAddress:
    """A file that anybody may fetch."""

    address: str

    @property
    def text(self) -> str:
        """The address."""
        return self.address

    def open(self, name: str, *, progress: Progress | None = None) -> Micrograph:
        """Read its header in one request."""
        return open_image(self.address, name=name, progress=progress)


@dataclass(frozen=True, slots=True)
class InTar:
    """A file in a tar that was read from tape."""

    tar: OpenTar
    member: str
    """Its name in the tar."""

    @property
    def text(self) -> str:
        """Data set and path: no address, because that would open the file for anybody."""
        return f"{self.tar.profile}:{self.tar.pid}/{self.member}"

    def open(self, name: str, *, progress: Progress | None = None) -> Micrograph:
        """Find it by the headers of the tar, and read its own."""
        found = open_image(self.tar.address(), member=self.member, progress=progress)
        found.name = name
        return found
