"""The closing table against NumPy on the constants that were written."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from math import exp, lgamma, sqrt

import numpy as np
import pytest

from calib_core.cli.summary import closing_table
from calib_core.constants.badpixels import BadPixels
from calib_core.jobs.found import Median
from calib_core.jobs.job import Job
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.summary import summary_of
from calib_core.jobs.survey import survey
from calib_core.simulate import default_settings, simulate
from calib_core.store.constants import list_constants

pytestmark = pytest.mark.usefixtures("small_jungfrau")
KINDS = ("Offset", "Noise", "BadPixelsDark")


def job_of(tmp_path, name, roles=None, **settings):
    """A dark job of simulated runs that has ended and was closed."""
    made = simulate(default_settings(name).with_changes(settings), tmp_path / "data")
    runs = [made.runs[role] for role in roles or made.runs]
    return ended(survey(runs).spec(tmp_path / "constants"))


def ended(spec: JobSpec) -> Job:
    job = Job(spec)
    job.start()
    job.wait()
    job.close()
    return job


def stored(folder):
    """Constants (gain, cell, slow_scan, fast_scan) of each module by kind."""
    found = {}
    for one in list_constants(folder):
        found.setdefault(one.attributes["module"], {})[one.attributes["kind"]] = one.values()
    return found


def test_a_result_that_is_called_like_the_gain_stage_has_a_column_of_its_own(tmp_path):
    summary = summary_of(job_of(tmp_path, "EPIX100", trains=12))
    [module] = summary.modules
    stage = replace(module.stages[0], stage="HG", medians=(Median("gain", "Gain", "", 1.25),))
    head, row, *_ = closing_table(replace(summary, modules=(replace(module, stages=(stage,)),))).splitlines()
    assert head.split("  ")[:2] == ["Module", "Gain"]
    assert "Gain (median)" in head
    assert " HG " in row
    assert " 1.25 " in row


@pytest.mark.parametrize(("name", "settings", "stages"), [
    ("JUNGFRAU", {"modules": "1-2", "trains": 12, "memory_cells": 1}, ["G0", "G1", "G2"]),
    ("LPD1M", {"modules": "0-1", "trains": 12, "memory_cells": 3}, ["HG", "MG", "LG"]),
    ("EPIX100", {"trains": 24}, None),
])
def test_medians_and_flags_of_each_module_are_those_of_the_constants(tmp_path, name, settings, stages):
    job = job_of(tmp_path, name, **settings)
    summary, constants = summary_of(job), stored(tmp_path / "constants")
    assert [one.module for one in summary.modules] == sorted(constants)
    for module in summary.modules:
        assert stages is None or [one.stage for one in module.stages] == stages
        offset, noise, flags = (constants[module.module][kind] for kind in KINDS)
        for i, stage in enumerate(module.stages):
            good = flags[i] == 0
            wanted = {"offset": np.median(offset[i][good]), "noise": np.median(noise[i][good])}
            assert {one.name: one.value for one in stage.medians} == pytest.approx(wanted, rel=1e-6)
            assert stage.bad == pytest.approx(np.mean(~good))
            shares = {flag.label: np.mean(flags[i] & flag != 0) for flag in BadPixels if (flags[i] & flag).any()}
            assert stage.flags == pytest.approx(shares)


def test_the_table_has_a_row_for_each_stage_of_each_module(tmp_path):
    summary = summary_of(job_of(tmp_path, "JUNGFRAU", modules="1-2", trains=12, memory_cells=1))
    head, *rows = closing_table(summary).splitlines()
    assert re.split(r"  +", head) == [
        "Module", "Gain", "Frames", "Offset [ADU]", "Noise [ADU]", "Bad pixels", "Remarkable", "by flag"]
    found = [re.split(r"  +", row) for row in rows[:6]]
    assert [row[:3] for row in found] == [[module, f"G{i}", "12"] for module in "12" for i in range(3)]
    of_first = summary.modules[0].stages[0]
    assert [float(text) for text in found[0][3:5]] == [round(one.value, 2) for one in of_first.medians]
    assert found[0][5] == f"{of_first.bad:.2%}"
    assert all(label in found[0][7] for label in of_first.flags)
    closing = next(row for row in rows if " DARK of " in row)
    assert re.fullmatch(
        r"JUNGFRAU DARK of SPB_IRDA_JF4M: done after [0-9.]+ s, \d+ constants written to .*constants.*", closing)


@pytest.mark.parametrize("frames", [10, 40])
def test_it_says_by_how_much_the_noise_is_low(tmp_path, frames):
    """c₄(n) from the gamma function; the value itself is that of the constant."""
    summary = summary_of(job_of(tmp_path, "PNCCD", trains=frames))
    low = 1 - sqrt(2 / (frames - 1)) * exp(lgamma(frames / 2) - lgamma((frames - 1) / 2))
    [noise] = [one for one in summary.modules[0].stages[0].medians if one.name == "noise"]
    assert noise.low_by == pytest.approx(low)
    assert f"Noise comes out low since there are few frames, and is left so: by {low:.2%} with {frames} frames." \
        in closing_table(summary).splitlines()


def test_a_job_without_a_plan_has_its_sentence(tmp_path):
    made = simulate(default_settings("JUNGFRAU").with_changes({"modules": "1", "trains": 2}), tmp_path / "data")
    spec = survey(list(made.runs.values())).spec(tmp_path / "constants")
    table = closing_table(summary_of(ended(spec.model_copy(update={"modules": (7,)}))))
    assert re.fullmatch(
        r"JUNGFRAU DARK of SPB_IRDA_JF4M: failed \(.+\) after [0-9.]+ s, no file written to .+\.", table)


@pytest.mark.breaks
def test_a_module_that_failed_is_named_with_its_reason(tmp_path, monkeypatch):
    def write(plan, module, *_):
        if module.number == 2:
            raise ValueError("the disk speaks Greek")
        return real(plan, module, *_)

    from calib_core.jobs import threads
    real = threads.write_module
    monkeypatch.setattr(threads, "write_module", write)
    summary = summary_of(job_of(tmp_path, "JUNGFRAU", modules="1-2", trains=12, memory_cells=1))
    assert [one.module for one in summary.modules] == [1]
    [line] = [line for line in closing_table(summary).splitlines() if line.startswith("Module 2 is not done: ")]
    assert "the disk speaks Greek" in line
    assert list(summary.to_json()["not_done"]) == ["2"]


def test_warnings_of_a_job_end_in_its_closing_lines(tmp_path):
    """JUNGFRAU's slow control tells no temperature of the sensor."""
    job = job_of(tmp_path, "JUNGFRAU", ["high"], modules="1", trains=12)
    table = closing_table(summary_of(job))
    [line] = [line for line in table.splitlines() if "Sensor temperature: 291 K is taken, but it is" in line]
    assert line.endswith("or with --sensor-temperature.")
    assert table.index("written to") < table.index("warnings:") < table.index(line)


def test_json_has_no_nan_where_no_pixel_is_good(tmp_path):
    spec = job_of(tmp_path, "JUNGFRAU", ["high"], modules="1", trains=12).spec
    none = spec.model_copy(update={"parameters": {"thresholds_offset_hard": [[1.0, 2.0]] * 3}})
    summary = summary_of(ended(none))
    [stage] = [one for one in summary.modules[0].stages if one.stage == "G0"]
    assert stage.bad == 1
    assert [one.value for one in stage.medians] == [None, None]
    text = json.dumps(summary.to_json(), allow_nan=False)
    assert json.loads(text)["modules"][0]["stages"][0]["medians"][0]["value"] is None
    assert "–" in closing_table(summary)
