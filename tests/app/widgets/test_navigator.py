import pytest
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtGui import QColor
from PyQt6.QtWidgets import QSlider, QSpinBox, QToolButton

from app.widgets.navigator import AxisChoice, LabelSlider, Navigator
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
