"""A line and an exponential through a series by variable projection.

The decay is searched in eight values on sums of eight steps, then by Gauss and Newton on all samples; whatever it is,
the other three follow linearly. Sums are made one sample after the other, so that no processor has other ones.
"""

from __future__ import annotations

import numpy as np

from calib_core.numerics.kernels import njit

#: What a fit has become; sentences are in :class:`calib_core.numerics.scan_fits.MediumFits`.
LINE, HOOK, WEAK, DECAY_AT_END, FEW_POINTS, FAILED = range(6)
#: Columns of a fit, in the order of :class:`calib_core.numerics.scan_fits.MediumFits`.
COLUMNS = 12
(SLOPE, INTERCEPT, SLOPE_ERROR, INTERCEPT_ERROR, COVARIANCE, AMPLITUDE, AMPLITUDE_ERROR, DECAY, DECAY_ERROR, START,
 DEVIATION, LARGEST) = range(COLUMNS)
#: Decays that are tried first, and steps of a sum for that.
TRIED, BIN = 8, 8

#: The search ends with a smaller relative change of the decay, which leaves the square of it, or after so many.
_SMALL, _PASSES = 0.005, 12
#: Largest relative change at once.
_LEAP = 0.6
#: An amplitude is one from so many of its errors.
_CLEAR = 3.0
#: Terms of an exponential of up to 1.
_TERMS = 18


@njit(nogil=True, cache=True)
def medium(  # type: ignore[no-untyped-def]
    x, analog, label, region, ends, hook, least, tried, table, work, scratch, out, number, status
):
    """Fit each series of a tile; ``ends`` are the margin, and first and last step of a fixed interval or -1."""
    for p in range(analog.shape[0]):
        start, first, last = _bounds(x, label[p], region, ends)
        size = max(last - start + 1, 0)
        here = work[:, : size + -size % BIN]
        number[p], sums, about = _dense(x, analog[p], label[p], region, first, last, start, here)
        if number[p] < least:
            status[p] = FEW_POINTS
            continue
        out[p, START] = start
        status[p] = _hook(here, sums, about, tried, table, scratch, out[p]) if hook else LINE
        if status[p] == LINE:
            _line(here, sums, about, out[p])
        elif status[p] == FAILED:
            out[p] = np.nan


@njit(nogil=True, cache=True)
def _bounds(x, label, region, ends):  # type: ignore[no-untyped-def]
    """First step of the region, and first and last step of the fit."""
    first, last = 0, x.size - 1
    while last >= 0 and label[last] != region:
        last -= 1
    while first < last and label[first] != region:
        first += 1
    if last < 0:
        return 0, 0, -1
    start, stop = int(x[first]), int(x[last])
    return (start, ends[1], min(ends[2], stop)) if ends[2] >= 0 else (start, start, stop - ends[0])


@njit(nogil=True, cache=True)
def _dense(x, analog, label, region, first, last, start, work):  # type: ignore[no-untyped-def]
    """Lay samples out by steps from the region's first, with 1 or 0 for whether they are there; and their sums.

    Signals are above the first one. The sums are Σ1, Σk, Σk², Σy, Σky, Σy².
    """
    work[:] = 0
    n = s1 = s2 = y0 = y1 = y2 = about = 0
    for i in range(x.size):
        if (label[i] == region) & (x[i] >= first) & (x[i] <= last):
            k = int(x[i]) - start
            about = about if n else int(analog[i])
            y = int(analog[i]) - about
            work[0, k], work[1, k] = y, 1
            n += 1
            s1 += k
            s2 += k * k
            y0 += y
            y1 += k * y
            y2 += y * y
    return n, (float(n), float(s1), float(s2), float(y0), float(y1), float(y2)), (start, about)


@njit(nogil=True, cache=True, error_model="numpy")
def _line(work, sums, about, out):  # type: ignore[no-untyped-def]
    """A straight line."""
    n, s1, s2, y0, y1, _ = sums
    mean, spread = s1 / n, s2 - s1 * (s1 / n)
    slope = (y1 - mean * y0) / spread
    level = y0 / n - slope * mean
    squares, out[LARGEST] = _residuals(work, slope, level, 0.0, 1.0)
    variance = squares / (n - 2)
    _put(out, about, slope, level, variance / spread, variance * (1 / n + mean * mean / spread),
         -variance * mean / spread)
    out[DEVIATION] = np.sqrt(squares / n)


