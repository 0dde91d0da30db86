"""Corrected LPD runs against the charge that was put in, with its truth as constants and with our own dark."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from extra_data import RunDirectory
from extra_data.components import LPD1M

from calib_core.constants.badpixels import BadPixels
from calib_core.jobs import plan
from calib_core.jobs.truth_constants import folder_of
from calib_core.simulate import Simulated
from calib_core.simulate.scenes.photons import Photons
from calib_core.store.constants import list_constants

from .command import Result
from .conftest import characterise
from .corrected_light import Found, Light, assert_same, assert_valid, check, without

Array = Any
MODULE, TRAINS, CELLS = 3, 6, 4
KEYS = ("image.data", "image.mask", "image.gain")
LIGHT = Light("LPD1M", "LPD", f"FXE_DET_LPD1M-1/CORR/{MODULE}CH0:output", KEYS, MODULE,
              Photons(photon_energy=9.2, photons=10000.0), {"memory_cells": CELLS, "trains": TRAINS})
MAPS = ("RelativeGain", "GainAmpMap", "FFMap")
#: Mean gain of the first stage, ADU/keV: what maps bring all pixels to.
GAIN = 2.4


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    return LIGHT.simulated(tmp_path_factory.mktemp("light"))


def pulls(found: Found) -> dict[int, Array]:
    """Values are ADU of the mean gain of the first stage."""
    truth = found.truth

    def noise(cell: int) -> Array:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.array([truth.noise(stage) * GAIN / truth.gain(stage, cell) for stage in range(3)])

    return found.pulls(lambda cell: GAIN, noise)


def test_residuals_are_as_large_as_the_noise_says(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    check(pulls(LIGHT.corrected(light, tmp_path, capsys)))


def test_minis_are_corrected_as_well(tmp_path: Path, capsys: Any) -> None:
    """All of one source are one module."""
    mini = replace(LIGHT, kind="LPDMINI", source="FXE_DET_LPD_MINI/CORR/0CH0:output", module=0)
    found = mini.corrected(mini.simulated(tmp_path / "data"), tmp_path / "out", capsys)
    check(pulls(found))
    found.check_masks()


def test_stages_and_masks_are_those_of_the_truth(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    LIGHT.corrected(light, tmp_path, capsys).check_masks()


def test_offsets_of_our_own_dark_serve_as_well(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    """The error of an offset adds to that of a sample: by 1 / frames of its square."""
    trains = 60
    characterise(LIGHT.darks(tmp_path / "data", trains=trains), tmp_path / "dark")
    gains = without(Path(shutil.copytree(folder_of(light), tmp_path / "gains")), "Offset", "Noise", "BadPixelsDark")
    words = [word for name in MAPS for word in (f"--constants-{name.lower()}", str(gains))]
    found = LIGHT.corrected(light, tmp_path / "out", capsys, *words, constants=tmp_path / "dark")
    check(pulls(found), np.sqrt(1 + 1 / trains))


def test_values_are_those_of_numpy(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    """Bits of the words less offsets, times three factors, one after the other in single precision."""
    found = LIGHT.corrected(light, tmp_path, capsys)
    of = {one.calibration: one.values() for one in list_constants(folder_of(light))}
    [run] = light.runs.values()
    raw = RunDirectory(run)[f"FXE_DET_LPD1M-1/DET/{MODULE}CH0:xtdf"]
    words, cell = raw["image.data"].ndarray()[:, 0], raw["image.cellId"].ndarray().ravel()
    stage = words >> 12
    expected = (words & 0xFFF).astype("f4")
    for name in ("Offset", *MAPS):
        values = np.choose(stage, of[name].astype("f4")[:, cell])
        expected = expected - values if name == "Offset" else expected * values
    (values, mask, gain), _, _ = found.arrays()
    good = mask == 0
    np.testing.assert_array_equal(values[good], expected[good])
    np.testing.assert_array_equal(gain[good], stage[good])


@pytest.mark.parametrize("name", MAPS)
def test_a_map_that_is_not_there_has_the_factor_1_and_is_told(
    name: str, light: Simulated, tmp_path: Path, capsys: Any,
) -> None:
    some = without(Path(shutil.copytree(folder_of(light), tmp_path / "some")), name)
    found = LIGHT.corrected(light, tmp_path / "a", capsys, constants=some)
    assert [text for text in found.said if f"there is no {name}, so the factor is 1" in text]
    switch = {"RelativeGain": "gain-factor", "GainAmpMap": "gain-amp-map", "FFMap": "ff-map"}[name]
    LIGHT.corrected(light, tmp_path / "b", capsys, f"--no-{switch}")
    first, second = (RunDirectory(tmp_path / folder)[LIGHT.source]["image.data"].ndarray() for folder in "ab")
    np.testing.assert_array_equal(first, second)
    with h5py.File(next((tmp_path / "a").glob("CORR-*.h5"))) as file:
        assert "so the factor is 1" in file[f"INSTRUMENT/{LIGHT.source}"].attrs["skipped_steps"]


def test_without_offsets_it_is_refused(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    some = without(Path(shutil.copytree(folder_of(light), tmp_path / "some")), "Offset")
    done = Result(LIGHT.words(light, tmp_path / "out", constants=some), tmp_path / "out", capsys)
    assert done.status != 0
    assert [text for text in done.errors if "has no Offset; it has" in text]


def test_extra_data_opens_what_was_corrected(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    found = LIGHT.corrected(light, tmp_path, capsys)
    assert_valid(tmp_path)
    (values, mask, gain), _, _ = found.arrays()
    source = RunDirectory(tmp_path)[LIGHT.source]
    assert source.keys() == {*KEYS, *(f"image.{key}" for key in ("cellId", "pulseId", "trainId"))}
    assert (values.dtype, mask.dtype, gain.dtype) == (np.float32, np.uint32, np.uint8)
    detector = LPD1M(RunDirectory(tmp_path), min_modules=1, raw=False)
    array = detector.get_array("image.data", unstack_pulses=False)
    np.testing.assert_array_equal(array.values[0], values)
    np.testing.assert_array_equal(detector.masked_data().ndarray()[0], np.where(mask != 0, np.nan, values))
    [run] = light.runs.values()
    raw = RunDirectory(run)[f"FXE_DET_LPD1M-1/DET/{MODULE}CH0:xtdf"]
    for key in ("trainId", "pulseId", "cellId"):
        np.testing.assert_array_equal(source[f"image.{key}"].ndarray(), raw[f"image.{key}"].ndarray().ravel())


def test_threads_memory_and_blocks_of_cells_change_no_bit(
    light: Simulated, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch,
) -> None:
    LIGHT.corrected(light, tmp_path / "a", capsys)
    LIGHT.corrected(light, tmp_path / "b", capsys, "--threads", "1", "--memory-mb", "600")
    monkeypatch.setattr(plan, "_cells_at_once", lambda plan: 3)
    LIGHT.corrected(light, tmp_path / "c", capsys)
    assert_same(tmp_path / "a", tmp_path / "b")
    assert_same(tmp_path / "a", tmp_path / "c")


def test_full_codes_and_wrong_bits_are_marked(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    [run] = light.runs.values()
    changed = Path(shutil.copytree(run, tmp_path / "raw" / run.name))
    [path] = changed.glob(f"RAW-*-LPD{MODULE:02d}-*.h5")
    with h5py.File(path, "r+") as file:
        words = file[f"INSTRUMENT/FXE_DET_LPD1M-1/DET/{MODULE}CH0:xtdf/image/data"]
        words[:, 0, 5], words[:, 0, 6] = 0x0FFF, 0x3000 | 700
        stored = words[:, 0]
    done = Result(["LPD", "CORRECT", "--run", str(changed), "--constants", str(folder_of(light)), "--out-folder",
                   str(tmp_path / "out")], tmp_path / "out", capsys)
    assert done.status == 0, done.errors
    mask = RunDirectory(tmp_path / "out")[LIGHT.source]["image.mask"].ndarray()
    assert (mask[:, 6] & int(BadPixels.WRONG_GAIN_VALUE)).all()
    full = mask & int(BadPixels.VALUE_OUT_OF_RANGE) != 0
    np.testing.assert_array_equal(full, stored & 0xFFF == 0xFFF)
    assert full[:, 5].all()


# -- order of the memory cells: darks of all in their order stand in for those of the run's --------------------------

USUAL = "".join(f"{cell}," for cell in range(510))


@pytest.fixture(scope="module")
def shifted(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """A run whose memory cells are recorded in the order 2, 3, 0, 1."""
    return LIGHT.simulated(tmp_path_factory.mktemp("shifted"), first_cell=2, trains=2)


def of_order(constants: Path, to: Path, order: str, after: timedelta, name: str = "1") -> Path:
    """The same darks as those of another order of cells, valid from another time on, in files of some name."""
    darks = [one for one in list_constants(constants) if one.calibration in ("Offset", "Noise", "BadPixelsDark")]
    for number, one in enumerate(darks):
        path = to / one.path.relative_to(constants).with_name(f"cal.{name}.{number}.h5")
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(one.path) as file:
            old = file[one.pdu][one.calibration]["0"]
            values, dims, attributes = old["data"][()], old["data"].attrs["dims"], dict(old.attrs)
        conditions = {**one.attributes["conditions"]}
        conditions["Memory cell order"] = {**conditions["Memory cell order"], "value": order}
        assert one.begin is not None
        attributes |= {"conditions": json.dumps(conditions), "begin_validity": (one.begin + after).isoformat()}
        with h5py.File(path, "w") as file:
            group = file.create_group(f"{one.pdu}/{one.calibration}/0")
            group["data"] = values
            group["data"].attrs["dims"] = dims
            group.attrs.update({name: value for name, value in attributes.items() if name != "sealed"})
    return to


@pytest.mark.parametrize(("own", "usual", "taken"), [
    (None, timedelta(days=-20), "usual"),  # there are none of the run's order
    (timedelta(days=-3), timedelta(days=0), "own"),
    (timedelta(days=-6.9), timedelta(days=0), "own"),
    (timedelta(days=-7.1), timedelta(days=0), "usual"),
    (timedelta(days=0), timedelta(days=-30), "own"),
])
def test_darks_of_the_usual_order_of_cells_stand_in(
    own: timedelta | None, usual: timedelta, taken: str, shifted: Simulated, tmp_path: Path, capsys: Any,
) -> None:
    constants = tmp_path / "constants"
    if own is not None:
        of_order(folder_of(shifted), constants, "2,3,0,1,", own, "own")
    of_order(folder_of(shifted), constants, USUAL, usual, "usual")
    found = LIGHT.corrected(shifted, tmp_path / "out", capsys, constants=constants)
    record = next((tmp_path / "out").glob("calibration_metadata_*.yml")).read_text()
    assert record.count(f"/cal.{taken}.") == 2
    assert f"/cal.{'own' if taken == 'usual' else 'usual'}." not in record
    told = [text for text in found.said if "stands in for one of the run's own “Memory cell order”" in text]
    assert bool(told) == (taken == "usual")


def test_darks_of_another_order_are_refused(shifted: Simulated, tmp_path: Path, capsys: Any) -> None:
    constants = of_order(folder_of(shifted), tmp_path / "c", "3,2,1,0,", timedelta(0))
    done = Result(LIGHT.words(shifted, tmp_path / "out", constants=constants), tmp_path / "out", capsys)
    assert done.status != 0
    assert [text for text in done.errors if "Memory cell order differs" in text]


def test_noise_that_a_module_lacks_is_not_missed_where_gain_is_not_parallel(tmp_path: Path, capsys: Any) -> None:
    light = LIGHT.simulated(tmp_path / "data", modules="3-4", memory_cells=1, trains=2)
    for one in list_constants(folder_of(light)):
        if one.calibration == "Noise" and one.pdu.endswith("04"):
            one.path.unlink()
    found = LIGHT.corrected(light, tmp_path / "out", capsys)
    assert len(list((tmp_path / "out").glob("CORR-*.h5"))) == 2
    assert not [text for text in found.said if "Noise" in text]
