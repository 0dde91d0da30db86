"""Sums of what is left of samples after a dark's steps, pass by pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.accumulators import Sampling, Slots, Statistics
from calib_core.characterisation.by_gain_stage import number_of
from calib_core.characterisation.dark_closure import Kept
from calib_core.characterisation.unit import Accumulator, Context, Maps, Unit
from calib_core.constants.constant import NOISE, OFFSET
from calib_core.correction.bound_constant import Known
from calib_core.correction.images import Images
from calib_core.correction.pipeline import Pipeline
from calib_core.correction.step import Step
from calib_core.detector import Frames
from calib_core.numerics import residuals
from calib_core.numerics.closure import Quarters

#: Frames that are corrected together; more only need more memory.
BATCH = 8


@dataclass(frozen=True)
class Trial:
    """Steps whose noise is compared with that of others; ``name`` is what the data decide of, ``of`` the step."""

    name: str
    steps: tuple[Step, ...]
    of: str = ""


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
        describe: DescribePass, gate: tuple[float, float], kept: int = 0,
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
        self.kept = Kept(context, unit, len(self.trials), kept)
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
            for at in range(0, len(chosen), BATCH):
                self._add(chunk, chosen[at : at + BATCH], int(slot))
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
            self.kept.put(index, slot, images.values.reshape(n, -1), images.use.reshape(n, -1))
        self.kept.took(slot, frames.train[chosen])

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
        self.kept.merge(other.kept)
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
        self.kept.keep(best)

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

    def quarters(self, slot: int) -> Quarters | None:
        """Of the samples that were kept of one memory cell; None where none were.

        Parameters
        ----------
        slot : int
            Its place in the unit's block.
        """
        return self.kept.quarters(slot, self._width[slot])

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
