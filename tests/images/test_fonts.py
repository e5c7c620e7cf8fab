"""Words in pictures: every letter that a length or a name needs is drawn, and none as a box."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw

from openem_nb import images
from openem_nb.images.fonts import label_font
from openem_nb.images.pictures import scale_bar


def drawn(text: str) -> bytes:
    page = Image.new("L", (40, 40), 0)
    ImageDraw.Draw(page).text((4, 4), text, fill=255, font=label_font(20))
    return page.tobytes()


@pytest.mark.parametrize("letter", [*"ÅµäöüÄÖÜßéèàçñøł", "…", "°", "×"])
def test_a_letter_is_no_box(letter: str) -> None:
    missing = drawn("\U000e0041")  # that of a character which no font has
    assert drawn(letter) not in (missing, drawn("\ufffe"), drawn(" "))


@pytest.mark.parametrize(("pixel_size", "unit"), [(0.05, "Å"), (200.0, "µm")])
def test_the_label_of_a_bar_is_drawn_with_its_unit(pixel_size: float, unit: str) -> None:
    _, label = scale_bar(pixel_size, 512)
    assert label.endswith(unit)
    grey = np.full((512, 512), 128, np.uint8)
    found = images.jpeg(grey, contrast=(0, 255), pixel_size=pixel_size, quality=95)
    picture = np.asarray(Image.open(io.BytesIO(found)).convert("L")).astype(float)
    page = Image.new("L", (200, 40), 0)
    draw = ImageDraw.Draw(page)
    draw.text((2, 2), label, fill=255, font=label_font(512 // 28))
    wanted = np.asarray(page.crop(page.getbbox())).astype(float)
    tall, wide = wanted.shape
    differences = [
        np.abs(picture[y : y + tall, x : x + wide] - wanted).mean()
        for y in range(512 - 60, 512 - tall)
        for x in range(10, 30)
    ]
    assert min(differences) < 12  # 50 and more with a box in place of the unit


def test_matplotlib_is_not_imported_for_it() -> None:
    code = (
        "import sys; from openem_nb.images.fonts import label_font; "
        "font = label_font(12); assert 'DejaVu' in font.getname()[0]; "
        "assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
