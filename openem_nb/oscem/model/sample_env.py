"""Samples of tomography: from the environment, or cells that were grown."""

from __future__ import annotations

from typing import Literal

from openem_nb.oscem.model._parts import Day, Part, Text, Truth, needed, optional
from openem_nb.oscem.model.quantities import QuantitySI

__all__ = [
    "Freezing",
    "FreezingMethod",
    "GrowthCondition",
    "SampleCell",
    "SampleEnv",
    "SpecimenEnv",
    "Thinning",
    "TomogramFeatures",
]

FreezingMethod = Literal["plunge_freezing", "high_pressure_freezing"]


class Freezing(Part):
    """How the sample was frozen."""

    atmosphere: Text | None = optional("Atmosphere just before freezing")
    blotting: Truth | None = optional("Whether it was blotted")
    cryogen_sample_env: Text | None = optional("Cryogen, such as ethane")
    details: Text | None = optional("Anything else about the freezing")
    humidity_env: QuantitySI | None = optional("Humidity before or during freezing", unit="%")
    method: FreezingMethod = optional("Method of freezing")
    temperature_env: QuantitySI | None = optional(
        "Temperature of the sample just before freezing", unit="K"
    )


class SpecimenEnv(Part):
    """What the sample is, and where it is from."""

    collection_date: Day | None = optional("Day on which it was collected")
    handling: Text | None = optional("What was done to it")
    location: Text | None = optional("Where it was collected, best as coordinates")
    organism: list[Text] = needed("Organisms in the sample")
    source_env: Text | None = optional("Kind of place it is from, such as a hospital")
    tissue: Text | None = optional("Kind of tissue, if it is one")


class Thinning(Part):
    """How a lamella was made."""

    instrument_thin: Text | None = optional("Instrument")
    ion_source: Text | None = optional("Ion source")
    lift_out: Truth | None = optional("Whether it was lifted out")
    method_thin: Text | None = optional("Method, such as FIB milling")
    target_thickness: QuantitySI | None = optional("Intended thickness of the lamella", unit="nm")


class TomogramFeatures(Part):
    """What the tomograms show."""

    cellular_features: Text | None = optional("Features of cells")
    details_tomo: Text | None = optional("Anything else about the tomograms")
    main_target: Text | None = optional("What the tomograms were taken for")
    organelles: list[Text] | None = optional("Organelles")


class GrowthCondition(Part):
    """How the cells were grown."""

    atmosphere_growth: Text | None = optional("Atmosphere")
    cell_cycle: Text | None = optional("State of the cell cycle that was aimed at")
    growth_location: Text | None = optional("On or in what the cells grew, such as the grid")
    media: Text | None = optional("Growth medium")
    temperature_growth: QuantitySI | None = optional("Temperature", unit="K")
    treatment: Text | None = optional("Special treatment, such as added chemicals")


class SampleEnv(Part):
    """A sample from the environment."""

    freezing: Freezing | None = optional("How it was frozen")
    specimen_env: SpecimenEnv = needed("What it is, and where it is from")
    thinning: Thinning | None = optional("How a lamella was made")
    tomogram_features: TomogramFeatures | None = optional("What the tomograms show")


class SampleCell(Part):
    """Cells that were grown."""

    freezing: Freezing | None = optional("How it was frozen")
    growth_condition: GrowthCondition | None = optional("How the cells were grown")
    specimen_env: SpecimenEnv = needed("What it is, and where it is from")
    thinning: Thinning | None = optional("How a lamella was made")
    tomogram_features: TomogramFeatures | None = optional("What the tomograms show")
