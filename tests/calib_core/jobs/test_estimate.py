"""How much a job reads is said before it is planned, of what was seen of its runs alone."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from calib_core.characterisation.by_pattern import SCAN
from calib_core.characterisation.family import named
from calib_core.characterisation.inputs import Arranged, RunFacts
from calib_core.constants.condition import Condition, Found
from calib_core.detector import Detector, Module
from calib_core.detector.registry import detector_type
from calib_core.jobs.estimate import foreseen
from calib_core.jobs.survey import Survey

KIND = detector_type("AGIPD1M")


def scan_of_eight_runs(trains: int = 600, cells: int = 352) -> Survey:
    """A survey of a module's scan of runs that are nowhere."""
    detector = Detector("SPB_DET_AGIPD1M-1", KIND, (Module(0, "", "", ""),))
    runs = tuple(RunFacts(Path(f"/nowhere/r{i:04d}"), f"r{i:04d}", (detector,), None, trains,
                          cells=tuple(range(cells))) for i in range(8))
    condition = Condition(KIND.condition, {"memory_cells": Found(352.0, "")})
    arranged = tuple(Arranged(f"scan/{i}", SCAN, run, at={"pattern": i}) for i, run in enumerate(runs))
    return Survey(runs, detector, named("AGIPD"), named("AGIPD").method("PC"), arranged, condition)


def told(survey: Survey, threads: int = 2, **parameters: object) -> str:
    runs = {one.key: one.run for one in survey.taken if one.run is not None}
    return foreseen(survey, survey.method.with_changes(parameters), (), runs, threads)


def test_a_whole_scan_of_a_module_is_said_before_anything_is_read() -> None:
    """443 GB: two planes of two bytes; at 0.6 GB/s and 0.9 s a memory cell these are 1,058 s of a processor."""
    number = 512 * 128 * 2 * 2 * 352 * 600 * 8
    assert number == 442_918_502_400
    assert told(scan_of_eight_runs()) == (
        f"Reads up to {number / 2**30:.1f} GiB in 1,689,600 frames, which takes about 9 min with 2 threads, "
        "writing not counted.")
    assert "18 min with 1 thread," in told(scan_of_eight_runs(), 1)


def test_what_is_chosen_counts() -> None:
    """Every 16th memory cell, 100 trains, seven runs, and four memory cells that frames were stored for."""
    survey = scan_of_eight_runs()
    assert f"in {22 * 600 * 8:,} frames of 22 of 352 memory cells, which" in told(survey, every_cell=16)
    assert f"in {352 * 100 * 8:,} frames" in told(survey, max_trains=100)
    assert f"in {352 * 600 * 7:,} frames" in told(replace(survey, arranged=survey.arranged[:7]))
    assert f"in {4 * 600 * 8:,} frames" in told(scan_of_eight_runs(cells=4))
    assert told(scan_of_eight_runs(cells=0)) == ""


@pytest.mark.parametrize("command", ["PC", "CS"])
def test_time_is_that_which_the_method_declares(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    survey = replace(scan_of_eight_runs(trains=50), method=named("AGIPD").method(command))
    monkeypatch.setattr(type(survey.method), "entry_seconds", 36000 / 352)
    hours = float(re.findall(r"about ([0-9.]+) h", told(survey, 1))[0])
    assert hours == pytest.approx(10, rel=0.01)
