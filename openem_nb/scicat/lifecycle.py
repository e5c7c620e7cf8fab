"""Where a data set's files are, and what can be done with them, in words.

The dates that a lifecycle carries (``publishedOn``, ``dateOfDiskPurging`` and their kin) are not
read: the server fills them with the moment it was started, so they are no evidence of anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from openem_nb.scicat._documents import LifecycleDocument

__all__ = ["STATES", "Lifecycle"]

STATES: Final = ("on disk", "on tape", "being archived", "not there yet", "failed", "unclear")
"""What :attr:`Lifecycle.state` can be."""

_COMING: Final = frozenset({"filesNotYetAvailable", "filesNotReadyYet"})
_ARCHIVING: Final = frozenset({"scheduledForArchiving", "started", "inProgress"})
_FAILED: Final = {
    "missingFilesError": "files were missing",
    "scheduleArchiveJobFailed": "the archive job could not be started",
    "missingKeyError": "a key was missing",
    "origDatablocksNotYetAvailable": "the list of files was missing",
}
_RETRIEVALS: Final = {
    "started": "being brought back from tape now",
    "datasetRetrieved": "brought back from tape before",
    "datasetReceived": "brought back from tape before",
    "datasetRetrievalFailed": "the last retrieval failed",
}


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """What the catalogue says about the files of a data set."""

    archivable: bool
    """Can be sent to tape."""
    retrievable: bool
    """Is on tape and can be asked for. A snapshot: the service decides when it is asked."""
    on_disk: bool
    """Is on the facility's disk, by the catalogue's word."""
    location: str
    """Whose archive is meant: ``PSI`` or ``ETHZ``; what names none is in the instance's own."""
    archive_status: str = ""
    """What the archive said last, in its own word: ``datasetOnArchiveDisk``."""
    retrieve_status: str = ""
    """What became of the last retrieval, in the archive's own word: ``datasetRetrieved``."""

    @classmethod
    def of(cls, document: LifecycleDocument, storage: str) -> Lifecycle:
        """Return the lifecycle of a document; ``storage`` is the archive of an unset location."""
        return cls(
            archivable=document.archivable,
            retrievable=document.retrievable,
            on_disk=document.isOnCentralDisk,
            location=document.storageLocation or storage,
            archive_status=document.archiveStatusMessage,
            retrieve_status=document.retrieveStatusMessage,
        )

    @property
    def state(self) -> str:
        """One of :data:`STATES`."""
        if self.retrievable:
            return "on tape"
        if self.archive_status in _FAILED:
            return "failed"
        if self.archive_status in _COMING:
            return "not there yet"
        if self.archivable:
            return "on disk"
        return "being archived" if self.archive_status in _ARCHIVING else "unclear"

    @property
    def words(self) -> str:
        """Where the files are, in a few words: ``on tape at ETHZ, can be retrieved``."""
        match self.state:
            case "on tape":
                place = f"on tape at {self.location}, can be retrieved"
            case "failed":
                place = f"archiving failed: {_FAILED[self.archive_status]}"
            case "not there yet":
                place = "files are still being copied to the facility"
            case "on disk":
                place = "on disk, not archived"
            case "being archived":
                place = f"being archived at {self.location}"
            case _:
                place = "in progress, or not available"
        more = _RETRIEVALS.get(self.retrieve_status, "")
        return f"{place}; {more}" if more else place
