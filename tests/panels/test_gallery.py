"""The Python half of the gallery: what travels, what is kept, what hostile input does."""

from __future__ import annotations

import base64
import io
import itertools
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from openem_nb.errors import DamagedFile, InvalidInput
from openem_nb.images import read_selection
from openem_nb.panels._gallery_rows import Rows, View
from openem_nb.panels.gallery import Gallery

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EVIL = "<script>alert(1)</script>\u202egpj.mrc"


def table(count: int = 10, **columns: Any) -> pd.DataFrame:
    names = [f"m_{row}.mrc" for row in range(count)]
    return pd.DataFrame({"name": names, "std": np.linspace(1, 2, count), **columns})


def replies(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return ``reply(action, **content)``: an answer with the bytes that come beside it."""
    numbers = itertools.count()

    def reply(action: str, **content: Any) -> tuple[dict[str, Any], list[bytes]]:
        sent: list[tuple[dict[str, Any], list[bytes]]] = []

        def send(answer: dict[str, Any], buffers: Any = ()) -> None:
            sent.append((answer, list(buffers)))

        monkeypatch.setattr(gallery, "send", send)
        key = f"{action}-{next(numbers)}"
        gallery._handle_custom_msg(
            {"type": "request", "key": key, "action": action, "content": content}, []
        )
        ((answer, buffers),) = sent
        return answer, buffers

    return reply


def rows_of(buffers: list[bytes]) -> list[int]:
    return np.frombuffer(buffers[0], np.int32).tolist()


def test_numbers_travel_as_bytes_and_only_what_is_new_travels_again(
    closing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = closing(Gallery(table(10)))
    reply = replies(gallery, monkeypatch)
    answer, buffers = reply("rows", since=0)
    content = answer["content"]
    assert content["whole"]
    assert rows_of(buffers) == list(range(10))
    np.testing.assert_array_equal(np.frombuffer(buffers[1]), np.linspace(1, 2, 10))
    grown = table(12)
    grown.loc[:9, "std"] = np.linspace(1, 2, 10)
    grown.loc[4, "std"] = 1.5001
    gallery.show(grown)
    answer, buffers = reply("rows", since=content["version"])
    assert not answer["content"]["whole"]
    assert rows_of(buffers) == [4, 10, 11]
    gallery.mark(["m_2.mrc"], "bad", note="carbon")
    answer, buffers = reply("rows", since=answer["content"]["version"])
    assert rows_of(buffers) == [2]
    assert answer["content"]["marks"] == ["bad"]
    assert answer["content"]["notes"] == ["carbon"]


def test_another_order_or_other_columns_travel_whole(
    closing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = closing(Gallery(table(5)))
    reply = replies(gallery, monkeypatch)
    gallery.mark(["m_1.mrc"], "good")
    version = gallery.version
    gallery.show(table(5).iloc[::-1])
    answer, _ = reply("rows", since=version)
    assert answer["content"]["whole"]
    assert answer["content"]["marks"] == ["", "", "", "good", ""]
    gallery.show(table(5, mean=1.0))
    answer, _ = reply("rows", since=gallery.version - 1)
    assert answer["content"]["whole"]
    assert [one["name"] for one in answer["content"]["columns"]] == ["std", "mean"]


def test_pictures_come_from_a_folder_and_from_nowhere_else(
    closing: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "thumbs"
    (folder / "a").mkdir(parents=True)
    (folder / "m_0.mrc.jpg").write_bytes(b"zero")
    (folder / "m_1.jpg").write_bytes(b"one")
    (folder / "a" / "x.jpg").write_bytes(b"two")
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    frame = table(6, thumbnail=["", None, "a/x.jpg", "../secret.jpg", None, None])
    frame.loc[4, "name"] = "../secret.mrc"
    gallery = closing(Gallery(frame, thumbnails=folder))
    answer, buffers = replies(gallery, monkeypatch)("thumbnails", rows=[0, 1, 2, 3, 4, 5])
    found = answer["content"]["pictures"]
    assert buffers == [b"zero", b"one", b"two"]
    assert [one.get("buffer") for one in found[:3]] == [0, 1, 2]
    assert ["error" in one for one in found[3:]] == [True, True, False]


def test_pictures_are_made_in_the_background_and_failures_are_told(
    closing: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: set[str] = set()

    def make(name: str) -> bytes | None:
        threads.add(threading.current_thread().name)
        if name == "m_1.mrc":
            raise DamagedFile("It is cut off.")
        if name == "m_2.mrc":
            raise RuntimeError("not thought of")
        return None if name == "m_3.mrc" else name.encode()

    gallery = closing(Gallery(table(4), thumbnails=make))
    reply = replies(gallery, monkeypatch)
    answer, buffers = reply("thumbnails", rows=[0, 1, 2, 3])
    assert (answer["content"]["pictures"], buffers) == ([{}] * 4, [])
    until(lambda: gallery.pictures > 0 and gallery._source._thread is None)
    answer, buffers = reply("thumbnails", rows=[0, 1, 2, 3])
    first, second, third, fourth = answer["content"]["pictures"]
    assert (first, buffers) == ({"buffer": 0}, [b"m_0.mrc"])
    assert second == {"error": "It is cut off."}
    assert third == {"error": "Unexpected RuntimeError: not thought of"}
    assert fourth == {}
    assert threads == {"openem-thumbnails"}


def test_names_in_star_are_whole_paths_where_the_table_has_them(
    closing: Any, tmp_path: Path
) -> None:
    names = table(2)["name"]
    for paths, written in (
        (["/data/a/m_0.mrc", "/data/b/m_1.mrc"], "/data/a/m_0.mrc"),
        (["https://host/m_0.mrc", "/data/b/m_1.mrc"], "m_0.mrc"),
    ):
        gallery = closing(Gallery(table(2).assign(path=paths)))
        gallery.mark(["m_0.mrc"], "good")
        star = gallery.save(tmp_path / "s.star", keep="good")
        assert read_selection(star)["name"].tolist() == [written]
        again = closing(Gallery(table(2)))
        assert again.load(star) == 1
        assert again.marks["name"].tolist() == names[:1].tolist()


def test_marks_are_saved_and_read_again(closing: Any, tmp_path: Path) -> None:
    gallery = closing(Gallery(table(4)))
    told: list[int] = []
    gallery.on_mark(lambda: told.append(1))
    gallery.mark(["m_0.mrc", "m_3.mrc"], "good")
    gallery.mark(["m_3.mrc"], "", note="is empty")
    assert len(told) == 2
    assert gallery.marks["name"].tolist() == ["m_0.mrc", "m_3.mrc"]
    path = gallery.save(tmp_path / "s.csv")
    assert len(read_selection(path)) == 4
    other = closing(Gallery(table(3)))
    assert other.load(path) == 1
    assert other.marks["mark"].tolist() == ["good"]
    far = closing(Gallery(table(3)))
    assert far.load(gallery.save(tmp_path / "s.star", folder="/data/session")) == 1
    assert far.marks["name"].tolist() == ["m_0.mrc"]
    with pytest.raises(InvalidInput, match="Of 3 micrographs none is good"):
        closing(Gallery(table(3))).save(tmp_path / "none.star", keep="good")
    assert not (tmp_path / "none.star").exists()
    for wrong in ({"names": ["m_0.mrc"], "mark": "great"}, {"names": ["none"], "mark": "good"}):
        with pytest.raises(InvalidInput):
            gallery.mark(**wrong)


def test_names_have_to_be_there_and_to_differ(closing: Any) -> None:
    twice = table(3).assign(name="same", path=["a/same", "b/same", "c/same"])
    with pytest.raises(InvalidInput, match="same name"):
        Gallery(twice)
    assert len(closing(Gallery(twice, key="path")).shown) == 3
    with pytest.raises(InvalidInput, match="no column 'file'"):
        Gallery(twice, key="file")


def test_what_a_front_end_makes_up_is_refused(closing: Any, ask: Any) -> None:
    gallery = closing(Gallery(table(3), open=lambda name: name))
    for rows in ([3], [-1], ["0"], [None]):
        for action, more in (("mark", {"mark": "good"}), ("note", {"note": "x"}), ("select", {})):
            assert ask(gallery, action, rows=rows, **more)["type"] == "error", (action, rows)
        assert ask(gallery, "thumbnails", rows=rows)["type"] == "error"
        assert ask(gallery, "open", row=rows[0])["type"] == "error"
    assert ask(gallery, "mark", rows=[0], mark="<b>")["type"] == "error"
    assert len(gallery.marks) == 0


def test_texts_from_files_are_made_harmless(closing: Any, ask: Any) -> None:
    frame = pd.DataFrame({"name": [EVIL], "notes": [EVIL], "problem": [EVIL], "odd": [(1, 2)]})
    gallery = closing(Gallery(frame, open=lambda name: f"Opened {name}"))
    content = ask(gallery, "rows", since=0)["content"]
    for text in (content["names"][0], content["texts"]["notes"][0], content["reasons"][0]):
        assert "\u202e" not in text
    assert content["texts"]["odd"] == ["(1, 2)"]
    assert "\u202e" not in ask(gallery, "open", row=0)["content"]["told"]


def test_an_empty_table_is_shown(closing: Any, ask: Any) -> None:
    gallery = closing(Gallery())
    assert ask(gallery, "rows", since=0)["content"]["count"] == 0
    gallery.show(table(0))
    assert ask(gallery, "rows", since=0)["content"]["count"] == 0
    assert len(gallery.shown) == 0


def test_a_view_is_looked_at_from_python(closing: Any) -> None:
    gallery = closing(Gallery(table(10)))
    gallery.look(View(sort="std", descending=True, ranges={"std": (None, 1.5)}))
    assert gallery.shown["name"].tolist() == [f"m_{row}.mrc" for row in (4, 3, 2, 1, 0)]
    assert gallery.view_state["ranges"] == {"std": [None, 1.5]}
    gallery.view_state = {"sort": "gone", "ranges": {"gone": [1, 2]}, "find": "M_3", "only": "all"}
    assert gallery.shown["name"].tolist() == ["m_3.mrc"]
    gallery.look(View(ranges={"std": (1, 1.5)}))
    gallery.show(table(3).assign(std=["low", "high", ""]))  # a text has no range
    assert len(gallery.shown) == 3


values_or_none = st.one_of(st.none(), st.floats(-3, 3), st.just(float("nan")))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(values_or_none, max_size=12), min_size=1, max_size=5),
    st.lists(st.integers(0, 5), max_size=4),
)
def test_patches_make_the_whole_table(tables: list[list[float | None]], skipped: list[int]) -> None:
    """A front end that asks now and then has the same as one that asks once, at the end."""
    rows = Rows("name")
    version, seen = 0, {}
    for place, values in enumerate(tables):
        frame = pd.DataFrame(
            {
                "name": [f"m_{row}" for row in range(len(values))],
                "value": pd.Series(values, dtype="float64"),
            }
        )
        rows.show(frame)
        if len(values) > 2:
            rows.say([2], mark="good" if place % 2 else "bad")
        if place in skipped:
            continue
        answer = rows.since(version)
        _take(seen, answer)
        version = answer["version"]
    _take(seen, rows.since(version))
    fresh: dict[int, tuple[str, float, str]] = {}
    _take(fresh, rows.since(0))
    assert str(sorted(seen.items())) == str(sorted(fresh.items()))
    assert len(seen) == len(tables[-1])


def _take(seen: dict[int, tuple[str, float, str]], answer: dict[str, Any]) -> None:
    if answer["whole"]:
        seen.clear()
    places = rows_of(answer["buffers"])
    values = np.frombuffer(answer["buffers"][1], np.float64)
    for place, name, value, mark in zip(
        places, answer["names"], values, answer["marks"], strict=True
    ):
        seen[place] = (name, float(value), mark)


def test_a_saved_notebook_keeps_a_picture(closing: Any, tmp_path: Path) -> None:
    for row, grey in enumerate((10, 240)):
        Image.new("L", (256, 192), grey).save(tmp_path / f"m_{row}.jpg")
    (tmp_path / "m_2.jpg").write_bytes(b"no picture")
    gallery = closing(Gallery(table(8), thumbnails=tmp_path, label="Session A"))
    gallery.look(View(sort="name", descending=True))
    gallery.mark(["m_1.mrc"], "bad")
    data, metadata = gallery._repr_mimebundle_()
    assert data["text/plain"] == metadata["image/jpeg"]["alt"] == "Session A: 8 images of 8"
    content = base64.b64decode(data["image/jpeg"])
    assert len(content) < 600_000
    page = np.asarray(Image.open(io.BytesIO(content)), float)
    assert page.shape == (2 * 180, 6 * 164)
    dark, bright = page[180 + 80, 164 + 80], page[180 + 80, 80]  # in the order that is shown
    assert (dark, bright) == (pytest.approx(10, abs=3), pytest.approx(240, abs=3))
    assert page[80, 80] == pytest.approx(225, abs=3)
    assert Gallery()._repr_mimebundle_() is not None


def test_who_asks_for_all_rows_is_told_what_may_be_lost_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gallery = Gallery(table())
    reply, told = replies(gallery, monkeypatch), []
    monkeypatch.setattr(gallery, "send_state", told.extend)
    reply("rows", since=gallery.version)
    assert told == []
    reply("rows", since=0)
    assert {"hidden", "label", "opens", "told", "version", "pictures"} == set(told)
    gallery.close()


def doubtful_table() -> pd.DataFrame:
    reliable = pd.array([True, False, True, None], dtype="boolean")
    return table(4, ctf_resolution=[5.0, 4.0, 3.0, np.nan], ctf_reliable=reliable)


def test_fits_that_are_not_reliable_come_after_those_that_are_both_ways() -> None:
    gallery = Gallery(doubtful_table())
    for descending, names in ((False, "2013"), (True, "0213")):
        gallery.look(View("ctf_resolution", descending))
        assert "".join(name[2] for name in gallery.shown["name"]) == names
    gallery.look(View("std", descending=True))  # rests on no fit
    assert "".join(name[2] for name in gallery.shown["name"]) == "3210"
    gallery.look(View(only="doubtful"))
    assert gallery.shown["name"].tolist() == ["m_1.mrc"]
    gallery.show(table(4))
    assert not len(gallery.shown)
    gallery.close()


def test_the_picture_of_a_saved_notebook_has_names_in_full_and_says_what_cannot_be_read(
    closing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    text = ImageDraw.ImageDraw.text

    def noted(draw: Any, at: Any, words: str, *more: Any, **options: Any) -> None:
        written.append(words)
        text(draw, at, words, *more, **options)
        assert draw.textlength(words, font=options["font"]) <= 160
        box = options["font"].getmask("ß")
        assert bytes(box) != bytes(options["font"].getmask("\uffff"))  # no box in its place

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", noted)

    class Broken:
        def picture(self, name: str, row: Any) -> bytes | None:
            if name.startswith("b"):
                raise DamagedFile("It is cut off.")
            return None

        def close(self) -> None:
            pass

    long = f"{'FoilHole_' * 9}Größe_1.mrc"
    gallery = closing(Gallery(pd.DataFrame({"name": [long, "b.mrc"]}), thumbnails=Broken()))
    gallery.mark([long], "good")
    gallery.picture()
    assert written[0].startswith("good: …")
    assert written[0].endswith("Größe_1.mrc")
    assert written[1:] == ["cannot be read", "b.mrc"]
