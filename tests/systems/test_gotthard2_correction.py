"""Corrected Gotthard-II runs against the charge that was put in, with and without look-up table; what fails."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from extra_data import RunDirectory

from calib_core.constants.badpixels import BadPixels
from calib_core.detector import Level, Levels
from calib_core.detector.registry import declare, detector_type
from calib_core.errors import BadInput
from calib_core.jobs.plan import make_plan
from calib_core.jobs.preview import Preview
from calib_core.jobs.survey import survey
from calib_core.jobs.truth_constants import folder_of
from calib_core.simulate import Simulated, read_truth
from calib_core.simulate.scenes.photons import Photons
from calib_core.store.constants import list_constants

from .command import Result
from .conftest import characterise
from .corrected_light import Found, Light, assert_same, assert_valid, check, without
from .test_gotthard2_darks import code_of_each, table_of, write_table

Array = Any
KIND = detector_type("GOTTHARD2")
KEYS = ("data.adc", "data.mask", "data.gain")
TRAINS, FRAMES = 4, 100
LIGHT = Light("GOTTHARD2", "GOTTHARD2", "SPB_50UM_GH2/CORR/RECEIVER:daqOutput", KEYS, 1,
              Photons(photon_energy=9.2, photons=3000.0), {"trains": TRAINS, "frames_per_train": FRAMES})
NARROW = replace(LIGHT, kind="GOTTHARD2_25UM", source="SA1_XTD9_HIREX/CORR/GOTTHARD2_MASTER:daqOutput")


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    return LIGHT.simulated(tmp_path_factory.mktemp("light"))


def pulls(found: Found) -> dict[int, Array]:
    """Values are codes of the first stage: each stage's noise is worth the more of them, the lower its gain is."""
    truth = found.truth

    def noise(cell: int) -> Array:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.array([truth.noise(s) * np.abs(truth.gain(0, cell) / truth.gain(s, cell)) for s in range(3)])

    return found.pulls(lambda cell: truth.gain(0, cell), noise)


