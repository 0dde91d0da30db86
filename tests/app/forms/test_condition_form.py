"""Form of a condition: values, where they came from, and the operator's instead."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtTest import QTest

from app.forms.condition_draft import overrides, read_value
from app.forms.condition_form import ConditionForm
from app.forms.field import Mark
from calib_core.constants.condition import Condition, ConditionParameter, Found
from calib_core.detector.registry import detector_type
from calib_core.errors import BadParameter

LONG = "SOME_DOMAIN_OF_A_DETECTOR/MDL/COMPOSITE_OF_ALL_MODULES bunchStructure.repetitionRate"
CONDITION = Condition(
    (ConditionParameter("bias_voltage", "Sensor Bias Voltage", "V", 5.0, help="Bias"),
     ConditionParameter("rate", "Acquisition rate", "MHz"), ConditionParameter("mode", "Mode", text=True),
     ConditionParameter("lost", "Lost")),
    {"bias_voltage": Found(300.0, "default: no bias voltage in the run", sure=False), "rate": Found(1.1, LONG),
     "mode": Found("dynamic", "CONTROL mode")},
)


@pytest.fixture
def form(qtbot):
    form = ConditionForm(CONDITION)
    qtbot.addWidget(form)
    form.resize(320, 300)
    form.show()
    return form


def type_into(form, name, text):
    editor = form.fields[name].editor
    editor.setFocus()
    editor.selectAll()
    QTest.keyClicks(editor, text)
    QTest.keyClick(editor, Qt.Key.Key_Return)


def test_what_was_found_is_no_change(form):
    assert form.changes() == {}
    assert form.fields["bias_voltage"].editor.text() == "300"
    assert form.fields["rate"].unit.text() == "MHz"


def test_unsure_values_are_marked_by_sign_and_word(form):
    assert form.unsure == ("bias_voltage",)
    assert form.fields["bias_voltage"].sign.text() == "?"
    assert "please check" in form.fields["bias_voltage"].sign.toolTip()
    assert form.fields["rate"].mark is Mark.PLAIN


def test_a_long_origin_is_cut_but_the_tooltip_has_it(form):
    assert "…" in form.origins["rate"].text()
    assert form.origins["rate"].toolTip() == LONG


def test_the_operators_value(form, qtbot):
    with qtbot.waitSignal(form.changed):
        type_into(form, "bias_voltage", "200")
    assert form.changes() == {"bias_voltage": 200.0}
    assert form.origins["bias_voltage"].toolTip() == "operator, in place of 300 (default: no bias voltage in the run)"
    assert form.fields["bias_voltage"].mark is Mark.CHANGED
    QTest.mouseClick(form.fields["bias_voltage"].button, Qt.MouseButton.LeftButton)
    assert form.changes() == {}
    assert form.fields["bias_voltage"].mark is Mark.UNSURE


def test_a_value_that_was_not_found_can_be_given(form):
    type_into(form, "lost", "7")
    assert form.changes() == {"lost": 7.0}


def test_a_doubtful_value_can_be_taken_as_right(form, qtbot):
    with qtbot.waitSignal(form.changed):
        QTest.mouseClick(form.fields["bias_voltage"].button, Qt.MouseButton.LeftButton)
    assert form.changes() == {"bias_voltage": 300.0}
    assert form.unsure == ()
    other = ConditionForm(CONDITION)
    qtbot.addWidget(other)
    other.set_changes({"bias_voltage": 300.0})
    assert other.changes() == {"bias_voltage": 300.0}


def test_what_the_runs_disagree_in_is_doubtful(qtbot):
    form = ConditionForm(CONDITION, ["rate"])
    qtbot.addWidget(form)
    assert form.unsure == ("bias_voltage", "rate")


@pytest.mark.parametrize("kind", ["AGIPD1M", "JUNGFRAU", "PNCCD"])
def test_what_the_hardware_is_cannot_be_typed(qtbot, kind):
    parameters = detector_type(kind).condition
    form = ConditionForm(Condition(parameters, {one.name: Found(512.0, "detector type") for one in parameters}))
    qtbot.addWidget(form)
    form.show()
    fixed = {one.name for one in parameters if one.of_hardware}
    assert {"pixels_x", "pixels_y"} <= fixed
    assert {name for name, field in form.fields.items() if not field.editor.isEnabled()} == fixed
    for name in fixed:
        QTest.keyClicks(form.fields[name].editor, "7")
        assert form.changes() == {}


def test_words_stay_words(form):
    type_into(form, "mode", "fixed")
    assert form.changes() == {"mode": "fixed"}


@pytest.mark.parametrize("text", ["abc", "nan", "inf", "1,2,3"])
def test_no_number_is_refused_in_place(form, text):
    type_into(form, "rate", text)
    with pytest.raises(BadParameter, match=r"rate = .* it takes a number"):
        form.changes()
    assert form.fields["rate"].error.isVisible()


@pytest.mark.parametrize(("text", "value"), [
    ("2,5", 2.5), ("−2.5", -2.5), ("–2,5e−1", -0.25), ("1e-3", 1e-3), ("\u00a02.5 ", 2.5), (",5", 0.5),
])
def test_numbers_may_come_from_any_locale_and_program(text, value):
    assert read_value("rate", text, Found(1.1, LONG)) == value


def test_what_the_detector_cannot_have_is_refused():
    ranged = replace(CONDITION, parameters=(replace(CONDITION.parameters[1], lowest=0.1, highest=5),))
    with pytest.raises(BadParameter, match=r"rate = '-2' is not allowed; it takes a number from 0.1 to 5"):
        overrides(ranged, {"rate": "-2"})


def test_the_same_number_written_otherwise_is_no_change():
    assert read_value("rate", " 1.10 ", Found(1.1, LONG)) is None


def test_changes_come_back(form):
    form.set_changes({"rate": 4.5, "nonsense": 1})
    assert form.changes() == {"rate": 4.5}
