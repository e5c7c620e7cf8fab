"""JSON Schema and JSON-LD context that are made from the model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from openem_nb import oscem
from openem_nb.oscem import TECHNIQUES

if TYPE_CHECKING:
    from pathlib import Path

HOME = "https://w3id.org/oscem-schemas/latest/"


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_a_json_schema_says_units_and_what_is_needed(technique: str) -> None:
    schema = oscem.json_schema(technique)
    assert schema["$schema"] == "https://json-schema.org/draft/2019-09/schema"
    assert schema["required"] == ["acquisition", "instrument"]
    assert schema["additionalProperties"] is True
    instrument = schema["$defs"]["Instrument"]
    assert instrument["additionalProperties"] is False
    assert instrument["properties"]["acceleration_voltage"]["unit"] == "kV"
    assert '"default"' not in json.dumps(schema)
    schema.clear()  # it is a copy
    assert oscem.json_schema(technique)


def test_a_context_leads_to_full_terms() -> None:
    context = oscem.context("spa")["@context"]
    assert context["@vocab"] == f"{HOME}spa/"
    assert context["pixel_size"] == {"@id": f"{HOME}acquisition/pixel_size", "@type": "@id"}
    assert context["date_time"]["@type"] == "xsd:dateTime"
    assert context["family_name"]["@id"] == "http://schema.org/familyName"
    assert context["defocus"]["@id"] == f"{HOME}ctfs/defocus"
    tilt = oscem.context("subtomo")["@context"]["tilt_axis_angle"]
    assert tilt == {"@id": f"{HOME}tomography/tilt_axis_angle", "@type": "xsd:float"}


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_a_context_has_the_published_terms(samples: Path, technique: str) -> None:
    """The published contexts use prefixes that they do not define; the vocabularies are theirs."""
    file = samples / "oscem_schema" / "v1.0.2" / "jsonld"
    file /= f"oscem_schemas_{technique}.context.jsonld"
    published = json.loads(file.read_text("utf-8"))["@context"]
    homes = {
        "schema": "http://schema.org/",
        "qudt": "http://qudt.org/schema/qudt/",
        "oscem": HOME,
        "tomo": f"{HOME}tomo",
        "ctf": f"{HOME}ctfs/",
        "sample_env": f"{HOME}environmental_sample/",
    }
    ours = {
        name: term
        for name, term in oscem.context(technique)["@context"].items()
        if isinstance(term, dict)
    }
    assert len(ours) > 110
    for name, term in ours.items():
        prefix, colon, local = published[name]["@id"].partition(":")
        iri = homes.get(prefix, f"{HOME}{prefix}/") + local if colon else HOME + prefix
        assert term["@id"] == iri, name
        assert term.get("@type") == published[name].get("@type"), name
