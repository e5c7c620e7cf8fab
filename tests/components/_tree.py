"""The tree of metadata in a bare page: a document, its fields, and the way to its Python half."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

CONNECT = """() => {
  const model = window.model;
  model.send = async (message) => {
    if (!model.sent.some((one) => one.key === message.key)) model.sent.push(message); // or a repeat
    const answer = await window.kernel(message);
    model.fire("msg:custom", answer);
  };
  for (const message of model.sent.splice(0)) model.send(message);
}"""


@dataclass(frozen=True)
class Known:
    """A field as the model of OSC-EM describes it."""

    path: str
    type: str = "text"
    unit: str = ""
    required: bool = False
    choices: tuple[str, ...] = ()
    description: str = ""
    item: str | None = None


FIELDS = (
    Known("acquisition", "object", required=True, description="How the data were acquired"),
    Known(
        "acquisition.pixel_size", "quantity", "Å", required=True, description="Length of a pixel"
    ),
    Known("acquisition.date_time", "date-time", required=True),
    Known("acquisition.counting", "truth"),
    Known("acquisition.frames", "integer"),
    Known("acquisition.technique", "choice", choices=("spa", "subtomo")),
    Known("acquisition.detectors", "list", required=True, item="object"),
    Known("acquisition.detectors[].name"),
    Known("instrument", "object", required=True),
    Known("instrument.microscope", required=True),
)


def document() -> dict[str, Any]:
    return {
        "acquisition": {
            "pixel_size": {"value": 0.65, "unit": "Å"},
            "frames": 40,
            "technique": "spa",
            "detectors": [{"name": "Falcon 4i"}],
        },
        "instrument": {"microscope": "Krios"},
    }


def row(page: Any, name: str) -> Any:
    return page.get_by_role("treeitem", name=name)


def many(page: Any, count: int) -> None:
    page.wait_for_function(f"document.querySelectorAll('[role=treeitem]').length === {count}")
