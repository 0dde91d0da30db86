"""Exported files say whose they are, hold what is on the screen, and replace nothing."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from fake_job import show
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QImage
from PyQt6.QtWidgets import QPushButton

from app.panels.deliver.naming import file_name, free_path
from app.widgets.map_picture import map_image
from calib_core.axes import Axis, Picture, View
from calib_core.constants.badpixels import BadPixels
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
    with qtbot.waitSignal(window.export.presenter.said, timeout=20000) as told:
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
    assert exporting.export.asked == ["SPB_DET_AGIPD1M-1_r0012_maps_MG_cell17.png"]
    image = QImage(path)
    rows, columns = exporting.maps.presenter.placement.index.shape
    assert image.width() >= 2 * columns
    assert image.height() >= 2 * rows
    assert image.text("Source") == exporting.session.subject.title
    assert image.text("Place") == "MG · memory cell 17"


def test_each_map_is_a_file_of_its_own_under_its_name(exporting, qtbot, tmp_path):
    press(exporting, qtbot, "export_pictures")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    whose = "SPB_DET_AGIPD1M-1_r0012"
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
        assert file.attrs["source"] == exporting.session.subject.title
        np.testing.assert_array_equal(file["axes/module"], modules)
        assert list(file["axes/gain"].asstr()) == [("HG", "MG", "LG")[gain] for gain in gains]
        assert list(file["offset"].attrs["dims"]) == ["module", "gain", "cell", "slow_scan", "fast_scan"]
        assert file["offset"].attrs["unit"] == "ADU"
        for g, gain in enumerate(gains):
            for c, cell in list(enumerate(cells))[:: 9]:
                for name in ("offset", "noise", "bad_pixels", "samples"):
                    np.testing.assert_array_equal(
                        file[name][:, g, c], fake_job.map_values(name, cell, gain)[modules])
        bad = fake_job.map_values("bad_pixels", 0, 0)[modules] & np.uint32(BadPixels.NOISE_OUT_OF_THRESHOLD)
        np.testing.assert_array_equal(file["bad_pixels_mask"][:, 0, 0], bad != 0)


def test_the_mask_alone(exporting, fake_job, qtbot):
    exporting.export.all_modules.setChecked(True)
    _, _, path = press(exporting, qtbot, "export_mask")
    with h5py.File(path) as file:
        assert set(file) == {"axes", "bad_pixels", "bad_pixels_mask"}
        np.testing.assert_array_equal(file["bad_pixels_mask"][:, 0, 0], fake_job.map_values("bad_pixels", 0, 0) != 0)


def test_nothing_is_replaced_and_the_other_name_is_said(exporting, qtbot, tmp_path):
    first = press(exporting, qtbot, "export_statistics")[2]
    before = Path(first).read_bytes()
    _, sentence, second = press(exporting, qtbot, "export_statistics")
    assert second == first.replace(".csv", "_2.csv")
    assert second in sentence
    assert Path(first).read_bytes() == before
    assert free_path(tmp_path / "name", ".png") == tmp_path / "name.png"


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


def test_strips_are_exported_as_curves_with_a_caption(open_window, strip_job, qtbot, tmp_path):
    window = open_window()
    show(window, strip_job)
    qtbot.waitUntil(lambda: window.maps.presenter.form == "curves" and window.session.shown.picture is not None)
    window.docks.bring("export")
    window.export.ask_file = lambda title, name, kinds: str(tmp_path / name)
    path = press(window, qtbot, "export_picture")[2]
    assert QImage(path).text("Place") == "HG · memory cell 0"


def test_names_are_safe():
    axes = {"cell": Axis("cell", "", (7,))}
    subject = SimpleNamespace(identifier="A/B", title="A/B · p900 r1, r2 · now", axes=axes, kind=None)
    shown = Shown(subject, Picture(View({"cell": 0}), (), {}, np.ones(0)))
    assert file_name(shown, ["Offset (A−B)/σ"], ".png") == "A_B_p900_r1_r2_Offset_A_B_cell7.png"
