"""Combined constants through the command line, and runs with light that are corrected with them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from extra_data import RunDirectory

from calib_core.cli.main import main
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import CS_FIT, GAIN_FIELDS, PC_FIT
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.numerics.combined_gain import Origin
from calib_core.simulate import Simulated, default_settings, simulate
from calib_core.simulate.scenes.cs import CurrentSource
from calib_core.simulate.scenes.pc import CapacitorTruth, PulseCapacitor
from calib_core.simulate.scenes.photons import Photons
from calib_core.simulate.truth import ModuleTruth
from calib_core.store.constants import list_constants
from calib_core.subjects.constants import ConstantsSubject, find_sets

from .command import Result, refused

Array = Any
MODULE, STEPS = 3, 140
SETTINGS = default_settings("AGIPD500K").with_changes({
    "modules": str(MODULE), "memory_cells": 4, "frames_per_train": 1, "trains": STEPS, "trains_per_sequence": 60})
#: A short scan of more charge in each step, whose last margin of high and of medium gain is left out.
SCENE, MARGIN = PulseCapacitor(step_charge=30.0, hook_length=8.0, transition=2), 4
SHORT = ["--margin-hg", str(MARGIN), "--margin-mg", "5", "--hook-c", "2", "40"]
CURRENT = CurrentSource(currents="60,120", single_steps=80, spacing=25, transition=2)
LIGHT = Photons(photon_energy=9.2, photons=600.0, pattern="ramp")
OF_LIGHT = SETTINGS.with_changes({"trains": 12, "first_run": 20})
PIXELS = 512 * 128


def stored(folder: Path) -> dict[str, Array]:
    """Constants of the first memory cell, (entries, slow_scan, fast_scan), by h5py and their own names of axes."""
    found = {}
    for one in list_constants(folder):
        with h5py.File(one.path, locking=False) as file:
            [pdu] = file
            [name] = file[pdu]
            data = file[f"{pdu}/{name}/0/data"]
            dims, values = data.attrs["dims"].tolist(), data[()]
        if "cell" in dims:
            values, dims = np.take(values, 0, dims.index("cell")), [dim for dim in dims if dim != "cell"]
        order = sorted(range(len(dims)), key=lambda axis: ("slow_scan", "fast_scan").index(dims[axis]) if dims[
            axis].endswith("scan") else -1)
        found[one.attributes["kind"]] = values.transpose(order)
    return found


@dataclass
class Given:
    """Folders of constants that our own jobs made, and a run with light."""

    darks: Path
    scan: Path
    light: Simulated
    combined: Path

    @property
    def truth(self) -> Path:
        """Constants that are the truth, flat field among them."""
        return folder_of(self.light)


def combine(out: Path, darks: Path, scan: Path, flat: Path, *more: str) -> list[str]:
    return ["AGIPD", "COMBINE", "--constants-dark", str(darks), "--constants-pc", str(scan),
            "--constants-ff", str(flat), "--out-folder", str(out), *more]


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Given:
    root = tmp_path_factory.mktemp("combined")
    scans = simulate(SETTINGS, root / "scans", scene=SCENE)
    runs = [str(path) for _, path in sorted(scans.runs.items())]
    assert main(["AGIPD", "PC", "--runs", *runs, "--out-folder", str(root / "scan"), "-q", *SHORT]) == 0
    darks = simulate(SETTINGS.with_changes({"trains": 100, "first_run": 30}), root / "dark")
    words = [word for role, path in darks.runs.items() for word in (f"--run-{role}", str(path))]
    assert main(["AGIPD", "DARK", *words, "--out-folder", str(root / "darks"), "-q"]) == 0
    light = simulate(OF_LIGHT, root / "light", scene=LIGHT)
    write_truth(light)
    made = Given(root / "darks", root / "scan", light, root / "out")
    assert main(combine(made.combined, made.darks, made.scan, made.truth, "-q")) == 0
    return made


@dataclass
class AtSwitch:
    """What becomes of a signal without noise at the charge at which its pixel switches.

    Attributes
    ----------
    good : (slow_scan, fast_scan) bool
        Sound pixels without a flag.
    signal : ADU
        Of high gain, above its offset.
    step : ADU
        From high to medium gain.
    """

    good: Array
    signal: Array
    step: Array

    @property
    def share(self) -> Array:
        """Step of the good pixels over their signal."""
        return (self.step / self.signal)[self.good]


def at_switch(given: Given, shift: Array | None = None) -> AtSwitch:
    truth = ModuleTruth(SETTINGS, MODULE)
    lines, made, offset = SCENE.truth_of(truth, 0), stored(given.combined), stored(given.darks)["Offset"]
    high = lines.intercept_high + lines.slope_high * lines.switch
    medium = lines.intercept_medium + lines.slope_medium * lines.switch
    moved = made["OffsetShift"][0] if shift is None else shift
    on_scale = made["RelativeGain"][1] * (medium - offset[1]) + moved
    good = (truth.bad == 0) & (made["BadPixelsGain"][:2] == 0).all(axis=0)
    assert good.mean() > 0.99
    return AtSwitch(good, high - truth.offset(0, 0), on_scale - (high - offset[0]))


def predicted(given: Given) -> Array:
    """Standard deviation of the step by the errors of both lines, ADU; the offsets cancel."""
    fits = dict(zip(PC_FIT, stored(given.scan)["FitsPC"], strict=True))
    x = SCENE.truth_of(ModuleTruth(SETTINGS, MODULE), 0).switch
    middle = (fits["samples HG"] - 1 - MARGIN) / 2
    high = fits["intercept HG error"] ** 2 - 2 * middle * x * fits["slope HG error"] ** 2 + (
        x * fits["slope HG error"]) ** 2
    medium = fits["intercept MG error"] ** 2 + 2 * x * fits["covariance MG"] + (x * fits["slope MG error"]) ** 2
    return np.sqrt(high + (stored(given.combined)["RelativeGain"][1]) ** 2 * medium)


def test_the_signal_goes_on_at_the_switch_within_its_errors(given: Given) -> None:
    found = at_switch(given)
    assert abs(found.share.mean()) < 0.003
    pull = (found.step / predicted(given))[found.good]
    assert abs(pull.mean()) < 0.1
    assert pull.std() == pytest.approx(1, abs=0.1)


@pytest.fixture(scope="module")
def with_current(given: Given, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Constants that a scan of the current source is combined into as well."""
    root = tmp_path_factory.mktemp("current")
    settings = SETTINGS.with_changes({"trains": 200, "trains_per_sequence": 90, "first_run": 60})
    scans = simulate(settings, root / "scans", scene=CURRENT)
    runs = [str(path) for _, path in sorted(scans.runs.items())]
    assert main(["AGIPD", "CS", "--runs", *runs, "--out-folder", str(root / "cs"), "-q", "--single-steps", "80",
                 "--spacing", "25", "--currents", "60,120"]) == 0
    assert main(combine(root / "out", given.darks, given.scan, given.truth, "--constants-cs", str(root / "cs"),
                        "-q")) == 0
    return root / "out"


