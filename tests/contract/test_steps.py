"""Every correction step: declared as whoever uses it expects, purely by its inputs, and traced as it is applied."""

from __future__ import annotations

import importlib
import pickle
import pkgutil
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest

import calib_core.correction
from calib_core.constants.constant import (
    BAD_PIXELS_DARK,
    BAD_PIXELS_FF,
    GAIN_MAP,
    NOISE,
    OFFSET,
    RELATIVE_GAIN,
    ConstantKind,
)
from calib_core.correction.absolute_gain import AbsoluteGain
from calib_core.correction.asic_common_mode import AsicCommonMode
from calib_core.correction.asic_diagonal import AsicDiagonal
from calib_core.correction.bound_constant import Given, Known, KnownConstant
from calib_core.correction.capacitor import RelativeGain
from calib_core.correction.common_mode import CommonMode
from calib_core.correction.cosmics import RejectCosmics
from calib_core.correction.factors import AmplifierFactor, FlatFieldFactor, GainFactor
from calib_core.correction.force_gain import ForceHigh, ForceMedium
from calib_core.correction.full import MarkFull
from calib_core.correction.gain_map import GainMap
from calib_core.correction.gain_stage import StageOfBits, StageOfSignal
from calib_core.correction.images import Images
from calib_core.correction.isolated import Isolated
from calib_core.correction.known_stage import KnownStage
from calib_core.correction.large_pixels import LargePixels
from calib_core.correction.linearise import Linearise
from calib_core.correction.low_medium_gap import LowMediumGap
from calib_core.correction.mask import Mask
from calib_core.correction.match_asics import MatchAsics
from calib_core.correction.match_histograms import MatchHistograms
from calib_core.correction.melt_snow import MeltSnow
from calib_core.correction.noise_peak import NoisePeak
from calib_core.correction.noisy_converters import NoisyConverters
from calib_core.correction.nominal_gain import NominalGain
from calib_core.correction.offset import Offset
from calib_core.correction.overflow import Overflow
from calib_core.correction.pipeline import Pipeline
from calib_core.correction.quiet_asics import QuietAsics
from calib_core.correction.region_means import RegionMeans
from calib_core.correction.relative_gain import GainPerEnergy
from calib_core.correction.round_photons import RoundPhotons
from calib_core.correction.saturated import Saturated
from calib_core.correction.set_min import SetMinimum
from calib_core.correction.split_events import SplitEvents
from calib_core.correction.step import Step
from calib_core.correction.stripes import Stripes
from calib_core.correction.strixels import StrixelOrder
from calib_core.correction.transfer import ChargeTransfer
from calib_core.correction.trusted import TrustedFlags
from calib_core.correction.whole_asics import WholeAsics
from calib_core.correction.xray_gain import XrayGain
from calib_core.correction.zero_deviation import ZeroDeviation
from calib_core.correction.zeros import ZeroNans, ZeroOrange
from calib_core.detector import DetectorType
from calib_core.detector.registry import detector_type
from calib_core.errors import BadInput, BadParameter

for found in pkgutil.iter_modules(calib_core.correction.__path__, "calib_core.correction."):
    importlib.import_module(found.name)


def below(base: type[Step]) -> list[type[Step]]:
    """Steps that stem from one, but no variants of them; what several have in common has no word."""
    return [one for step in base.__subclasses__() for one in ([step] if hasattr(step, "word") else below(step))]


STEPS = [step for step in below(Step) if step.__module__.startswith("calib_core.")]
SHAPE, FRAMES = (32, 64), 6


@pytest.fixture(scope="module")
def kind() -> DetectorType:
    whole = detector_type("GOTTHARD2")
    return replace(whole, shape=SHAPE, asic_shape=(16, 32), bank_shape=(16, 32), regions=(), variants=(), max_cells=1)


