"""What a scan made of one pixel, as plots: its samples by region, both fits, residuals, gain signal and clusters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.scan_chi2 import chi2_of_two
from calib_core.characterisation.scan_rules import why_no_lines
from calib_core.explanation import Explanation, Level, Line, Number, Plot, Points, Span
from calib_core.numerics.scan_fits import WEAK, MediumFits, RegionLines
from calib_core.numerics.scan_regions import HIGH, MEDIUM, NONE, OK, TRANSITION, ScanRegions

_REGIONS = {HIGH: "high gain", TRANSITION: "transition", MEDIUM: "medium gain", NONE: "left out"}
_STEP, _ADU = ("step", "steps"), ("signal", "ADU")


@dataclass(frozen=True)
class Fitted:
    """Series of one pixel, (1, s) and (s,), with all that was made of it.

    Attributes
    ----------
    x : (s,) int32, steps
    signal, code : (1, s) uint16, ADU
    regions, high, medium
    features, seeds : (s, 2), (3, 2) float64
        What clusters were made from.
    """

    x: Array
    signal: Array
    code: Array
    regions: ScanRegions
    high: RegionLines
    medium: MediumFits
    features: Array
    seeds: Array

    @property
    def line_high(self) -> Array:
        """Line of high gain at each step, (s,) float64, ADU."""
        return np.asarray(self.high.slope[0] * self.x.astype(float) + self.high.intercept[0])

    @property
    def asymptote(self) -> Array:
        """Line of medium gain at each step, without the hook."""
        return np.asarray(self.medium.slope[0] * self.x.astype(float) + self.medium.intercept[0])

    @property
    def curve_medium(self) -> Array:
        """Line of medium gain with the hook."""
        one = self.medium
        if not np.isfinite(one.decay[0]):
            return self.asymptote
        past = np.maximum(self.x - one.start[0], 0)
        return np.asarray(self.asymptote + one.hook[0] * np.exp(-past / one.decay[0]))


def explanation_of(
    found: Fitted, spans: tuple[Span, ...], limits: Mapping[str, float], notes: tuple[str, ...] = (),
) -> Explanation:
    """Plots and numbers of a pixel.

    Parameters
    ----------
    found : Fitted
    spans : tuple of Span
        Steps that lines are fitted to.
    limits : mapping of str to float
        Of numbers, by their names.
    notes : tuple of str
        What is to be said beside them.
    """
    regions, high, medium = (int(one.status[0]) for one in (found.regions, found.high, found.medium))
    missing = why_no_lines(regions, high, medium)
    why = (f"There are {'no fits' if regions != OK else 'no fits of both stages'}: {missing}.",) if missing else ()
    if medium == WEAK:
        why = (*why, "The hook is below three of its errors: the line of medium gain is fitted beside it all the "
               "same, with the error that it has while the hook is not known.")
    return Explanation((_scan(found, spans), _hook(found), _residuals(found), _gain(found), _clusters(found)),
                       _numbers(found, limits), (*why, *notes))


def _by_region(found: Fitted, values: Array) -> tuple[Points, ...]:
    """Values of the samples that there are, in groups by their region."""
    there, label = found.signal[0] > 0, found.regions.label[0]
    return tuple(Points(name, found.x[mine], values[mine], one) for one, name in _REGIONS.items()
                 if (mine := there & (label == one) & np.isfinite(values)).any())


def _scan(found: Fitted, spans: tuple[Span, ...]) -> Plot:
    lines = [Line("line HG", found.x, found.line_high), Line("MG with hook", found.x, found.curve_medium),
             Line("line MG", found.x, found.asymptote, dashed=True)]
    inside = (found.x <= found.regions.last_switch[0], found.x >= found.regions.first_switch[0], None)
    kept = tuple(one if where is None else Line(one.name, one.x[where], one.y[where], one.dashed)
                 for one, where in zip(lines, inside, strict=True) if np.isfinite(one.y).any())
    return Plot("Scan", *_names(), items=(*spans, *_by_region(found, found.signal[0].astype(float)), *kept))


def _hook(found: Fitted) -> Plot:
    """Medium gain alone: on the scale of the whole scan its hook cannot be seen."""
    medium = (found.regions.label[0] == MEDIUM) & (found.signal[0] > 0)
    items: tuple[Points | Line, ...] = ()
    if medium.any():
        x = found.x[found.x >= found.x[medium].min()]
        items = (Points("medium gain", found.x[medium], found.signal[0][medium].astype(float), MEDIUM),
                 Line("MG with hook", x, found.curve_medium[-len(x):]),
                 Line("line MG", x, found.asymptote[-len(x):], dashed=True))
    return Plot("Medium gain", *_names(), items=items)


def _residuals(found: Fitted) -> Plot:
    label, signal = found.regions.label[0], found.signal[0].astype(float)
    values = np.where(label == HIGH, signal - found.line_high,
                      np.where(label == MEDIUM, signal - found.curve_medium, np.nan))
    noise = [float(one.deviation[0]) for one in (found.high, found.medium) if np.isfinite(one.deviation[0])]
    band = tuple(Level("", sign * max(noise)) for sign in (-1, 1)) if noise else ()
    return Plot("Residuals", _STEP[0], "residual", _STEP[1], "ADU",
                (*_by_region(found, values), Level("", 0.0), *band))


def _gain(found: Fitted) -> Plot:
    threshold = float(found.regions.threshold[0])
    level = (Level("threshold", threshold),) if np.isfinite(threshold) else ()
    return Plot("Gain signal", _STEP[0], "gain signal", _STEP[1], "ADU",
                (*_by_region(found, found.code[0].astype(float)), *level))


def _clusters(found: Fitted) -> Plot:
    label, there = found.regions.label[0], np.isfinite(found.features).all(axis=1)
    groups = [Points(name, found.features[mine, 0], found.features[mine, 1], one) for one, name in _REGIONS.items()
              if (mine := there & (label == one)).any()]
    centres = [found.features[there & (label == one)].mean(axis=0) for one in (HIGH, TRANSITION, MEDIUM)
               if (there & (label == one)).any()]
    middles = (Points("centroids", np.array(centres)[:, 0], np.array(centres)[:, 1], large=True),) if centres else ()
    return Plot("Clusters", "slope / slope HG", "gain signal / step", items=(*groups, *middles))


def _names() -> tuple[str, str, str, str]:
    return _STEP[0], _ADU[0], _STEP[1], _ADU[1]


def _numbers(found: Fitted, limits: Mapping[str, float]) -> tuple[Number, ...]:
    high, medium, regions = found.high, found.medium, found.regions
    steep = medium.slope[0] or np.float32(np.nan)
    ratio = high.slope[0] / steep
    error = abs(ratio) * np.hypot(high.slope_error[0] / high.slope[0], medium.slope_error[0] / steep)
    rows = [("slope HG", high.slope[0], high.slope_error[0], "ADU/step"),
            ("intercept HG", high.intercept[0], high.intercept_error[0], "ADU"),
            ("slope MG", medium.slope[0], medium.slope_error[0], "ADU/step"),
            ("intercept MG", medium.intercept[0], medium.intercept_error[0], "ADU"),
            ("ratio", ratio, error, ""), ("hook", medium.hook[0], medium.hook_error[0], "ADU"),
            ("hook length", medium.decay[0], medium.decay_error[0], "steps"),
            ("threshold", regions.threshold[0], np.nan, "ADU"),
            ("switch", (regions.first_switch[0] + regions.last_switch[0]) / 2, np.nan, "steps"),
            ("curvature HG", high.curvature_t[0], np.nan, "σ"), ("residuals HG", high.deviation[0], np.nan, "ADU"),
            ("largest residual HG", high.largest[0], np.nan, "ADU"),
            ("residuals MG", medium.deviation[0], np.nan, "ADU")]
    rows += [(f"samples {name}", float(number), np.nan, "") for name, number in
             zip(("HG", "transition", "MG"), regions.counts[0], strict=True)]
    rows += [(f"χ² {name}", value, np.nan, "") for name, value in zip(("HG", "MG"), chi2_of_two(
        found.x, found.signal, regions.label, high, medium)[:, 0], strict=True)]
    return tuple(Number(name, float(value), unit, float(error), limits.get(name, np.nan))
                 for name, value, error, unit in rows if np.isfinite(value))
