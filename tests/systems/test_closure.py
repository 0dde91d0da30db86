"""Halves of samples that do not agree are told, with the numbers that NumPy has of the raw samples."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calib_core.remarks import Remark
from calib_core.store.constants import read_constant

from ..small_modules import small_modules
from .conftest import Dataset, Outcome, characterise

Make = Callable[..., Dataset]

TRAINS, HALVES = "even trains and odd ones", "the first half and the second"
#: Datasets of samples, and settings of a small dark.
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "JUNGFRAU": ("adc", {}), "DSSC1M": ("image/data", {"memory_cells": 3}),
    "EPIX100": ("image/pixels", {"modules": "1"}),
}


@pytest.fixture(scope="module", autouse=True)
def few_asics() -> Iterator[None]:
    """Modules of two ASICs: NumPy has the numbers of all their pixels."""
    with small_modules("JUNGFRAU", 256, 512), small_modules("EPIX100", 354, 768):
        yield


def dataset(kind: str, make: Make, **changes: Any) -> Dataset:
    return make(kind, **{"trains": 60, **FAMILIES[kind][1], **changes})


def spoil(data: Dataset, kind: str, change: Callable[[Any], Any]) -> dict[str, Any]:
    """Replace the deviations of the samples from their means; samples of each gain stage, (trains, cells, pixels)."""
    found, rounding = {}, np.random.default_rng(7)
    for role, run in data.simulated.runs.items():
        for path in sorted(run.glob("*.h5")):
            with h5py.File(path, "r+") as file:
                names: list[str] = []
                file.visit(lambda name, names=names: names.append(name) if name.endswith(FAMILIES[kind][0]) else None)
                for name in names:
                    values = file[name][()].astype(float)
                    cells = FAMILIES[kind][1].get("memory_cells", 1)
                    split = values.reshape(-1, cells, *values.shape[-2:])
                    mean = split.mean(axis=0)
                    split += rounding.uniform(-0.5, 0.5, split.shape)
                    split = np.rint(mean + change(split - mean)).clip(0, 65535)
                    file[name][...] = split.reshape(values.shape)
                    found[role] = split
    return found


def correlated(deviation: Any) -> Any:
    """Of neighbouring trains, by 0.3."""
    for i in range(1, len(deviation)):
        deviation[i] = 0.3 * deviation[i - 1] + np.sqrt(1 - 0.3**2) * deviation[i]
    return deviation


def slow(deviation: Any) -> Any:
    """A wave as long as the run, with a phase of its own in each pixel, half as high as the noise."""
    phase = np.random.default_rng(5).uniform(0, 2 * np.pi, deviation.shape[1:])
    turn = 2 * np.pi * np.arange(len(deviation)) / len(deviation)
    return deviation + 0.5 * np.median(deviation.std(axis=0)) * np.sin(turn[:, None, None, None] + phase)


def louder(deviation: Any) -> Any:
    """Noise half again as high in the second half."""
    deviation[len(deviation) // 2 :] *= 1.5
    return deviation


def in_turn(deviation: Any) -> Any:
    """Every second train higher by 0.8 of the noise."""
    deviation[::2] += 0.8 * np.median(deviation.std(axis=0))
    return deviation


def numbers_of(split: Any, asic: tuple[int, int]) -> dict[tuple[str, str], tuple[float, float]]:
    """Width over the expected width, and shift, of the pulls of all pixels and memory cells, by NumPy."""
    n, cells, slow_scan, fast_scan = split.shape
    found = {}
    for name, a, b in ((TRAINS, split[::2], split[1::2]), (HALVES, split[: n // 2], split[n // 2 :])):
        s_a, s_b = a.std(axis=0, ddof=1), b.std(axis=0, ddof=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            pulls = {"offset": (a.mean(axis=0) - b.mean(axis=0)) / np.sqrt(s_a**2 / len(a) + s_b**2 / len(b)),
                     "noise": np.log(s_a / s_b) / np.sqrt(0.5 / (len(a) - 1) + 0.5 / (len(b) - 1))}
        for what, pull in pulls.items():
            banks = pull.reshape(cells, slow_scan // asic[0], asic[0], fast_scan // asic[1], asic[1])
            medians = np.nanmedian(banks, axis=(2, 4), keepdims=True)
            width = np.nanstd((banks - medians).clip(-5, 5)) / np.sqrt((n - 2) / (n - 4))
            found[what, name] = float(width), float(np.nanmedian(medians))
    return found


def said(sentence: str) -> dict[tuple[str, str, str], float]:
    """Numbers of a sentence, by what, split and kind."""
    shifts = re.findall(r"the (\w+) of ([\w ]+?) lies ([+-][\d.]+) statistical errors from that of ([\w ]+?)[,(]",
                        sentence.replace(" (", "("))
    widths = re.findall(r"the (offset|noise) of ([\w ]+?) differs ([\d.]+) × as much as by chance", sentence)
    return {**{(what, f"{a} and {b}", "shift"): float(value) for what, a, value, b in shifts},
            **{(what, split, "width"): float(value) for what, split, value in widths}}


def closure_of(found: Outcome) -> list[Remark]:
    return [one for one in found.board.remarks if one.kind == "closure"]


@pytest.mark.parametrize(("kind", "change", "least"), [
    *((kind, correlated, {("offset", TRAINS, "width"): 0.74, ("offset", HALVES, "width"): 1.36})
      for kind in ("JUNGFRAU", "DSSC1M", "EPIX100")),
    ("EPIX100", slow, {("offset", HALVES, "width")}), ("DSSC1M", slow, {("offset", HALVES, "width")}),
    ("DSSC1M", louder, {("noise", HALVES, "shift")}), ("JUNGFRAU", in_turn, {("offset", TRAINS, "shift")}),
    ("EPIX100", in_turn, {("offset", TRAINS, "shift")}),
], ids=lambda value: getattr(value, "__name__", None))
def test_halves_that_do_not_agree_are_told_with_the_numbers(
    kind: str, change: Callable[[Any], Any], least: Any, make_dataset: Make, tmp_path: Path,
) -> None:
    """Further passes take off what a frame has in common, so with them trains in turn are equal."""
    data = dataset(kind, make_dataset, common_mode=0.0, dead_share=0.0, noisy_share=0.0, high_offset_share=0.0,
                   wrong_gain_share=0.0)
    samples = spoil(data, kind, change)
    told = closure_of(characterise(data.simulated, tmp_path))
    detector = data.truth.settings.detector
    if kind == "EPIX100" and change is in_turn:
        assert told == []
        return
    assert [one.stage for one in told] == [stage.short for stage in detector.stages]
    for one, role in zip(told, [stage.role for stage in detector.stages], strict=True):
        expected, found = numbers_of(samples[role], detector.asic_shape), said(one.sentence)
        assert found.keys() >= set(least)
        for (what, split), (width, shift) in expected.items():
            if (what, split, "width") in found or abs(width - 1) > 0.13:
                assert found[what, split, "width"] == pytest.approx(width, abs=0.04)
            if (what, split, "shift") in found or abs(shift) > 1.2:
                assert found[what, split, "shift"] == pytest.approx(shift, abs=0.2)
        for key in least if isinstance(least, dict) and kind == "JUNGFRAU" else ():
            assert found[key] == pytest.approx(least[key], abs=0.05)
        assert one.value in [pytest.approx(value, abs=0.05) for value in found.values()]
        assert one.module == data.module


def test_a_drift_is_told_by_the_halves_and_kept_with_the_constants(make_dataset: Make, tmp_path: Path) -> None:
    """It is of two standard deviations of JUNGFRAU's high gain, and of five of the others."""
    data = dataset("JUNGFRAU", make_dataset, drift=24.0)
    found = characterise(data.simulated, tmp_path)
    told = closure_of(found)
    assert len(told) == 3
    for stage, one in enumerate(told):
        variance = np.square(data.truth.noise(data.module)[stage, 0].astype(float)) + 12**2 / 12
        assert one.value == pytest.approx(float(np.median(-12 / np.sqrt(variance * 2 / 30))), rel=0.05)
        assert (f"the offset of the first half lies {one.value:+.1f} statistical errors from that of the second "
                "(a drift or a jump)") in one.sentence
        assert one.sentence in found.board.warnings
        assert one.sentence in str(read_constant(found.board.outputs[0].path).attributes)
    noise = np.median(data.truth.noise(data.module)[0])
    narrow = said(told[0].sentence)["offset", TRAINS, "width"]
    assert narrow == pytest.approx(1 / np.sqrt(1 + 24**2 / 12 / noise**2), abs=0.04)
    assert re.search(r"\. 60 samples of each of \d{4} pixels were compared\.$", told[0].sentence)


