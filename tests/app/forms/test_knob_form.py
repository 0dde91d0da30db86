"""Form from a declaration: every kind of parameter by keyboard and mouse."""

from __future__ import annotations

from typing import Literal

import pytest
from PyQt6.QtCore import QPoint, QPointF, Qt
from PyQt6.QtGui import QWheelEvent
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QApplication

from app.forms.field import Mark
from app.forms.knob_form import KnobForm
from calib_core.errors import BadParameter
from calib_core.params import Knobs, Limits, LimitsPerStage, knob


class Everything(Knobs):
    """A parameter of each kind."""

    count: int = knob(10, ge=1, le=99, unit="trains", help="How many trains")
    sigma: float = knob(5.0, ge=0, le=20, unit="σ", help="Width of the gate")
    most: int | None = knob(None, ge=1, help="Most frames")
    keep: bool = knob(False, help="Keep them")
    way: Literal["robust", "plain"] = knob("robust", help="The way")
    note: str = knob("", help="A note")
    span: Limits = knob((0.0, 1.0), help="A span")
    hard: LimitsPerStage = knob(((1.0, 2.0), (3.0, 4.0)), unit="ADU", help="Hard limits")
    deep: int = knob(3, ge=0, le=5, expert=True, help="For experts")


@pytest.fixture
def form(qtbot):
    form = KnobForm(Everything(), ["HG", "MG"])
    qtbot.addWidget(form)
    form.show()
    form.activateWindow()
    return form


def editor(form, name):
    return form.fields[name].editor


