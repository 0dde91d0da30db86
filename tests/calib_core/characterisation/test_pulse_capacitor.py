"""What is told of one pixel of a scan, against the series that it was made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calib_core.characterisation.inputs import RunFacts
from calib_core.characterisation.pulse_capacitor import PulseCapacitor
from calib_core.characterisation.scan_method import ScanSamples
from calib_core.characterisation.unit import Context
from calib_core.constants.constant import PC_FIT, PC_PARAMETERS
from calib_core.detector import ScanEvidence
from calib_core.detector.registry import detector_type
from calib_core.explanation import Explanation, Level, Line, Points

KIND = detector_type("AGIPD1M")
CHARGES = KIND.injections["capacitor"]
STEPS, SWITCH, FIRST = 600, 200, 5000
SLOPES, INTERCEPTS, HOOK = (30.0, 0.67), (4950.0, 4700.0), (120.0, 45.0)


def series(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    x = np.arange(STEPS)
    high = x < SWITCH
    hook = HOOK[0] * np.exp(-np.maximum(x - SWITCH, 0) / HOOK[1])
    signal = np.where(high, INTERCEPTS[0] + SLOPES[0] * x, INTERCEPTS[1] + SLOPES[1] * x + hook)
    noise = np.where(high, 10, 8)
    return signal + noise * rng.normal(size=STEPS), np.where(high, 5750, 7250) + 25 * rng.normal(size=STEPS)


def context(method: PulseCapacitor) -> Context:
    changes = tuple(6000.0 if column in CHARGES.patterns[3] else 3.0 for column in range(128))
    run = RunFacts(Path("r"), "r", (), None, STEPS, scan=ScanEvidence(changes, 3, FIRST, FIRST + STEPS + 49))
    arranged = {one.key: one for one in method.arrange(KIND, {"scan": (run,)}, False).runs}
    made = Context(KIND, (0, 1), arranged)
    return replace(made, axes={axis.name: axis for axis in method.axes(made)})


def explained(
    method: PulseCapacitor, signal: np.ndarray, code: np.ndarray, begin: float = 50.0, length: int = STEPS
) -> Explanation:
    """The scan begins 50 trains after the run; a train is lost."""
    known = context(method)
    places = np.full((2, 8, 2), np.nan)
    places[:, 3, 1] = begin, length
    train = FIRST + 50 + np.arange(STEPS)
    there = np.arange(STEPS) != 77
    codes = (one[there].astype(np.uint16) for one in (signal, code))
    samples = ScanSamples(train[there].astype(np.uint64), *codes)
    values = dict(zip(("begins", "lengths"), places, strict=True))
    return method.explain_scan(known, "scan/3", {"cell": 1}, samples, values.get)


@pytest.fixture(scope="module")
def found() -> Explanation:
    return explained(PulseCapacitor(), *series(np.random.default_rng(5)))


def test_numbers_are_those_of_the_series_within_their_errors(found: Explanation) -> None:
    numbers = {one.name: one for one in found.numbers}
    expected = {"slope HG": SLOPES[0], "intercept HG": INTERCEPTS[0], "slope MG": SLOPES[1],
                "intercept MG": INTERCEPTS[1], "ratio": SLOPES[0] / SLOPES[1], "hook length": HOOK[1]}
    for name, value in expected.items():
        assert abs(numbers[name].value - value) < 4 * numbers[name].error, name
    assert numbers["switch"].value == pytest.approx(SWITCH, abs=1.5)
    assert numbers["threshold"].value == pytest.approx(6500, abs=5)
    assert found.notes == ()


def test_plots_have_every_sample_once_and_the_fits_over_them(found: Explanation) -> None:
    plots = {plot.title: plot for plot in found.plots}
    assert list(plots) == ["Scan", "Medium gain", "Residuals", "Gain signal", "Clusters"]
    groups = {one.name: one for one in plots["Scan"].items if isinstance(one, Points)}
    steps = np.sort(np.concatenate([one.x for one in groups.values()]))
    np.testing.assert_array_equal(steps, np.delete(np.arange(STEPS), 77))
    assert groups["high gain"].x.max() < SWITCH <= groups["medium gain"].x.min()
    lines = {one.name: one for one in plots["Scan"].items if isinstance(one, Line)}
    at = lines["line MG"].y[400] - lines["line MG"].y[0]
    assert at / 400 == pytest.approx(SLOPES[1], rel=0.05)
    near = lines["MG with hook"]
    assert near.y[near.x == SWITCH + 5][0] == pytest.approx(4700 + 0.67 * 205 + 120 * np.exp(-5 / 45), abs=12)
    residuals = np.concatenate([one.y for one in plots["Residuals"].items if isinstance(one, Points)])
    assert residuals.std() == pytest.approx(8.7, rel=0.15)
    [threshold] = [one for one in plots["Gain signal"].items if isinstance(one, Level)]
    assert threshold.y == pytest.approx(6500, abs=5)
    clusters = {one.name: one for one in plots["Clusters"].items if isinstance(one, Points)}
    assert np.median(clusters["high gain"].x) == pytest.approx(1, abs=0.02)
    assert clusters["centroids"].large
    colours = {plot.title: {one.name: one.number for one in plot.items if isinstance(one, Points)}
               for plot in found.plots}
    assert len({one["medium gain"] for one in colours.values()}) == 1


def test_a_pixel_that_never_switches_says_so() -> None:
    x = np.arange(STEPS)
    told = explained(PulseCapacitor(), 4950 + 3.0 * x, np.full(STEPS, 5750.0))
    assert any("does not switch" in one for one in told.notes)
    assert [one.name for one in told.numbers] == ["samples HG", "samples transition", "samples MG"]
    assert sum(len(one.x) for one in told.plots[0].items if isinstance(one, Points)) == STEPS - 1


@pytest.mark.parametrize(("change", "told"), [
    ("late", "no fits of both stages: there are too few samples in medium gain before its margin"),
    ("early", "no fits of both stages: there are too few samples in high gain before its margin (--margin-hg)"),
    ("short hook", "the hook is as short or as long as is allowed"),
    ("no hook", "The hook is below three of its errors: the line of medium gain is fitted beside it all the same")])
def test_a_pixel_without_a_line_says_why(change: str, told: str) -> None:
    signal, code = series(np.random.default_rng(9))
    x = np.arange(STEPS)
    method = PulseCapacitor(hook_c=(8.0, 20.0)) if change == "short hook" else PulseCapacitor()
    if change == "no hook":
        signal = signal - np.where(x >= SWITCH, HOOK[0] * np.exp(-(x - SWITCH) / HOOK[1]), 0)
    if change == "early":
        method = PulseCapacitor(margin_hg=SWITCH)
    if change == "late":  # all but 40 of its samples are within the margin
        method = PulseCapacitor(margin_mg=STEPS - SWITCH - 20)
    assert any(told in one for one in explained(method, signal, code).notes)


def test_medium_gain_that_does_not_rise_has_no_ratio() -> None:
    """A few samples may have a slope of 0, which is no warning of NumPy's and no infinite number in a file."""
    x = np.arange(100, dtype=np.int32)
    signal = np.where(x < 50, 5000 + 30 * x, 4800).astype(np.uint16)[np.newaxis]
    code = np.where(x < 50, 5750, 7250).astype(np.uint16)[np.newaxis]
    made = PulseCapacitor(fit_hook=False, min_mg_points=6, margin_mg=5).fit({}, x, signal, code)
    assert made["lines"][0, PC_PARAMETERS.index("slope MG")] == 0
    assert np.isnan(made["lines"][0, PC_PARAMETERS.index("ratio")])
    assert np.isnan(made["fits"][0, PC_FIT.index("ratio error")])


