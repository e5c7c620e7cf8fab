"""Practice SciCat: two instances with invented data sets, in the dialects of PSI and ETHZ."""

from openem_nb.practice.scicat.service import ScicatService

__all__ = ["ScicatService"]
