"""Purified samples: molecules, ligands, specimen, grid."""

from __future__ import annotations

from typing import Literal

from openem_nb.oscem.model._parts import Number, Part, Text, Truth, needed, optional
from openem_nb.oscem.model.quantities import QuantitySI

__all__ = [
    "Assembly",
    "Grid",
    "Ligand",
    "Molecule",
    "MoleculeClass",
    "OverallMolecule",
    "Sample",
    "SampleMolecular",
    "Specimen",
]

Assembly = Literal["FILAMENT", "HELICAL ARRAY", "PARTICLE"]
MoleculeClass = Literal[
    "CELL", "COMPLEX", "ORGANELLE OR CELLULAR COMPONENT", "RIBOSOME", "TISSUE", "VIRUS"
]


class OverallMolecule(Part):
    """The sample as a whole."""

    assembly: Assembly = optional("Higher-order structure of the sample")
    molecular_overall_type: MoleculeClass = optional("Kind of sample, in the words of EMDB")
    molecular_weight: QuantitySI | None = optional("Molecular weight", unit="Da")
    name_sample: Text = needed("Name of the whole sample")
    source: Text = needed("Where the sample is from: natural host, recombinant, synthetic")


class Molecule(Part):
    """One molecule of the sample."""

    expression_system: Text | None = optional("Scientific name of the expression host")
    gene_name: Text | None = optional("Name of the gene")
    molecular_class: Text | None = optional("Class of the molecule")
    molecular_type: Text | None = optional("Type of the molecule")
    name_mol: Text = needed("Name of the molecule")
    natural_source: Text = needed("Scientific name of the natural host")
    sequence: Text = needed("Whole sequence as it is in the data, without tags cut off")
    taxonomy_id_expression: Text | None = optional("NCBI taxonomy number of the expression host")
    taxonomy_id_source: Text | None = optional("NCBI taxonomy number of the natural host")


class Ligand(Part):
    """One ligand."""

    present: Truth | None = optional("Whether the model holds it")
    reference: Text | None = optional("Where it is described: CCD, PubChem")
    smiles: Text | None = optional("Structure as SMILES")


class Specimen(Part):
    """How the specimen was prepared."""

    buffer: Text | None = optional("Buffer during grid preparation")
    concentration: QuantitySI | None = optional(
        "Concentration of the sample", unit="mg/ml", also=("mM",)
    )
    embedding: Truth | None = optional("Whether it was embedded")
    humidity: QuantitySI | None = optional("Humidity before vitrification", unit="%")
    ph: Number | None = optional("pH of the buffer")
    shadowing: Truth | None = optional("Whether it was shadowed")
    staining: Truth | None = optional("Whether it was stained")
    temperature: QuantitySI | None = optional(
        "Temperature of the chamber before vitrification", unit="K"
    )
    vitrification: Truth | None = optional("Whether it was vitrified")
    vitrification_cryogen: Text | None = optional("Cryogen of the vitrification, such as ethane")


class Grid(Part):
    """The grid and how it was treated."""

    film_material: Text | None = optional("Material of the support film")
    film_support: Truth | None = optional("Whether there is a support film")
    film_thickness: Text | None = optional("Thickness of the support film, as text")
    film_topology: Text | None = optional("Topology of the support film, such as holey")
    manufacturer: Text | None = optional("Who made the grid")
    material: Text | None = optional("Material of the grid, such as copper")
    mesh: Number | None = optional("Lines per inch")
    pretreatment_atmosphere: Text | None = optional("Gas in the chamber during pretreatment")
    pretreatment_pressure: QuantitySI | None = optional(
        "Pressure in the chamber during pretreatment", unit="Pa"
    )
    pretreatment_time: QuantitySI | None = optional("Time of pretreatment", unit="s")
    pretreatment_type: Text | None = optional("Kind of pretreatment, such as glow discharge")


class Sample(Part):
    """Any sample."""

    description: Text = needed("Description")
    grid: Grid | None = optional("Grid")
    ligands: list[Ligand] | None = optional("Ligands")
    molecule: list[Molecule] | None = optional("Molecules")
    name: Text = needed("Name")
    overall_molecule: OverallMolecule | None = optional("The sample as a whole")
    specimen: Specimen | None = optional("How the specimen was prepared")


class SampleMolecular(Part):
    """A sample of purified molecules."""

    description: Text | None = optional("Description")
    grid: Grid | None = optional("Grid")
    ligands: list[Ligand] | None = optional("Ligands")
    molecule: list[Molecule] | None = optional("Molecules")
    name: Text | None = optional("Name")
    overall_molecule: OverallMolecule = needed("The sample as a whole")
    specimen: Specimen | None = optional("How the specimen was prepared")
