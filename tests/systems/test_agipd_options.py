"""Options of the correction that AGIPD has beside gains, through the command line, against what the scene put in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from extra_data import RunDirectory

from calib_core.jobs import plan
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import Simulated, default_settings, simulate
from calib_core.simulate.scenes.photons import Photons

from .command import Result
from .test_agipd_correction import MODULE, SETTINGS, content

Array = Any
SHIFTED = Photons(photon_energy=9.2, photons=0.5, pattern="flat", baseline_shift=-120.0)


@pytest.fixture(scope="module")
def shifted(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """Frames whose baseline lies below that of the darks, without sharing of charge."""
    settings = default_settings("AGIPD1M").with_changes({**SETTINGS, "trains": 6, "first_run": 20})
    made = simulate(settings, tmp_path_factory.mktemp("shifted"), scene=SHIFTED)
    write_truth(made)
    return made


def correct(light: Simulated, out: Path, capsys: Any, *more: str) -> Result:
    [run] = light.runs.values()
    done = Result(["AGIPD", "CORRECT", "--run", str(run), "--constants", str(folder_of(light)), "--out-folder",
                   str(out), *more], out, capsys)
    assert done.status == 0, done.errors
    return done


def keys(out: Path, *names: str) -> list[Array]:
    source = RunDirectory(out)[f"SPB_DET_AGIPD1M-1/CORR/{MODULE}CH0:output"]
    return [source[f"image.{name}"].ndarray().squeeze() for name in names]


def shifts(light: Simulated, out: Path) -> Array:
    """Of the frames of a corrected run, ADU, as the scene put them in."""
    settings = default_settings("AGIPD1M").with_changes({**SETTINGS, "trains": 6, "first_run": 20})
    return np.array([SHIFTED.shift_of(settings, MODULE, int(train), int(cell))
                     for train, cell in zip(*keys(out, "trainId", "cellId"), strict=True)])


def test_the_baseline_is_found_taken_off_and_written(shifted: Simulated, tmp_path: Path, capsys: Any) -> None:
    asked = ("--no-rel-gain", "--no-xray-gain")
    correct(shifted, tmp_path / "a", capsys, *asked)
    done = correct(shifted, tmp_path / "b", capsys, "--blc-noise", *asked)
    assert not [text for text in done.warnings if "noise peak" in text]
    [found], truth = keys(tmp_path / "b", "blShift"), shifts(shifted, tmp_path / "b")
    assert np.ptp(truth) > 50
    assert np.abs(found - truth).max() < 0.6
    assert np.sqrt(np.mean((found - truth) ** 2)) < 0.25
    (before, mask), (after, stage) = keys(tmp_path / "a", "data", "mask"), keys(tmp_path / "b", "data", "gain")
    good = (mask == 0) & (stage == 0)
    np.testing.assert_array_equal(after[good], (before - found[:, None, None])[good])
    [path] = (tmp_path / "b").glob("CORR-*.h5")
    with h5py.File(path) as file:
        assert file[f"INSTRUMENT/SPB_DET_AGIPD1M-1/CORR/{MODULE}CH0:output/image/blShift"].attrs["unit"] == "ADU"
    assert not [name for name in content(tmp_path / "a") if "blShift" in name]


def test_frames_without_a_noise_peak_are_counted_and_told(shifted: Simulated, tmp_path: Path, capsys: Any) -> None:
    """Only shifts of up to 60 ADU are believed."""
    done = correct(shifted, tmp_path, capsys, "--blc-noise", "--blc-noise-threshold", "60")
    [found], truth = keys(tmp_path, "blShift"), shifts(shifted, tmp_path)
    np.testing.assert_array_equal(np.isnan(found), truth < -60)
    number = int(np.isnan(found).sum())
    assert 0 < number < len(found)
    told = f"in {number} of {len(found)} frames ({number / len(found):.1%}) no noise peak was found"
    assert f"Module {MODULE}: {told}; baseline by noise peak left them as they were." in done.warnings


def test_threads_chunks_and_blocks_of_memory_cells_change_no_bit(
    shifted: Simulated, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = ("--blc-noise",)
    correct(shifted, tmp_path / "a", capsys, *asked)
    correct(shifted, tmp_path / "b", capsys, *asked, "--threads", "1", "--memory-mb", "600")
    monkeypatch.setattr(plan, "_cells_at_once", lambda plan: 3)
    correct(shifted, tmp_path / "c", capsys, *asked)
    first = content(tmp_path / "a")
    assert any(key.endswith("image/blShift") for key in first)
    for other in (content(tmp_path / "b"), content(tmp_path / "c")):
        assert first.keys() == other.keys()
        for key, values in first.items():
            np.testing.assert_array_equal(values, other[key], err_msg=key)
