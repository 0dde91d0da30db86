"""Fits of photon peaks to many histograms, and what is done to them: noise without the width of a bin, refusals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics._photon_fit import AT_END, BRIGHT, FAINT, FITTED

_Array = NDArray[Any]

#: Photons in a pixel on average below and above which no gain is told.
PHOTONS = (0.02, 2.5)


@dataclass(frozen=True, eq=False)
class PeakFits:
    """Fits of n histograms.

    Attributes
    ----------
    names : tuple of str
        Of the parameters.
    values : (n, parameters) float64
        NaN without a fit.
    covariance : (n, parameters, parameters) float64
        0 of parameters at an end of their range, NaN without a fit.
    chi2 : (n,) float64
        Pearson's χ² over the degrees of freedom, of bins in which at least one sample is expected.
    likely : (n,) float64
        Logarithm of the likelihood, but for what does not depend on the parameters.
    entries : (n,) int64
        Samples in the window.
    status : (n,) uint8
        * :data:`FITTED`
        * :data:`AT_END`: a parameter is at an end of its range; do not trust the others.
        * :data:`FEW_ENTRIES`: fewer samples than a fit needs.
        * :data:`FAILED`: the fit has not ended, or its parameters are not determined.
        * :data:`FAINT`, :data:`BRIGHT`: so few photons that there is no peak of one, or so many that there are no
          valleys; the parameters tell how many, but the gain is not to be used.
    """

    names: tuple[str, ...]
    values: _Array
    covariance: _Array
    chi2: _Array
    likely: _Array
    entries: NDArray[np.int64]
    status: NDArray[np.uint8]

    def __getitem__(self, name: str) -> _Array:
        """Values of a parameter, (n,) float64."""
        return self.values[:, self.names.index(name)]

    def error(self, name: str) -> _Array:
        """Standard errors of a parameter, (n,) float64.

        Parameters
        ----------
        name : str
        """
        i = self.names.index(name)
        return np.sqrt(np.maximum(self.covariance[:, i, i], 0))


def wide(noise: Any, axis: _Array) -> Any:
    """Noise with the width of a bin.

    Parameters
    ----------
    noise : number or array, ADU
    axis : (2,) float64, ADU
        Middle of the first bin, and width of all.
    """
    return np.sqrt(noise**2 + axis[1] ** 2 / 12)


def with_noise(found: PeakFits, axis: _Array) -> PeakFits:
    """The same with the noise in place of its logarithm over the gain.

    Parameters
    ----------
    found : PeakFits
        Of shared charge; its arrays are changed.
    axis : (2,) float64, ADU
    """
    gain, slope = found["gain"], np.broadcast_to(np.eye(5), found.covariance.shape).copy()
    noise = gain * np.exp(found["noise"])
    slope[:, 4, 4], slope[:, 4, 2] = noise, noise / gain
    found.values[:, 4], found.covariance[:] = noise, slope @ found.covariance @ slope.transpose(0, 2, 1)
    return narrowed(found, axis, [4])


def narrowed(found: PeakFits, axis: _Array, columns: list[int]) -> PeakFits:
    """The same with standard deviations without the width of a bin.

    Parameters
    ----------
    found : PeakFits
        Its arrays are changed.
    axis : (2,) float64, ADU
    columns : list of int
        Of the standard deviations.
    """
    before = found.values[:, columns]
    narrow = np.sqrt(np.maximum(before**2 - axis[1] ** 2 / 12, 0.01 * before**2))
    found.values[:, columns] = narrow
    found.covariance[:, columns] *= (before / narrow)[..., None]
    found.covariance[:, :, columns] *= (before / narrow)[:, None]
    return found


def judged(found: PeakFits) -> PeakFits:
    """The same where pixels with too few or too many photons have no gain.

    Parameters
    ----------
    found : PeakFits
        Its status is changed.
    """
    known = np.isin(found.status, (FITTED, AT_END))
    found.status[known & (found["photons"] < PHOTONS[0])] = FAINT
    found.status[known & (found["photons"] > PHOTONS[1])] = BRIGHT
    return found
