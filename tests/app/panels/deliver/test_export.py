"""Exported files say whose they are, hold what is on the screen, and replace nothing."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from fake_job import show
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QColor, QImage
from PyQt6.QtWidgets import QPushButton

from app.panels.deliver import export_panel
from app.panels.deliver.copies import copy_files
from app.panels.deliver.naming import file_name, free_path
from app.panels.deliver.pictures import module_alone
from app.widgets.map_picture import map_image
from app.widgets.tones import DARK
from calib_core.axes import Axis, Picture, View
from calib_core.constants.badpixels import BadPixels
from calib_core.errors import BadParameter
from calib_core.jobs.board import Written
from calib_core.subjects.region import region_of
from calib_core.subjects.shown import Shown


@pytest.fixture
def exporting(window, qtbot, tmp_path):
    """A window whose file choosers answer with names in a folder, as they are proposed."""
    window.docks.bring("export")
    window.export.asked = []

    def answer(title, name, kinds):
        window.export.asked.append(name)
        return str(tmp_path / "out" / name)

    (tmp_path / "out").mkdir()
    window.export.ask_file = answer
    window.export.ask_folder = lambda title: str(tmp_path / "out")
    return window


def press(window, qtbot, name):
    """Press a button of the panel and wait until it says how it went."""
    with qtbot.waitSignal(window.export.presenter.said) as told:
        qtbot.mouseClick(window.export.findChild(QPushButton, name), Qt.MouseButton.LeftButton)
    level, sentence, path = told.args
    assert window.export.said.text() == sentence
    return level, sentence, path


def go(window, qtbot, **at):
    window.session.look_at(at)
    qtbot.waitUntil(lambda: not window.session.pending)


def test_the_picture_has_every_pixel_a_caption_and_colours(exporting, fake_job, qtbot):
    go(exporting, qtbot, cell=17, gain=1)
    level, _, path = press(exporting, qtbot, "export_picture")
    assert level == "INFO"
    assert exporting.export.asked == ["SPB_DET_AGIPD1M-1_DARK_r0012_maps_MG_cell17.png"]
    image = QImage(path)
    rows, columns = exporting.maps.presenter.placement.index.shape
    assert image.width() >= 2 * columns
    assert image.height() >= 2 * rows
    assert image.text("Source") == exporting.session.subject.title
    assert image.text("Place") == "MG · memory cell 17"


def test_each_map_is_a_file_of_its_own_under_its_name(exporting, qtbot, tmp_path):
    press(exporting, qtbot, "export_pictures")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    whose = "SPB_DET_AGIPD1M-1_DARK_r0012"
    assert names == [f"{whose}_{title}_HG_cell0.png" for title in ("Bad_pixels", "Noise", "Offset", "Samples")]
    assert QImage(str(tmp_path / "out" / names[2])).text("Title") == "Offset [ADU]"


def test_colours_of_the_file_are_those_of_the_screen(exporting, fake_job, qtbot):
    painted = exporting.maps.views[1].painted_map()
    image = map_image(painted, "Noise", ["whose"])
    values = fake_job.map_values("noise", 0, 0).reshape(-1)
    flat = painted.index[painted.index >= 0]
    good = flat[fake_job.map_values("bad_pixels", 0, 0).reshape(-1)[flat] == 0]
    pixel = int(good[len(good) // 2])
    rows, columns = painted.index.shape
    y, x = divmod(int(np.flatnonzero(painted.index.reshape(-1) == pixel)[0]), columns)
    scale = max(1, -(-900 // max(rows, columns)))
    top = image.height() - 18 - rows * scale
    found = image.pixelColor(18 + x * scale + scale // 2, top + y * scale + scale // 2).rgb() & 0xFFFFFF
    place = (values[pixel] - painted.paint.low) / (painted.paint.high - painted.paint.low)
    near = int(np.clip(place, 0, 1) * (len(painted.paint.table) - 1))
    assert found in {int(one) & 0xFFFFFF for one in painted.paint.table[max(0, near - 1):near + 2]}


def test_a_picture_keeps_the_place_of_the_click(exporting, fake_job, qtbot, monkeypatch):
    """What is written in the background is what was on the screen, whatever came while it waited."""
    presenter, waiting = exporting.export.presenter, []
    go(exporting, qtbot, cell=5, gain=1)
    monkeypatch.setattr(presenter, "_background", SimpleNamespace(run=lambda *call: waiting.append(call)))
    qtbot.mouseClick(exporting.export.findChild(QPushButton, "export_picture"), Qt.MouseButton.LeftButton)
    go(exporting, qtbot, cell=9, gain=2)
    [(_, write, _, _)] = waiting
    write()
    [path] = Path(exporting.export.ask_folder("")).iterdir()
    assert path.name == "SPB_DET_AGIPD1M-1_DARK_r0012_maps_MG_cell5.png"
    assert QImage(str(path)).text("Place") == "MG · memory cell 5"


def test_one_module_is_named_in_picture_and_name(exporting, qtbot, tmp_path):
    exporting.session.set_arrangement("module")
    exporting.session.set_module(2)
    qtbot.waitUntil(lambda: module_alone(exporting.session, exporting.maps) == 2)
    qtbot.waitUntil(lambda: not exporting.session.pending)
    press(exporting, qtbot, "export_pictures")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names[2] == "SPB_DET_AGIPD1M-1_DARK_r0012_m02_Offset_HG_cell0.png"
    assert QImage(str(tmp_path / "out" / names[2])).text("Place") == "module 2 · HG · memory cell 0"


def test_flags_of_a_map_of_flags_are_drawn_though_hidden_over_values(exporting, qtbot, monkeypatch):
    said = {}

    def note(painted, title, caption, names):
        said[title] = caption
        return QImage(10, 10, QImage.Format.Format_RGB32)

    monkeypatch.setattr("app.panels.deliver.pictures.map_image", note)
    exporting.session.set_overlay(int(BadPixels.NO_DARK_DATA))
    exporting.session.set_excluded(int(BadPixels.NOISE_OUT_OF_THRESHOLD))
    exporting.maps.presenter.set_flags_visible(False)
    exporting.maps.views[1].set_levels(0, 20)
    press(exporting, qtbot, "export_picture")
    assert said["Bad pixels"] == ["flags drawn: no dark data"]
    assert said["Offset [ADU]"] == [
        "flags drawn: no flag", "colour levels: 1 % to 99 %, left out: pixels with noise out of threshold"]
    assert said["Noise [ADU]"][1] == "colour levels: set by hand"


def test_statistics_say_what_is_left_out(exporting, fake_job, qtbot):
    exporting.session.set_excluded(int(BadPixels.NO_DARK_DATA))
    go(exporting, qtbot, cell=3, gain=2)
    _, _, path = press(exporting, qtbot, "export_statistics")
    lines = Path(path).read_text("utf-8").splitlines()
    comment = "\n".join(line for line in lines if line.startswith("#"))
    flags = fake_job.map_values("bad_pixels", 3, 2)
    out = int(np.count_nonzero(flags & np.uint32(BadPixels.NO_DARK_DATA)))
    assert "LG · memory cell 3" in comment
    assert f"and {out} ({out / flags.size:.2%}) with no dark data" in comment
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    [noise] = [row for row in rows if row["map"] == "Noise" and row["module"] == "2" and not row["asic"]]
    good = fake_job.map_values("noise", 3, 2)[2][(flags[2] & np.uint32(BadPixels.NO_DARK_DATA)) == 0]
    assert float(noise["mean"]) == pytest.approx(good.mean(dtype=np.float64), rel=1e-6)


def test_the_curve_is_of_the_place_at_which_it_was_read(exporting, fake_job, qtbot):
    exporting.session.set_pixel((2, 10, 20))
    qtbot.waitUntil(lambda: exporting.inspector.presenter.curve is not None)
    exporting.session.set_frozen(True)
    exporting.session.look_at({"gain": 2})
    _, _, path = press(exporting, qtbot, "export_curve")
    lines = Path(path).read_text("utf-8").splitlines()
    comment = "\n".join(line for line in lines if line.startswith("#"))
    assert "HG" in comment
    assert "LG" not in comment
    assert "module 2, row 10, column 20" in comment
    found = [float(line.split(",")[1]) for line in lines if line[0].isdigit()]
    np.testing.assert_allclose(found, fake_job.along("offset", "cell", 2, 10, 20, {"gain": 0}))


def test_flags_along_the_curve_have_names(exporting, fake_job, qtbot):
    flags = fake_job.map_values("bad_pixels", 0, 0)[2]
    row, col = np.argwhere(flags == np.uint32(BadPixels.NOISE_OUT_OF_THRESHOLD))[0]
    exporting.session.set_pixel((2, int(row), int(col)))
    qtbot.waitUntil(lambda: exporting.inspector.presenter.curve is not None)
    _, _, path = press(exporting, qtbot, "export_curve")
    rows = list(csv.DictReader(line for line in Path(path).read_text("utf-8").splitlines() if line[0] != "#"))
    assert len(rows) == 32
    assert {row["flags"] for row in rows} == {"noise out of threshold"}


@pytest.mark.parametrize("everything", [False, True])
def test_a_selection_as_hdf5_is_read_back_equal(exporting, fake_job, qtbot, everything):
    exporting.session.set_excluded(int(BadPixels.NOISE_OUT_OF_THRESHOLD))
    exporting.export.all_modules.setChecked(everything)
    exporting.export.all_places.setChecked(everything)
    exporting.session.set_pixel((3, 1, 1))
    go(exporting, qtbot, cell=5, gain=1)
    _, _, path = press(exporting, qtbot, "export_selection")
    modules, gains, cells = ([0, 1, 2, 3], [0, 1, 2], range(32)) if everything else ([3], [1], [5])
    with h5py.File(path) as file:
        assert file.attrs["modules"].tolist() == modules
        for module in modules:
            said = file[f"/{module}/offset/data"].attrs
            assert said["subject"] == exporting.session.subject.title
            assert said["values of gain"].tolist() == [("HG", "MG", "LG")[gain] for gain in gains]
            assert list(said["dims"]) == ["gain", "cell", "slow_scan", "fast_scan"]
            assert (said["unit"], said["error"]) == ("ADU", f"/{module}/noise/data")
            for g, gain in enumerate(gains):
                for c, cell in list(enumerate(cells))[:: 9]:
                    for name in ("offset", "noise", "bad_pixels", "samples"):
                        np.testing.assert_array_equal(
                            file[f"/{module}/{name}/data"][g, c], fake_job.map_values(name, cell, gain)[module])
            bad = fake_job.map_values("bad_pixels", 0, 0)[module] & np.uint32(BadPixels.NOISE_OUT_OF_THRESHOLD)
            np.testing.assert_array_equal(file[f"/{module}/bad_pixels/mask"][0, 0], bad)


def test_the_mask_alone(exporting, fake_job, qtbot):
    exporting.export.all_modules.setChecked(True)
    _, _, path = press(exporting, qtbot, "export_mask")
    with h5py.File(path) as file:
        assert set(file) == {"0", "1", "2", "3"}
        for module in range(4):
            assert set(file[f"{module}"]) == {"bad_pixels"}
            np.testing.assert_array_equal(
                file[f"/{module}/bad_pixels/mask"][0, 0], fake_job.map_values("bad_pixels", 0, 0)[module])


def test_the_marked_region_alone_is_cut_out_with_its_place(exporting, fake_job, qtbot):
    exporting.export.region_only.setChecked(True)
    level, sentence, _ = press(exporting, qtbot, "export_selection")
    assert (level, sentence) == ("ERROR", "No pixel of the chosen modules is marked; mark a region, or choose other "
                                          "modules.")
    masks = np.zeros((1, *exporting.session.shown.kind.shape), bool)
    masks[0, 3:9, 5:8] = True
    exporting.session.set_region(region_of("rectangle", masks, (1,)))
    exporting.export.all_modules.setChecked(True)
    level, sentence, path = press(exporting, qtbot, "export_selection")
    assert level == "INFO", sentence
    with h5py.File(path) as file:
        assert set(file) == {"1"}
        data = file["/1/offset/data"]
        assert (data.attrs["start"].tolist(), data.attrs["stop"].tolist()) == ([3, 5], [9, 8])
        np.testing.assert_array_equal(data[0, 0], fake_job.map_values("offset", 0, 0)[1, 3:9, 5:8])


def test_a_mask_of_no_flag_is_no_mask(exporting, qtbot, tmp_path):
    exporting.session.set_excluded(0)
    level, sentence, _ = press(exporting, qtbot, "export_mask")
    assert level == "ERROR"
    assert "no flag is left out" in sentence
    assert not list((tmp_path / "out").iterdir())


def test_all_results_are_exported_though_four_are_shown(exporting, fake_job, qtbot):
    exporting.export.all_results.setChecked(True)
    _, _, path = press(exporting, qtbot, "export_selection")
    with h5py.File(path) as file:
        module = exporting.session.shown.module
        data = file[f"/{module}/thresholds/data"]
        assert list(data.attrs["dims"]) == ["threshold", "cell", "slow_scan", "fast_scan"]
        np.testing.assert_array_equal(data[:, 0], fake_job.map_values("thresholds", 0, 0)[module])


def test_a_selection_is_cancelled_beside_its_progress(exporting, fake_job, qtbot, tmp_path):
    slow, going, let = fake_job.plane, Event(), Event()

    def plane(result, module, at):
        going.set()
        assert let.wait(20)
        return slow(result, module, at)

    fake_job.plane = plane
    panel, out = exporting.export, tmp_path / "out"
    assert not panel.cancel_button.isVisible()
    qtbot.mouseClick(panel.findChild(QPushButton, "export_selection"), Qt.MouseButton.LeftButton)
    assert going.wait(20)
    assert panel.progress.isVisible()
    assert press(exporting, qtbot, "export_mask")[1].startswith("A selection is being written already")
    with qtbot.waitSignal(panel.presenter.said) as told:
        qtbot.mouseClick(panel.cancel_button, Qt.MouseButton.LeftButton)
        let.set()
    assert told.args[0] == "INFO"
    assert told.args[1].startswith("The export was cancelled")
    assert not list(out.iterdir())
    assert not panel.cancel_button.isVisible()
    assert not panel.progress.isVisible()
    assert press(exporting, qtbot, "export_mask")[0] == "INFO"


def test_nothing_is_replaced_and_the_other_name_is_said(exporting, qtbot, tmp_path):
    first = press(exporting, qtbot, "export_statistics")[2]
    before = Path(first).read_bytes()
    _, sentence, second = press(exporting, qtbot, "export_statistics")
    assert second == first.replace(".csv", "_2.csv")
    assert second in sentence
    assert Path(first).read_bytes() == before
    assert "stays" in sentence


def test_a_suffix_is_added_where_there_is_another_or_none(tmp_path):
    (tmp_path / "noise_1.5.png").touch()
    for wished, suffix, expected in (
        ("name", ".png", "name.png"), ("name.PNG", ".png", "name.PNG"), ("noise_1.5", ".png", "noise_1.5_2.png"),
        ("r1.h5", ".csv", "r1.h5.csv"),
    ):
        assert free_path(tmp_path / wished, suffix) == tmp_path / expected
    taken = [tmp_path / "a.png", tmp_path / "a_2.png"]
    assert free_path(tmp_path / "a.png", ".png", taken) == tmp_path / "a_3.png"


def test_trouble_is_said_beside_the_buttons_and_in_the_banner(exporting, qtbot, tmp_path):
    (tmp_path / "file").touch()
    exporting.export.ask_file = lambda title, name, kinds: str(tmp_path / "file" / "maps.png")
    level, sentence, _ = press(exporting, qtbot, "export_picture")
    assert level == "ERROR"
    assert "maps.png cannot be written" in sentence
    assert "maps.png cannot be written" in exporting.banner.message


def test_without_maps_it_is_said(open_window, qtbot, tmp_path):
    window = open_window()
    window.docks.bring("export")
    window.export.ask_file = lambda title, name, kinds: str(tmp_path / name)
    assert press(window, qtbot, "export_picture")[:2] == (
        "ERROR", "There are no maps to export yet; run a job or open constants first.")
    assert not list(tmp_path.glob("*.png"))


def test_files_are_listed_and_copied(exporting, fake_job, qtbot, tmp_path):
    made = tmp_path / "made.h5"
    made.write_bytes(b"constant")
    fake_job.finish([made])
    qtbot.waitUntil(lambda: exporting.export.files.rowCount() == 1)
    assert exporting.export.files.item(0, 0).text() == "made.h5"
    press(exporting, qtbot, "copy_files")
    assert (tmp_path / "out" / "made.h5").read_bytes() == b"constant"
    level, sentence, _ = press(exporting, qtbot, "copy_files")
    assert level == "ERROR"
    assert "made.h5 exists already" in sentence


def constant(folder, module, text=b""):
    """A file as a constant of a module lies in a store; without text one that can be read."""
    path = folder / "xfel" / "cal" / "agipd-type" / f"agipd_m{module}" / "cal.5.h5"
    path.parent.mkdir(parents=True)
    if text:
        path.write_bytes(text)
        return path
    with h5py.File(path, "w") as file:
        group = file.create_group(f"AGIPD_M{module}/Noise/0")
        group["data"] = np.zeros((2, 2))
        group.attrs["module"] = module
        group.attrs["creation_time"] = "2026-11-18T07:25:00+00:00"
    return path


def test_constants_are_listed_by_what_they_are(exporting, fake_job, qtbot, tmp_path):
    path = constant(tmp_path, 7)
    fake_job.finish([path])
    qtbot.waitUntil(lambda: exporting.export.files.rowCount() == 1)
    texts = [exporting.export.files.item(0, column).text() for column in range(5)]
    local = datetime(2026, 11, 18, 7, 25, tzinfo=UTC).astimezone()
    assert texts == ["Noise", "7", "AGIPD_M7", f"{local:%d %b %H:%M}", "0.0"]
    assert exporting.export.files.item(0, 0).toolTip() == str(path)


def test_files_that_come_one_after_the_other_are_opened_once_and_for_somebody_only(
    exporting, fake_job, qtbot, tmp_path, monkeypatch
):
    """They were all opened again with each new one, 2000 times for the 64 of a detector."""
    panel, paths = exporting.export, [constant(tmp_path, module) for module in range(5)]
    opened, read = [], export_panel.read_constant
    monkeypatch.setattr(export_panel, "read_constant", lambda path: (opened.append(path), read(path))[1])

    def write(number):
        fake_job.publish(outputs=tuple(Written(path, "constant", "", 0) for path in paths[:number]))
        exporting.jobs.poll()

    for number in (1, 2, 3):
        write(number)
        qtbot.waitUntil(lambda number=number: panel.files.rowCount() == number)
    assert opened == paths[:3]
    exporting.docks.bring("log")
    write(5)
    qtbot.wait(100)
    assert opened == paths[:3]
    exporting.docks.bring("export")
    qtbot.waitUntil(lambda: panel.files.rowCount() == 5)
    assert opened == paths
    assert [panel.files.item(row, 1).text() for row in range(5)] == ["0", "1", "2", "3", "4"]


def test_copies_of_one_name_keep_the_tree_that_tells_them_apart(tmp_path):
    paths = [constant(tmp_path / "store", module, b"m%d" % module) for module in (1, 2)]
    copy_files(paths, tmp_path / "copy")
    for module in (1, 2):
        copied = tmp_path / "copy" / "xfel" / "cal" / "agipd-type" / f"agipd_m{module}" / "cal.5.h5"
        assert copied.read_bytes() == b"m%d" % module
    assert len([one for one in (tmp_path / "copy").rglob("*") if one.is_file()]) == 2


def test_files_of_one_name_outside_a_tree_are_not_mixed_up(tmp_path):
    paths = [tmp_path / part / "cal.5.h5" for part in ("a", "b")]
    for path in paths:
        path.parent.mkdir()
        path.touch()
    with pytest.raises(BadParameter, match="Several of the files"):
        copy_files(paths, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_all_is_reached_in_a_low_panel(exporting, qtbot):
    exporting.export.presenter.said.emit("INFO", "It was written.", "/x/y.png")
    assert exporting.export.minimumSizeHint().height() < 130
    assert exporting.export.said.isVisible()
    assert exporting.export.open_button.isVisible()


def test_strips_are_exported_as_curves_with_a_caption(open_window, strip_job, qtbot, tmp_path):
    window = open_window()
    show(window, strip_job)
    qtbot.waitUntil(lambda: window.maps.presenter.form == "curves" and window.session.shown.picture is not None)
    window.docks.bring("export")
    window.export.ask_file = lambda title, name, kinds: str(tmp_path / name)
    path = press(window, qtbot, "export_picture")[2]
    image = QImage(path)
    assert image.text("Place") == "HG · memory cell 0"
    assert image.width() >= 2 * 1200
    pixels = np.frombuffer(image.convertToFormat(QImage.Format.Format_RGB32).constBits().asarray(
        image.sizeInBytes()), np.uint32) & 0xFFFFFF
    assert not (pixels == QColor(DARK.base).rgb() & 0xFFFFFF).any()
    assert (pixels == 0xFFFFFF).mean() > 0.9
    for view in window.maps.views[:4]:  # the screen keeps its theme
        assert view.series.plot.backgroundBrush().color() == QColor(DARK.base)


def test_names_are_safe():
    axes = {"cell": Axis("cell", "", (7,))}
    subject = SimpleNamespace(identifier="A/B", title="A/B · p900 r1, r2 · now", axes=axes, kind=None)
    shown = Shown(subject, Picture(View({"cell": 0}), (), {}, np.ones(0)))
    assert file_name(shown, ["Offset (A−B)/σ"], ".png") == "A_B_p900_r1_r2_Offset_A_B_cell7.png"
