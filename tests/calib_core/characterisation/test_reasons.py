"""Why pixels are bad or good: reasons against the flags of whole jobs, against NumPy, and at the limits' edges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, replace
from functools import reduce
from math import inf
from operator import or_
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calib_core.axes import Axis
from calib_core.characterisation.dark import Dark
from calib_core.characterisation.family import families
from calib_core.characterisation.unit import Context
from calib_core.constants.badpixels import BadPixels
from calib_core.detector import DetectorType, Region
from calib_core.detector.registry import detector_type
from calib_core.explanation import Reason
from calib_core.jobs.board import State
from calib_core.jobs.job import Job
from calib_core.jobs.survey import survey
from calib_core.simulate.run import simulate
from calib_core.simulate.settings import default_settings

BAD = {"dead_share": 0.004, "noisy_share": 0.004, "high_offset_share": 0.004, "outlier_share": 1e-3}
CASES = {
    "analogue gain": ("AGIPD1M", {"modules": "2", "memory_cells": 2, "trains": 20, "vetoed_cells": 0.0, **BAD},
                      {"thresholds_gain_sigma": 20.0, "thresholds_offset_hard": [[4700.0, 7000.0]]}),
    "gain bits": ("GOTTHARD2", {"trains": 2, "frames_per_train": 60, "wrong_gain_share": 0.02, **BAD},
                  {"max_wrong_gain": 0.1}),
    "refined": ("EPIX100", {"trains": 12, "common_mode": 4.0, **BAD}, {"iterations": 1}),
    "plain": ("AGIPD1M", {"modules": "1", "memory_cells": 1, "trains": 12, **BAD},
              {"spread": "plain", "group": "module", "quantisation": True}),
}
OFFSET, NOISE = BadPixels.OFFSET_OUT_OF_THRESHOLD, BadPixels.NOISE_OUT_OF_THRESHOLD


def finished(name: str, folder: Path, roles: tuple[str, ...] = (), **changes: Any) -> Job:
    """A finished job of a case, with files."""
    kind, settings, parameters = CASES[name]
    made = simulate(default_settings(kind).with_changes({**settings, **changes}), folder / "raw")
    paths = [path for role, path in made.runs.items() if not roles or role in roles]
    job = Job(survey(paths).spec(folder / "out", parameters=parameters))
    job.start()
    assert job.wait(200)
    assert job.board.state is State.DONE, job.board.error
    return job


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Finished jobs by the name of their case, each made once."""
    made: dict[str, Job] = {}
    root = tmp_path_factory.mktemp("jobs")  # here, since it goes with who makes it

    def make(name: str) -> Job:
        if name not in made:
            made[name] = finished(name, root / name.replace(" ", "_"))
        return made[name]

    yield make
    for job in made.values():
        job.close()


def union(found: tuple[Reason, ...]) -> int:
    return reduce(or_, [one.flag for one in found if one.set], 0)


def places(job: Job) -> list[dict[str, int]]:
    axes = job.plan.context.axes
    return [{"gain": g, "cell": c} for g in range(len(axes["gain"])) for c in range(min(2, len(axes["cell"])))]


def chosen_pixels(flags: Any, every: int) -> list[tuple[int, int]]:
    """Up to twelve pixels of each combination of flags, and some of the good ones."""
    picked = set(range(0, flags.size, every))
    for value in np.unique(flags):
        picked |= set(np.flatnonzero(flags.ravel() == value)[:12].tolist())
    return [divmod(at, flags.shape[1]) for at in sorted(picked)]


@pytest.mark.parametrize(("name", "every"), [("gain bits", 11), ("analogue gain", 1999), ("refined", 19973),
                                             ("plain", 1999)])
def test_reasons_set_exactly_the_flags_of_the_maps(name: str, every: int, jobs: Callable[[str], Job]) -> None:
    job, seen = jobs(name), 0
    module = job.plan.modules[0]
    for at in places(job):
        flags = job.plane("bad_pixels", module, at)
        for row, col in chosen_pixels(flags, every):
            found = job.pixels.reasons(module, row, col, at)
            assert union(found) == flags[row, col], (at, row, col, found)
            assert not any("cannot be told from these maps why" in one.words for one in found)
            seen |= union(found)
    wanted = {"gain bits": BadPixels.WRONG_GAIN_VALUE, "analogue gain": BadPixels.GAIN_THRESHOLDING_ERROR,
              "refined": BadPixels.NON_SENSITIVE, "plain": 0}[name]
    assert seen & (expected := OFFSET | NOISE | BadPixels.NO_DARK_DATA | wanted) == expected


