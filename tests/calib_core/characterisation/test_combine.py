"""Combined constants of one memory cell: without noise they are the truth, and what is not measured is told."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from calib_core.characterisation.combine import Combine
from calib_core.characterisation.combine_cell import USED, VALUES, Cell, Limiting
from calib_core.characterisation.combine_notes import without_errors
from calib_core.characterisation.combine_reasons import reasons_of, rules_of
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import CS_PARAMETERS, FITS_PC, FLAGGED_BY, GAIN_FIELDS
from calib_core.detectors.agipd import AGIPD1M
from calib_core.numerics.combined_gain import Origin

SHAPE, AT = (8, 16), (2, 3)
LIMITS = Limiting((0.8, 1.2), (20, 80), np.inf, (2, 10), 45.0, 4.48, "ADU/keV", True)
ALL = ("Offset", "SlopesPC", "SlopesFF", "SlopesCS")
CS_STRETCH, CS_START = 3.7, -31.0
INTERPOLATED, NO_LINE = int(BadPixels.INTERPOLATED), int(BadPixels.CI_EVAL_ERROR)
NO_CURRENT, OUT = int(BadPixels.CI2_EVAL_ERROR), int(BadPixels.CI_GAIN_OF_OF_THRESHOLD)


@dataclass
class Truth:
    """Pixels whose signals over charge are straight lines, and darks that lie beside them.

    Attributes
    ----------
    gain : (3, …) ADU/keV
    begin : (3, …) ADU
        Signal of each stage without charge.
    offset : (3, …) ADU
        What darks have in which the stage is forced.
    """

    gain: np.ndarray
    begin: np.ndarray
    offset: np.ndarray

    def signal(self, stage: int, charge: Any) -> np.ndarray:
        return self.begin[stage] + self.gain[stage] * charge

    def given(self, step: float = 3.5, stretch: Any = CS_STRETCH, start: Any = CS_START) -> dict[str, np.ndarray]:
        """Constants without noise: the capacitor charges ``step`` keV a step, the current source ``stretch`` keV a
        step from ``start`` keV on.
        """
        rng = np.random.default_rng(9)
        threshold = rng.normal(6500, 40, (2, *SHAPE))
        of_current = {
            "slope HG": self.gain[0] * stretch, "intercept HG": self.signal(0, start),
            "slope MG": self.gain[1] * stretch, "intercept MG": self.signal(1, start),
            "slope LG": self.gain[2] * stretch, "intercept LG": self.signal(2, start),
            "ratio": self.gain[1] / self.gain[2], "status": np.zeros(SHAPE),
        }
        errors = rng.uniform(0.1, 1, (2, *SHAPE))
        return {
            "Offset": self.offset, "ThresholdsDark": threshold + 20, "SlopesFF": self.gain[:1],
            "SlopesPC": np.stack([self.gain[0] * step, self.begin[0], self.gain[1] * step, self.begin[1],
                                  threshold[0]]),
            "FitsPC": errors[:1], "FitsFF": np.stack([self.gain[0], rng.uniform(0.01, 0.1, SHAPE)]),
            "SlopesCS": np.stack([of_current[name] for name in USED["SlopesCS"]]),
            "FitsCS": np.stack([errors[1], threshold[1]]),
            **{f"BadPixels{name}": np.zeros((3, *SHAPE), np.uint32) for name in ("Dark", "PC", "FF", "CS")},
        }


@pytest.fixture
def truth() -> Truth:
    rng = np.random.default_rng(1)
    high = rng.normal(7.2, 0.2, SHAPE)
    medium = high / rng.normal(45, 1.5, SHAPE)
    gain = np.stack([high, medium, medium / rng.normal(4.48, 0.1, SHAPE)])
    begin = rng.normal(4800, 100, (3, *SHAPE))
    return Truth(gain, begin, begin + rng.normal(20, 10, (3, *SHAPE)) * [[[0.5]], [[1]], [[1]]])


def maps(given: dict[str, np.ndarray], limits: Limiting = LIMITS, wanted: Any = ALL, stand_in: bool = False) -> Any:
    made = Cell(given, wanted, stand_in, SHAPE, limits).maps()
    return made | {"field": dict(zip(GAIN_FIELDS, made["fields"], strict=True))}


def test_without_noise_they_are_the_truth(truth: Truth) -> None:
    found = maps(truth.given())
    np.testing.assert_allclose(found["relative_gain"], truth.gain[0] / truth.gain, rtol=1e-6)
    np.testing.assert_allclose(found["gain"], truth.gain, rtol=1e-6)
    for charge in (0.0, 1e3, 1e5):
        expected = truth.gain[0] * charge + truth.begin[0] - truth.offset[0]
        for stage in (1, 2):
            values = found["relative_gain"][stage].astype(float) * (truth.signal(stage, charge) - truth.offset[stage])
            shifted = values + found["shift"][stage - 1]
            np.testing.assert_allclose(shifted, expected, rtol=1e-6, atol=1e-3)
    assert not found["bad_pixels"].any()
    np.testing.assert_array_equal(found["origins"][:, Origin.OWN], SHAPE[0] * SHAPE[1])


@pytest.mark.parametrize(("stretch", "start"), [(1.0, 0.0), (0.02, 5000.0), (40.0, -300.0)])
def test_the_axis_of_the_current_source_is_of_no_account(truth: Truth, stretch: float, start: float) -> None:
    """It has another origin and another unit than that of the capacitor, in each pixel another one."""
    rng = np.random.default_rng(3)
    found = maps(truth.given(stretch=stretch * rng.uniform(0.5, 2, SHAPE), start=start * rng.uniform(0.5, 2, SHAPE)))
    usual = maps(truth.given())
    np.testing.assert_allclose(found["shift"], usual["shift"], rtol=1e-6, atol=2e-3)


def test_without_the_shift_or_with_the_hook_in_it_the_stages_do_not_meet(truth: Truth) -> None:
    """What the other tests would let pass if they could not fail: 15 % of a signal of 6000 ADU without the shift."""
    given, charge = truth.given(), 6000 / 7.2
    right = maps(given)
    given["SlopesPC"][3] += 120
    hooked = maps(given)
    expected = truth.gain[0] * charge + truth.begin[0] - truth.offset[0]
    values = right["relative_gain"][1] * (truth.signal(1, charge) - truth.offset[1])
    assert abs(np.mean((values + right["shift"][0]) / expected) - 1) < 1e-6
    assert abs(np.mean(values / expected) - 1) > 0.1
    assert abs(np.mean((values + hooked["shift"][0]) / expected) - 1) > 0.5


def test_units_of_the_gain(truth: Truth) -> None:
    usual = np.median(truth.gain[0])
    for unit, expected in (("ADU/keV", truth.gain), ("keV/ADU", 1 / truth.gain), ("relative", truth.gain / usual)):
        np.testing.assert_allclose(maps(truth.given(), replace(LIMITS, unit=unit))["gain"], expected, rtol=1e-6)


def test_errors_are_those_of_the_scans(truth: Truth) -> None:
    given = truth.given()
    found = maps(given)
    of_ratio, of_low = given["FitsPC"][0], given["FitsCS"][0]
    ratio, low = truth.gain[0] / truth.gain[1], truth.gain[1] / truth.gain[2]
    np.testing.assert_allclose(found["field"]["ratio HG/MG error"], of_ratio, rtol=1e-6)
    np.testing.assert_allclose(found["field"]["ratio MG/LG error"], of_low, rtol=1e-6)
    expected = ratio * low * np.sqrt((of_ratio / ratio) ** 2 + (of_low / low) ** 2)
    np.testing.assert_allclose(found["field"]["relative gain LG error"], expected, rtol=1e-5)
    of_gain = given["FitsFF"][1] / truth.gain[0]
    for stage, of_ratios in (("HG", 0), ("MG", of_ratio / ratio), ("LG", np.hypot(of_ratio / ratio, of_low / low))):
        gain = truth.gain[("HG", "MG", "LG").index(stage)]
        expected = gain * np.sqrt(of_gain ** 2 + of_ratios ** 2)
        np.testing.assert_allclose(found["field"][f"gain {stage} error"], expected, rtol=1e-5)


def test_errors_of_gains_are_as_large_in_any_unit(truth: Truth) -> None:
    usual = np.median(truth.gain[0])
    given = truth.given()
    of_gain = given["FitsFF"][1] / truth.gain[0]
    for unit, gain in (("keV/ADU", 1 / truth.gain[0]), ("relative", truth.gain[0] / usual)):
        found = maps(given, replace(LIMITS, unit=unit))
        np.testing.assert_allclose(found["field"]["gain HG error"], gain * of_gain, rtol=1e-5)
    relative = given | {"SlopesFF": given["SlopesFF"] / usual}
    found = maps(relative, replace(LIMITS, unit="relative"))
    np.testing.assert_allclose(found["field"]["gain HG error"], truth.gain[0] / usual * of_gain, rtol=1e-5)


def test_without_fits_of_these_slopes_gains_have_no_error(truth: Truth) -> None:
    given = truth.given()
    others = given["FitsFF"] * np.stack([np.random.default_rng(5).normal(1, 0.01, SHAPE), np.ones(SHAPE)])
    for fits in ({}, {"FitsFF": others}):
        found = maps({name: one for name, one in given.items() if name != "FitsFF"} | fits)
        errors = np.stack([found["field"][f"gain {stage} error"] for stage in ("HG", "MG", "LG")])
        assert np.isfinite(errors).mean() < 0.02  # one pixel is at the median of both
        assert np.isfinite(found["field"]["ratio HG/MG error"]).all()


def test_a_gain_that_is_not_the_pixels_own_has_no_error(truth: Truth) -> None:
    given = truth.given()
    given["SlopesFF"] = given["SlopesFF"].copy()
    given["SlopesFF"][0][AT] = given["FitsFF"][0][AT] = 2 * np.median(truth.gain[0])  # out of range
    error = maps(given)["field"]["gain HG error"]
    assert np.isnan(error[AT])
    assert np.isfinite(error).sum() == error.size - 1


Break = Callable[[dict[str, np.ndarray]], None]


def put(kind: str, entry: str | int, value: float) -> Break:
    def broken(given: dict[str, np.ndarray]) -> None:
        given[kind][USED[kind].index(entry) if isinstance(entry, str) else entry][AT] = value
    return broken


@pytest.mark.parametrize(("broken", "value", "origin", "flags"), [
    (put("SlopesPC", "slope MG", np.nan), "ratio HG/MG", Origin.MEDIAN, [NO_LINE, NO_LINE, NO_LINE | INTERPOLATED]),
    (put("SlopesPC", "slope MG", 0.0), "ratio HG/MG", Origin.MEDIAN, [NO_LINE, NO_LINE, NO_LINE | INTERPOLATED]),
    (put("SlopesPC", "slope HG", 0.2), "ratio HG/MG", Origin.MEDIAN, [OUT, OUT, OUT | INTERPOLATED]),
    (put("SlopesPC", "intercept MG", np.nan), "shift MG", Origin.MEDIAN, [NO_LINE, NO_LINE, NO_LINE | INTERPOLATED]),
    (put("SlopesCS", "ratio", np.nan), "ratio MG/LG", Origin.MEDIAN, [0, 0, NO_CURRENT | INTERPOLATED]),
    (put("SlopesCS", "ratio", 11.0), "ratio MG/LG", Origin.MEDIAN, [0, 0, OUT | INTERPOLATED]),
    (put("SlopesCS", "intercept LG", np.nan), "shift LG", Origin.STAGE_BEFORE, [0, 0, INTERPOLATED]),
    (put("SlopesFF", 0, np.nan), "gain", Origin.MEDIAN, [int(BadPixels.FF_GAIN_EVAL_ERROR)] * 3),
    (put("SlopesFF", 0, 9.0), "gain", Origin.MEDIAN, [int(BadPixels.FF_GAIN_DEVIATION)] * 3),
    (put("SlopesPC", "threshold", np.nan), "threshold HG-MG", Origin.DARK, [0, 0, 0]),
])
def test_what_a_pixel_has_not_is_told_and_flagged(
    truth: Truth, broken: Break, value: str, origin: Origin, flags: list[int]
) -> None:
    whole, given = maps(truth.given()), truth.given()
    broken(given)
    found = maps(given)
    index = VALUES.index(value)
    assert found["origins"][index, origin] == 1
    assert found["origins"][index, Origin.OWN] == SHAPE[0] * SHAPE[1] - 1
    assert found["field"][f"origin of {value}"][AT] == origin
    assert found["bad_pixels"][(slice(None), *AT)].tolist() == flags
    others = np.ones(SHAPE, bool)
    others[AT] = False
    assert not found["bad_pixels"][:, others].any()
    for name in ("relative_gain", "gain", "shift", "thresholds"):
        assert np.isfinite(found[name]).all(), name
        np.testing.assert_array_equal(found[name][:, others], whole[name][:, others])
    if value.startswith("ratio"):
        assert np.isnan(found["field"][f"{value} error"][AT])
        own = found["field"][value][others]
        assert found["field"][value][AT] == pytest.approx(np.median(own), rel=1e-6)


def test_a_ratio_that_is_hardly_known_is_not_taken(truth: Truth) -> None:
    """As where a hook is hidden by noise: another pixel's number would be nearer."""
    given = truth.given()
    ratio = given["SlopesPC"][0] / given["SlopesPC"][2]
    given["FitsPC"] = 0.05 * ratio[np.newaxis]
    others = np.ones(SHAPE, bool)
    others[AT] = False
    given["FitsPC"][0][AT] = 0.21 * ratio[AT]
    limits = replace(LIMITS, hm_error=0.2)
    found = maps(given, limits)
    expected = np.where(others, ratio, np.median(ratio[others]))
    np.testing.assert_allclose(found["relative_gain"][1], expected, rtol=1e-6)
    np.testing.assert_array_equal(found["bad_pixels"][(slice(None), *AT)], [OUT, OUT, OUT | INTERPOLATED])
    assert not found["bad_pixels"][:, others].any()
    assert found["field"]["origin of ratio HG/MG"][AT] == Origin.MEDIAN
    assert np.isnan(found["field"]["ratio HG/MG error"][AT])
    [told] = [one for one in reasons_of(rules_of(limits, True, True, True), ("HG", "MG", "LG"), 1, found, AT)
              if one.set]
    assert "its error at most 0.2 of it" in told.words
    given["FitsPC"][0][AT] = np.nan  # of other programs, which tell no error
    assert not maps(given, limits)["bad_pixels"].any()


