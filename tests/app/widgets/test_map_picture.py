"""Pictures for files: every pixel in the colour of its value, with words, colours and flags that are named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PyQt6.QtGui import QColor, QImage

from app.widgets import colour
from app.widgets.map_picture import PAPER, PaintedMap, map_image, round_ticks, side_by_side, with_caption, with_words

#: Ten colours that no text has.
TABLE = np.array([0xFF000000 | 0x10 * level << 8 | 0xC0 for level in range(10)], np.uint32)
PAINT = colour.Paint(TABLE, 0.0, 10.0, colour.DARK_GROUND)
MARGIN = 18


@pytest.fixture
def painted(qapp):
    """Two modules of 2 × 3 pixels with a gap of a column; the value of a pixel is its number, one has none."""
    values = np.arange(12, dtype=np.float32)
    values[4] = np.nan
    index = np.array([[0, 1, 2, -1, 6, 7, 8], [3, 4, 5, -1, 9, 10, 11]], np.int32)
    return PaintedMap(index, values, np.zeros(12, np.uint32), 0, PAINT)


def block_colours(image, index, size):
    """Colour in the middle of each place of a map of ``size`` file pixels a pixel, which is at the lower left."""
    top = image.height() - MARGIN - size * index.shape[0]
    return [[image.pixelColor(MARGIN + x * size + size // 2, top + y * size + size // 2).rgb() & 0xFFFFFF
             for x in range(index.shape[1])] for y in range(index.shape[0])]


def test_each_pixel_has_the_colour_of_its_value(painted):
    image = map_image(painted, "Map [ADU]", ["whose"])
    found = block_colours(image, painted.index, 129)  # 7 × 129 is the first multiple above 900
    for y, row in enumerate(painted.index):
        for x, pixel in enumerate(row):
            expected = PAPER.gap if pixel < 0 else PAPER.nan if pixel == 4 else TABLE[min(pixel, 9)]
            assert found[y][x] == int(expected) & 0xFFFFFF


def test_the_ground_is_white_in_every_theme(painted):
    dark, light = (map_image(replace(painted, paint=replace(PAINT, ground=ground)), "Map", [])
                   for ground in (colour.DARK_GROUND, colour.LIGHT_GROUND))
    assert dark == light
    assert dark.pixelColor(2, 2) == QColor("white")


def test_large_maps_have_one_file_pixel_for_each_of_theirs(qapp):
    index = np.arange(40 * 1000, dtype=np.int32).reshape(40, 1000)
    values = (np.arange(index.size) % 10).astype(np.float32)
    image = map_image(PaintedMap(index, values, None, 0, PAINT), "Map", [])
    top = image.height() - MARGIN - 40 * 6  # low maps are drawn higher
    row = [image.pixelColor(MARGIN + x, top + 3).rgb() & 0xFFFFFF for x in range(1000)]
    assert row == [int(TABLE[x % 10]) & 0xFFFFFF for x in range(1000)]


def test_flags_cover_values_and_are_named_with_their_number(painted):
    flags = np.zeros(12, np.uint32)
    flags[[0, 7]] = 1 << 3
    flags[9] = 1 << 5
    plain = map_image(painted, "Map", [], {3: "dead", 5: "hot"})
    image = map_image(replace(painted, flags=flags, drawn=1 << 3), "Map", [], {3: "dead", 5: "hot"})
    found, colours = block_colours(image, painted.index, 129), colour.flag_table()
    assert found[0][0] == found[0][5] == int(colours[3]) & 0xFFFFFF
    assert found[1][4] == int(TABLE[9]) & 0xFFFFFF  # that flag is not drawn
    above = image.height() - plain.height()
    assert above > 8  # a line of legend, in which the colour is seen again
    top = image.height() - MARGIN - 129 * 2
    seen = {image.pixelColor(x, y).rgb() & 0xFFFFFF for x in range(image.width()) for y in range(top)}
    assert int(colours[3]) & 0xFFFFFF in seen
    assert int(colours[5]) & 0xFFFFFF not in seen


def test_the_colour_bar_goes_from_the_low_to_the_high_level(painted):
    image = map_image(painted, "Map", [])
    x = MARGIN + 7 * 129 + 10 + 5
    bottom = image.height() - MARGIN - 1
    top = bottom - 2 * 129 + 1
    assert image.pixelColor(x, bottom).rgb() & 0xFFFFFF == int(TABLE[0]) & 0xFFFFFF
    assert image.pixelColor(x, top).rgb() & 0xFFFFFF == int(TABLE[-1]) & 0xFFFFFF


def test_modules_are_named_where_there_are_several(painted):
    boxes = np.array([[0, 0, 3, 2], [4, 0, 7, 2]])
    named = map_image(replace(painted, names=("m3", "m5"), boxes=boxes), "Map", [])
    alone = np.array([[0, 0, 3, 2], [2, 7, 0, 0]])
    assert named != map_image(painted, "Map", [])
    assert map_image(replace(painted, names=("m3", "m5"), boxes=alone), "Map", []) == map_image(painted, "Map", [])


def test_long_captions_are_broken_not_cut(qapp):
    picture = QImage(300, 200, QImage.Format.Format_RGB32)
    picture.fill(QColor("red"))
    short = with_caption(picture, "Map", ["left out: one flag"])
    long = with_caption(picture, "Map", ["left out: " + ", ".join(["offset out of threshold"] * 20)])
    assert long.width() < 700
    assert long.height() > short.height() + 60


def test_tall_pictures_stand_side_by_side_wide_ones_below_each_other(qapp):
    def grid(width, height):
        whole = side_by_side([QImage(width, height, QImage.Format.Format_RGB32)] * 4)
        return whole.width() // width, whole.height() // height

    assert grid(100, 400) == (4, 1)
    assert grid(100, 100) == (2, 2)
    assert grid(600, 100) == (1, 4)


def test_words_are_read_back_from_the_file(qapp, tmp_path):
    image = with_words(QImage(4, 4, QImage.Format.Format_RGB32), {"Source": "X · r1", "Place": "HG · memory cell 17"})
    assert image.save(str(tmp_path / "map.png"))
    found = QImage(str(tmp_path / "map.png"))
    assert (found.text("Source"), found.text("Place")) == ("X · r1", "HG · memory cell 17")


@pytest.mark.parametrize(("low", "high", "expected"), [
    (6157, 6840.2, [6200, 6400, 6600, 6800]),
    (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
    (-3e-4, 3e-4, [-3e-4, -2e-4, -1e-4, 0, 1e-4, 2e-4, 3e-4]),
])
def test_ticks_are_round(low, high, expected):
    np.testing.assert_allclose(round_ticks(low, high), expected, atol=1e-12)
