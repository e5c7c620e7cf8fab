"""Curves and tracks as pictures: bytes, or a file of the kind that its ending says."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openem_nb._folders import write_whole
from openem_nb.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["picture_of"]


def picture_of(draw: Callable[[], Any], path: Path | str | None, kind: str) -> bytes | Path:
    """Return a figure of Matplotlib as SVG or PNG, or the path that it was written to.

    Parameters
    ----------
    draw :
        Makes the figure, once it is known that it can be a picture.
    path :
        Where it is written, of the kind that its ending says; None returns the bytes.
    kind :
        ``svg`` or ``png``, where no path says it.

    Raises
    ------
    InvalidInput
        If the kind is another one.
    """
    if path is not None:
        kind = Path(path).suffix.lstrip(".").lower()
    if kind not in ("svg", "png"):
        raise InvalidInput(f"There is no picture of kind {kind!r}.", hint="Choose svg or png.")
    out = io.BytesIO()
    draw().savefig(out, format=kind)
    if path is None:
        return out.getvalue()
    written = Path(path).expanduser()
    write_whole(written, out.getvalue())
    return written
