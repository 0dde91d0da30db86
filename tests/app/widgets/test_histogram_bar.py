import numpy as np
import pytest
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtGui import QFontMetricsF
from PyQt6.QtWidgets import QLineEdit

from app.widgets.colour import colour_table
from app.widgets.histogram_bar import LABELS, HistogramBar, tick_step


@pytest.fixture
def bar(qtbot):
    made = HistogramBar()
    qtbot.addWidget(made)
    made.resize(100, 300)
    made.set_colours(colour_table("viridis"))
    made.set_sample(np.linspace(0, 100, 5000, dtype="f4"))
    made.set_levels(20.0, 80.0)
    made.show()
    return made


def at(bar, value):
    return QPoint(35, round(bar._y_of(value)))


def test_dragging_a_handle_moves_one_level(bar, qtbot):
    with qtbot.waitSignal(bar.levels_dragged) as heard:
        qtbot.mousePress(bar, Qt.MouseButton.LeftButton, pos=at(bar, 80))
        qtbot.mouseMove(bar, at(bar, 60))
    qtbot.mouseRelease(bar, Qt.MouseButton.LeftButton, pos=at(bar, 60))
    assert heard.args == [20.0, pytest.approx(60, abs=0.5)]
    assert bar.levels[1] == pytest.approx(60, abs=0.5)


def test_dragging_between_the_handles_moves_both(bar, qtbot):
    qtbot.mousePress(bar, Qt.MouseButton.LeftButton, pos=at(bar, 50))
    qtbot.mouseMove(bar, at(bar, 55))
    assert bar.levels == pytest.approx((25, 85), abs=0.6)
    assert bar.levels[1] - bar.levels[0] == pytest.approx(60)


def test_levels_never_cross(bar, qtbot):
    qtbot.mousePress(bar, Qt.MouseButton.LeftButton, pos=at(bar, 20))
    qtbot.mouseMove(bar, at(bar, 90))
    assert bar.levels == (20, 80)


def test_number_is_typed_after_a_double_click(bar, qtbot):
    qtbot.mouseDClick(bar, Qt.MouseButton.LeftButton, pos=at(bar, 20))
    editor = bar.findChild(QLineEdit, "level_editor")
    editor.clear()
    qtbot.keyClicks(editor, "-12.5")
    with qtbot.waitSignal(bar.levels_dragged) as heard:
        qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert heard.args == [-12.5, 80.0]
    assert editor.isHidden()


@pytest.mark.parametrize(("text", "level"), [("70,5", 70.5), ("7.05e1", 70.5), ("−3", 80.0), ("7O", 80.0)])
def test_numbers_of_any_locale_are_taken_and_others_are_not(bar, qtbot, text, level):
    qtbot.mouseDClick(bar, Qt.MouseButton.LeftButton, pos=at(bar, 80))
    editor = bar.findChild(QLineEdit, "level_editor")
    editor.setText(text)
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert bar._levels == (20.0, level)


def test_escape_leaves_the_number(bar, qtbot):
    qtbot.mouseDClick(bar, Qt.MouseButton.LeftButton, pos=at(bar, 80))
    editor = bar.findChild(QLineEdit, "level_editor")
    qtbot.keyClicks(editor, "5")
    with qtbot.assertNotEmitted(bar.levels_dragged):
        qtbot.keyClick(editor, Qt.Key.Key_Escape)
    assert editor.isHidden()
    assert bar.levels == (20, 80)


def test_double_click_elsewhere_asks_for_automatic_levels(bar, qtbot):
    with qtbot.waitSignal(bar.auto_requested):
        qtbot.mouseDClick(bar, Qt.MouseButton.LeftButton, pos=at(bar, 50))


@pytest.mark.parametrize(
    ("ends", "count", "step"), [((0, 10), 5, 2), ((0, 1), 4, 0.5), ((-3e-4, 3e-4), 6, 1e-4)]
)
def test_tick_steps(ends, count, step):
    assert tick_step(*ends, count) == pytest.approx(step)


def test_levels_of_any_size_are_painted(bar):
    for levels in ((0, 1e-30), (-1e30, 1e30), (1e8, 1e8 + 1), (5.0, 5.0)):
        bar.set_levels(*levels)
        assert not bar.grab().isNull()


def test_the_unit_stands_above_the_colours(bar):
    """Pixels of the margin change with the unit, and nothing below it."""
    def picture():
        image = bar.grab().toImage()
        return np.array([[image.pixel(x, y) for x in range(bar.width())] for y in range(60)], np.uint32)

    bar.set_unit("")
    without = picture()
    bar.set_unit("keV")
    changed = np.argwhere(picture() != without)
    assert len(changed) > 10
    assert changed[:, 0].max() < 12
    assert changed[:, 1].max() <= 44  # left of the numbers


def test_a_unit_that_does_not_fit_is_not_cut(bar):
    """“ADU/s…” would be another one than ADU/step."""
    pictures = []
    for unit in ("", "ADU/step and more"):
        bar.set_unit(unit)
        pictures.append(bar.grab().toImage())
    assert pictures[0] == pictures[1]


@pytest.mark.parametrize(("levels", "told"), [
    ((19999.0, 20000.0), ("19999.0", "20000.0")), ((390063.0, 821583.0), ("390063", "821583")),
    ((-0.00352, 0.00298), ("-0.00352", "0.00298")), ((1.23456e6, 1.23457e6), ("1.23e6", "1.23e6"))])
def test_numbers_of_levels_are_not_cut(bar, levels, told):
    bar.set_levels(*levels)
    font = bar.font()
    font.setBold(True)
    for value, text in zip(levels, told, strict=True):
        assert bar._label(value) == text
        assert QFontMetricsF(font).horizontalAdvance(text) <= LABELS - 10
