"""Messages over the top of a widget: what is in sight, how many wait, and that nothing is cut or moved."""

from __future__ import annotations

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QPushButton, QTextEdit, QToolButton, QVBoxLayout, QWidget

from app.widgets.banner import Banner

LONG = ("The run /gpfs/exfel/exp/SPB/202601/p900450/raw/r0012 cannot be opened: sequence 1 is missing "
        "(RAW-R0012-AGIPD00-S00001.h5). " * 2 + "Wait until the run is closed.")


@pytest.fixture
def room(qtbot):
    """A window of 400 × 300 pixels."""
    parent = QWidget()
    qtbot.addWidget(parent)
    parent.resize(400, 300)
    parent.show()
    qtbot.waitExposed(parent)
    return parent


@pytest.fixture
def below(room):
    """A widget that fills it."""
    column = QVBoxLayout(room)
    column.setContentsMargins(0, 0, 0, 0)
    widget = QWidget()
    column.addWidget(widget)
    column.activate()
    return widget


@pytest.fixture
def banner(below):
    return Banner(below)


def text_of(banner):
    return banner.findChild(QTextEdit, "banner_text").toPlainText()


@pytest.mark.parametrize("level", ["error", "warn", "warning", "info", "ok"])
def test_plain_text_is_shown_and_closed(banner, qtbot, level):
    banner.say(level, "cannot read <i>r0012</i>\nuse another run")
    assert text_of(banner).endswith(": cannot read <i>r0012</i> use another run")
    with qtbot.waitSignal(banner.closed):
        qtbot.mouseClick(banner.findChild(QToolButton, "banner_close"), Qt.MouseButton.LeftButton)
    assert banner.isHidden()
    assert (banner.message, banner.count) == ("", 0)


def test_unknown_levels_are_named(banner):
    with pytest.raises(ValueError, match="'fatal'"):
        banner.say("fatal", "x")


def test_nothing_below_moves(banner, below):
    before = below.geometry()
    banner.say("error", LONG)
    assert below.geometry() == before
    assert banner.geometry().topLeft() == before.topLeft()
    assert banner.width() == 400


@pytest.mark.parametrize("width", [400, 900])
def test_long_messages_wrap_to_their_end(banner, below, qtbot, width):
    below.window().resize(width, 600)
    banner.say("error", LONG)
    qtbot.wait(20)
    page = banner.findChild(QTextEdit, "banner_text")
    assert text_of(banner).endswith("Wait until the run is closed.")
    last = page.cursorRect(end_of(page))
    assert page.viewport().rect().contains(last.center())
    assert banner.height() <= 300


def end_of(page):
    cursor = page.textCursor()
    cursor.movePosition(cursor.MoveOperation.End)
    return cursor


def test_it_follows_the_widget_below(banner, below, qtbot):
    banner.say("info", "short")
    below.window().resize(700, 300)
    qtbot.waitUntil(lambda: banner.width() == 700)


def test_several_wait_and_are_stepped_through(banner, qtbot):
    for text in ("one", "two", "three"):
        banner.say("warning", text)
    button = banner.findChild(QToolButton, "banner_next")
    assert (banner.message, button.text()) == ("three", "2 more")
    seen = []
    for _ in range(3):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        seen.append(banner.message)
    assert seen == ["one", "two", "three"]
    banner.dismiss()
    assert (banner.message, button.text()) == ("two", "1 more")
    banner.dismiss()
    assert not button.isVisible()


def test_an_error_stays_in_sight_before_lesser_messages(banner):
    banner.say("error", "broken")
    banner.say("warning", "odd")
    assert (banner.message, banner.count) == ("broken", 2)
    banner.say("error", "worse")
    assert (banner.message, banner.count) == ("worse", 3)


def test_a_cause_has_one_message_and_takes_it_along(banner):
    banner.say("error", "r0012 cannot be opened", "opening")
    banner.say("error", "r0013 cannot be opened", "opening")
    banner.say("warning", "odd")
    banner.say("warning", "odd")
    assert banner.count == 2
    banner.clear("nothing of this name")
    assert banner.message == "r0013 cannot be opened"
    banner.clear("opening")
    assert (banner.message, banner.count) == ("odd", 1)


def test_a_button_goes_with_its_message(banner):
    button = QPushButton("Restore")
    banner.say("warning", "ended unexpectedly", "crash", button)
    assert button.isVisible()
    banner.say("error", "worse")
    assert not button.isVisible()
    banner.dismiss()
    assert button.isVisible()
    banner.clear("crash")
    assert not button.isVisible()


def test_a_part_at_the_top_stays_in_sight(below):
    line = QWidget(below)
    line.setGeometry(0, 0, 400, 24)
    line.show()
    banner = Banner(below, line)
    banner.say("info", "short")
    assert banner.y() == 24
    line.hide()
    assert banner.y() == 0
