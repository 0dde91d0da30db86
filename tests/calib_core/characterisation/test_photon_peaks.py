"""What the inspector shows of a pixel in flat light, from a file of histograms and results."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from iminuit import Minuit

from calib_core.characterisation.explains import OfPixel
from calib_core.characterisation.flat_field_model import Model
from calib_core.characterisation.photon_peaks import PhotonPeaks
from calib_core.characterisation.unit import Context
from calib_core.constants.constant import FF_FIT, FF_HISTOGRAM
from calib_core.explanation import Bars, Explanation, Line, Points
from calib_core.numerics.photon_peaks import AT_END, BACKGROUND, FAILED, FITTED
from calib_core.store.constants import read_constant

from ...histogram_files import KIND, write_histograms
from ..numerics.flat_light import GAIN, Flat, expected, flat

Array = Any
ENERGY = 9.2


@pytest.fixture(scope="module")
def light() -> Flat:
    return flat(64, 0.3, 8.0, seed=4)


@pytest.fixture(scope="module")
def context(light: Flat, tmp_path_factory: pytest.TempPathFactory) -> Context:
    file = write_histograms(tmp_path_factory.mktemp("flat"), [light])
    return Context(KIND, (0,), files={(3, FF_HISTOGRAM.name): read_constant(file)})


def explained(
    method: PhotonPeaks, context: Context, col: int, cloud: float = 0.04, compare: bool = False, **known: float,
) -> Explanation:
    values = np.array([known.get(name, np.nan) for name in FF_FIT])
    pixel = OfPixel(lambda result, axis: values, lambda result: np.array([cloud]), lambda *_: None, 3, 0, col)
    found = method.explain_results(context, {"group": 0}, pixel, compare)
    assert found is not None
    return found


@pytest.mark.parametrize("model", ["F3", "F1", "F2"])
def test_model_components_and_pulls_of_a_pixel(model: str, context: Context, light: Flat) -> None:
    method = PhotonPeaks(model=model)
    found = explained(method, context, 5)
    histogram, pulls = found.plots
    [bars] = [one for one in histogram.items if isinstance(one, Bars)]
    np.testing.assert_array_equal(bars.counts, light.counts[5])
    lines = {one.name: one.y for one in histogram.items if isinstance(one, Line)}
    assert lines["model"].sum() == pytest.approx(light.counts[5].sum(), rel=2e-3)
    if model != "F2":
        parts = sum(value for name, value in lines.items() if name != "model")
        assert np.abs(parts - lines["model"]).max() < 0.03 * lines["model"].max()
        assert parts.sum() < lines["model"].sum() * (1 + 1e-9)
    [points] = [one for one in pulls.items if isinstance(one, Points)]
    if model == "F3":
        assert points.y.std() == pytest.approx(1, abs=0.15)
        numbers = {one.name: one for one in found.numbers}
        assert numbers["gain"].value * ENERGY == pytest.approx(light.gain[5], abs=4 * numbers["gain"].error * ENERGY)
        assert numbers["photons"].value == pytest.approx(0.3, rel=0.05)
        assert numbers["samples"].value == light.counts[5].sum()
    assert found.notes == () or model == "F1"


def minuit(counts: Array) -> Minuit:
    """Top of the likelihood with densities by Fourier transforms, in place of ours by templates."""
    share = BACKGROUND * counts.sum() / len(counts)

    def cost(entries: float, photons: float, gain: float, zero: float, noise: float) -> float:
        mean = np.maximum(expected(entries, photons, gain, zero, noise, 8.0), 0) + share
        return float(2 * (mean.sum() - (counts * np.log(mean)).sum()))

    fit = Minuit(cost, counts.sum(), 0.3, GAIN, 0.0, 9.0)
    fit.limits["photons"], fit.limits["noise"], fit.tol = (0.002, 4), (3, 18), 1e-3
    fit.migrad()
    return fit


def test_iminuit_stands_beside_our_numbers_when_it_is_asked(context: Context, light: Flat) -> None:
    assert not any(one.by for one in explained(PhotonPeaks(), context, 5).numbers)
    found, own = explained(PhotonPeaks(), context, 5, compare=True), minuit(light.counts[5])
    numbers = {one.name: one for one in found.numbers}
    assert {name for name, one in numbers.items() if one.by == "iminuit"} == {"gain", "photons", "no photon", "noise"}
    for name, of in (("photons", "photons"), ("no photon", "zero"), ("noise", "noise")):
        assert numbers[name].theirs == pytest.approx(own.values[of], abs=0.02 * own.errors[of]), name
    assert numbers["gain"].theirs * ENERGY == pytest.approx(own.values["gain"], abs=0.02 * own.errors["gain"])
    assert found.notes[-1].startswith("✓ iminuit: largest difference ")
    [curve] = [one for one in found.plots[0].items if one.name == "iminuit"]
    assert curve.y.sum() == pytest.approx(light.counts[5].sum(), rel=2e-3)
    # a gain of ours that is off is told
    words = {"gain": "gain", "photons": "photons", "zero": "no photon", "noise": "noise"}
    known = {name: numbers[word].value for name, word in words.items()}
    known |= {f"{name} error": numbers[word].error for name, word in words.items()} | {"status": float(FITTED)}
    known["gain"] += numbers["gain"].error / 2
    off = explained(PhotonPeaks(), context, 5, compare=True, **known)
    assert off.notes[-1] == "✗ iminuit: largest difference 0.5 σ (gain)."


@pytest.mark.parametrize("model", ["F1", "F2"])
def test_iminuit_is_asked_for_all_models(model: str, context: Context) -> None:
    found = explained(PhotonPeaks(model=model), context, 5, compare=True)
    assert found.notes[-1].startswith("✓ iminuit: largest difference ")
    alone = {"growth", "shelves", "photons"} if model == "F2" else set()
    assert {one.name for one in found.numbers if one.by} == {"gain", "no photon", "noise"} | alone


def test_where_ours_has_not_ended_what_iminuit_finds_is_told_alone(monkeypatch: pytest.MonkeyPatch,
                                                                   context: Context) -> None:
    whole = Model.fit

    def failing(self: Model, *given: Any) -> Any:
        found = whole(self, *given)
        found.values[:], found.status[:] = np.nan, FAILED
        return found

    monkeypatch.setattr(Model, "fit", failing)
    found = explained(PhotonPeaks(), context, 5, compare=True)
    assert found.notes == ("There is no gain: the fit has not ended.",
                           "✗ iminuit alone finds gain, photons, no photon, noise.")
    gain = next(one for one in found.numbers if one.name == "gain")
    assert np.isnan(gain.value)
    assert gain.theirs * ENERGY == pytest.approx(GAIN, rel=0.02)
    assert [one.name for one in found.plots[0].items] == ["samples", "iminuit"]


def test_what_is_known_of_the_pixel_is_where_its_fit_begins(context: Context) -> None:
    told = explained(PhotonPeaks(), context, 5, gain=GAIN / ENERGY, noise=9.0, zero=0.0)
    again = explained(PhotonPeaks(), context, 5)
    assert told.numbers[0].value == pytest.approx(again.numbers[0].value, abs=0.01 * told.numbers[0].error)


def test_numbers_are_those_of_the_maps_and_another_fit_draws_no_model(context: Context) -> None:
    """Also where the fit, done again, ends elsewhere."""
    free = {one.name: one for one in explained(PhotonPeaks(), context, 5).numbers}["gain"]
    known = {"noise": 9.0, "zero": 0.0, "gain error": free.error, "chi2": 1.25, "status": float(FITTED)}
    same = explained(PhotonPeaks(), context, 5, gain=free.value, **known)
    assert ({one.name: one for one in same.numbers}["χ² over degrees of freedom"].value, len(same.plots)) == (1.25, 2)
    other = explained(PhotonPeaks(), context, 5, gain=free.value + 2 * free.error, **known)
    assert other.numbers[0].value == free.value + 2 * free.error
    assert len(other.plots) == 1
    [note] = other.notes
    assert note.startswith(f"Fitted again, the gain is {free.value:.4g} ± ")
    ended = explained(PhotonPeaks(), context, 5, gain=3.0, **{**known, "status": float(AT_END)})
    assert ended.notes[0] == "There is no gain: a number is at an end of its range."


def test_pixels_without_samples_or_a_cloud_say_so(context: Context) -> None:
    assert explained(PhotonPeaks(), context, 100).notes == ("It has no samples.",)
    assert "not fitted yet" in explained(PhotonPeaks(), context, 5, cloud=float("nan")).notes[0]
    assert "not where they were" in explained(PhotonPeaks(), Context(KIND, (0,)), 5).notes[0]


def test_a_pixel_is_explained_at_once(context: Context) -> None:
    explained(PhotonPeaks(), context, 5)
    start = time.thread_time()
    for col in range(5):
        explained(PhotonPeaks(), context, col, gain=GAIN / ENERGY, noise=9.0, zero=0.0)
    assert (time.thread_time() - start) / 5 < 0.2  # a tenth of a second on a machine of our own


def test_modules_of_other_groups_are_told_apart(light: Flat, tmp_path: Path) -> None:
    files = {(module, FF_HISTOGRAM.name): read_constant(
                 write_histograms(tmp_path, [light], module=module, cells=cells))
             for module, cells in ((3, 4), (4, 2))}
    with pytest.raises(Exception, match=r"has memory cells in groups of \[4\], but .* of \[2\]; fit them one after"):
        PhotonPeaks().axes(Context(KIND, (0,), files=files))
