"""Show one EMDB entry as the service's JSON, with the shapes that real answers have.

Text of an element is ``valueOf_`` and a string even for numbers; a key may be missing, null, a
list, or the bare object where the list would have one; the angstrom sign is U+212B. Which entry
shows which shape is drawn from its number, so that an entry always looks the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from openem_nb.practice import _vocabulary as words
from openem_nb.practice._emdb_experiment import determinations, sample
from openem_nb.practice._emdb_maps import file_names, interpretation, map_json
from openem_nb.practice._shapes import one_or_list, rng_of

if TYPE_CHECKING:
    import datetime as dt
    import random

    from openem_nb.practice._shapes import Json
    from openem_nb.practice.truth import EmdbTruth, GrantTruth

__all__ = ["entry_json"]


def _day(day: dt.date) -> str:
    return f"{day.isoformat()}T00:00:00"


def entry_json(entry: EmdbTruth, seed: int) -> Json:
    """Return an entry as ``/entry`` and ``/search`` give it; hidden where it is not released."""
    rng = rng_of(entry, seed, 0)
    data: Json = {}
    if rng.random() < 0.85:
        data["_id"] = f"{rng.getrandbits(96):024x}"
    data["admin"] = _admin(rng, entry)
    data["crossreferences"] = _references(rng, entry)
    data["emdb_id"] = entry.emdb_id
    if entry.visible:
        files = file_names(entry, seed)
        inside = interpretation(rng, entry, seed, files)
        if inside:
            data["interpretation"] = inside
        if files["map"]:
            data["map"] = map_json(rng, entry, seed, files["map"][0], "primary")
    data["sample"] = sample(rng, entry)
    data["structure_determination_list"] = {
        "structure_determination": one_or_list(rng, determinations(rng, entry), 0.03)
    }
    data["version"] = rng.choice(("3.0.2.0", "3.0.2.8", "3.0.9.3", "3.0.11.0"))
    return data


def _grant(rng: random.Random, grant: GrantTruth) -> Json:
    item: Json = {}
    if grant.code is not None:
        item["code"] = grant.code
    if grant.country is not None:
        item["country"] = grant.country
    elif rng.random() < 0.3:
        item["country"] = rng.choice((None, ""))
    item["funding_body"] = grant.funder
    item["instance_type"] = "grant_reference"
    return item


def _admin(rng: random.Random, entry: EmdbTruth) -> Json:
    status = {
        "code": {"valueOf_": entry.status},
        "date": _day(entry.updated),
        "processing_site": entry.site,
    }
    dates: Json = {"deposition": _day(entry.deposited)}
    if entry.header_released:
        dates["header_release"] = _day(entry.header_released)
    if entry.map_released:
        dates["map_release"] = _day(entry.map_released)
    if entry.obsoleted:
        dates["obsolete"] = _day(entry.obsoleted)
    dates["update"] = _day(entry.updated)
    sites = {"deposition": entry.site, "last_processing": entry.site}
    admin: Json = {"current_status": status, "key_dates": dates, "sites": sites}
    if not entry.visible:
        hidden = rng.choice(("SUPPRESSED", "Suppressed"))
        admin["title"] = hidden
        admin["authors_list"] = {
            "author": [{"instance_type": "author", "valueOf_": "Suppressed, X."}]
        }
        if rng.random() < 0.5:
            grants = [
                {"country": hidden, "funding_body": hidden, "instance_type": "grant_reference"}
            ]
            admin["grant_support"] = {"grant_reference": grants}
        return admin
    authors: list[Json] = [{"instance_type": "author", "valueOf_": name} for name in entry.authors]
    if rng.random() < 0.3:
        authors[0]["ORCID"] = f"0000-0002-{rng.randrange(1000, 9999)}-{rng.randrange(1000, 9999)}"
    admin["authors_list"] = {"author": one_or_list(rng, authors, 0.5)}
    if entry.grants:
        grants = [_grant(rng, grant) for grant in entry.grants]
        admin["grant_support"] = {"grant_reference": one_or_list(rng, grants, 0.15)}
    elif rng.random() < 0.05:
        admin["grant_support"] = None
    if entry.status == "OBS" and entry.superseded_by:
        replaced = [{"date": dates["obsolete"], "entry": new} for new in entry.superseded_by]
        admin["superseded_by_list"] = {"entry": one_or_list(rng, replaced, 0.3)}
    if rng.random() < 0.6:
        admin["keywords"] = (
            f"{entry.sample.split()[-1]}, {rng.choice(('MEMBRANE PROTEIN', 'RIBOSOME', 'VIRUS'))}"
        )
    if entry.deposited.year >= 2024:
        first = {
            "instance_type": "primary_map",
            "provider": "REPOSITORY",
            "revision_type": "INITIAL_RELEASE",
        }
        released = _day(entry.map_released or entry.updated)
        revision = {"change_list": {"revision_change_sub_group": [first]}, "date": released}
        admin["revision_history"] = {
            "revision": [{**revision, "instance_type": "revision", "version": "1.0"}]
        }
    admin["title"] = entry.title
    return admin


def _references(rng: random.Random, entry: EmdbTruth) -> Json:
    references: Json = {}
    if not entry.visible:
        return references
    if rng.random() > 0.02 or entry.doi:
        references["citation_list"] = {"primary_citation": {"citation_type": _citation(rng, entry)}}
    if rng.random() < (0.3 if entry.deposited.year >= 2025 else 0.7):
        items: list[Json] = [
            {
                "emdb_id": other,
                "instance_type": "emdb_reference",
                "relationship": {
                    "other": "associated EM volume" if other == entry.emdb_id else "other EM volume"
                },
            }
            for other in entry.related
        ]
        references["emdb_list"] = {"emdb_reference": items}
    elif entry.deposited.year >= 2025:
        items = [
            {
                "accession_id": other,
                "content_type": "associated EM volume"
                if other == entry.emdb_id
                else "other EM volume",
                "db_name": "EMDB",
                "details": entry.title,
                "instance_type": "db_reference",
            }
            for other in entry.related
        ]
        references["other_db_list"] = {"db_reference": items}
    if entry.pdb_ids:
        models: list[Json] = [
            {
                "instance_type": "pdb_reference",
                "pdb_id": pdb_id,
                "relationship": {"in_frame": "FULLOVERLAP"},
            }
            for pdb_id in entry.pdb_ids
        ]
        references["pdb_list"] = {"pdb_reference": one_or_list(rng, models, 0.04)}
    elif rng.random() < 0.06:
        references["pdb_list"] = None
    return references


def _citation(rng: random.Random, entry: EmdbTruth) -> Json:
    authors: list[Json] = [
        {"instance_type": "author", "order": order, "valueOf_": name}
        for order, name in enumerate(entry.authors, 1)
    ]
    paper: Json = {"author": one_or_list(rng, authors, 0.3)}
    external: list[tuple[str, str]] = []
    if entry.pubmed and entry.journal:
        external.append(("PUBMED", entry.pubmed))
    if entry.doi:
        external.append(("DOI", f"doi:{entry.doi}"))
    if entry.journal is None:
        external.append(("CSD", "0353"))
        paper |= {
            "journal": "To Be Published",
            "journal_abbreviation": "To Be Published",
            "published": False,
        }
    else:
        journal = next((j for j in words.JOURNALS if j[0] == entry.journal), words.JOURNALS[0])
        if entry.citation_country and rng.random() < 0.7:
            paper["country"] = entry.citation_country
        external.append(("ISSN", journal[2]))
        external += [
            (kind, code) for kind, code in (("CSD", journal[3]), ("ASTM", journal[4])) if code
        ]
        paper |= {
            "journal": entry.journal,
            "journal_abbreviation": entry.journal,
            "published": True,
        }
        paper |= {"year": str(entry.citation_year), "volume": str(rng.randrange(1, 600))}
    paper["external_references"] = [
        {"instance_type": "external_references", "type_": kind, "valueOf_": value}
        for kind, value in external
    ]
    paper["title"] = f"{entry.sample}."
    return paper