def test_where_the_scan_begins_is_not_known_before_it_was_looked_for() -> None:
    told = explained(PulseCapacitor(), *series(np.random.default_rng(6)), begin=np.nan)
    assert any("from the first train on" in one for one in told.notes)


@pytest.mark.parametrize(("scan", "length", "told"), [
    ("mean", 300, True), ("first", 300, False), ("mean", 301, False)])
def test_of_several_scans_the_first_is_shown_and_said_where_maps_are_of_their_mean(scan, length, told) -> None:
    found = explained(PulseCapacitor(scan=scan), *series(np.random.default_rng(8)), length=length)
    assert any("first scan of this run" in one for one in found.notes) == told


def test_fixed_steps_make_straight_lines_in_them() -> None:
    told = explained(PulseCapacitor(intervals="fixed"), *series(np.random.default_rng(7)))
    numbers = {one.name: one for one in told.numbers}
    x = np.arange(402, 553)
    curve = INTERCEPTS[1] + SLOPES[1] * x + HOOK[0] * np.exp(-(x - SWITCH) / HOOK[1])
    assert abs(numbers["slope MG"].value - np.polyfit(x, curve, 1)[0]) < 4 * numbers["slope MG"].error


def test_the_run_of_a_pixel_is_the_one_that_charges_its_column() -> None:
    method = PulseCapacitor()
    known = context(method)
    assert method.key_at(known, {"cell": 0}, (9, CHARGES.patterns[3][5])) == "scan/3"
    assert method.key_at(known, {"cell": 0}, (9, CHARGES.patterns[4][5])) == ""
