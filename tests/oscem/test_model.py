"""The model passes what the published schemas pass, and nothing else."""

from __future__ import annotations

import copy
import json
from functools import cache
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from _documents import small, spoilt, valid
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openem_nb import oscem, units
from openem_nb.errors import InvalidInput
from openem_nb.oscem import TECHNIQUES
from openem_nb.oscem.document import get_at, set_at

if TYPE_CHECKING:
    from pathlib import Path

QUICK = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
ANY_TECHNIQUE = st.sampled_from(TECHNIQUES)


def judge(schema: dict[str, Any]) -> jsonschema.protocols.Validator:
    kind = jsonschema.Draft201909Validator
    kind.check_schema(schema)
    return kind(schema, format_checker=kind.FORMAT_CHECKER)


@cache
def ours(technique: str) -> jsonschema.protocols.Validator:
    return judge(oscem.json_schema(technique))


@pytest.fixture(scope="module")
def official(samples: Path) -> dict[str, Any]:
    folder = samples / "oscem_schema" / "v1.0.2"
    return {
        technique: judge(
            json.loads((folder / f"oscem_schemas_{technique}.schema.json").read_text("utf-8"))
        )
        for technique in TECHNIQUES
    }


def agree(document: dict[str, Any], technique: str, other: Any) -> None:
    found = oscem.validate(document, technique=technique)
    errors = [f"{error.json_path}: {error.message}" for error in other.iter_errors(document)]
    assert bool(found) is bool(errors), (found, errors)


@QUICK
@given(st.data(), ANY_TECHNIQUE)
def test_what_the_schema_allows_is_valid(data: st.DataObject, technique: str) -> None:
    document = data.draw(valid(technique))
    assert oscem.validate(document, technique=technique) == ()
    assert ours(technique).is_valid(document)


@QUICK
@given(st.data(), ANY_TECHNIQUE)
def test_our_json_schema_gives_the_same_verdict(data: st.DataObject, technique: str) -> None:
    agree(data.draw(spoilt(technique)), technique, ours(technique))


@QUICK
@given(st.data(), ANY_TECHNIQUE)
def test_the_published_schema_gives_the_same_verdict(
    official: dict[str, Any], data: st.DataObject, technique: str
) -> None:
    agree(data.draw(valid(technique)), technique, official[technique])
    agree(data.draw(spoilt(technique)), technique, official[technique])


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_every_field_is_judged_alike(official: dict[str, Any], technique: str) -> None:
    """Each field in turn is misspelt, null, and of every other type."""
    full = _full(technique)
    agree(full, technique, official[technique])
    assert oscem.validate(full, technique=technique) == ()
    for info in oscem.fields(technique):
        path = info.path.replace("[]", "[0]")
        root = path.partition(".")[0]
        document = small(technique) | {root: copy.deepcopy(full[root])}
        holder_path, _, key = path.rpartition(".")
        holder = get_at(document, holder_path) if holder_path else document
        for value in (None, 1, 1.5, 2.0, True, "x", {}, [], {"x": 1}, [1]):
            holder[key] = value
            agree(document, technique, official[technique])
        holder[f"{key}_"] = holder.pop(key)
        agree(document, technique, official[technique])


