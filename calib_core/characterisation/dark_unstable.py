"""How many samples of each pixel lie outside its gate, and how many chance and the ASIC explain."""

from __future__ import annotations

import numpy as np

from calib_core.characterisation.accumulators import Statistics
from calib_core.characterisation.dark_rules import region_flags
from calib_core.characterisation.unit import Maps
from calib_core.detector import DetectorType
from calib_core.numerics import stability


def judged(kind: DetectorType, statistics: Statistics) -> Maps:
    """What the rule on unstable pixels looks at.

    Parameters
    ----------
    kind : DetectorType
    statistics : Statistics
        Of one memory cell; while there is no gate yet, nothing lies outside.

    Returns
    -------
    dict of (slow_scan, fast_scan) arrays
        ``tried``, uint32: samples that could have been inside; ``count``, uint32: those that were; ``chance``,
        float32, 0 to 1: that a sample is outside by chance or by what the ASIC has in common, NaN where it is not
        known.
    """
    shape, count = kind.shape, np.ascontiguousarray(statistics.count[0]).reshape(kind.shape)
    if statistics.gate is None:
        return {"tried": count, "count": count, "chance": np.full(shape, np.nan, np.float32)}
    mean, std, low, high = (np.ascontiguousarray(one, np.float32).reshape(shape)
                            for one in (statistics.mean[0], statistics.std[0], *statistics.gate))
    tried = statistics.tried.reshape(shape)
    chance = stability.explained(mean, std, low, high, count, tried, region_flags(kind) == 0, kind.asic_shape)
    return {"tried": tried, "count": count, "chance": chance}


def shares(maps: Maps) -> Maps:
    """Results that tell of it: shares of the samples outside, and of those that are explained, in per cent.

    Parameters
    ----------
    maps : dict
        Of :func:`judged`.

    Returns
    -------
    dict of (slow_scan, fast_scan) float16
        ``outside`` and ``explained``; NaN where there is no sample, or nothing is known.
    """
    tried = maps["tried"].astype(np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        outside = np.float32(100) * (1 - maps["count"] / np.where(tried > 0, tried, np.float32(np.nan)))
    return {"outside": outside.astype(np.float16), "explained": (100 * maps["chance"]).astype(np.float16)}
