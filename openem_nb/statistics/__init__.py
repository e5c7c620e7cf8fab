"""The local archive of EMDB and EMPIAR metadata, and the statistics of a country.

>>> from openem_nb import statistics
>>> statistics.harvest()                                                # doctest: +SKIP
>>> result = statistics.swiss(as_of="2024-11-12")                       # doctest: +SKIP
>>> statistics.write_report(result, "report")                           # doctest: +SKIP
>>> statistics.archive().sql("SELECT year(deposited), count(*) FROM emdb_entries GROUP BY 1")  #
doctest: +SKIP
"""

from __future__ import annotations

from openem_nb.statistics.archives import Archive, archive
from openem_nb.statistics.checks import check
from openem_nb.statistics.countries import CountryStatistics, swiss
from openem_nb.statistics.definitions import DEFINITIONS
from openem_nb.statistics.figures import Figure, figures
from openem_nb.statistics.harvests import HarvestReport, harvest
from openem_nb.statistics.reports import write_report

__all__ = [
    "DEFINITIONS",
    "Archive",
    "CountryStatistics",
    "Figure",
    "HarvestReport",
    "archive",
    "check",
    "figures",
    "harvest",
    "swiss",
    "write_report",
]
