"""The folder of the results: nothing lost, nothing twice, nothing read from elsewhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openem_nb import settings as app_settings
from openem_nb.errors import CannotWrite, Conflict, DamagedFile, NotFound
from openem_nb.mining import COLUMNS, Parameters
from openem_nb.mining import store as stores
from openem_nb.mining.columns import table, tidy
from openem_nb.mining.store import Store, write_picture

if TYPE_CHECKING:
    from pathlib import Path

PARAMETERS = Parameters(measures=("statistics",))


def row(name: str, **more: Any) -> dict[str, Any]:
    return {
        "path": f"/data/{name}",
        "name": name,
        "bytes": 10,
        "mtime": 1_700_000_000_123_456_789,
        "parameters": PARAMETERS.key,
        "measured": 1.0,
        **more,
    }


def names(store: Store) -> list[str]:
    return list(store.frame(PARAMETERS.key)["name"])


def test_rows_are_there_as_soon_as_they_are_added(tmp_path: Path) -> None:
    store = Store(tmp_path / "out")
    with store.writing(PARAMETERS):
        store.add([row("b", mean=2.5, hot_pixels=3, empty=False)])
        other = Store(tmp_path / "out")  # as another process sees it
        assert names(other) == ["b"]
        store.add([row("a")])
        assert names(other) == ["a", "b"]
    found = other.frame()
    assert found["mtime"].tolist() == [1_700_000_000_123_456_789] * 2, "exact to the nanosecond"
    assert found.set_index("name").loc["b", ["mean", "hot_pixels"]].tolist() == [2.5, 3]
    assert not found.set_index("name").loc["b", "empty"]
    assert pd.isna(found.set_index("name").loc["a", "hot_pixels"])


def test_a_table_without_rows_has_its_columns(tmp_path: Path) -> None:
    assert list(Store(tmp_path).frame().columns) == list(COLUMNS)
    assert Store(tmp_path).frame().empty


def test_the_parts_are_parquet_that_others_read(tmp_path: Path) -> None:
    store = Store(tmp_path / "out")
    with store.writing(PARAMETERS):
        store.add([row("a", mean=1.5), row("b", problem="Broken.")])
    part = str(tmp_path / "out" / "parts" / "part-000001.parquet")
    kinds = dict(
        duckdb.sql(f"SELECT column_name, column_type FROM (DESCRIBE FROM '{part}')").fetchall()
    )
    assert kinds == {name: column.type for name, column in COLUMNS.items()}
    found = duckdb.sql(f"SELECT name, mean, problem FROM '{part}' ORDER BY name").fetchall()
    assert found == [("a", 1.5, None), ("b", None, "Broken.")]
    assert not (tmp_path / "out" / "parts" / "rows.jsonl").exists()


def test_many_rows_become_several_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "PART", 3)
    store = Store(tmp_path)
    with store.writing(PARAMETERS):
        for number in range(8):
            store.add([row(f"{number}")])
            assert len(names(store)) == number + 1
    assert len(list((tmp_path / "parts").glob("part-*.parquet"))) == 3
    assert names(store) == [f"{number}" for number in range(8)]


def test_what_a_killed_process_noted_is_kept(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    lines = [json.dumps(row("a")), json.dumps(row("b")), json.dumps(row("c"))[:40]]
    (tmp_path / "parts" / "rows.jsonl").write_text("\n".join(lines))
    store = Store(tmp_path)
    assert names(store) == ["a", "b"]
    with store.writing(PARAMETERS):
        store.add([row("c")])
        assert names(store) == ["a", "b", "c"]
    assert names(store) == ["a", "b", "c"]
    assert len(list((tmp_path / "parts").iterdir())) == 2


def test_rows_torn_by_a_dead_machine_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    torn = ["\0\0\0", "[1, 2]", '{"path": "/x", "mean": "no number"}', '{"name": "n"}', "7"]
    lines = [json.dumps(row("a")), *torn, json.dumps(row("b")), ""]
    (tmp_path / "parts" / "rows.jsonl").write_text("\n".join(lines))
    assert names(Store(tmp_path)) == ["a", "b"]


def test_a_row_that_is_in_a_part_and_noted_is_told_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.writing(PARAMETERS):
        store.add([row("a", mean=1.0)])
    (tmp_path / "parts" / "rows.jsonl").write_text(json.dumps(row("a", mean=1.0)) + "\n")
    assert names(store) == ["a"]
    assert store.done(PARAMETERS.key) == {("/data/a", 10, 1_700_000_000_123_456_789)}


def test_the_row_that_was_written_last_counts_whatever_its_clock_said(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for mean in (0.0, 1.0, 2.0):  # each time by a clock that is more behind
        with store.writing(PARAMETERS):
            store.add([row("a", mean=mean, measured=9.0 - mean, mtime=int(mean))])
            store.add([row("a", mean=mean + 0.5, measured=8.0 - mean, mtime=int(mean))])
            assert store.frame(PARAMETERS.key)["mean"].tolist() == [mean + 0.5], "waiting"
        assert store.frame(PARAMETERS.key)["mean"].tolist() == [mean + 0.5], "in a part"


def test_text_that_is_no_unicode_is_written_down_and_read(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    old = row("M\udcfcller.mrc", problem="M\udcfcller.mrc is odd.", notes="\ud800")
    (tmp_path / "parts" / "rows.jsonl").write_text(json.dumps(old) + "\n")
    store = Store(tmp_path)
    assert names(store) == [r"M\xfcller.mrc"]
    with store.writing(PARAMETERS):
        store.add([row("b\udcfc")])
    assert names(store) == [r"M\xfcller.mrc", r"b\xfc"]
    assert store.frame()["problem"].iloc[0].startswith("M\\xfc")


def test_an_image_of_a_data_set_is_one_wherever_it_was_read(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.writing(PARAMETERS):
        far = row("a", path="http://127.0.0.1:4000/1/a", source="empiar:x:1", measured=1.0)
        near = row("a", path="/disk/1/a", source="empiar:x:1", measured=2.0, mean=3.0)
        store.add([far, near, row("a", path="/disk/2/a", source="empiar:x:2")])
        store.add([row("a", path="/one/a"), row("a", path="/two/a")])  # of two folders
    paths = sorted(store.frame(PARAMETERS.key)["path"])
    assert paths == ["/disk/1/a", "/disk/2/a", "/one/a", "/two/a"]
    assert set(store.newest(PARAMETERS.key)) == {("empiar:x:1", "a"), ("empiar:x:2", "a")}


def test_the_last_row_of_an_image_says_whether_it_is_done(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.writing(PARAMETERS):
        store.add([row("a", path="http://h/a", source="s", measured=1.0)])
        assert list(store.newest(PARAMETERS.key).values()) == [
            ("http://h/a", 10, 1_700_000_000_123_456_789)
        ]
        lost = {"problem": "The worker ended.", "problem_kind": "KilledWorker"}
        store.add([row("a", path="/disk/a", source="s", measured=2.0, **lost)])
    assert store.newest(PARAMETERS.key) == {}


def test_rows_without_a_source_in_a_folder_of_ones_own() -> None:
    store = Store(app_settings.folders().data / "mining" / "EMPIAR-1-0123abcd")
    with store.writing(PARAMETERS):
        store.add([row("a", path=f"http://h:{port}/a", measured=port) for port in (1.0, 2.0)])
        store.add([row("a", path="/disk/a", measured=3.0)])
    assert store.frame()["path"].tolist() == ["/disk/a"]
    assert set(store.newest(PARAMETERS.key)) == {("", "a")}


def test_what_is_done_depends_on_parameters_and_on_the_problem(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.writing(PARAMETERS):
        store.add([row("good"), row("other", parameters="x")])
        store.add([row("bad", problem="Cut off.", problem_kind="DamagedFile")])
        store.add([row("lost", problem="The worker ended.", problem_kind="KilledWorker")])
    done = {path for path, _, _ in store.done(PARAMETERS.key)}
    assert done == {"/data/good", "/data/bad"}
    assert {path for path, _, _ in store.done(PARAMETERS.key, retry=True)} == {"/data/good"}


def test_a_folder_whose_name_looks_like_a_pattern(tmp_path: Path) -> None:
    right, wrong = Store(tmp_path / "a[b]'* ?"), Store(tmp_path / "ab'* ?")
    for store, name in ((right, "right"), (wrong, "wrong")):
        with store.writing(PARAMETERS):
            store.add([row(name)])
    assert names(right) == ["right"]
    assert names(wrong) == ["wrong"]


def test_one_writes_at_a_time(tmp_path: Path) -> None:
    with (
        Store(tmp_path).writing(PARAMETERS),
        pytest.raises(Conflict, match="Another run"),
        Store(tmp_path).writing(PARAMETERS),
    ):
        pass
    with Store(tmp_path).writing(PARAMETERS):
        pass


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(CannotWrite, match="cannot be written"),
        Store(tmp_path / "file").writing(PARAMETERS),
    ):
        pass


def test_a_damaged_part_is_named(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.writing(PARAMETERS):
        store.add([row("a")])
    (tmp_path / "parts" / "part-000001.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(DamagedFile, match="part-000001"):
        store.frame()


def test_parts_of_an_older_release_have_fewer_columns(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    old = tmp_path / "parts" / "part-000001.parquet"
    query = (
        "SELECT '/data/old' AS path, 'old' AS name, 7::BIGINT AS bytes, 1::BIGINT AS mtime, "
        f"'{PARAMETERS.key}' AS parameters, 2.0::DOUBLE AS measured, 3 AS gone_since"
    )
    duckdb.sql(query).write_parquet(str(old))
    store = Store(tmp_path)
    with store.writing(PARAMETERS):
        store.add([row("new", mean=4.0)])
    assert names(store) == ["new", "old"]
    assert list(store.frame().columns) == list(COLUMNS)


def test_pictures_come_from_the_folder_alone(tmp_path: Path) -> None:
    store = Store(tmp_path / "out")
    write_picture(tmp_path / "out", "pictures/ab/c.jpg", b"jpeg")
    (tmp_path / "secret").write_bytes(b"no")
    assert store.picture("pictures/ab/c.jpg") == b"jpeg"
    for name in ("../secret", "pictures/../../secret", str(tmp_path / "secret"), "pictures/no.jpg"):
        with pytest.raises(NotFound):
            store.picture(name)
    (tmp_path / "out" / "pictures" / "link.jpg").symlink_to(tmp_path / "secret")
    with pytest.raises(NotFound):
        store.picture("pictures/link.jpg")


VALUES = {
    "VARCHAR": st.text(st.characters(codec="utf-8"), max_size=20),
    "DOUBLE": st.floats(),
    "BIGINT": st.integers(-(2**63), 2**63 - 1),
    "BOOLEAN": st.booleans(),
}


@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {},
            optional={name: VALUES[column.type] for name, column in COLUMNS.items()},
        ),
        max_size=4,
    )
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_row_is_read_as_it_was_written(
    rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    given = [
        {**one, "path": f"/data/{number}", "name": f"{number}{one.get('name', '')}"}
        for number, one in enumerate(rows)
    ]
    store = Store(tmp_path_factory.mktemp("out"))
    with store.writing(PARAMETERS):
        store.add(given)
        before = store.frame()
    after = store.frame()
    expected = table([tidy(one) for one in given]).set_index("path")
    for found in (before.set_index("path"), after.set_index("path")):
        assert len(found) == len(given)
        for path in found.index:
            for name in expected.columns:
                value, known = found.loc[path, name], expected.loc[path, name]
                assert (pd.isna(value) and pd.isna(known)) or value == known, name