def test_modules_whose_ratios_have_no_error_are_told() -> None:
    files: Any = {(module, kind): SimpleNamespace(path=f"{kind}-{module}.h5", attributes={}) for module, kind in (
        (0, "SlopesPC"), (1, "SlopesPC"), (2, "SlopesPC"), (1, "FitsPC"))}
    [told] = without_errors(files)
    assert told == ("Ratios of high to medium gain of 2 of 3 modules (0,2) have no error: there are no "
                    f"{FITS_PC.title} beside the slopes, and none is refused for its error (SlopesPC-0.h5).")


def test_the_mask_has_each_source_where_it_belongs(truth: Truth) -> None:
    given = truth.given()
    rng = np.random.default_rng(4)
    for kind in ("BadPixelsDark", "BadPixelsPC", "BadPixelsFF", "BadPixelsCS"):
        given[kind] = (1 << rng.integers(0, 20, (3, *SHAPE))).astype(np.uint32) * (rng.random((3, *SHAPE)) < 0.2)
    given["BadPixelsPC"] &= ~np.uint32(BadPixels.GAIN_THRESHOLDING_ERROR)
    given["BadPixelsCS"] &= ~np.uint32(BadPixels.GAIN_THRESHOLDING_ERROR)
    found = maps({name: one.astype(np.uint32) if name.startswith("Bad") else one for name, one in given.items()})
    flat = np.bitwise_or.reduce(given["BadPixelsFF"])
    for stage in range(3):
        expected = given["BadPixelsDark"][stage] | flat
        expected = expected | (given["BadPixelsPC"][stage] if stage < 2 else given["BadPixelsCS"][2])
        np.testing.assert_array_equal(found["bad_pixels"][stage], expected)
        by = found["field"][f"flagged by {('HG', 'MG', 'LG')[stage]}"].astype(int)
        for place, kind in enumerate(("BadPixelsDark", "BadPixelsPC", "BadPixelsFF", "BadPixelsCS")):
            mine = {1: given[kind][stage] if stage < 2 else 0, 2: flat, 3: given[kind][2] if stage == 2 else 0}
            expected_by = np.broadcast_to(np.asarray(mine.get(place, given[kind][stage])) > 0, SHAPE)
            np.testing.assert_array_equal((by >> place & 1) > 0, expected_by, err_msg=FLAGGED_BY[place])


