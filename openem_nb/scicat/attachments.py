"""Pictures that belong to a data set: reading them safely, and attaching small ones.

A picture lives inside the database as text, so it is made small before it is sent; and what comes
from there is shown only if it is a picture by its first bytes, whatever it says it is.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from openem_nb.errors import InvalidInput
from openem_nb.scicat import _blocks
from openem_nb.scicat._documents import AttachmentDocument
from openem_nb.values import format_bytes

if TYPE_CHECKING:
    from openem_nb.jobs import Progress
    from openem_nb.scicat.connection import Connection

__all__ = ["Attachment", "data_uri", "read_attachments", "shrunk"]

_URI: Final = re.compile(r"data:image/(?:png|jpe?g|gif|webp);base64,([A-Za-z0-9+/=\s]+)")
_SIGNATURES: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
_LARGEST_SHOWN: Final = 4_000_000
"""Bytes of a picture that is shown; larger ones would fill the notebook."""
LARGEST_SENT: Final = 300_000
"""Bytes of a picture that is attached."""
_SIDES: Final = (1600, 1200, 900, 700, 500, 350, 250)
"""Longest sides, in pixels, that are tried until a picture is small enough."""
_MOST_PIXELS: Final = 300_000_000
"""Above the largest camera's frame; a file that claims more is refused unread."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A picture of a data set."""

    id: str
    caption: str
    kind: str = ""
    """``image/png``, ``image/jpeg``, ``image/gif``, ``image/webp``; empty if it is none of them."""
    image: bytes = field(default=b"", repr=False)
    """The picture itself; empty if it is no picture that can be shown."""

    @property
    def uri(self) -> str:
        """The picture as a ``data:`` address, made anew from its bytes; empty if there is none."""
        return data_uri(self.kind, self.image) if self.image else ""


def data_uri(kind: str, image: bytes) -> str:
    """Return a picture as an address that holds it."""
    return f"data:{kind};base64,{base64.b64encode(image).decode('ascii')}"


def read_attachments(
    here: Connection, pid: str, *, most: int | None = None, progress: Progress | None = None
) -> tuple[Attachment, ...]:
    """Return the pictures of a data set, all of them unless ``most`` is given."""
    found = _blocks.included(
        here, pid, "attachments", page=min(10, most or 10), most=most, progress=progress
    )
    return tuple(_attachment(item) for item in found)


def _attachment(item: object) -> Attachment:
    document = AttachmentDocument.model_validate(item)
    kind, image = _picture(document.thumbnail)
    return Attachment(document.aid or document.id, document.caption.strip(), kind, image)


def _picture(uri: str) -> tuple[str, bytes]:
    """Return kind and bytes of a picture; nothing for all that is none, or is a document."""
    found = _URI.fullmatch(uri)
    if found is None or len(uri) > 2 * _LARGEST_SHOWN:
        return "", b""
    try:
        data = base64.b64decode("".join(found[1].split()), validate=True)
    except binascii.Error:
        return "", b""
    kind = _kind(data)
    return (kind, data) if kind and len(data) <= _LARGEST_SHOWN else ("", b"")


def _kind(data: bytes) -> str:
    """Return what a picture is by its first bytes; empty if it is none."""
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for signature, kind in _SIGNATURES if data.startswith(signature)), "")


def shrunk(picture: Path | bytes) -> tuple[str, bytes]:
    """Return kind and bytes of a picture that fits into a database, made smaller where needed.

    Raises
    ------
    InvalidInput
        If it is no picture that can be read.
    """
    from PIL import Image, UnidentifiedImageError

    source = io.BytesIO(picture) if isinstance(picture, bytes) else Path(picture)
    try:
        with Image.open(source) as image:
            if image.width * image.height > _MOST_PIXELS:
                raise InvalidInput(
                    f"The picture has {image.width} × {image.height} pixels.",
                    hint="Make a smaller one.",
                )
            as_it_is = _as_it_is(picture, image.format or "")
            if as_it_is is not None:
                return as_it_is
            has_alpha = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
            flat = image.convert("RGBA" if has_alpha else _plain_mode(image.mode))
    except (OSError, UnidentifiedImageError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, InvalidInput):
            raise
        raise InvalidInput(
            "This is not a picture that can be attached.",
            hint="Attach a PNG or JPEG file; turn a micrograph into one first.",
        ) from error
    for side in _SIDES:
        flat.thumbnail((side, side))
        for kind, options in (("PNG", {"optimize": True}), ("JPEG", {"quality": 80})):
            if kind == "JPEG" and flat.mode == "RGBA":
                continue
            data = io.BytesIO()
            flat.save(data, kind, **options)
            if data.tell() <= LARGEST_SENT:
                return f"image/{kind.lower()}", data.getvalue()
    raise InvalidInput(
        f"The picture cannot be made smaller than {format_bytes(LARGEST_SENT)}.",
        hint="Attach a simpler one.",
    )


def _plain_mode(mode: str) -> str:
    return "L" if mode in ("1", "L", "I;16", "I;16B", "I", "F") else "RGB"


def _as_it_is(picture: Path | bytes, kind: str) -> tuple[str, bytes] | None:
    """Return a picture that is small enough already and of a kind that everybody can show."""
    if kind not in ("PNG", "JPEG"):
        return None
    data = picture if isinstance(picture, bytes) else Path(picture).read_bytes()
    return (f"image/{kind.lower()}", data) if len(data) <= LARGEST_SENT else None