def type_into(widget, text, enter=True):
    widget.setFocus()
    QTest.keyClick(widget, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(widget, Qt.Key.Key_Delete)
    QTest.keyClicks(widget, text)
    if enter:
        QTest.keyClick(widget, Qt.Key.Key_Return)


def wheel(widget):
    at = QPointF(widget.rect().center())
    event = QWheelEvent(at, QPointF(widget.mapToGlobal(at.toPoint())), QPoint(), QPoint(0, 120),
                        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False)
    QApplication.sendEvent(widget, event)


def test_an_untouched_form_changes_nothing(form):
    assert form.changes() == {}
    assert all(field.mark is Mark.PLAIN for field in form.fields.values())


@pytest.mark.parametrize(("name", "text", "value"), [
    ("count", "25", 25), ("sigma", "7.5", 7.5), ("sigma", "2e-1", 0.2), ("most", "40", 40), ("note", "hot", "hot"),
])
def test_typed_values(form, qtbot, name, text, value):
    with qtbot.waitSignal(form.changed):
        type_into(editor(form, name), text)
    assert form.changes() == {name: value}
    assert form.fields[name].mark is Mark.CHANGED
    assert form.fields[name].sign.text() == "*"


def test_a_switch_and_a_choice(form):
    keep, way = editor(form, "keep"), editor(form, "way")
    QTest.mouseClick(keep, Qt.MouseButton.LeftButton, pos=QPoint(8, keep.height() // 2))
    way.setFocus()
    QTest.keyClick(way, Qt.Key.Key_Down)
    assert form.changes() == {"keep": True, "way": "plain"}
    assert form.fields["way"].mark is Mark.CHANGED


def test_limits_and_limits_per_stage(form):
    type_into(editor(form, "span").ends[1], "2")
    type_into(editor(form, "hard").rows[1].ends[0], "3.5")
    assert form.changes() == {"span": [0.0, 2.0], "hard": [[1.0, 2.0], [3.5, 4.0]]}


def test_a_half_typed_value_counts(form):
    type_into(editor(form, "count"), "12", enter=False)
    assert form.fields["count"].mark is Mark.PENDING
    assert form.changes() == {"count": 12}


def test_leaving_an_editor_applies(form, qtbot):
    type_into(editor(form, "count"), "12", enter=False)
    with qtbot.waitSignal(form.changed):
        editor(form, "count").clearFocus()
    assert form.fields["count"].mark is Mark.CHANGED


def test_escape_restores_what_applied_last(form):
    type_into(editor(form, "count"), "12")
    type_into(editor(form, "count"), "77", enter=False)
    QTest.keyClick(editor(form, "count"), Qt.Key.Key_Escape)
    assert form.changes() == {"count": 12}


@pytest.mark.parametrize("name", ["count", "sigma", "way"])
def test_the_wheel_passes_over_an_unfocused_editor(form, name):
    editor(form, "note").setFocus()
    before = editor(form, name).value()
    wheel(editor(form, name))
    assert editor(form, name).value() == before


def test_the_wheel_turns_an_editor_that_has_the_focus(form):
    editor(form, "count").setFocus()
    assert editor(form, "count").hasFocus()
    wheel(editor(form, "count"))
    assert form.changes() == {"count": 11}


def test_arrows_stop_at_the_range(form):
    type_into(editor(form, "count"), "98")
    for _ in range(3):
        QTest.keyClick(editor(form, "count"), Qt.Key.Key_Up)
    assert form.changes() == {"count": 99}


@pytest.mark.parametrize(("name", "text", "value"), [
    ("count", "100", 100), ("count", "2.5", 2.5), ("count", "", ""), ("sigma", "nan", "nan"),
    ("sigma", "5 s", "5 s"), ("deep", "9", 9),
])
def test_a_refused_value_says_what_the_command_line_says(form, name, text, value):
    type_into(editor(form, name), text)
    with pytest.raises(BadParameter) as declared:
        Everything().with_changes({name: value})
    with pytest.raises(BadParameter) as caught:
        form.changes()
    assert str(caught.value) == str(declared.value) == form.fields[name].error.text()
    assert form.fields[name].error.isVisible()
    assert form.fields[name].sign.text() == "!"


def test_a_wrong_value_does_not_hide_another(form):
    type_into(editor(form, "count"), "100")
    type_into(editor(form, "sigma"), "7")
    assert form.draft().changes == {"sigma": 7.0}
    assert list(form.draft().errors) == ["count"]


def test_reset_brings_back_the_default(form, qtbot):
    type_into(editor(form, "count"), "100")
    with qtbot.waitSignal(form.changed):
        QTest.mouseClick(form.fields["count"].button, Qt.MouseButton.LeftButton)
    assert form.changes() == {}
    assert not form.fields["count"].button.isVisible()
    assert not form.fields["count"].error.isVisible()


def test_expert_parameters_are_folded_and_tell_when_changed(form):
    assert not editor(form, "deep").isVisible()
    form.set_changes({"deep": 4})
    assert "1 changed" in form.more.heading.text()
    QTest.mouseClick(form.more.heading, Qt.MouseButton.LeftButton)
    assert editor(form, "deep").isVisible()


def test_changes_come_back_into_another_form(form, qtbot):
    changes = {"count": 20, "keep": True, "way": "plain", "most": 3, "note": "x", "span": [1.0, 5.0],
               "hard": [[0.0, 2.0], [3.0, 9.0]], "deep": 1, "sigma": 0.5}
    form.set_changes(changes)
    other = KnobForm(Everything(), ["HG", "MG"])
    qtbot.addWidget(other)
    other.set_changes(form.changes())
    assert other.changes() == changes


def test_unknown_changes_are_refused(form):
    with pytest.raises(BadParameter):
        form.set_changes({"nonsense": 1})


def test_the_tooltip_tells_help_range_default_and_flag(form):
    text = editor(form, "count").toolTip()
    for part in ("How many trains", "1 to 99 trains", "Default: 10 trains", "--count"):
        assert part in text


@pytest.mark.parametrize(("stages", "pairs", "labels"), [
    (("HG", "MG"), 2, ["HG", "MG"]), (("HG", "MG", "LG"), 1, ["all"]),
])
def test_limits_carry_the_names_of_the_stages(qtbot, stages, pairs, labels):
    class Hard(Knobs):
        hard: LimitsPerStage = knob(((0.0, 1.0),) * pairs, help="Hard limits")

    form = KnobForm(Hard(), stages)
    qtbot.addWidget(form)
    rows = form.fields["hard"].editor.rows
    assert [row.layout().itemAt(0).widget().text() for row in rows] == labels
