"""What a job's form makes of a survey, without widgets."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.panels.start.job_draft import (
    Choices,
    InputTable,
    Resources,
    banners,
    build_spec,
    detectors,
    differing,
    facts,
    modules_text,
    problems,
    read_folder,
    read_modules,
)
from calib_core.errors import BadInput, BadParameter
from calib_core.jobs.spec import JobSpec


def names(spec):
    return {name: path.name for name in spec.inputs for path in spec.paths(name)}


def test_the_surveys_decision_is_kept(make_survey, tmp_path):
    survey = make_survey(order=(2, 1, 0))
    spec = build_spec(InputTable.found(survey), Choices(tmp_path))
    assert names(spec) == {"high": "r0014", "med": "r0013", "low": "r0012"}
    assert not spec.keep_order
    assert spec.notes == survey.notes


def test_an_override_exchanges_runs_and_keeps_the_order(make_survey, tmp_path):
    table = InputTable.found(make_survey()).assign("high", 1)
    spec = build_spec(table, Choices(tmp_path))
    assert names(spec) == {"high": "r0013", "med": "r0012", "low": "r0014"}
    assert spec.keep_order
    assert table.overridden
    assert "operator" in table.origin(table.survey.arranged[0])
    assert table.origin(table.survey.arranged[2]) == "gain signal"


def test_an_override_that_is_taken_back_is_none(make_survey, tmp_path):
    table = InputTable.found(make_survey()).assign("high", 1).assign("high", 0)
    assert not build_spec(table, Choices(tmp_path)).keep_order


def test_an_input_without_run_is_left_out(make_survey, tmp_path):
    table = InputTable.found(make_survey()).assign("low", None)
    assert names(build_spec(table, Choices(tmp_path))) == {"high": "r0012", "med": "r0013"}


def test_no_run_at_all_is_refused(make_survey, tmp_path):
    table = InputTable.found(make_survey(n_runs=1)).assign("high", None)
    with pytest.raises(BadInput, match="choose at least one"):
        build_spec(table, Choices(tmp_path))


def test_an_override_hides_the_note_of_the_reordering(make_survey):
    table = InputTable.found(make_survey(order=(2, 1, 0)))
    assert any("re-ordered" in text for text in banners(table))
    assert not any("re-ordered" in text for text in banners(table.assign("high", 0)))


def test_runs_that_differ_need_a_word_of_the_operator(make_survey, tmp_path):
    survey = make_survey(rates=(1.1, 1.1, 4.5))
    assert differing(survey) == ("acquisition_rate",)
    table = InputTable.found(survey)
    with pytest.raises(BadInput, match="r0012 and p900450 r0014 are not of one operating condition"):
        build_spec(table, Choices(tmp_path))
    assert build_spec(table, Choices(tmp_path, conditions={"acquisition_rate": 1.1})).conditions
    assert build_spec(table.assign("low", None), Choices(tmp_path))


@pytest.mark.parametrize(("text", "modules"), [("", ()), ("0-3", ()), ("1,3", (1, 3)), ("0", (0,))])
def test_modules(make_survey, text, modules):
    assert read_modules(make_survey(), text) == modules


@pytest.mark.parametrize("text", ["4", "a", "0-"])
def test_modules_that_are_not_there(make_survey, text):
    with pytest.raises(BadParameter):
        read_modules(make_survey(), text)


def test_the_output_folder_is_a_whole_path(tmp_path):
    assert read_folder(f" {tmp_path} ") == tmp_path
    assert read_folder("~/x") == Path.home() / "x"
    for text in ("", "constants"):
        with pytest.raises(BadParameter, match="out_folder"):
            read_folder(text)


@pytest.mark.parametrize("changes", [{"memory_mb": 383}, {"threads": 257}, {"threads": -1}, {"parts": 0}])
def test_resources_have_the_specifications_range(tmp_path, changes):
    with pytest.raises(BadParameter):
        Resources().with_changes(changes)
    with pytest.raises(BadParameter):
        JobSpec.checked(family="AGIPD", method="DARK", out_folder=tmp_path, **changes)


def test_resources_have_the_specifications_defaults(tmp_path):
    spec = JobSpec(family="AGIPD", method="DARK", out_folder=tmp_path)
    assert dict(Resources()) == Resources.of_spec(spec) == {
        "memory_mb": spec.memory_mb, "threads": spec.threads, "parts": spec.parts, "all_or_nothing": False}


def test_sentences(make_survey, problem):
    survey = make_survey(problems=(problem,), identifiers=("SPB_DET_AGIPD1M-1", "SPB_DET_AGIPD1M-2"))
    assert facts(survey) == "4 modules · 352 memory cells · 3 runs"
    assert modules_text(survey) == "0-3"
    assert problems(survey)[0] == f"p900450 r0012: {problem.sentence()}"
    assert detectors(survey) == ("SPB_DET_AGIPD1M-1", "SPB_DET_AGIPD1M-2")
