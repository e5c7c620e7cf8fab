"""The five schemas of OSC-EM 1.0.2 as classes: what a document may hold, and must.

The classes say what is allowed and what each field means, with the unit in which its numbers are
expected; documents themselves stay plain dictionaries. :func:`openem_nb.oscem.validate` checks a
document against them. Names and rules are those of the published schemas
(https://w3id.org/oscem-schemas), oddities included: ``job_title`` is a truth value, the tilt axis a
plain number, and a slot with choices may be missing but not null.
"""

from __future__ import annotations

from typing import Final

from openem_nb.oscem.model._parts import Part, Root, needed, optional
from openem_nb.oscem.model.acquisition import (
    Acquisition,
    AcquisitionCelTomo,
    AcquisitionEnvTomo,
    AcquisitionSpa,
    AcquisitionSubTomo,
)
from openem_nb.oscem.model.instrument import Instrument
from openem_nb.oscem.model.organizational import Organizational
from openem_nb.oscem.model.processing import Processing
from openem_nb.oscem.model.sample import Sample, SampleMolecular
from openem_nb.oscem.model.sample_env import SampleCell, SampleEnv

__all__ = [
    "DATASETS",
    "EMDatasetCell",
    "EMDatasetEnv",
    "EMDatasetGeneral",
    "EMDatasetSpa",
    "EMDatasetTomo",
    "Part",
    "Root",
]

_ACQUISITION: Final = "How the images were taken"
_INSTRUMENT: Final = "The microscope"
_ORGANIZATIONAL: Final = "People, grants and funders"
_SAMPLE: Final = "The sample"


class EMDatasetSpa(Root):
    """A data set of single particles in ice."""

    acquisition: AcquisitionSpa = needed(_ACQUISITION)
    instrument: Instrument = needed(_INSTRUMENT)
    organizational: Organizational | None = optional(_ORGANIZATIONAL)
    processing: Processing | None = optional("What was computed from the movies")
    sample: SampleMolecular | None = optional(_SAMPLE)


class EMDatasetTomo(Root):
    """A data set of tilt series for subtomogram averaging."""

    acquisition: AcquisitionSubTomo = needed(_ACQUISITION)
    instrument: Instrument = needed(_INSTRUMENT)
    organizational: Organizational | None = optional(_ORGANIZATIONAL)
    sample: SampleMolecular | None = optional(_SAMPLE)


class EMDatasetEnv(Root):
    """A data set of tilt series of a sample from the environment."""

    acquisition: AcquisitionEnvTomo = needed(_ACQUISITION)
    instrument: Instrument = needed(_INSTRUMENT)
    organizational: Organizational | None = optional(_ORGANIZATIONAL)
    sample: SampleEnv | None = optional(_SAMPLE)


class EMDatasetCell(Root):
    """A data set of tilt series of cells."""

    acquisition: AcquisitionCelTomo = needed(_ACQUISITION)
    instrument: Instrument = needed(_INSTRUMENT)
    organizational: Organizational | None = optional(_ORGANIZATIONAL)
    sample: SampleCell | None = optional(_SAMPLE)


class EMDatasetGeneral(Root):
    """A data set of TEM or STEM, with EELS or EDX, as in materials science."""

    acquisition: Acquisition = needed(_ACQUISITION)
    instrument: Instrument = needed(_INSTRUMENT)
    organizational: Organizational | None = optional(_ORGANIZATIONAL)
    sample: Sample | None = optional(_SAMPLE)


DATASETS: Final[dict[str, type[Root]]] = {
    "spa": EMDatasetSpa,
    "subtomo": EMDatasetTomo,
    "env_tomo": EMDatasetEnv,
    "cellular_tomo": EMDatasetCell,
    "general": EMDatasetGeneral,
}
"""The class of a whole document, by technique."""
