"""Errors that scans of the current source allow, against fits of series that scatter by their noise alone."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from calib_core.characterisation.current_expected import seen_of, seen_stages, sentence, stage_errors
from calib_core.characterisation.current_fits import FitLimits, stage_fits
from calib_core.characterisation.current_source import CurrentSource
from calib_core.characterisation.inputs import RunFacts

from . import test_by_current as current

SLOPES = np.array([98.0, 2.2, 0.49])
SWITCHES, NOISE = (61.0, 950.0), (11.0, 8.0, 8.0)
LEVELS = (5750, 7250, 8450)
#: Where lines begin at step 0, ADU.
BEGINS = np.array([4950.0, 4700.0, 4700.0])


def times(trains: int = 500) -> np.ndarray:
    """3 to 203 by single steps, then by tens."""
    return np.concatenate([np.arange(3, 204), 203 + 10 * np.arange(1, trains - 200)])[:trains].astype(np.int32)


def stage(x: np.ndarray) -> np.ndarray:
    return np.searchsorted(SWITCHES, x, side="right")


def clean(x: np.ndarray) -> np.ndarray:
    return BEGINS[stage(x)] + SLOPES[stage(x)] * x


def course(trains: int = 500, n: int = 24) -> tuple[tuple[int, float], ...]:
    """A few frames of a run: charged lines above the others, which stay at their offset."""
    at = np.unique(np.linspace(0, trains - 1, n).astype(int))
    return tuple(zip(at.tolist(), (clean(times(trains)[at]) - 4950).tolist(), strict=True))


def run(number: int, pattern: int, seen: tuple = (), of: float | None = None) -> RunFacts:
    made = current.run(number, pattern, of)
    assert made.scan is not None
    return replace(made, trains=500, scan=replace(made.scan, last_train=499, course=seen))


def test_frames_tell_slopes_and_where_pixels_switch() -> None:
    at, signal = np.array(course()).T
    seen = seen_stages(times()[at.astype(int)], signal)
    assert seen is not None
    np.testing.assert_allclose(seen.slope, SLOPES)
    for (low, high), true in zip(seen.switch, SWITCHES, strict=True):
        assert low < true <= high
    # a frame in which some pixels have switched and others not is off all lines, and does no harm
    mixed, x = signal.copy(), times()[at.astype(int)]
    places = [int(np.searchsorted(x, switch)) for switch in SWITCHES]
    for place in places:
        mixed[place] += 900
    again = seen_stages(x, mixed)
    assert again is not None
    np.testing.assert_allclose(again.slope, SLOPES, rtol=0.01)
    assert again.switch == tuple((x[place - 1], x[place + 1]) for place in places)


#: What 24 frames of a simulated scan show, whose pixels switch at 34 and 1,228, with slopes of 183.5, 4.08, 0.91.
SIMULATED = (
    (3, 249), (24, 4103), (46, -17), (68, 65), (89, 138), (111, 226), (133, 310), (154, 394), (176, 485), (198, 575),
    (363, 1248), (583, 2147), (803, 3042), (1023, 3941), (1233, 2278), (1453, 992), (1673, 1193), (1883, 1384),
    (2103, 1584), (2323, 1783), (2533, 1976), (2753, 2173), (2973, 2375), (3193, 2575))


def test_frames_of_a_simulated_scan_are_understood() -> None:
    seen = seen_of(SIMULATED)
    assert seen is not None
    np.testing.assert_allclose(seen.slope, [183.5, 4.08, 0.91], rtol=0.01)
    assert seen.switch == ((24, 46), (1023, 1453))


@pytest.mark.parametrize("signal", [
    [], np.zeros(24), np.arange(24.0), np.where(np.arange(24) < 10, 30.0 * np.arange(24), np.arange(24.0)),
    -np.arange(24.0)], ids=["nothing", "dark", "one stage", "two stages", "falling"])
def test_what_is_no_three_lines_tells_nothing(signal: list[float]) -> None:
    assert seen_stages(np.arange(len(signal)), np.asarray(signal, float)) is None


def test_fits_of_simulated_series_scatter_so_much() -> None:
    rng, x = np.random.default_rng(8), times()
    noise = np.array(NOISE)[stage(x)]
    signal = np.rint(clean(x) + noise * rng.standard_normal((3000, len(x)))).astype(np.uint16)
    code = np.rint(np.array(LEVELS)[stage(x)] + 25 * rng.standard_normal((3000, len(x)))).astype(np.uint16)
    found = stage_fits(x, signal, code, FitLimits(350.0, 10, 0.15, (2.0, 10.0)))
    good = found.status == 0
    assert good.mean() > 0.99
    at, frames = np.array(course()).T
    seen = seen_stages(x[at.astype(int)], frames)
    assert seen is not None
    errors = stage_errors(x, seen, NOISE, 0.15, 10)
    scatter = [line.slope[good].std() / slope for line, slope in zip(found.lines, SLOPES, strict=True)]
    # of high gain a frame more or less is a tenth of the samples
    np.testing.assert_allclose(errors.slope[1:], scatter[1:], rtol=0.1)
    assert errors.slope[0] == pytest.approx(scatter[0], rel=0.4)
    assert errors.ratio == pytest.approx((found.ratio[good] / found.ratio[good].mean()).std(), rel=0.1)


def test_each_current_has_its_sentence_and_what_frames_do_not_show_is_said() -> None:
    runs = [run(one, one, course(), 80.0) for one in range(4)] + [run(4 + one, one, (), 20.0) for one in range(4)]
    first, second, third = CurrentSource().allowed(current.KIND, runs)
    assert "noise of 11, 8, 8 ADU" in first
    assert re.fullmatch(r"Current 80: slope HG ± [\d.]+ %, slope MG ± [\d.]+ %, slope LG ± [\d.]+ %, ratio M/L ± "
                        r"[\d.]+ %; 500 trains to step 3,193, which switch between \d+ and \d+ and between \d+ and "
                        r"\d+, by frames of the runs\.", second)
    assert third.startswith("Current 20: nothing that can be said beforehand")
    # one scan has no name, and fewer trains have larger errors
    [_, whole] = CurrentSource().allowed(current.KIND, runs[:4])
    [_, short] = CurrentSource(max_trains=330).allowed(current.KIND, runs[:4])
    ratio = [float(re.search(r"ratio M/L ± ([\d.]+) %", one)[1]) for one in (whole, short)]
    assert ratio[1] > 1.3 * ratio[0]
    assert CurrentSource().allowed(current.KIND, []) == ()


def test_a_stage_with_too_few_samples_is_named_with_them() -> None:
    at, signal = np.array(course()).T
    seen = seen_stages(times()[at.astype(int)], signal)
    assert seen is not None
    errors = stage_errors(times(300), seen, NOISE, 0.15, 40)
    said = sentence(errors, ("HG", "MG", "LG"), 40)
    assert "no slope LG (" in said
    assert "it takes 40)" in said
    assert "no ratio M/L" in said
