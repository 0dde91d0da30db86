"""χ² per degree of freedom of what was fitted to a scan, by the noise that samples show from one to the next."""

from __future__ import annotations

import numpy as np

from calib_core.axes import Array
from calib_core.numerics.scan_fits import LINE, MediumFits, RegionLines
from calib_core.numerics.scan_regions import HIGH, MEDIUM
from calib_core.numerics.stage_regions import neighbour_noise

#: Numbers that are fitted of a line, and of a line beside a hook.
_OF_LINE, _OF_HOOK = 2, 4


def scatter(rms: Array, samples: Array, fitted: Array | int = _OF_LINE) -> Array:
    """How much samples scatter about a curve, from the root mean square of what it leaves of them.

    Parameters
    ----------
    rms : (…) array, ADU
    samples : (…) array
        Of the fit.
    fitted : (…) array or int
        Numbers that were fitted to them; those of a line unless others are given.

    Returns
    -------
    (…) float64, ADU
        NaN or infinite where no sample is left.
    """
    n = np.asarray(samples, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(rms * np.sqrt(n / (n - fitted)))


def chi2(deviation: Array, noise: Array, usual: Array) -> Array:
    """χ² per degree of freedom of lines, with the noise that samples show from one to the next.

    Of few samples that noise is little known and often too small; then it is that which pixels usually have.

    Parameters
    ----------
    deviation, noise : (stages, …) arrays, ADU
        The first from :func:`scatter`.
    usual : (stages,) array, ADU
        NaN where each pixel's own noise counts alone.

    Returns
    -------
    (stages, …) array
        0 for samples without any scatter; NaN where nothing is known of the noise, or it is 0.
    """
    base = np.fmax(noise, usual.reshape(-1, *[1] * (noise.ndim - 1)))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(deviation == 0, np.float32(0), np.square(deviation / np.where(base > 0, base, np.nan)))


def chi2_of_two(x: Array, signal: Array, label: Array, high: RegionLines, medium: MediumFits) -> Array:
    """χ² per degree of freedom of the line of high gain and of what was fitted to medium gain.

    Parameters
    ----------
    x : (s,) int32, steps
    signal : (n, s) uint16, C-contiguous, ADU
    label : (n, s) uint8, C-contiguous
        Regions.
    high, medium
        What was fitted to them.

    Returns
    -------
    (2, n) float64
        By each pixel's own noise, which scans of two stages have hundreds of samples for.
    """
    fitted = np.where(medium.status == LINE, _OF_LINE, _OF_HOOK)
    deviation = np.stack([scatter(high.deviation, high.n), scatter(medium.deviation, medium.n, fitted)])
    noise = np.sqrt([neighbour_noise(x, signal, label, region)[1] for region in (HIGH, MEDIUM)])
    return chi2(deviation, noise, np.full(2, np.nan))
