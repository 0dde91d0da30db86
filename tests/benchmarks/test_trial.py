"""Other parameters on the ASIC of a pixel: how long until all its pixels have other numbers, by the clock."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from statistics import median
from typing import Any

import numpy as np
import pytest

from calib_core.explanation import Asked
from calib_core.jobs.job import Job
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.survey import survey
from calib_core.simulate import default_settings, simulate
from calib_core.simulate.scenes.pc import PulseCapacitor
from calib_core.subjects.job import JobSubject

from ..calib_core.numerics.flat_light import flat
from ..histogram_files import write_histograms

MODULE, ROW, COLUMN = 3, 100, 66
#: Longest time until an ASIC of 4,096 pixels is fitted again, ms, and how often it is looked at.
LIMIT, ROUNDS = 200.0, 5


def ended(spec: JobSpec) -> JobSubject:
    job = Job(spec)
    job.start()
    assert job.wait(600)
    return JobSubject(job)


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobSubject]:
    """A scan of 600 steps in one memory cell."""
    made = simulate(default_settings("AGIPD500K").with_changes({
        "modules": str(MODULE), "memory_cells": 1, "frames_per_train": 1, "trains": 600}),
        tmp_path_factory.mktemp("scans"), scene=PulseCapacitor())
    found = ended(survey(sorted(made.runs.values())).spec(tmp_path_factory.mktemp("pc") / "out"))
    yield found
    found.close()


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobSubject]:
    """Histograms of all pixels of the first 16,384, each of 20,000 frames with 0.2 photons."""
    some = flat(256, 0.2, 8.0, spread=0.04)
    many = replace(some, counts=np.tile(some.counts, (64, 1)))
    file = write_histograms(tmp_path_factory.mktemp("flat"), [many], module=MODULE)
    found = ended(JobSpec(family="AGIPD", method="FF", out_folder=tmp_path_factory.mktemp("ff") / "out",
                          inputs={"histograms": (str(file),)}))
    yield found
    found.close()


def tried(subject: JobSubject, method: str, at: dict[str, int], values: list[dict[str, Any]]) -> float:
    """Median time of several trials, each with another value than before, ms."""
    took = []
    for one in (*values, *values):
        start = time.perf_counter()
        subject.try_part(MODULE, ROW, COLUMN, at, Asked(task=("AGIPD", method), parameters=one))
        took.append(1e3 * (time.perf_counter() - start))
    return median(took[1:])  # the first reads the samples


def test_of_a_scan(scan: JobSubject, bars: Any) -> None:
    values: list[dict[str, Any]] = [{"margin_hg": 10 + i} for i in range(ROUNDS)]
    found = tried(scan, "PC", {"cell": 0, "gain": 0}, values)
    bars.times("trial_of_a_scan", {"ASIC": found}, {"ASIC": LIMIT})


@pytest.mark.parametrize(("name", "values"), [
    ("limits", [{"gain_lim": [0.8, 1.1 + i / 100]} for i in range(ROUNDS)]),
    ("cloud", [{"cloud": 0.035 + i / 1000} for i in range(ROUNDS)])])
def test_of_flat_light(name: str, values: list[dict[str, Any]], light: JobSubject, bars: Any) -> None:
    """Limits take fits that are there, all else fits each pixel again."""
    found = tried(light, "FF", {"group": 0, "cell": 0, "gain": 0}, values)
    bars.times(f"trial_of_flat_light_{name}", {"ASIC": found}, {"ASIC": LIMIT})