def test_low_gain_goes_on_where_medium_gain_ends_with_a_current_source(given: Given, with_current: Path) -> None:
    """Its axis is another than that of the capacitor; with the shift of medium gain alone low gain lies 0.4 % off."""
    truth, offset = ModuleTruth(SETTINGS, MODULE), stored(given.darks)["Offset"]
    made = stored(with_current)
    good = (truth.bad == 0) & (made["BadPixelsGain"] == 0).all(axis=0)
    assert good.mean() > 0.99
    charge = truth.switch_charge(1, 0)
    signals = [truth.baseline(stage, 0) + truth.gain(stage, 0) * charge for stage in range(3)]
    expected = truth.gain(0, 0) * charge
    medium, low = ((made["RelativeGain"][stage] * (signals[stage] - offset[stage]) + made["OffsetShift"][stage - 1])
                   / expected for stage in (1, 2))
    alone = low + (made["OffsetShift"][0] - made["OffsetShift"][1]) / expected
    assert abs((low - medium)[good].mean()) < 0.0005
    assert abs(low[good].mean() - 1) < 0.003
    assert abs((alone - medium)[good].mean()) > 0.002


def test_steps_from_medium_to_low_gain_are_as_large_as_their_errors(given: Given, with_current: Path) -> None:
    """Errors are those of both lines under the current that was taken, at the charge at which the pixel switches."""
    truth, offset = ModuleTruth(SETTINGS, MODULE), stored(given.darks)["Offset"]
    made, fits = stored(with_current), dict(zip(CS_FIT, stored(with_current.parent / "cs")["FitsCS"], strict=True))
    charge = truth.switch_charge(1, 0)
    above = [truth.baseline(stage, 0) + truth.gain(stage, 0) * charge - offset[stage] for stage in range(3)]
    medium, low = (made["RelativeGain"][stage] * above[stage] + made["OffsetShift"][stage - 1] for stage in (1, 2))
    # the same charge on the axis of the current source
    slopes = [CURRENT.truth_of(truth, current, 0).slope[1] for current in (60.0, 120.0)]
    x = charge * truth.gain(1, 0) / np.where(fits["current"] == 60, *slopes) + CURRENT.dead_time
    of_medium, of_low = (fits[f"intercept {name} error"] ** 2 + 2 * x * fits[f"covariance {name}"] + (
        x * fits[f"slope {name} error"]) ** 2 for name in ("MG", "LG"))
    ratio = truth.gain(1, 0) / truth.gain(2, 0)
    error = made["RelativeGain"][1] * np.sqrt(of_medium + ratio**2 * of_low)
    good = (truth.bad == 0) & (made["BadPixelsGain"] == 0).all(axis=0)
    pull = ((low - medium) / error)[good]
    assert abs(pull.mean()) < 0.1
    assert pull.std() == pytest.approx(1, abs=0.1)


