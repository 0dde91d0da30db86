"""Corrected ePix10K runs against the charge that was put in: fixed gain, and gain that switches by itself."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from extra_data import RunDirectory

from calib_core.constants.badpixels import BadPixels
from calib_core.detector.registry import detector_type
from calib_core.jobs.truth_constants import folder_of
from calib_core.simulate import Simulated, read_truth
from calib_core.simulate.scenes.photons import Photons
from calib_core.simulate.truth import ModuleTruth
from calib_core.store.constants import list_constants
from calib_core.store.exdf import ExdfFile, FileHeader, Trains

from .command import Result
from .conftest import characterise
from .corrected_light import Found, Light, assert_same, assert_valid, check, without

Array = Any
TRAINS, SHAPE = 12, (356, 384)
SOURCE = "HED_IA1_EPIX10K-1/{}/RECEIVER:daqOutput"
KEYS = ("data.image.pixels", "data.image.mask", "data.image.gain")
LIGHT = Light("EPIX10K", "EPIX10K", SOURCE.format("CORR"), KEYS, 1, Photons(photon_energy=9.2, photons=50.0),
              {"trains": TRAINS})
#: Gain setting, levels, photons and nominal gain of each fixed gain.
FIXED = {"high": (0, "", 50.0, 16.4), "medium": (1, "medium", 150.0, 5.47), "low": (2, "low", 5000.0, 0.164)}


def of_gain(name: str) -> Light:
    setting, levels, photons, _ = FIXED[name]
    return replace(LIGHT, scene=Photons(photon_energy=9.2, photons=photons),
                   settings={"trains": TRAINS, "gain_setting": setting, "level_set": levels})


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    return LIGHT.simulated(tmp_path_factory.mktemp("light"))


def pulls(found: Found, per_kev: float = 1.0) -> dict[int, Array]:
    noise, gain = found.truth.noise(0)[None] / per_kev, found.truth.gain(0, 0) / per_kev
    return found.pulls(lambda cell: gain, lambda cell: noise)


def test_residuals_are_as_large_as_the_noise_says(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    found = LIGHT.corrected(light, tmp_path, capsys)
    check(pulls(found))
    (_, _, gain), _, _ = found.arrays()
    assert not gain.any()


@pytest.mark.parametrize("name", FIXED)
def test_nominal_gain_makes_energies(name: str, tmp_path: Path, capsys: Any) -> None:
    """Pixels differ from the design by as much as the simulator made them; residuals are as the noise says."""
    of, nominal = of_gain(name), FIXED[name][3]
    made = of.simulated(tmp_path / "data")
    found = of.corrected(made, tmp_path / "out", capsys, "--nominal-gain")
    check(pulls(found, nominal))
    with h5py.File(next((tmp_path / "out").glob("CORR-*.h5"))) as file:
        assert file[f"INSTRUMENT/{of.source}/data/image/pixels"].attrs["unit"] == "keV"


def test_masks_are_those_of_the_truth(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    found = LIGHT.corrected(light, tmp_path, capsys)
    rows = np.zeros(SHAPE, bool)
    rows[[0, 1, -2, -1]] = True  # read out, but without a sensor
    bad = found.truth.bad
    for _, mask, *_ in found.frames():
        np.testing.assert_array_equal(mask != 0, (bad != 0) | rows)
        assert (mask[rows] & int(BadPixels.NON_SENSITIVE)).all()


def test_offsets_of_our_own_dark_serve_as_well(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    """The error of an offset adds to that of a sample: by 1 / frames of its square."""
    trains = 100
    characterise(LIGHT.darks(tmp_path / "data", trains=trains), tmp_path / "dark")
    found = LIGHT.corrected(light, tmp_path / "out", capsys, constants=tmp_path / "dark")
    check(pulls(found), np.sqrt(1 + 1 / trains))


def test_other_software_opens_what_was_corrected(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    found = LIGHT.corrected(light, tmp_path, capsys)
    assert_valid(tmp_path)
    source = RunDirectory(tmp_path)[LIGHT.source]
    assert source.keys() == {*KEYS, "data.trainId"}
    assert [source[key].dtype for key in KEYS] == [np.float32, np.uint32, np.uint8]
    assert source[KEYS[0]].shape == (TRAINS, *SHAPE)
    np.testing.assert_array_equal(source[KEYS[0]].ndarray(), found.arrays()[0][0])


def test_threads_and_memory_change_no_bit(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    LIGHT.corrected(light, tmp_path / "a", capsys)
    LIGHT.corrected(light, tmp_path / "b", capsys, "--threads", "1", "--memory-mb", "600")
    assert_same(tmp_path / "a", tmp_path / "b")


def test_without_offsets_it_is_refused(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    some = without(Path(shutil.copytree(folder_of(light), tmp_path / "some")), "OffsetEPix10K")
    done = Result(LIGHT.words(light, tmp_path / "out", constants=some), tmp_path, capsys)
    assert done.status != 0
    assert [text for text in done.errors if "has no Offset OffsetEPix10K" in text]


# -- gain that switches by itself: frames and constants of two stages are drawn here ---------------------------------

HIGH_GAIN, LOW_GAIN, HIGH_NOISE, LOW_NOISE = 16.06, 0.16, 2.8, 2.6
SWITCH = 700.0


def write(folder: Path, words: Array, control: Path) -> Path:
    """A run of words (trains, slow_scan, fast_scan) beside the control files of another."""
    folder.mkdir(parents=True)
    for path in control.glob("RAW-*-DA01-*.h5"):
        shutil.copy(path, folder)
    n = len(words)
    [raw] = control.glob("RAW-*-EPIX01-*.h5")
    with h5py.File(raw) as file:
        ids, times = file["INDEX/trainId"][:n], file["INDEX/timestamp"][:n]
    header = FileHeader.of_new(900000, int(raw.name[5:9]), 0, datetime(2026, 3, 2, 8, tzinfo=UTC), n)
    with ExdfFile(folder / raw.name, Trains(ids, times, np.ones(n, bool)), header) as file:
        file.instrument(SOURCE.format("DET"), "data", np.ones(n))
        file.column(SOURCE.format("DET"), "data.trainId", ids)
        file.column(SOURCE.format("DET"), "data.image.pixels", words.astype(np.uint16))
    return folder


@pytest.fixture(scope="module")
def switching(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A run in which pixels take low gain above 700 keV, the charge in it, and constants of both stages."""
    root, rng = tmp_path_factory.mktemp("switching"), np.random.default_rng(8)
    of = replace(LIGHT, settings={"trains": 40, "gain_setting": 3})
    dark = of.darks(root / "data")
    characterise(dark, root / "dark")
    offset = np.array([rng.normal(2354, 60, SHAPE), rng.normal(2119, 60, SHAPE)])
    words, drawn = thrown(rng, offset)
    run = write(root / "raw" / "r0020", words, dark.runs["dark"])
    constants = Path(shutil.copytree(root / "dark", root / "constants"))
    for one in list_constants(constants):
        if one.calibration.startswith("Noise"):
            continue
        with h5py.File(one.path) as file:
            group = file[one.pdu][one.calibration]["0"]
            attributes, dims = dict(group.attrs), group["data"].attrs["dims"]
            values = group["data"][()]
        assert values.shape == (*SHAPE, 1, 2)
        values[:, :, 0] = offset.transpose(1, 2, 0) if one.calibration.startswith("Offset") else 0
        with h5py.File(one.path, "w") as file:
            group = file.create_group(f"{one.pdu}/{one.calibration}/0")
            group["data"] = values
            group["data"].attrs["dims"] = dims
            group.attrs.update({name: value for name, value in attributes.items() if name != "sealed"})
    return {"run": run, **drawn, "constants": constants, "dark": root / "dark"}


