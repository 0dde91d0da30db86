"""Which images a corrected file has, by the steps that are done; and the table of events."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calib_core.characterisation import events
from calib_core.characterisation.outputs import CorrectedImage, CorrectedOutput
from calib_core.correction.absolute_gain import AbsoluteGain
from calib_core.correction.common_mode import CommonMode
from calib_core.correction.gain_map import GainMap
from calib_core.correction.gain_stage import StageOfBits
from calib_core.correction.mask import Mask
from calib_core.correction.offset import Offset
from calib_core.correction.relative_gain import GainPerEnergy
from calib_core.correction.split_events import SplitEvents
from calib_core.detector import CorrectedLayout
from calib_core.detector.registry import detector_type

LAYOUT = CorrectedLayout({"offset": "a", "common_mode": "b", "gain_map": "c", "split_events": "d"}, "mask",
                         found={"split_events": "codes"})


def images(**on: bool | float) -> list[tuple[str, str, str]]:
    """Key, unit and last step of each image."""
    steps = [one.with_changes({"on": on.get(one.word, True)}) if not one.required else one
             for one in (StageOfBits(), Offset(), CommonMode(), GainMap(), Mask(), SplitEvents(), AbsoluteGain())]
    made = CorrectedOutput.of(LAYOUT, steps)
    assert made.kept == tuple(one.steps[-1] for one in made.images[:-1])
    assert [one.key for one in made.found] == (["codes"] if on.get("split_events", True) else [])
    return [(one.key, one.unit, one.steps[-1]) for one in made.images]


def test_each_named_step_has_an_image_and_others_belong_to_the_one_before() -> None:
    assert images() == [("a", "ADU", "offset"), ("b", "ADU", "common_mode"), ("c", "ADU", "gain_map"),
                        ("d", "keV", "absolute_gain")]
    assert images(split_events=False) == [("a", "ADU", "offset"), ("b", "ADU", "common_mode"),
                                          ("c", "keV", "absolute_gain")]
    assert images(common_mode=False, split_events=False, absolute_gain=False) == [
        ("a", "ADU", "offset"), ("c", "ADU", "gain_map")]
    assert images(common_mode=False, gain_map=False, split_events=False, absolute_gain=False) == [
        ("a", "ADU", "offset")]


def test_a_type_without_a_layout_has_one_image() -> None:
    kind = detector_type("JUNGFRAU")
    made = CorrectedOutput.of(kind.corrected_layout, (StageOfBits(), Offset(), GainPerEnergy(), Mask()))
    assert made.images == (CorrectedImage("data.adc", "keV", ("offset", "relative_gain")),)
    assert (made.unit, made.kept, made.found) == ("keV", (), ())
    assert kind.corrected_layout.source_of("A/DET/B:daqOutput") == "A/CORR/B:daqOutput"


def test_the_table_has_shares_of_what_counts() -> None:
    kind = detector_type("EPIX100")
    rows = events.table(kind, np.array([50, 30, 10, 6, 4, 900, 100, 70]))
    assert rows["code"].tolist() == [100, 200, 300, 400, 1000, 1001, 1002, 0]
    assert rows["events"][-1] == 70
    assert rows["share"][:5].tolist() == [50, 30, 10, 6, 4]
    assert rows["expected"][:5].sum() == pytest.approx(100)
    assert np.isnan([*rows["share"][5:], *rows["expected"][5:]]).all()


def test_nothing_has_no_shares_and_nothing_may_be_expected() -> None:
    rows = events.table(replace(detector_type("EPIX100"), events=None), np.zeros(8, int))
    assert np.isnan([*rows["share"], *rows["expected"]]).all()
