"""A virtual file of all modules, beside the corrected ones: the frames that those have, read by h5py alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import Simulated, default_settings, simulate
from calib_core.simulate.scenes.photons import Photons

from .command import Result

#: Settings, corrected source of a module, group and samples; and the first module's number.
CASES = {
    "AGIPD1M": ({"modules": "0,5", "memory_cells": 2}, "SPB_DET_AGIPD1M-1/CORR/{}CH0:output", "image", "data", 0),
    "JUNGFRAU": ({"modules": "1,3", "memory_cells": 1}, "SPB_IRDA_JF4M/CORR/JNGFR{:02d}:daqOutput", "data", "adc", 1)}


def lit(name: str, folder: Path, **more: Any) -> Simulated:
    settings = default_settings(name).with_changes({"trains": 5, "first_run": 4, **more})
    made = simulate(settings, folder, scene=Photons(photons=300.0))
    write_truth(made)
    return made


@pytest.mark.parametrize("name", CASES)
def test_it_has_the_frames_of_all_modules(name: str, tmp_path: Path, capsys: Any) -> None:
    changes, source, group, samples, first = CASES[name]
    light = lit(name, tmp_path / "light", trains_per_sequence=3, **changes)
    [run] = light.runs.values()
    family, out = name.removesuffix("1M"), tmp_path / "out"
    words = [family, "CORRECT", "--run", str(run), "--constants", str(folder_of(light)), "--out-folder", str(out)]
    done = Result([*words, "--virtual-cxi"], out, capsys)
    assert done.status == 0, done.errors
    [path] = out.glob("VIRTUAL-R0004-*.cxi")
    modules = [int(number) for number in str(changes["modules"]).split(",")]
    with h5py.File(path) as virtual:
        shown = virtual["entry_1/instrument_1/detector_1"]
        for module in modules:
            for key in (samples, "mask", "gain"):
                frames = []
                for file in sorted(out.glob(f"CORR-*{module:02d}-S*.h5")):
                    with h5py.File(file) as one:
                        data = one[f"INSTRUMENT/{source.format(module)}/{group}/{key}"][()]
                        frames.append(data.reshape(-1, *data.shape[-2:]))
                expected = np.concatenate(frames)
                assert len(frames) == 2
                stored = shown["data" if key == samples else key][:, module - first]
                np.testing.assert_array_equal(stored.reshape(expected.shape), expected)
    again = Result([*words, "--virtual-cxi", "--again"], out, capsys)
    assert again.status == 0, again.errors
    assert len(list(out.glob("VIRTUAL-*"))) == 1
    assert not list(out.glob(".*"))


def test_a_detector_of_which_there_is_none_is_refused(tmp_path: Path, capsys: Any) -> None:
    light = lit("PNCCD", tmp_path / "light")
    [run] = light.runs.values()
    done = Result(["PNCCD", "CORRECT", "--run", str(run), "--constants", str(folder_of(light)), "--out-folder",
                   str(tmp_path / "out"), "--virtual-cxi"], tmp_path / "out", capsys)
    assert done.status != 0
    assert [text for text in done.errors if "EXtra-data makes no virtual file of pnCCD" in text], done.errors
