"""Space that a job takes beside its constants: what they hold is freed at its end, and looks the same."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calib_core.axes import picks_of
from calib_core.characterisation.outputs import ConstantOutput
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import ConstantKind
from calib_core.errors import BadInput
from calib_core.jobs import job as job_module
from calib_core.jobs.board import State
from calib_core.jobs.handed_over import in_constants, leaving
from calib_core.jobs.job import Job
from calib_core.jobs.outputs import write_module
from calib_core.jobs.results import Results
from calib_core.jobs.survey import survey
from calib_core.simulate import default_settings, simulate
from calib_core.store.constants import write_constant
from calib_core.store.images import ImageReader

from .tiny import MODULE, Tiny, plan_of

#: Types whose constants differ in their axes, the last without all gain stages, and what no constant of them holds.
KINDS = {
    "AGIPD1M": ({"modules": "0-1", "memory_cells": 3}, {"gain_signal", "gain_signal_noise"}),
    "GOTTHARD2": ({"frames_per_train": 40}, {"wrong_gain"}), "EPIX100": ({}, {"noise_raw"}),
    "JUNGFRAU": ({"modules": "2"}, {"wrong_gain"}),
}


def made(kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> tuple[Job, dict[Any, Any]]:
    """A job at its end, and all its images before their space was freed."""
    settings, _ = KINDS[kind]
    changed = default_settings(kind).with_changes({"trains": 12, **settings})
    runs = list(simulate(changed, folder / "raw").runs.values())[:2 if kind == "JUNGFRAU" else None]
    job, before = Job(survey(runs).spec(folder / "out", parameters={"min_trains": 1, **changes})), {}
    free = Job._free

    def look_before(self: Job) -> None:
        before.update(images(self))
        free(self)

    monkeypatch.setattr(Job, "_free", look_before)
    job.start()
    assert job.wait(120)
    assert job.board.state is State.DONE, job.board.error
    return job, before


def images(job: Job) -> dict[Any, Any]:
    """All images of all modules, and what lies along their axes at one pixel."""
    assert job.plan is not None
    axes, found = job.plan.context.axes, {}
    for one in (one for one in job.plan.results if one.pixels):
        for index in np.ndindex(one.shape(axes)):
            at = dict(zip(one.over, index, strict=True))
            for module in job.plan.modules:
                assert module is not None
                found[one.name, module, index] = job.plane(one.name, module, at)
                for axis in one.over:
                    found[one.name, module, index, axis] = job.along(one.name, axis, module, 0, 7, at)
    assert picks_of(one, axes)
    return found


def held_by(job: Job) -> tuple[int, int]:
    """Space that a job's maps take on the disk and in memory, bytes."""
    return job.held_bytes, sum(one.memory_bytes for one in job._results.values())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("in_memory", [True, False])
