"""What a run asks of a store that tells no others is what the facility's library asks; recorded sessions answer."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from calib_core.constants.condition import Condition, Found
from calib_core.detector import Detector, Module
from calib_core.detector.registry import detector_type
from calib_core.jobs.asking import asked_for, nothing_found
from calib_core.jobs.resolution import OfRun, Resolution, unit_in
from calib_core.store.base import UnknownKind
from calib_core.store.calcat.connection import Connection
from calib_core.store.calcat.kept_answers import KeptAnswers
from calib_core.store.calcat.store import CalCat
from calib_core.store.statuses import ACCEPTED
from tests.calib_core.store.replayed import ADDRESS, Replayed

pytest.importorskip("extra.calibration", reason="EXtra is not installed (group calcat)")

AT = datetime.fromisoformat("2024-03-04T17:56:05.172132+00:00")
#: As the session was asked, by our names: 400 µs, one memory cell, no gain setting.
ASKED = {"bias_voltage": 90.0, "memory_cells": 1.0, "integration_time": 400.0, "sensor_temperature": 291.0,
         "pixels_x": 1024.0, "pixels_y": 512.0, "gain_setting": 0.0, "gain_mode": 0.0}


@pytest.fixture
def store(real_data: Path, tmp_path: Path) -> CalCat:
    session = Replayed(real_data / "calcat" / "test_JUNGFRAU_constant.yaml")
    # a kind of ours alone, which nobody has asked for in the session
    session.answers["/api/calibrations", (("name", "BadPixelsManual"),), ()] = {
        "status": {"code": 200}, "headers": {}, "body": {"string": "[]"}}
    return CalCat(Connection(ADDRESS, KeptAnswers(tmp_path), session.client()), Path("/gpfs/caldb"))


def detector() -> Detector:
    kind = detector_type("JUNGFRAU")
    return Detector("FXE_XAD_JF1M", kind, tuple(
        Module(n, "", f"JNGFR{n:02d}", f"FXE_XAD_JF1M_JNGFR{n:02d}") for n in (1, 2)))


def of_run(**changes: float) -> OfRun:
    kind = detector_type("JUNGFRAU")
    values = {name: Found(value, "run") for name, value in {**ASKED, **changes}.items()
              if name in {one.name for one in kind.condition}}
    return OfRun(Condition(kind.condition, values), AT, (0,))


@pytest.mark.real
def test_a_run_gets_the_versions_that_were_recorded(store: CalCat) -> None:
    of, run = detector(), of_run()
    units = tuple(unit_in(store, of, number, AT) for number in (1, 2))
    assert not [one for one in units if one.startswith("FXE")]
    found = store.find(asked_for(store, of, "Offset10Hz", units, run, ACCEPTED, closest=True))
    assert [one.pdu for one in found] == sorted(units)
    for one in found:
        taken = Resolution((one,), of.type, run, closest=True).taken
        assert taken is one
        assert taken.begin is not None
        assert taken.begin.date().isoformat() == "2024-03-04"
    [note] = store.notes
    assert note.startswith("Operating conditions are taken to be those that were asked for: CalCat cannot be reached")


@pytest.mark.real
def test_another_condition_has_no_answer_and_says_what_was_asked(store: CalCat) -> None:
    of = detector()
    words = nothing_found(store, of, "Offset10Hz", of_run())
    assert words.startswith("it was asked by ")
    assert "Integration Time 400" in words
    run = of_run()
    lacking = OfRun(run.condition.of(set(run.condition.values) - {"sensor_temperature"}), AT, (0,))
    assert "without Sensor temperature (--" in nothing_found(store, of, "Offset10Hz", OfRun(
        Condition(run.condition.parameters, lacking.condition.values), AT, (0,)))
    with pytest.raises(UnknownKind, match="has no kind of constants"):
        store.find(asked_for(store, of, "BadPixelsManual", (), run, ACCEPTED, closest=True))
