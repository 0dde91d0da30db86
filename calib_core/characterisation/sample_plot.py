"""Samples of one pixel as a histogram with what is taken from them."""

from __future__ import annotations

from math import nan

import numpy as np

from calib_core.axes import Array
from calib_core.explanation import Bars, Explanation, Mark, Number, Plot, Span

_MOST_BINS = 200


def sample_plot(samples: Array, gate: tuple[float, float] | None, mean: float, std: float,
                what: str = "Raw samples") -> Explanation:
    """Histogram with gate and mean.

    Parameters
    ----------
    samples : (n,) array, ADU
    gate : (float, float), optional, ADU
        Its ends inside.
    mean, std : float, ADU
        Inside the gate; NaN where there are too few samples.
    what : str
        Which samples, the title.

    Returns
    -------
    Explanation
        No plot where there are no samples, which is said.
    """
    numbers = (Number("samples", float(samples.size)), Number("mean", mean, "ADU"), Number("σ", std, "ADU"))
    if not samples.size:
        return Explanation(numbers=numbers, notes=("The run has no sample of this pixel here.",))
    spans = () if gate is None else (Span("gate", *gate),)
    marks = (Mark("mean", mean),) if np.isfinite(mean) else ()
    items = (Bars("samples", *_histogram(samples)), *spans, *marks)
    return Explanation((Plot(what, what.lower().removesuffix("s"), "samples", "ADU", "", items),), numbers)


def moments(samples: Array) -> tuple[float, float]:
    """Mean and standard deviation of a pixel's samples.

    Parameters
    ----------
    samples : (n,) array, ADU

    Returns
    -------
    mean, std : float, ADU
        With n − 1; NaN where there are less than 2.
    """
    values = samples.astype(np.float64)
    return (float(values.mean()), float(values.std(ddof=1))) if len(values) > 1 else (nan, nan)


def _histogram(samples: Array) -> tuple[Array, Array]:
    """Bins of whole ADU, so that none has more codes than the others: (n + 1,) edges and (n,) counts."""
    low, high = int(np.floor(samples.min())), int(np.ceil(samples.max()))
    width = max(1, -(-(high - low + 1) // _MOST_BINS))
    edges = np.arange(low, high + width + 1, width) - 0.5
    return edges, np.histogram(samples, edges)[0]
