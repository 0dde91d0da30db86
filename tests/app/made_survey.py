"""Surveys made by hand: what panels and windows are tested with instead of runs on a disk."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from calib_core.characterisation.family import named
from calib_core.characterisation.inputs import Arranged, RunFacts
from calib_core.constants.condition import Condition, Found
from calib_core.detector import Detector, Module, StageEvidence
from calib_core.detector.registry import detector_type
from calib_core.jobs.survey import Survey

KIND = detector_type("AGIPD1M")


def _condition(rate):
    return Condition(KIND.condition, {
        "memory_cells": Found(352.0, "FPGA_COMP nPulses"), "acquisition_rate": Found(rate, "FPGA_COMP rate"),
        "bias_voltage": Found(300.0, "default: not in the run", sure=False),
    })


def made_survey(n_runs=3, order=None, identifiers=("SPB_DET_AGIPD1M-1",), problems=(), rates=()):
    """Survey of runs r0012…; ``order`` gives the run of each input."""
    detectors = tuple(Detector(name, KIND, tuple(Module(n, "", "", "") for n in range(4))) for name in identifiers)
    runs = tuple(
        RunFacts(Path(f"/data/SPB/202601/p900450/raw/r{12 + i:04d}"), f"p900450 r{12 + i:04d}", detectors,
                 datetime(2026, 3, 2, tzinfo=UTC), 500 + i, StageEvidence(None, "gain signal"), problems,
                 _condition(rates[i]) if rates else None)
        for i in range(n_runs)
    )
    family = named("AGIPD")
    method = family.method("DARK")
    order = order or range(n_runs)
    moved = list(order) != list(range(n_runs))
    given = dict(zip((one.name for one in method.inputs(KIND)), order, strict=False))
    arranged = tuple(
        Arranged(one.name, one, runs[given[one.name]] if one.name in given else None,
                 "gain signal" if one.name in given else "no run given", moved)
        for one in method.inputs(KIND)
    )
    notes = ("Runs re-ordered by gain stage: …",) if moved else ()
    return Survey(runs, detectors[0], family, method, arranged, _condition(rates[0] if rates else 1.1), notes)
