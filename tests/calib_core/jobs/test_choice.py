"""Constants by hand, neutral ones, and what is told of each choice: its age, and what just missed."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calib_core.characterisation.correct import Correct
from calib_core.characterisation.family import families
from calib_core.characterisation.inputs import NEUTRAL
from calib_core.constants.condition import Condition, Found
from calib_core.constants.constant import NOISE, OFFSET, RELATIVE_GAIN, THRESHOLDS_DARK
from calib_core.correction.gain_stage import StageOfSignal
from calib_core.correction.images import Images
from calib_core.correction.mask import Mask
from calib_core.correction.noise_peak import NoisePeak
from calib_core.correction.offset import Offset
from calib_core.correction.relative_gain import GainPerEnergy
from calib_core.detector import Detector, Module
from calib_core.detector.registry import detector_type
from calib_core.errors import BadInput, BadParameter
from calib_core.jobs.by_hand import by_hand_words, parse_by_hand
from calib_core.jobs.choice_words import age, as_json, duration
from calib_core.jobs.constant_rows import rows_of
from calib_core.jobs.neutral import neutral_of
from calib_core.jobs.plan import make_plan
from calib_core.jobs.resolution import OfRun
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.step_constants import Before, bind_before
from calib_core.store.constants import read_constant

from .test_step_constants import BIAS, DIMS, STAGES, TINY, offsets, put, run
from .tiny import FAMILY, KIND, put_constant

OTHER_BIAS = {"Sensor Bias Voltage": {"value": 90.0, "origin": "key"}}


def chosen(path: Path | str, by_hand: dict[int, dict[str, str]] | None = None, of: OfRun | None = None,
           modules: tuple[int, ...] = (3,), steps: tuple[Any, ...] = (Offset(),), **knobs: Any) -> Before:
    inputs = {"constants": (str(path),)} if path else {}
    spec = JobSpec(family="TINY", method="MAKE", out_folder=Path("/out"), inputs=inputs, constants=by_hand or {})
    return bind_before(spec, Correct(steps=steps, **knobs), TINY, modules, of or run())


def at(hours: float) -> str:
    """Begin of validity so long after the run began."""
    return (datetime(2025, 6, 1, 12, tzinfo=UTC) + timedelta(hours=hours)).isoformat()


@pytest.mark.parametrize(("seconds", "words"), [
    (0.2, "0 s"), (119, "119 s"), (120, "2 min"), (7100, "118 min"), (3 * 3600, "3 h"), (47 * 3600, "47 h"),
    (48 * 3600, "2 d"), (400 * 86400, "400 d"),
])
def test_times_have_the_unit_that_people_take(seconds: float, words: str) -> None:
    assert duration(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(("hours", "words"), [
    (-3, "3 h before the run"), (72, "later than the run by 3 d"), (0, "at the begin of the run")])
def test_age_is_relative_to_the_run(hours: float, words: str, tmp_path: Path) -> None:
    stored = read_constant(put(tmp_path, begin_validity=at(hours)))
    assert age(stored, run()) == words
    assert age(stored, run(start=None)).endswith("UTC, the run tells no time")
    bare = read_constant(put_constant(tmp_path, offsets(), number=2, dims=DIMS))
    assert age(bare, run()) == "of no time that it tells"


def test_each_choice_is_told_with_its_age_and_what_just_missed(tmp_path: Path) -> None:
    wanted = put(tmp_path, number=1, begin_validity=at(-3))
    put(tmp_path, number=2, begin_validity=at(-30))
    assert chosen(tmp_path).lines == (
        f"Offset of module 3: 3 h before the run; just missed: 30 h before the run (another goes before it) "
        f"({wanted}).",)
    put(tmp_path, number=3, begin_validity=at(2))
    assert "just missed: later than the run by 2 h (valid only after the run began)" in chosen(tmp_path).lines[0]
    put(tmp_path, number=4, begin_validity=at(-1), conditions=OTHER_BIAS)
    [line] = chosen(tmp_path).lines
    assert line.startswith("Offset of module 3: 3 h before the run; just missed: 60 min before the run "
                           "(Sensor Bias Voltage differs: 90.0 V and 200.0 V)")


@pytest.mark.parametrize(("hours", "by_prior", "by_closest"), [
    ((-3, 2), -3, 2), ((-2, 3), -2, -2), ((-3, 3), -3, -3), ((2, 5), 2, 2), ((-30, -4, 3, 3.5), -4, 3),
    ((-9, None), -9, -9), ((9, None), None, 9),
])
def test_the_closest_is_taken_on_request(
    hours: tuple[float | None, ...], by_prior: float | None, by_closest: float, tmp_path: Path
) -> None:
    """Of two that are as close the one before the run; one that tells no time only where there is no other."""
    paths = {one: put_constant(tmp_path, offsets(), number=number, dims=DIMS, conditions=BIAS,
                               **({} if one is None else {"begin_validity": at(one)}))
             for number, one in enumerate(hours, 1)}
    for strategy, wanted in (("prior", by_prior), ("closest", by_closest)):
        taken = chosen(tmp_path, constants_strategy=strategy).constants[3].found["Offset"]
        assert taken.why == str(paths[wanted]), strategy


def test_a_later_one_that_is_the_closest_is_marked_and_told(tmp_path: Path) -> None:
    put(tmp_path, number=1, begin_validity=at(-3))
    later = put(tmp_path, number=2, begin_validity=at(2))
    of = chosen(tmp_path, constants_strategy="closest")
    assert of.lines == (f"Offset of module 3: later than the run by 2 h, the closest; just missed: 3 h before the "
                        f"run (another is closer) ({later}).",)
    assert list(of.told) == [
        f"Offset of module 3 ({later}) is valid from 2025-06-01 14:00:00 UTC, after the run began "
        "(2025-06-01 12:00:00); it is closer than any before."]
    [row] = rows_of(of, (Offset(),), KIND, FAMILY)
    assert not row.usual
    assert row.about[-2] == "chosen by condition, the closest in time"
    assert as_json(of.constants[3], ["Offset"], run())["Offset"]["chosen"] == "by condition, the closest in time"
    [usual] = rows_of(chosen(tmp_path), (Offset(),), KIND, FAMILY)
    assert usual.usual
    put(tmp_path, number=3, begin_validity=at(1), conditions=OTHER_BIAS)
    [line] = chosen(tmp_path, constants_strategy="closest").lines
    assert "just missed: later than the run by 60 min (Sensor Bias Voltage differs: 90.0 V and 200.0 V)" in line


def test_where_all_are_later_the_closest_says_that_there_is_none_before(tmp_path: Path) -> None:
    for number, hours in ((1, 4), (2, 2)):
        put(tmp_path, number=number, begin_validity=at(hours))
    [said] = chosen(tmp_path, constants_strategy="closest").told
    assert said.endswith("; there is none before.")


def test_modules_of_which_the_same_is_told_are_together(tmp_path: Path) -> None:
    for pdu in ("TINY_M003", "TINY_M005"):
        put(tmp_path, pdu=pdu, begin_validity=at(-3))
    [line] = chosen(tmp_path, modules=(3, 5)).lines
    assert line.startswith("Offset of modules 3,5: 3 h before the run (")


def test_what_is_given_by_hand_is_taken_for_its_module_alone(tmp_path: Path) -> None:
    usual = {pdu: put(tmp_path / "a", pdu=pdu, begin_validity=at(-3)) for pdu in ("TINY_M003", "TINY_M005")}
    old = put(tmp_path / "b", begin_validity=at(-300))
    found = chosen(tmp_path / "a", {3: {"Offset": str(old)}}, modules=(3, 5))
    files = {number: of.found["Offset"].why for number, of in found.constants.items()}
    assert files == {3: str(old), 5: str(usual["TINY_M005"])}
    assert found.lines == (
        f"Offset of module 3: 12 d before the run, given by hand; just missed: 3 h before the run (another was "
        f"given) ({old}).",
        f"Offset of module 5: 3 h before the run ({usual['TINY_M005']}).")
    assert found.constants[3].chosen["Offset"].by_hand
    assert not found.constants[5].chosen["Offset"].by_hand


def test_another_condition_is_taken_by_hand_and_told(tmp_path: Path) -> None:
    put(tmp_path / "a")
    other = put(tmp_path / "b", conditions=OTHER_BIAS, begin_validity=at(5))
    found = chosen(tmp_path / "a", {3: {"offset": str(other)}})
    assert list(found.told) == [
        f"Offset of module 3 ({other}) is of another operating condition than the run: Sensor Bias Voltage differs: "
        "90.0 V and 200.0 V.",
        f"Offset of module 3 ({other}) is valid from 2025-06-01 17:00:00 UTC, after the run began "
        "(2025-06-01 12:00:00)."]


def test_nothing_else_need_be_given_where_all_are_given_by_hand(tmp_path: Path) -> None:
    path = put(tmp_path)
    assert chosen("", {3: {"Offset": str(path)}}).constants[3].found["Offset"].why == str(path)
    with pytest.raises(BadParameter, match="Nothing was given for Offset"):
        chosen("", {3: {"Offset": str(path)}}, modules=(3, 5))


@pytest.mark.parametrize(("by_hand", "error", "words"), [
    ({3: {"Ofset": "x"}}, BadParameter, "no step takes Ofset. Steps take Offset."),
    ({7: {"Offset": "x"}}, BadParameter, "module 7 takes no part. There are 3,5."),
    ({3: {"Offset": "/gone.h5"}}, BadInput, "/gone.h5 cannot be read as a calibration constant: there is no such"),
])
def test_what_cannot_be_meant_by_hand_is_one_sentence(
    by_hand: dict[int, dict[str, str]], error: type[Exception], words: str, tmp_path: Path
) -> None:
    put(tmp_path)
    with pytest.raises(error, match=re.escape(words)):
        chosen(tmp_path, by_hand)


@pytest.mark.parametrize(("make", "words"), [
    (lambda root: put_constant(root, offsets(), name="Noise", dims=DIMS),
     "was given as Offset of module 3, but is a constant Noise; give one of Offset."),
    (lambda root: put(root, pdu="TINY_M005"),
     "was given for module 3, whose unit is TINY_M003, but is of TINY_M005; give one of TINY_M003, or say with "
     "--pdu 3=TINY_M005 that this is the module's unit."),
    (lambda root: put_constant(root, np.zeros((3, 4, 2, STAGES)), dims=DIMS, conditions=BIAS), "(3, 4, 2, 3)"),
])
def test_a_file_by_hand_must_be_of_the_module_and_the_kind(make: Any, words: str, tmp_path: Path) -> None:
    put(tmp_path / "a")
    path = make(tmp_path / "b")
    with pytest.raises(BadInput, match=re.escape(words)) as told:
        chosen(tmp_path / "a", {3: {"Offset": str(path)}})
    assert str(told.value).startswith(str(path))


def test_words_by_hand_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    given = parse_by_hand([f"3:Offset={tmp_path}/a b=c.h5", "0-2,5: Noise = neutral"])
    assert given == {3: {"Offset": f"{tmp_path}/a b=c.h5"}, **{n: {"Noise": NEUTRAL} for n in (0, 1, 2, 5)}}
    assert parse_by_hand(by_hand_words(given)) == given
    for wrong in ("3:Offset", "Offset=x", "3=x", "a:Offset=x", "3:Offset="):
        with pytest.raises(BadParameter, match=re.escape(f"--constant {wrong} is not of the form")):
            parse_by_hand([wrong])
    with pytest.raises(BadParameter, match="names Offset of module 3 twice"):
        parse_by_hand(["3:Offset=a", "2-4:Offset=b"])


# -- neutral ---------------------------------------------------------------------------------------------------------


def corrected(before: Before, stage_signal: int = 8000) -> tuple[np.ndarray[Any, Any], Images]:
    """Codes, and what the steps make of them."""
    codes = np.arange(12, dtype=np.float32).reshape(2, *KIND.shape) + 5000
    images = Images(codes.copy(), np.zeros(codes.shape, "u1"), np.zeros(codes.shape, "u4"),
                    np.ones(codes.shape, bool), np.arange(2), np.arange(2),
                    signal=np.full(codes.shape, stage_signal, "u2"))
    before.bound[3].read().apply(images)
    return codes, images


def test_with_neutral_constants_what_comes_out_is_what_went_in() -> None:
    before = chosen(NEUTRAL, steps=(StageOfSignal(), Offset(), NoisePeak(), Mask()))
    codes, images = corrected(before)
    np.testing.assert_array_equal(images.values, codes)
    assert not images.mask.any()
    assert not images.stage.any()
    assert images.use.all()
    assert before.lines == ()
    assert [text for text in before.told if "is left out: there is no Noise" in text]
    kinds = "ThresholdsDark, BadPixelsDark, BadPixelsPC, BadPixelsFF, BadPixelsManual, Offset"
    assert [text for text in before.told if text.startswith(f"Neutral constants are taken for {kinds} of module 3: ")]


def test_one_kind_of_one_module_is_neutral_by_hand(tmp_path: Path) -> None:
    for pdu in ("TINY_M003", "TINY_M005"):
        put(tmp_path, pdu=pdu)
    before = chosen(tmp_path, {3: {"Offset": NEUTRAL}}, modules=(3, 5), steps=(Offset(),))
    codes, images = corrected(before)
    np.testing.assert_array_equal(images.values, codes)
    assert before.constants[3].neutral == ("Offset",)
    assert before.constants[5].neutral == ()


def test_what_cannot_be_neutral_is_refused_by_hand(tmp_path: Path) -> None:
    put(tmp_path)
    with pytest.raises(BadInput, match="Noise of module 3 cannot be neutral"):
        chosen(tmp_path, {3: {"Noise": NEUTRAL}}, steps=(Offset(), NoisePeak()))


def test_a_conversion_into_another_unit_has_no_neutral_value() -> None:
    assert neutral_of(RELATIVE_GAIN, detector_type("JUNGFRAU")) is None
    factor = neutral_of(RELATIVE_GAIN, detector_type("LPD1M"))
    assert factor is not None
    assert (factor.data == 1).all()
    assert neutral_of(NOISE, KIND) is None
    known = {name: one for name, one in KIND.calibrations.items() if name != RELATIVE_GAIN.name}  # those have no unit
    detector = replace(TINY, type=replace(KIND, calibrations={
        **known, RELATIVE_GAIN.name: detector_type("JUNGFRAU").calibrations[RELATIVE_GAIN.name]}))
    spec = JobSpec(family="TINY", method="MAKE", out_folder=Path("/out"), inputs={"constants": (NEUTRAL,)})
    before = bind_before(spec, Correct(steps=(Offset(), GainPerEnergy())), detector, (3,), run())
    assert [one.step.word for one in before.bound[3].steps] == ["offset"]


def test_offsets_and_thresholds_of_each_family_that_has_them_can_be_neutral() -> None:
    kinds = [kind for family in families() for kind in family.types]
    assert len({kind.name for kind in kinds}) >= 9
    for kind in kinds:
        offset = neutral_of(OFFSET, kind)
        assert offset is not None
        assert offset.data.shape == (len(kind.stages), 1, *kind.shape)
        assert not offset.data.any()
        if THRESHOLDS_DARK.name in kind.calibrations:
            thresholds = neutral_of(THRESHOLDS_DARK, kind)
            assert thresholds is not None
            assert np.isposinf(thresholds.data).all()


def test_a_run_that_tells_no_time_has_what_misses_by_condition_alone(tmp_path: Path) -> None:
    put(tmp_path, number=1)
    put(tmp_path, number=2, conditions=OTHER_BIAS)
    of = OfRun(Condition(KIND.condition, {"bias_voltage": Found(200.0, "key")}), None, (0, 1))
    [line] = chosen(tmp_path, of=of).lines
    assert "Sensor Bias Voltage differs" in line


def test_a_unit_of_another_name_is_given_by_its_name(tmp_path: Path) -> None:
    path = put(tmp_path, pdu="AGIPD_SIV1_M305")
    named = Detector("LAB_TINY", KIND, (Module(3, "", "TINY03", "AGIPD_SIV1_M305"),))
    spec = JobSpec(family="TINY", method="MAKE", out_folder=Path("/out"), constants={3: {"Offset": str(path)}})
    before = bind_before(spec, Correct(steps=(Offset(),)), replace(named), (3,), run())
    assert before.constants[3].found["Offset"].why == str(path)


def test_a_job_file_has_what_was_given_by_hand(tmp_path: Path) -> None:
    """Paths begin at the folder of the file; the word in place of constants is none."""
    text = ('{"family": "TINY", "method": "MAKE", "out_folder": "out", "inputs": {"constants": ["neutral"]}, '
            '"constants": {"3": {"Offset": "a/cal.1.h5", "Noise": "neutral"}}}')
    (tmp_path / "job.json").write_text(text)
    spec = JobSpec.read(tmp_path / "job.json")
    assert spec.inputs == {"constants": (NEUTRAL,)}
    assert spec.constants == {3: {"Offset": str(tmp_path / "a/cal.1.h5"), "Noise": NEUTRAL}}
    (tmp_path / "again.json").write_text(spec.model_dump_json())
    assert JobSpec.read(tmp_path / "again.json") == spec


def test_a_method_without_steps_takes_nothing_by_hand(tmp_path: Path) -> None:
    spec = JobSpec(family="DSSC", method="DARK", out_folder=tmp_path, inputs={"dark": (str(tmp_path),)},
                   constants={3: {"Offset": NEUTRAL}})
    with pytest.raises(BadParameter, match="has no steps that take constants; leave --constant out"):
        make_plan(spec)
