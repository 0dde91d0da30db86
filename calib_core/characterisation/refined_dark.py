"""Darks of detectors whose amplifiers share a common mode: further passes over corrected images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
from pydantic import field_validator

from calib_core.axes import Array, At, Axis, Result
from calib_core.characterisation.accumulators import Moments, Sampling, Statistics
from calib_core.characterisation.by_gain_stage import code_of, number_of
from calib_core.characterisation.corrected_samples import Taken, corrected_plot, corrected_samples
from calib_core.characterisation.dark import Dark
from calib_core.characterisation.dark_closure import bytes_of, with_numbers
from calib_core.characterisation.dark_results import NOISE_MAP
from calib_core.characterisation.dark_rules import PROOFS
from calib_core.characterisation.refined import BATCH, KnownCell, Refined, Trial
from calib_core.characterisation.samples import GateSamples, MedianSamples
from calib_core.characterisation.unit import Accumulator, Context, Maps, Unit
from calib_core.constants.constant import BAD_PIXELS_DARK, NOISE, OFFSET
from calib_core.correction.bound_constant import Known
from calib_core.correction.common_mode import CommonMode
from calib_core.correction.cosmics import RejectCosmics
from calib_core.correction.offset import Offset
from calib_core.correction.pipeline import Pipeline
from calib_core.correction.step import Step
from calib_core.detector import DetectorType, Frames
from calib_core.errors import BadParameter
from calib_core.explanation import Explanation
from calib_core.params import knob

_COSMICS = Result("cosmic_rays", "Cosmic rays", "samples", "u4", "Samples left out as tracks of cosmic rays",
                  role="count", missing=0.0)
_PASSES = Result("bad_pixels_passes", "Bad pixels", "", "u4", "Flags that each pass found", role="flags", missing=0.0,
                 over=("gain", "pass", "cell"))


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
                         help="Standard deviation of the raw dark signal", count="", verdict="")
        # the mean of the common mode stays in the offset, so its samples spread as they did before
        offset, *others = super().results(kind)
        cosmics = (_COSMICS,) if self._takes_out else ()
        return (replace(offset, error=before.name), *others, before, *cosmics, _PASSES)

    def passes(self, context: Context, unit: Unit) -> tuple[slice, ...]:
        """Those of darks, then one over all frames for each iteration.

        Returns
        -------
        tuple of slice
            Frames of each memory cell.
        """
        return (*super().passes(context, unit), *((slice(None),) * self.iterations))

    def bytes_per_item(self, kind: DetectorType | None, samples: int) -> int:
        """Memory of plain darks, sums of residuals for each trial, and corrected images.

        Returns
        -------
        int
            Bytes of one memory cell, with as many trials as the step with most alternatives has.
        """
        assert kind is not None
        trials = max((len(step.alternatives()) for step in self.refine if step.on), default=0) or 1
        kept = bytes_of(kind, min(self.gate_samples, samples), trials) if self._has_gate else 0
        return super().bytes_per_item(kind, samples) + kept + kind.pixels * (24 * trials + 40 + 14 * BATCH)

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
            (self.gate_sigma, self.gate_floor),
            min(self.gate_samples, unit.samples) if number == self.iterations and self._has_gate else 0)

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
            for slot, index in enumerate(unit.block):
                found = accumulator.snapshot(index)
                yield {**place, "cell": index}, with_numbers(context, found, accumulator.quarters(slot))
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
        found, steps = super().explain(samples, detector), self._steps_text
        note = f"σ is that of the raw samples; the noise map is what is left of it after {steps}."
        return replace(found, notes=(*found.notes, note), steps=steps) if self.iterations else found

    def corrected_from(self) -> tuple[str, ...]:
        """What the last pass was about, where there is one.

        Returns
        -------
        tuple of str
        """
        return ("offset", "noise", "bad_pixels") if self.iterations else ()

    def explain_corrected(
        self, context: Context, key: str, chunks: Iterable[Frames], maps: Maps, row: int, col: int
    ) -> Explanation:
        """Samples after the steps of the last pass, with its gate.

        Parameters
        ----------
        context, key, chunks, maps, row, col

        Returns
        -------
        Explanation
            σ is that of the noise map, but for images that were not looked at.

        Raises
        ------
        BadInput
            A required step needs a constant other than offset, noise and bad pixels.
        """
        kind = context.detector
        known = Known({OFFSET.name: maps["offset"], NOISE.name: maps["noise"],
                       BAD_PIXELS_DARK.name: maps["bad_pixels"]})
        pipelines = {trial.name: Pipeline(trial.steps).bind(known, kind) for trial in self._last_trials()}
        taken = Taken(1, kind.saturation - 1, code_of(context, key), number_of(context, key), maps["bad_pixels"])
        name, samples = corrected_samples(pipelines, chunks, taken, row, col)
        width = max(self.gate_sigma * float(maps["noise"][row, col]), self.gate_floor)
        found = corrected_plot(samples, width)
        by = f", by {name}" if name else ""
        return replace(found, notes=(*found.notes, f"Samples after {self._steps_text}{by}."), steps=self._steps_text)

    @property
    def _steps_text(self) -> str:
        return ", ".join(step.title.lower() for step in self.refine if step.on)

    def _last_trials(self) -> tuple[Trial, ...]:
        """Steps of the last pass, for each alternative that the data decide of."""
        return self._alternatives(tuple(step for step in self.refine if step.on))

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
        return self._alternatives(tuple(decided.get(step.word, step) for step in taken))

    def _alternatives(self, steps: tuple[Step, ...]) -> tuple[Trial, ...]:
        """Those of the first step that leaves something to the data; the steps alone where none does."""
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