def test_at_most_eight_memory_cells_are_looked_at_and_that_is_said(make_dataset: Make, tmp_path: Path) -> None:
    data = make_dataset("AGIPD1M", memory_cells=11, trains=24, drift=60.0)
    for one in closure_of(characterise(data.simulated, tmp_path)):
        assert re.search(r"24 samples of each of \d{3,4} pixels", one.sentence)
        assert one.sentence.endswith(" pixels in 8 of 11 memory cells were compared.")


def test_a_stage_without_good_pixels_is_not_tested_and_that_is_said(make_dataset: Make, tmp_path: Path) -> None:
    """A module that gives the same code in each train, in one of three gain stages."""
    data = dataset("JUNGFRAU", make_dataset, trains=24)
    stuck = replace(data.simulated, runs={"med": data.simulated.runs["med"]})
    spoil(replace(data, simulated=stuck), "JUNGFRAU", np.zeros_like)
    [one] = closure_of(characterise(data.simulated, tmp_path))
    assert (one.module, one.stage) == (data.module, "G1")
    assert one.sentence == (
        f"Whether halves of the samples of module {data.module}, G1, agree is not tested: no pixel that was looked "
        "at is good and has 20 samples inside its gate.")


@pytest.mark.parametrize(("kind", "parameters"), [
    ("JUNGFRAU", {}), ("DSSC1M", {}), ("EPIX100", {}), ("EPIX100", {"iterations": 0})], ids=str)
