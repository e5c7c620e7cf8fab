"""Local stand-ins of EMDB and EMPIAR with invented data whose truth is known.

They speak the services' own dialects over HTTP on loopback, the unpleasant sides included, and go
wrong on demand. Training courses and tests use them; ``python -m openem_nb.practice`` runs them as
a process.
"""

from openem_nb.practice.facility import Facility, RequestRecord, serve
from openem_nb.practice.faults import Fault
from openem_nb.practice.truth import EmdbTruth, EmpiarTruth, GrantTruth, Truth

__all__ = [
    "EmdbTruth",
    "EmpiarTruth",
    "Facility",
    "Fault",
    "GrantTruth",
    "RequestRecord",
    "Truth",
    "serve",
]
