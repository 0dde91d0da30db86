"""Pulse capacitor: slopes of high and medium gain and their ratio, from scans in which each pixel is charged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np

from calib_core.axes import Array, At, Axis, Result
from calib_core.characterisation.checks import Check
from calib_core.characterisation.inputs import RunFacts
from calib_core.characterisation.scan_checks import Lined, WeakHooks
from calib_core.characterisation.scan_chi2 import chi2_of_two
from calib_core.characterisation.scan_expected import Expected, expected
from calib_core.characterisation.scan_method import FLAGS, Known, ScanMethod
from calib_core.characterisation.scan_opinions import OTHERS, compared
from calib_core.characterisation.scan_periods import Periodic
from calib_core.characterisation.scan_plots import Fitted, explanation_of
from calib_core.characterisation.scan_rules import ScanRules, too_close, where
from calib_core.characterisation.unit import Context, Maps, Unit
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import (
    BAD_PIXELS_PC,
    FITS_PC,
    PC_FIT,
    PC_FIT_UNITS,
    PC_PARAMETERS,
    PC_UNITS,
    SLOPES_PC,
    ConstantKind,
)
from calib_core.detector import DetectorType
from calib_core.explanation import Explanation, RuleText, Span
from calib_core.numerics.scan_errors import ScanErrors, ScanLines, scan_errors
from calib_core.numerics.scan_fits import MediumFits, RegionLines, medium_fits, region_lines
from calib_core.numerics.scan_regions import HIGH, MEDIUM, ScanRegions, scan_clusters, scan_features, scan_regions
from calib_core.params import Limits, knob

_HIGH, _MEDIUM = 0, 1


class PulseCapacitor(ScanMethod):
    """Lines of high and medium gain over the charge of a pulse capacitor, for each pixel and memory cell."""

    source: ClassVar[str] = "capacitor"
    values_of_pixel: ClassVar[int] = len(PC_PARAMETERS) + len(PC_FIT) + 4
    made: ClassVar[tuple[ConstantKind, ConstantKind, ConstantKind]] = SLOPES_PC, FITS_PC, BAD_PIXELS_PC
    command: ClassVar[str] = "PC"
    entry_seconds: ClassVar[float] = 0.9  # 65,536 series of 600 steps
    title: ClassVar[str] = "Pulse capacitor"
    use_when: ClassVar[str] = "After a change of the operating condition, and some times a year."
    caution: ClassVar[str] = ("The ratio of gains is as good as the scan is long behind the switch: 1.3 % a pixel at "
                              "600 steps with the switch at 200, 5 % with it at 350.")
    intervals: Literal["regions", "fixed"] = knob(
        "regions", help="Steps that lines are fitted to: those of the regions, or the same for all pixels")
    hg_range: Limits = knob((42.0, 122.0), unit="steps", expert=True, help="Fixed steps of high gain")
    mg_range: Limits = knob((402.0, 552.0), unit="steps", expert=True, help="Fixed steps of medium gain")
    margin_hg: int = knob(20, ge=0, le=1000, unit="steps", help="Steps before the switch that are left out")
    margin_mg: int = knob(20, ge=0, le=1000, unit="steps", help="Steps at the end of the scan that are left out")
    hg_part: float = knob(100.0, ge=10, le=100, unit="%", help="First part of high gain that its line is fitted to")
    fit_hook: bool = knob(True, help="Fit a hook at the begin of medium gain, an exponential beside the line")
    hook_c: Limits = knob((8.0, 160.0), unit="steps", expert=True, help="Least and largest length of the hook")
    min_hg_points: int = knob(7, ge=4, le=10000, expert=True, help="Least samples of high gain")
    min_mg_points: int = knob(30, ge=6, le=10000, expert=True, help="Least samples of medium gain")
    slope_sigma: float = knob(5.0, ge=1, le=100, unit="σ", help="Soft limit of slopes about those of their ASIC")
    hard_mh: Limits = knob((0.5, 1.5), help="Hard limits of slopes, in units of the median of their ASIC")
    lin_t: float = knob(5.0, ge=1, le=100, unit="σ", help="Largest curvature of high gain, in its error")
    lin_max: float = knob(0.03, ge=0, le=1, help="Largest residual of high gain, in units of the span of its signal")

    def axes(self, context: Context) -> tuple[Axis, ...]:
        """Those of scans, and entries of lines and fits, which are looked at side by side.

        Returns
        -------
        tuple of Axis
        """
        return (*self.scan_axes(context),
                Axis("parameter", "Parameter", PC_PARAMETERS, of_slot=True, value_units=PC_UNITS,
                     first=("slope HG", "slope MG", "ratio", "threshold")),
                Axis("quantity", "Quantity", PC_FIT, of_slot=True, value_units=PC_FIT_UNITS,
                     first=("first switch", "chi2 HG", "chi2 MG", "curvature HG", "samples HG", "samples transition",
                            "samples MG"),
                     states=("regions", "fit HG", "fit MG")))

    def results(self, kind: DetectorType | None) -> tuple[Result, ...]:
        """Lines, what is known of them, bad pixels, and what is found of the scans.

        Returns
        -------
        tuple of Result
            Over (cell), and their own entries; flags over (gain, cell).
        """
        return (
            Result("lines", "PC", "", "f4", "Lines over the steps of the scan: slopes in ADU per step, "
                   "intercepts at step 0, ratio of the slopes", over=("parameter", "cell"), quality="fits",
                   verdict="change", tested=("slope HG", "slope MG", "threshold", "ratio")),
            FLAGS,
            Result("fits", "PC", "", "f4", "Errors of the lines, regions and quality of the fits",
                   over=("quantity", "cell")),
            *self.scan_results(kind),
        )

    def explanation(self, x: Array, signal: Array, code: Array, notes: Sequence[str], known: Known) -> Explanation:
        """The scan of a pixel with its regions, fits, residuals, gain signal and clusters.

        Returns
        -------
        Explanation
        """
        found = self._fitted(x, signal, code)
        shown = explanation_of(found, self._spans(found), self._limits_of(found), tuple(notes))
        return replace(shown, others=OTHERS)

    def beside_others(self, shown: Explanation, x: Array, signal: Array, code: Array) -> Explanation:
        """Lines and hook by iminuit, clusters by scikit-learn."""
        found = self._fitted(x, signal, code)
        clusters, _ = scan_clusters(x, signal[0], code[0], **self._limits)
        return compared(shown, found, clusters, self._spans(found), self.hook_c)

    def _fitted(self, x: Array, signal: Array, code: Array) -> Fitted:
        """All that is made of the series of one pixel, (s,) and (1, s)."""
        features, seeds, _ = scan_features(x, signal[0], code[0], **self._limits)
        return Fitted(x, signal, code, *self._regions_and_lines(x, signal, code), features, seeds)

    def _spans(self, found: Fitted) -> tuple[Span, ...]:
        """Steps that lines are fitted to, with the parameters that move their ends."""
        high, medium = ((found.signal[0] > 0) & (found.regions.label[0] == one) for one in (HIGH, MEDIUM))
        if not (high.any() and medium.any()):
            return ()
        if self.intervals == "fixed":
            return (Span("fit HG", *self.hg_range, "hg_range", number=HIGH),
                    Span("fit MG", *self.mg_range, "mg_range", number=MEDIUM))
        first, last = found.x[high][[0, -1]].tolist()
        end, part = last - self.margin_hg, first + self.hg_part / 100 * (last - first)
        begin, ends = found.x[medium][[0, -1]].tolist()
        return (Span("fit HG", first, min(end, part), "margin_hg" if end <= part else "", last, HIGH),
                Span("fit MG", begin, ends - self.margin_mg, "margin_mg", ends, MEDIUM))

    def _limits_of(self, found: Fitted) -> dict[str, float]:
        """Limits of numbers of a pixel that can be told without its neighbours."""
        span = abs(float(found.high.slope[0] * found.regions.first_switch[0]))
        return {"curvature HG": self.lin_t, "largest residual HG": self.lin_max * span}

    def allowed(self, kind: DetectorType, runs: Sequence[RunFacts]) -> tuple[str, ...]:
        """Errors of slope, ratio and step at the switch, for the steps that runs have and that are fitted.

        Returns
        -------
        tuple of str
        """
        source = self.injection(kind)
        usual, noise = source.usual, source.noise
        if usual is None or not runs:
            return ()
        scan = expected(runs, usual, self.max_trains)
        decay = min(max(usual.decay, self.hook_c[0]), self.hook_c[1])
        lines = ScanLines(scan.slope, usual.ratio, (noise[0], noise[1]), usual.hook, decay)
        hook = self.fit_hook and self.intervals == "regions"
        errors = scan_errors(*self._fitted_steps(scan), scan.switch, lines, hook)
        shape = f", and a hook of {usual.hook:g} ADU and {decay:g} steps" if hook else ""
        return (_sentence(errors), f"One scan of {scan.steps:,} steps {scan.told}; noise of {noise[0]:g} and "
                f"{noise[1]:g} ADU{shape}.")

    def _fitted_steps(self, scan: Expected) -> tuple[Array, Array]:
        """Steps of high and of medium gain that lines will be fitted to; none where they are fewer than it takes."""
        steps = np.arange(scan.steps)
        if self.intervals == "fixed":
            high, medium = ((steps >= low) & (steps <= up) for low, up in (self.hg_range, self.mg_range))
        else:
            last = min(scan.switch - self.margin_hg, self.hg_part / 100 * scan.switch)
            high, medium = steps < last, (steps >= scan.switch) & (steps < scan.steps - self.margin_mg)
        high, medium = high & (steps < scan.switch), medium & (steps >= scan.switch)
        return _enough(steps[high], self.min_hg_points), _enough(steps[medium], self.min_mg_points)

    def checks(self, kind: DetectorType | None) -> tuple[Check, ...]:
        """What is asked of each module: frames without data, pixels without lines, hooks, and slopes by run."""
        return (*super().checks(kind), Lined(), WeakHooks(), Periodic(self.source))

    def rules(self, kind: DetectorType) -> tuple[RuleText, ...]:
        """The rules by which pixels are flagged."""
        return self._rules.texts()

    @property
    def _rules(self) -> ScanRules:
        return ScanRules(self.slope_sigma, self.hard_mh, self.lin_t, self.lin_max)

    @property
    def _limits(self) -> dict[str, Any]:
        return {"min_gain_step": self.min_gain_step, "min_high_points": self.min_hg_points,
                "min_medium_points": self.min_mg_points}

    def fit(self, at: At, x: Array, signal: Array, code: Array) -> Maps:
        """Numbers of some pixels.

        Returns
        -------
        dict of (n, …) arrays
        """
        samples = np.count_nonzero(signal, axis=1).astype(np.uint32)
        regions, high, medium = self._regions_and_lines(x, signal, code)
        chi2 = chi2_of_two(x, signal, regions.label, high, medium)
        return {**_numbers(regions, high, medium, chi2), "samples": samples}

    def _regions_and_lines(self, x: Array, signal: Array, code: Array) -> tuple[ScanRegions, RegionLines, MediumFits]:
        regions = scan_regions(x, signal, code, **self._limits)
        fixed = self.intervals == "fixed"
        high = region_lines(x, signal, regions.label, margin=self.margin_hg, part=self.hg_part / 100,
                          interval=_steps(self.hg_range) if fixed else None, min_points=self.min_hg_points)
        medium = medium_fits(x, signal, regions.label, margin=self.margin_mg, hook=self.fit_hook and not fixed,
                             hook_c=self.hook_c, interval=_steps(self.mg_range) if fixed else None,
                             min_points=self.min_mg_points)
        return regions, high, medium

    def blank(self, kind: DetectorType) -> Maps:
        """Maps of a memory cell of which nothing is known: all pixels are without data.

        Returns
        -------
        dict of arrays
        """
        return {"lines": np.full((len(PC_PARAMETERS), *kind.shape), np.nan, np.float32),
                "fits": np.full((len(PC_FIT), *kind.shape), np.nan, np.float32),
                "samples": np.zeros(kind.shape, np.uint32)}

    def finish(self, context: Context, unit: Unit, maps: Maps) -> Maps:
        """Maps of a memory cell with the flags of all its pixels.

        Returns
        -------
        dict of arrays
        """
        kind, rules, known = context.detector, self._rules, dict(zip(PC_FIT, maps["fits"], strict=True))
        lines = dict(zip(PC_PARAMETERS, maps["lines"], strict=True))
        span = lines["slope HG"] * known["first switch"]
        high = {"slope": lines["slope HG"], "regions": known["regions"], "status": known["fit HG"],
                "curvature": known["curvature HG"], "largest": known["largest residual HG"], "span": span}
        medium = {"slope": lines["slope MG"], "regions": known["regions"], "status": known["fit MG"]}
        codes, spreads = (np.stack([known[f"gain signal {one}{what}"] for one in ("HG", "MG")])
                          for what in ("", " spread"))
        both = too_close(codes, spreads) | _charges(self.times_charged(context, unit))
        flags = np.zeros((len(kind.stages), *kind.shape), np.uint32)
        flags[_HIGH], flags[_MEDIUM] = rules.high(kind, high) | both, rules.medium(kind, medium) | both
        return {**maps, "bad_pixels": flags}


def _steps(limits: tuple[float, float]) -> tuple[int, int]:
    return int(limits[0]), int(limits[1])


def _numbers(regions: ScanRegions, high: RegionLines, medium: MediumFits, chi2: Array) -> Maps:
    """Lines and fits of some pixels, (pixels, entries) float32, in the order of their names."""
    steep = np.where(medium.slope == 0, np.float32(np.nan), medium.slope)
    ratio = high.slope / steep
    error = np.abs(ratio) * np.hypot(high.slope_error / high.slope, medium.slope_error / steep)
    lines = (high.slope, high.intercept, high.deviation, medium.slope, medium.intercept, medium.deviation,
             medium.start, medium.decay, medium.hook, regions.threshold, ratio)
    fits = (high.slope_error, high.intercept_error, medium.slope_error, medium.intercept_error, error,
            medium.hook_error, medium.decay_error, regions.low, regions.high, regions.low_spread, regions.high_spread,
            regions.first_switch, regions.last_switch, *regions.counts.T, regions.misordered, high.curvature_t,
            high.largest, medium.largest, medium.covariance, regions.status, high.status, medium.status, *chi2)
    return {"lines": np.stack(lines, axis=1).astype(np.float32), "fits": np.stack(fits, axis=1).astype(np.float32)}


def _charges(number: Array) -> Array:
    """Flags of pixels that no run charges, or several do, (slow_scan, fast_scan) uint32."""
    return where(number != 1, BadPixels.CI_EVAL_ERROR) | where(number == 0, BadPixels.NO_DARK_DATA)


def _enough(steps: Array, least: int) -> Array:
    return steps if len(steps) >= least else steps[:0]


def _sentence(errors: ScanErrors) -> str:
    """Errors in per cent, two digits each; what has none is named."""
    named = {"slope HG": errors.slope, "ratio": errors.ratio, "step at the switch": errors.step}
    parts = [f"{name} ± {float(f'{100 * value:.2g}'):g} %" if np.isfinite(value) else f"no {name}"
             for name, value in named.items()]
    few = " of the signal" if np.isfinite(errors.step) else "; there are too few steps on a side of the switch"
    return f"This scan allows, for each pixel and memory cell: {', '.join(parts)}{few}."
