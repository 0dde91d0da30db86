"""Darks: offset and noise of each pixel, memory cell and gain stage, thresholds between stages, bad pixels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import field_validator

from calib_core.axes import Array, At, Axis, Result
from calib_core.characterisation import by_gain_stage, dark_reasons, dark_results, dark_rules, dark_unstable
from calib_core.characterisation.accumulators import Describe, Moments, Sampling, Statistics
from calib_core.characterisation.checks import Check
from calib_core.characterisation.dark_asic_checks import BadAsics, Outside
from calib_core.characterisation.dark_asics import BAD, bad_shares
from calib_core.characterisation.dark_checks import Drift, FewFrames, unbiasing
from calib_core.characterisation.dark_closure import CLOSURE, bytes_of, with_numbers
from calib_core.characterisation.dark_closure_check import Closure
from calib_core.characterisation.dark_files import Files
from calib_core.characterisation.dark_light import why_no_dark
from calib_core.characterisation.dark_separation import GAIN_SIGNAL, Separation, among_all_stages
from calib_core.characterisation.inputs import Arranged, Arrangement, Given, Input, inputs_of_steps
from calib_core.characterisation.method import Method
from calib_core.characterisation.outputs import ConstantOutput, Output
from calib_core.characterisation.sample_plot import moments, sample_plot
from calib_core.characterisation.samples import GateSamples, MedianSamples
from calib_core.characterisation.train_selection import TrainSelection
from calib_core.characterisation.unit import Accumulator, Context, Maps, Unit
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.condition import Condition
from calib_core.constants.constant import BAD_PIXELS_DARK, NOISE, OFFSET, THRESHOLDS_DARK
from calib_core.correction.step import Step
from calib_core.detector import DetectorType
from calib_core.errors import BadParameter
from calib_core.explanation import Explanation, Reason, RuleText
from calib_core.numerics import robust
from calib_core.numerics.moments import MAX_FRAMES
from calib_core.params import LimitsPerStage, knob


class Dark(TrainSelection, Method):
    """Offset, noise, thresholds and bad pixels from runs without light."""

    command: ClassVar[str] = "DARK"
    title: ClassVar[str] = "Darks"
    use_when: ClassVar[str] = "Daily, and after each change of the operating condition."
    combines: ClassVar[str] = "gain"
    by_itself: ClassVar[bool] = True
    caution: ClassVar[str] = "Light on the detector shifts the offset; look at the drift and the count map."

    estimator: Literal["robust", "median", "plain"] = knob(
        "robust", help="robust: mean and standard deviation inside a gate around the median; median: legacy "
        "median and plain standard deviation; plain: mean and standard deviation")
    gate_sigma: float = knob(5.0, ge=3, le=20, unit="σ", help="Half width of the gate of the robust estimator")
    gate_floor: float = knob(3.0, ge=0, le=1000, unit="ADU", expert=True, help="Smallest half width of the gate")
    gate_samples: int = knob(128, ge=3, le=256, unit="frames", expert=True,
                             help="Frames per memory cell from which the gate is taken")
    test_for_normality: bool = knob(
        False, help="Test the samples from which the gate is taken for normality (robust estimator, from 20 frames)")
    ddof: int = knob(1, ge=0, le=1, expert=True, help="Degrees of freedom lost in the standard deviation")
    quantisation: bool = knob(False, help="Subtract the variance of rounding to whole ADU, 1/12 ADU², from the noise")
    thresholds_offset_sigma: float = knob(5.0, ge=1, le=100, unit="σ", help="Soft limit of the offset")
    thresholds_offset_hard: LimitsPerStage = knob(
        ((0.0, 65535.0),), unit="ADU", help="Hard limits of the offset, one pair per gain stage")
    thresholds_noise_sigma: float = knob(5.0, ge=1, le=100, unit="σ", help="Soft limit of the noise")
    thresholds_noise_hard: LimitsPerStage = knob(
        ((0.0, 65535.0),), unit="ADU", help="Hard limits of the noise, one pair per gain stage")
    thresholds_gain_sigma: float = knob(
        5.0, ge=0, le=100, unit="σ", help="Least separation of the gain signals of neighbouring stages")
    group: Literal["asic", "module"] = knob(
        "asic", help="Pixels over which the soft limits are taken: each ASIC or the whole module")
    spread: Literal["robust", "plain"] = knob(
        "robust", help="Scale of the soft limits: 1.4826 MAD, or the standard deviation of the original notebooks")
    unstable_alpha: float = knob(1e-5, ge=0, le=1, expert=True, help="Probability of as many samples outside the "
                                 "gate below which a pixel is flagged as unstable (robust estimator)")
    unstable_share: float = knob(
        0.01, ge=0, le=1, expert=True, help="Share of the samples that must be left unexplained outside the gate")
    max_wrong_gain: float = knob(
        0.0, ge=0, le=1, help="Share of samples with wrong gain bits above which a pixel is flagged")
    legacy_zeros: bool = knob(False, expert=True, help="Write 0 instead of NaN into constants where there are no "
                              "data, as the original notebooks did; the flags stay")

    before: tuple[Step, ...] = ()

    @field_validator("before")
    @classmethod
    def _of_whole_numbers(cls, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        """The sums are exact on codes, so nothing may come before them that makes other numbers."""
        for step in steps:
            if not step.whole_numbers:
                raise BadParameter(f"{step.title} makes no whole numbers and cannot come before exact sums.")
        return steps

    def inputs(self, kind: DetectorType | None) -> tuple[Input, ...]:
        """One run per gain stage, and constants of the steps before.

        Returns
        -------
        tuple of Input
            Runs named by the roles of the stages, each optional, none where ``kind`` is None; then the constants.
        """
        runs = () if kind is None else by_gain_stage.inputs_of(kind)
        return (*runs, *inputs_of_steps(self.before))

    def steps_before(self) -> tuple[Step, ...]:
        """Steps that codes go through before anything else."""
        return self.before

    def arrange(self, kind: DetectorType, given: Given, keep: bool) -> Arrangement:
        """Which run is of which gain stage; BadInput where runs do not go together.

        Returns
        -------
        Arrangement
            As :func:`by_gain_stage.arrange` finds it; stages without a run are there too.
        """
        return by_gain_stage.arrange(kind, given, keep)

    def lacking(self, kind: DetectorType, condition: Condition, found: Sequence[Arranged]) -> tuple[str, ...]:
        """Gain stages that there are at the operating condition and that have no run.

        Returns
        -------
        tuple of str
        """
        return by_gain_stage.lacking(kind, condition, found)

    def why_not(self, samples: Array, bits: Array | None) -> str:
        """Light in samples, samples that have switched, or a scatter beyond the hard limits of the noise.

        Returns
        -------
        str
            Empty where they may be those of a dark.
        """
        return why_no_dark(samples, bits, max(high for _, high in self.thresholds_noise_hard))

    def axes(self, context: Context) -> tuple[Axis, ...]:
        """Gain stages that have a run, memory cells and ASICs; thresholds where there is a gain signal.

        Returns
        -------
        tuple of Axis
            ``gain`` (short names), ``cell`` and ``asic`` (numbers) and, if at all, ``threshold``: two limits, three
            mean signals.
        """
        stages = (str(by_gain_stage.label_of(context, key)) for key in context.arranged)
        common = (Axis("gain", "Gain stage", tuple(stages)), Axis("cell", "Memory cell", context.cells))
        return (*common, *dark_results.further_axes(context.detector))

    def results(self, kind: DetectorType | None) -> tuple[Result, ...]:
        """Offset, noise, bad pixels and samples; gain signal and thresholds, or wrong gain bits, where there are.

        Returns
        -------
        tuple of Result
            Over (gain, cell), thresholds over (threshold, cell); values float32, ADU but normality, others uint32.
            An offset that is a median names no samples: its statistical error is not noise / √samples.
        """
        offset = replace(dark_results.OFFSET, count="") if self.estimator == "median" else dark_results.OFFSET
        return (offset, *dark_results.FURTHER, *dark_results.on_demand(
            gate=self._has_gate, signal=kind is not None and kind.signal_plane is not None,
            bits=kind is not None and kind.has_gain_bits, normality=self.test_for_normality))

    def outputs(self, kind: DetectorType | None) -> tuple[Output, ...]:
        """Offset, Noise, BadPixelsDark, and ThresholdsDark for families with an analogue gain signal.

        Returns
        -------
        tuple of ConstantOutput
            All but the flags with 0 for NaN where :attr:`legacy_zeros` asks for it; beside the offset is how halves
            of the samples agree, where there is a gate.
        """
        zeros, halves = self.legacy_zeros, ((CLOSURE.name,) if self._has_gate else ())
        common = (ConstantOutput(OFFSET, "offset", "samples", zeros, halves),
                  ConstantOutput(NOISE, "noise", "samples", zeros), ConstantOutput(BAD_PIXELS_DARK, "bad_pixels"))
        signal = kind is not None and kind.signal_plane is not None
        return (*common, ConstantOutput(THRESHOLDS_DARK, "thresholds", zeros=zeros)) if signal else common

    def passes(self, context: Context, unit: Unit) -> tuple[slice, ...]:
        """Two passes for the robust estimator where the samples that it keeps in the first are not all there is.

        Parameters
        ----------
        context, unit
            The unit's largest number of samples decides, that of the whole run also in parts of it.

        Returns
        -------
        tuple of slice
            Frames of each memory cell, each of them once.
        """
        if self.estimator != "robust" or unit.samples <= self.gate_samples:
            return (slice(None),)
        return slice(self.gate_samples), slice(self.gate_samples, None)

    def bytes_per_item(self, kind: DetectorType | None, samples: int) -> int:
        """Kept samples, sums with gates, and the maps made of them.

        Returns
        -------
        int
            Bytes of one memory cell: for each pixel and plane 76, and 2 for each sample that the estimator keeps.
        """
        assert kind is not None
        planes = 1 if kind.signal_plane is None else 2
        kept = {"robust": min(self.gate_samples, samples), "median": samples, "plain": 0}[self.estimator]
        folded = 20 if samples > MAX_FRAMES else 0
        halves = bytes_of(kind, kept) if self._has_gate else 0
        return kind.pixels * planes * (2 * kept + 76 + folded) + halves

    def begin(self, context: Context, unit: Unit, index: int, previous: Accumulator | None) -> Accumulator:
        """Samples for the gate first, then moments inside it; or what the legacy estimators need.

        Returns
        -------
        GateSamples, MedianSamples or Moments
            By :attr:`estimator`; in the second pass the Moments whose gates the first has settled.
        """
        if isinstance(previous, GateSamples):
            return previous.gated
        sampling, describe = Sampling.of(context, unit, self.ddof), self._describing(context, unit)
        if self.estimator == "robust":
            depth = min(self.gate_samples, unit.samples)
            return GateSamples(
                context, unit, sampling, describe, depth, self.gate_sigma, self.gate_floor, self.test_for_normality)
        if self.estimator == "median":
            return MedianSamples(context, unit, sampling, describe, unit.samples)
        return Moments(context, unit, sampling, describe)

    def explain(self, samples: Array, detector: DetectorType) -> Explanation:
        """Gate, mean and deviation of one pixel as the robust estimator takes them; no gate for the others.

        Parameters
        ----------
        samples : (n,) uint16, ADU
            In the order of their trains; the gate is taken from the first :attr:`gate_samples` of them.
        detector : DetectorType
            Says from which code on the converter is full.

        Returns
        -------
        Explanation
        """
        highest, gate = detector.saturation - 1, None
        taken = samples[(samples >= 1) & (samples <= highest)]
        if self.estimator == "robust" and taken.size:
            first = np.ascontiguousarray(samples[: self.gate_samples])[:, None]
            median, mad, _ = robust.median_mad(first, 1, highest)
            low, high = robust.gate(median, mad, self.gate_sigma, self.gate_floor, 1, highest)
            taken, gate = taken[(taken >= low[0]) & (taken <= high[0])], (float(low[0]), float(high[0]))
        mean, std = moments(taken)
        return sample_plot(samples, gate, mean, float(self._noise(std)))

    def reduce(self, context: Context, unit: Unit, accumulator: Accumulator) -> Iterator[tuple[At, Maps]]:
        """Maps of each memory cell.

        Parameters
        ----------
        context, unit
        accumulator : Moments, GateSamples or MedianSamples
            What :meth:`begin` made for the last pass.

        Yields
        ------
        at : dict
            Gain stage and memory cell.
        maps : dict of (slow_scan, fast_scan) arrays
            In ADU, flags and samples; the thresholds come with :meth:`combine`.
        """
        assert isinstance(accumulator, Moments | GateSamples | MedianSamples)  # what begin() makes
        describe, place = self._describing(context, unit), context.place(unit)
        for slot, index in enumerate(unit.block):
            found = accumulator.statistics(slot)
            yield {**place, "cell": index}, with_numbers(context, describe(found), found.quarters)

    def combined(self, kind: DetectorType | None) -> tuple[str, ...]:
        """Gain signal, its noise and the flags, all over (gain, cell), where there is a gain signal.

        Returns
        -------
        tuple of str
        """
        signal = kind is not None and kind.signal_plane is not None
        return ("gain_signal", "gain_signal_noise", "bad_pixels") if signal else ()

    def combine(self, context: Context, at: At, results: Mapping[str, Array]) -> Maps:
        """Thresholds between gain stages, and the flag of pixels whose stages cannot be told apart.

        Parameters
        ----------
        context, at
            Index of the memory cell.
        results : mapping of (gain, slow_scan, fast_scan) arrays
            Gain signal and its deviation, ADU, and bad pixels, of the stages that have a run.

        Returns
        -------
        dict
            ``thresholds`` (threshold, slow_scan, fast_scan), ADU: midway between neighbouring stages, then the gain
            signal of each stage; NaN where a stage has no run. ``bad_pixels`` with the flag added on both sides of a
            threshold.
        """
        present = by_gain_stage.numbers_along(context)
        signal, noise = (among_all_stages(results[name], present, len(context.detector.stages))
                         for name in GAIN_SIGNAL)
        flag = self._separation.flags(signal, noise)
        whole = np.concatenate([(signal[:-1] + signal[1:]) / 2, signal])
        flags = results["bad_pixels"] | flag[present]
        return {"thresholds": whole, "bad_pixels": flags, BAD.name: bad_shares(context.detector, flags)}

    def judged(self, kind: DetectorType | None) -> tuple[str, ...]:
        """Offset, noise, samples and flags; gain signal and its noise, or wrong gain bits, where there are.

        Returns
        -------
        tuple of str
        """
        signal = GAIN_SIGNAL if kind and kind.signal_plane is not None else ()
        wrong = ("wrong_gain",) if kind and kind.has_gain_bits else ()
        gated = ("outside", "explained") if self._has_gate else ()
        return ("offset", "noise", "samples", "bad_pixels", *gated, *signal, *wrong)

    def reasons(
        self, context: Context, at: At, maps: Mapping[str, Array], row: int, col: int, frames: float = np.nan
    ) -> tuple[Reason, ...]:
        """What each rule says of a pixel, in the order: regions, its own gain stage, separation of the stages.

        Parameters
        ----------
        context, at
            Axis of gain stages, which says which are there, and index along it.
        maps : mapping of (gain, slow_scan, fast_scan) arrays
            Those of :meth:`judged` that there are.
        row, col : int
        frames : float
            Frames that the run has of the memory cell.

        Returns
        -------
        tuple of Reason
        """
        kind, here, present = context.detector, at.get("gain", 0), by_gain_stage.numbers_along(context)
        known = dark_reasons.known({name: values[here] for name, values in maps.items()}, frames, self.quantisation,
                                   self.legacy_zeros)
        signals = {name: among_all_stages(maps[name][:, row, col], present, len(kind.stages))
                   for name in GAIN_SIGNAL if name in maps}
        close = "bad_pixels" in known and bool(known["bad_pixels"][row, col] & np.uint32(self._separation.flag))
        apart = () if kind.signal_plane is None else self._separation.reasons(kind, present[here], signals, close)
        return dark_reasons.reasons(kind, self._rules(kind, present[here]), known, row, col, tuple(apart))

    def low_by(self, frames: int) -> Mapping[str, float]:
        """The noise of n frames is low by 1 − c₄(n)."""
        return {"noise": 1 - unbiasing(frames)} if frames > 1 else {}

    def rules(self, kind: DetectorType) -> tuple[RuleText, ...]:
        """The rules by which pixels are flagged, those of the first gain stage."""
        separation = () if kind.signal_plane is None else (self._separation.text,)
        return (*(rule.text for rule in self._rules(kind, 0)), *separation)

    def checks(self, kind: DetectorType | None) -> tuple[Check, ...]:
        """What is asked of each module: those of every method, files, drift, enough frames, ASICs, halves."""
        gated = (Outside(), Closure(self.gate_samples)) if self._has_gate else ()
        few = FewFrames(self.gate_samples if gated else 0)
        return (*super().checks(kind), Files(), Drift(), few, BadAsics(), *gated)

    def _describing(self, context: Context, unit: Unit) -> Describe:
        return partial(self._describe, context.detector, by_gain_stage.number_of(context, unit.inputs[0]))

    def _describe(self, kind: DetectorType, stage: int, statistics: Statistics) -> Maps:
        """Maps of one memory cell, with the bad pixels that its own gain stage shows."""
        shape = kind.shape
        maps: Maps = {
            "offset": statistics.mean[0].reshape(shape), "noise": self._noise(statistics.std[0]).reshape(shape),
            "samples": statistics.count[0].reshape(shape),
        }
        if kind.signal_plane is not None:
            maps["gain_signal"] = statistics.mean[1].reshape(shape)
            maps["gain_signal_noise"] = statistics.std[1].reshape(shape)
        if statistics.wrong is not None:
            maps["wrong_gain"] = statistics.wrong.reshape(shape)
        if self.test_for_normality:
            none = np.full(kind.pixels, np.nan, np.float32)
            maps["normality"] = (none if statistics.normality is None else statistics.normality).reshape(shape)
        judged = {**maps, "deviation": statistics.std[0].reshape(shape), "frames": np.asarray(statistics.seen)}
        if self._has_gate:
            judged |= dark_unstable.judged(kind, statistics)
            maps |= dark_unstable.shares(judged)
        maps["bad_pixels"] = dark_rules.flags_of(kind, self._rules(kind, stage), judged)
        return maps

    @property
    def _has_gate(self) -> bool:
        return self.estimator == "robust"

    def _noise(self, std: Any) -> Any:
        """Standard deviations, ADU, without that of rounding where asked for; 0 where rounding explains all."""
        return np.sqrt(np.maximum(np.square(std) - dark_rules.ROUNDING_VARIANCE, 0)) if self.quantisation else std

    @property
    def _separation(self) -> Separation:
        return Separation(self.thresholds_gain_sigma)

    def _rules(self, kind: DetectorType, stage: int) -> tuple[dark_rules.Rule, ...]:
        """All that a gain stage alone shows."""
        wrong = (dark_rules.WrongGain(self.max_wrong_gain),) if kind.has_gain_bits else ()
        offset, noise = self.thresholds_offset_hard, self.thresholds_noise_hard
        limited = partial(
            dark_rules.Limited, block=kind.asic_shape if self.group == "asic" else kind.shape,
            group="ASIC" if self.group == "asic" else "module", robust=self.spread == "robust",
            ordinary=dark_rules.ordinary_pixels(kind))
        return (
            dark_rules.NoData(), dark_rules.NotEvaluated(), dark_rules.Stuck(),
            limited(BadPixels.OFFSET_OUT_OF_THRESHOLD, ("offset",), "Offset", self.thresholds_offset_sigma,
                    offset[min(stage, len(offset) - 1)]),
            limited(BadPixels.NOISE_OUT_OF_THRESHOLD, ("noise",), "Noise", self.thresholds_noise_sigma,
                    noise[min(stage, len(noise) - 1)], positive=True, deviation=True),
            *((dark_unstable.Unstable(self.unstable_alpha, self.unstable_share),) if self._has_gate else ()), *wrong,
        )
