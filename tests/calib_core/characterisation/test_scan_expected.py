"""What a scan allows is said by what its runs show, against courses written down here."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calib_core.characterisation.inputs import RunFacts
from calib_core.characterisation.pulse_capacitor import PulseCapacitor
from calib_core.characterisation.scan_expected import Seen, expected, seen_switch
from calib_core.detector import ScanEvidence
from calib_core.detector.registry import detector_type

KIND = detector_type("AGIPD1M")
USUAL = KIND.injections["capacitor"].usual


def course(steps: int, switch: float, slope: float = 30.0, n: int = 24, begin: int = 0) -> tuple:
    """A line up to the switch, and another, forty-five times flatter, behind it; from the first train on or later."""
    x = np.unique(np.linspace(0, steps - 1, n).astype(int))
    step = (x - begin) % steps
    signal = np.where(step < switch, slope * step, slope / 45 * step - 250)
    return tuple(zip(x.tolist(), signal.tolist(), strict=True))


def run(number: int, steps: int, seen: tuple = ()) -> RunFacts:
    return RunFacts(Path(f"r{number}"), f"r{number}", (), None, steps,
                    scan=ScanEvidence((), None, 1000, 999 + steps, course=seen))


def test_frames_tell_slope_and_where_pixels_switch() -> None:
    seen = seen_switch(course(600, 200))
    assert seen is not None
    assert seen.slope == pytest.approx(30)
    assert seen.last_high < 200 <= seen.first_medium
    assert seen.first_medium - seen.last_high == pytest.approx(599 / 23, abs=1)


@pytest.mark.parametrize("told", [
    (), course(600, 200)[:3], course(600, 2000), course(600, 200, begin=150), course(600, 30), course(600, 0)],
    ids=["nothing", "few", "no switch", "begins later", "switches among the first", "medium alone"])
def test_what_is_no_line_and_a_fall_tells_nothing(told: tuple) -> None:
    assert seen_switch(told) is None


def test_what_frames_do_not_tell_is_as_usual_and_said() -> None:
    assert USUAL is not None
    unseen = expected([run(0, 600), run(1, 590)], USUAL, 65536)
    assert (unseen.steps, unseen.switch, unseen.slope) == (590, 200, 30)
    assert "as usual" in unseen.told
    seen = expected([run(0, 600, course(600, 350, 17)), run(1, 600)], USUAL, 500)
    assert seen.steps == 500
    assert seen.slope == pytest.approx(17)
    assert seen.told == "for a switch between steps 338 and 364, by frames of the runs"
    assert seen.switch == 351


def test_a_seen_switch_has_its_two_frames() -> None:
    assert seen_switch(((0, 0.0), (100, 3000.0), (199, 5970.0), (201, -120.0))) == Seen(
        pytest.approx(30), 199.0, 201.0)


def said(method: PulseCapacitor, steps: int) -> list[float]:
    """Errors of slope, ratio and step in the sentence, per cent."""
    [first, _] = method.allowed(KIND, [run(0, steps)])
    found = re.fullmatch(r"This scan allows, for each pixel and memory cell: slope HG ± (.*) %, ratio ± (.*) %, "
                         r"step at the switch ± (.*) % of the signal\.", first)
    assert found is not None
    assert "e" not in "".join(found.groups())  # 150 %, not 1.5e+02 %
    return [float(one) for one in found.groups()]


def test_large_errors_are_whole_numbers() -> None:
    assert max(said(PulseCapacitor(), 290)) > 100


@pytest.mark.parametrize(("steps", "measured"), [(600, [0.057, 1.3, 2.0]), (1200, [0.057, 0.19, 0.6])])
def test_the_sentence_has_figures_that_others_measured(steps: int, measured: list[float]) -> None:
    assert said(PulseCapacitor(), steps) == pytest.approx(measured, rel=0.1)
    [_, second] = PulseCapacitor().allowed(KIND, [run(0, steps)])
    assert f"One scan of {steps:,} steps for a switch at step 200 as usual" in second
    assert "noise of 11 and 8 ADU, and a hook of 120 ADU and 45 steps" in second


@pytest.mark.parametrize(("method", "steps"), [
    (PulseCapacitor(fit_hook=False), range(200, 580)),
    (PulseCapacitor(fit_hook=False, margin_mg=100), range(200, 500)),
    (PulseCapacitor(intervals="fixed", mg_range=(402.0, 552.0)), range(402, 553))], ids=["all", "margin", "fixed"])
def test_a_line_of_medium_gain_is_as_good_as_numpy_says(method: PulseCapacitor, steps: range) -> None:
    x = np.array(steps)
    of_medium = 100 * 8 / np.sqrt(((x - x.mean()) ** 2).sum()) / (30 / 45)
    _, ratio, _ = said(method, 600)
    assert ratio == pytest.approx(of_medium, rel=0.05)  # that of high gain is a twentieth of it and less


def test_a_scan_that_is_too_short_allows_nothing_and_says_so() -> None:
    [first, _] = PulseCapacitor().allowed(KIND, [run(0, 230)])
    assert "no ratio, no step at the switch; there are too few steps on a side of the switch." in first
    assert PulseCapacitor().allowed(KIND, []) == ()
    unknown = replace(KIND, injections={"capacitor": replace(KIND.injections["capacitor"], usual=None)})
    assert PulseCapacitor().allowed(unknown, [run(0, 600)]) == ()