def soft(values: Any, sigma: float, robust: bool, samples: float = 0) -> tuple[float, float]:
    """Median and scale of a group as the rule is defined: three passes of 1.4826 MAD, at least what statistics give.

    That is √(1/12) ADU for means, and median / √(2 n) for standard deviations of n samples.
    """
    kept = values[np.isfinite(values)].astype(np.float64)
    if not robust:
        return float(np.median(kept)), float(np.std(kept))
    for _ in range(3):
        median = np.median(kept)
        least = median / np.sqrt(2 * samples) if samples else np.sqrt(1 / 12)
        scale = max(1.4826 * np.median(np.abs(kept - median)), least)
        inside = np.abs(kept - median) <= sigma * scale
        if inside.all() or not inside.any():
            break
        kept = kept[inside]
    return float(median), float(scale)


def of_flag(found: tuple[Reason, ...], flag: int, what: str = "") -> Reason:
    [one] = [one for one in found if one.flag == flag and what in ("", one.what)]
    return one


@pytest.mark.parametrize("name", CASES)
def test_medians_and_sigmas_are_those_of_numpy(name: str, jobs: Callable[[str], Job]) -> None:
    job = jobs(name)
    method, kind, module = job.plan.method, job.plan.kind, job.plan.modules[0]
    ordinary = np.ones(kind.shape, bool)
    for region in kind.regions:
        for top, bottom, left, right in region.boxes:
            ordinary[top:bottom, left:right] = False
    slow, fast = kind.asic_shape if method.group == "asic" else kind.shape
    hards = {OFFSET: method.thresholds_offset_hard, NOISE: method.thresholds_noise_hard}
    for at in places(job)[:3]:
        flags = job.plane("bad_pixels", module, at)
        for row, col in chosen_pixels(flags, flags.size)[::7]:
            top, left = row // slow * slow, col // fast * fast
            for flag, result in ((OFFSET, "offset"), (NOISE, "noise")):
                values = np.where(ordinary, job.plane(result, module, at), np.nan)
                samples = job.plane("samples", module, at)[ordinary]
                typical = np.median(samples[samples > 0]) if flag == NOISE else 0
                median, scale = soft(
                    values[top : top + slow, left : left + fast], 5.0, method.spread == "robust", typical)
                one = of_flag(job.pixels.reasons(module, row, col, at), flag, result.capitalize())
                value = job.plane(result, module, at)[row, col]
                hard = hards[flag][min(at["gain"], len(hards[flag]) - 1)]
                assert one.median == pytest.approx(median, rel=1e-6)
                assert one.sigmas == pytest.approx((value - median) / scale, rel=1e-4, abs=1e-5, nan_ok=True)
                assert one.low == pytest.approx(max(median - 5 * scale, hard[0]), rel=1e-5)
                assert one.high == pytest.approx(min(median + 5 * scale, hard[1]), rel=1e-5)
                assert one.value == pytest.approx(value, nan_ok=True)
                assert one.unit == "ADU"


def small(*regions: Region) -> DetectorType:
    """A type of two ASICs with an analogue gain signal and three gain stages."""
    return replace(detector_type("AGIPD1M"), shape=(16, 32), asic_shape=(16, 16), bank_shape=None, regions=regions)


def context(kind: DetectorType, *stages: str) -> Context:
    """All that there is of constants on a disk."""
    axes = {"gain": Axis("gain", "Gain stage", stages), "cell": Axis("cell", "Memory cell", (0,))}
    return Context(kind, (0,), axes=axes)


def even_maps(stages: int = 2) -> dict[str, Any]:
    """Maps of good pixels, whose gain signals are 100 σ apart."""
    shape = (stages, 16, 32)
    rng = np.random.default_rng(3)
    signal = 6000 + 1000 * np.arange(stages, dtype=np.float32)[:, None, None] + np.zeros(shape, np.float32)
    return {
        "offset": (5000 + rng.normal(0, 10, shape)).astype(np.float32),
        "noise": (10 + rng.normal(0, 0.5, shape)).astype(np.float32),
        "samples": np.full(shape, 50, np.uint32), "bad_pixels": np.zeros(shape, np.uint32), "gain_signal": signal,
        "gain_signal_noise": np.full(shape, 10 / np.sqrt(2), np.float32),
    }


