"""Fits of models of photon peaks to histograms: the most likely parameters of Poisson counts, by Fisher scoring.

Each histogram is worked on by itself, and nothing is allocated for it.
"""

from __future__ import annotations

import numpy as np

from calib_core.numerics._photon_models import expect
from calib_core.numerics.kernels import njit

#: What a fit has become; sentences are in :class:`calib_core.numerics.photon_peaks.PeakFits`.
FITTED, AT_END, FEW_ENTRIES, FAILED, FAINT, BRIGHT = range(6)

#: Steps of a fit at most.
_STEPS = 100
#: It has ended when the next step is shorter than the square root of this, in standard errors.
_SHORT = 1e-6
#: Damping at first, what it is changed by, and with more of it there is no way up.
_DAMPING, _CHANGE, _MOST = 1e-3, 10.0, 1e8
#: It grows or shrinks where a step has gained less or more than these parts of what it should: where the model does
#: not fit, the likelihood may bend more than its information says.
_POOR, _GOOD = 0.25, 0.6
#: Expected counts below which χ² is no measure.
_TOLD = 1.0


@njit(nogil=True, cache=True, error_model="numpy")
def fit(  # type: ignore[no-untyped-def]
    model, counts, axis, tables, start, bounds, share, least, work, values, covariance, quality, status
):
    """Fit each histogram, (n, bins) uint32, from its start, (n, parameters), inside of bounds, (2, parameters)."""
    for p in range(counts.shape[0]):
        entries = 0.0
        for b in range(counts.shape[1]):
            entries += counts[p, b]
        if entries < least:
            status[p] = FEW_ENTRIES
            continue
        background = share * entries / counts.shape[1]
        values[p] = start[p]
        status[p], quality[0, p], quality[1, p] = _one(
            model, counts[p], axis, tables, bounds, background, work, values[p], covariance[p])


@njit(nogil=True, cache=True, error_model="numpy")
def _one(model, data, axis, tables, bounds, background, work, theta, covariance):  # type: ignore[no-untyped-def]
    """The most likely parameters in place of the start, their covariance, status and χ²."""
    curve, expected, slopes, parts, matrix, vectors = work
    gradient, step, tried = vectors[0], vectors[1], vectors[2]
    damping, likely, length, ended = _DAMPING, -np.inf, 0.0, False
    tried[:] = theta
    for _ in range(_STEPS):
        now = _at(model, data, axis, tables, background, tried, curve, expected, slopes)
        if now >= likely or ended:
            theta[:] = tried
            part = (now - likely) / (length / 2)
            damping = max(damping / _CHANGE, 1e-9) if part > _GOOD else damping * _CHANGE if part < _POOR else damping
            likely = now
            _inform(data, expected, slopes, parts, covariance, gradient)
        else:
            damping *= _CHANGE
        if ended or not damping < _MOST:
            break
        length = _step(covariance, gradient, theta, bounds, damping, matrix, step)
        for i in range(theta.size):
            tried[i] = min(max(theta[i] + step[i], bounds[0, i]), bounds[1, i])
        ended = length < _SHORT
    ends = _bounded(theta, bounds)
    if not _invert(covariance, matrix, theta, bounds) or not ended:
        return FAILED, np.nan, np.nan
    return (AT_END if ends else FITTED), _chi2(data, expected, theta.size), likely


@njit(nogil=True, cache=True, error_model="numpy")
def _at(model, data, axis, tables, background, theta, curve, expected, slopes):  # type: ignore[no-untyped-def]
    """Logarithm of the likelihood, with what is expected; NaN is none."""
    expect(model, theta, axis, tables, curve, expected, slopes)
    total = 0.0
    for b in range(data.size):
        expected[b] = max(expected[b], 0.0) + background
        total -= expected[b]
        if data[b]:
            total += data[b] * np.log(expected[b])
    return total


@njit(nogil=True, cache=True, error_model="numpy")
def _inform(data, expected, slopes, parts, information, gradient):  # type: ignore[no-untyped-def]
    """Information matrix and gradient of the likelihood's logarithm; parts are (2, bins) to work in."""
    beyond, part = parts[0], parts[1]
    for b in range(data.size):
        beyond[b] = data[b] / expected[b] - 1
    for i in range(slopes.shape[0]):
        gradient[i] = _product(slopes[i], beyond)
        for b in range(data.size):
            part[b] = slopes[i, b] / expected[b]
        for j in range(i + 1):
            information[i, j] = information[j, i] = _product(part, slopes[j])


