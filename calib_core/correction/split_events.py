"""Split events: the charge of a photon that several pixels share is put together again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import ClassVar

import numpy as np

from calib_core.axes import Array
from calib_core.constants.constant import ADU_PER_CLASS, CLASS_THRESHOLDS, GAIN_MAP, NOISE, ConstantKind
from calib_core.correction.absolute_gain import AbsoluteGain
from calib_core.correction.bound_constant import BoundConstant, Constants, Given, KnownConstant
from calib_core.correction.gain_map import GainMap, WithAttributes
from calib_core.correction.images import Images
from calib_core.correction.step import Bound, Skipped, Step
from calib_core.detector import DetectorType
from calib_core.numerics import split_events
from calib_core.params import knob
from calib_core.resource_files import read_resource

#: What is found beside the codes: events of each frame by class.
COUNTS = "split_events.counts"
#: Thresholds that differ by no more than this part are the same.
_SAME = 1e-3
_CLASS_GAIN = "Gain of classes"
#: Bits of the neighbours of an event's largest sample, by their places.
_BITS = {"up left": 1, "up": 2, "up right": 4, "left": 8, "right": 16, "down left": 32, "down": 64, "down right": 128}


class SplitEvents(Step):
    """Find events of single photons, classify them by the pixels that share their charge, and sum it up.

    The sum stands at the event's largest sample, all others are 0. What light has put on top of each other has no
    allowed pattern, or a wrong sum: it is for frames with few photons.
    """

    word: ClassVar[str] = "split_events"
    title: ClassVar[str] = "Split events"
    needs: ClassVar[tuple[ConstantKind, ...]] = (NOISE,)
    finds: ClassVar[str] = "i4"
    found_help: ClassVar[str] = (
        "codes of events at their largest sample: 100 one sample, 200 to 203 two, 300 to 303 three, 400 to 403 four; "
        "refused are 1000 other shapes and edges of an ASIC, 1001 beside flagged samples, 1002 too large; 0 is none")
    use_when: ClassVar[str] = "Single photons are far apart: fewer than about one in a hundred pixels."
    caution: ClassVar[str] = (
        "What a photon left below the secondary threshold is lost; each class has its own gain. Noise alone makes "
        "N · P(> n σ) events in a frame of N pixels: 33 of 1024 × 1024 at 4 σ, 0.3 at 5 σ. They are in no share "
        "of a class where the energy of a photon is given; both is told.")

    primary: float = knob(7.0, ge=1, le=1000, unit="σ", help="The largest sample of an event is above this")
    secondary: float = knob(5.0, ge=0, le=1000, unit="σ", help="Other samples of an event are above this, or "
                            "above the primary threshold where that is lower")
    largest: float = knob(1000.0, ge=0, le=1e9, unit="ADU", help="Largest sum; larger ones are no photon")
    class_gain: bool = knob(True, help="Bring sums of all classes onto the scale of those of one sample, where the "
                            "gain map tells their peaks")
    strict_quads: bool = knob(False, help="Of four samples the one at the corner must be the smallest")
    counted_above: float | None = knob(None, ge=0, le=1e9, unit="ADU", help="Events of a smaller sum are not counted "
                                       "in the shares of classes, since noise makes such; how many they are is told. "
                                       "Half of a photon unless given, where absolute_gain_photon_energy tells its "
                                       "energy; 0 counts all")

    def bind(self, constants: Constants, kind: DetectorType) -> Bound:
        """Take the noise, and the gain of each class from the gain map.

        Parameters
        ----------
        constants : Constants
        kind : DetectorType

        Returns
        -------
        Bound
            Without a gain of classes, and with the reason, where the gain map tells none for these thresholds.

        Raises
        ------
        BadInput
            There is no noise.
        """
        bound = super().bind(constants, kind)
        if not self.class_gain:
            return bound
        found = constants.get(GAIN_MAP)
        factors, reason = self._class_gain(found)
        if factors is None or found is None:
            return replace(bound, left_out=(Skipped(_CLASS_GAIN, f"{_CLASS_GAIN} is left out: {reason}."),))
        return replace(bound, given={**bound.given, GAIN_MAP.name: KnownConstant(factors[None], found.why)})

    def _class_gain(self, found: BoundConstant | None) -> tuple[Array | None, str]:
        """Factor of each class, or why there is none."""
        if found is None:
            return None, f"there is no {GAIN_MAP.name}"
        told = found.attributes if isinstance(found, WithAttributes) else {}
        peaks, thresholds = (np.atleast_1d(told.get(name, ())) for name in (ADU_PER_CLASS, CLASS_THRESHOLDS))
        if peaks.shape != (4,) or not (peaks > 0).all() or not np.isfinite(peaks).all():
            return None, (f"{found.why} does not tell {ADU_PER_CLASS}, the peaks of events of one to four samples, "
                          "which no job here measures")
        own = self.primary, self.secondary
        if thresholds.shape != (2,) or not np.allclose(thresholds, own, rtol=_SAME, atol=0):
            others = " and ".join(f"{one:g}" for one in thresholds) or "unknown"
            return None, (f"that of {found.why} is of the thresholds {others} σ, and events are told by {own[0]:g} "
                          f"and {own[1]:g} σ")
        return np.asarray(peaks[0] / peaks, np.float32), ""

    def following(self, own: Bound, others: Sequence[Bound]) -> Bound:
        """Count events above half of a photon, where its energy is given and nothing else was said.

        Parameters
        ----------
        own : Bound
        others : sequence of Bound
            All steps with their constants.
        """
        photon = next((one.step.photon(one.given) for one in others if isinstance(one.step, AbsoluteGain)), None)
        if self.counted_above is not None or photon is None:
            return own
        return replace(own, step=self.model_copy(update={"counted_above": photon / 2}))

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Put sums of events in place of the samples.

        Found are the codes of events at their largest samples, (n, slow_scan, fast_scan) int32, 0 elsewhere, and
        under :data:`COUNTS` the events of each frame by class, (n, 8) int64.

        Parameters
        ----------
        images : Images
            Signals float32, C-contiguous, about 0, with the flags of bad pixels. Samples with flags, or that are no
            finite number, are in no event, and events beside them are refused.
        given : mapping
            Noise in ADU as they are read; where it is not above 0 a sample is as if flagged. The factor of each
            class, if there is one.
        kind : DetectorType
            Its ASICs, at whose edges events are refused.
        """
        noise = given[NOISE.name].of(images)
        if (factor := images.found.get(GainMap.word)) is not None:
            noise = noise * np.abs(factor)
        bad = (images.mask != 0) | ~np.isfinite(images.values) | ~(noise > 0)
        sigmas = self.primary, min(self.primary, self.secondary)
        first, second = (np.ascontiguousarray(sigma * noise, np.float32) for sigma in sigmas)
        found, images.values, images.found[COUNTS] = split_events.classify(
            images.values, bad, first, second, self.largest, codes(), kind.asic_shape, self.strict_quads,
            self.counted_above or 0.0)
        images.found[self.word] = found
        if GAIN_MAP.name in given:
            of_class = np.append(np.float32(1), given[GAIN_MAP.name].of(images))
            images.values *= of_class[np.where(found < split_events.SHAPELESS, found // 100, 0)]


@cache
def codes() -> Array:
    """Code of each pattern, by the bits of the neighbours above the secondary threshold.

    Returns
    -------
    (256,) int32
        Not to be changed.
    """
    coding = read_resource("codings", "events")
    found = np.full(split_events.PATTERNS, split_events.SHAPELESS, np.int32)
    found[0] = 100
    for side, number in coding["doubles"].items():
        found[_BITS[side]] = 200 + number
    for corner, number in coding["corners"].items():
        sides = sum(_BITS[side] for side in corner.split())
        found[sides], found[sides | _BITS[corner]] = 300 + number, 400 + number
    found.setflags(write=False)
    return found
