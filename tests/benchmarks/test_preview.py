"""How long an operator waits for the shown frame: of 16 modules after a change, of one with constants of others."""

from __future__ import annotations

import time
from statistics import median

import h5py
import numpy as np
import pytest

from calib_core.axes import Pick, View
from calib_core.jobs.plan import make_plan
from calib_core.jobs.preview import Preview
from calib_core.jobs.survey import survey
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import default_settings, simulate
from calib_core.simulate.scenes.photons import Photons
from calib_core.store import by_cell
from calib_core.subjects.preview import PreviewSubject
from tests.facility_files import facility_files

PICKS = tuple(map(Pick, ("raw", "corrected", "effect_offset", "bad_pixels")))


def simulated(folder, **changes):
    made = simulate(default_settings("AGIPD1M").with_changes(changes), folder, scene=Photons(photons=300.0))
    write_truth(made)
    return made


def subject_of(made, constants, out) -> PreviewSubject:
    [run] = made.runs.values()
    found = survey([run], family="AGIPD", method="CORRECT")
    spec = found.spec(out, inputs={"run": (str(run),), "constants": (str(constants),)})
    return PreviewSubject(Preview.of(make_plan(spec)))


@pytest.fixture(scope="module")
def of_16(tmp_path_factory):
    return simulated(tmp_path_factory.mktemp("lit"), memory_cells=4, trains=8)


@pytest.fixture(params=["ours", "facility"])
def subject(request, of_16, tmp_path, monkeypatch):
    folder = folder_of(of_16)
    if request.param == "facility":  # in which four memory cells are turned too
        monkeypatch.setattr(by_cell, "_TIMES", 1)
        folder = facility_files(folder, tmp_path / "facility")
    subject = subject_of(of_16, folder, tmp_path)
    yield subject
    subject.close()


def wait(subject, act) -> float:
    """Milliseconds until a whole picture has come after something was done."""
    before, start = subject.picture, time.monotonic()
    act()
    while (subject.picture is before or not subject.state.startswith("preview,")
           or subject.picture.coverage.min() < 1):
        time.sleep(0.0005)
    return (time.monotonic() - start) * 1e3


def test_a_step_is_applied_again(request, subject, bars) -> None:
    """With raw, corrected, the difference that a step makes, and the mask, as they stand in the window."""
    assert len(subject.modules) == 16
    first = [wait(subject, lambda cell=cell: subject.look_at(View({"cell": cell}, (), PICKS))) for cell in range(2)]
    chains = [subject.preview.with_parameters({"rel_gain": on}) for on in (False, True)]
    switched = [wait(subject, lambda chain=chain: subject.show_chain(chain)) for chain in chains * 8]
    trains = [wait(subject, lambda i=i: subject.look_at(View({"cell": 1, "train": i % 8}, (), PICKS)))
              for i in range(1, 17)]
    assert np.isfinite(subject.picture.maps[Pick("corrected")]).any()
    name = "preview_{}_16_modules" + ("" if "ours" in request.node.name else "_facility")
    bars.times(name.format("step_switched"), {"median": median(switched), "max": max(switched)},
               {"median": 100.0})
    bars.line(f"{name.format('next_train')} median={median(trains):.0f} max={max(trains):.0f} ms")
    bars.line(f"{name.format('first_frame')} {first[0]:.0f} ms, of another memory cell {first[1]:.0f} ms")


def test_first_frame_with_constants_of_the_facility(bars, tmp_path) -> None:
    """Of one module: the whole files have to be read for one memory cell, so they are the measure."""
    made = simulated(tmp_path, memory_cells=64, trains=2, modules="3")
    folder, found = facility_files(folder_of(made), tmp_path / "facility"), []
    for _ in range(5):
        subject = subject_of(made, folder, tmp_path / "out")
        paths = [one.stored.path for constants in subject.preview.needed().values() for one in constants]
        start = time.monotonic()
        for path in paths:
            with h5py.File(path) as file:
                next(iter(next(iter(file.values())).values()))["0/data"][()]
        bare = (time.monotonic() - start) * 1e3
        found.append(bare / wait(subject, lambda one=subject: one.look_at(View({"cell": 17}, (), PICKS))))
        others = [wait(subject, lambda cell=cell, one=subject: one.look_at(View({"cell": cell}, (), PICKS)))
                  for cell in (40, 63, 2, 30)]
        subject.close()
    bars.ratio("preview_first_frame_of_facility_constants_vs_reading_them", found, 0.5)
    bars.line(f"preview_another_memory_cell_of_facility_constants median={median(others):.0f} ms")