@pytest.fixture(scope="module")
def constants() -> Known:
    """What steps may ask for, with an offset that differs from pixel to pixel."""
    rng = np.random.default_rng(5)
    return Known({
        OFFSET.name: rng.normal(1000, 30, SHAPE).astype(np.float32),
        NOISE.name: np.full(SHAPE, 4, np.float32), BAD_PIXELS_DARK.name: np.zeros(SHAPE, np.uint32),
        RELATIVE_GAIN.name: rng.normal(40, 1, SHAPE).astype(np.float32),
        GAIN_MAP.name: rng.normal(1, 0.05, SHAPE).astype(np.float32),
        BAD_PIXELS_FF.name: (rng.random(SHAPE) < 0.01).astype(np.uint32) << np.uint32(8),
    })


def images(constants: Known) -> Images:
    """Noise on the offset with a common mode for each frame, one bright track, and gain bits of the last stage."""
    rng = np.random.default_rng(6)
    shift = 20 * np.arange(FRAMES)[:, None, None]
    values = constants.values[OFFSET.name] + rng.normal(0, 4, (FRAMES, *SHAPE)) + shift
    values[2, 10:12, 20:23] += 400
    use = np.ones(values.shape, bool)
    made = Images.of(values.astype(np.float32), np.zeros(FRAMES, np.int64), np.arange(FRAMES), use).copy()
    made.bits = np.full(values.shape, 3, np.uint8)
    return made


def copy_of(one: Images) -> tuple[Any, ...]:
    return tuple(np.array(part) for part in (one.values, one.stage, one.mask, one.use))


def assert_same(one: Images, other: Images) -> None:
    for mine, theirs in zip(copy_of(one), copy_of(other), strict=True):
        assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.word)
def test_it_says_what_it_is_and_when_it_is_used(step: type[Step]) -> None:
    assert step.title
    assert step.use_when.endswith((".", "…"))
    assert step.__doc__
    assert all(one.help for one in step().knobs())
    assert all(one.unit or one.kind in ("bool", "choice") or one.upper is not None for one in step().knobs())


def test_words_are_their_own() -> None:
    words = [step.word for step in STEPS]
    assert len(words) >= 4
    assert sorted(set(words)) == sorted(words)


@pytest.mark.parametrize("step", [Offset, CommonMode, RejectCosmics, StageOfBits, GainPerEnergy, GainMap, Mask,
                                  SplitEvents, Saturated],
                         ids=lambda step: step.word)
def test_it_depends_on_its_inputs_alone(step: type[Step], constants: Known, kind: DetectorType) -> None:
    bound = Pipeline([step()]).bind(constants, kind)
    sent = pickle.loads(pickle.dumps(bound))
    first, again, elsewhere = (images(constants) for _ in range(3))
    for one in (first, again, elsewhere):
        if step is Saturated:
            one.values[0, 3, 4] = 65535
        elif step is not Offset:
            one.values -= constants.values[OFFSET.name]
    before = copy_of(first)
    bound.apply(first)
    bound.apply(again)
    sent.apply(elsewhere)
    assert_same(first, again)
    assert_same(first, elsewhere)
    assert any(not np.array_equal(mine, old) for mine, old in zip(copy_of(first), before, strict=True))


def test_a_table_of_codes_can_be_sent_too(kind: DetectorType) -> None:
    one = replace(kind, shape=(1, 24), saturation=99)
    table = np.random.default_rng(8).integers(0, 50, (1, 100, 24)).astype(np.uint16)
    bound = Pipeline([Linearise()]).bind(Known({step.name: table for step in Linearise.needs}), one)
    codes = np.random.default_rng(9).integers(0, 100, (FRAMES, 1, 24)).astype(np.uint16)
    here, elsewhere = (Images.of(codes.copy(), np.zeros(FRAMES, np.int64), np.arange(FRAMES)) for _ in range(2))
    bound.apply(here)
    pickle.loads(pickle.dumps(bound)).apply(elsewhere)
    np.testing.assert_array_equal(here.values, elsewhere.values)
    np.testing.assert_array_equal(here.values[:, 0], table[0, codes[:, 0], np.arange(24)])


