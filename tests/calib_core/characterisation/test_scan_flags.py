"""Flags of pixels of scans that are bad in known ways, and of good ones between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from calib_core.characterisation.current_source import CurrentSource
from calib_core.characterisation.inputs import RunFacts
from calib_core.characterisation.pulse_capacitor import PulseCapacitor
from calib_core.characterisation.scan_method import ScanMethod
from calib_core.characterisation.unit import Context, Unit
from calib_core.constants.badpixels import BadPixels
from calib_core.detector import ScanEvidence
from calib_core.detector.registry import detector_type

from ..numerics.current_scans import Drawn, X, drawn
from ..numerics.scans import Scan, scan

Array = Any
Series = TypeVar("Series", Scan, Drawn)
#: Two ASICs; of the first some pixels are bad.
KIND = replace(detector_type("AGIPD1M"), shape=(64, 128))
MANY, STEPS = 150, 600
SLOPE, BENT, CODES = (int(flag) for flag in (
    BadPixels.CI_GAIN_OF_OF_THRESHOLD, BadPixels.CI_LINEAR_DEVIATION, BadPixels.GAIN_THRESHOLDING_ERROR))
NONE = int(BadPixels.CI_EVAL_ERROR)


def context_of(method: ScanMethod) -> tuple[Context, Unit]:
    """A job with a run for each pattern, and the unit of its only memory cell."""
    source = method.injection(KIND)
    lines = max(map(max, source.patterns)) + 1
    runs = tuple(
        RunFacts(Path(f"r{number}"), f"r{number}", (), None, STEPS, scan=ScanEvidence(
            tuple(6000.0 if line in pattern else 3.0 for line in range(lines)), 3, 0, STEPS - 1))
        for number, pattern in enumerate(source.patterns))
    arranged = {one.key: one for one in method.arrange(KIND, {"scan": runs}, False).runs}
    context = Context(KIND, (0,), arranged)
    context = replace(context, axes={axis.name: axis for axis in method.axes(context)})
    return context, Unit(0, 0, tuple(arranged), (0,), STEPS)


def fitted(method: ScanMethod, context: Context, unit: Unit, x: Array, s: Scan | Drawn) -> dict[str, Array]:
    """Maps of the series of all pixels."""
    maps = method.blank(KIND)
    for name, values in method.fit({}, x, s.analog, s.code).items():
        maps[name].reshape(*maps[name].shape[:-2], -1)[...] = np.moveaxis(values, 0, -1)
    return method.finish(context, unit, maps)


def inverted(s: Series) -> Series:
    return replace(s, code=np.where(s.code > 0, 15000 - s.code, 0).astype(np.uint16))


def saturated(s: Series) -> Series:
    return replace(s, analog=np.where(s.analog > 0, 16383, 0).astype(np.uint16))


def uncharged(s: Scan) -> Scan:
    return replace(s, analog=np.where(s.analog > 0, 4900 - s.x // 8, 0).astype(np.uint16))


def dead(s: Series) -> Series:
    return replace(s, analog=np.full_like(s.analog, 60), code=np.full_like(s.code, 60))


def few(s: Series) -> Series:
    lost = np.random.default_rng(4).random(s.analog.shape) < 0.95
    return replace(s, analog=np.where(lost, 0, s.analog), code=np.where(lost, 0, s.code))


#: Bad pixels, and what high and medium gain of them must be flagged with, and with nothing else.
BAD = {
    "slopes x 0.4": (lambda: scan(MANY, slope=12.0, seed=11), SLOPE, SLOPE),
    "slopes x 1.6": (lambda: scan(MANY, slope=48.0, seed=12), SLOPE, SLOPE),
    "medium slope x 0.6": (lambda: scan(MANY, ratio_of=75.0, seed=13), 0, SLOPE),
    "medium slope x 1.6": (lambda: scan(MANY, ratio_of=28.0, seed=14), 0, SLOPE),
    "compressed by 2 %": (lambda: scan(MANY, compression=0.02, seed=15), BENT, 0),
    "codes too close": (lambda: scan(MANY, step_of=550, noise_of_code=80, seed=16), CODES, CODES),
    "no step of codes": (lambda: scan(MANY, step_of=200, seed=17), NONE, NONE),
    "saturated": (lambda: saturated(scan(MANY, seed=18)), NONE, NONE),
    "inverted": (lambda: inverted(scan(MANY, seed=19)), NONE, NONE),
    "no switch": (lambda: scan(MANY, switch=1000, slope=15.0, seed=20), NONE, NONE),
    "switch at once": (lambda: scan(MANY, switch=3, seed=21), NONE, NONE),
    "switch at step 14": (lambda: scan(MANY, switch=14, seed=22), NONE, 0),
    "no charge": (lambda: uncharged(scan(MANY, seed=24)), NONE, NONE),
    "dead": (lambda: dead(scan(MANY, seed=25)), NONE, NONE),
    "few samples": (lambda: few(scan(MANY, seed=26)), NONE, NONE),
}


@dataclass(frozen=True)
class Flagged:
    """Flags of pixels of all stages, (stages, pixels), and the pixels of each kind."""

    flags: Array
    pixels: dict[str, Array]
    good: Array


def among_good(good: Scan | Drawn, bad: Mapping[str, Scan | Drawn]) -> tuple[dict[str, Array], Array]:
    """Put bad series in the place of some in the first ASIC, drawn at random; where they are, and all others."""
    first = np.flatnonzero(np.arange(KIND.pixels) % KIND.shape[1] < 64)
    free = np.random.default_rng(5).permutation(first)
    places = {name: free[MANY * k:MANY * (k + 1)] for k, name in enumerate(bad)}
    for name, one in bad.items():
        good.analog[places[name]], good.code[places[name]] = one.analog, one.code
    return places, np.setdiff1d(np.arange(KIND.pixels), np.concatenate(list(places.values())))


@pytest.fixture(scope="module")
def capacitor() -> Flagged:
    s, method = scan(KIND.pixels, seed=10), PulseCapacitor()
    places, good = among_good(s, {name: one() for name, (one, *_) in BAD.items()})
    flags = fitted(method, *context_of(method), s.x, s)["bad_pixels"]
    return Flagged(flags.reshape(len(flags), -1), places, good)


@pytest.mark.parametrize("name", BAD)
def test_bad_pixels_of_a_scan_have_their_flag_and_no_other(name: str, capacitor: Flagged) -> None:
    for stage, flag in enumerate(BAD[name][1:]):
        assert (capacitor.flags[stage, capacitor.pixels[name]] == flag).mean() >= 0.99, stage


def test_good_pixels_of_a_scan_have_none(capacitor: Flagged) -> None:
    assert (capacitor.flags[:, capacitor.good] != 0).any(axis=0).mean() < 0.001
    assert not capacitor.flags[2].any()  # of low gain the scan tells nothing


def bent(s: Drawn) -> Drawn:
    """Medium gain lies up to 100 ADU beside its line."""
    medium = (s.switch[:, :1] < X) & (s.switch[:, 1:] > X) & (s.analog > 0)
    return replace(s, analog=np.where(medium, s.analog + 100 * np.cos(X / 300), s.analog).astype(np.uint16))


def dull(s: Drawn) -> Drawn:
    """The gain signal of low gain is that of medium gain."""
    beyond = np.clip(X - s.switch[:, 1:], 0, 8) / 8 * (s.level[:, 2:] - s.level[:, 1:2])
    return replace(s, code=np.where(s.code > 0, s.code - beyond, 0).astype(np.uint16))


def dark(s: Drawn) -> Drawn:
    """A pixel that gets no charge."""
    drawn = np.random.default_rng(6).normal((4950, 5750), (11, 40), (*s.code.shape, 2))
    analog, code = (np.where(s.analog > 0, drawn[..., plane], 0).astype(np.uint16) for plane in range(2))
    return replace(s, analog=analog, code=code)


#: The same of a current source, of all three stages.
CS_NONE = int(BadPixels.CI2_EVAL_ERROR)
CS_BAD = {
    "medium slope x 1.6": (lambda: drawn(MANY, 11, ratios=(28.0, 4.48)), 0, SLOPE, 0),
    "low slope x 1.6": (lambda: drawn(MANY, 13, ratios=(45.0, 2.8)), 0, 0, SLOPE),
    "low slope x 0.6": (lambda: drawn(MANY, 14, ratios=(45.0, 7.5)), 0, 0, SLOPE),
    "low slope x 3": (lambda: drawn(MANY, 15, ratios=(45.0, 1.5)), CS_NONE, CS_NONE, CS_NONE),
    "bent": (lambda: bent(drawn(MANY, 16)), CS_NONE, CS_NONE, CS_NONE),
    "codes of medium and low gain too close": (
        lambda: drawn(MANY, 17, steps=(1500.0, 700.0), noise_of_code=90), 0, CODES, CODES),
    "codes of high and medium gain too close": (
        lambda: drawn(MANY, 18, steps=(700.0, 1200.0), noise_of_code=90), CODES, CODES, 0),
    "no step of codes": (lambda: drawn(MANY, 19, steps=(200.0, 200.0)), CS_NONE, CS_NONE, CS_NONE),
    "no low gain": (lambda: dull(drawn(MANY, 20)), CS_NONE, CS_NONE, CS_NONE),
    "saturated": (lambda: saturated(drawn(MANY, 21)), CS_NONE, CS_NONE, CS_NONE),
    "inverted": (lambda: inverted(drawn(MANY, 22)), CS_NONE, CS_NONE, CS_NONE),
    "no switch": (lambda: dark(drawn(MANY, 23)), CS_NONE, CS_NONE, CS_NONE),
    "dead": (lambda: dead(drawn(MANY, 24)), CS_NONE, CS_NONE, CS_NONE),
    "few samples": (lambda: few(drawn(MANY, 25)), CS_NONE, CS_NONE, CS_NONE),
}


@pytest.fixture(scope="module")
def current() -> Flagged:
    s, method = drawn(KIND.pixels, 10), CurrentSource()
    places, good = among_good(s, {name: one() for name, (one, *_) in CS_BAD.items()})
    context, unit = context_of(method)
    maps = fitted(method, context, unit, X, s)
    flags = method.combine(context, {"cell": 0}, {name: maps[name][np.newaxis] for name in method.combined(KIND)})
    return Flagged(flags["bad_pixels"].reshape(3, -1), places, good)


@pytest.mark.parametrize("name", CS_BAD)
def test_bad_pixels_of_a_current_have_their_flag_and_no_other(name: str, current: Flagged) -> None:
    for stage, flag in enumerate(CS_BAD[name][1:]):
        assert (current.flags[stage, current.pixels[name]] == flag).mean() >= 0.99, stage


def test_good_pixels_of_a_current_have_none(current: Flagged) -> None:
    assert (current.flags[:, current.good] != 0).any(axis=0).mean() < 0.001
