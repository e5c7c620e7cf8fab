"""Errors of a SciCat instance in words that a person can do something about."""

from __future__ import annotations

from typing import TypeVar

from openem_nb.errors import InvalidInput, NotAllowed, NotLoggedIn, OpenEMError, TokenExpired

__all__ = ["bare", "expired", "in_words"]

E = TypeVar("E", bound=BaseException)


def bare(error: E) -> E:
    """Return an error without the frames and causes that hold the request with its token."""
    error.__cause__ = error.__context__ = None
    error.__suppress_context__ = True
    return error.with_traceback(None)


def expired(profile: str, when: str = "") -> TokenExpired:
    """Return the error that says that a log-in has run out, ``when`` in words."""
    return TokenExpired(
        f"Your log-in to {profile} ran out{when}.",
        hint=f'Log in again with openem.login("{profile}"), or forget it with '
        f'openem.logout("{profile}") to see public data only.',
    )


def in_words(error: OpenEMError, profile: str, *, token: bool, who: str) -> OpenEMError:
    """Return the error that stands for what the service said.

    Parameters
    ----------
    token :
        Whether a token was sent.
    who :
        Whose it is, with the groups that count; empty where that is not known.
    """
    if error.status == 401 and (token or error.said == "SESSION_EXPIRED"):
        found: OpenEMError = expired(profile)
    elif error.status == 403 and not token:
        found = NotLoggedIn(
            f"{profile} shows or does this only to those who are logged in.",
            hint=f'Log in with openem.login("{profile}").',
        )
    elif error.status == 403:
        said = f": {error.said}" if error.said else "."
        you = f"You are {who}. " if who else ""
        found = NotAllowed(
            f"{profile} does not allow this{said}",
            hint=f"{you}Ask the owner of the data; a new group counts after the next log-in.",
        )
    elif error.status in (413, 431):
        found = InvalidInput(
            f"The request is too large for {profile} (status {error.status}).",
            hint="Send less at a time.",
        )
    else:
        return error
    found.status, found.said, found.retry_after = error.status, error.said, error.retry_after
    return found
