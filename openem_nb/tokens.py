"""The tokens of this user, held so that they cannot leak.

A token comes from the environment (``OPENEM_TOKEN_<SERVICE>``), from a file that only its owner
can read (below the configuration folder, or named by ``OPENEM_TOKEN_FILE`` for the active profile),
or from the system keyring where one is installed. It is never a parameter of a notebook, never in
a log, a URL or a cache. An environment variable is handed on to every program that is started, the
kernels and workers of this package among them: the file is the more private place.
"""

from __future__ import annotations

import base64
import json
import os
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from openem_nb.errors import CannotWrite, InvalidInput
from openem_nb.settings import folders, profile, profiles, write_whole

__all__ = ["Secret", "claims", "expires", "find", "forget", "save"]


class Secret:
    """A text that must not leak: it cannot be printed, formatted, pickled or copied."""

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = text

    def reveal(self) -> str:
        """Return the text itself, for the request that needs it."""
        return self.__text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied")


def _token_file(service: str) -> Path:
    named = _named_token_file(service)
    return Path(named).expanduser() if named else folders().config / "tokens" / service


def _named_token_file(service: str) -> str | None:
    # It holds one token, which must never be sent to another service than its own.
    return os.environ.get("OPENEM_TOKEN_FILE") if service == profile().name else None


def _readable(text: str, where: str) -> str:
    """Return a token without the blanks around it.

    What cannot be one must not reach a request, where the error would show it.
    """
    text = text.strip()
    if not all("!" <= character <= "~" for character in text):
        raise InvalidInput(
            f"{where} holds no token: there are blanks or letters with accents in it.",
            hint="Save the token again, whole and without anything else.",
        )
    return text


def _keyring() -> Any | None:
    try:
        import keyring
        from keyring.backends.fail import Keyring
    except ImportError:
        return None
    return None if isinstance(keyring.get_keyring(), Keyring) else keyring


def find(service: str) -> Secret | None:
    """Return this user's token for a service (a profile name, ``onedep``, ``empiar``), or None.

    Looked for in ``OPENEM_TOKEN_<SERVICE>``, then the token file, then the system keyring.

    Raises
    ------
    InvalidInput
        If what is stored is no token, or its file can be read by others; the hint says what to do.
    """
    variable = "OPENEM_TOKEN_" + service.upper().replace("-", "_")
    text = _readable(os.environ.get(variable, ""), variable)
    if text:
        return Secret(text)
    path = _token_file(service)
    if path.is_file():
        if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise InvalidInput(
                f"The token file {path} can be read by others.", hint=f"Run: chmod 600 {path}"
            )
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise InvalidInput(
                f"The token file {path} cannot be read: {error.strerror or error}.",
                hint="It must belong to you and have mode 600.",
            ) from error
        text = _readable(text, f"The token file {path}")
        return Secret(text) if text else None
    ring = _keyring()
    text = _readable(ring.get_password("openem", service) or "", "The keyring") if ring else ""
    return Secret(text) if text else None


def save(service: str, text: str) -> None:
    """Keep a token: in the system keyring where there is one, else in a file of mode 0600.

    Raises
    ------
    InvalidInput
        If there is no such service (a profile, ``onedep`` or ``empiar``), or the text is no token.
    CannotWrite
        If it cannot be kept.
    """
    known = [*profiles(), "onedep", "empiar"]
    if service not in known:
        raise InvalidInput(
            f"There is no service named {service!r}.", hint=f"Choose one of {', '.join(known)}."
        )
    text = _readable(text, "What was typed")
    if not text:
        raise InvalidInput("This is not a token: it is empty.", hint="Paste it again, whole.")
    ring = None if _named_token_file(service) else _keyring()
    if ring:
        ring.set_password("openem", service, text)
        return
    path = _token_file(service)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise CannotWrite(
            f"The folder {path.parent} cannot be made: {error.strerror or error}.",
            hint="Set OPENEM_HOME to a folder where you may write.",
        ) from error
    write_whole(path, text + "\n", private=True)


def forget(service: str) -> None:
    """Remove the stored token of a service, if there is one."""
    _token_file(service).unlink(missing_ok=True)
    ring = _keyring()
    if ring and ring.get_password("openem", service):
        ring.delete_password("openem", service)


def claims(token: Secret) -> dict[str, Any]:
    """Return what a JSON Web Token says of itself (RFC 7519); empty if it is no such token.

    Nothing is checked: what it says holds only if the service accepts the token.
    """
    parts = token.reveal().split(".")
    if len(parts) != 3:
        return {}
    try:
        body = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def expires(token: Secret) -> datetime | None:
    """Return when a token runs out by its own word; None if it does not say so."""
    moment: Any = claims(token).get("exp")
    try:
        return datetime.fromtimestamp(moment, UTC)
    except (TypeError, ValueError, OverflowError, OSError):  # there is none, or it is no time
        return None
