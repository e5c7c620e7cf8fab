"""SciCat, the catalogue of data sets: search, data sets with their files, edits, publication.

>>> import openem_nb as openem
>>> openem.login(username="ada")  # doctest: +SKIP
>>> hits = openem.search("apoferritin", type="raw", created=("2026-01", None))  # doctest: +SKIP
>>> data_set = openem.get(hits.pid[0])  # doctest: +SKIP
>>> data_set.lifecycle.words, data_set.files()  # doctest: +SKIP

Everything is asked of one instance, that of the active profile unless another is named, as the
person who is logged in there; without a log-in, of what is public.
"""

from __future__ import annotations

from openem_nb.scicat._query import conditions
from openem_nb.scicat.attachments import Attachment
from openem_nb.scicat.connection import Connection, Identity, connection
from openem_nb.scicat.datasets import DataSet, get
from openem_nb.scicat.edits import attach, set_keywords, set_lifecycle, share, unshare, update
from openem_nb.scicat.facets import facets, metadata_keys
from openem_nb.scicat.files import FileList, TapeBlock, TapedFile
from openem_nb.scicat.lifecycle import Lifecycle
from openem_nb.scicat.names import safe_path
from openem_nb.scicat.people import identity, login, login_oidc, login_token, login_with, logout
from openem_nb.scicat.publications import (
    Publication,
    draft,
    form_fields,
    prefill,
    publication,
    publications,
)
from openem_nb.scicat.search import check, count, search
from openem_nb.scicat.tape import (
    Pace,
    Retrieval,
    RetrievalPlan,
    State,
    reattach,
    retrievals,
    retrievals_frame,
    retrieve,
)

__all__ = [
    "Attachment",
    "Connection",
    "DataSet",
    "FileList",
    "Identity",
    "Lifecycle",
    "Pace",
    "Publication",
    "Retrieval",
    "RetrievalPlan",
    "State",
    "TapeBlock",
    "TapedFile",
    "attach",
    "check",
    "conditions",
    "connection",
    "count",
    "draft",
    "facets",
    "form_fields",
    "get",
    "identity",
    "login",
    "login_oidc",
    "login_token",
    "login_with",
    "logout",
    "metadata_keys",
    "prefill",
    "publication",
    "publications",
    "reattach",
    "retrievals",
    "retrievals_frame",
    "retrieve",
    "safe_path",
    "search",
    "set_keywords",
    "set_lifecycle",
    "share",
    "unshare",
    "update",
]
