"""The closing table against NumPy on the constants that were written."""

from __future__ import annotations

import re

import numpy as np

from calib_core.cli.summary import closing_table
from calib_core.jobs.job import Job
from calib_core.jobs.survey import survey
from calib_core.simulate import default_settings, simulate
from calib_core.store.constants import list_constants


def test_medians_and_bad_pixels_are_those_of_the_constants(tmp_path):
    settings = default_settings("JUNGFRAU").with_changes({"modules": "1-2", "trains": 12, "memory_cells": 1})
    made = simulate(settings, tmp_path / "data")
    job = Job(survey(list(made.runs.values())).spec(tmp_path / "constants"))
    job.start()
    job.wait()
    table = closing_table([job])
    job.close()
    stored = {}
    for one in list_constants(tmp_path / "constants"):
        stored.setdefault(one.calibration, []).append(one.values())
    offset, noise, bad = (np.stack(stored[name]) for name in ("Offset10Hz", "Noise10Hz", "BadPixelsDark10Hz"))
    for stage in range(3):
        good = bad[:, stage] == 0
        row = next(line for line in table.splitlines() if f" G{stage} " in line)
        found = [float(number) for number in re.findall(r"(?<= )[0-9]+\.[0-9]+", row)]
        wanted = [np.median(offset[:, stage][good]), np.median(noise[:, stage][good]), 100 * np.mean(~good)]
        np.testing.assert_allclose(found, wanted, atol=0.006)


def test_a_job_without_a_plan_has_its_sentence(tmp_path):
    made = simulate(default_settings("JUNGFRAU").with_changes({"modules": "1", "trains": 2}), tmp_path / "data")
    spec = survey(list(made.runs.values())).spec(tmp_path / "constants")
    job = Job(spec.model_copy(update={"modules": (7,)}))
    job.start()
    job.wait()
    assert re.fullmatch(r"JUNGFRAU DARK of SPB_IRDA_JF4M: failed \(.+\), no file written to .+", closing_table([job]))


def test_what_is_not_done_counts_neither_as_good_nor_as_bad(tmp_path):
    """A module that failed has no flags, which are not 0: dashes where nothing is done."""
    settings = default_settings("JUNGFRAU").with_changes({"modules": "1", "trains": 12, "memory_cells": 1})
    made = simulate(settings, tmp_path / "data")
    job = Job(survey(list(made.runs.values())).spec(tmp_path / "constants"))
    job.start()
    job.wait()
    job.plane = lambda name, module, at: None
    rows = [line for line in closing_table([job]).splitlines() if " DARK " in line and " G" in line]
    job.close()
    assert [row.split()[-1] for row in rows] == ["–"] * 3


def test_warnings_of_a_job_end_in_its_closing_lines(tmp_path):
    """JUNGFRAU's slow control tells no temperature of the sensor."""
    made = simulate(default_settings("JUNGFRAU").with_changes({"modules": "1", "trains": 12}), tmp_path / "data")
    job = Job(survey([made.runs["high"]]).spec(tmp_path / "constants"))
    job.start()
    job.wait()
    closing = closing_table([job])
    job.close()
    [line] = [line for line in closing.splitlines() if "Sensor temperature: 291 K is taken, but it is" in line]
    assert line.endswith("or with --sensor-temperature.")
    assert closing.index("written to") < closing.index("warnings:") < closing.index(line)
