"""Tables per ASIC and gain stage, and the module over memory cells, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from fake_job import REFINED, FakeJob, axes_of
from PyQt6.QtWidgets import QCheckBox
from scipy.stats import median_abs_deviation

from app.panels.inspect.module_curve import read_module
from app.panels.inspect.tables import asic_table, stage_table
from app.panels.maps.slots import choices
from calib_core.axes import View
from calib_core.constants.badpixels import BadPixels
from calib_core.detector.registry import detector_type
from calib_core.subjects.job import JobSubject
from calib_core.subjects.shown import Shown

ALL = 0xFFFFFFFF
CHOICES = {choice.key: choice for choice in choices(REFINED, axes_of(detector_type("AGIPD1M"), 3))}


@pytest.fixture
def job(tmp_path):
    return FakeJob(modules=2, cells=3, out_folder=tmp_path, maps=REFINED)


def shown(job, **at):
    job.look_at(View(at))
    return Shown(JobSubject(job), job.board.picture, module=1)


def test_each_asic_has_median_spread_and_share_of_bad_pixels(job):
    columns, rows = asic_table(shown(job), CHOICES["offset"], ALL)
    assert [column.title for column in columns][:5] == ["module", "ASIC", "pixels", "bad", "median [ADU]"]
    assert len(rows) == 2 * 16
    slow, fast = job.type.asic_shape
    offset, flags = (job.map_values(name, 0, 0)[1] for name in ("offset", "bad_pixels"))
    values, marked = offset[slow:2 * slow, :fast], flags[slow:2 * slow, :fast]
    good = values[marked == 0].astype(np.float64)
    module, asic, pixels, bad, median, spread, smallest, largest = rows[16 + offset.shape[1] // fast]
    assert (module, asic, pixels) == (1, offset.shape[1] // fast, slow * fast)
    assert bad == pytest.approx((marked != 0).mean())
    assert median == pytest.approx(np.median(good))
    assert spread == pytest.approx(median_abs_deviation(good, scale="normal"), rel=1e-4)
    assert (smallest, largest) == (good.min(), good.max())


def test_an_asic_without_good_pixels_has_no_numbers(job):
    job._flags[:] = np.uint32(BadPixels.NO_DARK_DATA)
    job.look_at(View())
    _, rows = asic_table(shown(job), CHOICES["noise"], ALL)
    assert rows[0][2:] == (job.type.asic_shape[0] * job.type.asic_shape[1], 1.0, None, None, None, None)


def test_each_module_and_stage_has_its_medians(job):
    valued = [CHOICES["offset"], CHOICES["noise"]]
    columns, rows = stage_table(shown(job, cell=2), valued, int(BadPixels.NO_DARK_DATA))
    assert [column.title for column in columns] == ["module", "gain stage", "Offset [ADU]", "Noise [ADU]", "bad"]
    assert [row[:2] for row in rows] == [(m, s) for m in (0, 1) for s in ("HG", "MG", "LG")]
    offset, flags = (job.map_values(name, 2, 1)[1] for name in ("offset", "bad_pixels"))
    bad = (flags & int(BadPixels.NO_DARK_DATA)) != 0
    assert rows[4][2] == pytest.approx(np.median(offset[~bad].astype(np.float64)))
    assert rows[4][4] == pytest.approx(bad.mean())


def test_a_stage_that_is_not_done_has_dashes(job):
    job.plane = lambda result, module, at: None
    _, rows = stage_table(shown(job), [CHOICES["offset"]], ALL)
    assert rows[0] == (0, "HG", None, None)


def test_the_module_over_cells(job):
    curve = read_module(shown(job), CHOICES["offset"], ALL, lambda: False)
    good = job.map_values("bad_pixels", 0, 0)[1] == 0
    for i, cell in enumerate(curve.cells):
        values = job.map_values("offset", cell, 0)[1][good].astype(np.float64)
        assert curve.median[i] == pytest.approx(np.median(values))
        assert curve.spread[i] == pytest.approx(median_abs_deviation(values, scale="normal"), rel=1e-4)
    assert read_module(shown(job), CHOICES["offset"], ALL, lambda: True) is None


def test_tables_are_made_when_they_are_seen_and_rows_lead_to_their_module(window, fake_job, qtbot):
    assert window.asics.table.rows == []
    window.docks.bring("asics")
    qtbot.waitUntil(lambda: len(window.asics.table.rows) == 4 * 16)
    window.asics.table.row_chosen.emit(window.asics.table.rows[40])
    assert window.session.module == 2
    window.docks.bring("stages")
    qtbot.waitUntil(lambda: len(window.stages.table.rows) == 4 * 3)
    window.stages.table.row_chosen.emit(window.stages.table.rows[5])
    assert (window.session.module, window.session.label("gain")) == (1, "LG")


def test_the_inspector_shows_the_module_beside_the_pixel(window, fake_job, qtbot):
    window.session.set_pixel((2, 10, 20))
    plot = window.inspector.curve_plot.plot

    def names():
        return [item.name() for item in plot.listDataItems() if item.name()]

    qtbot.waitUntil(lambda: names() == ["pixel ± noise", "module 2 ± σ"])
    window.session.set_module(1)
    qtbot.waitUntil(lambda: names() == ["pixel ± noise", "module 1 ± σ"])
    assert window.inspector.text.text().startswith("module 1 ·")
    window.inspector.findChild(QCheckBox, "with_module").click()
    qtbot.waitUntil(lambda: not names())
    assert not window.inspector.curve_plot.is_empty
