"""Operating conditions: values with their origin, the database's quirks, tolerances."""

from __future__ import annotations

import pytest

from calib_core.constants.condition import Condition, ConditionParameter, Found

PARAMETERS = (
    ConditionParameter("voltage", "Sensor Bias Voltage", "V", tolerance=5.0),
    ConditionParameter("mode", "Gain mode", left_out_at=0.0),
    ConditionParameter("order", "Memory cell order"),
)


def condition(**values):
    return Condition(PARAMETERS, {name: Found(value, "run") for name, value in values.items()})


def test_value_by_our_name():
    assert condition(voltage=300.0)["voltage"] == 300.0


def test_database_names_without_old_defaults():
    made = condition(voltage=300.0, mode=0.0, order="0,1,2")
    assert made.queries()[0] == {"Sensor Bias Voltage": 300.0, "Memory cell order": "0,1,2"}
    assert condition(mode=1.0).queries()[0] == {"Gain mode": 1.0}


def test_the_operator_s_value_replaces_the_one_found():
    found = condition(voltage=300.0, mode=0.0)
    changed = found.overridden({"voltage": 200.0})
    assert changed.values["voltage"] == Found(200.0, "operator", sure=True)
    assert changed.values["mode"] == found.values["mode"]
    assert found["voltage"] == 300.0


def test_values_of_all_stages_hold():
    """A set of three fixed gain modes agrees with each of them and has a query for each."""
    held = Condition(PARAMETERS, {"mode": Found(1.0, "run", others=(2.0, 3.0)), "voltage": Found(300.0, "run")})
    assert [query["Gain mode"] for query in held.queries()] == [1.0, 2.0, 3.0]
    assert held.matches(condition(mode=3.0, voltage=300.0)) is None
    assert held.matches(condition(mode=4.0, voltage=300.0)) == "Gain mode differs: 1.0 and 4.0"
    assert held.of(["voltage"]).queries() == ({"Sensor Bias Voltage": 300.0},)


def test_runs_of_several_fixed_stages_go_with_one_that_switches():
    """A set of darks of several forced gains is for a run whose gain follows the signal; that of one stage is not."""
    parameters = (ConditionParameter("gain", "Gain Setting", per_stage=True, automatic=0.0),)
    forced = Condition(parameters, {"gain": Found(8.0, "run", others=(2.0, 1.0))})
    alone, switching, other = (Condition(parameters, {"gain": Found(value, "run")}) for value in (8.0, 0.0, 4.0))
    assert forced.matches(switching) is None
    assert switching.matches(forced) is None
    assert alone.matches(switching) == "Gain Setting differs: 8.0 and 0.0"
    assert forced.matches(other) == "Gain Setting differs: 8.0 and 4.0"


@pytest.mark.parametrize(("other", "agree"), [(300.0, True), (305.0, True), (295.0, True), (305.1, False)])
def test_tolerance_is_inclusive(other, agree):
    assert (condition(voltage=300.0).matches(condition(voltage=other)) is None) == agree


def test_reasons_name_parameter_and_values():
    reason = condition(voltage=300.0).matches(condition(voltage=200.0))
    assert reason == "Sensor Bias Voltage differs: 300.0 V and 200.0 V"
    assert condition(order="a").matches(condition(order="b")) == "Memory cell order differs: a and b"
    assert condition(mode=1.0).matches(condition()) == "Gain mode is known on one side only"


def test_text_and_number_never_agree():
    assert condition(mode=0.0).matches(condition(mode="0.0"))


def test_agreement_goes_both_ways():
    a, b = condition(voltage=300.0, order="x"), condition(voltage=303.0, order="x")
    assert a.matches(b) is None
    assert b.matches(a) is None
