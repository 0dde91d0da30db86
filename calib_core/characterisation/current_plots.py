"""What a scan of a current source made of one pixel, as plots: samples by region, lines, residuals, gain signal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.current_fits import NAMES, WHY, StageFits
from calib_core.explanation import Explanation, Level, Line, Number, Plot, Points, Span
from calib_core.numerics.scan_regions import OK
from calib_core.numerics.stage_regions import NONE, STAGES

_REGIONS = {0: "high gain", 1: "medium gain", 2: "low gain", NONE: "left out"}
_TIME, _ADU = ("integration time", "steps"), ("signal", "ADU")
#: Of high gain alone so much is drawn, in units of the integration time at which it ends.
_BEYOND = 1.5


@dataclass(frozen=True)
class Judged:
    """What becomes of a current.

    Attributes
    ----------
    status : int
        0 where it fits; key of :data:`calib_core.characterisation.current_fits.WHY`.
    chi2 : (3,) array
        χ² per degree of freedom of each line.
    largest : float
        That it may have.
    """

    status: int
    chi2: Array
    largest: float


class Drawn:
    """Samples of one pixel with its lines.

    Parameters
    ----------
    x : (s,) int32, steps
    signal, code : (s,) uint16, ADU
    found : StageFits
        Of this pixel alone.
    """

    def __init__(self, x: Array, signal: Array, code: Array, found: StageFits) -> None:
        self.x, self.signal, self.code, self.found = x, signal.astype(float), code.astype(float), found
        self.lines = [line.slope[0] * x.astype(float) + line.intercept[0] for line in found.lines]
        self.label = found.regions.label[0]

    @property
    def end_of_high(self) -> float:
        """To where high gain is drawn alone: some way behind its end, and the whole scan where that is not known."""
        switch = self.found.regions.switch[0, 0]
        return float(_BEYOND * switch if np.isfinite(switch) else self.x[-1] if len(self.x) else 0)

    @property
    def residuals(self) -> Array:
        """What the lines leave of the samples in their regions, NaN elsewhere."""
        values = np.full(self.x.size, np.nan)
        for stage in STAGES:
            mine = self.label == stage
            values[mine] = self.signal[mine] - self.lines[stage][mine]
        return values

    def spans(self, end: float) -> Iterator[Span]:
        """Integration times that lines are fitted to."""
        for stage, name in zip(STAGES, NAMES, strict=True):
            mine = self.x[self.label == stage]
            if mine.size and mine[0] <= end:
                yield Span(f"fit {name}", float(mine[0]), float(min(mine[-1], end)), number=stage)

    def points(self, values: Array, end: float = np.inf) -> tuple[Points, ...]:
        """Values of the samples that there are, in groups by their region."""
        there = (self.signal > 0) & np.isfinite(values) & (self.x <= end)
        return tuple(Points(name, self.x[mine], values[mine], one) for one, name in _REGIONS.items()
                     if (mine := there & (self.label == one)).any())

    def lines_until(self, end: float) -> Iterator[Line]:
        """Each line where its stage is; that of medium gain is dashed."""
        edges = [-np.inf, *self.found.regions.switch[0], np.inf]
        for stage, line in enumerate(self.lines):
            inside = (self.x >= edges[stage]) & (self.x <= min(edges[stage + 1], end))
            if np.isfinite(line).any() and inside.any():
                yield Line(f"line {NAMES[stage]}", self.x[inside], line[inside], dashed=stage == 1)


def explanation_of(drawn: Drawn, judged: Judged, notes: Sequence[str]) -> Explanation:
    """Plots and numbers of a pixel.

    Parameters
    ----------
    drawn : Drawn
    judged : Judged
    notes : sequence of str
        What is to be said beside them.
    """
    why = () if judged.status == OK else (f"This current does not fit: {WHY[judged.status]}.",)
    levels = tuple(Level(f"threshold {name}", float(value)) for name, value in
                   zip(NAMES[1:], drawn.found.regions.thresholds[0], strict=True) if np.isfinite(value))
    plots = (
        _scan("Scan", _TIME[0], drawn, np.inf),
        Plot("Residuals", _TIME[0], "residual", _TIME[1], "ADU", (*drawn.points(drawn.residuals), Level("", 0.0))),
        Plot("Gain signal", _TIME[0], "gain signal", _TIME[1], "ADU", (*drawn.points(drawn.code), *levels)),
        # an axis of its own: on that of the whole scan high gain cannot be seen
        _scan("High gain", "time in high gain", drawn, drawn.end_of_high))
    return Explanation(plots, _numbers(drawn.found, judged), (*why, *notes))


def _scan(title: str, along: str, drawn: Drawn, end: float) -> Plot:
    """Samples and lines up to an integration time."""
    return Plot(title, along, _ADU[0], _TIME[1], _ADU[1],
                (*drawn.spans(end), *drawn.points(drawn.signal, end), *drawn.lines_until(end)))


def _numbers(found: StageFits, judged: Judged) -> tuple[Number, ...]:
    rows: list[tuple[str, float, float, str]] = []
    for name, line in zip(NAMES, found.lines, strict=True):
        rows += [(f"slope {name}", line.slope[0], line.slope_error[0], "ADU/step"),
                 (f"intercept {name}", line.intercept[0], line.intercept_error[0], "ADU")]
    rows += [("ratio M/L", found.ratio[0], found.ratio_error[0], "")]
    rows += [(f"χ² {name}", value, np.nan, "") for name, value in zip(NAMES, judged.chi2, strict=True)]
    for k, name in enumerate(NAMES[1:]):
        rows += [(f"threshold {name}", found.regions.thresholds[0, k], np.nan, "ADU"),
                 (f"switch {name}", found.regions.switch[0, k], np.nan, "steps")]
    rows += [(f"samples {name}", float(number), np.nan, "")
             for name, number in zip(NAMES, found.regions.counts[0], strict=True)]
    return tuple(Number(name, float(value), unit, float(error), judged.largest if name.startswith("χ²") else np.nan)
                 for name, value, error, unit in rows if np.isfinite(value))
