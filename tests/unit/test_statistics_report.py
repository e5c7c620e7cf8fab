"""The written report: complete, self-contained, the same twice, and never half there."""

from __future__ import annotations

import hashlib
import os
import re
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path

import matplotlib as mpl
import pandas as pd
import pytest
from _archives import NOTICE, entry, fill, raw
from matplotlib.figure import Figure as Canvas

from openem_nb import emdb, statistics
from openem_nb.errors import CannotWrite
from openem_nb.statistics import reports
from openem_nb.statistics.figures import _annual


def result_of(path: Path, *, notice: str | None = NOTICE) -> statistics.CountryStatistics:
    maps = [
        entry(
            number,
            ("SNSF <script>alert(1)</script>", "Switzerland"),
            deposited=date(2015 + number % 6, 3, 1),
            map_released=date(2016 + number % 6, 3, 1),
            methods=("singleParticle", "tomography")[: 1 + number % 2],
            resolution=1.5 + number % 9,
            citation=emdb.Citation(
                title="T", journal="J", year=2020, doi="10.1/a<b>", pubmed=None, published=True
            ),
        )
        for number in range(1, 60)
    ]
    images = [
        raw(10000 + number, f"EMD-{number:04d}", released=date(2020, 1, 1) + timedelta(number))
        for number in range(1, 12)
    ]
    fill(path, maps, images, harvested=date(2022, 5, 1), notice=notice)
    with statistics.archive(path) as archive:
        return statistics.swiss(date(2021, 12, 31), archive=archive)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> statistics.CountryStatistics:
    return result_of(tmp_path_factory.mktemp("archive") / "a.duckdb")


