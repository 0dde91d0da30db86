"""Runs are spread over the inputs, put into the order that their data tell, and refused where they do not go."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from calib_core.characterisation.family import Family, named
from calib_core.characterisation.inputs import Input, RunFacts
from calib_core.constants.condition import Condition, ConditionParameter, Found
from calib_core.detector import DetectorType
from calib_core.errors import BadInput, BadParameter
from calib_core.io.run import Run
from calib_core.jobs.condition_of_runs import check_same_condition
from calib_core.jobs.job import Job
from calib_core.jobs.survey import Survey, _spread, assign, offered, survey, without_runs
from calib_core.simulate import default_settings, simulate
from calib_core.simulate.scenes.cs import CurrentSource
from calib_core.store.constants import list_constants

from .tiny import FAMILY, KIND, Tiny


class Inputs(Tiny):
    """Inputs of a name each; those with a star take several runs, constants are none."""

    words: str = ""

    def inputs(self, kind: DetectorType | None) -> tuple[Input, ...]:
        return (Input("dark", "darks", of="constants"),
                *(Input(word.strip("*"), word, many="*" in word) for word in self.words.split()))


@pytest.mark.parametrize(("inputs", "runs", "expected"), [
    ("high med low", "abc", {"high": "a", "med": "b", "low": "c"}),
    ("high med low", "ab", {"high": "a", "med": "b"}),
    ("scan*", "abcde", {"scan": "abcde"}),
    ("first scan* last", "abcde", {"first": "a", "scan": "bcd", "last": "e"}),
    ("first scan* last", "abc", {"first": "a", "scan": "b", "last": "c"}),
    ("first scan* last", "ab", {"first": "a", "scan": "b"}),
    ("scan* flats*", "abcd", {"scan": "abc", "flats": "d"}),
    ("scan* last", "a", {"scan": "a"}),
])
def test_runs_are_spread_over_the_inputs_in_their_order(inputs: str, runs: str, expected: Mapping[str, str]) -> None:
    given: Any = list(runs)
    assert _spread(FAMILY, Inputs(words=inputs), KIND, given) == {name: tuple(of) for name, of in expected.items()}


@pytest.mark.parametrize(("inputs", "runs", "words"), [
    ("high med low", "abcd", "4 runs were given; TINY MAKE takes 3."),
    ("", "a", "1 run was given; TINY MAKE takes none."),
])
def test_more_runs_than_inputs_are_refused(inputs: str, runs: str, words: str) -> None:
    given: Any = list(runs)
    with pytest.raises(BadInput, match=re.escape(words)):
        _spread(FAMILY, Inputs(words=inputs), KIND, given)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Dark runs of all three gain stages."""
    settings = default_settings("AGIPD1M").with_changes({"modules": "4", "memory_cells": 1, "trains": 6})
    return dict(simulate(settings, tmp_path_factory.mktemp("raw")).runs)


def stages(found: Survey) -> dict[str, str]:
    return {one.input.name: one.run.path.name for one in found.taken if one.run}


@pytest.mark.parametrize("order", [("high", "med", "low"), ("low", "high", "med"), ("med", "high", "low")])
def test_runs_go_where_their_data_say(order: tuple[str, ...], runs: dict[str, Path], tmp_path: Path) -> None:
    found = survey([runs[name] for name in order])
    assert stages(found) == {"high": "r0001", "med": "r0002", "low": "r0003"}
    assert found.moved == (order != ("high", "med", "low"))
    assert bool(found.notes) == found.moved
    assert (found.family.name, found.method.command) == ("AGIPD", "DARK")
    spec = found.spec(tmp_path, parts=2)
    assert spec.inputs == {name: (str(path),) for name, path in runs.items()}
    assert (spec.detector, spec.parts, spec.notes) == ("SPB_DET_AGIPD1M-1", 2, found.notes)


def test_the_given_order_is_kept_where_that_is_asked_for(runs: dict[str, Path]) -> None:
    found = survey([runs["low"], runs["high"], runs["med"]], keep_order=True)
    assert stages(found) == {"high": "r0003", "med": "r0001", "low": "r0002"}
    assert not found.moved