METHOD = Dark(thresholds_offset_hard=((0.0, 20000.0),), thresholds_noise_hard=((0.5, 1000.0),))


def reasons(maps: dict[str, Any], row: int = 4, col: int = 20, gain: int = 0, method: Dark = METHOD,
            kind: DetectorType | None = None) -> tuple[Reason, ...]:
    return method.reasons(context(kind or small(), "HG", "MG"), {"gain": gain}, maps, row, col)


@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize(("name", "flag"), [("offset", OFFSET), ("noise", NOISE)])
def test_soft_limits_divide_what_is_inside_from_what_is_outside(name: str, flag: int, side: int) -> None:
    maps = even_maps()
    group = maps[name][0, :, 16:]
    samples = 50 if name == "noise" else 0
    median, scale = soft(group, 5.0, True, samples)
    for times, is_set in ((4.9, False), (5.1, True), (15.0, True)):
        group[4, 4] = median + side * times * scale
        middle, width = soft(group, 5.0, True, samples)  # with the pixel in its new place
        sigmas = (float(group[4, 4]) - middle) / width
        assert (abs(sigmas) > 5) is is_set
        one = of_flag(reasons(maps), flag, name.capitalize())
        assert one.set is is_set
        assert one.sigmas == pytest.approx(sigmas, rel=1e-4)
        assert (one.low <= one.value <= one.high) is not is_set
        assert ("outside of the soft limits" in one.words) is is_set


@pytest.mark.parametrize(("name", "flag"), [("offset", OFFSET), ("noise", NOISE)])
def test_values_on_a_hard_limit_are_inside_and_those_next_to_it_outside(name: str, flag: int) -> None:
    maps, wide = even_maps(), {f"thresholds_{n}_sigma": 100.0 for n in ("offset", "noise")}
    value = maps[name][0, 4, 20]
    above, below = (float(np.nextafter(value, np.float32(towards))) for towards in (1e6, 0))
    for low, high, is_set in ((value, value, False), (above, 1e5, True), (0.0, below, True)):
        method = METHOD.with_changes({**wide, f"thresholds_{name}_hard": ((float(low), float(high)),)})
        one = of_flag(reasons(maps, method=method), flag, name.capitalize())
        assert one.set is is_set
        assert ("outside of the hard limits" in one.words) is is_set


def test_each_gain_stage_has_its_own_hard_limits() -> None:
    method = METHOD.with_changes({"thresholds_offset_hard": ((0.0, 20000.0), (9000.0, 20000.0))})
    assert not of_flag(reasons(even_maps(), method=method), OFFSET).set
    one = of_flag(reasons(even_maps(), method=method, gain=1), OFFSET)
    assert one.set
    assert one.low == 9000


def test_no_noise_is_outside_and_stuck() -> None:
    maps = even_maps()
    maps["noise"][0, 4, 20] = 0
    method = METHOD.with_changes({"thresholds_noise_hard": ((0.0, 1000.0),), "thresholds_noise_sigma": 100.0})
    found = reasons(maps, method=method)
    assert union(found) == NOISE | BadPixels.DATA_STD_IS_ZERO
    assert of_flag(found, NOISE, "Noise").words.split(": ")[1].startswith("it is 0.")


def test_noise_without_that_of_rounding_does_not_tell_who_is_stuck() -> None:
    maps, method = even_maps(), METHOD.with_changes({"quantisation": True})
    maps["noise"][0, 4, 20] = 0
    maps["bad_pixels"][0, 4, 20] = NOISE | BadPixels.DATA_STD_IS_ZERO
    rule, unexplained = [one for one in reasons(maps, method=method) if one.flag == BadPixels.DATA_STD_IS_ZERO]
    assert (np.isnan(rule.value), rule.set, unexplained.set) == (True, False, True)
    good = of_flag(reasons(maps, col=21, method=method), BadPixels.DATA_STD_IS_ZERO)
    assert good.value == pytest.approx(np.hypot(maps["noise"][0, 4, 21], np.sqrt(1 / 12)))
    assert not good.set


