"""How long an operator waits for the shown frame of 16 modules after a step was switched, or another train chosen."""

from __future__ import annotations

import time
from statistics import median

import numpy as np
import pytest

from calib_core.axes import Pick, View
from calib_core.jobs.plan import make_plan
from calib_core.jobs.preview import Preview
from calib_core.jobs.survey import survey
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import default_settings, simulate
from calib_core.simulate.scenes.photons import Photons
from calib_core.subjects.preview import PreviewSubject

PICKS = tuple(map(Pick, ("raw", "corrected", "effect_offset", "bad_pixels")))


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    settings = default_settings("AGIPD1M").with_changes({"memory_cells": 4, "trains": 8})
    made = simulate(settings, tmp_path_factory.mktemp("lit"), scene=Photons(photons=300.0))
    write_truth(made)
    [run] = made.runs.values()
    found = survey([run], family="AGIPD", method="CORRECT")
    spec = found.spec(tmp_path_factory.mktemp("out"),
                      inputs={"run": (str(run),), "constants": (str(folder_of(made)),)})
    subject = PreviewSubject(Preview.of(make_plan(spec)))
    yield subject
    subject.close()


def wait(subject, act) -> float:
    """Milliseconds until a whole picture has come after something was done."""
    before, start = subject.picture, time.monotonic()
    act()
    while subject.picture is before or not subject.state.startswith("preview,"):
        time.sleep(0.0005)
    assert subject.picture.coverage.min() == 1
    return (time.monotonic() - start) * 1e3


def test_a_step_is_applied_again(subject, bars) -> None:
    """With raw, corrected, the difference that a step makes, and the mask, as they stand in the window."""
    assert len(subject.modules) == 16
    first = [wait(subject, lambda cell=cell: subject.look_at(View({"cell": cell}, (), PICKS))) for cell in range(2)]
    chains = [subject.preview.with_parameters({"rel_gain": on}) for on in (False, True)]
    switched = [wait(subject, lambda chain=chain: subject.show_chain(chain)) for chain in chains * 8]
    trains = [wait(subject, lambda i=i: subject.look_at(View({"cell": 1, "train": i % 8}, (), PICKS)))
              for i in range(1, 17)]
    assert np.isfinite(subject.picture.maps[Pick("corrected")]).any()
    bars.times("preview_step_switched_16_modules", {"median": median(switched), "max": max(switched)},
               {"median": 100.0})
    bars.line(f"preview_next_train_16_modules median={median(trains):.0f} max={max(trains):.0f} ms")
    bars.line(f"preview_first_frame_16_modules {first[0]:.0f} ms, of another memory cell {first[1]:.0f} ms")
