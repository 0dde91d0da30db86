"""Corrected runs of detectors that see single photons, against the charge that was put in."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from extra_data import RunDirectory
from scipy.stats import norm

from calib_core.cli.main import main
from calib_core.constants.badpixels import BadPixels
from calib_core.jobs.truth_constants import folder_of
from calib_core.simulate import BadKind, Simulated, default_settings, simulate
from calib_core.simulate.scenes.photons import Photons
from calib_core.store.constants import list_constants

from ..events import classified
from .conftest import characterise
from .event_runs import CASES, Case, Corrected, check, corrected, found_in, kev_of, lit, pulls, words

Array = Any
pytestmark = pytest.mark.usefixtures("few_columns")


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@pytest.fixture(scope="module")
def few(case: Case, tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    return lit(case, tmp_path_factory.mktemp(f"few-{case.name}"), case.few)


@pytest.fixture(scope="module")
def usual(case: Case, few: Simulated, tmp_path_factory: pytest.TempPathFactory) -> Corrected:
    """The run as it is corrected without a word more; not to be changed."""
    out = tmp_path_factory.mktemp(f"usual-{case.name}")
    assert main(words(case, few, out)) == 0
    return found_in(case, few, out, [])


def test_after_common_mode_residuals_are_as_large_as_the_noise_says(usual: Corrected) -> None:
    found = usual
    assert found.settings.common_mode > 0
    check(pulls(found, "pixels_rg", kev_of(found)))
    # so that this can fail: without the step they are wider
    [before] = (one for stage, one in pulls(found, "pixels", kev_of(found)).items() if stage == 0)
    assert before.std() > 1.2


def test_few_and_many_photons_come_back_as_energies(case: Case, tmp_path: Path, capsys: Any) -> None:
    light = lit(case, tmp_path / "light", case.many, common_mode=0)
    found = corrected(case, light, tmp_path / "out", capsys, "--no-common-mode", "--no-split-events")
    of_stage = pulls(found, "pixels_rg")
    check(of_stage)
    assert all(len(one) for one in of_stage.values())
    raw = RunDirectory(light.runs["photons"])[case.raw_source][case.raw_key].ndarray()
    full = (raw.view(np.uint16) & found.settings.detector.raw.adc_mask) >= case.top
    assert full.any()
    np.testing.assert_array_equal(found.key("mask") & int(BadPixels.VALUE_OUT_OF_RANGE) > 0, full)
    assert found.noted("pixels_rg")["unit"] == "keV"
    if len(of_stage) > 1:
        for gain, mask, _, stage in found.frames("gain", "mask"):
            np.testing.assert_array_equal(gain[mask == 0], stage[mask == 0])
    counted = corrected(case, light, tmp_path / "counted", capsys, "--no-common-mode", "--no-split-events",
                        "--absolute-gain-photon-energy", str(case.energy))
    check(pulls(counted, "pixels_rg", case.energy))
    assert counted.noted("pixels_rg")["unit"] == "photons"


def test_every_lone_photon_is_an_event_of_its_energy(case: Case, usual: Corrected) -> None:
    found = usual
    noise, (high, wide) = found.noise()[0], found.settings.detector.asic_shape
    rows, columns = (np.arange(n) for n in found.settings.detector.shape)
    edge = ((rows % high) % (high - 1) == 0)[:, None] | ((columns % wide) % (wide - 1) == 0)
    residuals, alone, met = [], 0, 0
    for codes, values, mask, charge, _ in found.frames("patterns", "pixels_classified", "mask"):
        bad = np.lib.stride_tricks.sliding_window_view(np.pad(mask != 0, 1), (3, 3)).any(axis=(2, 3))
        around = np.lib.stride_tricks.sliding_window_view(np.pad(charge, 2), (5, 5)).sum(axis=(2, 3))
        photon = (charge > 0) & (around == charge) & (charge < 1.5 * case.energy) & ~bad
        lone = photon & ~edge
        single = lone & (codes == 100)
        alone, met = alone + lone.sum(), met + single.sum()
        residuals.append((values[single] - charge[single]) / noise[single])
        assert (codes[photon & edge] == 1000).all()
        assert (codes[mask != 0] == 0).all()
    assert alone > 5_000
    # a neighbour passes the secondary threshold by chance, eight times
    assert met / alone > 0.985
    check({0: np.concatenate(residuals)}, least=5_000)


def test_files_have_what_a_second_classification_finds(
    case: Case, few: Simulated, tmp_path: Path, capsys: Any,
) -> None:
    found = corrected(case, few, tmp_path, capsys, "--split-events-primary", "6", "--split-events-secondary", "4",
                      "--split-events-largest", "9000", "--no-absolute-gain")
    [path] = sorted(found.folder.glob("CORR-*.h5"))[:1]
    with h5py.File(path) as file:
        skipped = json.loads(file[f"INSTRUMENT/{case.source}"].attrs["skipped_steps"])
    assert list(skipped) == ["Gain of classes"]
    assert skipped["Gain of classes"] in found.said
    [noise] = [one.values()[0, 0] for one in list_constants(folder_of(few)) if one.attributes["kind"] == "Noise"]
    [factor] = [one.values()[0, 0] for one in list_constants(folder_of(few)) if one.attributes["kind"] == "GainMap"]
    sigma = noise.astype("f4") * factor.astype("f4")
    asic = found.settings.detector.asic_shape
    for values, mask, codes, sums, _, stage in found.frames("pixels_rg", "mask", "patterns", "pixels_classified"):
        bad = (mask != 0) | ~np.isfinite(values) | (sigma == 0) | (stage > 0)
        expected, total = classified(values, bad, np.float32(6) * sigma, np.float32(4) * sigma, 9000.0, asic)
        np.testing.assert_array_equal(codes, expected)
        np.testing.assert_array_equal(sums, total)


def table_of(folder: Path) -> list[dict[str, float]]:
    [path] = folder.glob("*_events.csv")
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(lines)]


def test_the_table_counts_the_events_of_the_files(case: Case, few: Simulated, tmp_path: Path, capsys: Any) -> None:
    found = corrected(case, few, tmp_path, capsys, "--split-events-counted-above", "0")
    codes = found.key("patterns")
    rows = table_of(tmp_path)
    for row in rows[:4]:
        assert row["events"] == (codes // 100 == row["code"] // 100).sum()
    for row in rows[4:7]:
        assert row["events"] == (codes == row["code"]).sum()
    assert rows[7]["events"] == 0
    assert not any("are in no share of a class" in text for text in found.said)
    counted = sum(row["events"] for row in rows[:5])
    assert counted > 5_000
    for row in rows[:5]:
        assert row["share"] == pytest.approx(100 * row["events"] / counted)
        assert 0 < row["expected"] < 100


@pytest.mark.parametrize("share", [1.0, 1.3])
def test_events_of_more_than_half_a_photon_are_counted(
    share: float, case: Case, few: Simulated, tmp_path: Path, capsys: Any
) -> None:
    """Of the energy that is given; sums in the files, in photons, tell which these are."""
    found = corrected(case, few, tmp_path, capsys, "--absolute-gain-photon-energy", str(share * case.energy))
    codes, photons = found.key("patterns"), found.key("pixels_classified")
    near = np.abs(photons - 0.5) < 1e-3  # single precision of two factors
    rows = table_of(tmp_path)
    for row in rows[:4]:
        mine = codes // 100 == row["code"] // 100
        assert row["events"] == pytest.approx((mine & (photons > 0.5)).sum(), abs=(mine & near).sum() + 0.5)
    for row in rows[4:7]:
        assert row["events"] <= (codes == row["code"]).sum()
    every, small = (codes > 0).sum(), rows[7]["events"]
    assert sum(row["events"] for row in rows) == every
    half, told = share * case.energy / 2 / kev_of(found), [t for t in found.said if "are in no share of a class" in t]
    assert told == ([f"Module {case.module}: {small:,.0f} of {every:,} events ({small / every:.1%}) have a sum of "
                     f"{half:.4g} ADU at most, and are in no share of a class."] if small else [])
    assert not any("noise alone makes" in text for text in found.said)
    if case.name == "PNCCD":  # so that this can fail: there are events of noise
        assert ((codes == 100) & (photons < 0.5)).sum() > 5 * len(codes)
        assert small > 5 * len(codes)


def test_crowded_photons_are_told(case: Case, tmp_path: Path, capsys: Any) -> None:
    scene = Photons(photon_energy=case.energy, photons=0.1, pattern="flat")
    light = lit(case, tmp_path / "light", scene, trains=2)
    said = corrected(case, light, tmp_path / "out", capsys).said
    [text] = [text for text in said if "there is an event in" in text]
    assert text.startswith(f"Module {case.module}: there is an event in ")


def test_events_of_noise_alone_are_told(case: Case, few: Simulated, tmp_path: Path, capsys: Any) -> None:
    """The number is that of the normal distribution; a threshold of energy leaves nothing to be told."""
    primary = {"EPIX100": 7.0, "PNCCD": 4.0, "FASTCCD": 7.0}[case.name]
    found = corrected(case, few, tmp_path / "a", capsys, "--split-events-counted-above", "0")
    pixels = int(np.prod(found.settings.detector.shape))
    expected = pixels * norm.sf(primary)
    told = f"above {primary:g} σ noise alone makes {expected:.0f} events in a frame of {pixels:,} pixels"
    assert any(told in text for text in found.said) == (expected > 1) == (case.name == "PNCCD")
    half = case.energy / 2 / kev_of(found)
    cut = corrected(case, few, tmp_path / "b", capsys, "--split-events-counted-above", str(half))
    assert not any("noise alone makes" in text for text in cut.said)
    if case.name == "PNCCD":
        [before, after] = (table_of(tmp_path / name)[0]["events"] for name in "ab")
        frames = len(found.key("patterns"))
        # of noise beside flagged pixels, a percent of all, none is single; light has its own
        assert before - after == pytest.approx(expected * frames, rel=0.15)


def test_each_image_tells_its_steps_and_unit(case: Case, usual: Corrected) -> None:
    found = usual
    chain = ["offset", "common_mode", "gain_map", "split_events", "absolute_gain"]
    for name, steps, unit in (("pixels", 1, "ADU"), ("pixels_cm", 2, "ADU"), ("pixels_rg", 3, "ADU"),
                              ("pixels_classified", 5, "keV")):
        noted = found.noted(name)
        assert (json.loads(noted["steps"]), noted["unit"]) == (chain[:steps], unit)
    keys = {one.rpartition(".")[2]: found.source[one].dtype for one in found.keys if one != "data.trainId"}
    expected = dict.fromkeys(("pixels", "pixels_cm", "pixels_rg", "pixels_classified"), np.float32)
    expected |= {"patterns": np.int32, "mask": np.uint32}
    expected |= {"gain": np.uint8} if len(found.settings.detector.stages) > 1 else {}
    expected |= {"dims": np.uint64} if case.dims else {}
    assert keys == expected
    if case.dims:
        assert (found.key("dims") == found.settings.detector.shape).all()


def test_masks_are_those_of_the_truth(usual: Corrected) -> None:
    found = usual
    bad, kind = found.truth.bad, found.settings.detector
    regions = np.zeros(kind.shape, np.uint32)
    for region in kind.regions:
        region.mark(regions)
    dead = (bad & (BadKind.DEAD | BadKind.DEAD_BLOCK)) > 0
    assert dead.any()
    for mask, *_ in found.frames("mask"):
        np.testing.assert_array_equal(mask != 0, (bad != 0) | (regions != 0))
        assert (mask[dead] & int(BadPixels.NO_DARK_DATA)).all()


def test_frames_that_hold_nothing_have_no_values_and_are_flagged(
    case: Case, tmp_path: Path, capsys: Any,
) -> None:
    light = lit(case, tmp_path / "light", case.few, trains=4, empty_last=2)
    found = corrected(case, light, tmp_path / "out", capsys)
    images = [found.key(name) for name in ("pixels", "pixels_cm", "pixels_rg", "pixels_classified")]
    for one in images:
        assert len(one) == 4
        assert np.isnan(one[2:]).all()
        assert np.isfinite(one[:2]).mean() > 0.99
    assert (found.key("mask")[2:] & int(BadPixels.NO_DARK_DATA)).all()
    patterns = found.key("patterns")
    assert (patterns[2:] == 0).all()
    assert (patterns[:2] > 0).any()


def without(light: Simulated, folder: Path, *kinds: str) -> Path:
    """The truth without some constants."""
    shutil.copytree(folder_of(light), folder)
    for one in list_constants(folder):
        if one.attributes["kind"] in kinds:
            one.path.unlink()
    return folder


def test_steps_without_their_constants_are_left_out_and_told(
    case: Case, few: Simulated, tmp_path: Path, capsys: Any,
) -> None:
    bare = corrected(case, few, tmp_path / "a", capsys, constants=without(few, tmp_path / "b", "Noise", "GainMap"))
    for step, why in (("Common mode", "there is no Noise"), ("Split events", "there is no Noise"),
                      ("Relative gain", "there is no GainMap"), ("Absolute gain", "relative gain is not done")):
        assert f"{step} is left out: {why}." in bare.said
    names = {one.rpartition(".")[2] for one in bare.keys}
    assert "pixels" in names
    assert not names & {"pixels_cm", "pixels_rg", "pixels_classified", "patterns"}
    assert bare.noted("pixels")["unit"] == "ADU"
    raw = corrected(case, few, tmp_path / "c", capsys, constants=without(few, tmp_path / "d", "GainMap"))
    assert json.loads(raw.noted("pixels_classified")["steps"]) == ["offset", "common_mode", "split_events"]
    assert raw.noted("pixels_classified")["unit"] == "ADU"
    assert "Absolute gain is left out: relative gain is not done." in raw.said
    assert "Gain of classes is left out: there is no GainMap." in raw.said


def test_offsets_of_our_own_dark_serve_as_well(case: Case, few: Simulated, tmp_path: Path, capsys: Any) -> None:
    """The error of an offset adds to that of a sample: by 1 / frames of its square."""
    trains = 30
    made = simulate(default_settings(case.name).with_changes(
        {"seed": 5, "trains": trains, **case.settings}), tmp_path / "data")
    outcome = characterise(made, tmp_path / "dark")
    assert {kind for _, kind in outcome.constants} >= {"Offset", "Noise", "BadPixelsDark"}
    [gain] = [str(one.path) for one in list_constants(folder_of(few)) if one.attributes["kind"] == "GainMap"]
    found = corrected(case, few, tmp_path / "out", capsys, "--constants-gainmap", gain, constants=tmp_path / "dark")
    check(pulls(found, "pixels_rg", kev_of(found)), np.sqrt(1 + 1 / trains))


def test_so_do_those_of_the_other_gain_stages(tmp_path: Path, capsys: Any) -> None:
    """Of the one of these families that has some, in light of many photons."""
    case, trains = CASES["FASTCCD"], 20
    made = simulate(default_settings(case.name).with_changes(
        {"seed": 5, "trains": trains, "common_mode": 0, **case.settings}), tmp_path / "data")
    characterise(made, tmp_path / "dark")
    light = lit(case, tmp_path / "light", case.many, common_mode=0, trains=2)
    [gain] = [str(one.path) for one in list_constants(folder_of(light)) if one.attributes["kind"] == "GainMap"]
    found = corrected(case, light, tmp_path / "out", capsys, "--constants-gainmap", gain, "--no-common-mode",
                      "--no-split-events", constants=tmp_path / "dark")
    of_stage = pulls(found, "pixels_rg")
    assert len(of_stage) == 3
    assert all(len(one) for one in of_stage.values())
    check(of_stage, np.sqrt(1 + 1 / trains))


def content(folder: Path) -> dict[str, Array]:
    """Data sets of corrected files by file and name."""
    found: dict[str, Array] = {}
    for path in sorted(folder.glob("CORR-*.h5")):
        with h5py.File(path) as file:
            names: list[str] = []
            file.visit(names.append)
            found |= {f"{path.name} {name}": file[name][()] for name in names
                      if isinstance(file[name], h5py.Dataset) and not name.startswith("METADATA")}
    return found


def test_threads_and_memory_change_no_bit(
    case: Case, few: Simulated, usual: Corrected, tmp_path: Path, capsys: Any,
) -> None:
    corrected(case, few, tmp_path, capsys, "--threads", "1", "--memory-mb", "700")
    first, second = content(usual.folder), content(tmp_path)
    assert first.keys() == second.keys()
    assert len({key.partition(" ")[0] for key in first}) == 2
    for key, values in first.items():
        np.testing.assert_array_equal(values, second[key], err_msg=key)
    [one, other] = (next(folder.glob("*.csv")).read_text() for folder in (usual.folder, tmp_path))
    assert one == other


def test_the_validator_finds_nothing_to_complain_of(usual: Corrected) -> None:
    validator = Path(sys.executable).with_name("extra-data-validate")
    done = subprocess.run([validator, str(usual.folder)], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
