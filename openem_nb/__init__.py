"""The working place for open electron-microscopy data: SciCat, EMDB, EMPIAR and the PDB.

>>> import openem_nb as openem
>>> openem.emdb.search('"apoferritin" AND resolution:[0 TO 2]')  # doctest: +SKIP
>>> openem.search("apoferritin", type="raw")  # doctest: +SKIP
>>> openem.retrieve("20.500.11935/1234")  # doctest: +SKIP
>>> openem.statistics.harvest()  # doctest: +SKIP
>>> openem.statistics.swiss().tables["annual"]  # doctest: +SKIP

Everything is loaded on first use, so that importing the package takes a moment only.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from openem_nb._version import __version__

if TYPE_CHECKING:
    from openem_nb import (
        emdb,
        empiar,
        errors,
        http,
        images,
        jobs,
        mining,
        mmcif,
        oscem,
        panels,
        runs,
        scicat,
        settings,
        statistics,
        tokens,
        units,
    )
    from openem_nb.checkup import status
    from openem_nb.images import open_image, open_map
    from openem_nb.mining import images_of, mine, open_mined
    from openem_nb.mmcif import check_mmcif, coverage, from_mmcif, to_mmcif
    from openem_nb.oscem import extract
    from openem_nb.panels import (
        Gallery,
        InspectPanel,
        LoginPanel,
        MapView,
        MetadataPanel,
        MicrographView,
        PublishPanel,
        RepositoryPanel,
        RetrievalPanel,
        RunPanel,
        SearchPanel,
        SessionPanel,
    )
    from openem_nb.runs import start as run
    from openem_nb.scicat import get, login, logout, reattach, retrievals, retrieve
    from openem_nb.scicat.search import search

__all__ = [
    "Gallery",
    "InspectPanel",
    "LoginPanel",
    "MapView",
    "MetadataPanel",
    "MicrographView",
    "PublishPanel",
    "RepositoryPanel",
    "RetrievalPanel",
    "RunPanel",
    "SearchPanel",
    "SessionPanel",
    "__version__",
    "check_mmcif",
    "coverage",
    "emdb",
    "empiar",
    "errors",
    "extract",
    "from_mmcif",
    "get",
    "http",
    "images",
    "images_of",
    "jobs",
    "login",
    "logout",
    "mine",
    "mining",
    "mmcif",
    "open_image",
    "open_map",
    "open_mined",
    "oscem",
    "panels",
    "reattach",
    "retrievals",
    "retrieve",
    "run",
    "runs",
    "scicat",
    "search",
    "settings",
    "statistics",
    "status",
    "to_mmcif",
    "tokens",
    "units",
]

_MEMBERS: Final = {
    **{
        name: ("openem_nb.panels", name)
        for name in (
            *("Gallery", "InspectPanel", "LoginPanel", "MapView", "MetadataPanel"),
            *("MicrographView", "PublishPanel", "RepositoryPanel"),
            *("RetrievalPanel", "RunPanel", "SearchPanel", "SessionPanel"),
        )
    },
    "extract": ("openem_nb.oscem", "extract"),
    **{
        name: ("openem_nb.mmcif", name)
        for name in ("check_mmcif", "coverage", "from_mmcif", "to_mmcif")
    },
    "images_of": ("openem_nb.mining", "images_of"),
    "mine": ("openem_nb.mining", "mine"),
    **{name: ("openem_nb.images", name) for name in ("open_image", "open_map")},
    "open_mined": ("openem_nb.mining", "open_mined"),
    "run": ("openem_nb.runs", "start"),
    "status": ("openem_nb.checkup", "status"),
    **{
        name: ("openem_nb.scicat", name)
        for name in ("get", "login", "logout", "reattach", "retrievals", "retrieve", "search")
    },
}


def __getattr__(name: str) -> Any:
    """Load a module or a member of the facade on first use (PEP 562)."""
    if name in _MEMBERS:
        module, member = _MEMBERS[name]
        found: Any = getattr(import_module(module), member)
    elif name in __all__:
        found = import_module(f"openem_nb.{name}")
    else:
        raise AttributeError(f"module 'openem_nb' has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
