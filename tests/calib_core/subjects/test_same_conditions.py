"""Operating conditions over time: what is within the deviations of a constant is one line, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from calib_core.cli.main import main
from calib_core.constants.matching import Setting
from calib_core.subjects.known_numbers import KnownNumbers
from calib_core.subjects.same_conditions import SameConditions
from calib_core.subjects.timeline import Asked, timeline_of
from calib_core.subjects.version_list import list_versions
from tests.made_store import DETECTOR, MadeStore

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
_Told = dict[str, dict[str, object]]


def told(value: float | str, **more: object) -> _Told:
    return {"P": {"value": value, **more}}


@pytest.mark.parametrize(("values", "more", "levels"), [
    ((20.0, 24.0, 25.0, 25.1, 26.0), {"lower": 5.0, "upper": 5.0}, (20.0, 20.0, 20.0, 25.1, 25.1)),
    ((20.0, 21.0, 20.0), {}, (20.0, 21.0, 20.0)), ((20.0, 20.4), {"tolerance": 0.5}, (20.0, 20.0)),
    (("8,24,", "8,240,"), {}, ("8,24,", "8,240,")), ((1.0, 2.0), {"tolerance": "much"}, (1.0, 2.0)),
])
def test_the_oldest_number_within_the_deviation_counts(
    values: tuple[float | str, ...], more: dict[str, object], levels: tuple[float | str, ...]
) -> None:
    same, told_of = SameConditions(), [told(value, **more) for value in values]
    assert tuple(dict(same.of("kind", one))["P"] for one in told_of) == levels


def test_kinds_have_levels_of_their_own_and_what_was_taken_for_one_is_said() -> None:
    same, given = SameConditions(), [told(value, lower=5.0, upper=5.0) for value in (288.5, 291.0, 293.5)]
    assert [dict(same.of(("DET", "Offset"), one))["P"] for one in given] == [288.5] * 3
    assert dict(same.of(("DET", "Noise"), given[1]))["P"] == 291.0
    assert list(same.sentences()) == ["DET Offset: P 288.5 to 293.5 are one operating condition, that of 288.5: they "
                                      "are within its deviation."]


def test_what_is_no_condition_is_left_out() -> None:
    assert SameConditions().of("kind", {"P": 3, "Q": {"value": None}, "R": {"value": 2.0}}) == (("R", 2.0),)


def test_temperatures_of_days_are_one_line_and_voltages_are_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each day has its own temperature, within the 5 K that constants hold for; the voltage has no deviation."""
    made = MadeStore(tmp_path / "store", START)
    for day, kelvin in enumerate((291.0, 291.3, 288.2, 294.9)):
        made.put(24 * (9 - day), Sensor_temperature=Setting(kelvin, 5.0, 5.0, unit="K"))
    made.put(24, Sensor_Bias_Voltage=Setting(90.5, unit="V"))
    made.put(12, Sensor_temperature=Setting(296.5, 5.0, 5.0, unit="K"))
    made.store.close()
    listed = list_versions(str(tmp_path / "store"))
    timeline = timeline_of(listed.of(DETECTOR, "Offset10Hz"), KnownNumbers(), Asked())
    sizes = {(dict(one)["Sensor temperature"], dict(one)["Sensor Bias Voltage"]): len(times)
             for one, times in timeline.conditions}
    assert sizes == {(291.0, 90.0): 4, (291.0, 90.5): 1, (296.5, 90.0): 1}
    [said] = listed.merged
    assert said.startswith(f"{DETECTOR} Offset10Hz: Sensor temperature 288.2 to 294.9 are one operating condition")
    assert said in listed.notes
    assert main(["store", "timeline", "--store", str(tmp_path / "store"), "--condition",
                 "Sensor temperature=250"]) == 2
    assert "was made at Sensor temperature=250" in capsys.readouterr().err
