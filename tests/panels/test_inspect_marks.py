"""Marks of a data set: what several panels, parts of it and damaged files must not lose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from openem_nb import settings
from openem_nb.errors import CannotWrite, DamagedFile
from openem_nb.panels import _inspect_marks
from openem_nb.panels._inspect_marks import KeptMarks
from openem_nb.panels.gallery import Gallery

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def table(*numbers: int) -> pd.DataFrame:
    return pd.DataFrame({"name": [f"m{number}.mrc" for number in numbers]})


@pytest.fixture
def shown(closing: Any) -> Callable[..., tuple[Gallery, KeptMarks]]:
    """Return ``shown(numbers)``: a gallery of images of one folder, and what keeps its marks."""

    def show(*numbers: int, key: str = "folder") -> tuple[Gallery, KeptMarks]:
        gallery = closing(Gallery())
        kept = KeptMarks(gallery)
        gallery.on_mark(kept.changed)
        kept.show(key, table(*numbers))
        return gallery, kept

    return show


def marks(gallery: Gallery) -> dict[str, str]:
    found = gallery.marks
    return dict(zip(found["name"], found["mark"] + found["note"], strict=True))


def test_marks_of_images_that_are_not_shown_stay(shown: Any) -> None:
    gallery, kept = shown(0, 1, 2, 3)
    gallery.mark(["m0.mrc", "m2.mrc"], "bad")
    gallery.mark(["m1.mrc"], "", note="ice")
    kept.keep()
    part, kept = shown(2, 3)
    assert marks(part) == {"m2.mrc": "bad"}
    part.mark(["m3.mrc"], "good")
    part.mark(["m2.mrc"], "")
    kept.keep()
    assert marks(shown(0, 1, 2, 3)[0]) == {"m0.mrc": "bad", "m1.mrc": "ice", "m3.mrc": "good"}


def test_two_panels_on_one_folder_change_their_own_marks_alone(shown: Any) -> None:
    (one, kept_one), (two, kept_two) = shown(0, 1, 2), shown(0, 1, 2)
    one.mark(["m0.mrc"], "bad")
    kept_one.keep()
    two.mark(["m1.mrc"], "good")
    kept_two.keep()
    one.mark(["m2.mrc"], "good")
    kept_one.keep()
    assert marks(shown(0, 1, 2)[0]) == {"m0.mrc": "bad", "m1.mrc": "good", "m2.mrc": "good"}


def test_a_damaged_file_is_put_aside_and_not_written_over(shown: Any) -> None:
    gallery, kept = shown(0, 1)
    gallery.mark(["m0.mrc"], "bad")
    kept.keep()
    (path,) = (settings.folders().state / "marks").glob("*.csv")
    path.write_text("name;sign\nm0.mrc;bad\n", encoding="utf-8")
    again = Gallery()
    kept_again = KeptMarks(again)
    with pytest.raises(DamagedFile) as caught:
        kept_again.show("folder", table(0, 1))
    (aside,) = path.parent.glob("*.damaged-1.csv")
    assert str(aside) in caught.value.hint
    assert aside.read_text(encoding="utf-8") == "name;sign\nm0.mrc;bad\n"
    assert len(again.shown) == 2
    again.mark(["m1.mrc"], "good")
    kept_again.changed()
    kept_again.keep()
    assert "m0.mrc;bad" in aside.read_text(encoding="utf-8")
    # the first one meets a file that was damaged while it was open, and writes what it shows
    path.write_text("nothing", encoding="utf-8")
    gallery.mark(["m1.mrc"], "", note="ice")
    with pytest.raises(DamagedFile):
        kept.keep()
    assert marks(shown(0, 1)[0]) == {"m0.mrc": "bad", "m1.mrc": "ice"}
    again.close()


def test_another_folder_gets_none_of_the_marks_before(shown: Any) -> None:
    gallery, kept = shown(0, 1)
    gallery.mark(["m1.mrc"], "bad", note="carbon")
    kept.show("denoised", table(0, 1))  # before anything was kept
    assert marks(gallery) == {}
    gallery.mark(["m0.mrc"], "good")
    kept.keep()
    assert marks(shown(0, 1, key="denoised")[0]) == {"m0.mrc": "good"}
    assert marks(shown(0, 1)[0]) == {"m1.mrc": "badcarbon"}


def test_what_could_not_be_written_is_tried_again(
    shown: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery, kept = shown(0, 1)
    gallery.mark(["m1.mrc"], "bad")

    def full(path: Path, frame: Any) -> None:
        raise CannotWrite("No space left.")

    with monkeypatch.context() as patch:
        patch.setattr(_inspect_marks, "write_selection", full)
        with pytest.raises(CannotWrite):
            kept.keep()
        with pytest.raises(CannotWrite):
            kept.show("denoised", table(0, 1))
    assert marks(gallery) == {}
    kept.keep()
    assert marks(shown(0, 1)[0]) == {"m1.mrc": "bad"}
