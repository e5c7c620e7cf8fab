"""The plan of a download of raw data, with the commands for large sets."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Final

from openem_nb import transfer
from openem_nb.empiar.identifiers import number

__all__ = ["Plan"]

_GLOBUS: Final = "47772002-3e5b-4fd3-b97c-18cee38d6df2"
"""Globus collection "EMBL-EBI Public Data"."""

_ASPERA: Final = "emp_ext2@hx-fasp-1.ebi.ac.uk"


@dataclass(frozen=True, slots=True)
class Plan(transfer.Plan):
    """Files of an EMPIAR entry that a download would fetch, and commands that fetch them all."""

    @property
    def globus(self) -> str:
        """Shell command that fetches the *whole* entry with the Globus command line (version 3).

        Replace ``YOUR-COLLECTION`` by the id of the collection that the folder is on. The source is
        the public collection of EMBL-EBI, as working scripts use it.
        """
        source = f"{_GLOBUS}:/empiar/world_availability/{number(self.id)}/"
        target = f"YOUR-COLLECTION:{self.folder.absolute()}/"
        return shlex.join(["globus", "transfer", "--recursive", "--label", self.id, source, target])

    @property
    def aspera(self) -> str:
        """Shell command that fetches the *whole* entry with Aspera.

        ``asperaweb_id_dsa.openssh`` is the key that comes with Aspera Connect. The account is the
        one that the archive has published; it changes now and then: if it is refused, take the
        command from the page of the entry.
        """
        key = "asperaweb_id_dsa.openssh"
        source = f"{_ASPERA}:/{number(self.id)}"
        return shlex.join(
            ["ascp", "-QT", "-l", "200M", "-P33001", "-i", key, source, str(self.folder.absolute())]
        )

    def _commands(self) -> list[tuple[str, str]]:
        return [("Whole entry by Globus", self.globus), ("Whole entry by Aspera", self.aspera)]
