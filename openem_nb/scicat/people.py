"""Logging in and out: by password, by a pasted token, or with the token of an identity provider.

SciCat hands out a token that lives about an hour and cannot be prolonged or withdrawn. It is kept
as :mod:`openem_nb.tokens` keeps all tokens; the password is kept nowhere.
"""

from __future__ import annotations

import time
import warnings
from getpass import GetPassWarning, getpass
from typing import Any, Final

from openem_nb import tokens
from openem_nb.errors import (
    BadAnswer,
    InvalidInput,
    NotAllowed,
    NotFound,
    NotLoggedIn,
    OpenEMError,
    RateLimited,
    Unreachable,
)
from openem_nb.scicat._problems import bare
from openem_nb.scicat.connection import Connection, Identity, connection
from openem_nb.tokens import Secret

__all__ = ["identity", "login", "login_oidc", "login_token", "login_with", "logout"]

_ATTEMPTS: Final = 4
"""How often an identity token is shown to a service that asks for a pause."""
_PAUSE: Final = 1.1
"""Seconds between these: the service takes one a second."""


def login(profile: str | None = None, *, username: str | None = None) -> Identity:
    """Log in, asking for the token or the password in a field that does not show it.

    Parameters
    ----------
    profile :
        The instance; the active profile if None.
    username :
        Log in with this name and its password. None asks for a token: in the web interface of
        the instance, choose your name, *Settings*, and copy the "SciCat Token".

    Returns
    -------
    Identity
        Who you are there, with groups, and until when.

    Raises
    ------
    NotLoggedIn, TokenExpired
        If password or token is not accepted.
    NotAllowed
        If the instance takes no passwords from here.

    Examples
    --------
    >>> openem.login(username="ada")
    >>> openem.login("psi")
    """
    here = connection(profile)
    name = here.profile.name
    if username is not None:
        return login_with(username, Secret(_typed(f"Password of {username} at {name}: ")), profile)
    page = here.profile.scicat_site
    where = f" (from the user settings at {page})" if page else ""
    return login_token(Secret(_typed(f"SciCat token of {name}{where}: ").strip()), profile)


