"""What charge becomes: gains, points of switching and sets of levels, in the truth and in its file."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from calib_core.errors import BadParameter
from calib_core.simulate import Simulated, default_settings, read_truth
from calib_core.simulate.truth import ModuleTruth

#: Gains of the stages, ADU per keV, and their spread between pixels.
GAINS = {"JUNGFRAU": (41.4, -1.44, -0.10), "AGIPD1M": (7.2, 7.2 / 45, 7.2 / 45 / 4.48)}


@pytest.mark.parametrize("name", GAINS)
def test_gains_are_those_of_the_resources_and_spread_between_pixels(name: str) -> None:
    truth = ModuleTruth(default_settings(name), 1)
    n = truth.detector.pixels
    for stage, mean in enumerate(GAINS[name]):
        found = truth.gain(stage, 0) / mean
        assert found.dtype == np.float32
        assert found.mean() == pytest.approx(1, abs=5 * 0.045 / np.sqrt(n) + 0.002)  # the mean of 1 / ratio is more
        assert 0.029 < found.std() < 0.047
        assert (np.sign(truth.gain(stage, 0)) == np.sign(mean)).all()


def test_ratios_are_drawn_and_independent_of_the_gain() -> None:
    truth = ModuleTruth(default_settings("AGIPD500K"), 0)
    high, medium, low = (truth.gain(stage, 3).astype(float) for stage in range(3))
    ratio, n = high / medium, high.size
    assert ratio.mean() == pytest.approx(45, abs=5 * 1.5 / np.sqrt(n))
    assert ratio.std() == pytest.approx(1.5, rel=5 / np.sqrt(2 * n))
    assert abs(np.corrcoef(ratio.ravel(), high.ravel())[0, 1]) < 5 / np.sqrt(n)
    np.testing.assert_allclose(medium / low, 4.48, rtol=1e-5)


@pytest.mark.parametrize("name", GAINS)
def test_every_good_pixel_switches_before_its_code_ends(name: str) -> None:
    settings = default_settings(name)
    truth = ModuleTruth(settings, 1)
    good = truth.bad == 0
    for stage in range(2):
        code = (truth.offset(stage, int(settings.cell_order[0])) + truth.switch(stage))[good]
        assert code.min() > 6 * truth.noise(stage)[good].max()
        assert code.max() < settings.detector.saturation - 6 * truth.noise(stage)[good].max()
    charge = [truth.switch(stage) / truth.gain(stage, 0) for stage in range(2)]
    assert (charge[1] > charge[0]).all()


def test_the_truth_file_has_the_conversion_of_the_truth(single: Simulated) -> None:
    settings = read_truth(single.truth_file).settings
    truth = ModuleTruth(settings, 2)
    with h5py.File(single.truth_file) as file:
        stored = file["module/2/gain"][()]
        switch = file["module/2/switch"][()]
    assert stored.shape == (3, 1, 512, 1024)  # once, since memory cells do not differ
    for stage in range(3):
        assert (stored[stage, 0] == truth.gain(stage, 15)).all()
    assert (switch == [truth.switch(0), truth.switch(1)]).all()
    read = read_truth(single.truth_file)
    assert read.gain(2).shape == read.offset(2).shape
    assert (read.switch(2) == switch).all()


def test_a_set_of_levels_moves_the_pedestals_that_it_names_only() -> None:
    usual = ModuleTruth(default_settings("AGIPD1M"), 4)
    apart = ModuleTruth(default_settings("AGIPD1M").with_changes({"level_set": "separate"}), 4)
    assert (usual.offset(0, 2) == apart.offset(0, 2)).all()
    for stage, step in ((1, 8000 - 4700), (2, 8000 - 4600)):
        moved = (apart.offset(stage, 2) - usual.offset(stage, 2))[~usual.dead]
        np.testing.assert_allclose(moved, step, atol=0.01)
    assert (usual.gain_signal(2, 2) == apart.gain_signal(2, 2)).all()


@pytest.mark.parametrize(("name", "known"), [("AGIPD1M", "besides the usual levels: separate"),
                                             ("LPD1M", "the usual levels only")])
def test_an_unknown_set_of_levels_is_refused_with_those_that_there_are(name: str, known: str) -> None:
    with pytest.raises(BadParameter, match=f"level_set = 'high' is not allowed; .* has {known}."):
        default_settings(name).with_changes({"level_set": "high"}).check()