@njit(nogil=True, cache=True, error_model="numpy")
def _put(out, about, slope, level, of_slope, of_level, of_both):  # type: ignore[no-untyped-def]
    """Slope, intercept and their covariance at step 0 of those at the region's first step."""
    start, offset = about
    out[SLOPE], out[INTERCEPT] = slope, level + offset - slope * start
    out[SLOPE_ERROR] = np.sqrt(of_slope)
    out[INTERCEPT_ERROR] = np.sqrt(of_level + start * (start * of_slope - 2 * of_both))
    out[COVARIANCE] = of_both - start * of_slope


@njit(nogil=True, cache=True)
def _residuals(work, slope, level, amplitude, factor):  # type: ignore[no-untyped-def]
    """Sum of squares and largest of what a fit leaves."""
    squares, largest, decayed = 0.0, 0.0, amplitude
    for k in range(work.shape[1]):
        left = work[1, k] * (work[0, k] - level - slope * k - decayed)
        decayed *= factor
        squares += left * left
        largest = max(largest, abs(left))
    return squares, largest


@njit(nogil=True, cache=True, error_model="numpy")
def _hook(work, sums, about, tried, table, scratch, out):  # type: ignore[no-untyped-def]
    """Fit line and exponential."""
    decay = _first_decay(work, table, tried, scratch)
    for _ in range(_PASSES):
        inner = _products(work, decay, sums)
        change = _change(inner, decay)
        after = _bounded(decay, change, tried[0], tried[-1])
        small = abs(after - decay) < _SMALL * decay
        decay = after
        if small:
            break
    else:  # the decay of a weak hook may not settle; errors are those where it is left
        inner = _products(work, decay, sums)
    at_end = decay <= tried[0] or decay >= tried[-1]
    if not _solve(work, inner, sums, about, decay, not at_end, out):
        return FAILED
    if not abs(out[AMPLITUDE]) >= _CLEAR * out[AMPLITUDE_ERROR]:
        return WEAK
    return DECAY_AT_END if at_end else HOOK


@njit(nogil=True, cache=True, error_model="numpy")
def _first_decay(work, table, tried, scratch):  # type: ignore[no-untyped-def]
    """The best of the decays that are tried, or one between it and its neighbours, from sums of some steps."""
    gain, s, m, q, p = scratch
    n, s1, s2, y0, y1 = _coarse_sums(work, table, scratch)
    mean = s1 / n
    spread = s2 - mean * s1
    for g in range(TRIED):
        skew = (m[g] - mean * s[g]) / spread
        rest = p[g] - s[g] * (y0 / n) - skew * (y1 - mean * y0)
        gain[g] = rest * rest / (q[g] - s[g] * (s[g] / n) - skew * (m[g] - mean * s[g]))
    best = np.argmax(gain)
    if best == 0 or best == TRIED - 1:
        return tried[best]
    before, at, behind = gain[best - 1], gain[best], gain[best + 1]
    place = 0.5 * (before - behind) / (before - 2 * at + behind)
    change = place * (tried[1] - tried[0]) / (tried[1] + tried[0])
    return tried[best] * (1 + change) / (1 - change)