def thrown(rng: Any, offset: Array) -> tuple[Array, dict[str, Any]]:
    """Words of frames with any charge above offsets (2, slow_scan, fast_scan), and what is in them."""
    charge = 10.0 ** rng.uniform(0, 4.5, (TRAINS, *SHAPE))
    stage = (charge > SWITCH).astype(int)
    sigma, gain = np.array([HIGH_NOISE, LOW_NOISE])[stage], np.array([HIGH_GAIN, LOW_GAIN])[stage]
    noise = sigma * rng.standard_normal(stage.shape)
    code = np.floor(np.where(stage, offset[1], offset[0]) + gain * charge + noise + 0.5)
    words = code.astype(np.uint16) | (stage << 14).astype(np.uint16)
    odd = rng.random(stage.shape) < 0.001
    words[odd] |= np.uint16(1 << 15)
    return words, {"charge": charge, "stage": stage, "odd": odd}


def check_energies(values: Array, drawn: dict[str, Any], good: Array, width: float = 1.0) -> None:
    """Energies of both stages are the charge that was put in, within the noise."""
    for index, (per_kev, nominal, noise) in enumerate(((HIGH_GAIN, 16.4, HIGH_NOISE), (LOW_GAIN, 0.164, LOW_NOISE))):
        mine = good & (drawn["stage"] == index)
        error = np.sqrt(noise**2 + 1 / 12) / nominal
        check({index: (values[mine] - drawn["charge"][mine] * per_kev / nominal) / error}, width)


