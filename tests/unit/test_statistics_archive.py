"""The archive file: reading with SQL, what is refused, and the fingerprint."""

from __future__ import annotations

import random
import subprocess
import sys
from datetime import date
from typing import TYPE_CHECKING

import duckdb
import pytest
from _archives import entry, fill, raw

from openem_nb import statistics
from openem_nb.errors import CannotWrite, InvalidInput, NotFound
from openem_nb.statistics._store import Store

if TYPE_CHECKING:
    from pathlib import Path

MAPS = [
    entry(100, ("SNSF", "Switzerland"), superseded_by=("EMD-0101",)),
    entry(101, organisms=()),
    entry(102, status="HPUB", map_released=None, title="secret"),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    fill(tmp_path / "a.duckdb", MAPS, [raw(10001, "EMD-0100", "EMD-9999")])
    return tmp_path / "a.duckdb"


def test_sql_answers_with_a_frame(path: Path) -> None:
    with statistics.archive(path) as archive:
        found = archive.sql("SELECT emdb_id, details FROM emdb_entries ORDER BY 1")
        links = archive.sql("SELECT * FROM empiar_emdb ORDER BY emdb_id")
        methods = archive.sql("SELECT DISTINCT method FROM emdb_methods")
    assert found.to_dict("list") == {
        "emdb_id": ["EMD-0100", "EMD-0101", "EMD-0102"],
        "details": ["current", "current", "none"],
    }
    assert links["known"].tolist() == [True, False]
    assert methods["method"].tolist() == ["singleParticle"]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "  ",
        "SELEC 1",
        "SELECT * FROM nothing",
        "DELETE FROM emdb_listing",
        "CREATE TABLE archive.more (a INT)",
        "INSERT INTO meta VALUES ('a', 'b')",
        "SELECT * FROM read_csv('/etc/hostname')",
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM 'https://example.org/a.parquet'",
        "ATTACH '/tmp/other.duckdb'",
        "COPY emdb_listing TO '/tmp/stolen.csv'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
        "RESET lock_configuration",
        "SELECT * FROM local_frame",
        "DETACH archive",
    ],
)
def test_sql_that_is_refused(path: Path, query: str) -> None:
    local_frame = statistics.archive(path).sql("SELECT 1 AS a")
    assert len(local_frame) == 1
    with statistics.archive(path) as archive:
        with pytest.raises(InvalidInput) as caught:
            archive.sql(query)
        assert caught.value.hint
        assert archive.sql("SELECT count(*) AS n FROM emdb_entries")["n"][0] == 3


def test_sql_cannot_disturb_the_next_question(path: Path) -> None:
    with statistics.archive(path) as archive:
        archive.sql("USE memory")
        archive.sql("CREATE TEMP TABLE world AS SELECT 1 AS a")
        assert statistics.swiss(date(2021, 6, 1), archive=archive).entries == 1


def test_there_is_no_archive_yet(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        statistics.archive(tmp_path / "none.duckdb")
    assert "harvest" in caught.value.hint
    (tmp_path / "none.duckdb.harvest").touch()
    with pytest.raises(NotFound) as caught:
        statistics.archive(tmp_path / "none.duckdb")
    assert "unfinished" in caught.value.hint


def test_a_file_that_is_no_archive(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    path.write_bytes(b"not a database at all" * 1000)
    with pytest.raises(InvalidInput, match="not an archive"):
        statistics.archive(path)
    path.unlink()
    duckdb.connect(str(path)).close()
    with pytest.raises(InvalidInput, match="no schema number"):
        statistics.archive(path)


def test_another_schema_version(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
    with pytest.raises(InvalidInput, match="schema 99") as caught:
        statistics.archive(path)
    assert "harvest again" in caught.value.hint


def test_many_readers_and_one_writer(path: Path) -> None:
    with statistics.archive(path) as one, statistics.archive(path) as two:
        assert one.fingerprint() == two.fingerprint()
        code = f"import duckdb; print(duckdb.connect({str(path)!r}, read_only=True))"
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    with Store(path), pytest.raises(CannotWrite, match="in use"), Store(path):
        pass
    code = (
        "import sys; from pathlib import Path; from openem_nb.statistics._store import Store\n"
        "with Store(Path(sys.argv[1])): print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(CannotWrite, match="in use") as caught, Store(path):
            pass
        assert caught.value.hint
        other.communicate("")


def test_the_fingerprint_is_of_the_content(tmp_path: Path) -> None:
    maps = [entry(n, ("NIH", "United States"), ("SNSF", None)) for n in range(100, 160)]
    images = [raw(n, f"EMD-{n - 9900:04d}") for n in range(10000, 10020)]
    prints = set()
    for seed in range(3):
        random.Random(seed).shuffle(maps)
        random.Random(seed).shuffle(images)
        report = fill(tmp_path / f"{seed}.duckdb", maps, images, harvested=date(2022, 1, 1 + seed))
        prints.add(report.fingerprint)
        with statistics.archive(tmp_path / f"{seed}.duckdb") as archive:
            prints.add(archive.fingerprint())
    assert len(prints) == 1
    other = [entry(100, ("NIH", "United States"), ("SNSF", "")), *maps[1:]]
    assert fill(tmp_path / "b.duckdb", other, images).fingerprint not in prints
    assert fill(tmp_path / "c.duckdb", maps, images[1:]).fingerprint not in prints


def test_writing_twice_doubles_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    first = fill(path, MAPS, [raw(10001, "EMD-0100")])
    second = fill(path, MAPS, [raw(10001, "EMD-0100")])
    assert first.fingerprint == second.fingerprint
    with statistics.archive(path) as archive:
        for table, number in {"emdb_listing": 3, "emdb_details": 2, "empiar_links": 1}.items():
            assert archive.sql(f"SELECT count(*) AS n FROM {table}")["n"][0] == number


def test_an_entry_that_is_withdrawn_loses_its_details(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    fill(path, MAPS)
    fill(path, [entry(100, status="WDRN", map_released=None), *MAPS[1:]])
    with statistics.archive(path) as archive:
        grants = archive.sql("SELECT count(*) AS n FROM emdb_grants")["n"][0]
        row = archive.sql("SELECT title, details FROM emdb_entries WHERE emdb_id = 'EMD-0100'")
    assert grants == 0
    assert row["title"].isna().all()
    assert row["details"][0] == "none"


def test_a_read_only_folder(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite) as caught, Store(tmp_path / "none" / "a.duckdb"):
        pass
    assert caught.value.hint
