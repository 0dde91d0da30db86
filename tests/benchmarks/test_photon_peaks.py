"""Fits of photon peaks against iminuit on the same likelihood, by the processor time of one thread."""

from __future__ import annotations

from statistics import median
from typing import Any

import numpy as np
import pytest
from iminuit import Minuit

from calib_core.numerics.photon_peaks import (
    BACKGROUND,
    FITTED,
    Start,
    fit_free,
    fit_shared,
    fit_shelves,
    shared_templates,
)

from ..calib_core.numerics.flat_light import EDGES, GAIN, PIXEL, expected, flat
from .conftest import processor_time

#: Histograms of ours, and of iminuit, in each round.
OURS, FEW, ROUNDS = 400, 3, 5
START = Start(1.02 * GAIN, 9.5, 0.5)


@pytest.mark.parametrize(("photons", "goal"), [(0.05, 200), (0.5, 200)])
def test_shared_charge(bars, photons, goal):
    light = flat(OURS, photons, 8.0, spread=0.05)
    templates = shared_templates(EDGES, START, 8 / PIXEL)
    found = fit_shared(light.counts, EDGES, START, templates)
    assert (found.status == FITTED).all()

    def minuit() -> None:
        for p in range(FEW):
            counts = light.counts[p]
            share = BACKGROUND * counts.sum() / len(counts)

            def cost(*values: float, counts: Any = counts, share: float = share) -> float:
                mean = np.maximum(expected(*values, 8.0), 0) + share
                return float(2 * (mean.sum() - (counts * np.log(mean)).sum()))

            fit = Minuit(cost, counts.sum(), photons, GAIN, 0.0, 9.0, name=found.names)
            fit.errordef = 1
            fit.limits["photons"], fit.limits["noise"] = (0.002, 4), (3, 18)
            fit.migrad()
            assert fit.values["gain"] == pytest.approx(found["gain"][p], abs=0.02 * fit.errors["gain"])

    ours, ratios = [], []
    for _ in range(ROUNDS):
        ours.append(processor_time(lambda: fit_shared(light.counts, EDGES, START, templates)) / OURS)
        ratios.append(processor_time(minuit) / FEW / ours[-1])
    bars.times(f"photon_peaks_shared_{photons:g}", {"histogram": 1e3 * median(ours)}, {"histogram": 0.5})
    bars.ratio(f"photon_peaks_shared_{photons:g}_vs_iminuit", ratios, goal, f"{1e6 * median(ours):.0f} us each ")


def test_others(bars):
    """Models that are there to compare."""
    light = flat(OURS, 0.5, 8.0, spread=0.05)
    first = np.broadcast_to([[0, 9.0], [GAIN, 10], [2 * GAIN, 11], [3 * GAIN, 12]], (OURS, 4, 2))
    ranges = np.array([[[-30, 3], [35, 3], [80, 3], [130, 3.0]], [[30, 30], [80, 35], [145, 40], [220, 45.0]]])
    for name, call in (("free", lambda: fit_free(light.counts, EDGES, first, ranges)),
                       ("shelves", lambda: fit_shelves(light.counts, EDGES, START))):
        call()
        found = median(processor_time(call) / OURS for _ in range(3))
        bars.line(f"photon_peaks_{name} {1e6 * found:.0f} us a histogram")
