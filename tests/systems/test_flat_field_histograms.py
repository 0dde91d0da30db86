"""Flat-field histograms through the command line, against NumPy on the raw files and the truth of the simulator."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from extra_data import RunDirectory
from scipy.special import ndtr

from calib_core.axes import Pick, View
from calib_core.characterisation.driver import run_unit
from calib_core.characterisation.light_of_flat_field import first_gains
from calib_core.characterisation.unit import Accumulator
from calib_core.cli.main import main
from calib_core.jobs.board import State
from calib_core.jobs.job import Job
from calib_core.jobs.plan import make_plan
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import Simulated, default_settings, read_truth, simulate
from calib_core.simulate.scenes.ff import FlatField
from calib_core.store.constants import list_constants
from calib_core.store.histograms import Histograms, read_histograms

from ..small_modules import small_modules
from .command import Result, refused

Array = Any
MODULE, CELLS, SHAPE = 3, 6, (128, 128)
SETTINGS = default_settings("AGIPD500K").with_changes({
    "modules": str(MODULE), "memory_cells": CELLS, "trains": 60, "trains_per_sequence": 25})
SCENE = FlatField(light=0.3)
#: Groups of four memory cells, of which the last has two.
KNOBS = {"--cell-group": "4", "--min-entries": "150", "--photon-energy": "8.041"}


@dataclass
class Light:
    """A run with flat light, and the truth as constants."""

    made: Simulated

    @property
    def run(self) -> Path:
        return self.made.runs["ff"]

    def words(self, out: Path, *more: str, constants: Path | None = None, runs: int = 1) -> list[str]:
        knobs = [word for flag, value in KNOBS.items() if flag not in more for word in (flag, value)]
        return ["AGIPD", "FF_HISTS", "--runs", *[str(self.run)] * runs, "--constants",
                str(constants or folder_of(self.made)), "--out-folder", str(out), "-q", *knobs, *more]


@pytest.fixture(scope="module", autouse=True)
def few_asics() -> Iterator[None]:
    """Modules of four ASICs."""
    with small_modules("AGIPD", *SHAPE):
        yield


@pytest.fixture(scope="module")
def light(few_asics: None, tmp_path_factory: pytest.TempPathFactory) -> Light:
    made = simulate(SETTINGS, tmp_path_factory.mktemp("flat"), scene=SCENE)
    write_truth(made)
    return Light(made)


def histograms(out: Path, isolated: bool = False) -> Histograms:
    """The only histograms below a folder."""
    kind = "FFHistogramIsolated" if isolated else "FFHistogram"
    [found] = [one for one in list_constants(out) if one.calibration == kind]
    return read_histograms(found.path)


@pytest.fixture(scope="module")
def done(light: Light, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("histograms") / "out"
    assert main(light.words(out)) == 0
    return out


def corrected(light: Light) -> tuple[Array, Array, Array, Array]:
    """All samples of the run after offset, whether they are of high gain, frames' memory cells, and the noise."""
    constants = {one.calibration: one.values() if one.calibration != "ThresholdsDark" else
                 np.moveaxis(one.data(), [3, 2, 1, 0], [0, 1, 2, 3]) for one in list_constants(folder_of(light.made))
                 if one.calibration in ("Offset", "Noise", "ThresholdsDark")}
    run = RunDirectory(light.run)
    [source] = [name for name in run.instrument_sources if name.endswith(":xtdf")]
    samples = run[source, "image.data"].ndarray()
    cells = run[source, "image.cellId"].ndarray().reshape(-1).astype(int)
    values = samples[:, 0].astype(np.float32) - constants["Offset"][0, cells].astype(np.float32)
    high = samples[:, 1] <= constants["ThresholdsDark"][0, cells].astype(np.float32)
    return values, high & (samples[:, 1] < 16383), cells, constants["Noise"][0, cells].astype(np.float32)


def counted(values: Array, use: Array, edges: Array) -> Array:
    """Counts below, in and above the bins, (bins + 2, slow_scan, fast_scan)."""
    place = np.digitize(values.astype(float), edges)
    found = np.zeros((len(edges) + 1, *values.shape[1:]), np.int64)
    frame, row, col = np.nonzero(use & np.isfinite(values))
    np.add.at(found, (place[frame, row, col], row, col), 1)
    return found