def test_what_constants_hold_takes_no_space_and_looks_the_same(
    in_memory: bool, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it lay in memory, or on the disk since the system makes no files in memory."""
    if not in_memory:
        monkeypatch.delattr(os, "memfd_create")
    held = []
    free = Job._free
    monkeypatch.setattr(Job, "_free", lambda self: (held.append(held_by(self)), free(self))[1])
    job, before = made(kind, tmp_path, monkeypatch)
    try:
        after = images(job)
        assert after.keys() == before.keys()
        for place, image in before.items():
            np.testing.assert_array_equal(after[place], image, err_msg=str(place), strict=image is not None)
        assert job.plan is not None
        there, lent = {one.name: one for one in job.plan.results if one.pixels}, set(leaving(job.plan))
        assert {"offset", "noise", "bad_pixels", "samples"} <= lent
        assert KINDS[kind][1] <= there.keys() - lent
        bytes_of = {name: one.numpy_dtype.itemsize * int(np.prod(one.shape(job.plan.context.axes)))
                    for name, one in there.items()}
        pixels = job.plan.detector_type.pixels * len(job.plan.modules)
        kept = sum(bytes_of[name] for name in there if name not in lent) * pixels
        assert job.held_bytes <= 1.02 * kept
        assert job.held_bytes < sum(held[0])
        assert (held[0][1] > 0) == in_memory
        assert held[0][1] <= job.plan.in_memory == sum(
            bytes_of[name] for name in lent & there.keys()) * pixels
        assert held_by(job)[1] == 0
        assert any(after[place] is not None for place in after if place[0] in lent)
    finally:
        job.close()
    assert job.held_bytes == 0


def test_constants_that_go_meanwhile_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job, _ = made("JUNGFRAU", tmp_path, monkeypatch)
    try:
        job._reader.close()
        for one in job.board.outputs:
            one.path.unlink()
        with pytest.raises(BadInput, match=r"cal\..*\.h5 cannot be read.*no such file"):
            job.plane("offset", 2, {"gain": 0, "cell": 0})
        assert job.plane("wrong_gain", 2, {"gain": 0, "cell": 0}) is not None
    finally:
        job.close()


def test_values_that_constants_change_stay_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job, before = made("JUNGFRAU", tmp_path, monkeypatch, legacy_zeros=True)
    try:
        assert job.plan is not None
        assert set(leaving(job.plan)) == {"bad_pixels"}
        assert any(np.isnan(image).any() for place, image in before.items()
                   if place[0] == "offset" and image is not None and image.dtype.kind == "f")
        for place, image in images(job).items():
            np.testing.assert_array_equal(image, before[place])
    finally:
        job.close()


def test_much_space_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_module, "_SMALL", 1 << 16)
    job, _ = made("JUNGFRAU", tmp_path, monkeypatch)
    job.close()
    assert any(f"in {tmp_path / 'out'} until the job is removed" in one.text for one in job.board.messages)


class Rounded(Tiny):
    """Means that the constant has in single precision."""

    def outputs(self, kind: Any) -> Any:
        return (ConstantOutput(ConstantKind("Offset", "ADU", "f4", "Rounded"), "mean", count="samples"),)


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Write the constants of a module; plan, results and files."""
    made: list[Results] = []

    def one(method: Tiny) -> tuple[Any, Results, list[Path]]:
        plan = plan_of(tmp_path, stages=("LG",), method=method)
        results = Results(tmp_path, plan.results, plan.context.axes, (2, 3), leaving(plan))
        made.append(results)
        results.write({"gain": 0, "cell": 1}, {
            "mean": np.arange(6.0).reshape(2, 3) / 3, "samples": np.full((2, 3), 5),
            "flags": np.full((2, 3), int(BadPixels.NON_STANDARD_SIZE))})
        files: list[Path] = []
        write_module(plan, MODULE, results, (), lambda share: None,
                     lambda one, _: files.append(write_constant(one, plan.spec.out_folder).path))
        return plan, results, files

    yield one
    for results in made:
        results.close()


def test_places_that_were_never_written_stay_so_whatever_the_file_has(written: Callable[..., Any]) -> None:
    plan, results, files = written(Tiny())
    results.hand_over(in_constants(plan, files, ImageReader(1 << 20)))
    assert results.read("flags", {"gain": 0, "cell": 0}) is None
    np.testing.assert_array_equal(results.read("mean", {"gain": 0, "cell": 1}), np.arange(6.0).reshape(2, 3) / 3)
    np.testing.assert_array_equal(results.along("samples", "cell", {"gain": 0}, 1, 2), [np.nan, 5])
    np.testing.assert_array_equal(results.stack("mean", ("cell", "gain"), {})[1, 0, 1], [1, 4 / 3, 5 / 3])
    assert results.held_bytes == 0


def test_a_type_that_does_not_hold_every_value_is_no_place_for_it(written: Callable[..., Any]) -> None:
    plan, results, files = written(Rounded())
    assert leaving(plan) == ("samples",)
    results.hand_over(in_constants(plan, files, ImageReader(1 << 20)))
    np.testing.assert_array_equal(results.read("mean", {"gain": 0, "cell": 1}), np.arange(6.0).reshape(2, 3) / 3)


def test_all_that_was_said_to_leave_leaves_at_once(written: Callable[..., Any]) -> None:
    plan, results, files = written(Tiny())
    found = in_constants(plan, files, ImageReader(1 << 20))
    with pytest.raises(ValueError, match="mean"):
        results.hand_over({name: one for name, one in found.items() if name != "mean"})
    assert results.read("mean", {"gain": 0, "cell": 1}) is not None


def test_nothing_is_there_after_the_end(written: Callable[..., Any]) -> None:
    _, results, _ = written(Tiny())
    results.close()
    assert results.read("mean", {"gain": 0, "cell": 1}) is None
    assert not results.has("mean", {"gain": 0, "cell": 1})
