"""The InspectPanel with images that are far away: an EMPIAR entry, a data set in the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import openem_nb as openem
from openem_nb import empiar, mining, scicat, settings
from openem_nb.errors import NotOnDisk
from openem_nb.panels import _inspect_thumbnails
from openem_nb.panels.inspect import InspectPanel
from openem_nb.practice import serve
from openem_nb.practice.faults import Fault
from openem_nb.tokens import Secret
from openem_nb.values import format_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openem_nb.practice import Facility

ENTRY = "EMPIAR-10028"
ONLY = "*Micrographs/*.mrc"


@pytest.fixture(scope="module")
def running() -> Iterator[Facility]:
    with serve(entries=60, seed=5, datasets=0, tape_seconds=0.05) as facility:
        yield facility


@pytest.fixture
def here(running: Facility, monkeypatch: pytest.MonkeyPatch) -> Iterator[Facility]:
    monkeypatch.setenv("OPENEM_PROFILE", "practice")
    monkeypatch.setenv("OPENEM_PRACTICE_URL", running.url)
    scicat.login_with("ada", Secret("practice"), "practice")
    yield running
    running.clear_faults()


def listed(closing: Any, until: Any, source: Any, **options: Any) -> InspectPanel:
    """Open a panel, and wait for its list of images."""
    panel: InspectPanel = closing(InspectPanel(source, **options))
    panel.job.result(120)
    until(lambda: panel.making is not None and panel.making.done)
    return panel


def looked_at(panel: InspectPanel, ask: Any, rows: list[int]) -> Any:
    """Ask as a front end does for what comes into sight."""
    return ask(panel.gallery, "thumbnails", rows=rows)["content"]["pictures"]


def pixels_asked(facility: Facility) -> int:
    return sum(one.path.endswith(".mrc") for one in facility.requests)


def test_only_what_comes_into_sight_is_fetched(
    closing: Any, until: Any, ask: Any, here: Facility
) -> None:
    before = pixels_asked(here)
    panel = listed(closing, until, ENTRY, pattern=ONLY)
    assert len(panel.frame) == 12
    assert pixels_asked(here) == before
    assert panel.fetching is None
    assert "12 images." in panel.summary.value
    assert "as you look at them: 0 B fetched; all of them have 6.3" in panel.summary.value
    assert here.description()["notice"] in panel.banner.value
    looked_at(panel, ask, [3, 4])
    until(lambda: panel.fetching is not None and panel.fetching.done)
    assert panel.frame["width"].notna().sum() in (0, 2)
    until(lambda: panel.frame["width"].notna().sum() == 2)
    assert panel.frame["width"].notna().tolist()[3:5] == [True, True]
    assert 2 * 525_312 <= panel.thumbnails.fetched <= 2.4 * 525_312
    until(lambda: f" {format_bytes(panel.thumbnails.fetched)} fetched;" in panel.summary.value)
    names = panel.frame["name"].tolist()
    assert panel.thumbnails.picture(names[3], {}) is not None
    asked = pixels_asked(here)
    panel.close()
    again = listed(closing, until, empiar.entry(ENTRY), pattern=ONLY)  # kept from the last time
    assert again.thumbnails.picture(names[3], {}) is not None
    until(lambda: again.frame["width"].notna().sum() == 2)
    assert pixels_asked(here) == asked
    assert not list(settings.folders().data.rglob("*.mrc"))


def test_of_an_entry_that_is_here_in_part_the_rest_is_counted(
    closing: Any, until: Any, here: Facility
) -> None:
    empiar.download(ENTRY, pattern=ONLY, limit=10)
    panel = listed(closing, until, ENTRY, pattern=ONLY)
    rest = format_bytes(panel.files.far_size)
    assert rest == format_bytes(sum(one.size for one in panel.files if one.far is not None))
    assert panel.files.far_size < panel.files.size / 5
    assert "2 of them are read over the network as you look at them" in panel.summary.value
    assert f"0 B fetched; what is not here has {rest}." in panel.summary.value
    assert f"To measure all of them, {rest} are fetched" in panel.measure.words.value


def test_facts_of_the_entry_stand_beside_the_images(
    closing: Any, until: Any, here: Facility
) -> None:
    panel = listed(closing, until, ENTRY, pattern=ONLY)
    entry = empiar.entry(ENTRY)
    assert entry.title.partition(" ")[0] in panel.about.value
    assert "1.77 Å a pixel" in panel.about.value
    assert entry.imagesets[0].directory in panel.about.value
    assert panel.gallery.label == f"Images of {ENTRY}"
    assert panel.folder is None


def test_enough_is_enough_until_somebody_says_more(
    closing: Any, until: Any, ask: Any, here: Facility, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_inspect_thumbnails, "UNASKED", 1_200_000)
    monkeypatch.setattr(_inspect_thumbnails, "_FETCHES", 1)
    panel = listed(closing, until, ENTRY, pattern=ONLY)
    looked_at(panel, ask, list(range(12)))
    until(lambda: panel.more.layout.display == "")
    assert 1_200_000 <= panel.thumbnails.fetched < 2_400_000
    assert "No more is fetched unasked" in panel.summary.value
    fetched = panel.thumbnails.fetched
    looked_at(panel, ask, [0, 1])
    assert panel.thumbnails.fetched == fetched
    for _ in range(8):
        until(lambda: panel.more.layout.display == "" or panel.frame["width"].notna().all())
        panel.more.click()
        until(lambda: panel.fetching.done)
    until(lambda: panel.frame["width"].notna().all())
    until(lambda: panel.more.layout.display == "none")
    assert panel.thumbnails.waiting is False


def test_fetching_is_cancelled_and_goes_on_when_asked(
    closing: Any, until: Any, ask: Any, here: Facility, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_inspect_thumbnails, "_FETCHES", 1)
    panel = listed(closing, until, ENTRY, pattern=ONLY)
    here.add_fault(Fault("delay", path=".mrc", seconds=0.3))
    looked_at(panel, ask, list(range(12)))
    until(lambda: panel.fetching is not None)
    panel.fetching.cancel()
    until(lambda: panel.fetching.done)
    here.clear_faults()
    until(lambda: panel.more.layout.display == "")
    there = panel.frame["width"].notna().sum()
    assert there < 12
    panel.more.click()
    until(lambda: panel.frame["width"].notna().all())


def test_an_image_that_cannot_be_fetched_says_why_in_its_place(
    closing: Any, until: Any, ask: Any, here: Facility
) -> None:
    panel = listed(closing, until, ENTRY, pattern=ONLY)
    here.add_fault(Fault("status", path=panel.files[0].name.rpartition("/")[2], status=404))
    looked_at(panel, ask, [0, 1])
    until(lambda: panel.frame["problem"].notna().sum() == 1)
    until(lambda: panel.frame["width"].notna().sum() == 1)
    assert "error" in looked_at(panel, ask, [0])[0]


def test_an_image_opens_where_it_is_and_code_does_the_same(
    closing: Any, until: Any, here: Facility
) -> None:
    panel = listed(closing, until, ENTRY, pattern=ONLY, cs=2.7, voltage=300)
    name = panel.files[2].name
    panel.show_image(name)
    panel.job.result(120)
    assert panel.viewer.micrograph.name == name.rpartition("/")[2]
    assert "1.77 Å per pixel" in panel.viewer.alt
    code = panel.code()
    assert f"openem.images_of('{ENTRY}', pattern='{ONLY}')[{name!r}].open()" in code
    assert f"openem.mine('{ENTRY}', pattern='{ONLY}', measures=('thumbnail',))" in code
    names: dict[str, Any] = {}
    exec(code, names)  # what a person would run
    closing(names["gallery"])
    closing(names["view"])
    assert names["gallery"].table["name"].tolist() == panel.frame["name"].tolist()
    assert names["view"].picture() == panel.viewer.picture()
    names["micrograph"].close()


def test_rings_come_to_an_image_that_was_open_before_it_was_measured(
    closing: Any, until: Any, ask: Any, here: Facility
) -> None:
    panel = listed(closing, until, ENTRY, pattern="*00[01]_Data_202601.mrc", cs=2.7, voltage=300)
    name = panel.files[0].name
    panel.show_image(name)
    panel.job.result(120)
    assert panel.viewer.ctf is None
    version = panel.viewer.canvas.version
    panel.measure.form.submit({"statistics": False, "ice": False})
    panel.job.result(60)
    until(lambda: panel.viewer.ctf is not None)
    assert panel.viewer.canvas.version > version
    assert ask(panel.viewer.canvas, "spectrum", frame=0)["content"]["rings"]
    assert "ctf=ctf" in panel.code()
    known = panel.viewer.ctf
    panel.close()
    # what was measured earlier is there again, with the Cs that it was measured with
    again = listed(closing, until, ENTRY, pattern="*00[01]_Data_202601.mrc")
    assert "Measured earlier: 2 files measured" in again.measure.words.value
    assert again.measure.form.values["cs"] == "2.7"
    assert again.frame["ctf_defocus"].notna().all()
    again.show_image(name)
    again.job.result(120)
    assert again.viewer.ctf is not None
    assert again.viewer.ctf.cs == 2.7
    assert again.viewer.ctf.defocus == pytest.approx(known.defocus)
    assert again.code().count("cs=2.7") >= 1


def test_a_data_set_on_tape_says_what_to_do(closing: Any, here: Facility) -> None:
    pid = here.scicat["practice"].add_dataset(files=3, size=300_000)
    panel = closing(InspectPanel(pid))
    with pytest.raises(NotOnDisk):
        panel.job.result(120)
    assert "on tape" in panel.errors.disclosure.sentence
    assert panel.gallery.hidden
    assert panel.form.values["source"] == pid


def test_a_data_set_in_the_store_is_inspected_and_measured_with_its_metadata(
    closing: Any, until: Any, ask: Any, here: Facility
) -> None:
    pid = here.scicat["practice"].add_dataset(files=3, size=300_000)
    retrieval = openem.retrieve(pid)
    until(lambda: retrieval.refresh().state is scicat.State.READY)
    panel = listed(closing, until, retrieval)
    data_set = openem.get(pid)
    assert panel.gallery.label == f"Images of {data_set.name}"
    assert "Cs" in panel.about.value
    assert "2.7 mm" in panel.about.value
    looked_at(panel, ask, [0, 1, 2])
    until(lambda: panel.frame["width"].notna().all())
    assert panel.frame["voltage"].isin([200, 300]).all()
    fields = {field["name"]: field for field in panel.measure.form.fields}
    assert fields["cs"]["placeholder"] == "2.7"
    assert fields["cs"]["value"] == ""
    panel.measure.form.submit({"ice": False, "spectrum": False})
    panel.job.result(60)
    until(lambda: "ctf_cs" in panel.frame and panel.frame["ctf_cs"].notna().all())
    code = panel.code()
    assert f"openem.mine({pid!r}, measures=" in code
    assert "cs=" not in code
    mined = mining.mine(pid, measures=("thumbnail", "statistics", "ctf"))
    assert mined.folder == panel.mined.folder
    panel.gallery.mark([panel.files[1].name], "good")
    panel.close()
    retrieval.run()  # from the store to the disk: marks and measurements stay with the data set
    again = listed(closing, until, data_set)
    assert not again.files.far
    assert again.gallery.marks["mark"].tolist() == ["good"]
    until(lambda: again.frame["width"].notna().all())
    again.show_image(again.files[1].name)
    again.job.result(120)
    assert f"{data_set.metadata['instrument']['acceleration_voltage']['value']} kV" in (
        again.viewer.alt
    )
    names: dict[str, Any] = {}
    line = next(one for one in again.code().splitlines() if one.startswith("micrograph ="))
    exec(f"import openem_nb as openem\n{line}", names)
    assert names["micrograph"].caption == again.viewer.micrograph.caption
    names["micrograph"].close()
