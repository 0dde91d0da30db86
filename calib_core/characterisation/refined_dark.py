"""Darks of detectors whose amplifiers share a common mode: further passes over corrected images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
from pydantic import field_validator

from calib_core.axes import Array, At, Axis, Result
from calib_core.characterisation.accumulators import Moments, Sampling, Slots, Statistics
from calib_core.characterisation.by_gain_stage import number_of
from calib_core.characterisation.dark import Dark
from calib_core.characterisation.dark_asics import with_statistics
from calib_core.characterisation.dark_results import NOISE_MAP
from calib_core.characterisation.dark_rules import PROOFS
from calib_core.characterisation.samples import GateSamples, MedianSamples
from calib_core.characterisation.unit import Accumulator, Context, Maps, Unit
from calib_core.constants.constant import BAD_PIXELS_DARK, NOISE, OFFSET
from calib_core.correction.common_mode import CommonMode
from calib_core.correction.cosmics import RejectCosmics
from calib_core.correction.offset import Offset
from calib_core.correction.pipeline import Pipeline
from calib_core.correction.step import Images, Known, Step
from calib_core.detector import DetectorType, Frames
from calib_core.errors import BadParameter
from calib_core.explanation import Explanation
from calib_core.numerics import residuals
from calib_core.params import knob

#: Frames that are corrected together; more only need more memory.
_BATCH = 8

_COSMICS = Result("cosmic_rays", "Cosmic rays", "samples", "u4", "Samples left out as tracks of cosmic rays",
                  role="count", missing=0.0)
_PASSES = Result("bad_pixels_passes", "Bad pixels", "", "u4", "Flags that each pass found", role="flags", missing=0.0,
                 over=("gain", "pass", "cell"))


@dataclass(frozen=True)
class Trial:
    """Steps whose noise is compared with that of others; ``name`` is what the data decide of, ``of`` the step."""

    name: str
    steps: tuple[Step, ...]
    of: str = ""


class RefinedDark(Dark):
    """Offset and noise after common mode, cosmic rays left out, and bad pixels pass by pass."""

    title: ClassVar[str] = "Darks"
    use_when: ClassVar[str] = "Daily, and after each change of the operating condition."
    caution: ClassVar[str] = "Compare the noise before and after common mode: it must not grow anywhere."

    iterations: int = knob(
        2, ge=0, le=5, unit="passes", help="Further passes over offset- and common-mode-corrected images; each "
        "leaves out the bad pixels of the one before")
    refine: tuple[Step, ...] = (Offset(), CommonMode(axis="auto", limit=1000.0), RejectCosmics(on=False))

    @field_validator("refine")
    @classmethod
    def _begins_with_offset(cls, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        """Residuals are summed about the offset, so it comes off first."""
        if not steps or not isinstance(steps[0], Offset):
            raise BadParameter("The steps of a refined dark begin with the offset.")
        Pipeline(steps)
        return steps

    def axes(self, context: Context) -> tuple[Axis, ...]:
        """Those of darks, and the passes.

        Returns
        -------
        tuple of Axis
            Last ``pass``, from 0 for the plain dark; its entries are looked at side by side.
        """
        names = tuple(f"pass {number}" for number in range(self.iterations + 1))
        return (*super().axes(context), Axis("pass", "Pass", names, of_slot=True))

    def results(self, kind: DetectorType | None) -> tuple[Result, ...]:
        """Those of darks, the noise before common mode, cosmic rays, and bad pixels pass by pass.

        Returns
        -------
        tuple of Result
            ``noise_raw``, float32 in ADU, which is the spread behind the offset, and ``cosmic_rays``, uint32 and only
            where a step takes samples out, over (gain, cell); ``bad_pixels_passes``, uint32, over (gain, pass, cell).
        """
        # its samples are those before the last gate and before tracks were left out, which are not kept
        before = replace(NOISE_MAP, name="noise_raw", title="Noise before common mode", scale_of=NOISE_MAP.name,
                         help="Standard deviation of the raw dark signal", count="")
        # the mean of the common mode stays in the offset, so its samples spread as they did before
        offset, *others = super().results(kind)
        cosmics = (_COSMICS,) if self._takes_out else ()
        return (replace(offset, error=before.name), *others, before, *cosmics, _PASSES)

    def passes(self, context: Context, unit: Unit) -> tuple[int | None, ...]:
        """Those of darks, then one over all frames for each iteration.

        Returns
        -------
        tuple of int or None
            Frames per memory cell of each pass; None means all.
        """
        return (*super().passes(context, unit), *((None,) * self.iterations))

    def bytes_per_item(self, kind: DetectorType | None, samples: int) -> int:
        """Memory of plain darks, sums of residuals for each trial, and corrected images.

        Returns
        -------
        int
            Bytes of one memory cell, with as many trials as the step with most alternatives has.
        """
        assert kind is not None
        trials = max((len(step.alternatives()) for step in self.refine if step.on), default=0) or 1
        return super().bytes_per_item(kind, samples) + kind.pixels * (24 * trials + 40 + 14 * _BATCH)

    def begin(self, context: Context, unit: Unit, index: int, previous: Accumulator | None) -> Accumulator:
        """The accumulators of plain darks, then refined ones that know what the pass before found.

        Returns
        -------
        GateSamples, MedianSamples, Moments or Refined
            Refined once the passes of the plain dark are done; steps that take samples out are in the last pass only.

        Raises
        ------
        BadInput
            A required step of :attr:`refine` needs a constant other than offset, noise and bad pixels.
        """
        first = len(super().passes(context, unit))
        if index < first or previous is None:
            return super().begin(context, unit, index, previous)
        number = index - first + 1
        return Refined(
            context, unit, Sampling.of(context, unit, self.ddof), self._known(context, unit, previous),
            self._trials(number, previous), partial(self._describe_pass, context, unit),
            (self.gate_sigma, self.gate_floor))

    def reduce(self, context: Context, unit: Unit, accumulator: Accumulator) -> Iterator[tuple[At, Maps]]:
        """Maps of each memory cell.

        Parameters
        ----------
        context, unit
        accumulator : Refined, or Moments, GateSamples or MedianSamples
            Of the last pass; those of plain darks where there are no iterations.

        Yields
        ------
        at : dict
            Gain stage and memory cell.
        maps : dict of (slow_scan, fast_scan) arrays
            Those of darks, and (pass, slow_scan, fast_scan) flags without regions that only later passes add.
        """
        if isinstance(accumulator, Refined):
            place = context.place(unit)
            for index in unit.block:
                found = accumulator.snapshot(index)
                yield {**place, "cell": index}, with_statistics(context.detector, found)
            return
        assert isinstance(accumulator, Moments | GateSamples | MedianSamples)  # what begin() makes
        for slot, (at, maps) in enumerate(super().reduce(context, unit, accumulator)):
            raw = accumulator.statistics(slot)
            yield at, self._with_passes(context.detector, maps, [maps["bad_pixels"]], raw, None)

    def explain(self, samples: Array, detector: DetectorType) -> Explanation:
        """Raw samples, of which the noise map has less than there is in them.

        Parameters
        ----------
        samples : (n,) uint16, ADU
        detector : DetectorType

        Returns
        -------
        Explanation
            With a note on the σ, unless there are no further passes.
        """
        found = super().explain(samples, detector)
        steps = ", ".join(step.title.lower() for step in self.refine if step.on)
        note = f"σ is that of the raw samples; the noise map is what is left of it after {steps}."
        return replace(found, notes=(*found.notes, note)) if self.iterations else found

    @property
    def _takes_out(self) -> bool:
        return any(step.takes_out and step.on for step in self.refine)

    def _known(self, context: Context, unit: Unit, previous: Any) -> list[KnownCell]:
        known, describe, shape = [], self._describing(context, unit), context.detector.shape
        for slot in range(len(unit.block)):
            statistics = previous.statistics(slot)
            flags = describe(statistics)["bad_pixels"]
            earlier = previous.known[slot] if isinstance(previous, Refined) else None
            if earlier is not None:
                flags |= earlier.flags[0] & np.uint32(PROOFS)
            # always from the raw offset: the mean error of the medians would add up from pass to pass
            raw = statistics if earlier is None else earlier.raw
            constants = Known({OFFSET.name: raw.mean[0].reshape(shape), NOISE.name: statistics.std[0].reshape(shape),
                               BAD_PIXELS_DARK.name: flags})
            known.append(KnownCell(constants, raw, (*(earlier.flags if earlier else ()), flags)))
        return known

    def _trials(self, number: int, previous: Accumulator) -> tuple[Trial, ...]:
        """Steps of a pass; the first decides between alternatives where the operator has not."""
        last = number == self.iterations
        decided = previous.decided if isinstance(previous, Refined) else {}
        taken = (step for step in self.refine if step.on and (last or not step.takes_out))
        steps = tuple(decided.get(step.word, step) for step in taken)
        for place, step in enumerate(steps):
            if found := step.alternatives():
                return tuple(Trial(name, (*steps[:place], one, *steps[place + 1 :]), step.title)
                             for name, one in found.items())
        return (Trial("", steps),)

    def _describe_pass(
        self, context: Context, unit: Unit, known: KnownCell, statistics: Statistics, tracks: Array
    ) -> Maps:
        maps = self._describing(context, unit)(statistics)
        maps["bad_pixels"] |= known.flags[0] & np.uint32(PROOFS)
        flags = [*known.flags, maps["bad_pixels"]]
        return self._with_passes(context.detector, maps, flags, known.raw, tracks)

    def _with_passes(self, kind: DetectorType, maps: Maps, flags: Sequence[Array], raw: Statistics,
                     tracks: Array | None) -> Maps:
        shape = kind.shape
        maps["noise_raw"] = raw.std[0].reshape(shape)
        if self._takes_out:
            maps["cosmic_rays"] = np.zeros(shape, np.uint32) if tracks is None else tracks.reshape(shape)
        missing = [flags[-1]] * (self.iterations + 1 - len(flags))
        maps["bad_pixels_passes"] = np.stack([*_by_pass(kind, flags), *missing])
        return maps


def _by_pass(detector: DetectorType, flags: Sequence[Array]) -> Iterator[Array]:
    """Flags of each pass without the regions that only later passes add."""
    for number, one in enumerate(flags, 1):
        later = np.zeros(detector.shape, np.uint32)
        for region in detector.regions:
            if region.from_pass > number:
                region.mark(later)
        yield one & ~later


@dataclass(frozen=True)
class KnownCell:
    """What earlier passes found of one memory cell: constants, the raw statistics, the flags of each pass."""

    constants: Known
    raw: Statistics
    flags: tuple[Array, ...]


#: ``describe(what is known, statistics, samples left out as tracks)``
DescribePass = Callable[[KnownCell, Statistics, Array], Maps]


class Refined(Accumulator):
    """Exact moments of what is left of the samples after offset and correction steps.

    Of several trials the one with the lowest median noise is kept when the pass ends.
    """

    def __init__(
        self, context: Context, unit: Unit, sampling: Sampling, known: Sequence[KnownCell], trials: Sequence[Trial],
        describe: DescribePass, gate: tuple[float, float],
    ) -> None:
        self.unit, self.sampling, self.known, self._describe = unit, sampling, list(known), describe
        self.trials = tuple(trials)
        self._pipelines = [[Pipeline(trial.steps).bind(one.constants, context.detector) for one in known]
                           for trial in self.trials]
        self.notes: Sequence[str] = ()
        self._slots, self._gate, self._stage = Slots(context, unit), gate, number_of(context, unit.inputs[0])
        shape = (len(self.trials), len(unit.block), context.detector.pixels)
        self.total, self.squares = np.zeros(shape, np.int64), np.zeros(shape, residuals.SQUARES_DTYPE)
        self.count, self.tracks = np.zeros(shape, np.uint32), np.zeros(shape, np.uint32)
        self.seen = np.zeros(len(unit.block), np.int64)
        self.wrong = None if sampling.code is None else np.zeros(shape[1:], np.uint32)
        self._width = np.stack([self._half_width(one).ravel() for one in self.known])

    @property
    def decided(self) -> dict[str, Step]:
        """Steps of the trial that is kept, by their words; those of the first while several go on."""
        return {step.word: step for step in self.trials[0].steps}

    def update(self, name: str, chunk: Frames) -> None:
        """Correct and add frames, a few at a time.

        Parameters
        ----------
        name : str
            Not looked at: a unit has one run.
        chunk : Frames
            Left as it is; only analogue samples count, inside a gate about the raw offset.

        Raises
        ------
        ValueError
            A memory cell is not of this unit, or a pixel could count more than `residuals.MAX_FRAMES` samples.
        """
        slots = self._slots(chunk.cell)
        for slot in np.unique(slots):
            chosen = np.flatnonzero(slots == slot)
            for at in range(0, len(chosen), _BATCH):
                self._add(chunk, chosen[at : at + _BATCH], int(slot))
        self.seen += np.bincount(slots, minlength=len(self.seen))

    def _add(self, frames: Frames, chosen: Array, slot: int) -> None:
        adc = frames.adc[chosen]
        use = (adc >= self.sampling.lowest) & (adc <= self.sampling.highest)
        if frames.gain is not None and self.wrong is not None:
            right = frames.gain[chosen] == self.sampling.code
            self.wrong[slot] += (~right).sum(axis=0, dtype=np.uint32).ravel()
            use &= right
        for index, pipelines in enumerate(self._pipelines):
            values, flags = adc.astype(np.float32), self.known[slot].flags[-1]
            images = Images.of(values, frames.cell[chosen], frames.train[chosen], use.copy(), self._stage, flags)
            pipelines[slot].apply(images)
            self.tracks[index, slot] += (use & ~images.use).sum(axis=0, dtype=np.uint32).ravel()
            n = len(chosen)
            residuals.add(images.values.reshape(n, -1), images.use.reshape(n, -1), self._width[slot],
                          self.total[index, slot], self.squares[index, slot], self.count[index, slot])

    def _half_width(self, known: KnownCell) -> Array:
        sigma, floor = self._gate
        width = np.maximum(sigma * known.constants.values[NOISE.name], floor)
        return np.where(np.isfinite(width), width, -1).astype(np.float32)

    def merge(self, other: Refined) -> None:
        """Add the sums of another accumulator of the same unit and pass.

        Parameters
        ----------
        other : Refined
            With the same trials; whole numbers, so the order does not matter.
        """
        self.total += other.total
        self.squares += other.squares
        self.count += other.count
        self.tracks += other.tracks
        self.seen += other.seen
        if self.wrong is not None and other.wrong is not None:
            self.wrong += other.wrong

    def settle(self) -> Iterator[None]:
        """Keep the trial with the lowest noise."""
        if len(self.trials) > 1:
            noises = [self._median_noise(index) for index in range(len(self.trials))]
            best = int(np.argmin(noises))
            told = ", ".join(f"{t.name} {n:.3g} ADU" for t, n in zip(self.trials, noises, strict=True))
            best_one = self.trials[best]
            self.notes = (f"{best_one.of} by {best_one.name}: median noise after it {told}.",)
            self._keep(best)
            yield

    def _median_noise(self, index: int) -> float:
        _, std = residuals.finish(self.total[index], self.squares[index], self.count[index], self.sampling.ddof)
        return float(np.nanmedian(std)) if np.isfinite(std).any() else np.inf

    def _keep(self, best: int) -> None:
        kept = slice(best, best + 1)
        self.trials, self._pipelines = self.trials[kept], self._pipelines[kept]
        self.total, self.squares = self.total[kept], self.squares[kept]
        self.count, self.tracks = self.count[kept], self.tracks[kept]

    def statistics(self, slot: int) -> Statistics:
        """Offset and noise of one memory cell after this pass.

        Parameters
        ----------
        slot : int
            Its place in the unit's block.

        Returns
        -------
        Statistics
            Of plane 0 alone, ADU: raw offset plus mean residual, and the standard deviation of the residuals.
        """
        mean, std = residuals.finish(
            self.total[0, slot], self.squares[0, slot], self.count[0, slot], self.sampling.ddof)
        raw = self.known[slot].constants.values[OFFSET.name].ravel()
        wrong, width = None if self.wrong is None else self.wrong[slot].copy(), self._width[slot]
        return Statistics((raw + mean)[None].astype(np.float32), std[None], self.count[:1, slot].copy(),
                          int(self.seen[slot]), wrong, None, (raw - width, raw + width), self.tracks[0, slot].copy())

    def snapshot(self, index: int) -> Maps:
        """Maps of one memory cell.

        Returns
        -------
        dict of arrays
            As :meth:`RefinedDark.reduce` gives them; those of the first trial while several go on.
        """
        slot = self.unit.block.index(index)
        return self._describe(self.known[slot], self.statistics(slot), self.tracks[0, slot])

    @property
    def coverage(self) -> Array:
        """Frames seen per memory cell."""
        return self.seen