def test_common_mode_is_no_disagreement(
    kind: str, parameters: dict[str, Any], make_dataset: Make, tmp_path: Path,
) -> None:
    """Of 0.44 of the standard deviation of the samples with it, in the gain stage of the most noise."""
    noise = dataset(kind, make_dataset, trains=1).truth
    sigma = 0.49 * float(np.median(noise.noise(noise.modules[0])[0]))
    data = dataset(kind, make_dataset, common_mode=sigma)
    found = characterise(data.simulated, tmp_path, parameters=parameters)
    assert [one.sentence for one in found.board.remarks] == []


def test_nothing_is_compared_without_enough_samples_or_a_gate_and_that_is_said(
    make_dataset: Make, tmp_path: Path,
) -> None:
    short, drifting = (dataset("JUNGFRAU", make_dataset, trains=n, drift=36.0) for n in (19, 40))
    found = characterise(short.simulated, tmp_path / "short")
    assert closure_of(found) == []
    assert sum("halves of the samples agree are not tested below 20." in text for text in found.board.warnings) == 3
    found = characterise(drifting.simulated, tmp_path / "gate", parameters={"gate_samples": 19})
    assert closure_of(found) == []
    assert sum("is taken from 19 frames per memory cell; whether halves of them agree is not tested below 20." in text
               for text in found.board.warnings) == 3
    for estimator in ("plain", "median"):
        found = characterise(drifting.simulated, tmp_path / estimator, parameters={"estimator": estimator})
        assert {one.kind for one in found.board.remarks} == {"drift"}
