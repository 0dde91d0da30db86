"""Runs with light against what NumPy makes of their truth, read by EXtra-data and h5py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np
import pytest
from extra_data import RunDirectory

from calib_core.cli.main import main
from calib_core.detector.registry import declare, detector_type
from calib_core.errors import BadParameter
from calib_core.simulate import Settings, Simulated, default_settings, read_truth, simulate
from calib_core.simulate.scenes.dark import Dark
from calib_core.simulate.scenes.photons import Photons

#: Largest distance from the mean that the normal numbers have, in standard deviations.
FARTHEST = 4.4
SOURCES = {"JUNGFRAU": "SPB_IRDA_JF4M/DET/JNGFR03:daqOutput", "AGIPD500K": "HED_DET_AGIPD500K2G/DET/3CH0:xtdf"}
SETTINGS = {"JUNGFRAU": {"trains": 5}, "AGIPD500K": {"memory_cells": 4, "trains": 12}}


@dataclass
class Lit:
    """A run with light of module 3: frames in the order of the file, and arrays of its truth file."""

    made: Simulated
    settings: Settings
    scene: Photons

    @cached_property
    def raw(self) -> dict[str, np.ndarray]:
        source = RunDirectory(self.made.runs["photons"])[SOURCES[self.settings.detector_type]]
        if self.settings.detector.raw.frames_per_entry:
            names = {"adc": "data.adc", "gain": "data.gain", "cell": "data.memoryCell"}
            found = {name: source[key].ndarray() for name, key in names.items()}
            train = np.repeat(source["data.adc"].train_id_coordinates(), found["cell"].shape[1])
            return {"train": train, **{name: one.reshape(-1, *one.shape[2:]) for name, one in found.items()}}
        image = source["image.data"].ndarray()
        return {"adc": image[:, 0], "signal": image[:, 1], "cell": source["image.cellId"].ndarray()[:, 0],
                "train": source["image.trainId"].ndarray()[:, 0]}

    @cached_property
    def stored(self) -> dict[str, np.ndarray]:
        with h5py.File(self.made.truth_file) as file:
            return {"cells": file["cells"][()], **{name: one[()] for name, one in file["module/3"].items()}}

    @cached_property
    def truth(self) -> tuple[np.ndarray, np.ndarray]:
        pairs = [self.scene.truth_of(self.settings, 3, int(train), int(cell))
                 for train, cell in zip(self.raw["train"], self.raw["cell"], strict=True)]
        return tuple(np.array(one) for one in zip(*pairs, strict=True))

    def of_stage(self, name: str) -> np.ndarray:
        """A quantity of the truth file for each sample, by its cell and true stage."""
        stored, stage = self.stored[name], self.truth[1]
        cells = np.searchsorted(self.stored["cells"], self.raw["cell"]) if stored.shape[1] > 1 else [0] * len(stage)
        pairs = zip(cells, stage, strict=True)
        return np.array([np.take_along_axis(stored[:, c], one[None].astype(int), 0)[0] for c, one in pairs])

    @property
    def baseline(self) -> np.ndarray:
        """Signal without charge: in medium gain where its line begins, less what high gain's is below the dark."""
        offset, stage = self.of_stage("offset"), self.truth[1]
        if "above_line" not in self.stored:
            return offset
        above, gain = self.stored["above_line"][:, 0], self.stored["gain"][:, 0]
        return offset + np.where(stage == 1, above[0] * gain[1] / gain[0] - above[1], 0)

    @property
    def good(self) -> np.ndarray:
        return self.stored["bad"][0, 0] == 0


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Lit]:
    made: dict[str, Lit] = {}
    root = tmp_path_factory.mktemp("light")

    def make(name: str, changes: dict[str, object] | None = None, **scene: object) -> Lit:
        key = repr((name, changes, scene))
        if key not in made:
            chosen = {"modules": "3", **SETTINGS[name], **(changes or {})}
            settings, shown = default_settings(name).with_changes(chosen), Photons().with_changes(scene)
            written = simulate(settings, root / str(len(made)), scene=shown)
            made[key] = Lit(written, settings, shown)
        return made[key]

    return make


