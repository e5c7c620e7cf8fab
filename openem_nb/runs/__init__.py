"""Runs of notebooks: a form from the parameters, a process of its own, progress, history, report.

>>> from openem_nb import runs
>>> run = runs.start("swiss_statistics", {"country": "Switzerland"})  # doctest: +SKIP
>>> run.wait()  # doctest: +SKIP
>>> run.report  # doctest: +SKIP
"""

from __future__ import annotations

from openem_nb.runs.catalogue import copy_templates, form, templates
from openem_nb.runs.cells import progress
from openem_nb.runs.journal import get, history, start
from openem_nb.runs.parameters import Form, Parameter
from openem_nb.runs.record import RunState
from openem_nb.runs.run import Run

__all__ = [
    "Form",
    "Parameter",
    "Run",
    "RunState",
    "copy_templates",
    "form",
    "get",
    "history",
    "progress",
    "start",
    "templates",
]