def test_every_step_is_tried() -> None:
    assert set(STEPS) == {
        Offset, CommonMode, RejectCosmics, Linearise, StageOfBits, GainPerEnergy, GainMap, Mask, MarkFull,
        SplitEvents, Saturated, NominalGain, GainFactor, AmplifierFactor, FlatFieldFactor,
        # whose constants have an axis of memory cells, against loops in tests/calib_core/correction
        StageOfSignal, ForceHigh, ForceMedium, RelativeGain, XrayGain, NoisePeak,
        SetMinimum, AsicCommonMode, MatchAsics, ZeroDeviation, LowMediumGap, NoisyConverters, Stripes, AsicDiagonal,
        MatchHistograms, MeltSnow, TrustedFlags, QuietAsics, WholeAsics,
        # against NumPy there
        RoundPhotons, Isolated, ZeroNans, ZeroOrange, Overflow, LargePixels, ChargeTransfer, KnownStage,
        RegionMeans, StrixelOrder,
        # whose constant has a number beside its values
        AbsoluteGain}


def test_the_trace_ends_where_the_pipeline_ends_and_changes_nothing(constants: Known, kind: DetectorType) -> None:
    bound = Pipeline([Offset(), CommonMode(), RejectCosmics()]).bind(constants, kind)
    given, applied = images(constants), images(constants)
    traced = list(bound.trace(given))
    bound.apply(applied)
    assert [step.word for step, _ in traced] == ["offset", "common_mode", "cosmics"]
    assert_same(traced[-1][1], applied)
    assert_same(given, images(constants))
    offset_only = images(constants).values - constants.values[OFFSET.name]
    np.testing.assert_array_equal(traced[0][1].values, offset_only)
    assert not traced[-1][1].use[2, 10:12, 20:23].any()
    assert traced[1][1].use.all()


def test_a_step_without_its_constants_is_left_out_and_told(constants: Known, kind: DetectorType) -> None:
    bare = Known({OFFSET.name: constants.values[OFFSET.name]})
    bound = Pipeline([Offset(), CommonMode()]).bind(bare, kind)
    assert [one.step.word for one in bound.steps] == ["offset"]
    assert [(one.step, one.reason) for one in bound.skipped] == [
        ("Common mode", "Common mode is left out: there is no Noise.")]


def test_a_required_step_without_its_constants_ends_it(kind: DetectorType) -> None:
    with pytest.raises(BadInput, match="there is no Offset"):
        Pipeline([Offset()]).bind(Known({}), kind)


def test_a_step_that_is_off_is_not_asked_for(constants: Known, kind: DetectorType) -> None:
    bound = Pipeline([Offset(), CommonMode(on=False)]).bind(constants, kind)
    assert [one.step.word for one in bound.steps] == ["offset"]
    assert bound.skipped == ()


class Counted(Step):
    """Makes photons of ADU."""

    word: ClassVar[str] = "counted"
    title: ClassVar[str] = "Counting"
    unit_out: ClassVar[str] = "photons"
    needs: ClassVar[tuple[ConstantKind, ...]] = (NOISE,)

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Divide."""
        images.values /= given[NOISE.name].of(images)


def test_units_follow_each_other() -> None:
    Pipeline([Offset(), Counted()])
    with pytest.raises(BadParameter, match="Common mode takes ADU, but Counting gives photons"):
        Pipeline([Offset(), Counted(), CommonMode()])
    Pipeline([Offset(), Counted(on=False), CommonMode()])


def test_two_steps_of_one_word_are_refused() -> None:
    with pytest.raises(BadParameter, match="Two steps are named offset"):
        Pipeline([Offset(), Offset()])


def test_a_known_constant_is_shared_and_not_copied() -> None:
    data = np.ones(SHAPE, np.float32)
    found = KnownConstant(data).of(images(Known({OFFSET.name: data})))
    assert found.shape == (1, *SHAPE)
    assert np.shares_memory(found, data)
