"""Parts of a form fold away below a heading that has their switch."""

from __future__ import annotations

from typing import ClassVar, Literal

import pytest
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtTest import QTest

from app.forms.field import Mark
from app.forms.fold import Fold
from app.forms.knob_form import KnobForm
from calib_core.characterisation.family import families
from calib_core.errors import BadParameter
from calib_core.params import Knobs, Part, knob


class Level(Part):
    word: ClassVar[str] = "level"
    title: ClassVar[str] = "Levelling"
    required: ClassVar[bool] = True

    limit: int = knob(10, ge=0, le=100, unit="ADU", help="Limit")


class Smooth(Part):
    word: ClassVar[str] = "smooth"
    title: ClassVar[str] = "Smoothing"

    width: float = knob(2.0, ge=1, le=9, unit="pixels", help="Width")
    mode: Literal["row", "column"] = knob("row", help="Axis", expert=True)


class Sharpen(Part):
    word: ClassVar[str] = "sharpen"
    title: ClassVar[str] = "Sharpening"

    power: int = knob(3, ge=1, le=5, help="Power")


class Work(Knobs):
    trains: int = knob(100, ge=1, help="Trains")
    steps: tuple[Part, ...] = (Level(), Smooth(), Sharpen(on=False))


METHODS = [(family, method) for family in families() for method in family.methods]
WITH_STEPS = [pytest.param(family, method, id=f"{family.name}-{method.command}") for family, method in METHODS
              if any(one.part for one in method.knobs())]


def steps_of(method):
    """Steps in the fields of a method, whatever it says of its parameters."""
    fields = [getattr(method, name) for name in type(method).model_fields]
    return [one for field in fields if isinstance(field, tuple) for one in field if isinstance(one, Part)]


@pytest.fixture
def form(qtbot):
    return shown(qtbot, Work())


def shown(qtbot, baseline):
    form = KnobForm(baseline)
    qtbot.addWidget(form)
    form.show()
    form.activateWindow()
    return form


def editor(form, name):
    return form.fields[name].editor


