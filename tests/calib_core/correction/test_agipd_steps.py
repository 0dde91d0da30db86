"""Steps of AGIPD's correction, each against a loop over samples."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import NOISE
from calib_core.correction.capacitor import RelativeGain
from calib_core.correction.force_gain import ForceHigh, ForceMedium
from calib_core.correction.gain_stage import StageOfSignal
from calib_core.correction.images import Images
from calib_core.correction.mask import MaskWithScans
from calib_core.correction.of_samples import OfSamples
from calib_core.correction.one_scale import Scale
from calib_core.correction.pipeline import BoundPipeline, Pipeline
from calib_core.correction.step import Step
from calib_core.correction.xray_gain import FlatField, XrayGain
from calib_core.detectors.agipd import AGIPD1M
from calib_core.errors import BadInput

SHAPE, CELLS = (4, 6), (0, 3)
KIND = replace(AGIPD1M, shape=SHAPE)
WRONG, UNKNOWN = int(BadPixels.WRONG_GAIN_VALUE), int(BadPixels.GAIN_THRESHOLDING_ERROR)
GUESSED, FAR = int(BadPixels.CI_EVAL_ERROR), int(BadPixels.FF_GAIN_DEVIATION)


class Memory:
    """Constants of a module in memory."""

    def __init__(self, **found: OfSamples) -> None:
        self._found = found

    def get(self, kind: Any) -> Any:
        return self._found.get(kind.name)


def of(values: Any) -> OfSamples:
    """(entries, cells, slow_scan, fast_scan) of the two memory cells."""
    return OfSamples(np.array(values, np.float32), CELLS)


def images(stage: Any = 0, values: Any = None, signal: Any = None) -> Images:
    """Two frames of each memory cell."""
    cells = np.array([0, 3, 3, 0])
    drawn = np.random.default_rng(1).normal(100, 30, (4, *SHAPE))
    made = Images.of((drawn if values is None else np.broadcast_to(values, (4, *SHAPE))).astype(np.float32), cells,
                     np.arange(4)).copy()
    made.stage[...] = stage
    made.signal = signal
    return made


def done(step: Step, constants: Memory, one: Images, kind: Any = KIND) -> BoundPipeline:
    bound = Pipeline([step]).bind(constants, kind)
    bound.read().apply(one)
    return bound


def test_the_stage_is_told_by_two_thresholds() -> None:
    rng = np.random.default_rng(2)
    thresholds = rng.normal(0, 100, (2, 2, *SHAPE)) + np.array([6000, 7500])[:, None, None, None]
    thresholds[0, 1, 0, 0] = thresholds[1, 0, 1, 1] = np.nan
    signal = rng.integers(5500, 8000, (4, *SHAPE)).astype(np.uint16)
    signal[2, 3, 3] = 16383
    one = images(signal=signal)
    done(StageOfSignal(), Memory(ThresholdsDark=of(thresholds)), one)
    for frame, y, x in np.ndindex(4, *SHAPE):
        low, high = thresholds[:, CELLS.index(one.cell[frame]), y, x].astype(np.float32)
        value = signal[frame, y, x]
        full, unknown = value == 16383, np.isnan(low) or bool(value > low and np.isnan(high))
        stage = int(value > low) + int(value > low and value > high)
        assert one.stage[frame, y, x] == stage
        assert one.mask[frame, y, x] == WRONG * full + UNKNOWN * unknown
        assert one.use[frame, y, x] == (not full and not unknown)


@pytest.mark.parametrize("stage", [0, 1, 2])
def test_fixed_gain_needs_no_thresholds(stage: int) -> None:
    one = images(signal=np.zeros((4, *SHAPE), np.uint16))
    done(StageOfSignal(), Memory(), one, replace(KIND, fixed_stage=stage))
    assert (one.stage == stage).all()
    assert not one.mask.any()


def test_without_thresholds_nothing_is_corrected() -> None:
    with pytest.raises(BadInput, match="give --constants-thresholdsdark"):
        Pipeline([StageOfSignal()]).bind(Memory(), KIND)


def lines() -> tuple[Any, Any]:
    """Offsets (3, cells, …) and slopes, beginnings of lines in the order in which files are read."""
    rng = np.random.default_rng(3)
    offset = rng.normal(4900, 50, (3, 2, *SHAPE))
    high, ratio = rng.normal(25, 1, (2, *SHAPE)), rng.normal(45, 2, (2, *SHAPE))
    begins = offset[:2] - rng.normal(10, 10, (2, 2, *SHAPE))
    return offset, np.array([high, begins[0], high / ratio, begins[1]])


@pytest.mark.parametrize("adjust", [True, False])
def test_signals_come_onto_the_scale_of_high_gain(adjust: bool) -> None:
    offset, slopes = lines()
    stage = np.random.default_rng(4).integers(0, 3, (4, *SHAPE))
    one = images(stage)
    before = one.values.astype(float)
    done(RelativeGain(adjust_baseline=adjust), Memory(SlopesPC=of(slopes), Offset=of(offset)), one)
    for frame, y, x in np.ndindex(4, *SHAPE):
        cell = CELLS.index(one.cell[frame])
        (high, high_base, medium, medium_base), o = slopes[:, cell, y, x], offset[:, cell, y, x]
        ratio = high / medium
        step = ratio * (o[1] - medium_base) + high_base - o[0] if adjust else 0
        expected = [before[frame, y, x], ratio * before[frame, y, x] + step, 4.48 * ratio * before[frame, y, x]]
        assert one.values[frame, y, x] == pytest.approx(expected[stage[frame, y, x]], rel=1e-4, abs=0.1)
    assert not one.mask.any()
    assert one.one_scale


def test_pixels_without_lines_have_the_median_of_their_memory_cell_and_a_flag() -> None:
    offset, slopes = lines()
    slopes[0, 0, 1, 1], slopes[2, 0, 2, 2], slopes[2, 0, 3, 3], slopes[3, 0, 0, 5] = np.nan, 0, -1, np.nan
    slopes[:, 1] = np.nan
    one = images(np.array([1, 1, 0, 1])[:, None, None], 10.0)
    done(RelativeGain(adjust_baseline=False), Memory(SlopesPC=of(slopes), Offset=of(offset)), one)
    bad = np.zeros(SHAPE, bool)
    bad[[1, 2, 3, 0], [1, 2, 3, 5]] = True
    usual = np.median((slopes[0, 0] / np.where(slopes[2, 0] == 0, np.nan, slopes[2, 0]))[~bad])
    for frame in (0, 3):
        np.testing.assert_allclose(one.values[frame][bad], 10 * usual, rtol=1e-5)
        np.testing.assert_array_equal(one.mask[frame], np.where(bad, GUESSED, 0))
    np.testing.assert_allclose(one.values[1], 450, rtol=1e-6)
    assert (one.mask[1] == GUESSED).all()
    assert not one.mask[2].any()  # high gain needs no ratio


def test_low_gain_has_the_ratio_that_slopes_of_the_current_source_tell() -> None:
    """In a memory cell without any ratio it is the usual one; each guess has a flag, in low gain alone."""
    offset, slopes = lines()
    ratio = np.random.default_rng(8).normal(4.6, 0.3, (1, 2, *SHAPE))
    ratio[0, 0, 1, 1], ratio[0, 0, 2, 2], ratio[0, 1] = np.nan, -3, np.nan
    stage = np.random.default_rng(9).integers(0, 3, (4, *SHAPE))
    one, other = images(stage), images(stage)
    before, known = one.values.astype(float), Memory(SlopesPC=of(slopes), Offset=of(offset))
    done(RelativeGain(), Memory(SlopesPC=of(slopes), SlopesCS=of(ratio), Offset=of(offset)), one)
    done(RelativeGain(), known, other)
    bad = ~(ratio[0] > 0)
    usual = np.median(ratio[0, 0][~bad[0]])
    for frame in range(4):
        cell, low = CELLS.index(one.cell[frame]), stage[frame] == 2
        of_low = np.where(bad[cell], usual if cell == 0 else 4.48, ratio[0, cell])
        expected = of_low * slopes[0, cell] / slopes[2, cell]
        np.testing.assert_allclose(one.values[frame][low], (expected * before[frame])[low], rtol=1e-5)
        np.testing.assert_array_equal(one.values[frame][~low], other.values[frame][~low])
        np.testing.assert_array_equal(one.mask[frame], np.where(low & bad[cell], int(BadPixels.CI2_EVAL_ERROR), 0))
    bound = Pipeline([RelativeGain()]).bind(known, KIND)
    assert [one.step.missing(one.given, KIND) for one in bound.steps] == [("SlopesCS",)]


def test_one_number_stands_for_shifts_of_medium_gain_with_slopes_of_the_current_source_alone() -> None:
    offset, slopes = lines()
    slopes[0, 0, 1, 1] = np.nan  # without lines there is no shift
    ratio = np.full((1, 2, *SHAPE), 4.0)

    def memory(**more: OfSamples) -> Memory:  # slopes give their memory away
        return Memory(SlopesPC=of(slopes), Offset=of(offset), **more)
    one, other, usual = (images(1) for _ in range(3))
    bound = done(RelativeGain(medium_shift=700.0), memory(SlopesCS=of(ratio)), one)
    assert not [skipped for skipped in bound.skipped if "medium_shift" in skipped.reason]
    done(RelativeGain(adjust_baseline=False), memory(SlopesCS=of(ratio)), usual)
    shifts = one.values - usual.values
    bad = (one.cell == 0)[:, None, None] & (np.indices(SHAPE) == 1).all(axis=0)
    np.testing.assert_allclose(shifts[~bad], 700, rtol=1e-4)
    np.testing.assert_array_equal(shifts[bad], 0)
    lacking = done(RelativeGain(medium_shift=700.0), memory(), other)
    [said] = [skipped.reason for skipped in lacking.skipped if "medium_shift" in skipped.reason]
    assert said == ("medium_shift = 700 ADU is not used: there is no SlopesCS; medium gain is shifted by what is "
                    "known of each pixel.")
    by_lines = images(1)
    done(RelativeGain(), memory(), by_lines)
    np.testing.assert_array_equal(other.values, by_lines.values)


def test_the_scale_takes_the_memory_of_its_slopes() -> None:
    offset, slopes = lines()
    found = of(slopes)
    made = Scale.of_lines(found, of(offset), ratio=45, low=4.48, adjust=True)
    assert np.shares_memory(made.factors.data, found.data)
    assert np.shares_memory(made.shifts.data, found.data)


def test_one_image_of_slopes_is_that_of_all_memory_cells_with_their_own_offsets() -> None:
    offset, slopes = lines()
    one, each = images(1), images(1)
    single = OfSamples(np.array(slopes[:, :1], np.float32), None)
    done(RelativeGain(), Memory(SlopesPC=single, Offset=of(offset)), one)
    done(RelativeGain(), Memory(SlopesPC=of(slopes[:, [0, 0]]), Offset=of(offset)), each)
    np.testing.assert_array_equal(one.values, each.values)


class Told(OfSamples):
    """A constant of a file, which tells what it goes with."""

    identity: str
    attributes: dict[str, Any]
    unit: str


def told(values: Any, **attributes: Any) -> Told:
    one = Told(np.array(values, np.float32), CELLS, why="file")
    object.__setattr__(one, "attributes", attributes)
    object.__setattr__(one, "identity", attributes.pop("identity", "this"))
    object.__setattr__(one, "unit", attributes.pop("unit", ""))
    return one


def combined(identity: str = "dark") -> tuple[Memory, Any]:
    """Combined constants with other lines in them than slopes beside them say, and their offsets."""
    offset, slopes = lines()
    rng = np.random.default_rng(13)
    factors = np.stack([rng.normal(40, 1, (2, *SHAPE)), rng.normal(180, 5, (2, *SHAPE))])
    shift = rng.normal(0, 500, (2, 2, *SHAPE))
    begins = offset[[0, 1, 1, 2]] - rng.normal(10, 10, (4, 2, *SHAPE))
    found = {"RelativeGain": told(factors), "OffsetShift": told(shift, offset_sha256=identity),
             "FieldsGain": told(begins), "Offset": told(offset, identity="dark"), "SlopesPC": of(slopes)}
    return Memory(**found), (factors, shift, begins, offset)


def test_combined_constants_go_before_slopes_and_have_their_own_shifts() -> None:
    memory, (factors, shift, _, _) = combined()
    stage = np.random.default_rng(4).integers(0, 3, (4, *SHAPE))
    one = images(stage)
    before = one.values.astype(float)
    assert not done(RelativeGain(), memory, one).skipped
    for frame, y, x in np.ndindex(4, *SHAPE):
        cell, of_stage = CELLS.index(one.cell[frame]), stage[frame, y, x] - 1
        expected = before[frame, y, x]
        if of_stage >= 0:
            expected = expected * factors[of_stage, cell, y, x] + shift[of_stage, cell, y, x]
        assert one.values[frame, y, x] == pytest.approx(expected, rel=1e-5, abs=1e-2)
    assert not one.mask.any()
    assert one.one_scale


def test_with_other_offsets_shifts_are_made_anew_of_the_lines_and_that_is_told() -> None:
    memory, (factors, _, begins, offset) = combined("another dark")
    stage = np.random.default_rng(4).integers(0, 3, (4, *SHAPE))
    one = images(stage)
    before = one.values.astype(float)
    bound = done(RelativeGain(), memory, one)
    assert [left.reason for left in bound.skipped] == [
        "Shifts of file are made anew for the offsets file: they were made with others."]
    for frame, y, x in np.ndindex(4, *SHAPE):
        cell = CELLS.index(one.cell[frame])
        ratio, low = factors[0, cell, y, x], factors[1, cell, y, x] / factors[0, cell, y, x]
        high, medium, of_current, lowest = begins[:, cell, y, x]
        o = offset[:, cell, y, x]
        of_medium = ratio * (o[1] - medium) + high - o[0]
        of_low = of_medium + ratio * (low * (o[2] - lowest) + of_current - o[1])
        value = before[frame, y, x]
        expected = [value, ratio * value + of_medium, ratio * low * value + of_low][stage[frame, y, x]]
        assert one.values[frame, y, x] == pytest.approx(expected, rel=1e-4, abs=0.5)


def test_combined_constants_that_lack_what_other_offsets_need_are_left_out() -> None:
    memory, _ = combined("another dark")
    memory._found.pop("FieldsGain")
    bound = Pipeline([RelativeGain()]).bind(memory, KIND)
    assert not bound.steps
    assert "no FieldsGain of which they could be made" in bound.skipped[0].reason
    without = done(RelativeGain(adjust_baseline=False), memory, images(1))
    assert not without.skipped


@pytest.mark.parametrize(("unit", "power"), [("ADU/keV", 1), ("keV/ADU", -1)])
def test_energies_are_by_combined_gains_in_either_unit(unit: str, power: int) -> None:
    one = images()
    one.one_scale = True
    before, gain = one.values.astype(float), np.random.default_rng(5).normal(7.2, 0.2, (1, 2, *SHAPE))
    done(XrayGain(), Memory(GainADUperkeV=told(gain ** power, unit=unit), SlopesFF=of(gains())), one)
    for frame in range(4):
        own = gain[0, CELLS.index(one.cell[frame])]
        np.testing.assert_allclose(one.values[frame], before[frame] / own, rtol=1e-5)
    assert not one.mask.any()


def test_combined_gains_in_units_of_their_median_make_no_energies() -> None:
    bound = Pipeline([XrayGain()]).bind(Memory(GainADUperkeV=told(gains(), unit="")), KIND)
    assert not bound.steps
    assert "in units of their median" in bound.skipped[0].reason


@pytest.mark.parametrize("made", [{"SlopesFF": "relative"}, {"SlopesFF": ""}, {"GainADUperkeV": ""}])
def test_by_relative_gains_pixels_become_alike_and_signals_stay_in_adu(made: dict[str, str]) -> None:
    one, gain = images(), np.random.default_rng(5).normal(1, 0.03, (1, 2, *SHAPE))
    one.one_scale, before = True, one.values.astype(float)
    step = XrayGain(relative=True)
    done(step, Memory(**{name: told(gain, unit=unit) for name, unit in made.items()}), one)
    for frame in range(4):
        own = gain[0, CELLS.index(one.cell[frame])]
        np.testing.assert_allclose(one.values[frame], before[frame] / own, rtol=1e-5)
    assert not one.mask.any()
    assert (Pipeline([step]).unit, Pipeline([XrayGain()]).unit) == ("ADU", "keV")


def test_gains_of_energies_are_not_taken_for_relative_ones() -> None:
    pipeline = Pipeline([XrayGain(relative=True)])
    with pytest.raises(BadInput, match="are in “ADU/keV”; leave --xray-gain-relative out"):
        pipeline.bind(Memory(SlopesFF=told(gains(), unit="ADU/keV")), KIND)
    bound = pipeline.bind(Memory(SlopesFF=told(gains(), unit="")), KIND)
    with pytest.raises(BadInput, match="do not tell their unit, so they are not relative"):
        bound.read()
    together = pipeline.bind(Memory(GainADUperkeV=told(gains(), unit="ADU/keV")), KIND)
    assert "not relative; leave --xray-gain-relative out" in together.skipped[0].reason


def test_combined_thresholds_go_before_those_of_darks() -> None:
    signal = np.full((4, *SHAPE), 6100, np.uint16)
    darks, scans = np.full((2, 2, *SHAPE), 6000), np.full((2, 2, *SHAPE), 6200)
    for constants, stage in ((Memory(ThresholdsDark=of(darks)), 2),
                             (Memory(ThresholdsDark=of(darks), ThresholdsGain=of(scans)), 0),
                             (Memory(ThresholdsGain=of(scans)), 0)):
        one = images(signal=signal)
        done(StageOfSignal(), constants, one)
        assert (one.stage == stage).all()


def test_combined_flags_stand_for_those_of_scans_beside_those_of_the_dark() -> None:
    def flags(value: int) -> OfSamples:
        return OfSamples(np.full((3, 2, *SHAPE), value, np.uint32), CELLS, 0)

    known = Memory(BadPixelsDark=flags(1), BadPixelsPC=flags(16), BadPixelsFF=flags(128), BadPixelsGain=flags(64))
    one = images()
    bound = done(MaskWithScans(), known, one)
    assert (one.mask == 65).all()
    [step] = bound.steps
    assert step.step.missing(step.given, KIND) == ()


def test_flags_of_the_current_source_are_those_of_low_gain_alone() -> None:
    """High and medium gain are scaled by the capacitor; of memory cells that the scan lacks nothing is said."""
    stages = np.random.default_rng(9).integers(0, 3, (4, *SHAPE))
    flags = np.full((3, 1, *SHAPE), 16, np.uint32)
    flags[2, 0, 1] = 32
    dark = OfSamples(np.full((3, 2, *SHAPE), 1, np.uint32), CELLS, 8)
    one = images(stages)
    done(MaskWithScans(), Memory(BadPixelsDark=dark, BadPixelsCS=OfSamples(flags, (3,), 8)), one)
    expected = np.where(stages == 2, 16, 0)
    expected[:, 1] = np.where(stages[:, 1] == 2, 32, 0)
    expected[one.cell == 0] = 0
    np.testing.assert_array_equal(one.mask, expected | 1)


def test_without_slopes_the_step_is_left_out_although_there_is_an_offset() -> None:
    offset, _ = lines()
    bound = Pipeline([RelativeGain()]).bind(Memory(Offset=of(offset)), KIND)
    assert [one.step for one in bound.skipped] == ["Relative gain"]
    with pytest.raises(BadInput, match="Offset"):
        Pipeline([RelativeGain()]).bind(Memory(SlopesPC=of(lines()[1])), KIND)


def gains() -> Any:
    found = np.random.default_rng(5).normal(7.2, 0.2, (1, 2, *SHAPE))
    found[0, 0, 0, 0], found[0, 0, 1, 1], found[0, 1, 2, 2], found[0, 1, 3, 3] = np.nan, 0, 3, 20
    return found


def test_energies_are_by_each_pixels_own_gain_or_the_median() -> None:
    one = images()
    one.one_scale = True
    before, found = one.values.astype(float), gains()
    done(XrayGain(), Memory(SlopesFF=of(found)), one)
    for frame, y, x in np.ndindex(4, *SHAPE):
        of_cell = found[0, CELLS.index(one.cell[frame])]
        usual, gain = np.median(of_cell[np.isfinite(of_cell) & (of_cell > 0)]), of_cell[y, x]
        own = np.isfinite(gain) and 0.8 * usual <= gain <= 1.2 * usual
        assert one.values[frame, y, x] == pytest.approx(before[frame, y, x] / (gain if own else usual), rel=1e-5)
        assert one.mask[frame, y, x] == (0 if own else FAR)


def test_stages_that_nothing_has_scaled_have_no_energy() -> None:
    one = images(np.array([0, 1, 2, 0])[:, None, None])
    done(XrayGain(), Memory(SlopesFF=of(gains())), one)
    assert np.isnan(one.values[1:3]).all()
    assert (one.mask[1:3] & GUESSED).all()
    assert np.isfinite(one.values[[0, 3]]).all()


def test_a_memory_cell_without_gains_has_no_energies() -> None:
    found = gains()
    found[0, 1] = 0
    made = FlatField.made(of(found), 0.8, 1.2)
    assert np.isnan(made.gain.data[0, 1]).all()
    assert (made.flags.data[0, 1] == int(BadPixels.FF_NO_ENTRIES)).all()
    assert np.isfinite(made.gain.data[0, 0]).all()


@pytest.mark.parametrize(("step", "stage"), [(ForceHigh(), 1), (ForceMedium(), 2)])
def test_small_samples_of_a_stage_are_those_of_the_one_before(step: Step, stage: int) -> None:
    levels = np.array([4900, 8000, 11000])[:, None, None, None]
    offset = levels + np.random.default_rng(6).normal(0, 9, (3, 2, *SHAPE))
    stages = np.random.default_rng(7).integers(0, 3, (4, *SHAPE))
    one = images(stages, np.random.default_rng(8).uniform(4800, 12000, (4, *SHAPE)))
    done(step, Memory(Offset=of(offset), Noise=of(np.full((3, 2, *SHAPE), 8))), one)
    for frame, y, x in np.ndindex(4, *SHAPE):
        above = one.values[frame, y, x] - offset[stage - 1, CELLS.index(one.cell[frame]), y, x]
        forced = stages[frame, y, x] == stage and above < 1000
        assert one.stage[frame, y, x] == stages[frame, y, x] - forced


@pytest.mark.parametrize("apart", [-200, 500, 1035])
@pytest.mark.parametrize(("step", "stage", "names"), [
    (ForceHigh(), 1, ("MG", "HG")), (ForceMedium(), 2, ("LG", "MG"))])
def test_it_is_left_out_where_pedestals_lie_too_near_in_any_memory_cell(
    step: Step, stage: int, names: tuple[str, str], apart: float
) -> None:
    offset = np.array([4900, 8000, 11000])[:, None, None, None] * np.ones((3, 2, *SHAPE))
    offset[stage, 1] = offset[stage - 1, 1] + apart
    bound = Pipeline([step]).bind(Memory(Offset=of(offset), Noise=of(np.full((3, 2, *SHAPE), 8))), KIND)
    assert not bound.steps
    [left] = bound.skipped
    above, below = names
    assert f"offsets of {above} lie {apart:.0f} ADU above those of {below} (memory cells 3)" in left.reason


def test_memory_cells_without_offsets_have_nothing_that_could_be_forced() -> None:
    offset = np.array([4900, 8000, 11000])[:, None, None, None] * np.ones((3, 2, *SHAPE))
    offset[:, 0], offset[1, 1, 0] = np.nan, np.nan
    memory = Memory(Offset=of(offset), Noise=of(np.full((3, 2, *SHAPE), 8)))
    assert Pipeline([ForceHigh()]).bind(memory, KIND).skipped == ()
    offset[1, 1] = 5000
    [left] = Pipeline([ForceHigh()]).bind(Memory(Offset=of(offset), Noise=memory.get(NOISE)), KIND).skipped
    assert "offsets of MG lie 100 ADU above those of HG (memory cells 3)" in left.reason
