"""Other parameters of photon peaks on the ASIC of a pixel, before a whole job is done with them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calib_core.axes import Pick, View
from calib_core.constants.constant import FF_FIT
from calib_core.errors import BadInput
from calib_core.explanation import Asked
from calib_core.jobs.job import Job
from calib_core.jobs.spec import JobSpec
from calib_core.subjects.job import JobSubject

from ...histogram_files import COLUMNS, write_histograms
from ..numerics.flat_light import flat

MODULE, ROW, COLUMN, ENERGY = 3, 1, 70, 9.2
TASK = ("AGIPD", "FF")
PLACE = {"group": 0, "cell": 1, "gain": 0}
PICKS = (*(Pick("fits", (("parameter", FF_FIT.index(name)),)) for name in ("gain", "chi2")), Pick("slopes"),
         Pick("bad_pixels"))
#: The ASIC of the pixel.
INSIDE = np.zeros((512, COLUMNS), bool)
INSIDE[:64, 64:] = True


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pixels in the first four rows, of two groups of memory cells; the second one has few frames."""
    light = flat(128, 0.3, 8.0, frames=4000, spread=0.04)
    many = replace(light, counts=np.tile(light.counts, (4, 1)))
    return write_histograms(tmp_path_factory.mktemp("flat"), [many, many], module=MODULE,
                            frames=[5000, 2000, *[5000] * 6])


def ended(file: Path, out: Path, **parameters: Any) -> Job:
    job = Job(JobSpec(family="AGIPD", method="FF", out_folder=out, inputs={"histograms": (str(file),)},
                      parameters=parameters))
    job.start()
    assert job.wait(120)
    return job


@pytest.fixture(scope="module")
def subject(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobSubject]:
    found = JobSubject(ended(file, tmp_path_factory.mktemp("one") / "out"))
    found.look_at(View(PLACE, (), PICKS))
    for _ in range(2000):
        picture = found.picture
        if picture is not None and set(PICKS) <= set(picture.maps) and picture.coverage.min() == 1:
            break
        time.sleep(0.01)
    yield found
    found.close()


def tried(subject: JobSubject, **parameters: Any) -> Any:
    subject.try_part(MODULE, ROW, COLUMN, PLACE, Asked(task=TASK, parameters=parameters))
    return subject.picture


@pytest.mark.parametrize("parameters", [
    {"gain_lim": [0.97, 1.03], "chi2_lim": [0.0, 1.1], "unit": "relative"}, {"cloud": 0.05},
    {"model": "F1", "fit_range": [-40.0, 250.0], "gain_lim": [0.5, 1.5], "chi2_lim": [0.0, 50.0]}],
    ids=["limits", "cloud", "model"])
def test_the_asic_is_as_a_whole_job_makes_it_and_the_rest_as_it_was(
        parameters: dict[str, Any], subject: JobSubject, file: Path, tmp_path: Path) -> None:
    before = tried(subject)
    assert before.tried is None
    after, other = tried(subject, **parameters), ended(file, tmp_path / "out", **parameters)
    borrowed = "gain_lim" in parameters and "model" not in parameters
    assert after.tried.words.endswith("with the cloud that the job has found, if any") == borrowed
    assert (after.tried.module, after.tried.rows, after.tried.columns) == (MODULE, slice(0, 64), slice(64, 128))
    for pick in PICKS:
        whole = other.plane(pick.result, MODULE, {**PLACE, **dict(pick.at)})
        assert whole is not None
        np.testing.assert_array_equal(after.maps[pick][0][INSIDE], whole[INSIDE], err_msg=pick.result)
        np.testing.assert_array_equal(after.maps[pick][0][~INSIDE], before.maps[pick][0][~INSIDE])
    other.close()
    flags, fits = PICKS[-1], PICKS[0]
    if "gain_lim" in parameters and "model" not in parameters:
        # the memory cell has few frames, which is a flag of all its pixels; stricter limits add others
        assert np.count_nonzero(after.maps[flags] != before.maps[flags]) > 10
        np.testing.assert_array_equal(after.maps[fits], before.maps[fits])
    else:
        differ = (after.maps[fits] != before.maps[fits])[0] & np.isfinite(before.maps[fits][0])
        assert differ[INSIDE].sum() == 4 * 64


def test_a_pixel_is_explained_with_what_the_form_shows(subject: JobSubject) -> None:
    tried(subject)
    plain = subject.explain(MODULE, ROW, COLUMN, PLACE, Asked(task=TASK))
    other = subject.explain(MODULE, ROW, COLUMN, PLACE, Asked(task=TASK, parameters={"model": "F2"}))
    assert plain is not None
    assert other is not None
    assert (plain.tried, other.tried) == ("", "model F2 (made with F3)")
    assert {one.name for one in other.numbers} - {one.name for one in plain.numbers} == {"growth", "shelves"}
    picture = tried(subject, model="F2")
    gain = next(one for one in other.numbers if one.name == "gain")
    assert picture.maps[PICKS[0]][0, ROW, COLUMN] == pytest.approx(gain.value, abs=0.01 * gain.error)


def test_other_groups_have_nothing_tried_and_what_cannot_be_is_told(subject: JobSubject) -> None:
    assert tried(subject, model="F2").tried is not None
    trial, picture = subject._trial, subject.job.board.picture
    assert trial is not None
    elsewhere = replace(picture, view=View({**PLACE, "group": 1}))
    assert trial.in_picture(elsewhere, subject.results) is elsewhere
    # memory cells of the other group have other slopes
    other_cell = replace(picture, view=View({**PLACE, "cell": 5}))
    there = trial.in_picture(other_cell, subject.results).maps[PICKS[2]]
    np.testing.assert_array_equal(there, picture.maps[PICKS[2]])
    with pytest.raises(BadInput, match=r"Kα of Cu has 8.041 keV"):
        tried(subject, element="Cu")
    with pytest.raises(BadInput, match="Histograms of isolated samples are not those that were fitted: Run"):
        tried(subject, source="isolated")