def test_ratios_of_medium_and_low_gain_are_off_by_their_errors(with_current: Path) -> None:
    truth, fields = ModuleTruth(SETTINGS, MODULE), dict(zip(GAIN_FIELDS, stored(with_current)["FieldsGain"],
                                                            strict=True))
    gain = [truth.gain(stage, 0).astype(float) for stage in range(3)]
    good = (truth.bad == 0) & (fields["origin of ratio MG/LG"] == Origin.OWN)
    assert good.mean() > 0.99
    factor = stored(with_current)["RelativeGain"][2]
    for value, thrown, error in ((fields["ratio MG/LG"], gain[1] / gain[2], fields["ratio MG/LG error"]),
                                 (factor, gain[0] / gain[2], fields["relative gain LG error"])):
        pull = ((value - thrown) / error)[good & (fields["origin of ratio HG/MG"] == Origin.OWN)]
        assert abs(pull.mean()) < 0.1
        assert pull.std() == pytest.approx(1, abs=0.1)


def test_without_the_shift_or_with_the_hook_it_does_not(given: Given) -> None:
    """What the test before would let pass if it could not fail."""
    none = at_switch(given, np.zeros((512, 128)))
    assert none.share.mean() == pytest.approx(-0.15, abs=0.01)
    made, lines = stored(given.combined), SCENE.truth_of(ModuleTruth(SETTINGS, MODULE), 0)
    hooked = at_switch(given, made["OffsetShift"][0] - made["RelativeGain"][1] * lines.hook_height)
    assert abs(hooked.share.mean()) > 0.8


def test_errors_of_a_hook_of_known_length_would_be_too_small(given: Given) -> None:
    """Lines fitted with the length of each hook fixed have errors that the steps do not keep to."""
    found, truth = at_switch(given), ModuleTruth(SETTINGS, MODULE)
    lines, fits = SCENE.truth_of(truth, 0), dict(zip(PC_FIT, stored(given.scan)["FitsPC"], strict=True))
    some = np.argwhere(found.good)[::150]
    pulls = []
    for at in map(tuple, some):
        x = np.arange(np.ceil(fits["last switch"][at]) + 1, STEPS - 5)
        design = np.stack([np.ones_like(x), x, np.exp(-(x - lines.switch[at]) / lines.hook_length[at])], axis=1)
        covariance = np.linalg.inv(design.T @ design) * truth.noise(1)[at] ** 2
        place = np.array([1, lines.switch[at], 0])
        ratio = stored_ratio(lines, at)
        pulls.append(found.step[at] / (ratio * np.sqrt(place @ covariance @ place)))
    assert np.std(pulls) > 1.2


def stored_ratio(lines: CapacitorTruth, at: tuple[int, int]) -> float:
    return float(lines.slope_high[at] / lines.slope_medium[at])


@dataclass
class Frames:
    """Corrected samples of light over what was put in: of high and of medium gain, without flags."""

    high: Array
    medium: Array
    said: list[str]


def corrected(given: Given, out: Path, capsys: Any, *more: str) -> Frames:
    result = Result(["AGIPD", "CORRECT", "--run", str(given.light.runs["photons"]), "--out-folder", str(out), *more],
                    out, capsys)
    assert result.status == 0, result.errors
    source = RunDirectory(out)[f"HED_DET_AGIPD500K2G/CORR/{MODULE}CH0:output"]
    keys = ("data", "mask", "gain", "trainId", "cellId")
    arrays = [source[f"image.{key}"].ndarray().squeeze() for key in keys]
    truth, ratios = ModuleTruth(SETTINGS, MODULE), ([], [])
    for values, mask, stage, train, cell in zip(*arrays, strict=True):
        charge, _ = LIGHT.truth_of(OF_LIGHT, MODULE, int(train), int(cell))
        for of, found in enumerate(ratios):
            sound = (mask & ~np.uint32(BadPixels.INTERPOLATED) == 0) & (truth.bad == 0)
            good = sound & (stage == of) & (charge > 300)
            found.append(values[good] / charge[good])
    return Frames(*map(np.concatenate, ratios), result.warnings)


