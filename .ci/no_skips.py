"""Fail when a test was skipped for want of a browser or a service; only missing real samples may skip."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET

ALLOWED = "real samples"

skipped = [
    (case.get("classname"), case.get("name"), skip.get("message") or "")
    for case in ET.parse(sys.argv[1]).iter("testcase")
    for skip in case.findall("skipped")
]
wrong = [entry for entry in skipped if ALLOWED not in entry[2]]
for entry in wrong:
    print("skipped:", *entry)
sys.exit(1 if wrong else 0)