def test_without_a_current_source_low_gain_has_the_shift_of_medium_gain(truth: Truth) -> None:
    given = {name: one for name, one in truth.given().items() if "CS" not in name}
    found = maps(given, wanted=("Offset", "SlopesPC", "SlopesFF"))
    np.testing.assert_array_equal(found["shift"][1], found["shift"][0])
    assert (found["bad_pixels"][2] == INTERPOLATED).all()
    assert not found["bad_pixels"][:2].any()
    np.testing.assert_allclose(found["relative_gain"][2], 4.48 * truth.gain[0] / truth.gain[1], rtol=1e-6)
    assert (found["field"]["origin of ratio MG/LG"] == Origin.NUMBER).all()


def test_without_scans_ratios_are_numbers_and_nothing_is_shifted(truth: Truth) -> None:
    given = {name: truth.given()[name] for name in ("Offset", "ThresholdsDark")}
    found = maps(given, wanted=("Offset",))
    assert "gain" not in found
    np.testing.assert_allclose(found["relative_gain"][1:], np.array([45, 45 * 4.48])[:, None, None] + np.zeros(SHAPE))
    assert not found["shift"].any()
    assert (found["field"]["origin of shift MG"] == Origin.NONE).all()
    assert found["bad_pixels"][:, 0, 0].tolist() == [0, INTERPOLATED, INTERPOLATED]


