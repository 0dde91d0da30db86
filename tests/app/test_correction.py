"""A run is corrected from the window: method chosen, constants given, maps of what comes out, files on the disk."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtTest import QTest

from app.panels.inspect.courses import courses_of
from calib_core.axes import Pick
from calib_core.constants.badpixels import BadPixels
from calib_core.jobs.board import State
from calib_core.jobs.job import Job
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import default_settings, simulate
from calib_core.simulate.scenes.photons import Photons
from tests.light_of_families import FAMILIES, content, light_of, spec_of

pytestmark = pytest.mark.usefixtures("few_columns")
RUN = {"trains": 12, "proposal": 900451, "first_run": 4}
#: Settings by type, what the window says before constants are given, and the corrected source.
CASES = {
    "JUNGFRAU": ({"identifier": "FXE_XAD_JF1M", "instrument": "FXE", "modules": "2", "memory_cells": 1},
                 "Nothing was given for Offset", "FXE_XAD_JF1M/CORR/JNGFR02:daqOutput", "adc"),
    "AGIPD1M": ({"modules": "3", "memory_cells": 2}, "Nothing was given for Offset",
                "SPB_DET_AGIPD1M-1/CORR/3CH0:output", "data"),
}


@pytest.fixture(scope="module")
def lit(tmp_path_factory):
    def make(name):
        settings = default_settings(name).with_changes({**CASES[name][0], **RUN})
        made = simulate(settings, tmp_path_factory.mktemp(name), scene=Photons(photons=3000.0))
        write_truth(made)
        return made

    return make


@pytest.mark.parametrize("name", CASES)
def test_a_run_is_corrected_in_the_window(name, open_window, lit, tmp_path, qtbot):
    (_, lacking, source, samples), light = CASES[name], lit(name)
    family = name.removesuffix("1M")
    window = open_window()
    window.session.out_folder = tmp_path / "proc"
    window.picker.set_root(light.data_root)
    qtbot.keyClicks(window.picker.box, "p900451 r4")
    with qtbot.waitSignal(window.picker.opener.opened):
        qtbot.keyClick(window.picker.box, Qt.Key.Key_Return)
    methods = window.form.page.method
    [choice] = [i for i in range(methods.count()) if methods.itemText(i).endswith(f"{family} CORRECT")]
    assert "source_energy" not in window.form.page.condition.fields
    methods.setFocus()
    methods.setCurrentIndex(choice)
    methods.activated.emit(choice)
    qtbot.waitUntil(lambda: window.form.page is not None and window.form.page.survey.method.command == "CORRECT")
    qtbot.mouseClick(window.form.run_button, Qt.MouseButton.LeftButton)
    assert window.session.subject is None
    assert lacking in window.form.reason.text()
    assert lacking in window.banner.message
    assert ("source_energy" in window.form.page.condition.fields) == (family == "AGIPD")
    editor = window.form.page.constants["constants"].editor
    editor.setFocus()
    QTest.keyClicks(editor, str(folder_of(light)))
    QTest.keyClick(editor, Qt.Key.Key_Return)
    assert window.session.spec is not None, window.form.reason.text()
    assert window.banner.message == ""  # what it asked for was given
    qtbot.mouseClick(window.form.run_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.session.subject is not None)
    job = window.session.subject.job
    qtbot.waitUntil(lambda: job.board.state.ended)
    assert job.board.state is State.DONE, job.board.error
    qtbot.waitUntil(lambda: window.session.shown.picture is not None
                    and window.session.shown.picture.coverage.min() == 1)
    [path] = (tmp_path / "proc").glob("CORR-*.h5")
    with h5py.File(path) as file:
        [data] = file[f"INSTRUMENT/{source}"].values()
        values, good = data[samples][()].reshape(-1, *data[samples].shape[-2:]).astype(float), data["mask"][()] == 0
        unit, cell = data[samples].attrs["unit"], data["memoryCell" if family == "JUNGFRAU" else "cellId"][()].ravel()
    mine = cell == min(cell)
    values, good = values[mine], good.reshape(-1, *good.shape[-2:])[mine]
    every = good.all(axis=0)
    shown = window.session.shown.picture.maps[Pick("mean")][0]
    # sums are of whole numbers of 1/64 of the unit
    np.testing.assert_allclose(shown[every], values.mean(axis=0)[every], rtol=1e-6, atol=1 / 128)
    [mean] = [one for one in window.session.results if one.name == "mean"]
    assert mean.unit == unit == "keV"
    names = [window.maps.views[slot]._title.text() for slot in range(4)]
    assert names[0] == f"Mean corrected  [keV] · {mine.sum()} of {mine.sum()} frames"
    assert names[1:] == [f"{name} · {mine.sum()} of {mine.sum()} frames" for name in (
        "Deviation  [keV]", "Mask", "Share of HG" if family == "AGIPD" else "Share of G0")]
    over_cells(window, qtbot, light, source, path)
    assert {one.what for one in job.board.outputs} == {"corrected file", "record"}


def test_options_are_switched_on_in_the_window(open_window, lit, tmp_path, qtbot):
    """Their folds open, what they find lies in the file, and what a step takes is refused in one sentence."""
    light = lit("AGIPD1M")
    window = open_window()
    window.session.out_folder = tmp_path / "proc"
    window.picker.set_root(light.data_root)
    qtbot.keyClicks(window.picker.box, "p900451 r4")
    with qtbot.waitSignal(window.picker.opener.opened):
        qtbot.keyClick(window.picker.box, Qt.Key.Key_Return)
    methods = window.form.page.method
    [choice] = [i for i in range(methods.count()) if methods.itemText(i).endswith("AGIPD CORRECT")]
    methods.setFocus()
    methods.setCurrentIndex(choice)
    methods.activated.emit(choice)
    qtbot.waitUntil(lambda: window.form.page is not None and window.form.page.survey.method.command == "CORRECT")
    editor = window.form.page.constants["constants"].editor
    editor.setFocus()
    QTest.keyClicks(editor, str(folder_of(light)))
    QTest.keyClick(editor, Qt.Key.Key_Return)
    fields = window.form.page.knobs.fields
    for name in ("blc_stripes", "melt_snow", "large_pixels"):
        switch = fields[name].editor
        QTest.mouseClick(switch, Qt.MouseButton.LeftButton, pos=QPoint(8, switch.height() // 2))
    flags = fields["mask_no_value"].editor
    for text, told in (("noisy", "'noisy' is no flag, the nearest are NOISY_ADC"), ("noise out of threshold", "")):
        flags.setFocus()
        flags.selectAll()
        QTest.keyClicks(flags, text)
        QTest.keyClick(flags, Qt.Key.Key_Return)
        assert told in window.form.reason.text()
        assert (window.session.spec is None) == bool(told)
    assert window.session.spec.parameters == {
        "blc_stripes": True, "melt_snow": True, "large_pixels": True, "mask_no_value": "noise out of threshold"}
    qtbot.mouseClick(window.form.run_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.session.subject is not None)
    job = window.session.subject.job
    qtbot.waitUntil(lambda: job.board.state.ended)
    assert job.board.state is State.DONE, job.board.error
    [path] = (tmp_path / "proc").glob("CORR-*.h5")
    with h5py.File(path) as file:
        data = file[f"INSTRUMENT/{CASES['AGIPD1M'][2]}/image"]
        assert data["stripeShift"].attrs["unit"] == "ADU"
        mask, values = data["mask"][()], data["data"][()]
    assert ((mask[:, 63:65] & int(BadPixels.NON_STANDARD_SIZE)) > 0).all()
    noisy = (mask & int(BadPixels.NOISE_OUT_OF_THRESHOLD)) > 0
    assert noisy.any()
    assert np.isnan(values[noisy]).all()


def test_a_common_mode_that_sees_more_frames_is_chosen_in_the_window(open_window, tmp_path, qtbot):
    """Its switch, the fold for experts, and the choice; how many it sees is told in the log."""
    settings = default_settings("AGIPD1M").with_changes(
        {"modules": "3", "memory_cells": 4, "proposal": 900451, "trains": 6, "first_run": 4})
    light = simulate(settings, tmp_path / "light", scene=Photons(photons=3.0, xgm_energy=1000.0))
    write_truth(light)
    window = open_window()
    window.session.out_folder, window.session.constants_folder = tmp_path / "proc", folder_of(light)
    window.picker.set_root(light.data_root)
    qtbot.keyClicks(window.picker.box, "p900451 r4")
    with qtbot.waitSignal(window.picker.opener.opened):
        qtbot.keyClick(window.picker.box, Qt.Key.Key_Return)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    qtbot.keyClick(window.maps, Qt.Key.Key_F6)
    qtbot.waitUntil(lambda: window.session.spec is not None and window.session.spec.method == "CORRECT")
    knobs = window.form.page.knobs
    switch = knobs.fields["cm"].editor
    QTest.mouseClick(switch, Qt.MouseButton.LeftButton, pos=QPoint(8, switch.height() // 2))
    for name, text in (("xgm_device", "SPB_XTD_XGM/DOOCS/MAIN"), ("energy_threshold", "1000")):
        editor = knobs.fields[name].editor
        editor.setFocus()
        editor.selectAll()
        QTest.keyClicks(editor, text)
        QTest.keyClick(editor, Qt.Key.Key_Return)
    QTest.mouseClick(knobs.more.heading, Qt.MouseButton.LeftButton)
    choice = knobs.fields["super_selection"].editor
    assert choice.isVisible()
    choice.setFocus()
    QTest.keyClick(choice, Qt.Key.Key_Down)
    assert window.session.spec.parameters == {
        "cm": True, "xgm_device": "SPB_XTD_XGM/DOOCS/MAIN", "energy_threshold": 1000.0, "super_selection": "cm"}
    qtbot.mouseClick(window.form.run_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: hasattr(window.session.subject, "job"))
    job = window.session.subject.job
    qtbot.waitUntil(lambda: job.board.state.ended)
    assert job.board.state is State.DONE, job.board.error
    [path] = job.spec.out_folder.glob("CORR-*.h5")
    with h5py.File(path) as file:
        used = len(file["INSTRUMENT/SPB_DET_AGIPD1M-1/CORR/3CH0:output/image/data"])
    assert 0 < used < 24, "trains × memory cells, each of which has such a pulse in some train"
    told = (f"Of module 3 {used} frames of p900451 r0004 are used; left out are {24 - used} below 1000 µJ. "
            "The common mode of memory cells looks at 24.")
    qtbot.waitUntil(lambda: told in window.log.text())


def over_cells(window, qtbot, light, source, path):
    """Means of the module are those of the raw and of the corrected file, and gain fractions those of its stages."""
    window.docks.bring("courses")
    cells = len(window.session.axes["cell"])
    qtbot.waitUntil(lambda: "frames" in window.courses.heading.text())
    raw, mean, fractions = courses_of(window.session.shown)
    assert len(window.courses.presenter.courses) == (3 if cells > 1 else 0)
    with h5py.File(path) as file:
        [data] = file[f"INSTRUMENT/{source}"].values()
        key = "adc" if "adc" in data else "data"
        values = data[key][()].reshape(-1, *data[key].shape[-2:]).astype(float)
        mask, stage = (data[name][()].reshape(values.shape) for name in ("mask", "gain"))
        cell = data["memoryCell" if key == "adc" else "cellId"][()].ravel()
    [run] = light.runs.values()
    [name] = [one for one in run.glob("RAW-*.h5") if one.name.removeprefix("RAW") == path.name.removeprefix("CORR")]
    with h5py.File(name) as file:
        codes = file[f"INSTRUMENT/{source.replace('CORR', 'DET').replace(':output', ':xtdf')}/"
                     f"{'data/adc' if key == 'adc' else 'image/data'}"][()]
        codes = codes.reshape(len(values), -1, *values.shape[1:])[:, 0].astype(float)  # the signal comes first
    for i, label in enumerate(window.session.axes["cell"].labels):
        mine = cell == label
        good = (mask[mine] == 0) & (np.abs(values[mine]) < 180000)
        np.testing.assert_allclose(raw.curves[0][1][i], codes[mine].mean(), rtol=1e-9)
        np.testing.assert_allclose(mean.curves[0][1][i], values[mine][good].mean(), rtol=1e-5)
        shares = [100 * (stage[mine] == number).mean() for number in range(3)]
        np.testing.assert_allclose([curve[i] for _, curve in fractions.curves], shares, atol=0.01)
    assert [one.result.unit for one in (raw, mean, fractions)] == ["ADU", "keV", "%"]
    frames = f"{len(cell):,} frames"
    assert window.courses.heading.text().startswith(f"Module {window.session.module} · {frames}")
    if cells > 1:
        assert not any(plot.is_empty for plot in window.courses.plots)
    else:  # one cell makes no curve
        assert f"Mean raw {raw.curves[0][1][0]:.5g} ADU" in window.courses.heading.text()


@pytest.mark.parametrize("family", FAMILIES)
def test_files_of_all_families_are_those_of_a_job_without_a_window(family, open_window, tmp_path, qtbot):
    """Enter, F6, Run."""
    light = light_of(family, tmp_path / "light")
    window = open_window()
    window.session.out_folder = tmp_path / "proc"
    window.session.constants_folder = folder_of(light)
    window.picker.set_root(light.data_root)
    qtbot.keyClicks(window.picker.box, "p900451 r4")
    with qtbot.waitSignal(window.picker.opener.opened):
        qtbot.keyClick(window.picker.box, Qt.Key.Key_Return)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    qtbot.keyClick(window.maps, Qt.Key.Key_F6)
    qtbot.waitUntil(lambda: window.session.spec is not None and window.session.spec.method == "CORRECT")
    qtbot.mouseClick(window.form.run_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: hasattr(window.session.subject, "job"))
    job = window.session.subject.job
    qtbot.waitUntil(lambda: job.board.state.ended)
    assert job.board.state is State.DONE, job.board.error
    alone = Job(spec_of(family, light, tmp_path / "alone"))
    alone.start()
    alone.wait()
    alone.close()
    assert alone.board.state is State.DONE, alone.board.error
    shown, expected = content(job.spec.out_folder), content(tmp_path / "alone")
    assert shown.keys() == expected.keys()
    assert len(shown) >= 2
    for file, arrays in expected.items():
        assert shown[file].keys() == arrays.keys()
        for name, values in arrays.items():
            np.testing.assert_array_equal(shown[file][name], values, err_msg=f"{file} {name}")
