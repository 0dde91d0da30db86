"""Raw samples of a pixel as a histogram: every code in its bin, gate and mean as the rule has them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from calib_core.characterisation.dark import Dark
from calib_core.characterisation.refined_dark import RefinedDark
from calib_core.detector.registry import detector_type
from calib_core.explanation import Bars, Explanation, Mark, Span

KIND = replace(detector_type("AGIPD1M"), saturation=16383)


def samples(seed: int = 2, wide: int = 12) -> Any:
    """Codes of a normal signal, one of light and one that says that the converter is full."""
    rng = np.random.default_rng(seed)
    codes = np.rint(rng.normal(5000, wide, 100)).astype(np.uint16)
    codes[[17, 60]] = 5000 + 30 * wide, 16383
    return codes


def items(found: Explanation, kind: type) -> list[Any]:
    return [item for plot in found.plots for item in plot.items if isinstance(item, kind)]


@pytest.mark.parametrize("wide", [1, 12])
def test_every_code_is_in_a_bin_of_whole_adu(wide: int) -> None:
    codes = samples(wide=wide)[:60]
    [bars] = items(Dark().explain(codes, KIND), Bars)
    assert bars.edges[0] == codes.min() - 0.5
    assert bars.edges[-1] > codes.max()
    widths = np.diff(bars.edges)
    assert (widths == widths[0]).all()
    assert widths[0] == (1 if codes.max() - codes.min() < 200 else np.ceil((codes.max() - codes.min() + 1) / 200))
    np.testing.assert_array_equal(bars.counts, np.histogram(codes, bars.edges)[0])
    assert bars.counts.sum() == 60


def test_codes_of_one_value_make_one_bin() -> None:
    [bars] = items(Dark().explain(np.full(9, 70, np.uint16), KIND), Bars)
    np.testing.assert_array_equal(bars.edges, [69.5, 70.5])
    np.testing.assert_array_equal(bars.counts, [9])


def test_gate_mean_and_deviation_are_those_of_the_rule() -> None:
    codes = samples()
    found = Dark(gate_sigma=5.0, gate_floor=3.0).explain(codes, KIND)
    measured = codes[codes < 16383].astype(float)
    median = np.median(measured)
    half = 5 * 1.4826 * np.median(np.abs(measured - median))
    inside = measured[np.abs(measured - median) <= half]
    assert len(inside) == 98
    [gate], [mean] = items(found, Span), items(found, Mark)
    assert gate.name == "gate"
    assert (gate.low, gate.high) == (np.ceil(median - half), np.floor(median + half))
    assert mean.x == pytest.approx(inside.mean())
    numbers = {one.name: (one.value, one.unit) for one in found.numbers}
    assert numbers["samples"] == (100, "")
    assert numbers["mean"] == (pytest.approx(inside.mean()), "ADU")
    assert numbers["σ"] == (pytest.approx(inside.std(ddof=1)), "ADU")
    assert found.notes == ()


def test_without_a_gate_there_is_none() -> None:
    found = Dark(estimator="plain").explain(samples(), KIND)
    assert not items(found, Span)
    assert items(found, Mark)


def test_nothing_is_drawn_of_no_samples_and_that_is_said() -> None:
    found = Dark().explain(np.empty(0, np.uint16), KIND)
    assert found.plots == ()
    assert found.notes == ("The run has no sample of this pixel here.",)
    np.testing.assert_equal([one.value for one in found.numbers], [0, np.nan, np.nan])


def test_samples_that_are_no_measurement_have_bars_but_no_mean() -> None:
    found = Dark().explain(np.zeros(5, np.uint16), KIND)
    np.testing.assert_array_equal(items(found, Bars)[0].counts, [5])
    assert not items(found, Mark)


def test_of_refined_darks_it_is_said_that_the_samples_are_raw() -> None:
    [note] = RefinedDark(iterations=2).explain(samples(), KIND).notes
    assert "raw samples" in note
    assert "common mode" in note
    assert RefinedDark(iterations=0).explain(samples(), KIND).notes == ()
