"""The executed notebook as one HTML file that needs nothing else."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import nbformat
from nbconvert import HTMLExporter

from openem_nb.settings import write_whole

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["export"]


def export(notebook: Path, target: Path, *, title: str) -> None:
    """Write an executed notebook as HTML: text, tables and figures, without the code.

    The page refers to nothing on the network: images are embedded, and saved widgets, which need
    a script from elsewhere, are left out.

    Raises
    ------
    CannotWrite
        If the file cannot be written.
    """
    node = nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]  # untyped there
    node.metadata.pop("widgets", None)
    node.metadata["title"] = title
    exporter = HTMLExporter(  # type: ignore[no-untyped-call]  # untyped there
        exclude_input=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        embed_images=True,
        mathjax_url="",
        require_js_url="",
        theme="light",
    )
    with warnings.catch_warnings():
        # images without alternative text are the notebook author's; the report is made all the same
        warnings.filterwarnings("ignore", message=".*[Aa]lternative text.*")
        html, _ = exporter.from_notebook_node(node)
    write_whole(target, html)
