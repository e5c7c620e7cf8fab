"""The Python that does what an inspection shows: measure, gallery, and one image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openem_nb.mining.files import ImageFile
    from openem_nb.mining.sources import Source
    from openem_nb.panels.micrograph import MicrographView

__all__ = ["spelled"]


def spelled(
    source: Source,
    pattern: str,
    given: Mapping[str, Any],
    view: tuple[MicrographView, ImageFile] | None,
) -> str:
    """Return Python that gives ``mined`` and ``gallery``, and ``view`` where an image is open.

    Its last line is what a cell shows: the view where there is one, else the gallery.

    Parameters
    ----------
    given :
        Arguments of ``mine``.
    view :
        The viewer with an image, and the file of that.
    """
    only = {"pattern": pattern} if pattern else {}
    lines = [
        "import openem_nb as openem",
        "",
        f"mined = openem.mine({_arguments(source, {**only, **given})})",
        "gallery = openem.Gallery(mined.frame, thumbnails=mined.folder)",
    ]
    if view is None:
        lines.append("gallery")
    else:
        shown = _viewed(*view, f"openem.images_of({_arguments(source, only)})")
        lines[0:1] = [line for line in shown if line.startswith(("import", "from"))]
        lines += [line for line in shown if line and line not in lines]
    return "\n".join(lines) + "\n"


def _arguments(source: Source, given: Mapping[str, Any]) -> str:
    return ", ".join([source.code(), *(f"{name}={value!r}" for name, value in given.items())])


def _viewed(viewer: MicrographView, file: ImageFile, files: str) -> list[str]:
    """Return the lines that show an image; one of a data set is opened as part of that."""
    code = viewer.code()
    if file.far is None and not file.told:
        return code.splitlines()
    where = repr(viewer.micrograph.source)
    opened = f"micrograph = {files}[{file.name!r}].open()"
    found: list[str] = []
    for line in code.splitlines():
        if line.startswith(f"micrograph = images.open_image({where}"):
            found.append(opened)
        elif line.startswith("view = ") and opened not in found:
            found += [opened, line.replace(where, "micrograph", 1)]
        else:
            found.append(line)
    return found