def of_darks(given: Given, *more: Path, offset: Path | None = None) -> list[str]:
    folders = dict.fromkeys(("offset", "noise", "badpixelsdark", "thresholdsdark"), given.darks)
    folders |= {} if offset is None else {"offset": offset}
    words = [word for kind, folder in folders.items() for word in (f"--constants-{kind}", str(folder))]
    return [*words, *(word for path in more for word in ("--constants", str(path)))]


def test_light_is_the_same_in_both_stages_and_sharper_than_with_one_ratio_for_all(
    given: Given, tmp_path: Path, capsys: Any
) -> None:
    """Width of medium gain over all pixels, with their own ratios and shifts, and with one number for all."""
    numbers = tmp_path / "numbers"
    assert main(combine(numbers, given.darks, given.scan, given.truth, "--no-use-pc", "-q")) == 0
    before = corrected(given, tmp_path / "before", capsys, *of_darks(given, numbers))
    after = corrected(given, tmp_path / "after", capsys, *of_darks(given, given.combined))
    assert after.medium.size > 10000
    assert after.high.mean() == pytest.approx(1, abs=0.003)
    assert after.medium.mean() == pytest.approx(1, abs=0.003)
    assert abs(before.medium.mean() - 1) > 0.05
    assert after.medium.std() < 0.6 * before.medium.std()
    assert not any("made anew" in one for one in after.said)


def test_with_other_darks_shifts_are_made_anew_and_nothing_else_changes(
    given: Given, tmp_path: Path, capsys: Any
) -> None:
    own = corrected(given, tmp_path / "own", capsys, *of_darks(given, given.combined))
    other = corrected(given, tmp_path / "other", capsys, *of_darks(given, given.combined, offset=given.truth))
    assert any("made anew for the offsets" in one for one in other.said)
    assert other.medium.mean() == pytest.approx(own.medium.mean(), abs=0.001)
    assert other.medium.std() == pytest.approx(own.medium.std(), rel=0.02)


def test_with_the_truth_they_are_the_truth_and_corrections_by_lines_are_the_same(
    given: Given, tmp_path: Path, capsys: Any
) -> None:
    out, truth = tmp_path / "out", ModuleTruth(SETTINGS, MODULE)
    assert main(combine(out, given.truth, given.truth, given.truth, "-q")) == 0
    made = stored(out)
    gain = np.stack([truth.gain(stage, 0) for stage in range(3)]).astype(float)
    np.testing.assert_allclose(made["RelativeGain"][1], gain[0] / gain[1], rtol=1e-6)
    np.testing.assert_allclose(made["GainADUperkeV"][:2], gain[:2], rtol=1e-6)
    above = [truth.above_line(stage).astype(float) for stage in range(2)]
    np.testing.assert_allclose(made["OffsetShift"][0], gain[0] / gain[1] * above[1] - above[0], rtol=1e-6, atol=0.03)
    combined = corrected(given, tmp_path / "combined", capsys, "--constants", str(given.truth),
                         *(word for kind in ("relativegain", "offsetshift", "fieldsgain", "gainaduperkev")
                           for word in (f"--constants-{kind}", str(out))))
    lines = corrected(given, tmp_path / "lines", capsys, "--constants", str(given.truth))
    np.testing.assert_allclose(combined.medium, lines.medium, rtol=1e-5)
    np.testing.assert_allclose(combined.high, lines.high, rtol=1e-5)
    assert combined.medium.mean() == pytest.approx(1, abs=0.001)


def test_each_number_tells_where_it_came_from(given: Given) -> None:
    made = dict(zip(GAIN_FIELDS, stored(given.combined)["FieldsGain"], strict=True))
    own = made["origin of ratio HG/MG"] == Origin.OWN
    assert 0.99 < own.mean() < 1
    assert np.isfinite(made["ratio HG/MG error"][own]).all()
    assert np.isnan(made["ratio HG/MG error"][~own]).all()
    table = (given.combined / "agipd_combine_origins.csv").read_text().splitlines()
    [line] = [one for one in table if one.startswith(f"{MODULE},ratio HG/MG,own measurement,0,")]
    assert int(line.rpartition(",")[2]) == own.sum()
    assert sum(int(one.rpartition(",")[2]) for one in table if one.startswith(f"{MODULE},ratio HG/MG,")) == PIXELS


