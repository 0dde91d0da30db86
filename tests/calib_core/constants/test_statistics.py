"""Which map goes with which constant, and which versions make lines."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from calib_core.constants.history import Comparable
from calib_core.constants.statistics import About, lines_of, nearest_map, statistics_of, together
from calib_core.numerics.group_statistics import ALL, GOOD, Cut

NOON, QUARTER = datetime(2026, 11, 1, 12, tzinfo=UTC), timedelta(minutes=15)
CONDITION = (("Sensor Bias Voltage", 300.0), ("Memory Cells", 4.0))
CUT = Cut((4, 4), 32)


def about(calibration: str = "Offset", begin: datetime = NOON, unit: str = "Q1M1", condition=CONDITION, **rest):
    shape = (("gain", 2), ("cell", 4), ("slow_scan", 4), ("fast_scan", 8))
    return About(Comparable(unit, calibration, condition, shape), 0, begin, "gain", ("HG", "MG"), "ADU", **rest)


def of_time(one: About, minutes: float) -> About:
    return replace(one, begin=one.begin + timedelta(minutes=minutes))


def test_the_nearest_map_in_time_is_taken_and_none_that_is_too_far():
    maps = [of_time(about("BadPixelsDark", path=f"{m}"), m) for m in (-16, -14, 3, 14, 16)]
    best, paired = nearest_map(about(), maps, QUARTER)
    assert best is maps[2]
    assert (paired.path, paired.seconds) == ("3", 180)
    assert nearest_map(about(), [maps[0], maps[-1]], QUARTER) is None
    assert nearest_map(about(), [of_time(about("BadPixelsDark"), 15)], QUARTER) is not None
    assert nearest_map(about(), [], QUARTER) is None


def test_maps_of_other_units_and_conditions_do_not_go_with_it():
    other = (("Sensor Bias Voltage", 200.0),)
    assert nearest_map(about(), [about("BadPixelsDark", unit="Q1M2"), about("BadPixelsDark", condition=other)],
                       QUARTER) is None
    less = about("BadPixelsDark", condition=CONDITION[:1])
    assert nearest_map(about(), [less], QUARTER)[0] is less


def test_good_values_are_those_without_a_flag():
    rng = np.random.default_rng(1)
    values = rng.normal(700, 5, (2, 4, 4, 8))
    flags = (rng.random(values.shape) < 0.1).astype(np.uint32) * 2
    values[flags > 0] = 9999
    found = statistics_of(about(), values, flags, CUT)
    np.testing.assert_allclose(found.whole.median[GOOD], [
        np.median(one[bad == 0]) for one, bad in zip(values, flags, strict=True)])
    np.testing.assert_allclose(found.whole.mean[ALL], values.mean((1, 2, 3)))
    assert found.flags.number.sum() == np.count_nonzero(flags)
    assert found.flags.by_flag[..., 1].sum() == np.count_nonzero(flags)


def test_flags_of_other_entries_count_in_all():
    flags = np.zeros((3, 4, 4, 8), np.uint32)
    flags[2, 0, 0, 0] = 1
    found = statistics_of(about(), np.zeros((2, 4, 4, 8)), flags, CUT)
    assert found.whole.n[GOOD].tolist() == [127, 127]


def test_flags_of_other_pixels_are_refused():
    with pytest.raises(ValueError, match="do not go with"):
        statistics_of(about(), np.zeros((2, 4, 4, 8)), np.zeros((2, 4, 4, 4), np.uint32), CUT)


def version(one: About, level: float = 0.0):
    return statistics_of(one, np.full((2, 4, 4, 8), float(level)) + np.arange(2)[:, None, None, None], None, CUT)


def test_lines_never_mix_conditions_shapes_or_units():
    first, later = about(), of_time(about(), 60)
    other = replace(first, comparable=replace(first.comparable, condition=(("Sensor Bias Voltage", 200.0),)))
    longer = replace(first, comparable=replace(first.comparable, shape=(("gain", 2), ("cell", 8))))
    unit = about(unit="Q1M2")
    found = together(version(one, level) for level, one in enumerate((later, other, longer, unit, first)))
    assert [len(of) for of in found.values()].count(2) == 1
    assert len(found) == 4
    [two] = [of for of in found.values() if len(of) == 2]
    high, medium = lines_of(two)
    assert high.begins == (first.begin, later.begin)
    assert (high.values.tolist(), medium.values.tolist()) == ([4, 0], [5, 1])
    assert (high.entry, medium.entry, high.unit) == ("HG", "MG", "ADU")


def test_of_versions_of_one_time_the_last_counts():
    [line, _] = lines_of(next(iter(together([version(about(), 1), version(about(), 2)]).values())))
    assert line.values.tolist() == [2]


def test_flags_make_lines_of_the_logit_of_their_share():
    flags = np.zeros((2, 4, 4, 8), np.uint32)
    flags[0].ravel()[:13] = 8
    [high, medium] = lines_of([statistics_of(replace(about("BadPixelsDark"), unit=""), flags, None, CUT)])
    assert high.values[0] == pytest.approx(np.log(13.5 / 115.5))
    assert medium.values[0] == pytest.approx(np.log(0.5 / 128.5))
    assert high.unit == "logit"
