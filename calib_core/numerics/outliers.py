"""Few numbers of which some may lie far from the others."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[Any]


def outlying(values: _Array, spreads: _Array, limit: float) -> NDArray[np.bool_]:
    """Find the numbers that lie far from the others, up to a quarter of them and at least one.

    The numbers are asked in the order of their distance from the median of all, each against those that come after
    it, so that several do not hide each other; the last one that lies far decides.

    Parameters
    ----------
    values : (n,) float
        NaN is not asked.
    spreads : (n,) float
        Of what each number is the median of, in its unit.
    limit : float
        Largest distance from the others, in units of :func:`scale`.

    Returns
    -------
    (n,) bool
    """
    found = np.zeros(len(values), bool)
    known = np.flatnonzero(np.isfinite(values) & np.isfinite(spreads))
    distance = np.abs(values[known] - np.median(values[known])) if known.size else values[known]
    order = known[np.argsort(-distance, kind="stable")]
    for number in range(1, max(1, len(order) // 4) + 1):
        rest = order[number:]
        if rest.size and abs(values[order[number - 1]] - np.median(values[rest])) > limit * scale(
                values[rest], spreads[rest]):
            found[order[:number]] = True
    return found


def scale(values: _Array, spreads: _Array) -> float:
    """Larger of the median spread and of the scatter of the numbers: the root mean square distance from their median.

    Parameters
    ----------
    values, spreads : (n,) float
        Without NaN, at least one.
    """
    scatter = np.sqrt(np.mean((values - np.median(values)) ** 2))
    return float(max(np.median(spreads), scatter))


def medians_of_others(values: _Array) -> _Array:
    """Median of the other numbers of a row, for each number.

    Parameters
    ----------
    values : (n, k) float
        NaN counts as not there.

    Returns
    -------
    (n, k) float64
        NaN where there is no other number.
    """
    order = np.argsort(values, axis=1)  # NaN comes last
    ranked = np.take_along_axis(values, order, axis=1).astype(np.float64)
    rank = np.argsort(order, axis=1)
    known = np.count_nonzero(~np.isnan(values), axis=1)[:, None]
    left = known - (rank < known)
    pair = [np.take_along_axis(ranked, np.clip(place + (place >= rank), 0, values.shape[1] - 1), axis=1)
            for place in ((left - 1) // 2, left // 2)]
    return np.where(left > 0, (pair[0] + pair[1]) / 2, np.nan)
