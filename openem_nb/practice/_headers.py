"""Header files of entries: EMDB XML, mmCIF and FSC curve, EMPIAR XML; short, but right."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from openem_nb.practice._half_maps import true_fsc

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openem_nb.practice._empiar_entry import ImageSet
    from openem_nb.practice.truth import EmdbTruth, EmpiarTruth

__all__ = ["emdb_cif", "emdb_fsc", "emdb_header", "empiar_header"]


def emdb_header(entry: EmdbTruth) -> bytes:
    """Return the start of an entry's v3 header: its ``admin`` part."""
    authors = "".join(f"<author>{escape(name)}</author>" for name in entry.authors)
    grants = "".join(
        "<grant_reference>"
        f"<funding_body>{escape(grant.funder)}</funding_body>"
        + (f"<code>{escape(grant.code)}</code>" if grant.code else "")
        + (f"<country>{escape(grant.country)}</country>" if grant.country else "")
        + "</grant_reference>"
        for grant in entry.grants
    )
    text = f"""<?xml version="1.0" encoding="UTF-8"?>
<!-- practice data -->
<emd emdb_id="{entry.emdb_id}" version="3.0.2.0">
    <admin>
        <current_status><date>{entry.updated}</date><code>{entry.status}</code></current_status>
        <sites><deposition>{entry.site}</deposition></sites>
        <key_dates>
            <deposition>{entry.deposited}</deposition>
            <header_release>{entry.header_released}</header_release>
            <map_release>{entry.map_released}</map_release>
            <update>{entry.updated}</update>
        </key_dates>
        {f"<grant_support>{grants}</grant_support>" if grants else ""}
        <title>{escape(entry.title)}</title>
        <authors_list>{authors}</authors_list>
    </admin>
</emd>
"""
    return text.encode()


def emdb_cif(entry: EmdbTruth) -> bytes:
    """Return a few items of an entry as mmCIF."""
    title = entry.title.replace("\n", " ")
    lines = (
        f"data_{entry.emdb_id}",
        f"_em_admin.entry_id         {entry.emdb_id}",
        f"_em_admin.current_status   {entry.status}",
        f"_em_admin.deposition_date  {entry.deposited}",
        f"_em_admin.map_release_date {entry.map_released}",
        f"_em_admin.title\n;{title}\n;",
        f"_em_experiment.entry_id    {entry.emdb_id}",
        f"_em_experiment.reconstruction_method  {quoteattr(entry.method)}",
    )
    return ("\n".join(lines) + "\n").encode()


def emdb_fsc(entry: EmdbTruth) -> bytes:
    """Return an FSC curve that falls through 0.143 at the stated resolution."""
    resolution = entry.resolution or 10
    steps = 40
    points = []
    for step in range(steps + 1):
        frequency = 1.6 * step / steps / resolution
        value = true_fsc(frequency, resolution)
        points.append(f"<coordinate><x>{frequency:.5f}</x><y>{value:.4f}</y></coordinate>")
    axes = 'title="FSC" xaxis="Resolution (A-1)" yaxis="Correlation Coefficient"'
    return f"<fsc {axes}>{''.join(points)}</fsc>\n".encode()


def empiar_header(entry: EmpiarTruth, sets: Iterable[ImageSet]) -> bytes:
    """Return an entry's header; text in it is escaped twice, as in the real ones."""

    def twice(text: str) -> str:
        return escape(escape(text))

    surname, _, initials = entry.authors[-1].rpartition(" ")
    size, _, unit = entry.size_text.partition(" ")
    references = "".join(f"<emdbEntry>{twice(text)}</emdbEntry>" for text in entry.references)
    authors = "".join(f"<author>{twice(name)}</author>" for name in entry.authors)
    images = "".join(
        f"<imageSet><name>{twice(part.name)}</name><directory>/{twice(part.directory)}</directory>"
        f"<category>{part.category}</category></imageSet>"
        for part in sets
    )
    attributes = f'xmlns="http://pdbe.org/empiar" accessionCode="{entry.empiar_id}"'
    text = f"""<entry {attributes} public="true">
    <!-- practice data -->
    <admin>
        <currentStatus>{entry.status}</currentStatus>
        <keyDates>
            <depositionDate>{entry.deposited}</depositionDate>
            <releaseDate>{entry.released}</releaseDate>
            <updateDate>{entry.updated}</updateDate>
        </keyDates>
        <title>{twice(entry.title)}</title>
        <correspondingAuthor>
            <firstName>{initials}</firstName><lastName>{twice(surname)}</lastName>
            <organization type="academic">{twice("Institute of Practice & Training")}</organization>
            <country>{entry.country}</country>
        </correspondingAuthor>
        <authorsList>{authors}</authorsList>
        <datasetSize units="{unit}">{size}</datasetSize>
        <entryDOI>10.6019/{entry.empiar_id}</entryDOI>
        <experimentType>{entry.experiment_type}</experimentType>
    </admin>
    <crossReferences><relatedEMDBEntries>{references}</relatedEMDBEntries></crossReferences>
    {images}
</entry>
"""
    return text.encode()
