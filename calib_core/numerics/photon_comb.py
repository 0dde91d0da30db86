"""Peaks of 0, 1, 2, … photons in a histogram of signals: where they are, how wide, and how far apart.

The peaks are Gaussians at p + k s with the variance σ² + k q. Charge that a photon shares with its neighbours
makes a shelf between one peak and the next, flat but for the noise. All are fitted by the likelihood of Poisson
counts in bins; errors are from the information matrix. What shares less charge than the noise stays in the peak and
shifts it by −1 to −2 % of the spacing, for a cloud of 5 to 13 µm in pixels of 200 µm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Peaks that are looked for, of 0 photons on.
PEAKS = 4
#: Steps of the fit at most, and the smallest gain in the logarithm of the likelihood that is worth another.
_STEPS, _GAIN = 60, 1e-6
#: A peak is one if it stands so many standard deviations of its counts above the valley before it.
_SIGNIFICANCE = 5.0
#: Distance of the first peak from that of no photon, in widths of the latter, from which on there is a valley.
_LEAST_SPACING = 2.5
_ERF = np.frompyfunc(math.erf, 1, 1)
_FEWEST = 100
#: Peaks below the highest that are looked for, and the share of samples from which on the one below is one.
_MOST_BELOW, _LEAST_BELOW = 20, 0.03


@dataclass(frozen=True)
class Comb:
    """Peaks that were found.

    Attributes
    ----------
    zero, spacing, width, growth : float
        Position of no photon, distance between neighbours, standard deviation of no photon, and what each photon adds
        to its square; in the unit of the edges, growth in its square.
    counts : (peaks,) float64
        Samples in each peak.
    shelves : (peaks − 1,) float64
        Samples between each and the next.
    covariance : (4, 4) float64
        Of ``zero``, ``spacing``, ``width`` and ``growth``.
    chi2 : float
        Pearson's χ² of the bins in the window over the degrees of freedom.
    window : (float, float)
        That was fitted.
    """

    zero: float
    spacing: float
    width: float
    growth: float
    counts: Array
    shelves: Array
    covariance: Array
    chi2: float
    window: tuple[float, float]

    @property
    def errors(self) -> dict[str, float]:
        """Standard errors by name."""
        found = np.sqrt(np.clip(np.diag(self.covariance), 0, None)).tolist()
        return dict(zip(("zero", "spacing", "width", "growth"), found, strict=True))

    def position(self, photons: int) -> tuple[float, float]:
        """Position of a peak, and its standard error.

        Parameters
        ----------
        photons : int
        """
        slope = np.array([1.0, photons, 0.0, 0.0])
        return self.zero + photons * self.spacing, float(np.sqrt(slope @ self.covariance @ slope))

    def width_of(self, photons: int) -> tuple[float, float]:
        """Standard deviation of a peak, and its standard error.

        Parameters
        ----------
        photons : int
        """
        wide = math.sqrt(self.width**2 + photons * self.growth)
        slope = np.array([0.0, 0.0, self.width / wide, photons / (2 * wide)])
        return wide, float(np.sqrt(slope @ self.covariance @ slope))

    def sharpness(self, photons: int) -> tuple[float, float]:
        """Standard deviation of a peak in units of the spacing, and its standard error: without the signals' unit.

        Parameters
        ----------
        photons : int
        """
        wide, spacing = self.width_of(photons)[0], self.spacing
        slope = np.array([0.0, -wide / spacing**2, self.width / (wide * spacing), photons / (2 * wide * spacing)])
        return wide / spacing, float(np.sqrt(slope @ self.covariance @ slope))

    def curve(self, edges: Array) -> Array:
        """Expected counts.

        Parameters
        ----------
        edges : (n + 1,) float64

        Returns
        -------
        (n,) float64
        """
        shapes = _shapes(np.array([self.zero, self.spacing, self.width, self.growth]), edges, len(self.counts))
        return np.asarray(np.concatenate([self.counts, self.shelves]) @ shapes)


def fit_comb(edges: Array, counts: Array) -> Comb | None:
    """Find the peaks of photons in a histogram.

    Parameters
    ----------
    edges : (n + 1,) float64
        Of bins, ascending; several of them within the width of a peak.
    counts : (n,) int64

    Returns
    -------
    Comb or None
        None where there is no second peak apart from that of no photon.
    """
    start = _first_look(edges, counts)
    if start is None:
        return None
    zero, spacing, width = _of_no_photon(edges, counts, *start)
    # a peak takes part from its middle on, and the one behind the last, whose tail is in the window
    number = int(np.clip(np.floor((edges[-1] - zero) / spacing) + 2, 2, PEAKS))
    low, high = zero - 4 * width, zero + (number - 0.5) * spacing
    inside = (edges[:-1] >= low) & (edges[1:] <= high)
    first, last = np.flatnonzero(inside)[[0, -1]]
    window, data = edges[first : last + 2], np.asarray(counts[first : last + 1], np.float64)
    shape = np.array([zero, spacing, width, 0.05 * width**2])
    linear = np.full(2 * number - 1, data.sum() / (2 * number))
    linear = _amplitudes(_shapes(shape, window, number), data, linear)
    found = _fitted(shape, linear, window, data, number)
    return found if found is not None and _is_comb(found) else None


def _is_comb(found: Comb) -> bool:
    """Whether the second peak is there and apart from the first."""
    apart = found.spacing > 2 * found.width_of(1)[0] and found.errors["spacing"] < 0.2 * found.spacing
    return bool(apart and found.counts[1] > _SIGNIFICANCE * math.sqrt(max(found.counts[1], 1.0)))


def _first_look(edges: Array, counts: Array) -> tuple[float, float, float] | None:
    """Position and width of the highest peak, and the distance to the next at higher signals."""
    if counts.sum() < _FEWEST or len(counts) < 8:
        return None
    fine = _smoothed(counts, 1.0)
    middles, top = (edges[:-1] + edges[1:]) / 2, int(np.argmax(fine))
    # a Gaussian has fallen to exp(−1/2) of its top at σ; below, no charge of neighbours adds to it
    lower = np.flatnonzero(fine[: top + 1] < math.exp(-0.5) * fine[top])
    width = max(float(middles[top] - middles[lower[-1] if lower.size else 0]), float(edges[1] - edges[0]))
    smooth = _smoothed(counts, 0.4 * width / float(edges[1] - edges[0]))
    first = int(np.searchsorted(middles, middles[top] + _LEAST_SPACING * width))
    peak = _next_peak(smooth, top, first, 0.4 * width / float(edges[1] - edges[0]))
    return None if peak is None else (float(middles[top]), float(middles[peak] - middles[top]), width)


def _of_no_photon(
    edges: Array, counts: Array, zero: float, spacing: float, width: float
) -> tuple[float, float, float]:
    """The same with the lowest peak in place of the highest: where there are many photons that is not of none."""
    middles = (edges[:-1] + edges[1:]) / 2
    for _ in range(_MOST_BELOW):
        here = counts[np.abs(middles - zero) < spacing / 2].sum()
        if counts[np.abs(middles - zero + spacing) < spacing / 2].sum() < _LEAST_BELOW * here:
            break
        zero -= spacing
    return zero, spacing, width


def _smoothed(counts: Array, bins: float) -> Array:
    """Mean over neighbours with Gaussian weights; the sum stays but for the ends."""
    reach = max(1, min(int(4 * bins), (len(counts) - 1) // 2))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(bins, 1e-3)) ** 2)
    return np.convolve(counts, weights / weights.sum(), mode="same")


def _next_peak(smooth: Array, top: int, first: int, bins: float) -> int | None:
    """Highest place behind a valley that begins beyond the top; None where nothing stands out of it."""
    if first >= len(smooth) - 1:
        return None
    best = None
    valley = float(smooth[top : first + 1].min())
    for place in range(first, len(smooth) - 1):
        valley = min(valley, float(smooth[place]))
        height = float(smooth[place])
        # a mean of so many bins has that much less variance
        noise = math.sqrt(max(height, 1.0) / max(1.0, 3.5 * bins))
        if height - valley > _SIGNIFICANCE * noise and (best is None or height > smooth[best]):
            best = place
        elif best is not None and height < 0.8 * smooth[best] + 0.2 * valley:
            break
    return best


def _cumulative(x: Array) -> Array:
    return 0.5 * (1 + np.asarray(_ERF(x / math.sqrt(2)), np.float64))


def _shapes(shape: Array, edges: Array, number: int) -> Array:
    """Share of each peak and of each shelf in each bin, (2 number − 1, n)."""
    zero, spacing, width, growth = shape
    wide = np.sqrt(np.maximum(width**2 + growth * np.arange(number), 1e-12))
    z = (edges - (zero + spacing * np.arange(number))[:, None]) / wide[:, None]
    cumulative = _cumulative(z)
    peaks = np.diff(cumulative, axis=1)
    # integral of a cumulative normal: what a flat distribution that begins there has, smeared by the noise
    rising = wide[:, None] * (z * cumulative + np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi))
    shelves = np.diff(rising[:-1] - rising[1:], axis=1) / spacing
    return np.concatenate([peaks, shelves])


def _amplitudes(shapes: Array, data: Array, start: Array) -> Array:
    """Amplitudes of most likelihood for given shapes, none of them below 0."""
    total = np.maximum(shapes.sum(axis=1), 1e-12)
    for _ in range(200):
        expected = np.maximum(start @ shapes, 1e-12)
        start = start * (shapes @ (data / expected)) / total
    return start


def _likelihood(expected: Array, data: Array) -> float:
    """Logarithm of the likelihood, but for what does not depend on the expected counts."""
    return float((data * np.log(expected) - expected).sum())


def _fitted(shape: Array, linear: Array, edges: Array, data: Array, number: int) -> Comb | None:
    """Fisher scoring with damping from a start."""
    values, damping = np.concatenate([shape, linear]), 1e-3
    expected = _expected(values, edges, number)
    best = _likelihood(expected, data)
    for _ in range(_STEPS):
        slopes = _slopes(values, edges, number)
        information = (slopes / expected) @ slopes.T
        gradient = slopes @ (data / expected - 1)
        step = _step(information, gradient, damping)
        tried = _bounded(values + step)
        trial = _expected(tried, edges, number)
        likely = _likelihood(trial, data)
        if not likely > best - _GAIN:
            damping *= 10
            if damping > 1e8:
                break
            continue
        gained, values, expected, best, damping = likely - best, tried, trial, likely, max(damping / 10, 1e-9)
        if abs(gained) < _GAIN:
            break
    return _comb(values, edges, data, expected, number)


def _bounded(values: Array) -> Array:
    out = values.copy()
    out[4:] = np.maximum(out[4:], 0.0)
    out[1:3] = np.maximum(np.abs(out[1:3]), 1e-9)
    out[3] = max(out[3], 0.0)
    return out


def _step(information: Array, gradient: Array, damping: float) -> Array:
    scale = np.sqrt(np.maximum(np.diag(information), 1e-30))
    matrix = information / np.outer(scale, scale) + damping * np.eye(len(scale))
    return np.asarray(np.linalg.solve(matrix, gradient / scale) / scale)


def _expected(values: Array, edges: Array, number: int) -> Array:
    return np.maximum(values[4:] @ _shapes(values[:4], edges, number), 1e-9)


def _slopes(values: Array, edges: Array, number: int) -> Array:
    """Derivatives of the expected counts, (values, n)."""
    shapes = _shapes(values[:4], edges, number)
    scale = np.array([values[2], values[2], values[2], values[2] ** 2]) * 1e-4
    of_shape = []
    for i in range(4):
        ends = []
        for sign in (-1, 1):
            moved = values[:4].copy()
            moved[i] += sign * scale[i]
            ends.append(values[4:] @ _shapes(moved, edges, number))
        of_shape.append((ends[1] - ends[0]) / (2 * scale[i]))
    return np.concatenate([np.array(of_shape), shapes])


def _comb(values: Array, edges: Array, data: Array, expected: Array, number: int) -> Comb | None:
    slopes = _slopes(values, edges, number)
    free = np.array([True, True, True, values[3] > 0, *(values[4:] > 0)])
    information = ((slopes / expected) @ slopes.T)[np.ix_(free, free)]
    try:
        inverse = np.linalg.inv(information)
    except np.linalg.LinAlgError:
        return None
    covariance = np.zeros((len(values), len(values)))
    covariance[np.ix_(free, free)] = inverse
    if not (np.diag(inverse) >= 0).all():
        return None
    degrees = max(1, len(data) - int(free.sum()))
    told = expected >= 1  # of less than one expected sample χ² is no measure
    chi2 = float((((data - expected) ** 2 / expected)[told]).sum()) / max(1, degrees - int((~told).sum()))
    zero, spacing, width, growth = values[:4].tolist()
    return Comb(zero, spacing, width, growth, values[4 : 4 + number], values[4 + number :], covariance[:4, :4], chi2,
                (float(edges[0]), float(edges[-1])))