def test_a_memory_cell_that_another_stands_for_is_flagged(truth: Truth) -> None:
    assert (maps(truth.given(), stand_in=True)["bad_pixels"] == INTERPOLATED).all()


def test_a_memory_cell_without_darks_has_no_dark_data(truth: Truth) -> None:
    given = {name: one for name, one in truth.given().items() if name not in (
        "Offset", "BadPixelsDark", "ThresholdsDark")}
    found = maps(given)
    assert ((found["bad_pixels"] & int(BadPixels.NO_DARK_DATA)) > 0).all()


def test_thresholds_of_darks_on_request_and_how_far_those_of_scans_lie(truth: Truth) -> None:
    given = truth.given()
    found = maps(given, replace(LIMITS, of_scans=False))
    np.testing.assert_allclose(found["thresholds"], given["ThresholdsDark"], rtol=1e-6)
    scans = maps(given)
    np.testing.assert_allclose(scans["thresholds"][0], given["SlopesPC"][4], rtol=1e-6)
    np.testing.assert_allclose(scans["thresholds"][1], given["FitsCS"][1], rtol=1e-6)
    np.testing.assert_allclose(scans["field"]["threshold HG-MG less dark"], -20, atol=1e-2)


def test_a_scan_that_cannot_tell_stages_apart_gives_no_threshold(truth: Truth) -> None:
    given = truth.given()
    given["BadPixelsPC"][1][AT] = int(BadPixels.GAIN_THRESHOLDING_ERROR)
    found = maps(given)
    assert found["thresholds"][0][AT] == pytest.approx(given["ThresholdsDark"][0][AT])


