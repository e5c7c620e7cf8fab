"""Values with units, ranges and sizes."""

from __future__ import annotations

from openem_nb.oscem.model._parts import Number, Part, Text, Whole, needed, optional

__all__ = [
    "BoundingBox2D",
    "ImageSize",
    "QuantitySI",
    "QuantityValue",
    "Range",
    "TiltAngle",
]


class QuantityValue(Part):
    """A number with its unit."""

    unit: Text = needed("Unit of the value, as text")
    value: Number = needed("Number in that unit")


class QuantitySI(QuantityValue):
    """A number with its unit, and the same in SI units for searches."""

    unitSI: Text | None = optional("SI unit")  # noqa: N815  (the schema's name)
    valueSI: Number | None = optional("Number in the SI unit")  # noqa: N815


class Range(Part):
    """Smallest and largest value."""

    maximal: QuantitySI | None = optional("Largest value")
    minimal: QuantitySI | None = optional("Smallest value")


class TiltAngle(Part):
    """Angles of a tilt series: from, to, and the step."""

    increment: QuantitySI = needed("Step between neighbouring angles")
    maximal: QuantitySI = needed("Largest angle")
    minimal: QuantitySI = needed("Smallest angle")


class BoundingBox2D(Part):
    """Extent in two directions."""

    x_max: QuantitySI | None = optional("Largest value along x")
    x_min: QuantitySI | None = optional("Smallest value along x")
    y_max: QuantitySI | None = optional("Largest value along y")
    y_min: QuantitySI | None = optional("Smallest value along y")


class ImageSize(Part):
    """Height and width, as whole numbers."""

    height: Whole | None = optional("Along y")
    width: Whole | None = optional("Along x")