def switched(switching: dict[str, Any], constants: Path, out: Path, capsys: Any) -> tuple[Result, list[Array]]:
    done = Result(["EPIX10K", "CORRECT", "--run", str(switching["run"]), "--constants", str(constants),
                   "--out-folder", str(out), "--nominal-gain"], out, capsys)
    assert done.status == 0, done.errors
    source = RunDirectory(out)[LIGHT.source]
    return done, [source[key].ndarray() for key in KEYS]


def test_both_stages_of_switching_gain_are_what_was_put_in(
    switching: dict[str, Any], tmp_path: Path, capsys: Any,
) -> None:
    _, (values, mask, gain) = switched(switching, switching["constants"], tmp_path, capsys)
    stage, odd = switching["stage"], switching["odd"]
    np.testing.assert_array_equal(mask & int(BadPixels.WRONG_GAIN_VALUE) != 0, odd)
    np.testing.assert_array_equal(gain[~odd], stage[~odd])
    np.testing.assert_array_equal(mask[~odd], 0)
    check_energies(values, switching, ~odd)
    charge = switching["charge"]
    for index, per_kev, low, high in ((0, HIGH_GAIN / 16.4, 0.9, 1.0), (1, LOW_GAIN / 0.164, 1.0, 1.1)):
        near = ~odd & (stage == index) & (charge > low * SWITCH) & (charge <= high * SWITCH)
        off = values[near] / (charge[near] * per_kev) - 1
        assert off.std() / np.sqrt(off.size) < 0.0025
        assert abs(off.mean()) < 0.01


DARK_TRAINS = 100


@pytest.fixture(scope="module")
def two_darks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Simulated]:
    """Darks in fixed high and low gain, whose bit 14 is anything."""
    root, rng = tmp_path_factory.mktemp("two"), np.random.default_rng(11)
    made = {name: of_gain(name).darks(root / name, trains=DARK_TRAINS, first_run=number)
            for number, name in enumerate(FIXED, 1)}
    [raw] = made["low"].runs["dark"].glob("RAW-*-EPIX01-*.h5")
    with h5py.File(raw, "r+") as file:
        pixels = file[f"INSTRUMENT/{SOURCE.format('DET')}/data/image/pixels"]
        pixels[:] = pixels[:].astype(np.uint16) | rng.integers(0, 2, pixels.shape).astype(np.uint16) << 14
    return made


def of_two(darks: dict[str, Simulated], first: str, second: str, out: Path, capsys: Any, *more: str) -> Result:
    return Result(["EPIX10K", "DARK", "--run-dark", str(darks[first].runs["dark"]), "--run-low",
                   str(darks[second].runs["dark"]), "--out-folder", str(out), *more], out, capsys)


