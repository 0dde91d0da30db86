"""How much scratch space lies in memory: all of what constants will hold or nothing, beside all that needs memory."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calib_core.characterisation.unit import Unit
from calib_core.errors import CalibrationError, OutputFailed
from calib_core.jobs.board import State
from calib_core.jobs.constant_files import is_made_in_memory, layouts
from calib_core.jobs.estimate import estimate_of
from calib_core.jobs.job import Job
from calib_core.jobs.plan import Plan
from calib_core.jobs.results import Results
from calib_core.jobs.scratch_room import with_scratch_in_memory
from calib_core.jobs.survey import survey
from calib_core.simulate import default_settings, simulate

from .tiny import plan_of

#: Means of eight bytes, numbers and flags of four, of two gain stages, two memory cells and six pixels.
SIZE = (8 + 4 + 4) * 2 * 2 * 6


def of_room(folder: Path, room: int, **changes: Any) -> Plan:
    return with_scratch_in_memory(plan_of(folder, room=room, **changes))


def test_a_quarter_of_the_working_memory_may_hold_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calib_core.jobs.scratch_room.is_made_in_memory", lambda plan, one: False)
    found = of_room(tmp_path, 4 * SIZE)
    assert (found.in_memory, found.room) == (SIZE, 3 * SIZE)
    assert with_scratch_in_memory(found) is found
    assert of_room(tmp_path, 4 * SIZE - 1).in_memory == 0


def test_every_module_counts(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    assert with_scratch_in_memory(replace(plan, modules=(3, 4, 5))).in_memory == 3 * SIZE


def test_a_constant_that_would_go_to_the_disk_for_it_goes_first(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    [largest, _] = sorted(layouts(plan), key=lambda one: -one.size)
    least = bisect_left(range(1 << 30), True, key=lambda room: is_made_in_memory(replace(plan, room=room), largest))
    assert of_room(tmp_path, least + SIZE - 1).in_memory == 0
    assert of_room(tmp_path, least + SIZE).in_memory == SIZE


def test_a_unit_that_needs_the_memory_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unit, room = Unit(0, 3, ("dark",), (0,), 10), 1 << 30
    for needed, held in ((room, 0), (room - SIZE + 1, 0), (room - SIZE, SIZE)):
        monkeypatch.setattr(Plan, "unit_bytes", lambda self, one, needed=needed: needed)
        assert of_room(tmp_path, room, units=(unit,)).in_memory == held


def test_an_estimate_tells_both(tmp_path: Path) -> None:
    """Memory of which there is a file, and the disk without it; a mean of each entry is kept beside constants."""
    runs = list(simulate(default_settings("AGIPD1M").with_changes(
        {"modules": "0", "memory_cells": 2, "trains": 12}), tmp_path / "raw").runs.values())
    made = Job(survey(runs).spec(tmp_path / "out", parameters={"min_trains": 1}))
    try:
        made.start()
        assert made.wait(60)
        assert made.plan is not None
        held, (stages, cells) = made.plan.in_memory, (3, 2)
        pixels = 512 * 128
        # offset, noise, flags, samples; thresholds are five planes of each memory cell with flags of their own or not
        assert held >= (4 + 4 + 4 + 4) * stages * cells * pixels
        found, without = estimate_of(made.plan), estimate_of(replace(made.plan, in_memory=0, room=1))
        assert found.memory_budget == made.plan.room + held
        assert found.scratch == without.scratch - held
        assert found.fits
    finally:
        made.close()


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    """A job of two modules of which one has no constants in the end."""
    runs = list(simulate(default_settings("AGIPD1M").with_changes(
        {"modules": "0-1", "memory_cells": 2, "trains": 12}), tmp_path / "raw").runs.values())
    job = Job(survey(runs).spec(tmp_path / "out", parameters={"min_trains": 1}))
    write = Results.hand_over

    def fails(self: Results, elsewhere: Mapping[str, Any]) -> None:
        if self is job._results[1]:
            raise CalibrationError("The constants cannot be read.")
        write(self, elsewhere)

    monkeypatch.setattr(Results, "hand_over", fails)
    return job


def end(job: Job) -> tuple[int, int]:
    """Space that the second module's maps take in memory and on the disk at the job's end, bytes."""
    job.start()
    assert job.wait(60)
    assert job.board.state is State.DONE, job.board.error
    assert job.plan is not None
    assert job.plan.in_memory > 0
    assert job._results[0].memory_bytes == 0
    return job._results[1].memory_bytes, job._results[1].held_bytes


def test_maps_that_no_constant_has_are_on_the_disk_after_the_job(broken: Job) -> None:
    try:
        in_memory, on_disk = end(broken)
        assert in_memory == 0
        assert on_disk > 512 * 128 * 4 * 2
        image = broken.plane("offset", 1, {"gain": 0, "cell": 0})
        assert image is not None
        assert np.isfinite(image).mean() > 0.9
    finally:
        broken.close()


def test_where_the_disk_has_no_room_they_stay_in_memory_and_that_is_said(
    broken: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = Results.leave_memory

    def fails(self: Results) -> None:
        if self is broken._results[1]:
            raise OutputFailed("Scratch file in /out cannot be written: No space left on device.")
        really(self)

    monkeypatch.setattr(Results, "leave_memory", fails)
    try:
        assert end(broken)[0] > 0
        said = [one.text for one in broken.board.messages if "stay in memory" in one.text]
        assert said == ["Scratch file in /out cannot be written: No space left on device. "
                        "The maps of module 1 stay in memory until the job is removed."]
    finally:
        broken.close()
