"""What is looked at beforehand is what is written: a frame of each family's preview is one of its corrected file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calib_core.axes import Pick, Picture, View
from calib_core.characterisation.family import families
from calib_core.detector.registry import detector_type
from calib_core.jobs.board import State
from calib_core.jobs.job import Job
from calib_core.jobs.plan import make_plan
from calib_core.jobs.preview import Preview
from calib_core.jobs.survey import survey
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import default_settings, simulate
from calib_core.simulate.scenes.photons import Photons
from calib_core.subjects.corrected import CorrectedSubject, find_corrected
from calib_core.subjects.preview import PreviewSubject

pytestmark = pytest.mark.usefixtures("few_columns")
FAMILIES = [one for one in families() if any(method.corrects for method in one.methods)]
#: Settings of simulated runs by detector type, beside few trains.
SETTINGS: dict[str, dict[str, Any]] = {
    "AGIPD1M": {"modules": "1", "memory_cells": 2}, "DSSC1M": {"modules": "1", "memory_cells": 2},
    "LPD1M": {"modules": "1", "memory_cells": 2}, "JUNGFRAU": {"modules": "1", "memory_cells": 1},
    "GOTTHARD2": {"frames_per_train": 20}}


def images(folder: Path, key: str) -> dict[str, Any]:
    """All datasets of a name in corrected files, with the axes before the pixels as one."""
    found: dict[str, Any] = {}

    def look(name: str, one: Any) -> None:
        if isinstance(one, h5py.Dataset) and name.endswith("/" + key.replace(".", "/")):
            found[name] = one[()]

    for path in sorted(folder.glob("CORR-*.h5")):
        with h5py.File(path) as file:
            file["INSTRUMENT"].visititems(look)
    return found


def picture_of(subject: Any, cell: int) -> Picture:
    """The whole picture of all results at a memory cell and the fourth train."""
    subject.look_at(View({"cell": cell, "train": 3}, (), tuple(Pick(result.name) for result in subject.results)))
    end = time.monotonic() + 60
    while " ms" not in subject.state:
        assert time.monotonic() < end, subject.notes
        time.sleep(0.01)
    assert subject.picture is not None
    assert subject.picture.coverage.tolist() == [1.0]
    found: Picture = subject.picture
    return found


#: Options that look at whole frames, and at what differs from module to module.
OPTIONS = {"blc_stripes": True, "corr_asic_diag": True, "melt_snow": True, "large_pixels": True, "cm": True,
           "cm_cells": False, "cm_light": True, "trusted": True, "quiet_asics": True}


@pytest.mark.parametrize(("family", "options"), [*((one.name, {}) for one in FAMILIES), ("AGIPD", OPTIONS)])
def test_the_frame_is_in_the_corrected_file(family: str, options: dict[str, Any], tmp_path: Path) -> None:
    [one] = [one for one in FAMILIES if one.name == family]
    kind = detector_type(one.types[0].name)
    settings = default_settings(kind.name).with_changes({"trains": 6, "first_run": 4, **SETTINGS.get(kind.name, {})})
    made = simulate(settings, tmp_path / "light", scene=Photons(photons=300.0))
    write_truth(made)
    [run] = made.runs.values()
    spec = survey([run], family=family, method="CORRECT").spec(
        tmp_path / "out", parameters=options, inputs={"run": (str(run),), "constants": (str(folder_of(made)),)})
    job = Job(spec)
    job.start()
    job.wait()
    assert job.board.state is State.DONE, job.board.error
    output = job.plan.outputs[0]  # type: ignore[union-attr]
    subject = PreviewSubject(Preview.of(make_plan(spec)))
    last = len(subject.axes["cell"]) - 1
    picture = picture_of(subject, last)
    for name, key in (("corrected", output.images[-1].key), ("bad_pixels", kind.corrected_layout.mask)):
        [stored] = images(tmp_path / "out", key).values()
        frames = stored.reshape(-1, *kind.shape)
        shown = picture.maps[Pick(name)][0]
        assert any(np.array_equal(shown, frame, equal_nan=name == "corrected") for frame in frames), (name, key)
    values = picture.maps[Pick("corrected")][0]
    assert np.isfinite(values).mean() > 0.5
    assert len(np.unique(values)) > 100
    [found] = find_corrected([tmp_path / "out"])
    in_files = CorrectedSubject(found)
    assert (in_files.axes, in_files.modules) == (subject.axes, subject.modules)
    stored = picture_of(in_files, last)
    both = [one for one in in_files.results if Pick(one.name) in picture.maps]
    assert {one.name for one in both} >= {"corrected", "bad_pixels"}
    for one in both:  # at the same memory cell and train
        np.testing.assert_array_equal(stored.maps[Pick(one.name)], picture.maps[Pick(one.name)], err_msg=one.name)
        assert one.unit == next(other.unit for other in subject.results if other.name == one.name)
    for shown in (in_files, subject, job):
        shown.close()