def test_a_gain_stage_without_a_run_is_told(runs: dict[str, Path]) -> None:
    found = survey([runs["med"], runs["high"]])
    assert stages(found) == {"high": "r0001", "med": "r0002"}
    assert found.notes[-1] == "No run for low gain: its constants are marked as without dark data."


@pytest.mark.parametrize(("names", "changes", "error", "words"), [
    (("high", "med", "low", "high"), {"method": "DARK"}, BadInput, "4 runs were given; AGIPD DARK takes 3."),
    (("high", "med", "low", "high"), {}, BadInput, "r0001 is given twice"),
    (("high", "high"), {}, BadInput, "r0001"),
    (("high",), {"family": "DSSC"}, BadInput, "has no DSSC detector; it has SPB_DET_AGIPD1M-1."),
    (("high",), {"detector": "SPB_X"}, BadInput, "has no SPB_X detector; it has SPB_DET_AGIPD1M-1."),
    (("high",), {"family": "NONE"}, BadParameter, "no detector family “NONE”"),
    (("high",), {"method": "FLAT"}, BadParameter, "There is no characterisation “FLAT” of SPB_DET_AGIPD1M-1"),
    (("high",), {"family": "AGIPD", "method": "FLAT"}, BadParameter, "AGIPD has no characterisation “FLAT”"),
])
def test_what_does_not_go_together_is_refused(
    names: tuple[str, ...], changes: dict[str, str], error: type[Exception], words: str, runs: dict[str, Path]
) -> None:
    with pytest.raises(error, match=re.escape(words)):
        survey([runs[name] for name in names], **changes)


@pytest.mark.parametrize(("given", "conditions", "words"), [
    (("warm",), {}, "AGIPD DARK has no run “warm”."),
    (("high", "high"), {}, "--run-high takes one run; 2 were given."),
    (("high",), {"humidity": 3.0}, "There is no condition “humidity”; known conditions are "),
    (("high",), {"bias_voltage": "much"}, "bias_voltage = 'much' is not allowed; it takes a number from 1 to 500."),
    (("high",), {"bias_voltage": -5.0}, "bias_voltage = -5.0 is not allowed; it takes a number from 1 to 500."),
    (("high",), {"memory_cells": 9999.0}, "memory_cells = 9999.0 is not allowed; it takes a number from 1 to 352."),
    (("high",), {"gain_mode": 7.0}, "gain_mode = 7.0 is not allowed; it takes 0 or 1 or 2 or 3."),
    (("high",), {"bias_voltage": float("nan")}, "bias_voltage is no number; it takes a number"),
])
def test_inputs_and_conditions_that_cannot_be_meant_are_refused(
    given: tuple[str, ...], conditions: dict[str, Any], words: str, runs: dict[str, Path]
) -> None:
    family = named("AGIPD")
    with Run.open(runs["high"]) as run, pytest.raises(BadParameter, match=f"^{re.escape(words)}"):
        assign(run.detectors[0], family, family.method("DARK"), {name: [run] * given.count(name) for name in given},
               conditions=conditions)


def test_the_operators_condition_takes_the_place_of_what_was_found(runs: dict[str, Path]) -> None:
    family = named("AGIPD")
    with Run.open(runs["high"]) as run:
        found = assign(run.detectors[0], family, family.method("DARK"), {"high": [run]},
                       conditions={"bias_voltage": 123.0})
    assert found.condition.values["bias_voltage"] == Found(123.0, "operator")


def of_condition(*values: tuple[float, bool]) -> Survey:
    """Runs with a bias each, sure or not."""
    bias = ConditionParameter("bias", "Sensor Bias Voltage", "V", 5.0)
    made = [Condition((bias,), {"bias": Found(value, "SOURCE key", sure)}) for value, sure in values]
    facts = [RunFacts(Path(f"/r{i}"), f"r{i}", (), datetime(2026, 3, 1, tzinfo=UTC), 1, condition=one)
             for i, one in enumerate(made)]
    return Survey(tuple(facts), None, FAMILY, Tiny(), (), made[0])