def _typed(question: str) -> str:
    """Return what a person types without showing it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", GetPassWarning)
            return getpass(question)
    except (EOFError, GetPassWarning, NotImplementedError):  # the last: a kernel without a person
        raise InvalidInput(
            "Nobody is here to be asked for a password or token.",
            hint="Programs read the token from an environment variable: OPENEM_TOKEN_ with the "
            "profile's name in capitals.",
        ) from None


def login_token(token: Secret, profile: str | None = None) -> Identity:
    """Check and keep a token that somebody pasted.

    Raises
    ------
    InvalidInput, NotLoggedIn, TokenExpired
        If it is no token, or no good at this instance; what was stored before is kept then.
    """
    here = connection(profile)
    if len(tokens.claims(token)) == 0:
        raise InvalidInput(
            "This is not a SciCat token.",
            hint="Paste it whole: three parts with dots between them, beginning with eyJ.",
        )
    return _keep(here, token)


def login_with(username: str, password: Secret, profile: str | None = None) -> Identity:
    """Log in with a name and a password that is held as a secret (for panels and scripts).

    Accounts of the instance itself are tried first, then those of the facility's directory.

    Raises
    ------
    NotLoggedIn
        If neither knows this name and password.
    NotAllowed
        If the instance takes no passwords from here.
    """
    if not username.strip():
        raise InvalidInput("The user name is empty.", hint="Type the name of your account.")
    here = connection(profile)
    asking = Connection(here.profile, anonymous=True)
    for route in ("auth/login", "auth/ldap"):
        token: Secret | None = None
        problem: OpenEMError | None = None
        try:
            token = _token_of(
                asking.send(
                    "POST", route, {"username": username.strip(), "password": password.reveal()}
                )
            )
        except NotFound:  # an instance without a directory
            continue
        except OpenEMError as error:
            problem = _log_in_problem(error, here, route)
        if token is not None:
            return _keep(here, token)
        if problem is not None:
            raise bare(problem)  # out here: the context above holds the password
    raise NotLoggedIn(
        f"{here.profile.name} does not know this name and password.",
        hint=f"Type them again. {here.profile.log_in_help} {_paste_hint(here)}",
    )


def _log_in_problem(error: OpenEMError, here: Connection, route: str) -> OpenEMError | None:
    """Return what to tell the person; None where the next way to log in is worth a try."""
    name = here.profile.name
    if error.status == 401:
        return None
    if route == "auth/ldap" and error.status == 500:  # its answer where no directory is set up
        return None
    if error.status == 403:
        return NotAllowed(
            f"{name} takes passwords only from inside its own network.", hint=_paste_hint(here)
        )
    if isinstance(error, Unreachable | BadAnswer):
        return error
    return NotLoggedIn(f"{name} refuses the log-in: {error.said or error}", hint=_paste_hint(here))


def _paste_hint(here: Connection) -> str:
    page = here.profile.scicat_site or "the web interface"
    return (
        f"Log in at {page}, choose Settings under your name, copy the SciCat token and paste it "
        f'after openem.login("{here.profile.name}").'
    )


def login_oidc(id_token: Secret, profile: str | None = None) -> Identity:
    """Exchange a token of the facility's identity provider for one of SciCat.

    The service takes one such request a second; when it asks for a pause, it gets it.

    Raises
    ------
    InvalidInput
        If the instance does not offer this.
    NotLoggedIn
        If it does not accept the token.
    RateLimited
        If it is still busy after some attempts.
    """
    here = connection(profile)
    asking = Connection(here.profile, anonymous=True)
    name = here.profile.name
    for left in reversed(range(_ATTEMPTS)):
        token: Secret | None = None
        problem: OpenEMError
        try:
            token = _token_of(
                asking.send("POST", "auth/oidc/token", {"idToken": id_token.reveal()})
            )
        except (RateLimited, Unreachable, BadAnswer) as error:
            problem = error
        except NotFound:
            problem = InvalidInput(
                f"{name} does not exchange tokens of an identity provider.", hint=_paste_hint(here)
            )
        except OpenEMError as error:
            problem = NotLoggedIn(
                f"{name} refuses the token: {error.said or error}", hint=_paste_hint(here)
            )
        if token is not None:
            return _keep(here, token)
        if left == 0 or not isinstance(problem, RateLimited):
            raise bare(problem)  # out here: the context above holds the identity token
        time.sleep(problem.retry_after or _PAUSE)
    raise AssertionError("the last attempt returns or raises")


def logout(profile: str | None = None) -> str:
    """Forget the stored token and tell the service; return what that means, in words.

    SciCat cannot withdraw a token: whoever has a copy of it can use it until it runs out.
    """
    here = connection(profile)
    name = here.profile.name
    token = tokens.find(name)
    if token is None:
        return f"Nobody was logged in to {name}."
    end = tokens.expires(token)
    told = True
    try:
        here.send("POST", "auth/logout")
    except OpenEMError:  # an expired token, or no connection: forgetting it is what counts
        told = False
    tokens.forget(name)
    left = f"until {end:%Y-%m-%d %H:%M} UTC" if end else "for a time that is not known"
    words = f"Logged out of {name}. The service cannot withdraw a token: a copy works {left}."
    if not told:
        words += " The service could not be told."
    if tokens.find(name) is not None:
        words += " An environment variable still holds a token; unset it to be logged out."
    return words


def identity(profile: str | None = None) -> Identity | None:
    """Return who is logged in to an instance, with groups and end; None if nobody is.

    Groups are those of the last log-in: a new membership counts after the next one.

    Raises
    ------
    TokenExpired, NotLoggedIn
        If a token is stored that is no good any more.
    """
    return connection(profile).identity()


def _keep(here: Connection, token: Secret) -> Identity:
    found = here.check(token)
    tokens.save(here.profile.name, token.reveal())
    return found


def _token_of(answer: Any) -> Secret:
    """Return the token of a log-in, by its new name or by that of older servers."""
    if isinstance(answer, dict):
        for key in ("access_token", "id"):
            if isinstance(answer.get(key), str) and answer[key]:
                return Secret(answer[key])
    raise BadAnswer("The service accepted the log-in but gave no token.", hint="Try again later.")
