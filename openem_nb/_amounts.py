"""Numbers for people: how many, how large, how long."""

from __future__ import annotations

__all__ = ["counted", "decimal", "format_bytes", "format_duration"]


def counted(number: int, name: str) -> str:
    """Return a number with its noun: ``1 file``, ``1,200 files``."""
    return f"{number:,} {name}" if number == 1 else f"{number:,} {name}s"


_BYTE_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")


def format_bytes(size: float) -> str:
    """Return a size in bytes as text in decimal units, three digits: ``1.25 GB``."""
    value = float(size)
    for unit in _BYTE_UNITS:
        if abs(value) < 999.5 or unit == _BYTE_UNITS[-1]:
            break
        value /= 1000
    if unit == "B":
        return f"{value:.0f} B"
    return f"{value:.0f} {unit}" if abs(value) >= 100 else f"{value:.3g} {unit}"


def format_duration(seconds: float) -> str:
    """Return a time span as text with at most two units: ``2 h 5 min``."""
    total = max(0, round(seconds))
    if total < 60:
        return f"{total} s"
    minutes, rest = divmod(total, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def decimal(value: float) -> float:
    """Return a number that was kept in single precision as the short decimal that was meant.

    A pixel of 1.3 Å comes out of a header as 1.2999999523162842, or as a quotient one step of
    single precision, 2**-23, beside it; seven digits are taken where they say the same.
    """
    short = float(f"{value:.7g}")
    return short if abs(short - value) <= abs(value) * 2**-23 else float(f"{value:.9g}")