def test_no_samples_and_samples_without_a_number() -> None:
    maps = even_maps()
    for name in ("offset", "noise"):
        maps[name][0, 4, 20] = np.nan
    maps["noise"][0, 4, 21] = np.nan
    maps["samples"][0, 4, 20], maps["samples"][0, 4, 21] = 0, 1
    assert union(reasons(maps)) == BadPixels.NO_DARK_DATA
    assert of_flag(reasons(maps), BadPixels.NO_DARK_DATA).value == 0
    found = reasons(maps, col=21)
    assert union(found) == BadPixels.OFFSET_NOISE_EVAL_ERROR
    words = of_flag(found, BadPixels.OFFSET_NOISE_EVAL_ERROR).words
    assert words.startswith("No number comes out of 1 samples for noise.")


@pytest.mark.parametrize("apart", [4.99, 5.01])
def test_close_gain_signals_are_told_on_both_sides(apart: float) -> None:
    maps = even_maps()
    maps["gain_signal"][1, 4, 20] = maps["gain_signal"][0, 4, 20] + 10 * apart
    for gain, other in ((0, "MG"), (1, "HG")):
        one = next(one for one in reasons(maps, gain=gain) if one.what == f"Separation from {other}")
        assert one.value == pytest.approx(apart, rel=1e-4)
        assert (one.low, one.unit) == (5.0, "σ")
        assert one.set is (apart < 5)
    missing = next(one for one in reasons(maps, gain=1) if one.what == "Separation from LG")
    assert np.isnan(missing.value)
    assert not missing.set
    assert "not known" in missing.words


def test_flags_that_no_rule_sets_are_told_as_such_and_so_are_flags_that_are_not_there() -> None:
    maps = even_maps()
    maps["bad_pixels"][0, 4, 20] = BadPixels.OFFSET_OUT_OF_THRESHOLD | BadPixels.FF_NO_ENTRIES
    maps["noise"][0, 4, 20] = 500
    found = reasons(maps)
    for flag in (BadPixels.OFFSET_OUT_OF_THRESHOLD, BadPixels.FF_NO_ENTRIES):
        one = next(one for one in found if one.flag == flag and one.set)
        assert np.isnan(one.value)
        assert "cannot be told from these maps why" in one.words
    assert of_flag(found, NOISE, "Noise").set
    assert of_flag(found, NOISE, "Noise").words.endswith("The flags of these maps do not have it.")


def test_a_pixel_of_a_region_is_told_by_its_name_and_has_no_limits() -> None:
    kind = small(Region("corner", BadPixels.NON_STANDARD_SIZE, ((0, 5, 18, 21),)))
    maps = even_maps()
    maps["offset"][0, :5, 18:21] = 15000
    maps["bad_pixels"][0, :5, 18:21] = BadPixels.NON_STANDARD_SIZE
    found = reasons(maps, kind=kind)
    assert union(found) == BadPixels.NON_STANDARD_SIZE
    assert "“corner”" in of_flag(found, BadPixels.NON_STANDARD_SIZE).words
    one = of_flag(found, OFFSET)
    assert one.value == 15000
    assert one.sigmas > 100
    assert "a region of the detector type" in one.words
    assert union(reasons(maps, row=5, kind=kind)) == 0


def test_where_nothing_was_made_there_is_one_reason() -> None:
    maps = even_maps()
    maps["bad_pixels"][1] = BadPixels.NO_DARK_DATA
    maps["samples"][1], maps["offset"][1], maps["noise"][1] = 0, np.nan, np.nan
    [one] = reasons(maps, gain=1)
    assert (one.flag, one.set, one.value) == (BadPixels.NO_DARK_DATA, True, 0)
    assert "No pixel of the module" in one.words


def test_share_of_wrong_gain_bits_needs_the_number_of_frames() -> None:
    kind = replace(detector_type("JUNGFRAU"), shape=(16, 32), asic_shape=(16, 16), regions=())
    maps = {name: values for name, values in even_maps().items() if "gain" not in name}
    maps["wrong_gain"] = np.full((2, 16, 32), 5, np.uint32)
    at, here = {"gain": 0}, context(kind, "G0", "G1")
    for frames, is_set in ((50.0, False), (49.0, True), (np.nan, False)):
        found = METHOD.with_changes({"max_wrong_gain": 0.1}).reasons(here, at, maps, 4, 20, frames)
        one = of_flag(found, BadPixels.WRONG_GAIN_VALUE)
        assert (one.value, one.set) == (5, is_set)
        assert one.high == (inf if np.isnan(frames) else pytest.approx(0.1 * frames))
        assert ("is not known" in one.words) is bool(np.isnan(frames))
    assert of_flag(METHOD.reasons(here, at, maps, 4, 20), BadPixels.WRONG_GAIN_VALUE).set


