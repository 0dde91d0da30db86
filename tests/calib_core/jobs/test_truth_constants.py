"""The truth as constants: arrays of the truth file in the layout of the facility, for the condition of the runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from calib_core.axes import Pick, View
from calib_core.cli.main import main
from calib_core.jobs import truth_constants
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import Simulated, default_settings, scenes, simulate
from calib_core.store.constants import list_constants, read_constant
from calib_core.store.manifests import list_sets
from calib_core.subjects.constants import ConstantsSubject, find_sets

#: Settings by type: shares of bad pixels that leave none out, cells that differ, and one that is vetoed.
BAD = {"noisy_share": 0.01, "high_offset_share": 0.01, "dead_share": 0.01, "blinking_share": 0.01, "trains": 2}
SETTINGS = {
    "JUNGFRAU": {"modules": "2", "wrong_gain_share": 0.01, **BAD},
    "AGIPD500K": {"modules": "5", "memory_cells": 5, "vetoed_cells": 0.2, "dead_block_module": 5, **BAD},
    "PNCCD": {**BAD},
}
#: Kind of constant by the dataset's name, of each type.
NAMES = {
    "JUNGFRAU": {
        "Offset10Hz": "offset", "Noise10Hz": "noise", "BadPixelsDark10Hz": "bad", "RelativeGain10Hz": "gain"},
    "AGIPD500K": {"Offset": "offset", "Noise": "noise", "BadPixelsDark": "bad", "ThresholdsDark": "gain_signal",
                  "SlopesFF": "gain of HG", "SlopesPC": "lines", "SlopesCS": "lines of all"},
    "PNCCD": {"OffsetCCD": "offset", "NoiseCCD": "noise", "BadPixelsDarkCCD": "bad",
              "RelativeGainCCD": "factor"},
}
#: Flags of the facility by the bits of the truth file: dead, noisy, high offset, dead block, wrong gain, blinking.
FLAGS = {1: 1 << 3, 2: 1 << 1, 4: 1 << 0, 8: 1 << 3, 16: 1 << 21, 32: 1 << 1}

Make = Callable[..., Simulated]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Make:
    made: dict[tuple[str, str], Simulated] = {}
    root = tmp_path_factory.mktemp("truth")

    def make(name: str, kind: str = "dark") -> Simulated:
        if (name, kind) not in made:
            settings = default_settings(name).with_changes(SETTINGS[name] if kind == "dark" else {
                one: value for one, value in SETTINGS[name].items() if one != "blinking_share"})
            found = simulate(settings, root / f"{name}_{kind}", scene=scenes()[kind]())
            assert len(write_truth(found)) == len(NAMES[name])
            made[name, kind] = found
        return made[name, kind]

    return make


def in_file(made: Simulated) -> dict[str, tuple[Path, np.ndarray]]:
    """Values of each constant by its database name, (gain, cell, slow_scan, fast_scan), read by h5py alone."""
    found = {}
    for path in sorted(folder_of(made).glob("xfel/cal/*/*/cal.*.h5")):
        with h5py.File(path) as file:
            [pdu] = file
            [name] = file[pdu]
            data = file[f"{pdu}/{name}/0/data"]
            dims = data.attrs["dims"].tolist()
            usual = ("parameter", "gain", "cell", "slow_scan", "fast_scan")
            order = [dims.index(dim) for dim in usual if dim in dims]
            values = data[()].transpose(order)
        found[name] = path, values.reshape((1,) * (4 - values.ndim) + values.shape)
    return found


def expected(made: Simulated, quantity: str) -> np.ndarray:
    with h5py.File(made.truth_file) as file:
        [module] = file["module"].values()
        cells = len(file["cells"])
        stored = {name: one[()] for name, one in module.items()}
    if quantity == "lines":
        return lines(stored, cells)
    if quantity == "lines of all":
        return lines_of_all(stored)
    values = stored["gain" if quantity == "gain of HG" else quantity]
    if quantity == "gain of HG":
        return np.broadcast_to(values[:1], (1, cells, *values.shape[2:]))
    if quantity == "gain_signal":
        return np.concatenate([(values[1:] + values[:-1]) / 2, values])
    if quantity == "bad":
        values = sum((np.where(values & bit, flag, 0) for bit, flag in FLAGS.items()), np.zeros(values.shape, int))
    return np.broadcast_to(values, (len(stored["offset"]), cells, *values.shape[2:]))


def lines(stored: dict[str, np.ndarray], cells: int) -> np.ndarray:
    """The eleven entries of pulse-capacitor slopes: lines of HG and MG, threshold, ratio."""
    offset, signal = stored["offset"], stored["gain_signal"]
    gain = np.broadcast_to(stored["gain"], offset.shape)
    found = np.full((11, *offset.shape[1:]), np.nan, np.float32)
    for stage in range(2):
        found[3 * stage], found[3 * stage + 1] = gain[stage] * 3.5, offset[stage] - stored["above_line"][stage]
    found[9], found[10] = (signal[0] + signal[1]) / 2, gain[0] / gain[1]
    return found


def lines_of_all(stored: dict[str, np.ndarray]) -> np.ndarray:
    """The eight entries of current-source slopes: lines of HG, MG and LG, ratio of the last two, a status."""
    offset = stored["offset"]
    gain, above = (np.broadcast_to(stored[name], offset.shape) for name in ("gain", "above_line"))
    of_stages = [(gain[stage] * np.float32(3.5), offset[stage] - above[stage]) for stage in range(3)]
    return np.array([*sum(of_stages, ()), gain[1] / gain[2], np.zeros(gain.shape[1:])], np.float32)


@pytest.mark.parametrize(("name", "kind"), [
    ("JUNGFRAU", "dark"), ("AGIPD500K", "dark"), ("JUNGFRAU", "photons"), ("AGIPD500K", "photons")])
def test_constants_are_the_arrays_of_the_truth_file_to_the_bit(name: str, kind: str, written: Make) -> None:
    made = written(name, kind)
    found = in_file(made)
    assert sorted(found) == sorted(NAMES[name])
    for constant, quantity in NAMES[name].items():
        path, values = found[constant]
        truth = expected(made, quantity)
        assert values.shape == truth.shape
        if quantity == "bad":  # more than one kind in a pixel is one flag or two
            np.testing.assert_array_equal(values > 0, truth > 0)
            alone = np.isin(truth, list(FLAGS.values()))
            assert (values[alone] == truth[alone]).all()
            assert alone[truth > 0].all()
        else:
            known = {"lines": 10, "lines of all": 6}.get(quantity, len(values))
            exact = values.astype(np.float32)[:known]
            np.testing.assert_array_equal(exact, truth[:len(exact)])
            np.testing.assert_allclose(values, truth, rtol=3e-7)  # a ratio is rounded once or twice
            assert truth.dtype == np.float32
        first = "parameter" if constant in ("SlopesPC", "SlopesCS") else "gain"
        read = read_constant(path).values((first, "cell", "slow_scan", "fast_scan"))
        np.testing.assert_array_equal(read, values)


def test_one_stage_and_parts_that_are_no_pixels(written: Make) -> None:
    """A camera: axes that its files leave out, and regions beside the bad pixels."""
    made = written("PNCCD")
    found = in_file(made)
    assert sorted(found) == sorted(NAMES["PNCCD"])
    for constant in ("OffsetCCD", "NoiseCCD"):
        assert (found[constant][1].astype(np.float32) == expected(made, NAMES["PNCCD"][constant])).all()
    path, factor = found["RelativeGainCCD"]
    np.testing.assert_allclose(factor * expected(made, "gain"), 1000, rtol=1e-6)
    told = read_constant(path).attributes
    assert (told["adu_per_photon"], told["photon_energy"], told["unit"]) == (8048, 8.048, "")
    flags, truth = found["BadPixelsDarkCCD"][1], expected(made, "bad")
    assert (flags & truth == truth).all()
    assert ((flags > 0) & (truth == 0)).any()


def test_the_condition_is_that_of_the_runs_and_the_gain_has_no_exposure_timeout(written: Make) -> None:
    found = {one.calibration: one for one in list_constants(folder_of(written("JUNGFRAU")))}
    [stem] = {one.pdu for one in found.values()}
    assert stem == "SPB_IRDA_JF4M_JNGFR02"
    for one in found.values():
        said = one.attributes["conditions"]
        assert said["Sensor Bias Voltage"]["value"] == 90
        assert said["Memory Cells"]["value"] == 1
        assert said["Integration Time"]["value"] == pytest.approx(10)
        assert one.begin is not None
        assert one.begin.isoformat() == "2026-03-02T08:00:00+00:00"
        assert one.attributes["karabo_da"] == "JNGFR02"
    gain = found["RelativeGain10Hz"]
    assert gain.attributes["unit"] == "ADU/keV"
    assert gain.dims == ("fast_scan", "slow_scan", "cell", "gain")
    assert gain.shape == (1024, 512, 1, 3)
    assert gain.attributes["axes"] == {"gain": ["G0", "G1", "G2"], "cell": [15]}


def look(subject: ConstantsSubject, made: Simulated, result: str) -> None:
    """A picture of a result in medium gain has what is in the truth file."""
    view = View({"gain": 1, "cell": 0}, picks=(Pick(result),))
    subject.look_at(view)
    limit = time.monotonic() + 30
    while subject.picture is None or subject.picture.view is not view or subject.picture.coverage.min() < 1:
        assert time.monotonic() < limit
        time.sleep(0.01)
    truth = expected(made, "gain" if "Gain" in result else result)
    np.testing.assert_array_equal(subject.picture.maps[Pick(result)][0], truth[1, 0])


@pytest.mark.parametrize(("name", "kind"), [("JUNGFRAU", "photons"), ("AGIPD500K", "dark")])
def test_the_window_opens_them_as_one_set_that_says_what_it_is(name: str, kind: str, written: Make) -> None:
    made = written(name, kind)
    [found] = find_sets([folder_of(made)])
    assert found.notes == ("These constants are the truth of simulated runs, not a measurement.",)
    subject = ConstantsSubject(found)
    named = {result.name: result for result in subject.results}
    assert {"offset", "noise", "bad_pixels"} <= set(named)
    if name == "JUNGFRAU":
        assert named["RelativeGain10Hz"].unit == "ADU/keV"
        assert set(named["RelativeGain10Hz"].over) == {"gain", "cell"}
    else:
        assert "thresholds" in named
    assert [str(label) for label in subject.axes["gain"].labels] == [
        stage.short for stage in default_settings(name).detector.stages]
    look(subject, made, "RelativeGain10Hz" if name == "JUNGFRAU" else "offset")
    assert f"kind: {kind}" in subject.about["parameters"].splitlines()
    subject.close()


def test_they_are_a_whole_set_or_nothing(
    written: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    [whole], trouble = list_sets(folder_of(written("JUNGFRAU")))
    assert (whole.whole, whole.manifest.job, trouble) == (True, "simulate dark", ())
    made = simulate(default_settings("AGIPD500K").with_changes({"modules": "0", "trains": 1}), tmp_path)
    monkeypatch.setattr(truth_constants, "_thresholds", lambda *_: np.zeros(0)[1])
    with pytest.raises(IndexError):
        write_truth(made)
    assert [path for path in folder_of(made).rglob("*") if path.is_file()] == []


def test_the_command_writes_them_when_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["simulate", "AGIPD500K", "--out", str(tmp_path), "--modules", "1", "--trains", "1"]
    assert main([*words, "--memory-cells", "2", "--kind", "photons", "--constants"]) == 0
    folder = tmp_path / "HED" / "202601" / "p900000" / "usr" / "simulation" / "constants"
    assert f"constants: {folder} (7 files)" in capsys.readouterr().out
    assert main(["info", str(folder)]) == 0
    assert "of no set" not in capsys.readouterr().out
    assert len(list_constants(folder)) == 7
    assert main([*words, "--first-run", "2"]) == 0
    assert len(list_constants(folder)) == 7
