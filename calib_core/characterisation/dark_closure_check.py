"""Check of closure: halves of the samples of a dark agree within their statistical error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.checks import Check
from calib_core.characterisation.dark_closure import CELLS, CLOSURE, NUMBERS, PIXELS, POWERS, PULLS
from calib_core.characterisation.finished import Finished
from calib_core.characterisation.unit import Context
from calib_core.numerics.closure import FEWEST, FEWEST_TOGETHER, SPLITS
from calib_core.remarks import CheckText, Remark

#: Widths may be off by this share, or by so many standard errors where there are few pulls.
_WIDTH, _ERRORS = 0.1, 5.0
#: Halves may lie apart by this in units of their statistical error, or by so many f.
_SHIFT, _COMMON = 1.0, 5.0
_TRAINS, _HALVES = SPLITS
_SIDES = {_TRAINS: ("even trains", "odd ones"), _HALVES: ("the first half", "the second")}
_MEANING = {
    (_TRAINS, "shift"): "trains in turn differ",
    (_TRAINS, "wide"): "trains in turn differ from pixel to pixel, or sums are wrong",
    (_TRAINS, "narrow"): "neighbouring trains are not independent, or there is a drift",
    (_HALVES, "shift"): "a drift or a jump",
    (_HALVES, "wide"): "slow noise, or pixels drift by themselves",
    (_HALVES, "narrow"): "samples are not independent",
}


@dataclass(frozen=True)
class Finding:
    """A pull that is not as it is expected: by how much of what is allowed, value, limit, unit and words."""

    excess: float
    value: float
    limit: float
    unit: str
    words: str


@dataclass(frozen=True)
class Agreement:
    """How halves of the samples of a gain stage agree.

    Attributes
    ----------
    what, split : str
        Offset or noise, and which halves, as in :data:`PULLS`.
    shift, width : float
        Median pull, and width of the pulls over the expected one.
    width_error : float
        Standard error of the width.
    pulls : float
        Their number.
    common : float
        What the pulls of a bank move by together.
    """

    what: str
    split: str
    shift: float
    width: float
    width_error: float
    pulls: float
    common: float


@dataclass(frozen=True)
class Closure(Check):
    """Halves of the samples from which the gate is taken agree.

    Attributes
    ----------
    kept : int
        Most samples that a gate is taken from.
    """

    kept: int

    @property
    def text(self) -> CheckText:
        """The check in words."""
        return CheckText(
            "closure", "pulls between halves A and B of the samples from which the gate is taken and that lie in it, "
            "of even and odd trains, and of the first and second half: (m_A − m_B) / √(s_A²/n_A + s_B²/n_B) of the "
            "offset, ln(s_A/s_B) / √(½/(n_A − 1) + ½/(n_B − 1)) of the noise; of good "
            f"pixels, about {PIXELS} in at most {CELLS} memory cells, both spread evenly, with at least {FEWEST} "
            f"samples in each half and {FEWEST_TOGETHER} in both; in families with further passes, of what "
            "is left after the last. Their median in each bank, or ASIC, is taken out; for f, the share of a bank's "
            "common mode in the standard deviation of a sample, √((n − 2)/(n − 4)) √(1 − f²) is the width of what "
            "is left of the offset, with f⁴ of the noise",
            f"a width further off than {_WIDTH:.0%} and {_ERRORS:g} of its standard errors, 1/√(2 N) of N pulls and "
            f"that of f; a median over the banks beyond {_SHIFT:g} and {_COMMON:g} f (noise: {_COMMON:g} f²)",
            "none: a width has an error of 1 to 2 %, and common mode that is new in each frame moves a bank by f",
            "even and odd trains are blind to drift but for a width below 1, halves show it; a correlation of 0.3 of "
            "neighbouring trains makes widths of 0.74 and 1.36. The median and plain estimators keep no gated "
            "samples, and there nothing is compared")

    def remarks(self, context: Context, module: int, finished: Finished) -> Iterator[Remark]:
        """A sentence for each gain stage in which halves do not agree.

        Yields
        ------
        Remark
            Of what is furthest off, with all that is in the sentence; or that nothing could be compared although
            there are frames enough.
        """
        values = finished.values(CLOSURE.name)
        for gain, stage in enumerate(context.axes["gain"].labels):
            numbers = values[gain][values[gain][:, 0] > 0]
            found = sorted(findings(numbers), key=lambda one: -one.excess)
            if not len(numbers) and self._frames(context, finished, gain) >= FEWEST_TOGETHER:
                yield Remark(
                    self.text.kind, module, str(stage), 0.0, float(FEWEST_TOGETHER), "samples",
                    f"Whether halves of the samples of module {module}, {stage}, agree is not tested: no pixel that "
                    f"was looked at is good and has {FEWEST_TOGETHER} samples inside its gate.")
            if found:
                one = found[0]
                yield Remark(
                    self.text.kind, module, str(stage), one.value, one.limit, one.unit,
                    f"Halves of the samples of module {module}, {stage}, do not agree: "
                    f"{'; '.join(each.words for each in found)}. {_basis(numbers, len(context.cells))}.")

    def _frames(self, context: Context, finished: Finished, gain: int) -> int:
        """Frames of a memory cell in a gain stage of which halves could be compared."""
        keys = [key for key, one in context.arranged.items() if one.run is not None and one.at.get("gain") == gain]
        return min([self.kept, *(finished.fewest(key) for key in keys)]) if keys else 0


def findings(numbers: Array) -> Iterator[Finding]:
    """What is not as expected of the pulls of a gain stage.

    Parameters
    ----------
    numbers : (cell, number) float32
        :data:`NUMBERS` of the memory cells that were looked at.
    """
    for one in agreements(numbers):
        yield from _of_width(one.what, one.split, one.width, max(_WIDTH, _ERRORS * one.width_error))
        yield from _of_shift(one.what, one.split, one.shift, one.common)


def agreements(numbers: Array) -> Iterator[Agreement]:
    """How halves of a gain stage agree, over all memory cells that were looked at.

    Parameters
    ----------
    numbers : (cell, number) float32
        :data:`NUMBERS` of each memory cell; those of which there are none are passed over.
    """
    numbers = numbers[numbers[:, 0] > 0]
    if not len(numbers):
        return
    by_name = dict(zip(NUMBERS, numbers.T.astype(float), strict=True))
    common = sqrt(float(np.mean(by_name["common"] ** 2)))
    pulls, samples = float(by_name["pixels"].sum()), float(np.median(by_name["samples"]))
    for what, split in PULLS:
        shift, width = (by_name[f"{one} of {what}, {split}"] for one in ("shift", "width"))
        if np.isfinite(width).any():
            yield Agreement(
                what, split, float(np.nanmedian(shift)), sqrt(float(np.nanmean(width**2))),
                _error(pulls, samples, common, POWERS[what]), pulls, common ** (POWERS[what] / 2))


def _error(pulls: float, samples: float, common: float, power: int) -> float:
    """Standard error of a width over the expected one: that of the width, and that of f² of so many frames."""
    shared = min(common, 0.99) ** power
    return sqrt(1 / (2 * pulls) + (power / 4 * shared / (1 - shared)) ** 2 / samples)


def _of_width(what: str, split: str, width: float, allowed: float) -> Iterator[Finding]:
    if abs(width - 1) > allowed:
        how = "wide" if width > 1 else "narrow"
        yield Finding(
            abs(width - 1) / allowed, width, 1 + float(np.copysign(allowed, width - 1)), "×",
            f"the {what} of {' and '.join(_SIDES[split])} differs {width:.2f} × as much as by chance "
            f"({_MEANING[split, how]})")


def _of_shift(what: str, split: str, shift: float, common: float) -> Iterator[Finding]:
    limit = max(_SHIFT, _COMMON * common)
    if abs(shift) > limit:
        one, other = _SIDES[split]
        beside = f", where common mode makes ±{common:.1g}" if common >= 0.1 else ""
        yield Finding(
            abs(shift) / limit, shift, float(np.copysign(limit, shift)), "σ",
            f"the {what} of {one} lies {shift:+.1f} statistical errors from that of {other}{beside} "
            f"({_MEANING[split, 'shift']})")


def _basis(numbers: Array, cells: int) -> str:
    """On how much it rests, and what was not looked at."""
    pixels, samples = np.median(numbers[:, :2], axis=0)
    where = "" if cells == 1 else f" in {len(numbers)} of {cells} memory cells"
    return f"{samples:.0f} samples of each of {pixels:.0f} pixels{where} were compared"