@pytest.mark.parametrize("name", SETTINGS)
def test_photons_are_poisson_about_the_pattern(name: str, light: Callable[..., Lit]) -> None:
    lit = light(name)
    charge, _ = lit.truth
    slow, fast = lit.settings.detector.shape
    photons = charge.astype(float) / 9.2
    np.testing.assert_allclose(photons, np.rint(photons), rtol=1e-6)
    mean = 10000 * 10 ** np.linspace(-4, 0, fast)
    n = len(photons) * slow
    found = photons.mean(axis=(0, 1))
    assert np.abs((found - mean) / np.sqrt(mean / n)).max() < 5
    variance = ((photons - mean) ** 2).mean(axis=(0, 1))
    assert np.abs((variance - mean) / np.sqrt((mean + 2 * mean**2) / n)).max() < 5.5


@pytest.mark.parametrize("name", SETTINGS)
def test_the_stage_follows_from_the_charge_and_each_has_many_samples(name: str, light: Callable[..., Lit]) -> None:
    lit = light(name)
    charge, stage = lit.truth
    limits = lit.stored["switch"] / lit.stored["gain"][:2, 0]
    assert (stage == (charge > limits[0]).astype(int) + (charge > limits[1])).all()
    assert np.bincount(stage.ravel(), minlength=3).min() > 10_000
    # by the means alone, in columns far from the switching of every pixel
    mean = 9.2 * 10000 * 10 ** np.linspace(-4, 0, charge.shape[2])
    middle = np.median(limits, axis=(1, 2))
    for index, (low, high) in enumerate(zip([0, *middle], [*middle, np.inf], strict=True)):
        sure = (mean > 1.5 * low) & (mean < high / 1.5)
        assert sure.any()
        assert (stage[:, :, sure] == index).mean() > 0.999


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("changes", [{}, {"charge_cloud": 12.0}])
def test_samples_are_what_the_charge_makes_in_its_stage(
    name: str, changes: dict[str, float], light: Callable[..., Lit],
) -> None:
    lit = light(name, **changes)
    expected = lit.baseline + lit.of_stage("gain") * lit.truth[0].astype(float)
    noise = lit.of_stage("noise")
    where = np.broadcast_to(lit.good, noise.shape)
    where = where & (expected > FARTHEST * noise + 1) & (expected < 16383 - FARTHEST * noise - 1)
    assert where[:, lit.good].mean() > 0.95
    off = (lit.raw["adc"] - expected)[where]
    assert np.abs(off / noise[where]).max() < FARTHEST + 0.2
    pull = off / noise[where]
    for stage in range(3):
        own = pull[lit.truth[1][where] == stage]
        assert abs(own.mean()) < 5 / np.sqrt(own.size)
        assert own.std() == pytest.approx(1, abs=5 / np.sqrt(2 * own.size))


def test_gain_bits_are_those_of_the_stage_but_of_pixels_with_wrong_bits(light: Callable[..., Lit]) -> None:
    lit = light("JUNGFRAU")
    codes = np.array([0, 1, 3])
    told, true = lit.raw["gain"], codes[lit.truth[1]]
    wrong = lit.stored["bad"][0, 0] == 16
    assert (told[:, ~wrong] == true[:, ~wrong]).all()
    n = told[:, wrong].size
    assert (told[:, wrong] != true[:, wrong]).mean() == pytest.approx(0.25, abs=5 * np.sqrt(0.25 * 0.75 / n))
    assert set(np.unique(told)) == {0, 1, 3}


def test_the_gain_signal_has_the_level_of_the_stage(light: Callable[..., Lit]) -> None:
    lit = light("AGIPD500K")
    off = lit.raw["signal"] - lit.of_stage("gain_signal")
    pull = off[:, lit.good] / lit.of_stage("gain_signal_noise")[:, lit.good]
    assert np.abs(pull).max() < FARTHEST + 0.1
    assert abs(pull.mean()) < 5 / np.sqrt(pull.size)
    assert (lit.raw["signal"][:, lit.stored["bad"][0, 0] == 1] == 0).all()


@pytest.mark.parametrize("name", SETTINGS)
def test_a_shift_of_the_baseline_is_worth_as_much_charge_in_every_stage(
    name: str, light: Callable[..., Lit],
) -> None:
    plain, shifted = light(name), light(name, baseline_shift=-100.0)
    assert all((a == b).all() for a, b in zip(plain.truth, shifted.truth, strict=True))
    told = [shifted.scene.shift_of(shifted.settings, 3, int(train), int(cell))
            for train, cell in zip(shifted.raw["train"], shifted.raw["cell"], strict=True)]
    assert -100 <= min(told) < -60
    assert -40 < max(told) <= 0
    worth = plain.of_stage("gain") / plain.stored["gain"][0, 0] * np.array(told)[:, None, None]
    stays = plain.good & (plain.raw["adc"] > 120) & (shifted.raw["adc"] > 120) & (plain.raw["adc"] < 16200)
    moved = shifted.raw["adc"].astype(float) - plain.raw["adc"]
    assert np.abs(moved - worth)[stays].max() <= 1.01  # the same noise, rounded twice


