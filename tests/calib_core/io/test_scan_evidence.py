"""What a run of a scan tells: by how much each line of pixels changes, and what registers say of its source."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from extra_data import RunDirectory

from calib_core.detector import FrameSelection
from calib_core.io.run import Run
from calib_core.io.scan_evidence import scan_evidence
from calib_core.simulate import default_settings, simulate
from calib_core.simulate.scenes.cs import CurrentSource

SETTINGS = default_settings("AGIPD500K").with_changes({
    "modules": "3", "memory_cells": 4, "frames_per_train": 1, "trains": 24, "integration_time": 17.0})


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    scene = CurrentSource(currents="80", order="2")
    return simulate(SETTINGS, tmp_path_factory.mktemp("scan"), scene=scene).runs["cs0_2"]


def test_half_rows_change_by_what_numpy_says(path: Path) -> None:
    data = RunDirectory(path)["HED_DET_AGIPD500K2G/DET/3CH0:xtdf", "image.data"].ndarray()[:, 0].astype(float)
    halves = np.concatenate([np.median(data[..., :64], axis=2), np.median(data[..., 64:], axis=2)], axis=1)
    quiet = np.argsort(np.ptp(halves, axis=0), kind="stable")[:256]  # the quarter that changes least
    above = halves - np.median(halves[:, quiet], axis=1, keepdims=True)
    with Run.open(path) as run:
        [detector] = run.detectors
        found = scan_evidence(run, detector, detector.type.injections["current"], FrameSelection())
    np.testing.assert_allclose(found.changes, np.ptp(above, axis=0))
    charged = np.flatnonzero(np.array(found.changes) > 500)
    np.testing.assert_array_equal(charged, [*range(1, 512, 4), *range(514, 1024, 4)])  # 3 - 2, and 2 behind 512
    course = np.column_stack([np.arange(SETTINGS.trains), above[:, charged].mean(axis=1)])
    np.testing.assert_allclose(found.course, course)
    assert found.last_train - found.first_train == SETTINGS.trains - 1
    assert (found.told, found.current) == (None, None)  # nobody knows the registers


def test_registers_that_have_a_name_are_asked(path: Path) -> None:
    with Run.open(path) as run:
        [detector] = run.detectors
        source = replace(detector.type.injections["current"], key="pcRowNr", current_key="integrationTime")
        found = scan_evidence(run, detector, source, FrameSelection())
        unknown = scan_evidence(run, detector, replace(source, current_key="noSuchKey"), FrameSelection())
    assert (found.told, found.current) == (0, 17.0)
    assert unknown.current is None
