"""What files say of a session and OSC-EM has no place for: kept beside the document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openem_nb.oscem._compose import clean, near, text_of
from openem_nb.oscem.provenance import Provenance
from openem_nb.oscem.readers import QUANTITIES

if TYPE_CHECKING:
    from openem_nb.oscem._compose import Composer
    from openem_nb.oscem._gather import Group, Tally

__all__ = ["beside"]

_NAMES: Final = (
    *("serial", "session_name", "software_version", "objective_aperture"),
    *("dose_per_pixel", "stage_tilt", "gain_reference", "output_format"),
)
LAST: Final = "time_last"
"""Name of when the last image was taken."""


def beside(to: Composer) -> dict[str, Provenance]:
    """Return such values with their origin, by the names of the quantities.

    Of texts that differ the most frequent one stands there, with the others in its origin; of
    numbers the mean. Nothing of it gets into the document.
    """
    found: dict[str, Provenance] = {}
    for name in _NAMES:
        for group, tally in to.said(name)[:1]:
            if tally.count:
                found[name] = _of(name, group, tally)
    for group, tally in to.said("time")[:1]:
        latest = group.times.latest.get(True) or group.times.latest.get(False)
        if latest is not None:
            origin = Provenance(LAST, latest[1], group.source, group.kind, tag=tally.tag)
            found[LAST] = origin
    return found


def _of(name: str, group: Group, tally: Tally) -> Provenance:
    values, total = tally.values, tally.count
    first = next(iter(values))
    agreed = sum(count for value, count in values.items() if near(value, first))
    rules = [tally.rule] if tally.rule else []
    if tally.low is not None and tally.low != tally.high:
        value, agreed = text_of(clean(tally.mean)), total
        rules.append("mean of all")
    else:
        value = text_of(first)
    return Provenance(
        name,
        value,
        group.source,
        group.kind,
        tally.file,
        tally.tag,
        "; ".join(rules),
        agreed,
        total,
        tally.low,
        tally.high,
        QUANTITIES[name].unit,
        tuple(text_of(one) for one in values if not near(one, first))[:20],
    )
