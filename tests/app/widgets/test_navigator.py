import numpy as np
import pytest
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtGui import QColor
from PyQt6.QtWidgets import QSlider, QSpinBox, QToolButton

from app.widgets.navigator import AxisChoice, LabelSlider, Navigator
from app.widgets.there import LACKING, PARTLY, STRIP, WHOLE, stretches
from app.widgets.tones import tones_of


@pytest.fixture
def navigator(qtbot):
    made = Navigator()
    qtbot.addWidget(made)
    made.set_ranges([0, 1, 5, 6], [AxisChoice("gain", "Gain stage", ("HG", "MG", "LG")),
                                   AxisChoice("cell", "Memory cell", tuple(range(0, 352, 2)))])
    made.set_state(1, {"gain": 0, "cell": 5})
    made.show()
    return made


def child(navigator, kind, name):
    return navigator.findChild(kind, name)


def test_steps_go_over_gaps_and_stop_at_the_ends(navigator, qtbot):
    heard = []
    navigator.module_changed.connect(heard.append)
    for steps in (1, 1, 1, -1):
        navigator.step_module(steps)
    assert heard == [5, 6, 5]
    with qtbot.waitSignal(navigator.index_changed) as cell:
        navigator.step(-1)
    assert cell.args == ["cell", 4]
    assert child(navigator, QSpinBox, "cell_spin").value() == 8


def test_typed_number_goes_to_the_nearest_one(navigator, qtbot):
    spin = child(navigator, QSpinBox, "module_spin")
    spin.selectAll()
    with qtbot.waitSignal(navigator.module_changed) as heard:
        qtbot.keyClicks(spin, "4")
        qtbot.keyClick(spin, Qt.Key.Key_Return)
    assert heard.args == [5]
    assert spin.value() == 5


def test_keys_on_spin_box_and_slider(navigator, qtbot):
    qtbot.keyClick(child(navigator, QSpinBox, "module_spin"), Qt.Key.Key_Up)
    with qtbot.waitSignal(navigator.index_changed) as cell:
        qtbot.keyClick(child(navigator, QSlider, "cell_slider"), Qt.Key.Key_Right)
    assert cell.args == ["cell", 6]
    assert child(navigator, QSpinBox, "module_spin").value() == 5


def test_stage_buttons(navigator, qtbot):
    button = child(navigator, QToolButton, "gain_2")
    assert button.text() == "LG"
    with qtbot.waitSignal(navigator.index_changed) as heard:
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert heard.args == ["gain", 2]
    with qtbot.assertNotEmitted(navigator.index_changed):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    with qtbot.waitSignal(navigator.index_changed) as heard:
        navigator.choose(1)
    assert heard.args == ["gain", 1]
    assert child(navigator, QToolButton, "gain_1").isChecked()


def test_state_from_elsewhere_makes_no_signal(navigator, qtbot):
    with qtbot.assertNotEmitted(navigator.module_changed), qtbot.assertNotEmitted(navigator.index_changed):
        navigator.set_state(6, {"gain": 2, "cell": 175}, pending=True)
        assert child(navigator, QSpinBox, "cell_spin").value() == 350
        assert navigator.palette().windowText().color() == QColor(tones_of(navigator.palette()).pending)
        navigator.set_state(6, {})
        assert navigator.palette().windowText().color() != QColor(tones_of(navigator.palette()).pending)
        navigator.set_ranges([6, 7], [AxisChoice("cell", "Memory cell", (0,))])
    assert child(navigator, QSpinBox, "module_spin").value() == 6


def test_numbers_that_are_not_whole_have_a_slider(navigator, qtbot):
    currents = tuple(0.5 * n for n in range(9))
    navigator.set_ranges([], [AxisChoice("current", "Current", currents)])
    with qtbot.waitSignal(navigator.index_changed) as heard:
        navigator.step(3)
    assert heard.args == ["current", 3]
    assert navigator.findChild(LabelSlider).label.text() == "1.5"


def strip_colours(control):
    """Colours along the lower edge of a control, and whether any stretch of them is hatched."""
    image = control.grab().toImage()
    rows = range(image.height() - STRIP, image.height())
    return [{image.pixelColor(x, y).name() for y in rows} for x in range(image.width())]


def test_the_slider_marks_which_entries_are_there(navigator):
    navigator.resize(500, 120)
    slider, tones = child(navigator, QSlider, "cell_slider"), tones_of(navigator.palette())
    before = strip_colours(slider)
    there = np.zeros(176)
    there[:60], there[60:80], there[150:] = 1.0, 0.5, np.nan
    navigator.set_there({"cell": there})
    seen = strip_colours(slider)
    for kind, first, last in stretches(there):
        middle = int(slider.place(first, last).center().x())
        assert (seen[middle] == {tones.accent}) == (kind == WHOLE)
        if kind == LACKING:  # lines and gaps between them
            columns = set().union(*seen[middle - 6:middle + 6])
            assert tones.muted in columns
            assert len(columns) > 1
    assert [kind for kind, *_ in stretches(there)] == [WHOLE, PARTLY, LACKING]
    end = int(slider.place(165, 165).center().x())
    assert seen[end] == before[end]
    assert slider.parent().toolTip().startswith("Memory cell: 60 of 150 are done")
    # the mark of an entry is where the handle is when it is chosen
    navigator.set_state(1, {"cell": 60})
    assert abs(slider.place(60, 60).center().x() - (slider.place(0, 0).left() + 60 / 175 * (
        slider.place(175, 175).right() - slider.place(0, 0).left()))) < 8
    navigator.set_there({})
    assert slider.there is None
    assert slider.parent().toolTip() == ""


def test_few_entries_have_marks_below_their_buttons(navigator):
    buttons = child(navigator, QToolButton, "gain_0").parent()
    navigator.set_there({"gain": np.array([1.0, 0.0, np.nan])})
    seen = strip_colours(buttons)
    middles = [child(navigator, QToolButton, f"gain_{n}").geometry().center().x() for n in range(3)]
    tones = tones_of(navigator.palette())
    assert seen[middles[0]] == {tones.accent}
    assert tones.muted in set().union(*seen[middles[1] - 6:middles[1] + 6])
    assert not {tones.accent, tones.muted} & seen[middles[2]]


def test_nothing_to_choose(navigator):
    navigator.set_ranges([], [])
    navigator.step(1)
    navigator.choose(0)
    navigator.step_module(-1)
    assert not child(navigator, QSpinBox, "module_spin").isEnabled()


@pytest.mark.parametrize(("kind", "name"), [(QSpinBox, "cell_spin"), (QSlider, "cell_slider")])
def test_wheel_needs_the_focus(navigator, qtbot, turn_wheel, kind, name):
    control = child(navigator, kind, name)
    control.clearFocus()
    turn_wheel(control, QPoint(5, 5))
    spin = child(navigator, QSpinBox, "cell_spin")
    assert spin.value() == 10
    navigator.activateWindow()
    control.setFocus()
    qtbot.waitUntil(control.hasFocus)
    turn_wheel(control, QPoint(5, 5))
    assert spin.value() > 10
