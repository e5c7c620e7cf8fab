"""Panels for JupyterLab: search the archives, run notebooks, log in.

A panel holds no logic: it calls the public functions and shows what comes back, and
``panel.code()`` is the Python that does the same.
"""

from __future__ import annotations

from openem_nb.panels.error_view import Disclosure, ErrorView
from openem_nb.panels.form import Field, Form
from openem_nb.panels.job_list import JobList, Link, Row, RowList
from openem_nb.panels.login_box import LoginBox
from openem_nb.panels.repository import RepositoryPanel
from openem_nb.panels.result_table import ResultTable
from openem_nb.panels.run import RunPanel

__all__ = [
    "Disclosure",
    "ErrorView",
    "Field",
    "Form",
    "JobList",
    "Link",
    "LoginBox",
    "RepositoryPanel",
    "ResultTable",
    "Row",
    "RowList",
    "RunPanel",
]
