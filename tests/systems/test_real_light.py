"""Peaks of photons in frames and amplitudes of real detectors, against what others found in them and iminuit."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from iminuit import Minuit
from scipy.stats import norm

from calib_core.numerics.photon_peaks import BACKGROUND, FITTED, PeakFits, fit_free

pytestmark = pytest.mark.real

Array = Any
#: keV of the light, and ADU/keV of each ASIC that local Gaussians have told: half the distance of peaks 1 and 3.
ENERGY, KNOWN = 12.398, (40.5, 41.2, 39.9, 39.8, 40.2, 41.1, 39.4, 39.8)
#: A peak is fitted in so much of the distance to the next on either side, in bins of 4 ADU.
REACH, BIN = 0.3, 4.0


@lru_cache(1)
def signals(path: Path) -> list[Array]:
    """Samples of gain 0 of each ASIC above their pedestal, (frames, samples) with NaN for others."""
    with h5py.File(path) as file:
        raw, pedestal, rms = (file[name][()] for name in ("raw", "pedestal", "pedestal_g0_rms"))
    good = (raw >> 14 == 0) & (rms > 0) & (rms < 60)
    found = np.where(good, (raw & 0x3FFF) - pedestal[0], np.nan)
    return [found[:, y : y + 256, x : x + 256].reshape(len(raw), -1) for y in (0, 256) for x in range(0, 1024, 256)]


def peak_near(values: Array, place: float, spacing: float, width: float) -> tuple[PeakFits, Array, Array]:
    """A Gaussian on a flat ground in a window that follows it."""
    for _ in range(3):
        bins = int(2 * REACH * spacing / BIN)
        edges = place + BIN * (np.arange(bins + 1) - bins / 2)
        counts = np.histogram(values, edges)[0].astype(np.uint32)[None]
        ends = np.array([[[edges[0], 10.0]], [[edges[-1], 150.0]]])
        found = fit_free(counts, edges, np.array([[[place, width]]]), ends, flat=True, min_entries=100)
        place = float(found["position 0"][0])
    return found, counts[0], edges


def comb(values: Array) -> list[tuple[PeakFits, Array, Array]]:
    """Peaks of 0 to 3 photons; the pedestals have drifted, so that of none is looked for too."""
    found, spacing = [peak_near(values, 0.0, 495.0, 35.0)], 495.0
    for k in (1, 2, 3):
        found.append(peak_near(values, found[0][0]["position 0"][0] + k * spacing, spacing, 35.0 + 5 * k))
    return found


@pytest.mark.parametrize("asic", range(8))
def test_peaks_of_an_asic_tell_its_gain(asic, real_data):
    values = signals(real_data / "jungfrau_m049" / "jungfrau_m049.h5")[asic]
    found = comb(values[np.isfinite(values)])
    place = [float(one["position 0"][0]) for one, _, _ in found]
    assert all(one.status[0] == FITTED for one, _, _ in found)
    assert (place[3] - place[1]) / 2 / ENERGY == pytest.approx(KNOWN[asic], rel=0.025)
    for one, counts, edges in found:
        x, share = (edges[:-1] + edges[1:]) / 2, BACKGROUND * counts.sum() / len(counts)

        def cost(total: float, middle: float, width: float, ground: float, x: Array = x, counts: Array = counts,
                 share: float = share) -> float:
            mean = total * BIN * norm.pdf(x, middle, np.hypot(width, BIN * 12**-0.5)) + ground / len(x) + share
            return float(2 * (mean.sum() - (counts * np.log(mean)).sum()))

        fit = Minuit(cost, *(one.values[0] * 1.01), name=("total", "middle", "width", "ground"))
        fit.errordef, fit.tol = 1, 1e-3
        fit.limits["total"] = fit.limits["width"] = fit.limits["ground"] = (0, None)
        fit.migrad()
        fit.hesse()
        assert fit.valid
        for i, value in enumerate(one.values[0]):
            assert value == pytest.approx(fit.values[i], abs=0.1 * fit.errors[i])


@pytest.mark.parametrize("asic", range(8))
def test_halves_of_the_frames_tell_the_same_distance(asic, real_data):
    values = signals(real_data / "jungfrau_m049" / "jungfrau_m049.h5")[asic]
    found = []
    for half in (values[:4], values[4:]):
        place = [float(one["position 0"][0]) for one, _, _ in comb(half[np.isfinite(half)])]
        found.append((place[2] - place[0]) / 2)
    assert found[0] == pytest.approx(found[1], rel=0.01)


def test_fe55_line_of_lsst_is_found_in_spite_of_wild_amplitudes(real_data):
    values = np.loadtxt(real_data / "lsst_fe55" / "Fe55_DN_values.txt")
    assert values.max() > 1e10
    edges = np.arange(2000.0, 2701.0, 10)
    counts = np.histogram(values, edges)[0].astype(np.uint32)[None]
    # Kα and Kβ of manganese
    found = fit_free(counts, edges, np.array([[[2300.0, 55.0], [2300 * 6.490 / 5.895, 55.0]]]),
                     np.array([[[2200, 30], [2480, 30.0]], [[2400, 90], [2640, 90.0]]]), min_entries=100)
    assert found.status[0] == FITTED
    assert found["position 0"][0] == pytest.approx(2300, abs=10)
    assert found["position 1"][0] / found["position 0"][0] == pytest.approx(6.490 / 5.895, rel=0.005)
