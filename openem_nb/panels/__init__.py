"""Panels for JupyterLab: search, retrieve, publish, metadata, micrographs, run notebooks, log in.

A panel holds no logic: it calls the public functions and shows what comes back, and
``panel.code()`` is the Python that does the same.
"""

from __future__ import annotations

from openem_nb.panels.error_view import Disclosure, ErrorView
from openem_nb.panels.facets import Facet, Facets
from openem_nb.panels.form import Field, Form
from openem_nb.panels.gallery import Gallery
from openem_nb.panels.inspect import InspectPanel
from openem_nb.panels.job_list import JobList, Link, Row, RowList
from openem_nb.panels.login import LoginPanel
from openem_nb.panels.map import MapView
from openem_nb.panels.metadata import MetadataPanel
from openem_nb.panels.metadata_tree import MetadataTree
from openem_nb.panels.micrograph import MicrographView
from openem_nb.panels.publish import PublishPanel
from openem_nb.panels.repository import RepositoryPanel
from openem_nb.panels.result_table import ResultTable
from openem_nb.panels.retrieval import RetrievalList, RetrievalPanel
from openem_nb.panels.retrieve_box import RetrieveBox
from openem_nb.panels.run import RunPanel
from openem_nb.panels.search import SearchPanel
from openem_nb.panels.session import SessionPanel

__all__ = [
    "Disclosure",
    "ErrorView",
    "Facet",
    "Facets",
    "Field",
    "Form",
    "Gallery",
    "InspectPanel",
    "JobList",
    "Link",
    "LoginPanel",
    "MapView",
    "MetadataPanel",
    "MetadataTree",
    "MicrographView",
    "PublishPanel",
    "RepositoryPanel",
    "ResultTable",
    "RetrievalList",
    "RetrievalPanel",
    "RetrieveBox",
    "Row",
    "RowList",
    "RunPanel",
    "SearchPanel",
    "SessionPanel",
]
