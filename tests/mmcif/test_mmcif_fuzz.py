"""Damaged files and nonsense in documents: a result or an error in words, and nothing else."""

from __future__ import annotations

import copy
import random
from typing import TYPE_CHECKING, Any

import pytest
from _entries import MODEL, problems, tilted, whole

from openem_nb import mmcif
from openem_nb.errors import OpenEMError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROUNDS = [
    pytest.param(300, id="300"),
    pytest.param(10_000, id="10000", marks=[pytest.mark.nightly, pytest.mark.timeout(3600)]),
]
PIECES = (
    *(b"\n;\n", b"loop_\n", b"data_", b"save_x\n", b"global_", b"stop_", b"'", b'"', b"#", b"?"),
    *(b"_a.b ", b"\x00", b"\xff", b"\r", b"$", b"[", b" " * 50, b"_em_imaging.id 2\n", b"_"),
)
NONSENSE: tuple[Any, ...] = (
    *(None, True, 5, -1.5, float("nan"), float("inf"), 10**400, 1e308, -0.0, "", "x", "?", "."),
    *("\x00\x07", "a\n;b\n", "'\"", "日本", "x" * 5000, "_loop_", "data_", [], {}, [1, [2]], [{}]),
    *([None], {"value": 1}, {"value": "x", "unit": 3}, {"value": 1, "unit": "nm"}, {"unit": "kV"}),
)


def damaged(source: bytes, dice: random.Random) -> bytes:
    data = bytearray(source)
    for _ in range(dice.randint(1, 6)):
        place, chance = dice.randrange(len(data)), dice.random()
        if chance < 0.3:
            data[place:place] = dice.choice(PIECES)
        elif chance < 0.5:
            del data[place : place + dice.randint(1, 40)]
        elif chance < 0.7:
            data[place] = dice.randrange(256)
        elif chance < 0.8:
            del data[place:]
        else:
            other = dice.randrange(len(data))
            data[place:place] = data[other : other + dice.randint(1, 200)]
        if not data:
            return b""
    return bytes(data)


@pytest.mark.parametrize("rounds", ROUNDS)
def test_damaged_files_give_a_result_or_an_error_in_words(tmp_path: Path, rounds: int) -> None:
    dice = random.Random(20260101)
    sources = [text.encode() for text in (MODEL, mmcif.to_mmcif(whole()).text)]
    path = tmp_path / "m.cif"
    results, errors = 0, []
    for number in range(rounds):
        path.write_bytes(damaged(dice.choice(sources), dice))
        for call in (
            lambda: mmcif.check_mmcif(path),
            lambda: mmcif.from_mmcif(path),
            lambda: mmcif.to_mmcif(whole(), path).block,  # what is written can be read
            lambda: mmcif.to_mmcif(tilted(), path, entry_id="Q", wins="model").block,
        )[number % 2 :: 2]:
            try:
                call()
                results += 1
            except OpenEMError as error:
                errors.append(str(error))
    assert results > rounds / 10
    assert len(errors) > rounds / 10
    assert all(errors)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    below = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in below:
        yield (*path, key)
        if isinstance(inner, dict | list):
            yield from places(inner, (*path, key))


def spoilt(document: dict[str, Any], dice: random.Random) -> dict[str, Any]:
    for _ in range(dice.randint(1, 4)):
        path = dice.choice(list(places(document)))
        here: Any = document
        for key in path[:-1]:
            here = here[key]
        if dice.random() < 0.2:
            del here[path[-1]]
        else:
            here[path[-1]] = copy.deepcopy(dice.choice(NONSENSE))
        if not document:
            break
    return document


@pytest.mark.parametrize("rounds", ROUNDS)
def test_nonsense_in_a_document_is_left_out_and_the_file_stays_good(rounds: int) -> None:
    dice = random.Random(20260102)
    written, errors = 0, []
    for number in range(rounds):
        document = spoilt(whole() if number % 2 else tilted(), dice)
        try:
            made = mmcif.to_mmcif(document)
        except OpenEMError as error:
            errors.append(str(error))
            continue
        written += 1
        assert made.block.find_value("_entry.id") == "UNNAMED"
        assert made._repr_html_()
        if number % 10 == 0:
            assert problems(made.text) == []
            assert mmcif.from_mmcif(made.text).document
            mmcif.coverage(document)
    assert written > rounds / 2
    assert all(errors)