@pytest.fixture(scope="module")
def written(result: statistics.CountryStatistics, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of a report that tests only read."""
    return statistics.write_report(result, tmp_path_factory.mktemp("report") / "new" / "folder")


def contents(folder: Path) -> dict[str, str]:
    return {
        str(item.relative_to(folder)): hashlib.sha256(item.read_bytes()).hexdigest()
        for item in sorted(folder.rglob("*"))
        if item.is_file()
    }


class Page(HTMLParser):
    """Collects what a test asks about."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, *names: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag in names]


def test_everything_is_written(result: statistics.CountryStatistics, written: Path) -> None:
    assert written.name == "report.html"
    folder = written.parent
    names = set(contents(folder))
    assert {f"tables/{name}.csv" for name in result.tables} <= names
    for figure in ("annual", "cumulative", "delay", "methods"):
        assert {f"figures/{figure}.svg", f"figures/{figure}.png"} <= names
    assert (folder / "summary.txt").read_text("utf-8").splitlines() == result.headline()
    assert sorted(item.name for item in folder.iterdir()) == [
        "figures",
        "report.html",
        "summary.txt",
        "tables",
    ]
    guide = (folder / "tables" / "README.txt").read_text("utf-8")
    assert all(f"{name}.csv: " in guide for name in result.tables)


def test_two_reports_are_the_same(tmp_path: Path) -> None:
    result = result_of(tmp_path / "a.duckdb")
    statistics.write_report(result, tmp_path / "one")
    with statistics.archive(tmp_path / "a.duckdb") as archive:
        again = statistics.swiss(date(2021, 12, 31), archive=archive)
    statistics.write_report(again, tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_csv_tables_hold_the_numbers(result: statistics.CountryStatistics, written: Path) -> None:
    tables = written.parent / "tables"
    annual = pd.read_csv(tables / "annual.csv")
    assert annual["entries"].sum() == result.entries == 59
    entries = (tables / "entries.csv").read_text("utf-8").splitlines()
    assert entries[1].startswith("EMD-0006,Map 6 of <a> & b,2015-03-01,2016-03-01,2015,")
    assert "singleParticle; tomography" in "".join(entries)


def test_the_page_needs_nothing_else(tmp_path: Path) -> None:
    result = result_of(tmp_path / "a.duckdb", notice=None)
    text = statistics.write_report(result, tmp_path / "out").read_text("utf-8")
    page = Page(text)
    assert not page.all("script", "link", "iframe", "object", "embed", "base")
    assert all((image["src"] or "").startswith("data:image/") for image in page.all("img"))
    assert "url(" not in text
    assert "@import" not in text
    links = [attributes["href"] or "" for attributes in page.all("a")]
    assert links
    assert all(link.startswith(("#", "https://")) for link in links)
    assert "<script>alert" not in text
    assert "SNSF &lt;script&gt;" in text
    assert "https://doi.org/10.1/a%3Cb%3E" in links
    assert "https://www.ebi.ac.uk/emdb/EMD-0012" in links
    assert "https://www.ebi.ac.uk/empiar/EMPIAR-10001" in links
    table = pd.read_csv(tmp_path / "out" / "tables" / "work_list.csv")
    assert table["link"].str.startswith("https://").all()


def test_invented_entries_have_no_links(written: Path) -> None:
    text = written.read_text("utf-8")
    assert all((a["href"] or "").startswith("#") for a in Page(text).all("a"))
    assert "EMD-0012" in text
    for name in ("work_list", "entries", "empiar"):
        table = pd.read_csv(written.parent / "tables" / f"{name}.csv")
        assert len(table)
        assert table["link"].isna().all()


def test_a_report_of_some_years_says_so(tmp_path: Path) -> None:
    whole = result_of(tmp_path / "a.duckdb")
    assert whole.years_note is None
    with statistics.archive(tmp_path / "a.duckdb") as archive:
        result = statistics.swiss(whole.as_of, years=(2017, 2018), archive=archive)
    note = result.years_note
    assert note
    assert "2017 to 2018 of 2015 to 2021: 20 of the 59 EMDB entries of Switzerland" in note
    text = statistics.write_report(result, tmp_path / "out").read_text("utf-8")
    assert note in text
    assert note in (tmp_path / "out" / "summary.txt").read_text("utf-8")
    assert "2017 to 2018 are shown" in statistics.figures(result)[0].caption
    assert "are shown" not in statistics.figures(whole)[0].caption


def test_the_page_can_be_read_by_everyone(written: Path) -> None:
    text = written.read_text("utf-8")
    page = Page(text)
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("caption")) == len(page.all("table")) > 10
    assert all(header.get("scope") in {"col", "row"} for header in page.all("th"))
    assert len(page.all("img")) == 4
    assert all(len(image["alt"] or "") > 60 for image in page.all("img"))
    targets = {attributes.get("id") for _, attributes in page.tags}
    anchors = {(a["href"] or "")[1:] for a in page.all("a") if (a["href"] or "")[0] == "#"}
    assert anchors <= targets
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert set(levels[1:]) == {2}


def test_method_and_provenance_are_there(
    result: statistics.CountryStatistics, written: Path
) -> None:
    text = written.read_text("utf-8")
    assert result.fingerprint in text
    for words in (*statistics.DEFINITIONS, *result.provenance):
        assert words in text
    for warning in result.warnings:
        assert warning in text


def test_practice_data_say_so_everywhere(tmp_path: Path) -> None:
    statistics.write_report(result_of(tmp_path / "a.duckdb"), tmp_path / "out")
    out = tmp_path / "out"
    assert Page((out / "report.html").read_text("utf-8")).all("div")[0]["class"] == "banner"
    for name in ("report.html", "summary.txt", "tables/README.txt"):
        assert NOTICE in (out / name).read_text("utf-8")
    for figure in (out / "figures").glob("*.svg"):
        assert "Practice data" in figure.read_text("utf-8")
    real = result_of(tmp_path / "b.duckdb", notice=None)
    statistics.write_report(real, tmp_path / "real")
    for name in ("report.html", "summary.txt", "tables/README.txt"):
        text = (tmp_path / "real" / name).read_text("utf-8")
        assert 'class="banner"' not in text
        assert NOTICE not in text
    pictures = contents(out / "figures"), contents(tmp_path / "real" / "figures")
    assert all(pictures[0][name] != pictures[1][name] for name in pictures[0])


def test_a_new_report_replaces_an_old_one(
    result: statistics.CountryStatistics, tmp_path: Path
) -> None:
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "old.csv").write_text("old")
    (tmp_path / "mine.txt").write_text("mine")
    statistics.write_report(result, tmp_path)
    assert not (tmp_path / "tables" / "old.csv").exists()
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert not list(tmp_path.glob(".report-*"))


