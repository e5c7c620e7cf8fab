"""OSC-EM: the metadata of electron microscopy as a document that can be checked."""

from __future__ import annotations

from openem_nb import units
from openem_nb.oscem.document import Change, diff, get_at, paths, set_at

__all__ = ["Change", "diff", "get_at", "paths", "set_at", "units"]
