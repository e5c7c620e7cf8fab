"""How tests are shared between processes, where pytest is asked for several (``pytest -n 2``).

A file of tests stays in one process, for its fixtures are made once; all tests of JupyterLab stay
in one, for they share one server and one page. The long folders come first in the alphabet, so the
order of collection is kept: the short files of ``unit`` fill the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xdist.scheduler.loadscope import LoadScopeScheduling

if TYPE_CHECKING:
    import pytest

TOGETHER = ("tests/lab/",)
"""Folders that are one piece of work; of all others, each file is one."""


class Scheduler(LoadScopeScheduling):
    """Give each process the next file, or the next folder of ``TOGETHER``."""

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return next((folder for folder in TOGETHER if file.startswith(folder)), file)