def test_a_failure_keeps_the_old_report(
    result: statistics.CountryStatistics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    statistics.write_report(result, out)
    before = contents(out)

    def full(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(reports, "_page", full)
    with pytest.raises(CannotWrite, match="No space left") as caught:
        statistics.write_report(result, out)
    assert caught.value.hint
    assert contents(out) == before
    with pytest.raises(CannotWrite):
        statistics.write_report(result, tmp_path / "never")
    assert not list((tmp_path / "never").iterdir())


@pytest.mark.skipif(os.name != "posix", reason="folder modes")
def test_a_folder_that_cannot_be_made(result: statistics.CountryStatistics, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite):
        statistics.write_report(result, tmp_path / "file" / "out")
    with pytest.raises(CannotWrite):
        statistics.write_report(result, Path("/proc/none"))


def test_figures_of_a_country_without_maps(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    fill(path, [entry(1, ("x", "Japan")), entry(2, ("x", "Switzerland"), status="OBS")])
    with statistics.archive(path) as archive:
        result = statistics.swiss(date(2021, 1, 1), archive=archive)
    drawn = statistics.figures(result)
    assert [figure.name for figure in drawn] == ["annual", "cumulative", "delay", "methods"]
    assert statistics.write_report(result, tmp_path / "out").exists()


def test_figures_leave_the_style_of_others_alone(
    result: statistics.CountryStatistics,
) -> None:
    before = dict(mpl.rcParams)
    figure = statistics.figures(result)[0]
    assert dict(mpl.rcParams) == before
    data, metadata = figure._repr_mimebundle_()
    assert data["image/png"].startswith(b"\x89PNG")
    assert metadata["image/png"]["alt"] == data["text/plain"] == figure.alt


def uneven_result(path: Path) -> statistics.CountryStatistics:
    """A foreign map of 2010, then Swiss ones: 6 of 2014, 2 of 2016, 5 of 2018."""
    years = [2010, *[2014] * 6, *[2016] * 2, *[2018] * 5]
    maps = [
        entry(
            number,
            (f"Funder {number}", "Switzerland" if year > 2010 else "France"),
            deposited=date(year, 3, 1),
            map_released=date(year, 9, 1),
        )
        for number, year in enumerate(years, 1)
    ]
    fill(path, maps, [], harvested=date(2022, 5, 1))
    with statistics.archive(path) as archive:
        return statistics.swiss(date(2021, 12, 31), archive=archive)


def test_the_years_begin_with_the_country_and_are_shown_whole(tmp_path: Path) -> None:
    result = uneven_result(tmp_path / "a.duckdb")
    text = statistics.write_report(result, tmp_path / "out").read_text("utf-8")
    shown = text[text.index("<caption>By deposition year") :].split("</table>")[0]
    assert re.findall(r'<th scope="row"[^>]*>(\d+)', shown) == [str(y) for y in range(2014, 2022)]
    assert "the shown years before it are in tables/annual.csv" in shown
    assert pd.read_csv(tmp_path / "out" / "tables" / "annual.csv")["year"].min() == 2010


def test_a_long_table_says_that_it_scrolls(written: Path) -> None:
    text = written.read_text("utf-8")
    page = Page(text)
    hints = re.findall(r'id="([\w-]+-hint)">([\d,]+) rows, scroll<', text)
    assert ("matches-hint", "50") in hints
    boxes = [box for box in page.all("div") if box.get("tabindex") == "0"]
    assert [box["aria-describedby"] for box in boxes] == [name for name, _ in hints]
    assert "annual-hint" not in text


def test_the_share_breaks_at_years_with_few_maps(tmp_path: Path) -> None:
    result = uneven_result(tmp_path / "a.duckdb")
    axes = Canvas().add_subplot()
    _annual(result, axes)
    other = next(twin for twin in axes.figure.axes if twin is not axes)
    line = next(line for line in other.lines if "Switzerland" in str(line.get_label()))
    drawn = dict(zip(line.get_xdata(), line.get_ydata(), strict=True))
    assert {year for year, share in drawn.items() if share == share} == {2014, 2018}
    assert set(drawn) == set(range(2014, 2022))
