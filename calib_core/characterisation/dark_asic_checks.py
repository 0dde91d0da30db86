"""Checks of ASICs: those that differ from the others, and those whose samples lie outside their gates."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation import dark_asics
from calib_core.characterisation.checks import Check
from calib_core.characterisation.finished import Finished
from calib_core.characterisation.unit import Context
from calib_core.numerics.outliers import medians_of_others, outlying, scale
from calib_core.ranges import format_numbers
from calib_core.remarks import CheckText, Remark

#: An offset is told beyond so many spreads, a noise beyond this ratio, shares beyond these and this ratio.
_SPREADS, _NOISE, _BAD, _RATIO, _OUTSIDE = 5.0, 1.5, 0.05, 5.0, 0.02
#: Of more ASICs than these that have samples outside their gates there is one sentence.
_MOST_SENTENCES = 4


@dataclass(frozen=True)
class Difference:
    """A number of an ASIC that differs from that of the others: value, limit, words, and cells in which it does."""

    value: float
    limit: float
    unit: str
    words: str
    cells: tuple[int, ...]


class BadAsics(Check):
    """No ASIC of a module differs from the others in offset, noise or share of bad pixels."""

    @property
    def text(self) -> CheckText:
        """The check in words."""
        return CheckText(
            "ASIC", "medians over the memory cells of: o, the median offset of the pixels of an ASIC, w, 1.4826 MAD "
            "of it, s, their median noise, b, the share of bad pixels; M is the median over the other ASICs",
            f"o further from M(o) than {_SPREADS:g} times the larger of M(w) and the scatter of the others, s / M(s) "
            f"outside 1/{_NOISE:g} to {_NOISE:g}, b > {_BAD:.0%} and > {_RATIO:g} M(b)",
            "none by statistics: the medians are good to 1 % of the noise and to 8 % of w",
            "a real module of 8 ASICs has ratios of 0.98 to 1.02 and shifts of at most 0.8 w")

    def remarks(self, context: Context, module: int, finished: Finished) -> Iterator[Remark]:
        """A sentence for each ASIC that differs; one for both where there are two.

        Yields
        ------
        Remark
            Of noise, offset or bad pixels, whichever comes first, with all that differs in the sentence.
        """
        boxes = dark_asics.boxes_of(context.detector)
        known = {one.name: finished.values(one.name) for one in dark_asics.STATISTICS}
        for gain, stage in enumerate(context.axes["gain"].labels if len(boxes) > 1 else ()):
            found = differences({name: values[gain] for name, values in known.items()})
            for asics in [(0, 1)] if found and len(boxes) == 2 else [(asic,) for asic in found]:
                told = [one for asic in asics for one in found.get(asic, ())]
                cells = tuple(sorted({context.cells[cell] for one in told for cell in one.cells}))
                words = "; ".join(one.words for one in next(iter(found[asic] for asic in asics if asic in found)))
                names = "ASICs 0 and 1" if len(asics) == 2 else f"ASIC {asics[0]}"
                yield Remark(
                    self.text.kind, module, str(stage), told[0].value, told[0].limit, told[0].unit,
                    f"{names} of module {module}, {stage}{', differ' * (len(asics) == 2)}: {words}"
                    f"{in_cells(cells, context.cells)}.", asics, tuple(boxes[asic] for asic in asics), cells)


def differences(found: Mapping[str, Array]) -> dict[int, list[Difference]]:
    """What differs of each ASIC that differs at all.

    Parameters
    ----------
    found : mapping of (cell, asic) arrays
        :data:`dark_asics.STATISTICS` of a gain stage; NaN where there is nothing.

    Returns
    -------
    dict of list of Difference
        By ASIC, ascending.
    """
    told: dict[int, list[Difference]] = {}
    for of in (_of_noise, _of_offset, _of_bad):
        for asic, one in of(found):
            told.setdefault(asic, []).append(one)
    return dict(sorted(told.items()))


def _of_noise(found: Mapping[str, Array]) -> Iterator[tuple[int, Difference]]:
    noise = found[dark_asics.NOISE.name]
    value, of_others = medians(noise), medians_of_others(noise)
    for asic, usual in enumerate(medians(of_others)):
        ratio, others = value[asic] / usual if usual > 0 else np.nan, of_others[:, asic]
        if ratio < 1 / _NOISE or ratio > _NOISE:
            cells = np.flatnonzero((noise[:, asic] > _NOISE * others) | (noise[:, asic] < others / _NOISE))
            limit = float(usual * (_NOISE if ratio > 1 else 1 / _NOISE))
            yield asic, Difference(
                float(value[asic]), limit, "ADU", f"median noise {value[asic]:.3g} ADU, {ratio:.2g} × that of the "
                f"{_others(value)} ({usual:.3g} ADU)", tuple(cells.tolist()))


def _of_offset(found: Mapping[str, Array]) -> Iterator[tuple[int, Difference]]:
    offset, spread = found[dark_asics.OFFSET.name], found[dark_asics.SPREAD.name]
    value, width = medians(offset), medians(spread)
    far = outlying(value, width, _SPREADS)
    usual = ~far & np.isfinite(value) & np.isfinite(width)
    for asic in np.flatnonzero(far).tolist():
        middle, limit = float(np.median(value[usual])), _SPREADS * scale(value[usual], width[usual])
        with np.errstate(invalid="ignore"):
            cells = np.flatnonzero(np.abs(offset[:, asic] - medians(offset[:, usual], 1)) > limit)
        yield asic, Difference(
            float(value[asic]), middle + float(np.copysign(limit, value[asic] - middle)), "ADU",
            f"median offset {value[asic]:.1f} ADU, {value[asic] - middle:+.1f} ADU from that of the {_others(value)} "
            f"({middle:.1f} ADU; ± {limit:.1f} ADU is usual)", tuple(cells.tolist()))


def _of_bad(found: Mapping[str, Array]) -> Iterator[tuple[int, Difference]]:
    bad = found[dark_asics.BAD.name]
    value, of_others = medians(bad), medians_of_others(bad)
    for asic, usual in enumerate(medians(of_others)):
        limit = max(_BAD, _RATIO * float(usual))
        if value[asic] > limit:
            cells = np.flatnonzero(bad[:, asic] > np.fmax(_BAD, _RATIO * of_others[:, asic]))
            yield asic, Difference(
                100 * float(value[asic]), 100 * limit, "%", f"{value[asic]:.1%} bad pixels, against "
                f"{float(usual):.1%} of the {_others(value)}", tuple(cells.tolist()))


def _others(value: Array) -> str:
    return "other" if len(value) == 2 else "others"


class Outside(Check):
    """No more of the samples of an ASIC lie outside their gates than cosmic rays explain."""

    @property
    def text(self) -> CheckText:
        """The check in words."""
        return CheckText(
            "outside the gate", "q of each ASIC and memory cell: share of the samples outside the gate beyond "
            "chance, of those pixels that q explains itself", f"q > {_OUTSIDE:.0%} in any memory cell",
            "none: q is good to 3 / Σn", "so much hides pixels that blink seldom; cosmic rays make far less")

    def remarks(self, context: Context, module: int, finished: Finished) -> Iterator[Remark]:
        """A sentence for each such ASIC, or one for all where there are many.

        Yields
        ------
        Remark
            In per cent.
        """
        boxes, known = dark_asics.boxes_of(context.detector), finished.values(dark_asics.COMMON.name)
        for gain, stage in enumerate(context.axes["gain"].labels):
            share = np.nan_to_num(known[gain])
            told = np.flatnonzero((share > _OUTSIDE).any(axis=0)).tolist()
            for asics in [(one,) for one in told] if len(told) <= _MOST_SENTENCES else [tuple(told)]:
                places = tuple(boxes[asic] for asic in asics)
                yield _outside(self.text.kind, context, module, str(stage), share, asics, places)


def _outside(kind: str, context: Context, module: int, stage: str, share: Array, asics: Sequence[int],
             boxes: tuple[tuple[int, int, int, int], ...]) -> Remark:
    high = share[:, list(asics)] > _OUTSIDE
    values = [float(np.median(share[:, asic][high[:, i]])) for i, asic in enumerate(asics)]
    cells = tuple(context.cells[cell] for cell in np.flatnonzero(high.any(axis=1)).tolist())
    much = f"{values[0]:.1%}" if len(asics) == 1 else f"{min(values):.1%} to {max(values):.1%}"
    names = f"ASIC{'s' * (len(asics) > 1)} {format_numbers(asics)} of module {module}"
    return Remark(
        kind, module, stage, 100 * max(values), 100 * _OUTSIDE, "%",
        f"{much} of the samples of {names}, {stage}, lie outside their gates{in_cells(cells, context.cells)}: light, "
        "or a jump. Pixels that blink seldom are not found there.", tuple(asics), boxes, cells)


def in_cells(cells: Sequence[int], every: Sequence[int]) -> str:
    """Words on the memory cells in which something holds; none where there is one in all.

    Parameters
    ----------
    cells, every : sequence of int
        Numbers of those in which it holds, and of all.
    """
    if len(every) < 2 or not cells:
        return ""
    if len(cells) == len(every):
        return ", in all memory cells"
    return f", in memory cell{'s' * (len(cells) > 1)} {format_numbers(cells)}"


def medians(values: Array, axis: int = 0) -> Array:
    """Medians without NaN along an axis.

    Returns
    -------
    array
        Without that axis; NaN where there is nothing else.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of slices that are all NaN
        return np.asarray(np.nanmedian(values, axis=axis))
