"""What scikit-learn and iminuit make of the series or histogram of a pixel; imported when somebody asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from iminuit import Minuit
from iminuit.cost import LeastSquares
from numpy.typing import NDArray
from sklearn.cluster import KMeans

__all__ = ["Clusters", "clusters", "hook_line", "line", "peaks"]

_Array = NDArray[Any]
#: Starts of K-means, of which the best counts.
_STARTS = 10


@dataclass(frozen=True)
class Clusters:
    """Three clusters by K-means.

    Attributes
    ----------
    middles : (3, 2) float64
        In the order of the second feature.
    counts : (3,) int64
        Samples of each.
    inertia : float
        Sum of the squared distances of the samples from their middles.
    """

    middles: _Array
    counts: _Array
    inertia: float


def clusters(features: _Array) -> Clusters:
    """Cluster samples from random starts, with a fixed seed.

    Parameters
    ----------
    features : (n, 2) float64
        Finite.

    Returns
    -------
    Clusters
    """
    found = KMeans(n_clusters=3, n_init=_STARTS, random_state=0).fit(features)
    order = np.argsort(found.cluster_centers_[:, 1])
    counts = np.bincount(found.labels_, minlength=3)
    return Clusters(found.cluster_centers_[order], counts[order], float(found.inertia_))


def line(x: _Array, y: _Array) -> dict[str, float]:
    """Straight line by least squares.

    Parameters
    ----------
    x, y : (n,) float64

    Returns
    -------
    dict of str to float
        ``slope`` and ``intercept``.
    """
    def model(x: _Array, slope: float, intercept: float) -> _Array:
        return slope * x + intercept

    fit = Minuit(LeastSquares(x, y, 1.0, model), slope=0.0, intercept=float(y.mean()))
    return _values(fit)


def hook_line(x: _Array, y: _Array, limits: tuple[float, float]) -> dict[str, float]:
    """Line with an exponential at its begin, by least squares, from the line through the later half.

    Parameters
    ----------
    x, y : (n,) float64
        Ascending.
    limits : (float, float)
        Of the length of the exponential.

    Returns
    -------
    dict of str to float
        ``slope``, ``intercept``, ``hook`` (its height at the first sample) and ``length``.
    """
    first = x[0]

    def model(x: _Array, slope: float, intercept: float, hook: float, length: float) -> _Array:
        return np.asarray(slope * x + intercept + hook * np.exp(-(x - first) / length))

    late = line(x[len(x) // 2:], y[len(x) // 2:])
    fit = Minuit(LeastSquares(x, y, 1.0, model), **late, hook=float(y[0] - late["slope"] * x[0] - late["intercept"]),
                 length=float(np.sqrt(limits[0] * limits[1])))
    fit.limits["length"] = limits
    return _values(fit)


def peaks(
    expected: Callable[[_Array], _Array], counts: _Array, first: Mapping[str, tuple[float, float, float]],
) -> dict[str, float]:
    """Parameters with which the counts of a histogram are likeliest.

    Parameters
    ----------
    expected : callable
        Gives the expected counts, (bins,) float64, for parameters in the order of ``first``.
    counts : (bins,) array
    first : mapping of str to (float, float, float)
        Where each parameter begins, and its least and largest value; where these are the same, it stays.

    Returns
    -------
    dict of str to float
        NaN where it ends nowhere.
    """
    def unlikely(*values: float) -> float:
        mean = np.maximum(expected(np.array(values)), 1e-12)
        return float(2 * (mean.sum() - (counts * np.log(mean)).sum()))

    fit = Minuit(unlikely, *(begin for begin, _, _ in first.values()), name=tuple(first))
    for name, (_, low, high) in first.items():
        fit.limits[name], fit.fixed[name] = (low, high), low == high
    return _values(fit)


def _values(fit: Minuit) -> dict[str, float]:
    fit.strategy = 2
    fit.tol = 1e-4
    fit.migrad(ncall=20000)
    return {name: fit.values[name] for name in fit.parameters} if fit.valid else dict.fromkeys(fit.parameters, np.nan)
