"""Closure of samples: halves of them are compared, pixel by pixel, by pulls whose distribution is known.

A pull is a difference between two halves A and B over its statistical error: (m_A − m_B) / √(s_A²/n_A + s_B²/n_B) of
the means and ln(s_A/s_B) / √(½/(n_A − 1) + ½/(n_B − 1)) of the standard deviations. For independent normal samples
their mean is 0 and their width √((n − 2)/(n − 4)), n = n_A + n_B, for means, within 0.015 the same for deviations.

A shift that all pixels of a bank share in a frame, with the variance f² of that of a sample, moves the pulls of the
bank together by f, so the median of each bank is taken out; what is left is narrower: by √(1 − f²) for means, and by
√(1 − f⁴) for deviations.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nan, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics._arrays import check_array
from calib_core.numerics.kernels import njit

#: Fewest samples of a half, and of both together.
FEWEST, FEWEST_TOGETHER = 8, 20
#: Samples of the quarters: even trains of the first half, odd of the first, even of the second, odd of the second.
QUARTERS = 4
#: What is compared, as quarters of A and of B.
SPLITS = {"even and odd trains": ((0, 2), (1, 3)), "first and second half": ((0, 1), (2, 3))}
#: Pulls further away count as this, so that one pixel decides nothing.
_FURTHEST = 5.0

_Array = NDArray[Any]


@dataclass(frozen=True)
class Quarters:
    """Sums of the quarters of a memory cell's samples about a value of each pixel.

    Attributes
    ----------
    count, total, squares : (4, pixels) float64
        Samples inside the gate, and sums of their distances and squared distances, ADU and ADU².
    common : float
        f: share of the standard deviation of a sample that a bank has in common from frame to frame.
    """

    count: _Array
    total: _Array
    squares: _Array
    common: float

    def half(self, quarters: tuple[int, ...]) -> tuple[_Array, _Array, _Array]:
        """Samples, mean and variance of two quarters together, each (pixels,)."""
        n, total, squares = (one[list(quarters)].sum(axis=0) for one in (self.count, self.total, self.squares))
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = total / n
            return n, mean, (squares - n * mean**2) / (n - 1)


@dataclass(frozen=True)
class Pulls:
    """Pulls of a quantity between two halves.

    Attributes
    ----------
    pixels : int
        How many there are.
    samples : float
        Median of the samples of both halves together.
    shift : float
        Median over the banks of the median pull.
    width : float
        Standard deviation of what is left after each bank's median is taken out; NaN without pixels.
    """

    pixels: int
    samples: float
    shift: float
    width: float


def quarter_of(train: _Array) -> NDArray[np.int64]:
    """Quarter of each sample, 0 to 3 as :data:`QUARTERS` has them.

    Parameters
    ----------
    train : (n,) uint64
        Train ids, ascending; trains that are all of one parity, as of a detector that takes each second one, are
        counted by the steps between them.

    Returns
    -------
    (n,) int64
    """
    step = int(np.gcd.reduce(np.diff(train).astype(np.int64))) or 1
    number = (train - train.min(initial=np.iinfo(np.uint64).max)).astype(np.int64) // step if train.size else train
    second = np.arange(len(train)) >= len(train) / 2
    return np.asarray(number % 2 + 2 * second, np.int64)


def quarters(values: _Array, quarter: _Array, low: _Array, high: _Array, bank: _Array) -> Quarters:
    """Sums of the quarters of samples, and what banks have in common.

    What is common comes from the mean distance of each frame of a bank from the mean of its pixels: half of the
    variance of its differences from the next frame but one, so that neither drifts nor trains in turn count, without
    what independent noise leaves of it.

    Parameters
    ----------
    values : (n, pixels) float32, C-contiguous, ADU
        Samples in the order of their frames; NaN is none.
    quarter : (n,) int64
        From :func:`quarter_of`.
    low, high : (pixels,) float32, ADU
        Gate, its ends inside.
    bank : (pixels,) int64
        Number of the bank that a pixel is of, from 0.

    Returns
    -------
    Quarters

    Raises
    ------
    ValueError
        Shapes or types do not fit.
    """
    pixels = values.shape[-1]
    check_array(values, "values", (len(quarter), pixels), np.float32)
    for name, array, shape, dtype in (
        ("quarter", quarter, (len(quarter),), np.int64), ("low", low, (pixels,), np.float32),
        ("high", high, (pixels,), np.float32), ("bank", bank, (pixels,), np.int64),
    ):
        check_array(array, name, shape, dtype)
    values, quarter, low, high, bank = (
        np.require(one, requirements="W") for one in (values, quarter, low, high, bank))
    count, total, squares = (np.zeros((QUARTERS, pixels)) for _ in range(3))
    middle = ((low + high) / 2).astype(np.float32)
    _sum_quarters(values, quarter, low, high, middle, count, total, squares)
    found = Quarters(count, total, squares, nan)
    _, mean, variance = found.half(tuple(range(QUARTERS)))
    centre = np.where(np.isfinite(mean), middle + mean, np.nan).astype(np.float32)
    frames = (len(values), int(bank.max(initial=-1)) + 1)
    shift, number = np.zeros(frames), np.zeros(frames)
    _shifts(values, low, high, centre, bank, shift, number)
    return Quarters(count, total, squares, _common(shift, number, variance, bank))


def _common(shift: _Array, number: _Array, variance: _Array, bank: _Array) -> float:
    """Common share of all banks together; 0 where there are too few frames to tell."""
    known = np.isfinite(variance)
    banks = np.bincount(bank[known], minlength=shift.shape[1]).astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        noise = np.bincount(bank[known], variance[known], shift.shape[1]) / banks
        mean = shift / number
        of_mean = noise * (1 / number)
        between = np.diff(np.stack([mean[:-2], mean[2:]]), axis=0)[0] ** 2 / 2
        share = (between - (of_mean[:-2] + of_mean[2:]) / 2) / noise
    finite = share[np.isfinite(share)]
    return sqrt(min(1.0, max(0.0, float(finite.mean())))) if finite.size else 0.0


def pulls(found: Quarters, split: str, good: _Array, bank: _Array) -> tuple[Pulls, Pulls]:
    """Pulls of means and of standard deviations between the halves of a split.

    Parameters
    ----------
    found : Quarters
    split : str
        One of :data:`SPLITS`.
    good : (pixels,) bool
    bank : (pixels,) int64

    Returns
    -------
    means, deviations : Pulls
        Of the good pixels with at least :data:`FEWEST` samples in each half, :data:`FEWEST_TOGETHER` in both.
    """
    (n_a, mean_a, var_a), (n_b, mean_b, var_b) = (found.half(one) for one in SPLITS[split])
    with np.errstate(divide="ignore", invalid="ignore"):
        means = (mean_a - mean_b) / np.sqrt(var_a / n_a + var_b / n_b)
        deviations = 0.5 * np.log(var_a / var_b) / np.sqrt(0.5 / (n_a - 1) + 0.5 / (n_b - 1))
    use = good & (np.minimum(n_a, n_b) >= FEWEST) & (n_a + n_b >= FEWEST_TOGETHER)
    use &= np.isfinite(means) & np.isfinite(deviations)
    samples = float(np.median((n_a + n_b)[use])) if use.any() else nan
    return _pulls(means[use], bank[use], samples), _pulls(deviations[use], bank[use], samples)


def _pulls(values: _Array, bank: _Array, samples: float) -> Pulls:
    if not values.size:
        return Pulls(0, nan, nan, nan)
    order = np.lexsort((values, bank))
    values, bank = values[order], bank[order]
    number = np.bincount(bank)
    medians, first, some = np.full(len(number), nan), np.cumsum(number) - number, number > 0
    middle = first[some], number[some]
    medians[some] = (values[middle[0] + (middle[1] - 1) // 2] + values[middle[0] + middle[1] // 2]) / 2
    left = np.clip(values - medians[bank], -_FURTHEST, _FURTHEST)
    return Pulls(values.size, samples, float(np.nanmedian(medians)), float(left.std()))


def expected_width(samples: float, common: float, power: int) -> float:
    """Width of pulls, √((n − 2)/(n − 4)) · √(1 − fᵖ).

    Parameters
    ----------
    samples : float
        n, of both halves together, more than 4.
    common : float
        f of :class:`Quarters`.
    power : int
        2 for means, 4 for standard deviations.
    """
    return sqrt((samples - 2) / (samples - 4)) * sqrt(1 - min(common, 1.0) ** power)


@njit(nogil=True, cache=True)
def _sum_quarters(values, quarter, low, high, middle, count, total, squares):  # type: ignore[no-untyped-def]
    for i in range(values.shape[0]):
        n, t, q = count[quarter[i]], total[quarter[i]], squares[quarter[i]]
        for j in range(values.shape[1]):
            inside = low[j] <= values[i, j] <= high[j]
            distance = np.float64(values[i, j] - middle[j]) if inside else 0.0
            n[j] += inside
            t[j] += distance
            q[j] += distance * distance


@njit(nogil=True, cache=True)
def _shifts(values, low, high, centre, bank, shift, number):  # type: ignore[no-untyped-def]
    """Sum up the distances of each bank's pixels; the sums of one stay at hand while its pixels follow each other."""
    for i in range(values.shape[0] if values.shape[1] else 0):
        at, total, n = 0, shift[i, 0], number[i, 0]
        for j in range(values.shape[1]):
            if bank[j] != at:
                shift[i, at], number[i, at] = total, n
                at = bank[j]
                total, n = shift[i, at], number[i, at]
            if low[j] <= values[i, j] <= high[j] and centre[j] == centre[j]:
                total += values[i, j] - centre[j]
                n += 1
        shift[i, at], number[i, at] = total, n