def test_runs_of_two_conditions_are_refused_with_both_values() -> None:
    found = of_condition((300.0, True), (304.0, True), (306.0, True))
    with pytest.raises(BadInput, match=r"^Runs r0 and r2 are not of one operating condition: Sensor Bias Voltage "
                                       r"differs: 300\.0 V and 306\.0 V; give other runs, or --bias if"):
        check_same_condition(found)
    check_same_condition(found, ("bias",))


@pytest.mark.parametrize("values", [((300.0, True), (305.0, True)), ((300.0, False), (200.0, True)),
                                    ((300.0, True), (200.0, False)), ((300.0, True),)])
def test_runs_that_agree_or_are_not_sure_go_together(values: tuple[tuple[float, bool], ...]) -> None:
    check_same_condition(of_condition(*values))


def test_without_runs_there_is_its_own_characterisation_only() -> None:
    family = Family("TINY", "Tiny", (KIND,), (Tiny(),))
    found = without_runs(family, family.methods[0])
    assert offered(found) == ((family, family.methods[0]),)
    assert found.spec(Path("/out")).inputs == {}


@pytest.mark.parametrize(("kind", "changes", "name", "modes"), [
    ("AGIPD1M", {"modules": "4", "fixed_gain": True}, "Gain mode", (1.0, 2.0, 3.0)),
    ("AGIPD1M", {"modules": "4"}, "Gain mode", (None,)),
    ("JUNGFRAU", {"modules": "1", "fixed_gain": True}, "Gain mode", (None, 2.0, 3.0)),
    ("FASTCCD", {}, "Gain Setting", (8.0, 2.0, 1.0)),
])
def test_a_set_is_found_by_each_mode_that_it_holds(
    kind: str, changes: dict[str, Any], name: str, modes: tuple[float | None, ...], tmp_path: Path
) -> None:
    """Each run is of another gain mode; a query for any of them finds the set, whatever the order of the runs."""
    runs = list(simulate(default_settings(kind).with_changes({"trains": 2, **changes}), tmp_path).runs.values())
    for order in (runs, runs[::-1]):
        condition = survey(order).condition
        queries = condition.queries()
        assert tuple(query.get(name) for query in queries) == modes
        assert len({tuple(sorted((n, v) for n, v in query.items() if n != name)) for query in queries}) == 1
        for query in queries:
            asked = condition.overridden({p.name: query.get(p.database_name, p.left_out_at or 0.0)
                                          for p in condition.parameters if p.database_name == name})
            assert condition.matches(asked) is None


def test_the_modes_of_a_set_are_in_its_files(tmp_path: Path) -> None:
    settings = default_settings("AGIPD1M").with_changes(
        {"modules": "4", "memory_cells": 1, "trains": 12, "fixed_gain": True})
    made = simulate(settings, tmp_path / "raw")
    job = Job(survey(list(made.runs.values())).spec(tmp_path / "out"))
    job.start()
    assert job.wait(120)
    job.close()
    [offset] = [one for one in list_constants(tmp_path / "out") if one.calibration == "Offset"]
    mode = offset.attributes["conditions"]["Gain mode"]
    assert (mode["value"], mode["values"]) == (1.0, [1.0, 2.0, 3.0])


def test_scans_are_surveyed_for_what_charges_their_pixels(tmp_path: Path) -> None:
    """More runs than darks take are of the pulse capacitor, unless data tell another source."""
    made = default_settings("AGIPD500K").with_changes({
        "modules": "3", "memory_cells": 4, "frames_per_train": 1, "trains": 60})
    runs = sorted(simulate(made, tmp_path, scene=CurrentSource(currents="80,150", order="0,1")).runs.values())
    found = survey(runs)
    assert found.method.command == "CS"
    assert "Nobody tells the currents" in found.unsettled[0]
    assert not any("currents" in note for note in found.spec(tmp_path).notes)
    with pytest.raises(BadInput, match="charges no columns"):
        survey(runs, method="PC")
