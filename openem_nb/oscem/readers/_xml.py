"""XML from outside, read without entities, without the network and within limits."""

from __future__ import annotations

import os
import re
import threading
from typing import TYPE_CHECKING, Any, Final

from lxml import etree

from openem_nb.oscem.readers._reading import Finding

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LIMIT", "NotUsable", "broken", "bytes_of", "content", "ended", "local", "parse"]

LIMIT: Final = 64 * 1024 * 1024
"""Bytes of XML that are read of one file. Real ones have 9 kB to 1.3 MB."""

_parsers = threading.local()
_names: dict[str, str] = {}


class NotUsable(Exception):
    """A file that says nothing, with the finding that says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


def content(path: Path, data: bytes | None, *, limit: int = LIMIT) -> bytes:
    """Return the bytes of a file, at most ``limit``.

    Raises
    ------
    NotUsable
        If the file cannot be read, is empty, or is larger than its format ever is.
    """
    if data is None:
        try:
            data = bytes_of(path, limit + 1)
        except OSError as error:
            raise NotUsable(
                Finding(
                    "unreadable",
                    f"Some files cannot be read: {error.strerror or type(error).__name__}.",
                    "Check the permissions and the network drive, then extract again.",
                    "error",
                )
            ) from error
    if not data.strip(b" \t\r\n\0"):
        raise NotUsable(
            Finding(
                "empty",
                "Some files are empty: nothing was written, or not yet.",
                "If the session is still running, extract again when it has ended.",
            )
        )
    if len(data) > limit:
        raise NotUsable(
            Finding(
                "too-large",
                f"Some metadata files are larger than {limit // 1024 // 1024} MiB; they were"
                " not read.",
                "Such a file is no metadata of a microscope; look at it and move it away.",
            )
        )
    return data


def bytes_of(path: Path, limit: int) -> bytes:
    """Return the bytes of a file, the first ``limit`` of them where there are more.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        # a file that is being written may grow meanwhile; its size is a guess that saves a copy
        guess = min(os.fstat(handle).st_size + 1, limit)
        data = os.read(handle, guess)
        while len(data) < limit and (more := os.read(handle, min(1 << 20, limit - len(data)))):
            data += more
        return data
    finally:
        os.close(handle)


def parse(data: bytes) -> Any:
    """Return the root element of an XML document.

    Comments and processing instructions are dropped. A document type definition is refused,
    because no microscope writes one and entities live there.

    Raises
    ------
    NotUsable
        With a finding ``refused``, ``truncated`` or ``damaged``.
    """
    if _declares(data):
        raise NotUsable(_refused())
    parser = getattr(_parsers, "parser", None)
    if parser is None:  # one for each thread: a parser that is shared lets one thread in at a time
        parser = _parsers.parser = etree.XMLParser(
            resolve_entities=False,
            no_network=True,
            huge_tree=False,
            load_dtd=False,
            dtd_validation=False,
            remove_comments=True,
            remove_pis=True,
        )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise NotUsable(broken(data)) from error
    if root is None:
        raise NotUsable(broken(data))
    if root.getroottree().docinfo.internalDTD is not None:  # in an encoding that hid it above
        raise NotUsable(_refused())
    return root


def ended(data: bytes) -> list[Any]:
    """Return the elements of a broken document that had ended when it broke off, in order.

    What was cut in the middle is not among them, so that no half value is taken for a whole one.
    """
    if _declares(data):
        raise NotUsable(_refused())
    parser = etree.XMLPullParser(
        events=("end",),
        resolve_entities=False,
        no_network=True,
        huge_tree=False,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
    )
    found: list[Any] = []
    try:
        parser.feed(data)
        found = [element for _event, element in parser.read_events()]
    except (etree.XMLSyntaxError, ValueError, LookupError):
        return []
    return found


def broken(data: bytes) -> Finding:
    """Return the finding for XML that does not parse: cut short, or something else."""
    whole = data.rstrip(b" \t\r\n")
    if whole.endswith(b"\0") or not whole.endswith(b">"):  # room that was made and not yet filled
        return _truncated()
    root = data.lstrip(b"\xef\xbb\xbf \t\r\n")
    if root.startswith(b"<?"):
        root = root.split(b"?>", 1)[-1].lstrip()
    name = re.match(rb"<([\w:.-]+)", root)
    if name is not None and not re.search(rb"</%b\s*>\Z" % re.escape(name[1]), whole[-200:]):
        return _truncated()
    return Finding(
        "damaged",
        "Some XML files are damaged: what stands in them is no XML.",
        "Copy these files again from the microscope; their values are missing here.",
    )


def _declares(data: bytes) -> bool:
    """Return whether a document type is declared, in UTF-8 or in two bytes for each letter."""
    return b"<!DOCTYPE" in data or b"<\0!\0D\0O\0C" in data


def local(tag: str) -> str:
    """Return the name of an element without its namespace."""
    name = _names.get(tag)
    if name is None:
        name = tag.rpartition("}")[2]
        if len(_names) < 10_000:
            _names[tag] = name
    return name


def _truncated() -> Finding:
    return Finding(
        "truncated",
        "Some XML files break off before their end: still being written, or copied in part.",
        "If the session is still running, extract again when it has ended; else copy them again.",
    )


def _refused() -> Finding:
    return Finding(
        "refused",
        "Some XML files declare a document type or entities; they were not read.",
        "No microscope writes such files: look where they come from.",
    )