@njit(nogil=True, cache=True)
def _product(one, other):  # type: ignore[no-untyped-def]
    """Sum of products, by eight sums of which no one waits for another; their order is the same on all processors."""
    a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = 0.0
    eights = one.size // 8
    for k in range(eights):
        i = 8 * k
        a0 += one[i] * other[i]
        a1 += one[i + 1] * other[i + 1]
        a2 += one[i + 2] * other[i + 2]
        a3 += one[i + 3] * other[i + 3]
        b0 += one[i + 4] * other[i + 4]
        b1 += one[i + 5] * other[i + 5]
        b2 += one[i + 6] * other[i + 6]
        b3 += one[i + 7] * other[i + 7]
    for i in range(8 * eights, one.size):
        a0 += one[i] * other[i]
    return ((a0 + b0) + (a1 + b1)) + ((a2 + b2) + (a3 + b3))


@njit(nogil=True, cache=True, error_model="numpy")
def _step(information, gradient, theta, bounds, damping, matrix, step):  # type: ignore[no-untyped-def]
    """The next step, and the square of its length in standard errors; parameters that push against an end stay."""
    for i in range(theta.size):
        step[i] = gradient[i]
        for j in range(theta.size):
            matrix[i, j] = information[i, j]
        matrix[i, i] *= 1 + damping
    for i in range(theta.size):
        out = (theta[i] <= bounds[0, i]) & (gradient[i] < 0) | (theta[i] >= bounds[1, i]) & (gradient[i] > 0)
        if out or not information[i, i] > 0:
            _keep(matrix, i)
            step[i] = 0
    if not _factor(matrix):
        return np.inf
    _solve(matrix, step)
    length = 0.0
    for i in range(theta.size):
        length += step[i] * gradient[i] if step[i] != 0 else 0.0
    return length


@njit(nogil=True, cache=True)
def _keep(matrix, i):  # type: ignore[no-untyped-def]
    """Take out a parameter that does not change."""
    matrix[i, :] = 0
    matrix[:, i] = 0
    matrix[i, i] = 1


@njit(nogil=True, cache=True, error_model="numpy")
def _factor(matrix):  # type: ignore[no-untyped-def]
    """Cholesky factor in place of a matrix, below its diagonal; False where it has none."""
    for i in range(matrix.shape[0]):
        for j in range(i + 1):
            total = matrix[i, j]
            for k in range(j):
                total -= matrix[i, k] * matrix[j, k]
            if i > j:
                matrix[i, j] = total / matrix[j, j]
            elif total > 0 and np.isfinite(total):
                matrix[i, i] = np.sqrt(total)
            else:
                return False
    return True


@njit(nogil=True, cache=True, error_model="numpy")
def _solve(factor, right):  # type: ignore[no-untyped-def]
    """Solution in place of the right side."""
    for i in range(right.size):
        for k in range(i):
            right[i] -= factor[i, k] * right[k]
        right[i] /= factor[i, i]
    for i in range(right.size - 1, -1, -1):
        for k in range(i + 1, right.size):
            right[i] -= factor[k, i] * right[k]
        right[i] /= factor[i, i]


@njit(nogil=True, cache=True)
def _bounded(theta, bounds):  # type: ignore[no-untyped-def]
    """How many parameters are at an end of their range; 0 is no end of those that may be nothing."""
    ends = 0
    for i in range(theta.size):
        ends += (theta[i] <= bounds[0, i]) & (bounds[0, i] != 0) | (theta[i] >= bounds[1, i]) & (bounds[1, i] != 0)
    return ends


@njit(nogil=True, cache=True, error_model="numpy")
def _invert(information, matrix, theta, bounds):  # type: ignore[no-untyped-def]
    """Covariance in place of the information, 0 of parameters at an end, endless of those that nothing tells of."""
    for i in range(theta.size):
        for j in range(theta.size):
            matrix[i, j] = information[i, j]
    for i in range(theta.size):
        if (theta[i] <= bounds[0, i]) | (theta[i] >= bounds[1, i]) | (information[i, i] == 0):
            _keep(matrix, i)
    if not _factor(matrix):
        return False
    for i in range(theta.size):
        known = information[i, i] > 0
        information[i] = 0
        if not known:
            information[i, i] = np.inf
        elif theta[i] > bounds[0, i] and theta[i] < bounds[1, i]:
            information[i, i] = 1
            _solve(matrix, information[i])
    return True


@njit(nogil=True, cache=True, error_model="numpy")
def _chi2(data, expected, parameters):  # type: ignore[no-untyped-def]
    """Pearson's χ² over the degrees of freedom, of bins in which at least one sample is expected."""
    total, number = 0.0, 0
    for b in range(data.size):
        if expected[b] >= _TOLD:
            total += (data[b] - expected[b]) ** 2 / expected[b]
            number += 1
    return total / max(number - parameters, 1)