def test_residuals_are_as_large_as_the_noise_says(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    found = LIGHT.corrected(light, tmp_path, capsys)
    check(pulls(found))
    [said] = [text for text in found.said if "look-up table" in text]
    assert "codes 0 to 4095 of the converter, which is not linear" in said


def test_stages_and_masks_are_those_of_the_truth(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    LIGHT.corrected(light, tmp_path, capsys).check_masks()


def test_offsets_of_our_own_dark_serve_as_well(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    """The error of an offset adds to that of a sample: by 1 / frames of its square."""
    trains = 2
    characterise(LIGHT.darks(tmp_path / "data", trains=trains), tmp_path / "dark")
    found = LIGHT.corrected(light, tmp_path / "out", capsys, "--constants-relativegain", str(folder_of(light)),
                            constants=tmp_path / "dark")
    check(pulls(found), np.sqrt(1 + 1 / (trains * FRAMES / 2)))


def test_other_software_opens_what_was_corrected(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    found = LIGHT.corrected(light, tmp_path, capsys)
    assert_valid(tmp_path)
    source = RunDirectory(tmp_path)[LIGHT.source]
    numbers = [f"data.{key}" for key in ("memoryCell", "bunchId", "frameNumber", "timestamp")]
    assert source.keys() == {*KEYS, *numbers, "data.trainId"}
    assert [source[key].dtype for key in KEYS] == [np.float32, np.uint32, np.uint8]
    assert all(source[key].shape == (TRAINS, FRAMES, 1280) for key in KEYS)
    [run] = light.runs.values()
    raw = RunDirectory(run)["SPB_50UM_GH2/DET/RECEIVER:daqOutput"]
    for key in numbers:
        assert source[key].dtype == raw[key].dtype
        np.testing.assert_array_equal(source[key].ndarray(), raw[key].ndarray())
    np.testing.assert_array_equal(source[KEYS[0]].ndarray().reshape(-1, 1, 1280), found.arrays()[0][0])


def test_values_are_those_of_numpy(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    """Raw codes less offsets, times factors, both as they are in the files."""
    found = LIGHT.corrected(light, tmp_path, capsys)
    of = {one.calibration: one.values()[:, :, 0] for one in list_constants(folder_of(light))}
    [run] = light.runs.values()
    raw = RunDirectory(run)["SPB_50UM_GH2/DET/RECEIVER:daqOutput"]
    adc, bits, cell = (raw[f"data.{key}"].ndarray() for key in ("adc", "gain", "memoryCell"))
    stage = np.array([0, 1, 0, 2])[bits]

    def of_samples(name: str) -> Array:
        return np.choose(stage, of[name].astype("f4")[:, cell])

    expected = (adc.astype("f4") - of_samples("OffsetGotthard2")) * of_samples("RelativeGainGotthard2")
    (values, mask, _), _, _ = found.arrays()
    good = mask[:, 0] == 0
    np.testing.assert_array_equal(values[:, 0][good], expected.reshape(-1, 1280)[good])


def test_threads_and_memory_change_no_bit(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    LIGHT.corrected(light, tmp_path / "a", capsys)
    LIGHT.corrected(light, tmp_path / "b", capsys, "--threads", "1", "--memory-mb", "600")
    assert_same(tmp_path / "a", tmp_path / "b")


# -- look-up tables: the simulated converter is bent, and truth is in the codes that the table makes of its ----------

LEVELS = Levels(
    tuple(Level(mean, asic=10, pixel=10, cell=7, cell_pixel=3) for mean in (150, 750, 780)),
    (Level(2.3, pixel=0.08), Level(1.2, pixel=0.05), Level(1.2, pixel=0.05)),
    gain=(Level(2.5, pixel=0.07), Level(-0.125, pixel=0.004), Level(-0.0125, pixel=0.0004)),
    switch=(Level(750, pixel=8), Level(-600, pixel=8)))


@pytest.fixture(scope="module")
def bent(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Light and darks of a bent converter, its table, constants made behind the table, and those without it."""
    root, response = tmp_path_factory.mktemp("bent"), code_of_each(np.random.default_rng(5))

    def encode(block: Array, stage: int, gain: Array | None) -> Mapping[str, Array]:
        arrays = dict(KIND.encode(block, stage, gain))
        cell = np.resize(np.arange(2), len(block))[:, None]
        arrays["data.adc"] = response[cell, np.arange(1280), np.minimum(arrays["data.adc"], 1023)].astype(np.uint16)
        arrays["data.adc"][block[:, 0, 0] == 0] = 0
        return arrays

    declare(replace(KIND, encode=encode, simulated=replace(KIND.simulated, levels=LEVELS)))
    try:
        light, dark = LIGHT.simulated(root / "light"), LIGHT.darks(root / "data")
    finally:
        declare(KIND)
    table = write_table(root / "table" / "cal.1.h5", table_of(response))
    characterise(dark, root / "linear", inputs={"lut": (str(table),)})
    characterise(dark, root / "codes")
    return {"light": light, "table": table, "linear": root / "linear", "codes": root / "codes"}


def behind(bent: dict[str, Any], out: Path, capsys: Any, constants: str, *more: str) -> Result:
    words = ["--constants-relativegain", str(folder_of(bent["light"])), *more]
    return Result(LIGHT.words(bent["light"], out, *words, constants=bent[constants]), out, capsys)


def test_behind_a_table_residuals_are_as_large_as_the_noise_says(
    bent: dict[str, Any], tmp_path: Path, capsys: Any,
) -> None:
    """The table gives back the 10-bit codes that were put in, so truth and noise are in them."""
    done = behind(bent, tmp_path, capsys, "linear", "--constants-lut", str(bent["table"]))
    assert done.status == 0, done.errors
    declare(replace(KIND, simulated=replace(KIND.simulated, levels=LEVELS)))
    try:
        [truth] = bent["light"].truth_file.parent.glob("truth_r0010.h5")
        check(pulls(Found(LIGHT, read_truth(truth).settings, tmp_path, [])), np.sqrt(1 + 2 / (TRAINS * FRAMES)))
    finally:
        declare(KIND)


@pytest.mark.parametrize(("constants", "table", "told"), [
    ("codes", True, ("was made of codes as the converter gives them", "codes after “Linear codes”")),
    ("linear", False, ("was made of codes after “Linear codes”", "codes as the converter gives them")),
])
def test_codes_of_both_kinds_are_never_mixed(
    constants: str, table: bool, told: tuple[str, str], bent: dict[str, Any], tmp_path: Path, capsys: Any,
) -> None:
    more = ["--constants-lut", str(bent["table"])] if table else []
    done = behind(bent, tmp_path, capsys, constants, *more)
    assert done.status != 0
    assert [text for text in done.errors if all(part in text for part in told)], done.errors
    assert not list(tmp_path.glob("CORR-*"))


def test_nor_are_they_in_a_preview(bent: dict[str, Any], tmp_path: Path) -> None:
    """Offsets behind the table are not taken off codes without it, whichever way the table is left out."""
    [run] = bent["light"].runs.values()
    inputs = {"run": (str(run),), "constants": (str(bent["linear"]),), "lut": (str(bent["table"]),)}
    spec = survey([run], family="GOTTHARD2", method="CORRECT").spec(tmp_path, inputs=inputs)
    shown = Preview.of(make_plan(spec))
    assert "linearise" in [link.step.word for link in shown.links if link.done]
    with pytest.raises(BadInput, match="was made of codes after “Linear codes”"):
        shown.with_parameters({"linearise": False})
    shown.plan.close()


def bare(constants: Path, to: Path) -> Path:
    """Offsets alone, in a file that says nothing of itself."""
    [offset] = [one for one in list_constants(constants) if one.calibration == "OffsetGotthard2"]
    return write_table(to / "cal.1.h5", offset.data(), offset.pdu, calibration="OffsetGotthard2")


def test_offsets_that_tell_nothing_are_judged_by_their_range(
    bent: dict[str, Any], tmp_path: Path, capsys: Any,
) -> None:
    light = bent["light"]
    for name, status in (("linear", 0), ("codes", 1)):
        out, offset = tmp_path / name, bare(bent[name], tmp_path / f"{name} offset")
        [run] = light.runs.values()
        words = ["--constants-offset", str(offset), "--constants-lut", str(bent["table"]), "--out-folder", str(out)]
        done = Result(["GOTTHARD2", "CORRECT", "--run", str(run), *words], out, capsys)
        assert done.status == status, done.errors
        if status:
            assert [text for text in done.errors if "no code of this job is above 1023" in text]
        else:
            assert [text for text in done.warnings if "does not tell of which codes it was made" in text]


# -- what is missing -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    return NARROW.simulated(tmp_path_factory.mktemp("narrow"), modules="1-2", trains=2)


def two(narrow: Simulated, out: Path, constants: Path, capsys: Any) -> tuple[Result, dict[int, list[Array]]]:
    done = Result(NARROW.words(narrow, out, constants=constants), out, capsys)
    if done.status:
        return done, {}
    run = RunDirectory(out)
    return done, {module: [run[NARROW.source.replace("MASTER", word)][key].ndarray() for key in KEYS]
                  for module, word in ((1, "MASTER"), (2, "SLAVE"))}


def test_modules_of_one_raw_file_are_in_one_corrected_file(narrow: Simulated, tmp_path: Path, capsys: Any) -> None:
    """Whichever comes first; a second job of the same leaves it alone."""
    done, found = two(narrow, tmp_path / "a", folder_of(narrow), capsys)
    of_truth = read_truth(narrow.truth_file).settings
    for module, word in ((1, "MASTER"), (2, "SLAVE")):
        of = replace(NARROW, module=module, source=NARROW.source.replace("MASTER", word))
        check(pulls(Found(of, of_truth, tmp_path / "a", done.warnings)))
    [path] = (tmp_path / "a").glob("CORR-*.h5")
    assert path.name == "CORR-R0010-GH200-S00000.h5"
    assert_valid(tmp_path / "a")
    one = Result([*NARROW.words(narrow, tmp_path / "b"), "--threads", "1"], tmp_path / "b", capsys)
    assert one.status == 0, one.errors
    assert_same(tmp_path / "a", tmp_path / "b")
    assert (found[1][1] == 0).mean() > 0.9
    again = Result(NARROW.words(narrow, tmp_path / "b"), tmp_path / "b", capsys)
    assert again.status == 0, again.errors


def lacking(narrow: Simulated, to: Path, **modules: str) -> Path:
    """Truth without constants of some kinds, of the modules whose units end so."""
    root = Path(shutil.copytree(folder_of(narrow), to))
    for one in list_constants(root):
        if one.pdu.endswith(modules.get(one.calibration.removesuffix("Gotthard2"), "none")):
            one.path.unlink()
    return root


def test_without_a_gain_of_one_module_the_gain_is_left_out_of_all(
    narrow: Simulated, tmp_path: Path, capsys: Any,
) -> None:
    done, found = two(narrow, tmp_path / "out", lacking(narrow, tmp_path / "c", RelativeGain="_2"), capsys)
    assert done.status == 0, done.errors
    assert "There is no RelativeGain of module 2, so relative gain is left out of all modules." in done.warnings
    _, whole = two(narrow, tmp_path / "all", folder_of(narrow), capsys)
    for module, (values, _, gain) in found.items():
        np.testing.assert_array_equal(values[gain == 0], whole[module][0][gain == 0])
        assert np.nanmin(values[gain == 2]) < 0, "signals of low gain fall with the charge"


def test_without_any_gain_it_is_left_out_and_told(light: Simulated, tmp_path: Path, capsys: Any) -> None:
    some = without(Path(shutil.copytree(folder_of(light), tmp_path / "c")), "RelativeGainGotthard2")
    found = LIGHT.corrected(light, tmp_path / "out", capsys, constants=some)
    assert ("Relative gain is left out: there is no RelativeGain, so the factor is 1. Signals of G1 and G2 are not "
            "on the scale of G0." in found.said)
    with h5py.File(next((tmp_path / "out").glob("CORR-*.h5"))) as file:
        assert "Relative gain" in file[f"INSTRUMENT/{LIGHT.source}"].attrs["skipped_steps"]


def test_a_module_without_offsets_is_flagged_and_without_any_it_fails(
    narrow: Simulated, tmp_path: Path, capsys: Any,
) -> None:
    done, found = two(narrow, tmp_path / "out", lacking(narrow, tmp_path / "c", Offset="_2"), capsys)
    assert done.status == 0, done.errors
    assert "There is no Offset of module 2: its samples are flagged." in done.warnings
    values, mask, _ = found[2]
    assert np.isnan(values).all()
    assert (mask & int(BadPixels.NO_DARK_DATA)).all()
    assert (found[1][1] == 0).mean() > 0.9
    none, _ = two(narrow, tmp_path / "none", lacking(narrow, tmp_path / "d", Offset=""), capsys)
    assert none.status != 0
    assert [text for text in none.errors if "has no Offset OffsetGotthard2" in text], none.errors
    [run] = narrow.runs.values()
    words = ["GOTTHARD2", "CORRECT", "--run", str(run), "--out-folder", str(tmp_path / "e")]
    nothing = Result(words, tmp_path / "e", capsys)
    assert nothing.status != 0
    assert [text for text in nothing.errors if "Offset" in text], nothing.errors
    assert not list(tmp_path.rglob("none/CORR-*"))


def test_a_run_without_any_frame_fails(tmp_path: Path, capsys: Any) -> None:
    light = LIGHT.simulated(tmp_path / "data", trains=3, trains_per_sequence=1)
    [run] = light.runs.values()
    for path in run.glob("RAW-*-GH20*.h5"):
        with h5py.File(path, "r+") as file:
            source = "SPB_50UM_GH2/DET/RECEIVER:daqOutput"
            file[f"INDEX/{source}/data/count"][...] = 0
            for key in list(file[f"INSTRUMENT/{source}/data"]):
                values = file[f"INSTRUMENT/{source}/data/{key}"][:0]
                del file[f"INSTRUMENT/{source}/data/{key}"]
                file[f"INSTRUMENT/{source}/data/{key}"] = values
    done = Result(LIGHT.words(light, tmp_path / "out"), tmp_path / "out", capsys)
    assert done.status != 0
    assert len(done.errors) == 1
    assert not list((tmp_path / "out").glob("CORR-*"))


def test_a_module_of_empty_frames_keeps_no_other_from_its_file(tmp_path: Path, capsys: Any) -> None:
    """In one of two sequences the second module has zeros only: they are NaN and flagged."""
    light = NARROW.simulated(tmp_path / "data", modules="1-2", trains=4, trains_per_sequence=2)
    whole, found = two(light, tmp_path / "whole", folder_of(light), capsys)
    assert whole.status == 0, whole.errors
    [run] = light.runs.values()
    [path] = run.glob("RAW-*-GH200-S00001.h5")
    with h5py.File(path, "r+") as file:
        for key in ("adc", "gain"):
            file[f"INSTRUMENT/SA1_XTD9_HIREX/DET/GOTTHARD2_SLAVE:daqOutput/data/{key}"][...] = 0
    done, after = two(light, tmp_path / "after", folder_of(light), capsys)
    assert done.status == 0, done.errors
    assert len(list((tmp_path / "after").glob("CORR-*.h5"))) == 2
    for mine, other in zip(after[1], found[1], strict=True):
        np.testing.assert_array_equal(mine, other)
    values, mask, _ = after[2]
    assert np.isnan(values[2:]).all()
    assert (mask[2:] & int(BadPixels.NO_DARK_DATA)).all()
    np.testing.assert_array_equal(values[:2], found[2][0][:2])
    assert_valid(tmp_path / "after")