def press(form, word):
    switch = editor(form, word)
    QTest.mouseClick(switch, Qt.MouseButton.LeftButton, pos=QPoint(8, switch.height() // 2))


def type_into(widget, text):
    widget.setFocus()
    QTest.keyClick(widget, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(widget, text)
    QTest.keyClick(widget, Qt.Key.Key_Return)


def test_there_is_a_fold_for_each_part_in_their_order(form):
    assert {word: fold.heading.text() for word, fold in form.parts.items()} == {
        "level": "Levelling", "smooth": "Smoothing", "sharpen": "Sharpening"}
    tops = [form.parts[word].y() for word in ("level", "smooth", "sharpen")]
    assert tops == sorted(set(tops))
    assert editor(form, "trains").isVisible()


def test_a_heading_shows_and_hides_what_is_inside(form):
    assert not editor(form, "smooth_width").isVisible()
    QTest.mouseClick(form.parts["smooth"].heading, Qt.MouseButton.LeftButton)
    assert editor(form, "smooth_width").isVisible()
    assert not editor(form, "level_limit").isVisible()
    QTest.mouseClick(form.parts["smooth"].heading, Qt.MouseButton.LeftButton)
    assert not editor(form, "smooth_width").isVisible()


def test_experts_find_all_of_a_part_in_its_fold(form):
    assert form.parts["smooth"].content.isAncestorOf(editor(form, "smooth_mode"))
    assert not form.more.isVisible()


def test_a_part_has_a_switch_beside_its_heading_unless_it_is_required(form):
    assert sorted(form.fields) == ["level_limit", "sharpen", "sharpen_power", "smooth", "smooth_mode", "smooth_width",
                                   "trains"]
    assert (editor(form, "smooth").value(), editor(form, "sharpen").value()) == (True, False)
    assert editor(form, "smooth").isVisible()
    assert not form.parts["smooth"].content.isAncestorOf(editor(form, "smooth"))


def test_unchecking_switches_the_step_off_and_checking_on(form, qtbot):
    with qtbot.waitSignal(form.changed):
        press(form, "smooth")
    press(form, "sharpen")
    assert form.changes() == {"smooth": False, "sharpen": True}
    assert [part.on for part in Work().with_changes(form.changes()).steps] == [True, False, True]
    assert form.parts["smooth"].heading.text() == "Smoothing  (* 1 changed)"
    assert form.fields["smooth"].mark is Mark.CHANGED
    press(form, "smooth")
    assert form.changes() == {"sharpen": True}
    assert form.parts["smooth"].heading.text() == "Smoothing"


def test_a_switch_is_reset_by_its_button(form):
    press(form, "smooth")
    QTest.mouseClick(form.fields["smooth"].button, Qt.MouseButton.LeftButton)
    assert form.changes() == {}
    assert editor(form, "smooth").isChecked()


def test_values_of_a_step_that_is_off_are_kept(form):
    form.parts["smooth"].open(True)
    type_into(editor(form, "smooth_width"), "4.5")
    press(form, "smooth")
    assert form.changes() == {"smooth": False, "smooth_width": 4.5}
    assert form.parts["smooth"].heading.text() == "Smoothing  (* 2 changed)"
    smooth = Work().with_changes(form.changes()).steps[1]
    assert (smooth.on, smooth.width, smooth.mode) == (False, 4.5, "row")


def test_values_come_back_into_another_form(form, qtbot):
    changes = {"trains": 7, "level_limit": 20, "smooth": False, "smooth_mode": "column", "sharpen": True,
               "sharpen_power": 5}
    form.set_changes(changes)
    other = shown(qtbot, Work())
    with qtbot.waitSignal(other.changed):
        other.set_changes(form.changes())
    assert other.parts["sharpen"].heading.text() == "Sharpening  (* 2 changed)"
    assert other.changes() == changes
    assert [editor(other, name).value() for name in changes] == list(changes.values())
    other.set_changes({})
    assert other.changes() == {}
    assert editor(other, "smooth").isChecked()


def test_what_is_wrong_opens_its_fold_alone(form):
    form.parts["smooth"].open(True)
    type_into(editor(form, "smooth_width"), "10")
    form.parts["smooth"].open(False)
    with pytest.raises(BadParameter) as told:
        form.changes()
    sentence = "smooth_width = 10.0 is not allowed; it takes 1 to 9 pixels."
    assert str(told.value) == form.fields["smooth_width"].error.text() == sentence
    assert form.fields["smooth_width"].error.isVisible()
    assert not editor(form, "level_limit").isVisible()


def test_the_tuple_of_parts_cannot_be_set(form):
    with pytest.raises(BadParameter, match="There is no parameter “steps”"):
        form.set_changes({"steps": ()})


def test_some_characterisations_have_steps():
    assert len(WITH_STEPS) >= 2


@pytest.mark.parametrize(("family", "method"), WITH_STEPS)
def test_a_step_of_a_characterisation_is_switched_off_in_its_fold(family, method, qtbot):
    form = KnobForm(method, [stage.short for stage in family.stages])
    qtbot.addWidget(form)
    steps = {step.word: step for step in steps_of(method)}
    assert {word: fold.heading.text() for word, fold in form.parts.items()} == {
        word: step.title for word, step in steps.items()
        if not step.required or type(step).model_fields.keys() - {"on"}}
    for word, step in steps.items():
        assert (word in form.fields) == (not step.required)
    optional = [word for word, step in steps.items() if not step.required]
    for word in optional:
        editor(form, word).set_value(False)
    changed = method.with_changes(form.changes())
    assert {step.word: step.on for step in steps_of(changed)} == {word: word not in optional for word in steps}


def test_a_fold_tells_whether_it_is_open(qtbot):
    fold = Fold("Inside", shown=True)
    qtbot.addWidget(fold)
    fold.show()
    assert fold.content.isVisible()
    with qtbot.waitSignal(fold.toggled) as told:
        fold.open(False)
    assert told.args == [False]
    fold.set_title("Within")
    fold.say_changed(2)
    assert fold.heading.text() == "Within  (* 2 changed)"
