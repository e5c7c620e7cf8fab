"""Practice micrographs: counts of electrons as a detector gives them, whose truth is known.

>>> from openem_nb.practice import micrographs
>>> counts, truth = micrographs.simulate((512, 512), defocus_u=12_000, seed=3)
>>> counts.shape, truth.defocus_u
((512, 512), 12000)
"""

from openem_nb.practice.micrographs._simulate import simulate
from openem_nb.practice.micrographs._write import FAULTS, KINDS, write_dataset
from openem_nb.practice.micrographs.truth import DatasetTruth, MicrographTruth

__all__ = ["FAULTS", "KINDS", "DatasetTruth", "MicrographTruth", "simulate", "write_dataset"]
