"""Why pixels of constants on disk are flagged: as the job that made them says, as far as files have its maps."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calib_core.errors import BadParameter
from calib_core.explanation import Reason
from calib_core.jobs.board import State
from calib_core.jobs.job import Job
from calib_core.jobs.survey import survey
from calib_core.simulate import default_settings, simulate
from calib_core.subjects.constants import ConstantsSubject, find_sets

from .files import images, put_bare, put_ours

#: Of how many samples lie outside of their gates files tell nothing.
_GATE = "Samples outside the gate"
#: Module, settings of small runs, parameters other than the defaults, and the rules that files lack the maps of, by
#: detector type. In fixed gain the gain signal says nothing, and no rule asks for it.
CASES: dict[str, tuple[int, dict[str, Any], dict[str, Any], tuple[str, ...]]] = {
    "JUNGFRAU": (2, {"modules": "2", "trains": 10, "wrong_gain_share": 0.01, "dead_share": 0.01},
                 {"thresholds_noise_sigma": 3.5, "max_wrong_gain": 0.05}, ("Wrong gain bits", _GATE)),
    "AGIPD1M": (1, {"modules": "1", "memory_cells": 2, "trains": 12, "outlier_share": 1e-3, "dead_share": 0.01},
                {"thresholds_offset_sigma": 2.5, "min_trains": 1}, ("Separation from ", _GATE)),
    "AGIPD500K": (3, {"modules": "3", "memory_cells": 2, "trains": 12, "fixed_gain": True, "dead_share": 0.01},
                  {"min_trains": 1}, (_GATE,)),
}


@pytest.fixture(scope="module", params=sorted(CASES))
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A finished job, its module, its constants as a subject, and what rules lack."""
    module, settings, parameters, lacking = CASES[request.param]
    folder = tmp_path_factory.mktemp(request.param.lower())
    runs = simulate(default_settings(request.param).with_changes(settings), folder)
    job = Job(survey(list(runs.runs.values())).spec(folder / "out", parameters=parameters))
    job.start()
    assert job.wait(120)
    assert job.board.state is State.DONE, job.board.error
    subject = ConstantsSubject(find_sets([folder / "out"])[0])
    yield job, module, subject, lacking
    subject.close()
    job.close()


def flagged(job: Job, module: int, at: Any) -> list[tuple[int, int]]:
    """Some pixels of each combination of flags at a place."""
    flags = job.plane("bad_pixels", module, at)
    return [tuple(pixel) for one in np.unique(flags) for pixel in np.argwhere(flags == one)[:3].tolist()]


def split(found: Sequence[Reason], lacking: tuple[str, ...]) -> tuple[list[Reason], list[Reason]]:
    """Reasons whose maps are in files, and the others."""
    apart = [one for one in found if one.what.startswith(lacking)]
    return [one for one in found if one not in apart], apart


def test_rules_say_what_they_say_in_the_job(made: Any) -> None:
    job, module, subject, lacking = made
    seen = set()
    for gain in range(3):
        at = {"gain": gain, "cell": 1}
        for row, col in flagged(job, module, at):
            of_job, _ = split(job.pixels.reasons(module, row, col, at), lacking)
            found, _ = split(subject.reasons(module, row, col, at), lacking)
            np.testing.assert_equal([astuple(one) for one in found], [astuple(one) for one in of_job])
            seen |= {one.what for one in of_job if one.set}
    assert {"Samples", "Offset", "Noise"} <= seen


def test_what_files_do_not_have_is_said_and_has_no_number(made: Any) -> None:
    job, module, subject, lacking = made
    at, told = {"gain": 1, "cell": 0}, 0
    for row, col in flagged(job, module, at):
        _, of_job = split(job.pixels.reasons(module, row, col, at), lacking)
        _, found = split(subject.reasons(module, row, col, at), lacking)
        assert [(one.what, one.flag) for one in found] == [(one.what, one.flag) for one in of_job]
        explained = {one.flag for one in subject.reasons(module, row, col, at) if one.set and one not in found}
        for one in found:
            assert np.isnan(one.value)
            flag = bool(int(job.plane("bad_pixels", module, at)[row, col]) & one.flag) and one.flag not in explained
            assert one.set is flag
            assert one.words.startswith("It cannot be told from these maps, since there is no ")
            assert one.words.endswith("; the flag is set." if flag else "; the flag is not set.")
            told += 1
    assert bool(told) is bool(lacking)


def test_files_are_those_of_the_set(made: Any) -> None:
    job, _, subject, _ = made
    assert set(subject.files) == {one.path for one in job.board.outputs} == set(
        job.spec.out_folder.rglob("cal.*.h5"))
    assert subject.remarks == job.board.remarks
    assert subject.notes == (*job.plan.notes, *dict.fromkeys(one.sentence for one in job.board.remarks))


def test_a_pixel_that_is_not_there_is_refused_and_another_module_has_nothing_to_say(made: Any) -> None:
    _, module, subject, _ = made
    rows, cols = subject.kind.shape
    for row, col in ((-1, 0), (rows, 0), (0, cols)):
        with pytest.raises(BadParameter, match="pixel"):
            subject.reasons(module, row, col, {})
    assert subject.reasons(14, 0, 0, {}) == ()


def with_parameters(root: Path, job: dict[str, Any], parameters: dict[str, Any]) -> ConstantsSubject:
    path = put_ours(root, 4, "Offset", images(), 0)
    with h5py.File(path, "r+") as file:
        group = file["SCS_DET_DSSC1M-1_DSSC04/Offset/0"]
        known = json.loads(group.attrs["provenance"])
        group.attrs["provenance"] = json.dumps({**known, "job": {**known["job"], **job}, "parameters": parameters})
    return ConstantsSubject(find_sets([root])[0])


@pytest.mark.parametrize("job", [{"method": "PERSISTENT"}, {"family": "NOBODY"}, {"family": None}])
def test_a_characterisation_that_nobody_knows_has_no_reasons(job: dict[str, Any], tmp_path: Path) -> None:
    subject = with_parameters(tmp_path, job, {})
    assert subject.reasons(4, 1, 2, {}) == ()
    assert subject.notes == ("A note of the first job.",)
    subject.close()


def test_parameters_that_nobody_knows_are_told(tmp_path: Path) -> None:
    subject = with_parameters(tmp_path, {}, {"method": "DARK", "of_old": 3})
    assert subject.reasons(4, 1, 2, {}) == ()
    assert len([note for note in subject.notes if "There is no parameter “of_old”" in note]) == 1
    subject.close()


def test_offsets_alone_are_held_against_the_limits_in_the_files(tmp_path: Path) -> None:
    subject = with_parameters(tmp_path, {}, {"method": "DARK", "thresholds_offset_hard": [[100.0, 2000.0]]})
    for row, col in ((0, 0), (5, 6), (127, 511)):
        value = float(np.float32(images()[col, row, 1]))
        [one] = [one for one in subject.reasons(4, row, col, {"cell": 1}) if one.what == "Offset"]
        assert one.value == value
        assert one.low >= 100.0
        assert one.set or one.low <= value <= one.high
        assert value >= 100.0 or one.set
    subject.close()


def test_bare_files_have_no_reasons(tmp_path: Path) -> None:
    path = put_bare(tmp_path / "dssc-type", "SCS_DET_DSSC1M-1_DSSC04", "Offset", images())
    subject = ConstantsSubject(find_sets([tmp_path])[0])
    assert subject.reasons(subject.modules[0], 1, 2, {}) == ()
    assert subject.files == (path,)
    subject.close()