@pytest.mark.parametrize(("first", "setting"), [("high", 3), ("medium", 4)])
def test_a_dark_of_two_runs_serves_gain_that_switches_by_itself(
    first: str, setting: int, two_darks: dict[str, Simulated], tmp_path: Path, capsys: Any,
) -> None:
    """Constants are those of both runs, of the condition of frames in which the gain switches."""
    done = of_two(two_darks, first, "low", tmp_path / "dark", capsys)
    assert done.status == 0, done.errors
    assert not [text for text in done.warnings if "without dark data" in text or "re-ordered" in text]
    truth = [ModuleTruth(read_truth(two_darks[name].truth_file).settings, 1) for name in (first, "low")]
    offset = np.array([one.offset(0, 0) for one in truth])
    good = np.array([one.bad == 0 for one in truth]).all(axis=0)
    good[[0, 1, -2, -1]] = False
    [made] = [one for one in list_constants(tmp_path / "dark") if one.attributes["kind"] == "Offset"]
    assert made.attributes["conditions"]["Gain Setting"]["value"] == setting
    pulls = [((found - expected) / one.noise(0) * np.sqrt(DARK_TRAINS))[good]
             for found, expected, one in zip(made.values()[:, 0], offset, truth, strict=True)]
    check(dict(enumerate(pulls)))
    words, drawn = thrown(np.random.default_rng(9), offset)
    control = replace(LIGHT, settings={"trains": TRAINS, "gain_setting": setting}).darks(tmp_path / "lit")
    run = {"run": write(tmp_path / "raw" / "r0020", words, control.runs["dark"])}
    if setting == 3:  # the nominal gain of which the charge was thrown
        _, (values, mask, gain) = switched(run, tmp_path / "dark", tmp_path / "out", capsys)
        sure = good & ~drawn["odd"]
        np.testing.assert_array_equal(gain[sure], drawn["stage"][sure])
        np.testing.assert_array_equal(mask[sure], 0)
        check_energies(values, drawn, sure, np.sqrt(1 + 1 / DARK_TRAINS))
        return
    done, (values, mask, _) = switched(run, tmp_path / "dark", tmp_path / "out", capsys)
    assert np.isfinite(values[:, good]).all()
    assert not [text for text in done.warnings if "gain stage L" in text]


def test_two_dark_runs_are_told_apart_by_their_gain_setting(
    two_darks: dict[str, Simulated], tmp_path: Path, capsys: Any,
) -> None:
    right = of_two(two_darks, "high", "low", tmp_path / "right", capsys)
    swapped = of_two(two_darks, "low", "high", tmp_path / "swapped", capsys)
    assert [text for text in swapped.warnings if text.startswith("Runs re-ordered by gain stage")]
    for kind, values in right.constants[1].items():
        np.testing.assert_array_equal(values, swapped.constants[1][kind], err_msg=kind)


@pytest.mark.parametrize(("given", "told"), [
    (("high", "medium"), "are of the same gain stage"), (("low", "low"), "are of the same gain stage")])
def test_dark_runs_that_are_not_of_two_stages_are_refused(
    given: tuple[str, str], told: str, two_darks: dict[str, Simulated], tmp_path: Path, capsys: Any,
) -> None:
    done = of_two(two_darks, *given, tmp_path, capsys)
    assert done.status != 0
    assert not done.constants
    assert [text for text in done.errors if told in text]
    kept = of_two(two_darks, *given, tmp_path, capsys, "--keep-order")
    assert [text for text in kept.errors if "is taken for low gain, which there is not" in text]


def test_a_dark_of_low_gain_alone_is_one_of_its_own_setting(
    two_darks: dict[str, Simulated], tmp_path: Path, capsys: Any,
) -> None:
    """Whichever flag it was given for: in fixed gain there is one stage."""
    found = []
    for flag in ("--run-dark", "--run-low"):
        out = tmp_path / flag
        done = Result(["EPIX10K", "DARK", flag, str(two_darks["low"].runs["dark"]), "--out-folder", str(out)], out,
                      capsys)
        assert done.status == 0, done.errors
        assert not [text for text in done.warnings if "without dark data" in text]
        [made] = [one for one in list_constants(out) if one.attributes["kind"] == "Offset"]
        assert made.attributes["conditions"]["Gain Setting"]["value"] == 2
        found.append(made.values())
    np.testing.assert_array_equal(*found)


