"""Fits of photon peaks against photons that are thrown one by one, exact densities, and iminuit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from iminuit import Minuit
from scipy.stats import binom, norm

from calib_core.numerics.photon_peaks import (
    AT_END,
    BACKGROUND,
    BRIGHT,
    FAINT,
    FEW_ENTRIES,
    FITTED,
    PeakFits,
    Start,
    common_cloud,
    fit_free,
    fit_shared,
    fit_shelves,
    frames_needed,
    shared_templates,
)

from .flat_light import COPPER, EDGES, GAIN, ONE, PIXEL, Flat, expected, flat

Array = Any

START = Start(1.02 * GAIN, 9.5, 0.5)
#: Photons in a pixel, and the largest scatter of gains at 20,000 frames, of one line and of copper's two.
SCATTER = {0.05: (0.006, 0.007), 0.2: (0.004, 0.0045), 0.5: (0.003, 0.0035)}
PIXELS = 150
NAMES = ("entries", "photons", "gain", "zero", "noise")


def fitted(photons: float, cloud: float, lines: Any) -> tuple[Flat, PeakFits, float]:
    """Pixels whose gains differ by 5 %, and their fits with the cloud that they tell."""
    light = flat(PIXELS, photons, cloud, lines, spread=0.05, seed=int(1000 * photons + cloud))
    found, _ = common_cloud(light.counts[:100], EDGES, START, lines)
    return light, fit_shared(light.counts, EDGES, START, shared_templates(EDGES, START, found, lines)), found


def bound(photons: float, cloud: float, lines: Any) -> float:
    """Smallest relative scatter of gains that the information in a histogram allows."""
    truth = np.array([20_000, photons, GAIN, 0.0, 9.0])
    slopes = []
    for i, step in enumerate((1.0, 1e-4, 0.01, 0.01, 0.01)):
        up, down = (expected(*(truth + sign * step * (np.arange(5) == i)), cloud, lines) for sign in (1, -1))
        slopes.append((up - down) / (2 * step))
    information = np.array(slopes) / np.maximum(expected(*truth, cloud, lines), 1e-3) @ np.array(slopes).T
    return float(np.sqrt(np.linalg.inv(information)[2, 2]) / GAIN)


@pytest.mark.many
@pytest.mark.parametrize("cloud", [5.0, 8.0, 13.0])
@pytest.mark.parametrize("photons", list(SCATTER))
@pytest.mark.parametrize("lines", [ONE, COPPER], ids=["one line", "two lines"])
def test_gain_cloud_and_errors_are_those_that_were_drawn(lines, photons, cloud):
    light, found, told = fitted(photons, cloud, lines)
    assert (found.status == FITTED).all()
    assert told * PIXEL == pytest.approx(cloud, rel=0.05)
    off = found["gain"] / light.gain - 1
    assert abs(off.mean()) < 0.005
    least, most = bound(photons, cloud, lines), SCATTER[photons][lines is COPPER]
    assert off.std() < 1.18 * least  # a scatter of 150 pixels is known to 6 %
    of_one = np.median(found.error("gain") / found["gain"])  # and what the fit says of it, to 1 %
    assert of_one < (most if least < most else 1.03 * least)
    assert (least < most) != (lines is ONE and (photons, cloud) == (0.05, 13.0))
    for name, truth in (("gain", light.gain), ("photons", photons), ("zero", light.zero), ("noise", light.noise)):
        pull = (found[name] - truth) / found.error(name)
        assert pull.std() == pytest.approx(1, abs=0.17), name
        assert abs(pull.mean()) < 0.4, name
    assert found.chi2.mean() == pytest.approx(1, abs=0.05)


@pytest.mark.many
@pytest.mark.parametrize(("photons", "cloud", "lines"), [(0.05, 5.0, COPPER), (0.2, 8.0, ONE), (0.5, 13.0, COPPER)])
def test_pulls_are_one_wide(photons, cloud, lines):
    """Of 500 pixels a width is known to 3 %; few frames have larger errors, not wider pulls."""
    light = flat(500, photons, cloud, lines, frames=5000, spread=0.05, seed=8)
    found = fit_shared(light.counts, EDGES, START, shared_templates(EDGES, START, cloud / PIXEL, lines))
    for name, truth in (("gain", light.gain), ("photons", photons), ("zero", light.zero), ("noise", light.noise)):
        assert ((found[name] - truth) / found.error(name)).std() == pytest.approx(1, abs=0.1), name


def test_a_second_line_that_is_left_out_moves_the_gain():
    light = flat(100, 0.2, 8.0, COPPER, seed=3)
    found = fit_shared(light.counts, EDGES, START, shared_templates(EDGES, START, 8 / PIXEL))
    assert found["gain"].mean() / GAIN - 1 == pytest.approx(0.014, abs=0.005)


@pytest.mark.parametrize(("photons", "cloud", "lines"), [
    (0.03, 8.0, ONE), (0.05, 13.0, COPPER), (0.2, 5.0, ONE), (0.5, 13.0, ONE), (0.7, 8.0, COPPER), (2.0, 8.0, ONE)])
def test_iminuit_finds_the_same_top_of_the_exact_likelihood(photons, cloud, lines):
    light = flat(5, photons, cloud, lines, spread=0.05, seed=11)
    found = fit_shared(light.counts, EDGES, START, shared_templates(EDGES, START, cloud / PIXEL, lines))
    for p, counts in enumerate(light.counts):
        share = BACKGROUND * counts.sum() / len(counts)

        def cost(*values: float, counts: Array = counts, share: float = share) -> float:
            mean = np.maximum(expected(*values, cloud, lines), 0) + share
            return float(2 * (mean.sum() - (counts * np.log(mean)).sum()))

        fit = Minuit(cost, counts.sum(), photons, GAIN, 0.0, 9.0, name=NAMES)
        fit.errordef, fit.tol = 1, 1e-3
        fit.limits["photons"], fit.limits["noise"] = (0.002, 4), (3, 18)
        fit.migrad()
        fit.hesse()
        assert fit.valid
        for name in NAMES:
            assert found[name][p] == pytest.approx(fit.values[name], abs=0.02 * fit.errors[name]), name
            assert found.error(name)[p] == pytest.approx(fit.errors[name], rel=0.12), name


@pytest.mark.many
@pytest.mark.parametrize(("of_cells", "larger", "high"), [(0.02, 0.017, 0.0013), (0.05, 0.112, 0.0073)])
def test_memory_cells_of_other_gains_in_one_histogram_make_the_cloud_larger_and_the_gain_little(
    of_cells, larger, high
):
    """Cloud and gain of 32 memory cells together, by how much a larger study had found them above what was drawn."""
    light = flat(200, 0.3, 8.0, frames=6400, spread=0.03, seed=12, cells=32, of_cells=of_cells)
    cloud, error = common_cloud(light.counts, EDGES, START)
    assert cloud * PIXEL / 8 - 1 == pytest.approx(larger, abs=3.5 * error / cloud)
    found = fit_shared(light.counts, EDGES, START, shared_templates(EDGES, START, cloud))
    off = found["gain"] / light.gain - 1
    assert off.mean() == pytest.approx(high, abs=4 * off.std() / np.sqrt(200))
    assert (abs(off.mean()) < 0.005) == (of_cells < 0.05)
    assert off.std() < 1.15 * np.median(found.error("gain") / found["gain"])


def test_results_do_not_depend_on_tiles():
    light = flat(30, 0.2, 8.0, spread=0.05)
    templates = shared_templates(EDGES, START, 8 / PIXEL)
    whole = fit_shared(light.counts, EDGES, START, templates)
    for size in (1, 7):
        for i in range(0, 30, size):
            part = fit_shared(light.counts[i : i + size], EDGES, START, templates)
            np.testing.assert_array_equal(part.values, whole.values[i : i + size])
            np.testing.assert_array_equal(part.covariance, whole.covariance[i : i + size])


def test_wide_bins_are_no_noise():
    """Bins of 9 ADU where the noise is 9: without their width it would be 9.4."""
    light = flat(60, 0.2, 8.0)
    counts, edges = np.ascontiguousarray(light.counts[:, :342].reshape(60, 38, 9).sum(axis=2, dtype=np.uint32)), (
        EDGES[:343:9].copy())
    found = fit_shared(counts, edges, START, shared_templates(edges, START, 8 / PIXEL))
    assert found["noise"].mean() == pytest.approx(9, abs=4 * found["noise"].std() / np.sqrt(60))
    assert found["gain"].mean() == pytest.approx(GAIN, rel=0.002)


@pytest.mark.many
@pytest.mark.parametrize(("photons", "status"), [(0.012, FAINT), (3.2, BRIGHT)])
def test_too_few_and_too_many_photons_are_told_with_their_number(photons, status):
    light = flat(20, photons, 8.0, frames=30_000)
    found = fit_shared(light.counts, EDGES, START, shared_templates(EDGES, START, 8 / PIXEL))
    assert (found.status == status).all()
    assert found["photons"].mean() == pytest.approx(photons, rel=0.1)
    if status == FAINT:
        needed = frames_needed(30_000, found["gain"], found.error("gain"), 0.005)
        # as many frames have the error that was asked for
        many = flat(20, photons, 8.0, frames=int(np.median(needed)), seed=5)
        again = fit_shared(many.counts, EDGES, START, shared_templates(EDGES, START, 8 / PIXEL))
        assert np.median(again.error("gain") / again["gain"]) == pytest.approx(0.005, rel=0.15)


def test_what_is_not_there_is_told():
    counts = np.zeros((3, 350), np.uint32)
    counts[1, 40:60] = 20
    counts[2, 50] = 20_000  # a pixel that always answers the same
    found = fit_shared(counts, EDGES, START, shared_templates(EDGES, START, 8 / PIXEL))
    assert found.status[:2].tolist() == [FEW_ENTRIES, FEW_ENTRIES]
    assert found.status[2] in (AT_END, FAINT)
    assert np.isnan(found.values[:2]).all()
    assert np.isnan(found.error("gain")[:2]).all()  # an error of 0 would be the best of all


def test_one_wild_sample_decides_nothing():
    light = flat(20, 0.2, 8.0)
    templates = shared_templates(EDGES, START, 8 / PIXEL)
    before = fit_shared(light.counts, EDGES, START, templates)
    light.counts[:, [3, 345]] += 1
    after = fit_shared(light.counts, EDGES, START, templates)
    assert np.abs((after["gain"] - before["gain"]) / before.error("gain")).max() < 0.3


@pytest.mark.many
@pytest.mark.parametrize(("photons", "cloud", "low", "high"), [
    (0.05, 8.0, -0.02, -0.003), (0.5, 5.0, -0.02, 0.0), (0.5, 8.0, -0.03, -0.01)])
def test_shelves_are_off_by_what_an_independent_study_has_found(photons, cloud, low, high):
    light = flat(100, photons, cloud)
    found = fit_shelves(light.counts, EDGES, START)
    assert (found.status == FITTED).mean() > 0.95
    assert low < found["gain"].mean() / GAIN - 1 < high


FIRST = np.array([[0, 9.0], [GAIN, 10], [2 * GAIN, 11], [3 * GAIN, 12]])
RANGES = np.array([[[-30, 3], [35, 3], [80, 3], [130, 3.0]], [[30, 30], [80, 35], [145, 40], [220, 45.0]]])


X = (EDGES[:-1] + EDGES[1:]) / 2
BIN = 12**-0.5


def of_second(photons: int, lines: Any) -> Any:
    """How many of some photons may be of a second line, by how much one of them is higher, and how likely that is."""
    energy, share = (*lines, (1.0, 0.0))[1]
    number = np.arange(photons + 1)
    chance = binom.pmf(number, photons, share)
    told = chance > 1e-7
    return zip(number[told], number[told] * (energy - 1), chance[told], strict=True)


def gaussians(*values: float, lines: Any = ONE) -> Array:
    """Counts of peaks with entries, position and width each; those of a second line beside that of the first."""
    peaks = enumerate(zip(*[iter(values)] * 3, strict=True))
    return sum(a * chance * norm.pdf(X, m + more * (m - values[1]) / max(k, 1), np.hypot(s, BIN))
               for k, (a, m, s) in peaks for _, more, chance in of_second(k, lines))


def plateaus(entries: float, photons: float, gain: float, zero: float, noise: float, growth: float,
             part: float, lines: Any = ONE) -> Array:
    """Counts of peaks at equal distances with shelves between, which are as long as the last photon is high."""
    total, chance, low = np.zeros(len(X)), np.exp(-photons), np.hypot(noise, BIN)
    for k in range(9):
        for of_beta, more, share in of_second(k, lines):
            end = zero + (k + more) * gain
            peak = norm.pdf(X, end, np.hypot(low, np.sqrt(k) * growth))
            shelf = np.zeros(len(X))
            for height, last in ((1.0, k - of_beta), (lines[-1][0], of_beta)) if k else ():
                begin = end - height * gain
                shelf += last / k * (norm.cdf(X, begin, low) - norm.cdf(X, end, low)) / (height * gain)
            total += chance * share * ((1 - part) * peak + part * shelf if k else peak)
        chance *= photons / (k + 1)
    return entries * total


@pytest.mark.parametrize("lines", [ONE, COPPER], ids=["one line", "two lines"])
@pytest.mark.parametrize(("model", "truth"), [
    (gaussians, (12_000, 1.0, 9.0, 6000, 64.0, 10.0, 1500, 128.0, 11.0, 300, 192.0, 12.0)),
    (plateaus, (20_000, 0.5, GAIN, 1.0, 9.0, 3.0, 0.2))])
def test_free_gaussians_and_shelves_have_the_top_that_iminuit_finds(model, truth, lines):
    draw = np.random.default_rng(2)
    counts = draw.poisson(model(*truth, lines=lines), (3 if lines is ONE else 1, len(X))).astype(np.uint32)
    found = (fit_shelves(counts, EDGES, START, lines=lines) if model is plateaus else
             fit_free(counts, EDGES, np.broadcast_to(FIRST, (len(counts), 4, 2)), RANGES, lines=lines))
    assert (found.status == FITTED).all()
    names = [name for name in found.names if name != "flat"]
    for p in range(len(counts)):
        share = BACKGROUND * counts[p].sum() / len(X)

        def cost(*values: float, data: Array = counts[p], share: float = share) -> float:
            mean = model(*values, lines=lines) + share
            return float(2 * (mean.sum() - (data * np.log(mean)).sum()))

        fit = Minuit(cost, *truth, name=names)
        fit.errordef, fit.tol = 1, 1e-3
        for name in names:
            if name.startswith(("entries", "width", "growth", "noise", "photons")):
                fit.limits[name] = (0, None)
        fit.migrad(ncall=5000)
        fit.hesse()
        for name in names:
            assert found[name][p] == pytest.approx(fit.values[name], abs=0.02 * fit.errors[name]), name
            assert found.error(name)[p] == pytest.approx(fit.errors[name], rel=0.15), name


@pytest.mark.many
@pytest.mark.parametrize("shelves", [True, False], ids=["shelves", "free Gaussians"])
def test_models_to_compare_with_are_off_by_as_much_with_a_second_line_as_with_one(shelves):
    """That they do not know is 1.3 % more, as much as the mean energy is higher."""
    def off(light: Flat, lines: Any) -> tuple[float, float]:
        if shelves:
            gain = fit_shelves(light.counts, EDGES, START, lines=lines)["gain"]
        else:
            first = np.broadcast_to(FIRST, (len(light.counts), *FIRST.shape))
            found = fit_free(light.counts, EDGES, first, RANGES, lines=lines)
            gain = found["position 1"] - found["position 0"]
        return gain.mean() / GAIN - 1, gain.std() / GAIN / np.sqrt(len(gain))

    one, two = (flat(100, 0.2, 8.0, lines, seed=9) for lines in (ONE, COPPER))
    (alone, error), (known, _), (unknown, _) = off(one, ONE), off(two, COPPER), off(two, ONE)
    assert known == pytest.approx(alone, abs=4 * error)
    assert unknown - known == pytest.approx(0.12 * (COPPER[1][0] - 1), abs=0.004)


def test_free_gaussians_of_no_samples_leave_the_others():
    light = flat(20, 0.05, 8.0)
    found = fit_free(light.counts, EDGES, np.broadcast_to(FIRST, (20, 4, 2)), RANGES)
    assert np.isin(found.status, (FITTED, AT_END)).all()
    assert (found["position 1"] - found["position 0"]).mean() / GAIN - 1 == pytest.approx(-0.055, abs=0.03)


@pytest.mark.parametrize(("change", "words"), [
    ({"counts": np.zeros(350, np.uint32)}, "axes"), ({"counts": np.zeros((2, 350), np.int64)}, "uint32"),
    ({"edges": EDGES[:-1].copy()}, "edges"), ({"edges": np.geomspace(1, 300, 351)}, "equally wide"),
    ({"min_entries": 0}, "at least 1 sample")])
def test_what_no_kernel_takes_is_refused(change, words):
    given = {"counts": np.zeros((2, 350), np.uint32), "edges": EDGES, "min_entries": 10} | change
    with pytest.raises(ValueError, match=words):
        fit_shared(given["counts"], given["edges"], START, shared_templates(EDGES, START, 0.04),
                   min_entries=given["min_entries"])
