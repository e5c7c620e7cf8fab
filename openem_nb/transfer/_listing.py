"""What a file server has: folder listings as web servers write them (Apache's mod_autoindex)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urljoin

from openem_nb import http
from openem_nb.errors import BadAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openem_nb.jobs import Progress

__all__ = ["Listed", "listing", "look", "walk"]

_TIMEOUT: Final = 180.0
"""Seconds to wait for a listing: a folder with 20,000 files takes the server minutes."""

_MODIFIED = re.compile(
    r"\b([0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{2}-[A-Z][a-z]{2}-[0-9]{4})"
    r" +([0-9]{2}:[0-9]{2})(?::[0-9]{2})?"
)
_SIZE = re.compile(r"\s+([0-9]+)(\.[0-9]+)?([KMGTP]?)(?![\w.])")
_POWERS: Final = " KMGTP"


@dataclass(frozen=True, slots=True)
class Listed:
    """One file or folder on the server."""

    path: str
    """Relative to where the listing began; folders end with a slash."""
    url: str
    size: int | None = None
    """Bytes; None where the server states none."""
    uncertainty: int = 0
    """The size may be so many bytes larger or smaller: servers round to three digits (``1.2M``)."""
    modified: datetime | None = None
    """Local time of the server, to the minute."""

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.path.endswith("/")

    @property
    def rounded(self) -> bool:
        """Whether the size is not exact."""
        return self.uncertainty > 0


class _Anchors(HTMLParser):
    """Collects links, each with the text up to the next one."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, list[str]]] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found.append((dict(attrs).get("href") or "", []))
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._inside = False

    def handle_data(self, data: str) -> None:
        # The text of the link itself is the name, cut off after some letters: of no use.
        if self.found and not self._inside:
            self.found[-1][1].append(data)


def listing(url: str, *, progress: Progress | None = None) -> list[Listed]:
    """Return the files and folders that a server lists at ``url``.

    Links that sort the list, lead up or lead elsewhere are left out.

    Raises
    ------
    NotFound
        If there is no such folder.
    BadAnswer
        If the answer is not a list of files.
    """
    url = url.rstrip("/") + "/"
    text = http.session().text(url, timeout=_TIMEOUT, progress=progress)
    if "index of" not in text.lower():
        raise BadAnswer(
            f"{url} is not a list of files.", hint="The server may be in maintenance; try later."
        )
    parser = _Anchors()
    parser.feed(text)
    parser.close()
    found: dict[str, Listed] = {}
    for link, after in parser.found:
        name = _name(link, url)
        if name is None or name in found:
            continue
        facts = " " + " ".join(after)
        size, uncertainty = (None, 0) if name.endswith("/") else _size(facts)
        found[name] = Listed(name, urljoin(url, link), size, uncertainty, _modified(facts))
    return list(found.values())


def look(url: str, path: str, *, progress: Progress | None = None) -> Listed:
    """Return one file with the size that the server states, and fetch nothing of it.

    Raises
    ------
    NotFound
        If there is no such file.
    BadAnswer
        If a web page answers in place of the file.
    """
    with http.session().request(
        "HEAD",
        url,
        headers={"Accept-Encoding": "identity"},  # the size of the file, not of a packed copy
        expect=(200, 405, 501),  # the latter where a server knows no HEAD
        progress=progress,
    ) as answer:
        if answer.status != 200:
            return Listed(path, url)
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            raise BadAnswer(
                f"{url} answered with a web page in place of the file.",
                hint="The server may be in maintenance; try again later.",
            )
        length = answer.headers.get("Content-Length", "")
        packed = "Content-Encoding" in answer.headers
        return Listed(path, url, int(length) if length.isdecimal() and not packed else None)


def walk(url: str, *, deepest: int = 16, progress: Progress | None = None) -> Iterator[Listed]:
    """Yield all files below ``url``, folder by folder, in the order of the server.

    Raises
    ------
    NotFound
        If there is no such folder.
    BadAnswer
        If a listing cannot be read, or folders are nested deeper than ``deepest``, which means that
        a link leads back up.
    """
    waiting = [("", url)]
    while waiting:
        folder, address = waiting.pop()
        if folder.count("/") > deepest:
            raise BadAnswer(
                f"Folders at {url} are nested more than {deepest} deep: {folder}",
                hint="A link on the server leads in a circle; download single folders.",
            )
        if progress is not None:
            progress.check()
            progress.update(message=f"Listing {folder or url}")
        below = []
        for item in listing(address, progress=progress):
            path = folder + item.path
            if item.is_folder:
                below.append((path, item.url))
            else:
                yield Listed(path, item.url, item.size, item.uncertainty, item.modified)
        waiting += reversed(below)


def _name(link: str, folder: str) -> str | None:
    """Return the name that a link stands for, if it is one file or folder right here."""
    address = urljoin(folder, link)
    if not address.startswith(folder) or "?" in address or "#" in address:
        return None
    name = unquote(address.removeprefix(folder))
    plain = name.removesuffix("/")
    # The name becomes part of a path on this machine: nothing that could lead elsewhere.
    if plain in ("", ".", "..") or any(sign in plain for sign in "/\\\0\n"):
        return None
    return name


def _modified(text: str) -> datetime | None:
    found = _MODIFIED.search(text)
    if not found:
        return None
    style = "%Y-%m-%d %H:%M" if found[1][:4].isdecimal() else "%d-%b-%Y %H:%M"
    try:
        return datetime.strptime(f"{found[1]} {found[2]}", style)  # noqa: DTZ007  (the server states no zone)
    except ValueError:
        return None


def _size(text: str) -> tuple[int | None, int]:
    """Return bytes and half a unit of the last digit; servers count 1024 bytes to the K."""
    when = _MODIFIED.search(text)
    found = _SIZE.match(text, when.end() if when else 0)
    if not found:
        return None, 0
    unit = 1024 ** _POWERS.index(found[3] or " ")
    size = round(float(found[1] + (found[2] or "")) * unit)
    return size, 0 if unit == 1 else (unit // 20 if found[2] else unit // 2) + 1
