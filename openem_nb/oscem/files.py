"""Documents in files: JSON that is read without guessing and written whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, NoReturn

from openem_nb._folders import write_whole
from openem_nb.errors import InvalidMetadata, NotFound
from openem_nb.oscem.check import check

__all__ = ["read", "write"]

_LARGEST: Final = 100_000_000
_HINT: Final = "An OSC-EM document is a JSON file with one object in it."


class _Refused(ValueError):
    """Something that JSON readers take and the standard does not."""


def read(path: Path | str) -> dict[str, Any]:
    """Return the document in a JSON file, as it stands there; valid OSC-EM or not.

    Raises
    ------
    NotFound
        If there is no such file.
    InvalidMetadata
        If it cannot be read as one JSON object: broken off, with a key twice in one object, with
        ``NaN`` or ``Infinity``, in another encoding than UTF-8, or far too large. The message says
        where.
    """
    file = Path(path)
    try:
        size = file.stat().st_size
        if size > _LARGEST:
            raise InvalidMetadata(f"{file} has {size:,} bytes: too large for metadata.", hint=_HINT)
        content = file.read_bytes()
    except FileNotFoundError as error:
        raise NotFound(f"There is no file {file}.", hint="Check its name.") from error
    except OSError as error:
        raise InvalidMetadata(
            f"{file} cannot be read: {error.strerror or error}.", hint=_HINT
        ) from error
    try:
        text = content.decode("utf-8-sig")
        document = json.loads(text, parse_constant=_no_number, object_pairs_hook=_once)
    except UnicodeDecodeError as error:
        wrong = f"byte {error.start:,} is not UTF-8"
        raise InvalidMetadata(f"{file} is no JSON file: {wrong}.", hint=_HINT) from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        wrong = "it is empty" if not text.strip() else f"{error.msg} at {where}"
        raise InvalidMetadata(f"{file} is no JSON file: {wrong}.", hint=_HINT) from error
    except RecursionError as error:
        raise InvalidMetadata(f"{file} is nested far too deeply.", hint=_HINT) from error
    except ValueError as error:  # what is refused here, and numbers of thousands of digits
        raise InvalidMetadata(f"{file} cannot be used: {error}.", hint=_HINT) from error
    if not isinstance(document, dict):
        raise InvalidMetadata(f"{file} holds no object.", hint=_HINT)
    return document


def _no_number(name: str) -> NoReturn:
    raise _Refused(f"{name} is not a number that JSON knows")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise _Refused(f"the key {twice[:60]!r} stands twice in one object")
    return found


def write(document: dict[str, Any], path: Path | str, *, technique: str | None = None) -> None:
    """Write a valid document to a JSON file, which is there whole or not at all.

    Raises
    ------
    InvalidMetadata
        If the document is not valid; nothing is written then.
    CannotWrite
        If the folder is read-only or full.
    """
    check(document, technique=technique)
    write_whole(
        Path(path), json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    )
