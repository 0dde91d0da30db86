"""When a value of an operating condition is sure, in all families alike."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from calib_core.constants.condition import ConditionParameter, Found
from calib_core.detector import Readings, SampleStatistics
from calib_core.detector.clues import Beside, Combined, Told
from calib_core.detector.registry import detector_types
from calib_core.simulate import default_settings

from .fake_run import FakeRun

KINDS = [kind for kind in detector_types() if kind.simulate_control]
Values = dict[str, dict[str, Any]]


def control(kind: Any, stage: int = 0, identifier: str = "") -> Values:
    """What the control devices of a simulated detector tell."""
    settings = default_settings(kind.name)
    values = {**dict(settings), "module_numbers": settings.module_numbers}
    made = kind.simulate_control(identifier or settings.identifier, stage, values)
    return {source: dict(keys) for source, keys in made.items()}


def found(kind: Any, values: Mapping[str, Mapping[str, Any]]) -> dict[str, Found]:
    return kind.find_condition(FakeRun(values), default_settings(kind.name).identifier)


def told_by_one_key() -> Iterator[Any]:
    """Parameters that a key of slow control tells: type, parameter, its source and keys."""
    for kind in KINDS:
        values = control(kind)
        sure = found(kind, values)
        for parameter in kind.condition:
            for clue in kind.clues.get(parameter.name, ()):  # no run tells some
                if not isinstance(clue, Told) or parameter.text or not sure[parameter.name].sure:
                    continue
                places = [(source, key) for source in clue.device.sources(FakeRun(values), _name(kind))
                          for key in clue.keys if key in values[source]]
                if places:
                    yield pytest.param(kind, parameter, places, id=f"{kind.name} {parameter.name}")
                    break


def _name(kind: Any) -> str:
    return default_settings(kind.name).identifier


PLACES = list(told_by_one_key())


def with_readings(kind: Any, places: list[tuple[str, str]], change: Any) -> Values:
    """Control values in which the readings of some keys are changed: ``change(the stored value) -> Readings``."""
    values = control(kind)
    for source, key in places:
        values[source][key] = change(np.asarray(values[source][key]).reshape(-1)[0])
    return values


def constant(value: Any, told: int = 10) -> Readings:
    kind = object if isinstance(value, str) else None
    return Readings(np.array([value] * max(told, 1), dtype=kind), 10, told)


def test_every_family_is_told_something_by_slow_control():
    assert {param.values[0].name for param in PLACES} >= {kind.name for kind in KINDS}


@pytest.mark.parametrize(("kind", "parameter", "places"), PLACES)
def test_what_the_own_device_tells_for_all_trains_is_sure(kind, parameter, places):
    one = found(kind, control(kind))[parameter.name]
    assert one.sure
    assert any(one.origin.startswith(f"{source} {key}") for source, key in places)


@pytest.mark.parametrize(("kind", "parameter", "places"), PLACES)
def test_what_only_the_start_of_the_run_tells_is_not(kind, parameter, places):
    one = found(kind, with_readings(kind, places, lambda value: constant(value, 0)))[parameter.name]
    assert not one.sure
    assert "told for the start of the run only" in one.origin


@pytest.mark.parametrize(("kind", "parameter", "places"), PLACES)
def test_what_is_told_for_half_of_the_trains_is_not(kind, parameter, places):
    one = found(kind, with_readings(kind, places, lambda value: constant(value, 5)))[parameter.name]
    assert not one.sure
    assert "told for 5 of 10 trains only" in one.origin


@pytest.mark.parametrize(("kind", "parameter", "places"), PLACES)
@pytest.mark.parametrize("stored", [np.float64("nan"), np.float64("inf"), np.int64(10**12), -12345.0, "off"])
def test_what_the_detector_cannot_have_is_not(kind, parameter, places, stored):
    if kind.clues[parameter.name][0].coding(np.int64(7)) == 1.0 and stored != "off" and np.isfinite(stored):
        pytest.skip("a switch is on for every number but 0")
    if parameter.highest is None and not parameter.choices and stored != "off" and np.isfinite(stored):
        pytest.skip("it may have any number")
    one = found(kind, with_readings(kind, places, lambda _: constant(stored))).get(parameter.name)
    if one is None:
        return  # what the database does not ask for may be unknown
    assert not one.sure
    assert parameter.allows(one.value)
    assert not re.search(r"\b(nan|inf)\b", one.origin)


@pytest.mark.parametrize(("kind", "parameter", "places"), PLACES)
def test_what_changes_in_mid_run_is_not(kind, parameter, places):
    """The second half of the trains tells something else, such as a bias that tripped."""
    def trips(value: Any) -> Readings:
        half = [value] * 6
        other = {str: "gain9", np.str_: "gain9"}.get(type(value)) or value * 0
        if not isinstance(value, str | np.str_) and value == 0:
            other = value + 1 if value.dtype != bool else True
        return Readings(np.array([*half, *[other] * 4], dtype=object if isinstance(other, str) else None), 10, 10)

    one = found(kind, with_readings(kind, places, trips))[parameter.name]
    assert not one.sure
    assert "changes over the trains that are used" in one.origin


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_nothing_of_another_detectors_device_is_taken(kind):
    """The run has the control device of a detector of the same family at another instrument, and none of its own."""
    name = _name(kind)
    other = re.sub(r"^[A-Z0-9]+?_", "XYZ_", name)
    values = control(kind, identifier=other)
    assert values
    own, alone = found(kind, values), found(kind, {})
    assert own == alone
    sample = SampleStatistics(None, None)
    assert kind.find_stage(FakeRun(values), name, sample) == kind.find_stage(FakeRun({}), name, sample)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_without_control_devices_nothing_of_theirs_is_sure(kind):
    alone = found(kind, {})
    theirs = [name for name, clues in kind.clues.items()
              if any(isinstance(clue, Told | Combined | Beside) for clue in clues)]
    assert theirs
    assert [name for name in theirs if name in alone and alone[name].sure] == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_gain_stage_that_slow_control_changes_is_not_taken_from_it(kind):
    if len(kind.stages) == 1:
        pytest.skip("one gain stage")
    mixed, other = control(kind, 1), control(kind, 2)
    for source, keys in mixed.items():
        for key, value in keys.items():
            if np.ndim(value) == 0:
                both = np.array([value, other[source][key]], dtype=object if isinstance(value, str) else None)
                keys[key] = Readings(both, 2, 2)
    said = kind.find_stage(FakeRun(mixed), _name(kind), SampleStatistics(None, None))
    assert said.stage is None


@pytest.mark.parametrize("kind", detector_types(), ids=lambda kind: kind.name)
def test_every_parameter_has_a_clue_and_its_usual_value_is_in_its_range(kind):
    for parameter in kind.condition:
        if "no run tells it" in parameter.help:
            assert parameter.name not in kind.clues
            continue
        assert kind.clues[parameter.name], parameter.name
        for clue in kind.clues.get(parameter.name, ()):  # no run tells some
            if hasattr(clue, "value"):
                assert parameter.allows(clue.value), parameter.name


@pytest.mark.parametrize(("value", "allowed"), [
    (1, True), (352, True), (0.5, False), (353, False), (float("nan"), False), (True, False), ("12", False),
])
def test_ranges_are_inclusive(value, allowed):
    assert ConditionParameter("cells", "Memory cells", lowest=1, highest=352).allows(value) is allowed


def test_choices_and_text():
    assert ConditionParameter("mode", "Mode", choices=(0, 1)).allows(1.0)
    assert not ConditionParameter("mode", "Mode", choices=(0, 1)).allows(0.5)
    assert ConditionParameter("order", "Order", text=True).allows("0,1,")
    assert not ConditionParameter("order", "Order", text=True).allows(1.0)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("stored", [np.float64("nan"), np.float64("-inf"), "", "some words", "\x00"])
def test_nothing_that_slow_control_says_does_harm(kind: Any, stored: Any) -> None:
    """Every key that any clue asks for holds no number."""
    devices = {source for source in control(kind)}
    clues = [clue for told in kind.clues.values() for clue in told if isinstance(clue, Told | Combined)]
    keys = {key for clue in clues for key in clue.keys} | {k for values in control(kind).values() for k in values}
    values = {source: {key: constant(stored) for key in keys} for source in devices}
    for one in found(kind, values).values():
        assert isinstance(one.value, str) or np.isfinite(one.value)
    said = kind.find_stage(FakeRun(values), _name(kind), SampleStatistics(None, None))
    assert said.stage in (None, 0)
