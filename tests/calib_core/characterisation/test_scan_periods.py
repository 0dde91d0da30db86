"""Slopes that repeat with the period of the charged columns: what is put into a map is told, noise is not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from calib_core.axes import Array, Axis
from calib_core.characterisation.scan_periods import Periodic, periodic
from calib_core.constants.constant import PC_PARAMETERS
from calib_core.detector.registry import detector_type

KIND = detector_type("AGIPD1M")
[SOURCE] = [word for word, one in KIND.injections.items() if one.axis == 1]
PATTERNS = KIND.injections[SOURCE].patterns
CONTEXT: Any = SimpleNamespace(detector=KIND, axes={
    "cell": Axis("cell", "Memory cell", (3, 17)), "parameter": Axis("parameter", "Parameter", PC_PARAMETERS)},
    arranged={f"scan/{i}": SimpleNamespace(run=SimpleNamespace(label=f"p1 r000{i}"), at={"pattern": i})
              for i in range(8)})


def slopes(seed: int) -> Array:
    """Slopes of pixels, 4 % wide about those of their ASICs."""
    rng = np.random.default_rng(seed)
    asics = rng.normal(30, 1, (8, 2)).repeat(64, 0).repeat(64, 1)
    return np.asarray((asics * rng.normal(1, 0.04, KIND.shape)).astype(np.float32))


def remarks(*cells: Array) -> list[Any]:
    finished: Any = SimpleNamespace(filled=lambda name, at: cells[at["cell"]])
    return list(Periodic(SOURCE).remarks(CONTEXT, 5, finished))


@pytest.mark.parametrize("pattern", [0, 3, 7])
def test_a_run_that_is_off_is_told_with_its_number_and_memory_cell(pattern: int) -> None:
    wrong = slopes(1)
    wrong[:, PATTERNS[pattern]] *= 1.02
    [told] = remarks(slopes(2), wrong)
    # one line in eight is off: its root mean square by hand
    assert told.value == pytest.approx(100 * 0.02 * np.sqrt(1 / 8 * 7 / 8), rel=0.25)
    assert told.value > told.limit
    assert "memory cell 17" in told.sentence
    assert f"run p1 r000{pattern}, pattern {pattern}, are +" in told.sentence
    said = float(told.sentence.partition(" are ")[2].partition("%")[0])
    assert said == pytest.approx(2, abs=0.4)  # five errors of the median of 16 lines


def test_noise_other_periods_bad_pixels_and_missing_runs_are_not_told() -> None:
    for seed in range(20):
        assert remarks(slopes(seed), slopes(seed + 50)) == []
    other = slopes(3)
    other *= 1 + 0.01 * np.sin(2 * np.pi * np.arange(128) / 21).astype(np.float32)
    assert remarks(other, other) == []
    bad = slopes(4)
    bad[::7, PATTERNS[2]] *= 3
    missing = slopes(5)
    missing[:, PATTERNS[6]] = np.nan
    assert remarks(bad, missing) == []
    assert remarks(*[np.full(KIND.shape, np.nan, np.float32)] * 2) == []


def test_the_periodic_part_is_that_of_the_means_of_each_phase() -> None:
    values = np.random.default_rng(8).normal(0, 1, (3, 64))
    phases = values.reshape(3, 8, 8).mean(axis=1)
    expected = np.sqrt(((phases - phases.mean(axis=1, keepdims=True)) ** 2).mean(axis=1).mean())
    rms, noise = periodic(values, 8)
    assert rms == pytest.approx(expected, rel=1e-12)
    assert noise == pytest.approx(np.sqrt(7 / 64), rel=0.2)
