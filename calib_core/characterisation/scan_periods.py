"""Whether slopes repeat with the period of what is charged in one run: one that is put in wrongly shows so."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.checks import Check
from calib_core.characterisation.finished import Finished
from calib_core.characterisation.unit import Context
from calib_core.detector.injection import Injection
from calib_core.numerics import limits
from calib_core.remarks import CheckText, Remark

#: So many times what other periods have is told: one in 10¹¹ of what is only noise has as much.
_TIMES = 2.5
#: Pixels further away than so many robust standard deviations of their ASIC say nothing of their line.
_SIGMA = 5.0


class Periodic(Check):
    """Slopes of high gain do not repeat from pattern to pattern of charged pixels.

    Parameters
    ----------
    source : str
        Word of what charges the pixels.
    """

    def __init__(self, source: str) -> None:
        self._source = source

    @property
    def text(self) -> CheckText:
        """The check in words."""
        return CheckText(
            "periodic", "slopes of high gain, in units of the median of their ASIC, repeat along an ASIC with the "
            "period of the charged patterns: root mean square of that part of the medians of lines, in the memory "
            "cell where it is largest",
            f"> {_TIMES:g} times what other periods have on average", "one in 10¹¹ of noise",
            "the run of a pattern has other steps, or its scan was found at another place")

    def remarks(self, context: Context, module: int, finished: Finished) -> Iterator[Remark]:
        """A sentence on the memory cell in which they repeat most.

        Yields
        ------
        Remark
            In per cent.
        """
        injection, kind = context.detector.injections[self._source], context.detector
        place = context.axes["parameter"].index("slope HG")
        found = [_of_cell(injection, kind.asic_shape, finished.filled("lines", {"parameter": place, "cell": cell}))
                 for cell in range(len(context.axes["cell"]))]
        cell = int(np.argmax([rms / noise if noise > 0 else 0.0 for rms, noise, _ in found])) if found else 0
        rms, noise, lines = found[cell] if found else (0.0, 0.0, np.empty(0))
        if noise > 0 and rms > _TIMES * noise:
            pattern, away = _strange(injection, lines)
            run = next((one.run.label for one in context.arranged.values()
                        if one.run is not None and one.at.get("pattern") == pattern), "")
            label = context.axes["cell"].labels[cell]
            yield Remark(
                self.text.kind, module, "", 100 * rms, 100 * _TIMES * noise, "%",
                f"Module {module}, memory cell {label}: slopes of high gain repeat with period "
                f"{len(injection.patterns)} along the {injection.lines}, by {rms:.2%} (limit {_TIMES * noise:.2%}). "
                f"Those of run {run}, pattern {pattern}, are {away:+.2%} away from the others: look at its steps and "
                "at where its scan begins.")


def _of_cell(injection: Injection, asic: tuple[int, int], slopes: Array) -> tuple[float, float, Array]:
    """Periodic part of a map, what is expected of noise, and the profile (lines,) over the module."""
    centre, scale = limits.group_spread(slopes, asic, _SIGMA)
    ratio = slopes / centre.repeat(asic[0], 0).repeat(asic[1], 1)
    far = np.abs(ratio - 1) > _SIGMA * (scale / centre).repeat(asic[0], 0).repeat(asic[1], 1)
    ratio = np.where(far, np.nan, ratio)
    across = np.moveaxis(ratio, injection.axis, 0)
    there = np.isfinite(across).any(axis=1)
    profile = np.full(len(across), np.nan)
    profile[there] = np.nanmedian(across[there], axis=1) - 1
    parts = profile.reshape(-1, asic[injection.axis])
    return (*periodic(np.nan_to_num(parts), len(injection.patterns)), profile)


def periodic(profiles: Array, period: int) -> tuple[float, float]:
    """How much of profiles repeats with a period, and how much would if they were noise.

    Parameters
    ----------
    profiles : (n, m) float64
        m a multiple of the period; 0 where nothing is known.
    period : int

    Returns
    -------
    rms, noise : float
        Root mean square of the periodic part, and of as many of the other Fourier components on average.
    """
    size = profiles.shape[1]
    power = np.abs(np.fft.fft(profiles, axis=1)) ** 2 / size**2
    there = np.arange(1, size) % (size // period) == 0
    inside, outside = power[:, 1:][:, there], power[:, 1:][:, ~there]
    return float(np.sqrt(inside.sum(axis=1).mean())), float(np.sqrt(outside.mean() * there.sum()))


def _strange(injection: Injection, profile: Array) -> tuple[int, float]:
    """The pattern whose lines are furthest away from those of the others, and how far."""
    shift = [np.nanmedian(profile[list(own)]) - np.nanmedian(np.delete(profile, list(own)))
             if np.isfinite(profile[list(own)]).any() else 0.0 for own in injection.patterns]
    pattern = int(np.argmax(np.abs(shift)))
    return pattern, float(shift[pattern])
