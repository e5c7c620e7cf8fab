"""Practice sessions: folders as microscopes leave them, with invented values whose truth is known.

>>> from openem_nb.practice import sessions
>>> truth = sessions.write_session("practice-session", kind="epu", images=50)  # doctest: +SKIP
>>> truth.values["acquisition.pixel_size"]  # doctest: +SKIP
(0.831, 'Å')
"""

from openem_nb.practice.sessions._write import INSTRUMENT, KINDS, write_session
from openem_nb.practice.sessions.truth import FaultName, SessionKind, SessionTruth

__all__ = ["INSTRUMENT", "KINDS", "FaultName", "SessionKind", "SessionTruth", "write_session"]
