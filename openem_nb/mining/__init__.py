"""Mining: the same measurements over all micrographs of a data set, on whatever computes.

>>> import openem_nb as openem
>>> mined = openem.mine("session/Images-Disc1", cs=2.7)  # doctest: +SKIP
>>> mined.frame.nlargest(10, "ctf_resolution")  # doctest: +SKIP
>>> openem.mine("session", cs=2.7, cluster="slurm", workers=40)  # doctest: +SKIP
"""

from __future__ import annotations

from openem_nb.mining.columns import COLUMNS
from openem_nb.mining.engines import read_options
from openem_nb.mining.files import ImageFile, ImageFiles
from openem_nb.mining.mined import Mined, open_mined
from openem_nb.mining.parameters import DEFAULT, MEASURES, Parameters
from openem_nb.mining.pictures import ContactSheet, contact_sheet, histograms, ranked
from openem_nb.mining.run import mine
from openem_nb.mining.sources import images_of, source_of

__all__ = [
    "COLUMNS",
    "DEFAULT",
    "MEASURES",
    "ContactSheet",
    "ImageFile",
    "ImageFiles",
    "Mined",
    "Parameters",
    "contact_sheet",
    "histograms",
    "images_of",
    "mine",
    "open_mined",
    "ranked",
    "read_options",
    "source_of",
]