def _plain(schema: dict[str, Any], definitions: dict[str, Any]) -> Any:
    """Return what a schema asks for, in one form: references followed, words left out."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        inner, null = schema["anyOf"]
        assert null == {"type": "null"}
        plain = _plain(inner, definitions)
        return plain | {"type": tuple(sorted({*plain["type"], "null"}))}
    kinds = schema.get("type", [])
    plain = {"type": tuple(sorted([kinds] if isinstance(kinds, str) else kinds))}
    for key in ("const", "format", "pattern"):
        if key in schema:
            plain[key] = schema[key]
    if "enum" in schema:
        plain["enum"] = tuple(sorted(schema["enum"]))
    if "items" in schema:
        plain["items"] = _plain(schema["items"], definitions)
    if "object" in plain["type"]:
        plain["required"] = tuple(sorted(schema.get("required", ())))
        plain["more"] = schema.get("additionalProperties", True)
        plain["properties"] = {
            name: _plain(one, definitions) for name, one in schema.get("properties", {}).items()
        }
    return plain


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_our_schema_asks_for_exactly_what_the_published_one_asks_for(
    official: dict[str, Any], technique: str
) -> None:
    ours, theirs = oscem.json_schema(technique), official[technique].schema
    assert _plain(ours, ours["$defs"]) == _plain(theirs, theirs["$defs"])


def _full(technique: str) -> dict[str, Any]:
    """Return a document with every field of a technique."""
    values: dict[str, Any] = {
        "number": 1.5,
        "integer": 2,
        "text": "x",
        "truth": True,
        "anything": {"x": [1]},
        "date-time": "2024-08-31T20:03:13Z",
        "date": "2024-08-31",
    }
    document: dict[str, Any] = {}
    for info in oscem.fields(technique):
        kind = info.item or info.type
        if kind == "object":
            continue
        value = info.choices[0] if info.choices else values.get(kind)
        if kind == "quantity":
            value = units.quantity(1, info.unit or "CHF", si=info.si_pair)
        if info.name == "email":
            value = "ada@example.org"
        set_at(document, info.path.replace("[]", "[0]"), [value] if info.item else value)
    return document


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_a_list_of_fields_shows_the_whole_schema(technique: str) -> None:
    fields = oscem.fields(technique)
    paths = [field.path for field in fields]
    assert len(set(paths)) == len(paths) > 130
    by_path = {field.path: field for field in fields}
    assert by_path["acquisition.pixel_size"].unit == "Å"
    assert by_path["acquisition.pixel_size"].required
    assert by_path["acquisition.nominal_defocus.minimal"].unit == "nm"
    assert by_path["acquisition.detectors[].name"].type == "text"
    assert by_path["acquisition.detectors"].item == "object"
    assert by_path["instrument.acceleration_voltage"].si_pair
    assert by_path["organizational.authors[].type_org"].choices[0] == "Academic"
    assert by_path["organizational.authors[].job_title"].type == "truth"
    assert all(field.description for field in fields)
    assert all(units.is_known(field.unit) for field in fields if field.unit)
    for field in fields:
        above = field.path.rpartition(".")[0].removesuffix("[]")
        assert not above or by_path[above].type in ("object", "list")
        assert field.type == "list" or field.item is None


def test_techniques_differ_where_they_should() -> None:
    paths = {technique: {one.path for one in oscem.fields(technique)} for technique in TECHNIQUES}
    assert "processing.volumes[].volume_type" in paths["spa"]
    assert "acquisition.tilt_angle.increment" in paths["subtomo"] - paths["spa"]
    assert "sample.growth_condition.media" in paths["cellular_tomo"] - paths["env_tomo"]
    budget = next(f for f in oscem.fields("spa") if f.path.endswith("budget"))
    assert budget.type == "quantity"
    assert not budget.si_pair


def test_an_unknown_technique_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'helical' is not a technique"):
        oscem.fields("helical")
    with pytest.raises(InvalidInput, match="technique"):
        oscem.validate({}, technique="tomo")


@pytest.mark.parametrize(
    ("path", "value", "is_valid"),
    [
        ("acquisition.beamtiltgroups", 4.0, True),
        ("acquisition.beamtiltgroups", 4.5, False),
        ("acquisition.beamtiltgroups", True, False),
        ("acquisition.beamtiltgroups", "4", False),
        ("acquisition.beamtiltgroups", None, True),
        ("acquisition.pixel_size.value", 1, True),
        ("acquisition.pixel_size.value", True, False),
        ("acquisition.pixel_size.valueSI", None, True),
        ("acquisition.pixel_size", None, False),
        ("acquisition.pixel_size.error", 1, False),
        ("acquisition.date_time", "2024-08-31T20:03:13Z", True),
        ("acquisition.date_time", "2024-08-31t20:03:13z", True),
        ("acquisition.date_time", "2024-08-31T20:03:13.1234567-11:30", True),
        ("acquisition.date_time", "2024-08-31 20:03:13Z", False),
        ("acquisition.date_time", "2024-08-31T20:03:13", False),
        ("acquisition.date_time", "2024-02-30T20:03:13Z", False),
        ("acquisition.date_time", "2024-08-31T20:03:60Z", False),
        ("acquisition.date_time", "0000-01-01T00:00:00Z", False),
        ("acquisition.date_time", "2024-08-31T20:03:13+24:00", False),
        ("acquisition.date_time", "٢٠٢٤-08-31T20:03:13Z", False),
        ("acquisition.technique", "subtomo", False),
        ("acquisition.technique", None, False),
        ("acquisition.detectors", [], True),
        ("acquisition.detectors", {}, False),
        ("acquisition.specialist_optics", {"phaseplate": {"used": True}}, False),
        ("acquisition.specialist_optics", {"phaseplate": None}, True),
        ("acquisition.energy_filter", {"used": False}, False),
        ("sample", None, True),
        ("sample", {"overall_molecule": {"name_sample": "a", "source": "b"}}, True),
        ("sample", {"overall_molecule": None}, False),
        ("sample.overall_molecule", {"name_sample": "a", "source": "b", "assembly": None}, False),
        ("sample.overall_molecule", {"name_sample": "a", "source": "b", "assembly": "X"}, False),
        ("organizational", {"authors": [], "funder": [{"type_org": "Other"}]}, True),
        ("organizational", {"authors": [], "funder": [{"type_org": None}]}, False),
        ("organizational", {"authors": [], "grants": [{"end_date": "2024-01-01"}]}, False),
        ("processing", {"micrographs": {"number_micrographs": 1.5}}, True),
        ("processing.movies", {"descriptors": [{"descriptor_name": "a"}]}, True),
        (
            "processing.movies",
            {"descriptors": [{"descriptor_name": "a", "descriptor_thing": []}]},
            False,
        ),
        (
            "processing",
            {"movies": {"initial_dose": {"value": 1, "unit": "x", "unitSI": "y"}}},
            False,
        ),
        ("anything_at_the_root", [1, {"a": None}], True),
    ],
)
def test_the_oddities_of_the_schema_hold(path: str, value: object, is_valid: bool) -> None:
    document = small()
    set_at(document, path, value)
    assert (oscem.validate(document, technique="spa") == ()) is is_valid
    assert ours("spa").is_valid(document) is is_valid


@pytest.mark.parametrize(
    ("email", "is_valid"),
    [
        ("ada@example.org", True),
        ("a.b+c-d_e@x-y.example.co.uk", True),
        ("ada@example", False),
        ("ada.example.org", False),
        ("o'neil@example.org", False),
        ("ada@example.org\n", False),
        (None, False),
    ],
)
def test_addresses_follow_the_pattern(email: object, is_valid: bool) -> None:
    document = small()
    author = {"email": email, "family_name": "a", "given_name": "b", "type_org": "Academic"}
    document["organizational"] = {"authors": [author]}
    assert (oscem.validate(document) == ()) is is_valid


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_the_published_examples_are_valid(samples: Path, technique: str) -> None:
    file = samples / "oscem_json" / "schema_examples" / f"example_valid_{technique}.json"
    document = oscem.read(file)
    assert oscem.technique_of(document) == technique
    assert oscem.validate(document) == ()


def test_all_samples_are_judged_like_the_published_schema_does(
    samples: Path, official: dict[str, Any]
) -> None:
    files = sorted(samples.glob("**/*.json"))
    judged = 0
    for file in files:
        if "oscem_schema" in file.parts:
            continue
        try:
            document = json.loads(file.read_text("utf-8"))
        except ValueError:
            continue  # one is broken on purpose
        if isinstance(document, dict):
            for technique in TECHNIQUES:
                agree(document, technique, official[technique])
                judged += 1
    assert judged > 100