def test_memory_of_a_memory_cell_is_what_the_plan_counts(truth: Truth) -> None:
    """What is read of it, and the most that there is while it is combined."""
    shape = SHAPE[0] * 16, SHAPE[1] * 16
    method, kind = Combine(), replace(AGIPD1M, shape=shape)
    given = {name: np.tile(one, (1, 16, 16)) for name, one in truth.given().items()}
    tracemalloc.start()
    try:
        Cell(given, ALL, False, shape, LIMITS).maps()
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    read = sum(one.nbytes for one in given.values())
    assert read + most < method.bytes_per_item(kind, 1) + method.bytes_of_unit(kind, 1)


def test_planes_are_found_by_their_names() -> None:
    assert [CS_PARAMETERS.index(name) for name in USED["SlopesCS"]] == sorted(
        CS_PARAMETERS.index(name) for name in ("intercept MG", "intercept LG", "ratio"))


def reasons(found: Any, stage: int, pixel: tuple[int, int] = AT, **changes: Any) -> dict[tuple[int, str], Any]:
    rules = rules_of(replace(LIMITS, **changes), True, True, True)
    told = reasons_of(rules, ("HG", "MG", "LG"), stage, found, pixel)
    return {(one.flag, one.what): one for one in told}


@pytest.mark.parametrize(("spoil", "flag", "what", "stages"), [
    (lambda given: given["SlopesPC"].__setitem__((2, *AT), np.nan), NO_LINE, "ratio HG/MG", (0, 1, 2)),
    (lambda given: given["SlopesPC"].__setitem__((0, *AT), 1e4), OUT, "ratio HG/MG", (0, 1, 2)),
    (lambda given: given["SlopesFF"].__setitem__((0, *AT), 10.0), int(BadPixels.FF_GAIN_DEVIATION), "gain",
     (0, 1, 2)),
    (lambda given: given["SlopesFF"].__setitem__((0, *AT), np.nan), int(BadPixels.FF_GAIN_EVAL_ERROR), "gain",
     (0, 1, 2)),
    (lambda given: given["SlopesCS"].__setitem__((USED["SlopesCS"].index("ratio"), *AT), 1.5), OUT, "ratio MG/LG",
     (2,)),
    (lambda given: given["SlopesCS"].__setitem__((slice(None), *AT), np.nan), NO_CURRENT, "ratio MG/LG", (2,)),
    (lambda given: given["BadPixelsDark"].__setitem__((1, *AT), 2), 2, "flags of dark", (1,)),
    (lambda given: given["BadPixelsPC"].__setitem__((0, *AT), 32), 32, "flags of pulse capacitor", (0,)),
    (lambda given: given["BadPixelsFF"].__setitem__((0, *AT), 256), 256, "flags of flat field", (0, 1, 2)),
    (lambda given: given["BadPixelsCS"].__setitem__((2, *AT), 1024), 1024, "flags of current source", (2,)),
])
def test_each_flag_of_a_pixel_has_its_reason(
    truth: Truth, spoil: Callable[[Any], None], flag: int, what: str, stages: tuple[int, ...]
) -> None:
    given = truth.given()
    spoil(given)
    found = maps(given)
    for stage in range(3):
        told = reasons(found, stage)
        mask = int(found["bad_pixels"][(stage, *AT)])
        explained = 0
        for (bit, _), one in told.items():
            explained |= bit if one.set else 0
        assert explained == mask, stage
        assert told[flag, what].set if stage in stages else (flag, what) not in told or not told[flag, what].set
        # a neighbour has the same rules and breaks none
        assert not any(one.set for one in reasons(found, stage, (5, 6)).values())


def test_a_rule_tells_value_limits_and_the_median_of_the_memory_cell(truth: Truth) -> None:
    given = truth.given()
    given["SlopesPC"][0][AT] = 1e4
    found = maps(given)
    ratios = truth.gain[0] / truth.gain[1]
    one = reasons(found, 1, (5, 6))[OUT, "ratio HG/MG"]
    assert one.value == pytest.approx(ratios[5, 6], rel=1e-6)
    assert (one.low, one.high) == (20, 80)
    assert one.median == pytest.approx(np.median(np.delete(ratios.ravel(), AT[0] * SHAPE[1] + AT[1])), rel=1e-6)
    assert "It is: own measurement." in one.words
    other = reasons(found, 1)[OUT, "ratio HG/MG"]
    assert np.isnan(other.value)  # what stands in is not the pixel's
    assert "It is: median of the memory cell." in other.words


def test_a_memory_cell_that_stands_in_is_a_reason_of_its_own(truth: Truth) -> None:
    found = maps(truth.given(), stand_in=True)
    for stage in range(3):
        assert reasons(found, stage)[INTERPOLATED, "memory cell"].set
        assert found["bad_pixels"][(stage, *AT)] == INTERPOLATED
