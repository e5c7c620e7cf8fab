"""Sphinx builds the documentation offline: sphinx-build -W docs docs/_build."""

from __future__ import annotations

from openem_nb import __version__

project = "openem_nb"
author = "The OpenEM developers"
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence", "deflist"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"openem_nb {release}"
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
napoleon_numpy_docstring = True
napoleon_google_docstring = False
nitpicky = False
