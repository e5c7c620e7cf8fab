"""The program Mol*, where it is on this machine; none of it comes with this package.

Mol* (Sehnal et al. 2021, Nucleic Acids Research 49, W431) is one script and one style sheet. Both
are in the Python package ``molstar-cli``, whose own program is not used here, and in the folder
``build/viewer`` of the npm package ``molstar``. They travel from the kernel to the browser, so that
no server on the internet is asked.
"""

from __future__ import annotations

import gzip
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from openem_nb.errors import NotFound

__all__ = ["INSTALL", "molstar", "packed"]

INSTALL: Final = "pip install 'openem_nb[molstar]'"
_SCRIPT, _STYLE = "molstar.js", "molstar.css"
_BELOW: Final = (".", "build/viewer", "package/build/viewer", "node_modules/molstar/build/viewer")
"""Where the files are in a folder of npm: that of the build, of the package, or of its project."""


def molstar(folder: Path | str | None = None) -> Path:
    """Return the folder with ``molstar.js`` and ``molstar.css``.

    Parameters
    ----------
    folder :
        One with the files, a package of npm, or a folder in which ``npm install molstar`` was run;
        by default the files of the Python package ``molstar-cli``.

    Raises
    ------
    NotFound
        If they are not there.
    """
    if folder is not None:
        start = Path(folder).expanduser()
        places = [start / below for below in _BELOW]
        problem = f"There is no Mol* in {start}."
    else:
        spec = find_spec("molstar_cli")
        roots = spec.submodule_search_locations if spec else None
        places = [Path(root) / "static" / "molstar" for root in roots or ()]
        problem = "Mol* is not installed."
    for place in places:
        if (place / _SCRIPT).is_file() and (place / _STYLE).is_file():
            return place.resolve()
    raise NotFound(
        problem,
        hint=f"Install it with: {INSTALL}, or name the folder of the npm package molstar.",
    )


def packed(place: Path) -> list[bytes]:
    """Return script and style sheet of a folder, each packed with gzip: 5 MB become 1.3."""
    return [_packed(path, path.stat().st_mtime_ns) for path in (place / _SCRIPT, place / _STYLE)]


@lru_cache(maxsize=2)
def _packed(path: Path, _written: int) -> bytes:
    return gzip.compress(path.read_bytes(), compresslevel=6, mtime=0)