def test_counts_are_those_of_the_corrected_values_count_for_count(light: Light, done: Path) -> None:
    values, high, cells, noise = corrected(light)
    found, alone = histograms(done), histograms(done, isolated=True)
    assert found.cells == ((0, 1, 2, 3), (4, 5))
    assert found.frames.tolist() == [240, 120]
    assert found.edges.tolist() == list(range(-50, 301))
    assert found.photon_energy == 8.041
    signal = np.pad(~(high & (values < 3 * noise)), ((0, 0), (1, 1), (1, 1)))
    slow, fast = found.shape
    beside = [signal[:, i:i + slow, j:j + fast] for i in range(3) for j in range(3) if (i, j) != (1, 1)]
    for group, own in enumerate(found.cells):
        of = np.isin(cells, own)
        expected = counted(values[of], high[of], found.edges)
        np.testing.assert_array_equal(found.counts(group), expected[1:-1])
        np.testing.assert_array_equal(found.outside(group), expected[[0, -1]])
        free = high[of] & ~np.any([one[of] for one in beside], axis=0)
        expected = counted(values[of], free, found.edges)
        np.testing.assert_array_equal(alone.counts(group), expected[1:-1])
        assert 0 < expected.sum() < 0.5 * high[of].sum()
    np.testing.assert_array_equal(found.counts(1, slice(13, 21)), found.all_counts()[1, :, 13:21])


def test_sums_are_those_of_the_corrected_values(light: Light, done: Path) -> None:
    values, high, cells, _ = corrected(light)
    [sums] = [one for one in list_constants(done) if one.calibration == "FFSums"]
    found = sums.values(("moment", "cell", "slow_scan", "fast_scan"))
    parts = np.where(high, np.rint(values * 16), 0).astype(np.int64)
    for cell in range(CELLS):
        of = cells == cell
        np.testing.assert_array_equal(found[0, cell], high[of].sum(axis=0))
        np.testing.assert_array_equal(found[1, cell], parts[of].sum(axis=0) / 16)
        np.testing.assert_array_equal(found[2, cell], (parts[of] ** 2).sum(axis=0) / 256)
    beside, inside = sums.attributes["beside"], high & (values >= -50)
    for cell in range(CELLS):
        of = inside & (cells == cell)[:, None, None]
        assert beside["samples_of_module"][cell] == of.sum()
        assert beside["sum_of_module"][cell] == parts[of].sum() / 16


def test_threads_parts_and_memory_change_no_bit(light: Light, done: Path, tmp_path: Path) -> None:
    for number, more in enumerate((["--parts", "3"], ["--threads", "1", "--memory-mb", "900"])):
        out = tmp_path / str(number)
        assert main(light.words(out, *more)) == 0
        for isolated in (False, True):
            first, other = histograms(done, isolated), histograms(out, isolated)
            np.testing.assert_array_equal(first.stored.data(), other.stored.data())
            assert first.stored.attributes["beside"] == other.stored.attributes["beside"]


@pytest.fixture(scope="module")
def moved(light: Light, tmp_path_factory: pytest.TempPathFactory) -> Light:
    """The same run, whose pixels have moved by 10 ADU in its second file, every other one up and down."""
    root = tmp_path_factory.mktemp("moved")
    run = root / "p900000" / "raw" / light.run.name
    shutil.copytree(light.run, run)
    [path] = run.glob(f"*-AGIPD{MODULE:02d}-S00001.h5")
    with h5py.File(path, "r+") as file:
        [data] = [one["image/data"] for one in file["INSTRUMENT"].values() for one in _sources(one)]
        values = data[()].astype(np.int32)
        values[:, 0] += np.where(np.arange(SHAPE[1]) % 2, -10, 10)
        data[...] = values.astype(np.uint16)
    return Light(replace(light.made, runs={"ff": run}))


def _sources(group: h5py.Group) -> list[h5py.Group]:
    """Sources of images below a group, at any depth."""
    return [group] if "image" in group else [found for one in group.values() if isinstance(one, h5py.Group)
                                             for found in _sources(one)]


def peak_of_none(out: Path) -> tuple[float, float]:
    """By how much the peaks of no photon of even columns lie above those of others, and their width, ADU."""
    found = histograms(out)
    middles = (found.edges[:-1] + found.edges[1:]) / 2
    near = np.abs(middles) < 25
    counts = found.counts(0)[near].astype(float)
    number = counts.sum(axis=0)
    mean = np.tensordot(middles[near], counts, (0, 0)) / number
    square = np.tensordot(middles[near] ** 2, counts, (0, 0)) / number
    even, odd = mean[:, ::2].mean(), mean[:, 1::2].mean()
    return float(even - odd), float(np.sqrt((square - mean**2).mean()))


