"""How the server of ``openem lab`` serves files: as JupyterLab does, and those of runs as well."""

from __future__ import annotations

import os
from pathlib import Path

from jupyter_server.base.handlers import AuthenticatedFileHandler
from tornado.web import StaticFileHandler

from openem_nb import settings

__all__ = ["RunFilesHandler"]


class RunFilesHandler(AuthenticatedFileHandler):
    """Serves what lies below the root folder, and what its link ``runs`` leads to.

    Newer servers refuse to follow any link out of the root folder. This one is ours: it leads to
    the run folders of the same user, whose reports have to open in a browser.
    """

    def validate_absolute_path(self, root: str, absolute_path: str) -> str:
        """Return the true path of a file that may be served; refuse all others."""
        runs = os.path.realpath(settings.folders().runs)
        found = os.path.realpath(absolute_path)
        if Path(found).is_relative_to(runs):
            return StaticFileHandler.validate_absolute_path(self, runs, found) or found
        return super().validate_absolute_path(root, absolute_path)
