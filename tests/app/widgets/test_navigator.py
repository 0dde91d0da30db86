import pytest
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtWidgets import QSlider, QSpinBox, QToolButton

from app.widgets.navigator import Navigator


@pytest.fixture
def navigator(qtbot):
    made = Navigator()
    qtbot.addWidget(made)
    made.set_ranges([0, 1, 5, 6], range(0, 352, 2), ["HG", "MG", "LG"])
    made.set_state(1, 10, 0)
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
    with qtbot.waitSignal(navigator.cell_changed) as cell:
        navigator.step_cell(-1)
    assert cell.args == [8]


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
    qtbot.keyClick(child(navigator, QSlider, "cell_slider"), Qt.Key.Key_Right)
    assert navigator.state == (5, 12, 0)


def test_stage_buttons(navigator, qtbot):
    button = child(navigator, QToolButton, "stage_2")
    assert button.text() == "LG"
    with qtbot.waitSignal(navigator.stage_changed) as heard:
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert heard.args == [2]
    with qtbot.assertNotEmitted(navigator.stage_changed):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_state_from_elsewhere_makes_no_signal(navigator, qtbot):
    with qtbot.assertNotEmitted(navigator.module_changed), qtbot.assertNotEmitted(navigator.cell_changed):
        navigator.set_state(6, 350, 2)
        navigator.set_ranges([6, 7], [0], ["HG"])
    assert navigator.state == (6, 0, 0)


def test_nothing_to_choose(navigator):
    navigator.set_ranges([], [], [])
    navigator.step_cell(1)
    navigator.step_module(-1)
    assert navigator.state == (0, 0, 0)


@pytest.mark.parametrize(("kind", "name"), [(QSpinBox, "cell_spin"), (QSlider, "cell_slider")])
def test_wheel_needs_the_focus(navigator, qtbot, turn_wheel, kind, name):
    control = child(navigator, kind, name)
    control.clearFocus()
    turn_wheel(control, QPoint(5, 5))
    assert navigator.state == (1, 10, 0)
    navigator.activateWindow()
    control.setFocus()
    qtbot.waitUntil(control.hasFocus)
    turn_wheel(control, QPoint(5, 5))
    assert navigator.state[1] > 10
