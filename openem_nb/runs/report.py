"""The executed notebook as one HTML file that needs nothing else."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

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
    _describe_images(node)
    exporter = HTMLExporter(  # type: ignore[no-untyped-call]  # untyped there
        exclude_input=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        embed_images=True,
        mathjax_url="",
        require_js_url="",
        theme="light",
    )
    page, _ = exporter.from_notebook_node(node)
    write_whole(target, page)


def _describe_images(notebook: Any) -> None:
    """Turn images with an alternative text into HTML, because the exporter loses that text."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            alt = output.get("metadata", {}).get("image/png", {}).get("alt")
            if alt:
                picture = "".join(output.data.pop("image/png").split())
                output.data["text/html"] = (
                    f'<img src="data:image/png;base64,{picture}" alt="{html.escape(alt)}" '
                    'style="max-width: 100%">'
                )
