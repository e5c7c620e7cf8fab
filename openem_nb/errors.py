"""One family of errors: each names a situation and says what to do next.

Every error that the package raises on purpose is an :class:`OpenEMError`. The message says what
happened, the ``hint`` what a person can do about it; panels and the console show both. Neither can
move the cursor of a terminal or turn its text, whatever name from outside it repeats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from openem_nb._texts import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "BadAnswer",
    "Cancelled",
    "CannotWrite",
    "ChecksumMismatch",
    "Conflict",
    "DamagedFile",
    "InvalidInput",
    "InvalidMetadata",
    "MisspeltNameWarning",
    "NotAllowed",
    "NotFound",
    "NotLoggedIn",
    "NotOnDisk",
    "OpenEMError",
    "QueryTruncatedWarning",
    "RateLimited",
    "RunFailed",
    "TokenExpired",
    "Unreachable",
]

_NEXT = "What to do: "


class OpenEMError(Exception):
    """Something that a person has to know, with a hint at the next step.

    Parameters
    ----------
    message :
        What happened, in one or two sentences.
    hint :
        What to do next; empty where the message says it all.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(printable(message))
        self.hint = hint
        self.retry_after: float | None = None
        """Seconds after which the service asks to be tried again, where it said so."""
        self.status: int | None = None
        """HTTP status of the answer that this error stands for, where there was one."""
        self.said = ""
        """What the service itself said, without its markup."""

    @property
    def hint(self) -> str:
        """What to do next; a plain script shows it below its traceback, as a note."""
        return self._hint

    @hint.setter
    def hint(self, text: str) -> None:
        self._hint = printable(text)
        notes = [one for one in getattr(self, "__notes__", ()) if not one.startswith(_NEXT)]
        self.__notes__ = [*notes, f"{_NEXT}{self._hint}"] if self._hint else notes

    def _render_traceback_(self) -> list[str]:
        """Show message and hint in place of a traceback in a notebook (an IPython hook)."""
        text = f"{type(self).__name__}: {self}"
        return [text, f"{_NEXT}{self.hint}"] if self.hint else [text]


class InvalidInput(OpenEMError, ValueError):
    """A parameter, query, identifier or date that cannot be used as it stands."""


class InvalidMetadata(OpenEMError, ValueError):
    """A document of metadata that is not what its schema, or the repository, asks for.

    Parameters
    ----------
    message :
        What is wrong: the first problems, in words.
    problems :
        All of them, as the check has found them; empty where there is nothing to list.
    hint :
        What to do next.
    """

    def __init__(self, message: str, *, problems: Sequence[object] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.problems = tuple(problems)


class DamagedFile(OpenEMError, ValueError):
    """A file that is not what it says: cut off, or with a content that makes no sense."""


class NotLoggedIn(OpenEMError):
    """The service wants to know who asks, and nobody is logged in."""


class TokenExpired(NotLoggedIn):
    """The stored token was good once and has run out."""


class NotAllowed(OpenEMError):
    """The service knows who asks and refuses."""


class NotFound(OpenEMError, LookupError):
    """What was asked for does not exist there."""


class Conflict(OpenEMError):
    """It exists already, or somebody else has changed it meanwhile."""


class NotOnDisk(OpenEMError):
    """The files are on tape, or nowhere yet: they have to be asked for first."""


class RateLimited(OpenEMError):
    """The service still asks for a pause after all retries."""


class Unreachable(OpenEMError):
    """No usable connection: nobody answers, the answer breaks off, or the service has a fault."""

    nowhere: bool = False
    """Whether the name of the service is not known here: without a network, or misspelt."""


class BadAnswer(OpenEMError):
    """The service answered with something that cannot be what it promises."""


class ChecksumMismatch(OpenEMError):
    """The bytes that came are not the bytes that were promised."""


class CannotWrite(OpenEMError, OSError):
    """A file or folder cannot be written: read-only, no space, or in use by another process."""


class Cancelled(OpenEMError):
    """The work was cancelled by request; what was whole before is kept."""


class RunFailed(OpenEMError):
    """A notebook run ended with an error.

    Parameters
    ----------
    message :
        What happened.
    cell :
        Number of the cell that failed, counted from 1 over all cells; None if it was not a cell.
    ename, evalue :
        Name and text of the exception as the notebook recorded it.
    hint :
        What to do next.
    """

    def __init__(
        self,
        message: str,
        *,
        cell: int | None = None,
        ename: str = "",
        evalue: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.cell = cell
        self.ename = ename
        self.evalue = evalue


class MisspeltNameWarning(UserWarning):
    """Nothing was found, and a name in the question is nearly one that the catalogue has."""


class QueryTruncatedWarning(UserWarning):
    """The answer holds fewer (or more) rows than the service says exist."""