def test_the_set_on_disk_shows_each_of_its_images_and_which_files_a_number_came_from(given: Given) -> None:
    """Gains, shifts and thresholds are all over “gain” in files, and over their own axes where they are looked at."""
    [found] = find_sets([given.combined])
    subject, files = ConstantsSubject(found), stored(given.combined)
    try:
        assert {name: subject.axes[name].labels for name in ("gain", "shift", "threshold")} == {
            "gain": ("HG", "MG", "LG"), "shift": ("MG", "LG"), "threshold": ("HG-MG", "MG-LG")}
        for result, kind, axis in (("gain", "GainADUperkeV", "gain"), ("shift", "OffsetShift", "shift"),
                                   ("relative_gain", "RelativeGain", "gain"), ("bad_pixels", "BadPixelsGain", "gain"),
                                   ("thresholds", "ThresholdsGain", "threshold")):
            for place, image in enumerate(files[kind]):
                shown = subject.plane(result, MODULE, {axis: place, "cell": 0})
                np.testing.assert_array_equal(shown, image.astype(shown.dtype), err_msg=f"{kind} {place}")
        told = subject.explain(MODULE, 10, 20, {"gain": 1, "cell": 0})
        assert told is not None
        [lines] = [one for one in list_constants(given.scan) if one.attributes["kind"] == "SlopesPC"]
        assert "Ratio HG/MG: own measurement, SlopesPC." in told.notes
        [of_lines] = [one for one in told.notes if one.startswith("SlopesPC: ")]
        assert " to r0008, " in of_lines
        assert of_lines.endswith(lines.path.name)
    finally:
        subject.close()


def test_threads_parts_and_memory_change_no_bit(given: Given, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(combine(out, given.darks, given.scan, given.truth, "-q", "--threads", "1", "--memory-mb", "600")) == 0
    first, second = stored(given.combined), stored(out)
    assert first.keys() == second.keys()
    for kind, values in first.items():
        np.testing.assert_array_equal(second[kind], values, err_msg=kind)


def nothing(given: Given, folder: Path) -> list[str]:
    return ["AGIPD", "COMBINE", "--out-folder", str(folder)]


def swapped(given: Given, folder: Path) -> list[str]:
    return combine(folder, given.scan, given.darks, given.truth)


def no_slopes(given: Given, folder: Path) -> list[str]:
    """The folder that is given for the flat field alone has none, so it is no folder for all."""
    return combine(folder, given.darks, given.scan, given.scan)


def relative(given: Given, folder: Path) -> list[str]:
    """A flat field whose file does not tell its unit."""
    for one in list_constants(given.truth):
        if one.attributes["kind"] == "SlopesFF":
            with h5py.File(one.path, locking=False) as source, h5py.File(folder.parent / "ff.h5", "w") as file:
                source.copy(one.pdu, file)
                del file[f"{one.pdu}/SlopesFF/0"].attrs["unit"]
                del file[f"{one.pdu}/SlopesFF/0"].attrs["sealed"]
    return combine(folder, given.darks, given.scan, folder.parent / "ff.h5")


@pytest.mark.parametrize(("words", "told"), [
    (nothing, ("Nothing was given for dark", "--constants-dark")),
    (swapped, ("has no constant of Offset for AGIPD; it has", "SlopesPC")),
    (no_slopes, ("has no constant of SlopesFF for AGIPD; it has BadPixelsPC, FitsPC, SlopesPC",)),
    (relative, ("do not tell their unit, of which no ADU/keV can be made", "--unit relative")),
])
def test_what_cannot_be_combined_is_refused_in_one_sentence(
    words: Any, told: tuple[str, ...], given: Given, tmp_path: Path, capsys: Any
) -> None:
    refused(words(given, tmp_path / "out"), tmp_path / "out", capsys, *told)


def test_scans_of_another_condition_are_refused_with_both_values(
    given: Given, tmp_path: Path, capsys: Any
) -> None:
    other = simulate(SETTINGS.with_changes({"trains": 20, "bias_voltage": 200.0, "first_run": 40}), tmp_path / "runs")
    words = [word for role, path in other.runs.items() for word in (f"--run-{role}", str(path))]
    assert main(["AGIPD", "DARK", *words, "--out-folder", str(tmp_path / "darks"), "-q"]) == 0
    argv = combine(tmp_path / "out", tmp_path / "darks", given.scan, given.truth)
    refused(argv, tmp_path / "out", capsys, "Sensor Bias Voltage differs: 200.0 V and 300.0 V", "--other-conditions")
    forced = Result([*argv, "--force"], tmp_path / "out", capsys)
    assert forced.status == 0
    assert any("200.0 V and 300.0 V; they are taken all the same" in one for one in forced.warnings)