def test_what_a_pixel_has_in_common_in_the_memory_cells_of_a_file_is_taken_off(
    light: Light, moved: Light, tmp_path: Path
) -> None:
    """Each file by itself: of what 10 ADU in a file of three leave on average, peaks would be an eighth wider."""
    whole = ("--cell-group", "32", "--cm")
    found = {}
    for name, of, more in (("still", light, ("--cm-cells",)), ("off", moved, ("--no-cm-cells",)),
                           ("on", moved, ("--cm-cells",)), ("alone", moved, ("--cm-cells", "--threads", "1"))):
        assert main(of.words(tmp_path / name, *whole, *more, constants=folder_of(light.made))) == 0
        found[name] = peak_of_none(tmp_path / name)
    assert found["off"][0] > 5
    assert abs(found["on"][0]) < 0.5
    assert found["on"][1] == pytest.approx(found["still"][1], rel=0.02)
    np.testing.assert_array_equal(histograms(tmp_path / "on").counts(0), histograms(tmp_path / "alone").counts(0))


def test_counts_are_those_of_the_truth_through_the_response_of_the_pixels(light: Light, done: Path) -> None:
    """Each sample's code is a normal number about offset and charge, rounded: so counts are expected, and χ²."""
    found, truth = histograms(done), read_truth(light.made.truth_file)
    good, shift = truth.bad(MODULE) == 0, found.edges[0]
    offset, gain = truth.offset(MODULE)[0].astype(float), truth.gain(MODULE)[0].astype(float)
    sigma = np.sqrt(np.maximum(truth.noise(MODULE)[0].astype(float) ** 2 - 1 / 12, 0))
    bins, cells = len(found.edges) - 1, found.cells[1]
    half = np.arange(SHAPE[0])[:, None] // 64 * 4 + np.arange(SHAPE[1]) // 32  # of an ASIC
    [source] = [name for name in RunDirectory(light.run).instrument_sources if name.endswith(":xtdf")]
    trains = RunDirectory(light.run)[source, "image.cellId"].train_ids
    expected, variance = np.zeros((2, 8, bins))
    for train in trains:
        for cell in cells:
            charge, _ = SCENE.truth_of(SETTINGS, MODULE, int(train), cell)
            at, mean = offset[cell][good], (offset[cell] + gain[cell] * charge)[good]
            spread = sigma[0][good] if len(sigma) == 1 else sigma[cell][good]
            nearest = np.floor(mean + 0.5)
            below = ndtr((nearest - 45.5 - mean) / spread)
            for step in range(-45, 46):
                above = ndtr((nearest + step + 0.5 - mean) / spread)
                share, below = above - below, above
                place = np.floor(nearest + step - at.astype(np.float32) - shift).astype(int)
                inside = (place >= 0) & (place < bins)
                np.add.at(expected, (half[good][inside], place[inside]), share[inside])
                np.add.at(variance, (half[good][inside], place[inside]), (share * (1 - share))[inside])
    counts, observed = found.counts(1).astype(float), np.zeros((8, bins))
    for one in range(8):
        observed[one] = counts[:, good & (half == one)].sum(axis=1)
    enough = variance > 20
    chi2 = ((observed - expected)[enough] ** 2 / variance[enough]).sum() / enough.sum()
    assert enough.sum() > 1500
    assert chi2 == pytest.approx(1, abs=max(0.05, 4 * np.sqrt(2 / enough.sum())))
    assert observed.sum() == pytest.approx(expected.sum(), abs=5 * np.sqrt(observed.sum() - expected.sum() + 1e4))


def test_the_means_tell_the_light(light: Light, done: Path) -> None:
    mean = SCENE.mean_of(SETTINGS, MODULE).mean() * SCENE.lines.mean
    gain = read_truth(light.made.truth_file).gain(MODULE)[0].mean()
    beside = histograms(done).stored.attributes["beside"]
    for cell in range(CELLS):
        found = beside["sum_of_module"][cell] / beside["samples_of_module"][cell]
        assert found == pytest.approx(mean * gain, rel=0.02)


def spec_of(light: Light, out: Path) -> JobSpec:
    return JobSpec(
        family="AGIPD", method="FF_HISTS", out_folder=out, threads=1,
        inputs={"light": (str(light.run),), "constants": (str(folder_of(light.made)),)},
        parameters={"cell_group": 4, "min_entries": 150, "photon_energy": 8.041})


