"""Measurements: one script per claim, each measures us, the peer and the physical limit."""