@njit(nogil=True, cache=True)
def _coarse_sums(work, table, scratch):  # type: ignore[no-untyped-def]
    """Sums of some steps together: Σ1, Σj, Σj², Σy, Σjy, and for each decay Σe, Σje, Σee and Σye."""
    scratch[:] = 0
    _, s, m, q, p = scratch
    n = s1 = s2 = y0 = y1 = 0.0
    for j in range(work.shape[1] // BIN):
        y = here = 0.0
        for k in range(j * BIN, j * BIN + BIN):
            y += work[0, k]
            here += work[1, k]
        n += here
        s1 += here * j
        s2 += here * j * j
        y0 += y
        y1 += y * j
        for g in range(TRIED):
            e = table[j, g]
            s[g] += here * e
            m[g] += here * j * e
            q[g] += here * e * e
            p[g] += y * e
    return n, s1, s2, y0, y1


@njit(nogil=True, cache=True, error_model="numpy")
def _factor(decay):  # type: ignore[no-untyped-def]
    """What is left of an exponential one step later; a library's would depend on the processor in its last bit."""
    term = total = 1.0
    for i in range(1, _TERMS + 1):
        term *= -1 / (decay * i)
        total += term
    return total


@njit(nogil=True, cache=True, error_model="numpy")
def _products(work, decay, sums):  # type: ignore[no-untyped-def]
    """Products of the exponential e, of ke, and of the signals, without what a line explains of them.

    Of e, ke: their means, their products with k, ee, e·ke, ke·ke, ye and y·ke.
    """
    factor = _factor(decay)
    n, s1, s2, y0, y1, _ = sums
    e0 = e1 = e2 = q0 = q1 = q2 = p0 = p1 = 0.0
    decayed = 1.0
    for k in range(work.shape[1]):
        e = decayed * work[1, k]
        decayed *= factor
        ke = e * k
        e0 += e
        e1 += ke
        e2 += ke * k
        q0 += e * e
        q1 += e * ke
        q2 += ke * ke
        p0 += e * work[0, k]
        p1 += ke * work[0, k]
    mean, spread = s1 / n, s2 - s1 * (s1 / n)
    u, v = e0 / n, e1 / n
    a, b, c = e1 - mean * e0, e2 - mean * e1, y1 - mean * y0
    return (u, v, a, b, q0 - u * e0 - a * a / spread, q1 - u * e1 - a * b / spread, q2 - v * e1 - b * b / spread,
            p0 - u * y0 - a * c / spread, p1 - v * y0 - b * c / spread)


@njit(nogil=True, cache=True, error_model="numpy")
def _change(inner, decay):  # type: ignore[no-untyped-def]
    """Relative change of the decay."""
    _, _, _, _, ee, ek, kk, ye, yk = inner
    return decay * (yk * ee - ye * ek) / (ee * kk - ek * ek) / (ye / ee)


@njit(nogil=True, cache=True, error_model="numpy")
def _bounded(decay, change, low, high):  # type: ignore[no-untyped-def]
    """The next decay."""
    if not abs(change) < _LEAP:
        change = -_LEAP if change < 0 else _LEAP
    after = decay * (1 + change / 2) / (1 - change / 2)
    return min(max(after, low), high)


@njit(nogil=True, cache=True, error_model="numpy")
def _solve(work, inner, sums, about, decay, free, out):  # type: ignore[no-untyped-def]
    """Fill in the fit at a decay that is near that of the products, and the errors of all four numbers."""
    u, v, a, b, ee, ek, kk, ye, yk = inner
    n, s1, s2, y0, y1, _ = sums
    mean, spread = s1 / n, s2 - s1 * (s1 / n)
    whole = ee * kk - ek * ek
    amplitude, shift = ((ye * kk - yk * ek) / whole, (yk * ee - ye * ek) / whole) if free else (ye / ee, 0.0)
    slope = (y1 - mean * y0 - amplitude * a - shift * b) / spread
    level = y0 / n - amplitude * u - shift * v - slope * mean
    squares, out[LARGEST] = _residuals(work, slope, level, amplitude, _factor(decay))
    variance = squares / (n - 4)
    c0, c1, c2 = variance * kk / whole, -variance * ek / whole, variance * ee / whole
    a, b = a / spread, b / spread
    of_slope = variance / spread + a * a * c0 + 2 * a * b * c1 + b * b * c2
    of_mean = variance / n + u * u * c0 + 2 * u * v * c1 + v * v * c2
    of_both = u * a * c0 + (u * b + v * a) * c1 + v * b * c2
    _put(out, about, slope, level, of_slope, of_mean + mean * (mean * of_slope - 2 * of_both),
         of_both - mean * of_slope)
    out[DEVIATION] = np.sqrt(squares / n)
    out[AMPLITUDE], out[AMPLITUDE_ERROR], out[DECAY] = amplitude, np.sqrt(c0), decay
    out[DECAY_ERROR] = decay * decay * np.sqrt(c2) / abs(amplitude)
    return whole > 0 and np.isfinite(out[SLOPE]) and np.isfinite(out[AMPLITUDE_ERROR])