def test_with_a_dark_of_one_stage_samples_of_the_other_are_masked_and_that_is_told(
    switching: dict[str, Any], tmp_path: Path, capsys: Any,
) -> None:
    done, (values, mask, _) = switched(switching, switching["dark"], tmp_path, capsys)
    low = (switching["stage"] == 1) & ~switching["odd"]
    assert np.isnan(values[low]).all()
    assert (mask[low] & int(BadPixels.NO_DARK_DATA)).all()
    assert np.isfinite(values[~low & ~switching["odd"]]).mean() > 0.99
    assert [text for text in done.warnings if "Offset of module 1" in text and "has no value of gain stage L" in text]


@pytest.mark.parametrize("named", [True, False])
def test_constants_of_the_first_stage_alone_serve_as_those_of_a_dark(
    named: bool, switching: dict[str, Any], tmp_path: Path, capsys: Any,
) -> None:
    """As the facility has them: (slow_scan, fast_scan, 1), with and without names of the axes."""
    constants = Path(shutil.copytree(switching["dark"], tmp_path / "constants"))
    for one in list_constants(constants):
        with h5py.File(one.path) as file:
            group = file[one.pdu][one.calibration]["0"]
            values, attributes = group["data"][()][..., 0], dict(group.attrs)
        with h5py.File(one.path, "w") as file:
            group = file.create_group(f"{one.pdu}/{one.calibration}/0")
            group["data"] = values
            if named:
                names = ["slow_scan", "fast_scan", "cell"]
                group["data"].attrs.create("dims", names, dtype=h5py.string_dtype())
                group.attrs.update({name: attributes[name] for name in ("conditions", "begin_validity")})
    done, found = switched(switching, constants, tmp_path / "out", capsys)
    _, expected = switched(switching, switching["dark"], tmp_path / "expected", capsys)
    for mine, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(mine, other)
    assert [text for text in done.warnings if "Offset of module 1" in text and "has no value of gain stage L" in text]


def test_the_fixed_gain_of_other_words_is_not_doubted(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    """In fixed gain bit 14 says nothing, whatever it is."""
    [run] = light.runs.values()
    [raw] = run.glob("RAW-*-EPIX01-*.h5")
    with h5py.File(raw) as file:
        words = file[f"INSTRUMENT/{SOURCE.format('DET')}/data/image/pixels"][()].astype(np.uint16)
    changed = write(tmp_path / "raw" / "r0010", words | np.uint16(1 << 14), run)
    LIGHT.corrected(light, tmp_path / "a", capsys)
    done = Result(["EPIX10K", "CORRECT", "--run", str(changed), "--constants", str(folder_of(light)), "--out-folder",
                   str(tmp_path / "b")], tmp_path / "b", capsys)
    assert done.status == 0, done.errors
    assert not [text for text in done.warnings if "bits" in text]
    first, second = (RunDirectory(tmp_path / name)[LIGHT.source][KEYS[0]].ndarray() for name in "ab")
    np.testing.assert_array_equal(first, second)
    assert detector_type("EPIX10K").has_gain_bits


def test_full_codes_are_marked(tmp_path: Path, capsys: Any) -> None:
    """In fixed high gain 100 photons of 8 keV fill the converter."""
    bright = replace(LIGHT, scene=Photons(photon_energy=9.2, photons=300.0), settings={"trains": 2})
    light = bright.simulated(tmp_path / "data")
    (_, mask, _), _, _ = bright.corrected(light, tmp_path / "out", capsys).arrays()
    [run] = light.runs.values()
    codes = RunDirectory(run)[SOURCE.format("DET")]["data.image.pixels"].ndarray().astype(np.uint16) & 0x3FFF
    assert 0.01 < (codes == 16383).mean() < 0.99
    np.testing.assert_array_equal(mask & int(BadPixels.VALUE_OUT_OF_RANGE) != 0, codes == 16383)