def test_codes_are_cut_at_the_largest(light: Callable[..., Lit]) -> None:
    lit = light("AGIPD500K", {"trains": 1}, photons=1e5, pattern="flat")
    expected = lit.of_stage("offset") + lit.of_stage("gain") * lit.truth[0]
    beyond = lit.good & (expected > 16383 + 60)
    assert beyond.mean() > 0.9
    assert (lit.raw["adc"][beyond] == 16383).all()


def test_frames_do_not_depend_on_what_is_written_beside_them(light: Callable[..., Lit]) -> None:
    one = light("AGIPD500K", charge_cloud=12.0)
    other = light("AGIPD500K", {"modules": "1,3", "trains": 3, "vetoed_cells": 0.25}, charge_cloud=12.0)
    cells = np.unique(other.raw["cell"])
    assert len(cells) == 3
    same = np.isin(one.raw["train"], other.raw["train"]) & np.isin(one.raw["cell"], cells)
    for name in ("adc", "signal"):
        assert (one.raw[name][same] == other.raw[name]).all()


@pytest.mark.parametrize("pattern", ["flat", "spot", "rings"])
def test_patterns_have_the_mean_that_is_asked_for_where_they_are_brightest(pattern: str) -> None:
    detector = default_settings("JUNGFRAU").detector
    mean = Photons().with_changes({"pattern": pattern, "photons": 7.0}).mean(detector)
    assert mean.shape == (512, 1024)
    assert mean.min() >= 0
    assert mean.max() == pytest.approx(7, rel=2e-3)
    assert (mean == mean[::-1, ::-1]).all()


@pytest.mark.parametrize("name", SETTINGS)
def test_runs_are_opened_without_a_fault_and_tell_the_dynamic_mode(
    name: str, light: Callable[..., Lit], capsys: pytest.CaptureFixture[str],
) -> None:
    lit = light(name, {"modules": ""} if name == "AGIPD500K" else {"modules": "1-3"}, photons=100.0, pattern="spot")
    assert main(["info", str(lit.made.runs["photons"])]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Gain mode 0.0 (" in said
    assert not any(word in said for word in (" ! ", "refused", "left out"))


def test_the_truth_file_tells_the_scene(light: Callable[..., Lit], single: Simulated) -> None:
    lit = light("AGIPD500K", charge_cloud=12.0)
    read = read_truth(lit.made.truth_file)
    assert (read.scene, read.settings) == (lit.scene, lit.settings)
    assert read_truth(single.truth_file).scene == Dark()


def test_a_type_without_gains_is_simulated_in_the_dark_only(tmp_path: Path) -> None:
    kind = detector_type("JUNGFRAU")
    declare(replace(kind, simulated=replace(kind.simulated, levels=replace(kind.simulated.levels, gain=()))))
    try:
        with pytest.raises(BadParameter, match="JUNGFRAU is simulated in the dark only"):
            simulate(default_settings("JUNGFRAU"), tmp_path, scene=Photons())
    finally:
        declare(kind)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "changes", "scene", "message"), [
    ("JUNGFRAU", {"fixed_gain": True}, {}, "fixed_gain = True is not allowed in runs with light"),
    ("AGIPD1M", {"cosmic_rate": 0.5}, {}, "cosmic_rate = 0.5 is not allowed"),
    ("JUNGFRAU", {}, {"charge_cloud": 30.0}, "charge_cloud = 30 is not allowed; it takes 0 to 22.5 µm"),
])
def test_what_cannot_be_made_is_refused_before_anything_is_written(
    name: str, changes: dict[str, object], scene: dict[str, object], message: str, tmp_path: Path,
) -> None:
    with pytest.raises(BadParameter, match=message):
        simulate(default_settings(name).with_changes(changes), tmp_path, scene=Photons().with_changes(scene))
    assert list(tmp_path.iterdir()) == []
