"""Texts that come from other people, made harmless for whoever reads them.

A catalogue takes any text as a name. Some characters are not seen and change what is seen: they
move the cursor of a terminal, colour it or turn its text round. And what a service says about an
error may repeat what was sent to it.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["one_line", "printable", "without_secrets"]

_TRICKY: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff"
    "\ud800-\udfff]"
)
"""Controls, what turns or hides text, and halves of characters, which no stream can write."""
_NAMES: Final = r"access_token|id_?token|refresh_token|password|secret_?(?:access_?)?key"
_SECRETS: Final = (
    # a JSON Web Token, wherever it stands
    (re.compile(r"\beyJ[\w-]{5,}(?:\.[\w-]*){1,4}"), "***"),
    (re.compile(r"\bBearer(\s+)[\w.~+/=-]{16,}", re.IGNORECASE), r"Bearer\1***"),
    # a part of an address or a form, as it is or quoted once more
    (
        re.compile(
            r"\b(X-Amz-(?:Signature|Credential|Security-Token)|Signature|AWSAccessKeyId|"
            rf"{_NAMES})(=|%3D)[^\s&\"'<>,;]+",
            re.IGNORECASE,
        ),
        r"\1\2***",
    ),
    # a value in JSON
    (
        re.compile(rf"([\"'](?:{_NAMES})\\*[\"']\s*:\s*\\*[\"'])[^\"'\\]+", re.IGNORECASE),
        r"\1***",
    ),
)
"""How secrets look, and what is written in place of them."""


def printable(text: str) -> str:
    """Return a text with a mark in place of whatever would hide, turn or move something.

    Lines and tabulators stay.
    """
    return _TRICKY.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """Return a text as :func:`printable` does, on one line."""
    return " ".join(printable(text).split())


def without_secrets(text: str) -> str:
    """Return what a service says without the tokens, passwords and signatures that it repeats."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text
