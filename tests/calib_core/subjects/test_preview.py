"""A frame on its way through the steps: what is shown is what a job writes, and what NumPy makes of the constants."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pytest

from calib_core.axes import Pick, Picture, View
from calib_core.errors import BadParameter, CalibrationError
from calib_core.jobs.job import Job
from calib_core.jobs.plan import make_plan
from calib_core.jobs.preview import Preview
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.survey import survey
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import Simulated, default_settings, read_truth, simulate
from calib_core.simulate.scenes.photons import Photons
from calib_core.store.constants import list_constants
from calib_core.subjects.preview import PreviewSubject

Array = npt.NDArray[Any]
MODULES, CELLS, TRAINS = (1, 3), 3, 6
SCENE = Photons(photons=3000.0)
SOURCE = "INSTRUMENT/SPB_DET_AGIPD1M-1/{}/{}CH0:{}/image"


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    settings = default_settings("AGIPD1M").with_changes(
        {"modules": "1,3", "memory_cells": CELLS, "trains": TRAINS, "proposal": 900451, "first_run": 4})
    made = simulate(settings, tmp_path_factory.mktemp("light"), scene=SCENE)
    write_truth(made)
    return made


def spec_of(light: Simulated, out: Path, **parameters: Any) -> JobSpec:
    [run] = light.runs.values()
    found = survey([run], family="AGIPD", method="CORRECT")
    return found.spec(out, inputs={"run": (str(run),), "constants": (str(folder_of(light)),)}, parameters=parameters)


@pytest.fixture
def subject(light: Simulated, tmp_path: Path) -> Iterator[PreviewSubject]:
    made = PreviewSubject(Preview.of(make_plan(spec_of(light, tmp_path))))
    yield made
    made.close()


def picture(subject: PreviewSubject, *names: str, act: Callable[[], Any] | None = None, **at: int) -> Picture:
    """The whole picture of some results at a place, or of the last one after something was done."""
    before = subject.picture
    if act is None:
        subject.look_at(View(at, (), tuple(map(Pick, names))))
    else:
        act()
    end = time.monotonic() + 60
    while subject.picture is before or not subject.state.startswith("preview,"):
        assert time.monotonic() < end, (subject.state, subject.notes)
        time.sleep(0.005)
    assert subject.picture is not None
    return subject.picture


def in_file(folder: Path, module: int, train: int, cell: int) -> tuple[Array, Array, Array]:
    """Values, mask and gain of a frame in a corrected file."""
    with h5py.File(folder / f"CORR-R0004-AGIPD{module:02d}-S00000.h5", locking=False) as file:
        group = file[SOURCE.format("CORR", module, "output")]
        [row] = np.flatnonzero((group["trainId"][()].ravel() == train) & (group["cellId"][()].ravel() == cell))
        return tuple(np.squeeze(group[key][row]) for key in ("data", "mask", "gain"))  # type: ignore[return-value]


@pytest.mark.parametrize("parameters", [{}, {"rel_gain": False, "xray_gain": False}])
def test_the_frame_is_that_of_the_corrected_file(
        subject: PreviewSubject, light: Simulated, tmp_path: Path, parameters: dict[str, Any]) -> None:
    job = Job(spec_of(light, tmp_path / "out", **parameters))
    job.start()
    job.wait()
    job.close()
    assert not job.board.error
    shown = subject
    if parameters:
        shown = PreviewSubject(subject.preview.with_parameters(parameters))
    for cell, train in ((0, 0), (2, 5)):
        found = picture(shown, "corrected", "bad_pixels", "stage", cell=cell, train=train)
        assert found.modules == MODULES
        assert found.coverage.tolist() == [1, 1]
        for i, module in enumerate(MODULES):
            place = int(shown.axes["train"].labels[train]), int(shown.axes["cell"].labels[cell])
            values, mask, gain = in_file(tmp_path / "out", module, *place)
            np.testing.assert_array_equal(found.maps[Pick("corrected")][i], values)
            np.testing.assert_array_equal(found.maps[Pick("bad_pixels")][i], mask)
            np.testing.assert_array_equal(found.maps[Pick("stage")][i], gain)
            assert len(np.unique(gain)) > 1
    if shown is not subject:
        shown.close()


def test_the_offset_is_that_of_the_constants(subject: PreviewSubject, light: Simulated) -> None:
    """Raw samples less the offset of their stage, taken from the files by h5py alone."""
    found = picture(subject, "raw", "stage", "after_offset", cell=1, train=2)
    [run] = light.runs.values()
    for i, module in enumerate(MODULES):
        with h5py.File(run / f"RAW-R0004-AGIPD{module:02d}-S00000.h5", locking=False) as file:
            group = file[SOURCE.format("DET", module, "xtdf")]
            train = int(subject.axes["train"].labels[2])
            [row] = np.flatnonzero((group["trainId"][()].ravel() == train) & (group["cellId"][()].ravel() == 1))
            raw = group["data"][row, 0]
        pdu = subject.preview.plan.detector.module(module).pdu  # type: ignore[union-attr]
        [stored] = [one for one in list_constants(folder_of(light))
                    if one.calibration == "Offset" and one.pdu == pdu]
        with h5py.File(stored.path, locking=False) as file:
            [data] = [one for one in _datasets(file) if one.ndim == 4]
            offset = data[()].transpose([stored.dims.index(d) for d in ("gain", "cell", "slow_scan", "fast_scan")])
        stage = found.maps[Pick("stage")][i].astype(int)
        np.testing.assert_array_equal(found.maps[Pick("raw")][i], raw)
        expected = raw.astype("f4") - np.take_along_axis(offset[:, 1], stage[None], 0)[0].astype("f4")
        np.testing.assert_array_equal(found.maps[Pick("after_offset")][i], expected)


def _datasets(file: h5py.File) -> list[h5py.Dataset]:
    found: list[h5py.Dataset] = []
    file.visititems(lambda _, one: found.append(one) if isinstance(one, h5py.Dataset) else None)
    return found


def test_a_step_that_is_switched_off_is_left_out_at_once_and_its_maps_are_empty(subject: PreviewSubject) -> None:
    """Medium gain without relative gain has no energy; high gain is the same with it and without."""
    names = "corrected", "stage", "after_rel_gain", "effect_rel_gain"
    on = picture(subject, *names, cell=0, train=1)
    chain = subject.preview.with_parameters({"rel_gain": False})
    off = picture(subject, act=lambda: subject.show_chain(chain))
    high = (on.maps[Pick("stage")] == 0) & np.isfinite(on.maps[Pick("corrected")])
    assert 0.1 < high.mean() < 0.9
    np.testing.assert_array_equal(on.maps[Pick("corrected")][high], off.maps[Pick("corrected")][high])
    assert np.nanmax(np.abs(on.maps[Pick("effect_rel_gain")][high])) == 0
    assert np.isnan(off.maps[Pick("after_rel_gain")]).all()
    assert np.isnan(off.maps[Pick("effect_rel_gain")]).all()
    again = picture(subject, act=lambda: subject.show_chain(subject.preview.with_parameters({})))
    for name in names:  # constants are as they were, also of medium gain
        np.testing.assert_array_equal(again.maps[Pick(name)], on.maps[Pick(name)], err_msg=name)
    off = picture(subject, act=lambda: subject.show_chain(chain))
    done = [link.step.word for link in subject.links if link.done]
    assert done == ["stage_of_signal", "full", "offset", "xray_gain", "mask"]


def test_another_unit_is_another_subject(subject: PreviewSubject) -> None:
    in_adu = subject.preview.with_parameters({"xray_gain": False})
    before = subject.results
    assert not subject.show_chain(in_adu)
    assert subject.results == before
    units = {one.name: one.unit for one in PreviewSubject(in_adu).results}
    assert (units["corrected"], units["effect_offset"], units["raw"]) == ("ADU", "ADU", "ADU")


def test_a_value_that_is_not_allowed_is_refused(subject: PreviewSubject) -> None:
    with pytest.raises(BadParameter, match="offset"):
        subject.preview.with_parameters({"offset": False})


def test_a_pixel_is_told_step_by_step(subject: PreviewSubject) -> None:
    """Each step begins with what the one before left, and the last has what the map shows."""
    found = picture(subject, "raw", "corrected", "stage", cell=2, train=3)
    stage = found.maps[Pick("stage")][1]
    row, col = map(int, np.argwhere((stage == 1) & np.isfinite(found.maps[Pick("corrected")][1]))[0])
    passed = subject.passages(subject.picture, 3, row, col)
    assert [one.word for one in passed] == ["stage_of_signal", "full", "offset", "rel_gain", "xray_gain", "mask"]
    assert passed[0].before == found.maps[Pick("raw")][1, row, col]
    assert all(one.after == other.before for one, other in pairwise(passed))
    assert passed[-1].after == found.maps[Pick("corrected")][1, row, col]
    assert [one.unit for one in passed] == ["ADU", "ADU", "ADU", "ADU", "keV", "keV"]
    assert [one.unit_before for one in passed] == ["ADU", "ADU", "ADU", "ADU", "ADU", "keV"]
    assert {one.stage for one in passed} == {"MG"}
    assert set(subject.seconds(subject.picture)) == {one.word for one in passed}
    assert subject.passages(subject.picture, 7, row, col) == ()


def test_errors_are_as_large_as_residuals_to_the_charge_that_was_put_in(
        subject: PreviewSubject, light: Simulated) -> None:
    """Of pixels that have no flag, in both gain stages."""
    found = picture(subject, "corrected", "bad_pixels", "stage", cell=1, train=4)
    train, cell = int(subject.axes["train"].labels[4]), int(subject.axes["cell"].labels[1])
    charge, _ = SCENE.truth_of(read_truth(light.truth_file).settings, 1, train, cell)
    good = (found.maps[Pick("bad_pixels")][0] == 0) & np.isfinite(found.maps[Pick("corrected")][0])
    rng = np.random.default_rng(3)
    for stage in (0, 1):
        places = np.argwhere(good & (found.maps[Pick("stage")][0] == stage))
        chosen = rng.choice(places, 400, replace=False).tolist()
        errors = np.array([subject.error(subject.picture, 1, row, col) for row, col in chosen])
        residuals = np.array([found.maps[Pick("corrected")][0, row, col] - charge[row, col] for row, col in chosen])
        assert np.isfinite(errors).all()
        # of a standard deviation of 400 values, 3.5 %
        assert np.std(residuals / errors) == pytest.approx(1, abs=0.12), stage


def test_a_frame_that_is_not_there_is_no_data(subject: PreviewSubject, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = type(next(iter(subject.preview.plan.frames.values())))
    real = frames.one

    def lost(self: Any, train: int, cell: int) -> Any:
        return real(self, 0 if "AGIPD03" in self.name else train, cell)

    monkeypatch.setattr(frames, "one", lost)
    found = picture(subject, "corrected", "bad_pixels", cell=0, train=0)
    assert found.coverage.tolist() == [1, 0]
    assert np.isnan(found.maps[Pick("corrected")][1]).all()
    assert subject.passages(subject.picture, 3, 0, 0) == ()


def test_curves_are_of_the_frames_around(subject: PreviewSubject) -> None:
    picture(subject, "corrected", cell=0, train=2)
    values = subject.along("corrected", "train", 1, 40, 50, {"cell": 0, "train": 2})
    each = [picture(subject, "corrected", cell=0, train=train).maps[Pick("corrected")][0, 40, 50]
            for train in range(TRAINS)]
    np.testing.assert_array_equal(values, each)


def test_a_picture_that_is_kept_keeps_its_numbers(subject: PreviewSubject) -> None:
    """A frozen picture is not told with the values of the train that is looked at since."""
    old = picture(subject, "corrected", cell=0, train=1)
    expected = float(old.maps[Pick("corrected")][1, 40, 40])
    new = picture(subject, "corrected", cell=0, train=2)
    assert new is not old
    np.testing.assert_equal(subject.passages(old, 3, 40, 40)[-1].after, expected)
    np.testing.assert_equal(subject.passages(new, 3, 40, 40)[-1].after,
                            float(new.maps[Pick("corrected")][1, 40, 40]))
    assert subject.is_of_chain(old)
    picture(subject, act=lambda: subject.show_chain(subject.preview.with_parameters({"rel_gain": False})))
    assert not subject.is_of_chain(old)
    assert "rel_gain" in {one.word for one in subject.passages(old, 3, 40, 40)}
    subject.show_chain(subject.preview.with_parameters({}))


def test_a_module_that_cannot_be_read_is_told_and_leaves_the_others(
        subject: PreviewSubject, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = type(next(iter(subject.preview.plan.frames.values())))
    real = frames.one

    def broken(self: Any, train: int, cell: int) -> Any:
        if "AGIPD03" in self.name:
            raise CalibrationError("RAW-R0004-AGIPD03-S00000.h5 cannot be read.")
        return real(self, train, cell)

    monkeypatch.setattr(frames, "one", broken)
    found = picture(subject, "corrected", cell=0, train=5)
    assert found.coverage.tolist() == [1, 0]
    assert np.isfinite(found.maps[Pick("corrected")][0]).any()
    assert np.isnan(found.maps[Pick("corrected")][1]).all()
    assert "RAW-R0004-AGIPD03-S00000.h5 cannot be read." in subject.notes