def test_what_is_looked_at_grows_with_the_frames(light: Light, tmp_path: Path) -> None:
    """Spectrum, means and occupancy of each look are those of the frames so far, by NumPy."""
    plan, looks = make_plan(spec_of(light, tmp_path)), []
    unit = plan.units[0]

    def look(accumulator: Accumulator, number: int) -> None:
        looks.append((accumulator.numbers(), accumulator.snapshot(0), int(accumulator.coverage[0])))

    for _ in run_unit(plan.method, plan.context, unit, plan.source, look):
        pass
    plan.close()
    values, use, cells, _ = corrected(light)
    mine = np.isin(cells, range(4))
    values, use, cells = values[mine], use[mine], cells[mine]
    looks = list({look[-1]: look for look in looks}.values())
    assert len(looks) >= 2
    for numbers, maps, frames in looks:
        so_far, good = values[:frames], use[:frames] & (values[:frames] >= -50)
        spectrum = np.histogram(so_far[good].astype(float), np.linspace(-50, 300, 351))[0]
        assert np.abs(numbers["spectrum"][0] - spectrum).sum() <= 2  # the last bin of NumPy's has its upper edge
        assert numbers["frames"].sum() == frames
        means = [so_far[cells[:frames] == cell][good[cells[:frames] == cell]].mean() for cell in range(4)]
        np.testing.assert_allclose(numbers["mean_of_module"], means, rtol=1e-3)
        assert maps["entries"].sum() == numbers["spectrum"].sum()
        light_of = np.nansum(maps["occupancy"]) / maps["occupancy"].size
        assert light_of == pytest.approx(so_far[good].mean() / 7.2 / 8.041, rel=0.02)
    np.testing.assert_allclose(looks[-1][0]["asic_gain"], 7.2, rtol=0.08)


def test_maps_say_of_how_many_frames_they_are_and_marks_stand_at_whole_photons(light: Light, tmp_path: Path) -> None:
    job, seen, pick = Job(spec_of(light, tmp_path)), [], Pick("occupancy")
    job.look_at(View({"group": 0}, picks=(pick,)))
    job.start()
    while not job.wait(0.02) or not seen:
        picture = job.board.picture
        if picture is not None and picture.counts is not None and picture.maps:
            seen.append((*picture.counts[:, 0].tolist(), picture.counted))
    assert job.board.state is State.DONE, job.board.error
    whole = 4 * 60  # memory cells of the group, and trains
    assert {(total, what) for _, total, what in seen} == {(whole, "frame")}
    assert [number for number, *_ in seen] == sorted(number for number, *_ in seen)
    assert job.plan is not None
    [marks] = [one.marks for one in job.plan.results if one.name == "spectrum"]
    np.testing.assert_allclose([x for x, _ in marks], np.arange(6) * 7.2 * 8.041)
    assert [name for _, name in marks] == [str(n) for n in range(6)]
    job.close()


def test_an_asic_has_a_first_gain_from_as_many_samples_on_and_not_before() -> None:
    edges = np.linspace(-50, 300, 351)
    middles = (edges[:-1] + edges[1:]) / 2
    peaks = ((0, 0.75), (1, 0.22), (2, 0.03))
    density = sum(share * np.exp(-(((middles - n * 58) / 9) ** 2) / 2) for n, share in peaks)
    for number, told in ((99_000, False), (101_000, True)):
        counts = np.random.default_rng(1).multinomial(number, density / density.sum())
        [found] = first_gains(edges, counts[np.newaxis], 58.0)
        assert np.isfinite(found) == told
        assert not told or found == pytest.approx(58, rel=0.02)


