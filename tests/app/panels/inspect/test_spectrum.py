"""The spectrum of a preview has the photons of the simulation, before and after the correction."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PyQt6.QtCore import Qt

from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import default_settings, simulate
from calib_core.simulate.scenes.photons import Photons
from calib_core.simulate.truth import ModuleTruth
from calib_core.subjects.masked import bare
from calib_core.subjects.preview import PreviewSubject
from calib_core.subjects.region import RegionOfInterest

ENERGY, RATE = 9.2, 0.2
SETTINGS = default_settings("AGIPD1M").with_changes(
    {"modules": "3", "memory_cells": 2, "trains": 8, "proposal": 900451, "first_run": 4})


@pytest.fixture(scope="module")
def lit(tmp_path_factory):
    scene = Photons(photons=RATE, pattern="flat", photon_energy=ENERGY)
    made = simulate(SETTINGS, tmp_path_factory.mktemp("lit"), scene=scene)
    write_truth(made)
    return made


@pytest.fixture
def window(open_window, lit, tmp_path, qtbot):
    """A window on the preview with the spectrum in front."""
    window = open_window()
    window.session.out_folder, window.session.constants_folder = tmp_path / "proc", folder_of(lit)
    window.picker.set_root(lit.data_root)
    qtbot.keyClicks(window.picker.box, "p900451 r4")
    with qtbot.waitSignal(window.picker.opener.opened):
        qtbot.keyClick(window.picker.box, Qt.Key.Key_Return)
    window.actions_by_name["layout_correct"].trigger()
    qtbot.waitUntil(lambda: isinstance(bare(window.session.shown.subject), PreviewSubject)
                    and window.session.shown.picture is not None)
    window.docks.bring("spectrum")
    return window


def spectra(window, qtbot, words):
    panel = window.spectrum
    qtbot.waitUntil(lambda: panel.presenter.spectra is not None and words in panel.heading.text()
                    and not panel.plot.is_empty)
    return panel.presenter.spectra


def test_photons_are_found_before_and_after(window, qtbot):
    found = spectra(window, qtbot, "8 of 8 frames")
    after, before = found.found
    assert (after.result.name, before.result.name) == ("corrected", "after_offset")
    assert after.comb.spacing == pytest.approx(ENERGY, rel=0.005)
    assert after.comb.zero == pytest.approx(0, abs=0.05)
    ratio = before.comb.spacing / after.comb.spacing
    names = [item.name() for item in window.spectrum.plot.plot.getPlotItem().listDataItems()]
    assert names == ["Corrected", f"After offset ÷ {ratio:.4g} ADU/keV", "fit"]
    assert window.spectrum.plot.plot.getAxis("bottom").labelText == "Corrected [keV]"
    table = {row[0]: row[1:] for row in window.spectrum.table.rows}
    value, error = table["spacing"][0].split(" ± ")
    assert float(value) == pytest.approx(after.comb.spacing, abs=float(error))
    assert float(table["1 photon"][0].split(" ± ")[0]) == pytest.approx(ENERGY, rel=0.01)
    # photons of Poisson's law
    assert after.comb.counts[1] / after.comb.counts[0] == pytest.approx(RATE, rel=0.03)
    assert "1 to 2 % low" in window.spectrum.note.text()


def test_the_peak_of_one_photon_is_narrower_after_the_correction_which_is_said(window, qtbot):
    """Before, gains of the pixels are in it too: those that the simulator has put in."""
    after, before = (one.comb.sharpness(1) for one in spectra(window, qtbot, "8 of 8 frames").found)
    truth = ModuleTruth(SETTINGS, 3)
    gain = truth.gain(0, window.session.shown.at["cell"])[truth.bad == 0]
    error = 2 * np.hypot(after[0] * after[1], before[0] * before[1])
    assert before[0] ** 2 - after[0] ** 2 == pytest.approx((gain.std() / gain.mean()) ** 2, abs=3 * error)
    [told] = re.findall(r"is ([0-9.]+) % of the spacing wide \(σ\), and was ([0-9.]+) %: ([0-9.]+) %.* narrower", (
        window.spectrum.note.text().replace("%", " %")))
    assert [float(one) for one in told] == pytest.approx(
        [100 * after[0], 100 * before[0], 100 * (1 - after[0] / before[0])], abs=0.06)
    assert 1 - after[0] / before[0] > 3 * np.hypot(after[1], before[1]) / before[0]
    row = next(row for row in window.spectrum.table.rows if row[0] == "σ of 1 [spacing]")
    assert [float(one.split(" ± ")[0]) for one in row[1:]] == pytest.approx([after[0], before[0]], abs=1e-3)


def test_another_part_is_chosen_and_what_is_missing_is_said(window, qtbot):
    spectra(window, qtbot, "Module 3")
    scope = window.spectrum.scope
    scope.setCurrentText("region")
    scope.textActivated.emit("region")
    qtbot.waitUntil(lambda: window.spectrum.plot.is_empty)
    assert "Mark a region" in window.spectrum.plot._hint.text()
    spans = tuple((3, row, 10, 29) for row in range(100, 140))
    window.session.set_region(RegionOfInterest("rectangle", (512, 128), spans))
    found = spectra(window, qtbot, "Region in module 3")
    assert found.found[0].samples <= 40 * 20 * 8
    assert found.frames == 8


def test_what_has_no_frames_says_so(open_window, qtbot):
    window = open_window()
    window.actions_by_name["layout_correct"].trigger()
    window.docks.bring("spectrum")
    qtbot.waitUntil(lambda: "single frames" in window.spectrum.plot._hint.text())
