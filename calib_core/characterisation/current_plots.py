"""What a scan of a current source made of one pixel, as plots: samples by region, lines, residuals, gain signal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.current_fits import NAMES, WHY, StageFits
from calib_core.explanation import Explanation, Level, Line, Number, Plot, Points
from calib_core.numerics.scan_regions import OK
from calib_core.numerics.stage_regions import NONE, STAGES

_REGIONS = {0: "high gain", 1: "medium gain", 2: "low gain", NONE: "left out"}
_TIME, _ADU = ("integration time", "steps"), ("signal", "ADU")
#: Of high gain alone so much is drawn, in units of the integration time at which it ends.
_BEYOND = 1.5


def explanation_of(
    x: Array, signal: Array, code: Array, found: StageFits, chi2: Array, status: int, notes: Sequence[str],
) -> Explanation:
    """Plots and numbers of a pixel.

    Parameters
    ----------
    x : (s,) int32, steps
    signal, code : (1, s) uint16, ADU
    found : StageFits
    chi2 : (3,) array
        χ² per degree of freedom.
    status : int
        0 where the current fits; key of :data:`WHY`.
    notes : sequence of str
        What is to be said beside them.
    """
    why = () if status == OK else (f"This current does not fit: {WHY[status]}.",)
    drawn = _Drawn(x, signal[0], found)
    levels = tuple(Level(f"threshold {name}", float(value)) for name, value in
                   zip(NAMES[1:], found.regions.thresholds[0], strict=True) if np.isfinite(value))
    plots = (drawn.scan("Scan", x[-1] if len(x) else 0), drawn.scan("High gain", drawn.end_of_high),
             Plot("Residuals", _TIME[0], "residual", _TIME[1], "ADU",
                  (*drawn.points(drawn.residuals), Level("", 0.0))),
             Plot("Gain signal", _TIME[0], "gain signal", _TIME[1], "ADU",
                  (*drawn.points(code[0].astype(float)), *levels)))
    return Explanation(plots, _numbers(found, chi2), (*why, *notes))


class _Drawn:
    """Samples of one pixel with its lines."""

    def __init__(self, x: Array, signal: Array, found: StageFits) -> None:
        self._x, self._signal, self._found = x, signal.astype(float), found
        self._lines = [line.slope[0] * x.astype(float) + line.intercept[0] for line in found.lines]
        self._label = found.regions.label[0]

    @property
    def end_of_high(self) -> float:
        """To where high gain is drawn alone: some way behind its end, and the whole scan where that is not known."""
        switch = self._found.regions.switch[0, 0]
        return float(_BEYOND * switch if np.isfinite(switch) else self._x[-1] if len(self._x) else 0)

    @property
    def residuals(self) -> Array:
        """What the lines leave of the samples in their regions, NaN elsewhere."""
        values = np.full(self._x.size, np.nan)
        for stage in STAGES:
            mine = self._label == stage
            values[mine] = self._signal[mine] - self._lines[stage][mine]
        return values

    def points(self, values: Array, end: float = np.inf) -> tuple[Points, ...]:
        """Values of the samples that there are, in groups by their region."""
        there = (self._signal > 0) & np.isfinite(values) & (self._x <= end)
        return tuple(Points(name, self._x[mine], values[mine], one) for one, name in _REGIONS.items()
                     if (mine := there & (self._label == one)).any())

    def scan(self, title: str, end: float) -> Plot:
        """Samples and lines up to an integration time."""
        return Plot(title, *_TIME[:1], *_ADU[:1], _TIME[1], _ADU[1],
                    items=(*self.points(self._signal, end), *self._drawn_lines(end)))

    def _drawn_lines(self, end: float) -> Iterator[Line]:
        """Each line where its stage is, the next of them dashed."""
        edges = [-np.inf, *self._found.regions.switch[0], np.inf]
        for stage, line in enumerate(self._lines):
            inside = (self._x >= edges[stage]) & (self._x <= min(edges[stage + 1], end))
            if np.isfinite(line).any() and inside.any():
                yield Line(f"line {NAMES[stage]}", self._x[inside], line[inside], dashed=stage == 1)


def _numbers(found: StageFits, chi2: Array) -> tuple[Number, ...]:
    rows: list[tuple[str, float, float, str]] = []
    for name, line in zip(NAMES, found.lines, strict=True):
        rows += [(f"slope {name}", line.slope[0], line.slope_error[0], "ADU/step"),
                 (f"intercept {name}", line.intercept[0], line.intercept_error[0], "ADU")]
    rows += [("ratio M/L", found.ratio[0], found.ratio_error[0], "")]
    rows += [(f"χ² {name}", value, np.nan, "") for name, value in zip(NAMES, chi2, strict=True)]
    for k, name in enumerate(NAMES[1:]):
        rows += [(f"threshold {name}", found.regions.thresholds[0, k], np.nan, "ADU"),
                 (f"switch {name}", found.regions.switch[0, k], np.nan, "steps")]
    return tuple(Number(name, float(value), unit, float(error)) for name, value, error, unit in rows
                 if np.isfinite(value))
