"""XML as the microscope's programs serialise it: no blanks, and prefixes bound where they stand."""

from __future__ import annotations

from typing import Final
from xml.sax.saxutils import escape

__all__ = [
    "ARRAYS",
    "DRAWING",
    "OMP",
    "SHARED",
    "TYPES",
    "UNITS",
    "element",
    "nil",
    "pairs",
    "point",
]

_CONTRACT: Final = "http://schemas.datacontract.org/2004/07"
SHARED: Final = f"{_CONTRACT}/Fei.SharedObjects"
TYPES: Final = f"{_CONTRACT}/Fei.Types"
UNITS: Final = f"{_CONTRACT}/Fei.Common.Types"
OMP: Final = f"{_CONTRACT}/Fei.Applications.Common.Omp.Interface"
DRAWING: Final = f"{_CONTRACT}/System.Drawing"
ARRAYS: Final = "http://schemas.microsoft.com/2003/10/Serialization/Arrays"
_SCHEMA: Final = "http://www.w3.org/2001/XMLSchema"


def element(name: str, *content: object, attributes: str = "") -> str:
    """Return an element; content that is no text of elements has to be escaped by the caller."""
    inner = "".join(map(str, content))
    start = f"{name} {attributes}" if attributes else name
    return f"<{start}>{inner}</{name}>" if inner else f"<{start}/>"


def nil(*names: str) -> str:
    """Return elements that say of themselves that they have no value."""
    return "".join(f'<{name} i:nil="true"/>' for name in names)


def point(name: str, namespace: str, **parts: object) -> str:
    """Return an element whose parts stand in a namespace of their own under the prefix ``a``."""
    inner = "".join(element(f"a:{part}", value) for part, value in parts.items())
    return element(name, inner, attributes=f'xmlns:a="{namespace}"')


def pairs(name: str, values: dict[str, tuple[str, object]], *more: str) -> str:
    """Return keys with values of a type, as ``CustomData`` and ``CameraSpecificInput`` hold them.

    Parameters
    ----------
    name :
        Name of the element around them.
    values :
        Type (``double``, ``string``, ``boolean``, ``int``, ``long``) and value by key.
    more :
        Values of other types as whole elements, without their key: ``KEY=ELEMENT``.
    """
    inner = [
        _pair(
            key,
            element("a:Value", value, attributes=f'i:type="b:{kind}" xmlns:b="{_SCHEMA}"'),
        )
        for key, (kind, value) in values.items()
    ]
    inner += [_pair(*text.split("=", 1)) for text in more]
    return element(name, *inner, attributes=f'xmlns:a="{ARRAYS}"')


def _pair(key: str, value: str) -> str:
    return element("a:KeyValueOfstringanyType", element("a:Key", escape(key)), value)