def test_methods_without_rules_give_no_reasons() -> None:
    assert not [method for one in families() for method in one.methods
                if isinstance(method, Dark) and not method.judged(one.kind)]


def constants(job: Job, with_samples: bool) -> dict[str, Any]:
    """Offset, noise and flags of a job's files, and samples if asked for, (gain, cell, slow_scan, fast_scan)."""
    found = {}
    names = {"Offset": "offset", "Noise": "noise", "BadPixelsDark": "bad_pixels"}
    for one in job.board.outputs:
        with h5py.File(one.path) as file:
            group = next(iter(next(iter(file.values())).values()))["0"]
            name = names.get(group.attrs["kind"].decode())
            if name is None:
                continue
            dims = [text.decode() if isinstance(text, bytes) else text for text in group["data"].attrs["dims"]]
            order = [dims.index(dim) for dim in ("gain", "cell", "slow_scan", "fast_scan")]
            found[name] = group["data"][()].transpose(order)
            if with_samples and name == "offset":
                found["samples"] = group["count"][()].transpose(order)
    return found


def test_constants_on_a_disk_say_what_they_can(jobs: Callable[[str], Job]) -> None:
    """The same limits and flags; what files do not have is NaN and said, and its flags stand."""
    job = jobs("analogue gain")
    module, kind = job.plan.modules[0], job.plan.kind
    files = constants(job, with_samples=False)
    here, at = context(kind, "HG", "MG", "LG"), {"gain": 1, "cell": 1}
    maps = {name: values[:, 1] for name, values in files.items()}
    seen = 0
    for row, col in chosen_pixels(maps["bad_pixels"][1], 5001):
        found, full = job.plan.method.reasons(here, at, maps, row, col), job.pixels.reasons(module, row, col, at)
        assert union(found) == maps["bad_pixels"][1, row, col]
        np.testing.assert_equal(astuple(of_flag(found, OFFSET)), astuple(of_flag(full, OFFSET)))
        # the least spread of a noise map follows from samples, which these files do not have
        mine, whole = (of_flag(one, NOISE, "Noise") for one in (found, full))
        np.testing.assert_equal((mine.value, mine.median, mine.set), (whole.value, whole.median, whole.set))
        assert "no share of samples outside the gate" in of_flag(found, NOISE, "Samples outside the gate").words
        for flag in (BadPixels.NO_DARK_DATA, BadPixels.DATA_STD_IS_ZERO, BadPixels.GAIN_THRESHOLDING_ERROR):
            for one in (one for one in found if one.flag == flag):
                assert np.isnan(one.value)
                assert "there is no" in one.words
                assert one.set is bool(maps["bad_pixels"][1, row, col] & flag)
        seen |= union(found)
    assert seen & BadPixels.NO_DARK_DATA
    assert seen & BadPixels.GAIN_THRESHOLDING_ERROR


def test_counts_in_files_are_the_samples(jobs: Callable[[str], Job]) -> None:
    job = jobs("analogue gain")
    maps = {name: values[:, 0] for name, values in constants(job, with_samples=True).items()}
    for row, col in chosen_pixels(maps["bad_pixels"][0], 20011):
        found = job.plan.method.reasons(context(job.plan.kind, "HG", "MG", "LG"), {"gain": 0}, maps, row, col)
        one = of_flag(found, BadPixels.NO_DARK_DATA)
        assert one.value == maps["samples"][0, row, col]
        assert one.set is (one.value == 0)


def test_zeros_of_files_in_the_legacy_way_are_no_values() -> None:
    """A third of an ASIC with 0 for no number would move its median."""
    maps, method = even_maps(), METHOD.with_changes({"legacy_zeros": True})
    empty = np.s_[0, :, 16:22]
    maps["offset"][empty] = maps["noise"][empty] = 0
    maps["bad_pixels"][empty] = BadPixels.NO_DARK_DATA
    del maps["samples"]
    median, _ = soft(maps["offset"][0, :, 22:], 5.0, True)
    one = of_flag(reasons(maps, col=25, method=method), OFFSET)
    assert one.median == pytest.approx(median, rel=1e-6)
    assert np.isnan(of_flag(reasons(maps, col=18, method=method), OFFSET).value)
    assert union(reasons(maps, col=18, method=method)) == BadPixels.NO_DARK_DATA