def test_parts_of_a_run_merge_to_the_whole(light: Light, done: Path, tmp_path: Path, capsys: Any) -> None:
    run = RunDirectory(light.run)
    first, last = run.train_ids[0], run.train_ids[-1]
    middle = first + 30
    parts = {"a": f"{first}-{middle}", "b": f"{middle + 1}-{last}"}
    for name, trains in parts.items():
        assert main(light.words(tmp_path / name, "--train-ids", trains, "--min-entries", "10")) == 0
    words = ["merge-histograms", *(str(tmp_path / name) for name in parts), "--out-folder", str(tmp_path / "sum")]
    capsys.readouterr()
    assert main(words) == 0
    told = capsys.readouterr().out
    assert "frames of the same run" in told
    assert "3 files written" in told
    for isolated in (False, True):
        whole, merged = histograms(done, isolated), histograms(tmp_path / "sum", isolated)
        np.testing.assert_array_equal(merged.stored.data(), whole.stored.data())
        assert merged.stored.attributes["beside"] == whole.stored.attributes["beside"]
        assert merged.frames.tolist() == whole.frames.tolist()
        assert merged.stored.chunks == whole.stored.chunks
        assert len(merged.stored.attributes["raw_data"]) == 2
    sums = [next(one for one in list_constants(out) if one.calibration == "FFSums")
            for out in (done, tmp_path / "sum")]
    np.testing.assert_array_equal(*(one.data() for one in sums))
    again = ["merge-histograms", str(tmp_path / "sum"), str(done), "--out-folder", str(tmp_path / "no")]
    assert main(["merge-histograms", str(done), "--out-folder", str(tmp_path / "no")]) == 2
    assert "nothing to be merged" in capsys.readouterr().err
    other = tmp_path / "other"
    assert main(light.words(other, "--n-bins", "175")) == 0
    assert main([*again[:2], str(other), *again[3:]]) == 2
    assert "their axes differ" in capsys.readouterr().err
    assert main(light.words(tmp_path / "c", "--train-ids", parts["a"], "--isolated-sigma", "4")) == 0
    assert main(["merge-histograms", str(tmp_path / "c"), str(tmp_path / "b"), *again[3:]]) == 2
    assert "their parameters differ in isolated_sigma (3.0 and 4.0)" in capsys.readouterr().err
    assert main(light.words(tmp_path / "d", "--train-ids", parts["a"], "--threads", "1")) == 0
    assert main(["merge-histograms", str(tmp_path / "a"), str(tmp_path / "d"), *again[3:]]) == 2
    assert "have the same frames of" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def test_what_cannot_be_counted_is_refused_in_one_sentence(light: Light, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "out"
    for more, told in {
        ("--min-light", "1"): ("too weak", "where 1 to 2.5 are taken", "memory cells"),
        ("--max-light", "0.1"): ("too strong", "where 0.02 to 0.1 are taken"),
        ("--gain-mode", "2"): ("fixed gain, medium gain",),
        ("--integration-time", "20"): ("Integration time",),
        ("--cell-group", "0", "--n-bins", "4000", "--memory-mb", "400"): ("memory_mb = 400 is too small", "MiB"),
        ("--cm", "--cm-cells"): ("cell_group = 4 is not allowed", "memory cells 0-5 together", "a group has 0-3"),
    }.items():
        refused(light.words(out, *more), out, capsys, *told)
    refused(light.words(out, runs=2), out, capsys, "is given twice; its frames would be counted twice")
    dark = simulate(SETTINGS.with_changes({"trains": 2, "first_run": 40}), tmp_path / "dark")
    of_medium = [str(list(dark.runs.values())[1]) if word == str(light.run) else word for word in light.words(out)]
    refused(of_medium, out, capsys, "too weak", "of the 0.", "% of the samples that are of high gain")
    without = [word for word in light.words(out) if word not in ("--constants", str(folder_of(light.made)))]
    refused(without, out, capsys, "Nothing was given for Offset; give --constants-offset")
    result = Result(light.words(out, "--min-light", "1"), out, capsys)
    [found] = re.findall(r"a pixel has ([0-9.]+) photons", result.errors[0])
    usual = SCENE.mean_of(SETTINGS, MODULE).mean() * SCENE.lines.mean / 8.041
    assert float(found) == pytest.approx(usual, rel=0.04)  # by the usual gain of 7.2, the spread of ASICs is 3 %


def test_what_is_lacking_is_told(light: Light, tmp_path: Path, capsys: Any) -> None:
    bare = tmp_path / "constants"
    shutil.copytree(folder_of(light.made), bare)
    for one in list_constants(bare):
        if one.calibration == "Noise":
            one.path.unlink()
    out = tmp_path / "out"
    words = light.words(out, "--pulses", "0:3", "--min-entries", "500", constants=bare)
    result = Result(words, out, capsys)
    assert result.status == 0
    assert set(result.constants[MODULE]) == {"FFHistogram", "FFSums"}
    assert any("Isolated samples are left out: there is no Noise" in one for one in result.warnings)
    assert any("3 of 6 memory cells have no frame (3-5)" in one for one in result.warnings)
    assert any("100.0% of the pixels and groups of memory cells have fewer than 500 samples" in one
               for one in result.warnings), result.warnings
    assert histograms(out).frames.tolist() == [180, 0]
    assert not histograms(out).counts(1).any()
