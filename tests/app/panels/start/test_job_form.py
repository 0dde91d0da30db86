"""Panel that starts jobs."""

from __future__ import annotations

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtTest import QTest

from app.panels.start.job_form import JobForm
from app.running.jobs_model import JobsModel
from calib_core.errors import BadParameter
from calib_core.jobs.board import Board, State


@pytest.fixture
def form(qtbot, session):
    jobs = JobsModel()
    session.job_started.connect(jobs.add)
    form = JobForm(session, jobs)
    form.started = []
    session.job_started.connect(form.started.append)
    qtbot.addWidget(form)
    form.show()
    return form


def type_text(widget, text):
    widget.setFocus()
    QTest.keyClick(widget, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClicks(widget, text)


def press(form):
    QTest.mouseClick(form.run_button, Qt.MouseButton.LeftButton)


def test_nothing_can_run_before_something_is_open(form, session):
    assert not form.run_button.isEnabled()
    assert "Open runs first" in form.reason.text()
    press(form)
    assert not form.started


def test_a_survey_makes_a_specification(form, session, make_survey):
    survey = make_survey()
    session.set_survey(survey)
    assert session.spec == survey.spec(session.out_folder)
    assert form.run_button.isEnabled()
    assert not form.reason.isVisible()
    assert form.run_button.text().startswith("Run darks")


def test_run_starts_the_job(form, session, make_survey):
    session.set_survey(make_survey())
    press(form)
    assert form.started[-1].calls == ["start"]
    assert form.started[-1].spec == session.spec


def test_run_takes_a_half_typed_value(form, session, make_survey):
    session.set_survey(make_survey())
    type_text(form.page.knobs.fields["max_trains"].editor, "77")
    form.run_action.trigger()
    assert form.started[-1].spec.parameters == {"max_trains": 77}


def test_run_by_keyboard(form, session, make_survey, qtbot):
    session.set_survey(make_survey())
    form.activateWindow()
    qtbot.waitUntil(form.isActiveWindow)
    editor = form.page.knobs.fields["max_trains"].editor
    type_text(editor, "78")
    QTest.keyClick(editor, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert form.started[-1].spec.parameters == {"max_trains": 78}


def test_a_wrong_value_starts_nothing_and_says_why(form, session, make_survey):
    survey = make_survey()
    session.set_survey(survey)
    type_text(form.page.knobs.fields["gate_sigma"].editor, "99")
    press(form)
    with pytest.raises(BadParameter) as declared:
        survey.method.with_changes({"gate_sigma": 99.0})
    assert not form.started
    assert ("ERROR", str(declared.value)) in session.said
    assert str(declared.value) in form.reason.text()
    assert form.page.knobs.fields["gate_sigma"].error.text() == str(declared.value)


def test_a_wrong_value_takes_the_specification_away(form, session, make_survey):
    session.set_survey(make_survey())
    type_text(form.page.modules.editor, "9")
    QTest.keyClick(form.page.modules.editor, Qt.Key.Key_Return)
    assert session.spec is None
    assert "has no module 9" in form.page.modules.error.text()
    type_text(form.page.modules.editor, "1-2")
    QTest.keyClick(form.page.modules.editor, Qt.Key.Key_Return)
    assert session.spec.modules == (1, 2)


def test_the_same_job_does_not_start_twice(form, session, make_survey):
    session.set_survey(make_survey())
    press(form)
    first = form.started[-1]
    press(form)
    assert form.started[-1] is first
    assert session.said[-1] == ("ERROR", "This job is running already; change something or cancel it first.")
    first.board = Board(2, State.DONE)
    form._jobs.poll()
    press(form)
    assert form.started[-1] is not first


def test_inputs_can_be_overridden(form, session, make_survey):
    session.set_survey(make_survey())
    combo = form.page.inputs.combos["high"]
    combo.setFocus()
    QTest.keyClick(combo, Qt.Key.Key_Down)
    spec = session.spec
    assert [path.name for name in spec.inputs for path in spec.paths(name)] == ["r0013", "r0012", "r0014"]
    assert session.spec.keep_order
    assert form.page.inputs.combos["med"].currentIndex() == 0
    assert form.page.inputs.origins["high"].toolTip().startswith("* operator")
    assert "You decided" in form.page.banner.text()


def test_reordered_runs_are_told(form, session, make_survey):
    session.set_survey(make_survey(order=(2, 1, 0)))
    assert "re-ordered" in form.page.banner.text()
    assert form.page.banner.isVisible()


def test_problems_are_told(form, session, make_survey, problem):
    session.set_survey(make_survey(problems=(problem,)))
    assert problem.sentence() in form.page.findChild(type(form.page.banner), "problems").text()


def test_another_detector_asks_for_another_survey(form, session, make_survey, qtbot):
    session.set_survey(make_survey(identifiers=("SPB_DET_AGIPD1M-1", "SPB_DET_AGIPD1M-2")))
    combo = form.page.detector
    combo.setFocus()
    with qtbot.waitSignal(session.open_requested) as asked:
        QTest.keyClick(combo, Qt.Key.Key_Down)
    assert asked.args[1] == "SPB_DET_AGIPD1M-2"
    assert [path.name for path in asked.args[0]] == ["r0012", "r0013", "r0014"]


def test_changed_parameters_stay_for_the_next_runs_but_conditions_do_not(form, session, make_survey):
    session.set_survey(make_survey())
    form.page.knobs.set_changes({"max_trains": 50})
    form.page.condition.set_changes({"bias_voltage": 200.0})
    assert session.spec.conditions == {"bias_voltage": 200.0}
    session.set_survey(make_survey())
    assert session.spec.parameters == {"max_trains": 50}
    assert session.spec.conditions == {}


def test_a_saved_specification_comes_back(form, session, make_survey, tmp_path):
    survey = make_survey()
    spec = survey.spec(tmp_path / "other", modules=(1,), parameters={"max_trains": 9}, memory_mb=512, threads=3,
                       conditions={"bias_voltage": 120.0})
    session.set_survey(survey)
    form.show_spec(spec)
    assert session.spec == spec


def test_a_saved_override_comes_back(form, session, make_survey, tmp_path):
    survey = make_survey()
    inputs = {name: (str(survey.runs[i].path),) for name, i in (("high", 1), ("med", 0), ("low", 2))}
    spec = survey.spec(tmp_path, inputs=inputs, keep_order=True, notes=())
    session.set_survey(survey)
    form.show_spec(spec)
    assert session.spec == spec
