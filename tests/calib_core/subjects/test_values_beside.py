"""Control values beside versions: as they were recorded, else from their runs, else it is said why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calib_core.simulate.run import simulate
from calib_core.simulate.settings import default_settings
from calib_core.subjects.values_beside import BesideSearch, names_beside
from calib_core.subjects.version_list import list_versions
from tests.calib_core.subjects.files import BEGIN, put_ours

DAY, TEMPERATURES = 86400.0, (291.0, 292.5, None, 290.0)
SOURCE = "SPB_50UM_GH2/DET/CONTROL"


def condition(kelvin: float | None) -> dict[str, Any]:
    told = {"Sensor temperature": {"value": kelvin, "unit": "K", "tolerance": 5, "origin": "KEY x"}} if kelvin else {}
    return {"Sensor Bias Voltage": {"value": 100.0, "unit": "V", "tolerance": 1, "origin": "KEY x"}, **told}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = default_settings("GOTTHARD2").with_changes({"trains": 5, "bias_voltage": 187.0})
    return simulate(settings, tmp_path_factory.mktemp("made")).runs["high"]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory, run: Path) -> Any:
    """A version a day; of the third nobody recorded a temperature, and the last was made of a run that is there."""
    root = tmp_path_factory.mktemp("constants")
    values = np.zeros((512, 128, 1), np.float32)
    for day, kelvin in enumerate(TEMPERATURES):
        raw = {"raw_data": [{"input": "dark", "path": str(run)}]} if day == 3 else {}
        put_ours(root, 0, "Offset", values, DAY * day, job=f"day {day}", conditions=condition(kelvin), **raw)
    return list_versions(str(root)).of("SCS_DET_DSSC1M-1", "Offset")


def test_what_was_recorded_is_taken_over_all_conditions(rows: Any) -> None:
    assert names_beside(rows) == {"Sensor Bias Voltage": "V", "Sensor temperature": "K"}
    search = BesideSearch(rows, "Sensor temperature")
    assert len(search.work(0.0).values) == 1
    found = search.work(60.0)
    assert search.lacking == 0
    np.testing.assert_array_equal(found.values, [np.nan if one is None else one for one in TEMPERATURES])
    np.testing.assert_allclose(found.times, BEGIN + DAY * np.arange(4))
    assert (found.unit, found.recorded, found.of_runs) == ("K", 3, 0)
    assert found.words.startswith("Sensor temperature: 3 recorded with the constants · 1 without: ")


def test_a_key_of_the_runs_is_read_where_they_are(rows: Any, run: Path) -> None:
    told = next(one for one in _keys(run) if "igh" in one and "oltage" in one)
    found = BesideSearch(rows, f"{SOURCE} {told}").work(60.0)
    assert np.isnan(found.values[:3]).all()
    assert found.values[3] == 187.0
    assert (found.recorded, found.of_runs, len(found.unknown)) == (0, 1, 3)
    assert "/raw/r0007" in found.unknown[0]


def _keys(run: Path) -> list[str]:
    from extra_data import RunDirectory

    opened = RunDirectory(str(run))
    return sorted(opened[SOURCE].keys(inc_timestamps=False))


def test_what_the_runs_do_not_tell_is_said(rows: Any, run: Path) -> None:
    found = BesideSearch(rows, f"{SOURCE} nothing").work(60.0)
    assert f"tells nothing of {SOURCE} nothing." in found.unknown[0]
    assert "with a blank between" in BesideSearch(rows, "Humidity").work(60.0).unknown[0]
