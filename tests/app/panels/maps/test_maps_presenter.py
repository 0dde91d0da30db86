"""Which view shows what: form by shape, shared levels, errors, planes of flags, families without geometry."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from fake_job import REFINED, FakeJob

from app.panels.maps.maps_presenter import MapsPresenter
from app.panels.maps.slots import choices, flags_of, picks_behind, scale_owner
from app.running.background import Background
from app.session.session import Session
from calib_core.axes import Pick, Result
from calib_core.detector.registry import declare, detector_type, withdraw
from calib_core.subjects.job import JobSubject
from calib_core.subjects.shown import Shown


class View:
    """Slot that remembers the last arguments of each call."""

    def __init__(self):
        self.last = {}

    def __getattr__(self, name):
        return lambda *values: self.last.__setitem__(name, values)


@pytest.fixture
def presenter(qtbot):
    """Presenter with two slots, given new ones at each change of form as a panel does."""
    session, background = Session(), Background()
    session.said = []
    session.message.connect(lambda level, text: session.said.append(text))
    made = MapsPresenter(session, background)
    made.session = session
    made.form_changed.connect(lambda _: made.set_views([View() for _ in made._views]))
    session.view_changed.connect(lambda _: session.refresh())
    made.set_views([View(), View()])
    yield made
    background.close()


def show(presenter, job):
    presenter.session.set_subject(JobSubject(job))


@pytest.fixture
def refined_job(tmp_path):
    return FakeJob(modules=2, cells=4, out_folder=tmp_path, maps=REFINED)


def test_the_form_follows_from_the_shape_only(presenter, strip_job, fake_job):
    show(presenter, fake_job)
    assert (presenter.form, presenter.forms) == ("image", ("image",))
    show(presenter, strip_job)
    assert (presenter.form, presenter.forms) == ("curves", ("curves", "cells"))
    with pytest.raises(ValueError, match="not as image"):
        presenter.set_form("image")
    show(presenter, fake_job)
    assert presenter.form == "image"


def test_curves_get_the_errors_of_their_values(presenter, strip_job):
    show(presenter, strip_job)
    offset, noise = presenter._views
    np.testing.assert_array_equal(offset.last["set_errors"][0], strip_job.map_values("noise", 0, 0))
    assert noise.last["set_errors"] == (None,)
    presenter.assign(1, "cosmic_rays")
    assert Pick("noise") in strip_job.looks[-1].picks, "the error of the offset is needed though no slot shows it"


def test_maps_share_levels_colours_and_what_the_operator_sets(presenter, refined_job):
    show(presenter, refined_job)
    for slot, key in enumerate(("noise", "noise_raw")):
        presenter.assign(slot, key)
    noise, raw = presenter._views
    expected = [refined_job.map_values(name, 0, 0) for name in ("noise", "noise_raw")]
    for view in (noise, raw):
        np.testing.assert_array_equal(view.last["set_level_values"][0], expected)
    assert noise.last["set_colour_map"] == raw.last["set_colour_map"]
    presenter.share_levels(1, 3.0, 30.0)
    assert noise.last["set_levels"] == raw.last["set_levels"] == (3.0, 30.0)
    presenter.assign(0, "offset")
    assert {Pick("noise"), Pick("noise_raw")} <= set(refined_job.looks[-1].picks)
    np.testing.assert_array_equal(raw.last["set_level_values"][0], expected)
    presenter.share_levels(1, 4.0, 5.0)
    assert noise.last["set_levels"] == (3.0, 30.0), "the offset has levels of its own"
    presenter.share_percentiles(1)
    assert raw.last["set_percentiles"] == (*presenter.percentiles, None)


def test_flags_of_each_pass_are_flag_maps_and_never_the_overlay(presenter, refined_job):
    show(presenter, refined_job)
    offered = choices(REFINED, refined_job.plan.context.axes)
    titles = [choice.title for choice in offered if choice.result.name == "bad_pixels_passes"]
    assert titles == ["Bad pixels pass 1", "Bad pixels pass 2"]
    presenter.assign(0, "bad_pixels_passes/0")
    shown = presenter._views[0].last["set_map"][0]
    assert shown.dtype == np.uint32
    np.testing.assert_array_equal(shown, refined_job.map_values("bad_pixels_passes", 0, 0)[:, 0])
    picture = refined_job.board.picture
    # whatever the order of the maps, the overlay is the final mask
    shown = Shown(SimpleNamespace(results=REFINED[::-1]))
    np.testing.assert_array_equal(flags_of(picture, shown), refined_job.map_values("bad_pixels", 0, 0))


def test_what_is_behind_a_map_without_owner_or_error():
    alone = Result("noise_raw", "Noise before", "ADU", "f4", "", scale_of="noise", over=())
    (choice,) = choices((alone,), {})
    assert scale_owner(choice, (choice,)) == choice
    assert picks_behind((choice,), (alone,), errors=True) == (Pick("noise_raw"),)


def test_cells_are_read_from_the_job_and_clicked(presenter, strip_job, qtbot):
    show(presenter, strip_job)
    with qtbot.waitSignal(presenter._cells.ready):
        presenter.set_form("cells")
    offset = presenter._views[0].last
    for cell in (0, 1):
        np.testing.assert_array_equal(offset["set_map"][0][:, cell], strip_job.map_values("offset", cell, 0)[:, 0])
    assert offset["set_placement"][1] == (2, 2, 1280)
    assert offset["set_placement"][2] == ["m0", "m1"]
    hovered = []
    presenter.hovered.connect(hovered.append)
    presenter.hover((1, 1, 77))
    assert hovered == [(1, 0, 77)]
    presenter.click(1, 1, 77)
    assert presenter.session.label("cell") == 1
    assert presenter.session.shown.pixel == (1, 0, 77)
    assert presenter._views[0].last["set_crosshair"] == (1, 1, 77)


def test_without_geometry_modules_stay_in_rows_and_it_is_told(presenter, qtbot, tmp_path):
    declare(replace(detector_type("AGIPD1M"), name="FLAT", title="Flat", geometry=lambda n: None))
    try:
        show(presenter, FakeJob("FLAT", modules=2, cells=1, out_folder=tmp_path))
        qtbot.waitUntil(lambda: bool(presenter.session.said))
    finally:
        withdraw("FLAT")
    assert presenter.session.said == ["No geometry of Flat is known; its modules stay in rows."]
    assert presenter.placement.title == "Stacked"
