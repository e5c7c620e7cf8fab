"""The microscope, and what it was set to for the whole session."""

from __future__ import annotations

from openem_nb.oscem.model._parts import Part, Text, needed, optional
from openem_nb.oscem.model.quantities import QuantitySI

__all__ = ["Instrument", "Microscope"]


class Microscope(Part):
    """Make of the microscope."""

    manufacturer: Text | None = optional("Who built it")
    model: Text = needed("Model, such as Titan Krios G4")


class Instrument(Part):
    """The microscope and its fixed settings."""

    acceleration_voltage: QuantitySI = needed("Voltage that accelerates the electrons", unit="kV")
    beam_convergence: QuantitySI | None = optional(
        "Convergence angle of the beam: small in TEM, large in STEM", unit="mrad"
    )
    c2_aperture: QuantitySI | None = optional(
        "Diameter of the second condenser aperture (C2)", unit="um"
    )
    cs: QuantitySI | None = optional("Spherical aberration of the objective lens", unit="mm")
    electron_source: Text = needed("Kind of electron source, such as field emission gun")
    illumination: Text = needed("Illumination mode, such as parallel")
    imaging: Text = needed("Imaging mode, such as bright field")
    microscope: Microscope = needed("Make of the microscope")
    operating_mode: Text | None = optional("TEM or STEM")
