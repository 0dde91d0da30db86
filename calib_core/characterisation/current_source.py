"""Current source: slopes of all gain stages and the ratio of the last two, from scans of the integration time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from calib_core.axes import Array, At, Axis, Result
from calib_core.characterisation import by_current, by_pattern
from calib_core.characterisation.checks import Check
from calib_core.characterisation.current_checks import Taken
from calib_core.characterisation.current_expected import seen_of, sentence, stage_errors
from calib_core.characterisation.current_fits import (
    NAMES,
    TWICE,
    FitLimits,
    StageFits,
    judged,
    numbers,
    stage_fits,
    typical,
)
from calib_core.characterisation.current_plots import Drawn, Judged, explanation_of
from calib_core.characterisation.current_rules import CurrentRules
from calib_core.characterisation.inputs import Arrangement, Given, RunFacts
from calib_core.characterisation.scan_chi2 import chi2
from calib_core.characterisation.scan_method import FLAGS, Known, ScanMethod
from calib_core.characterisation.unit import Context, Maps, Unit
from calib_core.constants.constant import (
    BAD_PIXELS_CS,
    CS_FIT,
    CS_FIT_UNITS,
    CS_PARAMETERS,
    CS_UNITS,
    FITS_CS,
    SLOPES_CS,
    ConstantKind,
)
from calib_core.detector import DetectorType
from calib_core.explanation import Explanation, RuleText
from calib_core.numerics.scan_regions import OK
from calib_core.params import Limits, knob
from calib_core.typed import parse_list

_STATUS, _CURRENT = CS_PARAMETERS.index("status"), CS_FIT.index("current")
_DEVIATION, _NOISE, _CHI2 = ([CS_FIT.index(f"{what} {name}") for name in NAMES]
                             for what in ("deviation", "noise", "chi2"))


class CurrentSource(ScanMethod):
    """Lines of high, medium and low gain over the integration time of a current, for each pixel and memory cell."""

    source: ClassVar[str] = "current"
    values_of_pixel: ClassVar[int] = len(CS_PARAMETERS) + len(CS_FIT) + 1
    made: ClassVar[tuple[ConstantKind, ConstantKind, ConstantKind]] = SLOPES_CS, FITS_CS, BAD_PIXELS_CS
    command: ClassVar[str] = "CS"
    entry_seconds: ClassVar[float] = 0.5  # 65,536 series with three lines
    title: ClassVar[str] = "Current source"
    use_when: ClassVar[str] = "For the ratio of medium to low gain, after a change of the operating condition."
    caution: ClassVar[str] = ("A small current shows high gain well and low gain badly or not at all, a large one "
                              "the other way round: of several, the first counts that fits a pixel.")
    combines: ClassVar[str] = "current"

    currents: str = knob("", help="Currents in the order in which they are tried, with commas between: one for each "
                         "scan, in the order of the runs, or one for each run; not needed where there is one scan")
    first_time: int = knob(3, ge=0, le=10000, unit="steps", help="Integration time of the first train of a scan")
    single_steps: int = knob(200, ge=1, le=65536, help="Trains after the first whose time grows by one step each")
    spacing: int = knob(10, ge=1, le=1000, unit="steps", help="By how much it grows with each train after them")
    trim: float = knob(15.0, ge=0, le=45, unit="%", help="Part of each region that is left out at either end")
    min_points: int = knob(10, ge=4, le=10000, help="Least samples of a line")
    max_chi2: float = knob(3.0, ge=1, le=1e6, unit="times", help="Largest χ² per degree of freedom of a line, with "
                           "the noise that neighbouring samples show")
    ml_range: Limits = knob((2.0, 10.0), help="Range of the slope of medium gain in units of that of low gain")
    ratio_sigma: float = knob(5.0, ge=1, le=100, unit="σ", help="Soft limit of ratios of slopes about those of their "
                              "ASIC")

    def arrange(self, kind: DetectorType, given: Given, keep: bool) -> Arrangement:
        """Which run is of which current, and charges which pixels; BadInput where runs are no such scans.

        Returns
        -------
        Arrangement
            As :func:`by_current.arrange` finds it.
        """
        runs = given.get(by_pattern.SCAN.name, ())
        return by_current.arrange(kind, self.injection(kind), runs, keep, self._currents)

    def allowed(self, kind: DetectorType, runs: Sequence[RunFacts]) -> tuple[str, ...]:
        """Errors of slopes and of the ratio of the last two, for each current, by what frames of its runs show.

        Returns
        -------
        tuple of str
        """
        source = self.injection(kind)
        if not source.noise or not runs:
            return ()
        arranged = by_current.arrange(kind, source, runs, False, self._currents).runs
        names = by_current.labels(arranged, self._currents)
        scans = [[one.run for one in arranged if one.at["current"] == index and one.run is not None]
                 for index in range(len(names))]
        told = [self._allowed(own, source.noise) for own in scans]
        if len(told) > 1:
            told = [f"Current {name}: {one}" for name, one in zip(names, told, strict=True)]
        noise = ", ".join(f"{one:g}" for one in source.noise)
        return (f"These scans allow, for each pixel and memory cell, with noise of {noise} ADU:", *told)

    def _allowed(self, runs: Sequence[RunFacts], noise: tuple[float, ...]) -> str:
        """What the scan of a current allows; of its runs the one whose frames tell where pixels switch is asked."""
        scans = [run.scan for run in runs if run.scan is not None]
        length = min(self.max_trains, *(one.last_train - one.first_train + 1 for one in scans), 1 << 31)
        x = self.steps(length)
        for one in scans:
            course = tuple((int(x[train]), signal) for train, signal in one.course if train < length)
            if (seen := seen_of(course)) is not None:
                errors = sentence(stage_errors(x, seen, noise, self.trim / 100, self.min_points), NAMES,
                                  self.min_points)
                places = " and ".join(f"between {low:.0f} and {high:.0f}" for low, high in seen.switch)
                return f"{errors}; {length:,} trains to step {x[-1]:,}, which switch {places}, by frames of the runs."
        return "nothing that can be said beforehand: the frames that were looked at do not show three gain stages."

    def steps(self, length: int) -> Array:
        """Integration times: by single steps at first, then by several.

        Returns
        -------
        (length,) int32
        """
        index = np.arange(length, dtype=np.int64)
        later = np.maximum(index - self.single_steps, 0)
        return np.asarray(self.first_time + index + (self.spacing - 1) * later, np.int32)

    def axes(self, context: Context) -> tuple[Axis, ...]:
        """Those of scans, currents, and entries of lines and fits, which are looked at side by side.

        Returns
        -------
        tuple of Axis
        """
        return (*self.scan_axes(context),
                Axis("current", "Current", by_current.labels(context.arranged.values(), self._currents)),
                Axis("parameter", "Parameter", CS_PARAMETERS, of_slot=True, value_units=CS_UNITS,
                     first=("ratio", "slope HG", "slope MG", "slope LG", "status")),
                Axis("quantity", "Quantity", CS_FIT, of_slot=True, value_units=CS_FIT_UNITS,
                     first=("current", "ratio error", "switch MG", "switch LG", "chi2 HG", "chi2 MG", "chi2 LG")))

    def results(self, kind: DetectorType | None) -> tuple[Result, ...]:
        """Lines of the currents that were taken, bad pixels, what is known of them, and the same of each current.

        Returns
        -------
        tuple of Result
            Over (cell), and their own entries; flags over (gain, cell); of each current over (current) too.
        """
        return (
            Result("lines", "CS", "", "f4", "Lines over the integration time, of the first current that fits: slopes "
                   "in ADU per step, intercepts at 0, ratio of medium and low gain, status",
                   over=("parameter", "cell"), verdict="change",
                   tested=("slope HG", "slope MG", "slope LG", "ratio")),
            FLAGS,
            Result("fits", "CS", "", "f4", "Errors of these lines, regions and quality of the fits, and the current",
                   over=("quantity", "cell")),
            Result("scans", "Scan", "", "f4", "Lines over the integration time of each current",
                   over=("current", "parameter", "cell")),
            Result("scan_fits", "Scan", "", "f4", "Errors of the lines of each current, regions and quality",
                   over=("current", "quantity", "cell")),
            Result("noise", "Noise of samples", "ADU", "f4", "Median noise that samples show from one to the next",
                   over=("current", "gain", "cell"), pixels=False, hidden=True),
            *self.scan_results(kind, "current"),
        )

    def fit(self, at: At, x: Array, signal: Array, code: Array) -> Maps:
        """Numbers of some pixels.

        Returns
        -------
        dict of (n, …) arrays
        """
        return {**numbers(self._fits(x, signal, code)),
                "samples": np.count_nonzero(signal, axis=1).astype(np.uint32)}

    def blank(self, kind: DetectorType) -> Maps:
        """Maps of a memory cell of which nothing is known.

        Returns
        -------
        dict of arrays
        """
        return {"scans": np.full((len(CS_PARAMETERS), *kind.shape), np.nan, np.float32),
                "scan_fits": np.full((len(CS_FIT), *kind.shape), np.nan, np.float32),
                "samples": np.zeros(kind.shape, np.uint32)}

    def finish(self, context: Context, unit: Unit, maps: Maps) -> Maps:
        """Maps of a memory cell and current with χ²; pixels that two runs charge do not fit.

        Returns
        -------
        dict of arrays
        """
        status, fits = maps["scans"][_STATUS], maps["scan_fits"]
        usual = typical(fits[_NOISE])
        fits[_CHI2] = chi2(fits[_DEVIATION], fits[_NOISE], usual)
        status[...] = judged(status, fits[_CHI2], self.max_chi2)
        status[(self.times_charged(context, unit) > 1) & np.isfinite(status)] = TWICE
        fits[_CURRENT] = float(context.axes["current"].labels[context.place(unit)["current"]])
        return {**maps, "noise": usual}

    def combined(self, kind: DetectorType | None) -> tuple[str, ...]:
        """Lines and fits of each current, of which one is taken."""
        return ("scans", "scan_fits")

    def combine(self, context: Context, at: At, results: Mapping[str, Array]) -> Maps:
        """The first current that fits each pixel, and flags.

        Returns
        -------
        dict of arrays
            ``lines``, ``fits`` and ``bad_pixels`` of a memory cell.
        """
        status = results["scans"][:, _STATUS]
        charged, fits = np.isfinite(status), status == OK
        # of pixels that no current fits the first that charges them says why
        taken = np.where(fits.any(axis=0), fits.argmax(axis=0), charged.argmax(axis=0))[np.newaxis, np.newaxis]
        lines, known = (np.take_along_axis(results[name], taken, 0)[0] for name in ("scans", "scan_fits"))
        none = ~fits.any(axis=0)
        lines[[one for one in range(len(CS_PARAMETERS)) if one != _STATUS]] = np.where(
            none, np.nan, np.delete(lines, _STATUS, 0))
        known[_CURRENT, none] = np.nan
        flags = self._rules.flags(context.detector, dict(zip(CS_PARAMETERS, lines, strict=True)),
                                  dict(zip(CS_FIT, known, strict=True)))
        return {"lines": lines, "fits": known, "bad_pixels": flags}

    def explanation(self, x: Array, signal: Array, code: Array, notes: Sequence[str], known: Known) -> Explanation:
        """The scan of a pixel with its regions, lines, residuals and gain signal.

        Returns
        -------
        Explanation
        """
        found, usual = self._fits(x, signal, code), known("noise")
        values = chi2(found.deviation, found.noise, np.full(len(NAMES), np.nan) if usual is None else usual)
        own = Judged(int(judged(found.status, values, self.max_chi2)[0]), values[:, 0], self.max_chi2)
        return explanation_of(Drawn(x, signal[0], code[0], found), own, notes)

    def checks(self, kind: DetectorType | None) -> tuple[Check, ...]:
        """What is asked of each module: frames without data, pixels that no current fits."""
        return (*super().checks(kind), Taken())

    def rules(self, kind: DetectorType) -> tuple[RuleText, ...]:
        """The rules by which pixels are flagged."""
        return self._rules.texts(self._limits)

    @property
    def _currents(self) -> tuple[float, ...]:
        return parse_list(self.currents, "currents")

    @property
    def _limits(self) -> FitLimits:
        return FitLimits(self.min_gain_step, self.min_points, self.trim / 100, self.ml_range)

    @property
    def _rules(self) -> CurrentRules:
        return CurrentRules(self.max_chi2, self.ratio_sigma)

    def _fits(self, x: Array, signal: Array, code: Array) -> StageFits:
        return stage_fits(x, signal, code, self._limits)
