"""Corrected runs of detectors that see single photons, what was put into them, and residuals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from extra_data import RunDirectory

from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import Simulated, default_settings, read_truth, simulate
from calib_core.simulate.scenes.photons import Photons
from calib_core.simulate.settings import Settings
from calib_core.simulate.truth import ModuleTruth

from .command import Result

Array = Any
#: Energy of the line that gain maps of the truth are of, keV.
LINE = 8.048


@dataclass(frozen=True)
class Case:
    """A family, where its corrected frames are, and light of few photons and of many."""

    name: str
    source: str
    raw_source: str
    raw_key: str
    group: str
    module: int
    energy: float
    most: float
    settings: Mapping[str, Any] = field(default_factory=dict)
    dims: bool = True
    top: int = 16383

    @property
    def few(self) -> Photons:
        return Photons(photon_energy=self.energy, photons=0.003, pattern="flat")

    @property
    def many(self) -> Photons:
        return Photons(photon_energy=self.energy, photons=self.most, pattern="ramp")


CASES = {case.name: case for case in (
    Case("EPIX100", "MID_EXP_EPIX-1/CORR/RECEIVER:daqOutput", "MID_EXP_EPIX-1/DET/RECEIVER:daqOutput",
         "data.image.pixels", "data.image", 1, LINE, 80.0),
    Case("PNCCD", "SQS_NQS_PNCCD1MP/CAL/PNCCD_FMT-0:output", "SQS_NQS_PNCCD1MP/CAL/PNCCD_FMT-0:output",
         "data.image", "data", 0, 1.6, 14.0, dims=False, top=32000),
    Case("FASTCCD", "SCS_CDIDET_FCCD2M/CORR/FCCD:daqOutput", "SCS_CDIDET_FCCD2M/DAQ/FCCD:daqOutput",
         "data.image.pixels", "data.image", 0, 1.2, 600.0, dims=False),
)}
TRAINS = 8


@dataclass
class Corrected:
    """A corrected run, what its frames were made of, and what was said."""

    case: Case
    scene: Photons
    settings: Settings
    folder: Path
    said: list[str]

    @property
    def source(self) -> Any:
        return RunDirectory(self.folder)[self.case.source]

    @property
    def keys(self) -> set[str]:
        return set(self.source.keys())

    def key(self, name: str) -> Array:
        return self.source[f"{self.case.group}.{name}"].ndarray()

    def frames(self, *keys: str) -> Iterator[tuple[Array, ...]]:
        """What some keys have of each frame, then the charge in it, keV, and its stages."""
        arrays = [self.key(key) for key in keys]
        for train, *of_frame in zip(self.source.train_ids, *arrays, strict=True):
            yield (*of_frame, *self.scene.truth_of(self.settings, self.case.module, int(train), 0))

    @property
    def truth(self) -> ModuleTruth:
        return ModuleTruth(self.settings, self.case.module)

    def noise(self) -> Array:
        """Expected deviation of a sample, keV, (stages, slow_scan, fast_scan): what the simulator put in."""
        stages = range(len(self.settings.detector.stages))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.array([self.truth.noise(stage) / self.truth.gain(stage, 0) for stage in stages])

    def noted(self, name: str) -> dict[str, Any]:
        """Attributes of a key's data set."""
        [path] = sorted(self.folder.glob("CORR-*.h5"))[:1]
        with h5py.File(path) as file:
            [found] = [file[f"INSTRUMENT/{self.case.source}/{self.case.group.replace('.', '/')}/{name}"]]
            return dict(found.attrs)


def lit(case: Case, folder: Path, scene: Photons, **changes: Any) -> Simulated:
    settings = default_settings(case.name).with_changes(
        {"seed": 5, "trains": TRAINS, "trains_per_sequence": 5, "first_run": 10, **case.settings, **changes})
    made = simulate(settings, folder, scene=scene)
    write_truth(made)
    return made


def corrected(
    case: Case, light: Simulated, out: Path, capsys: Any, *more: str, constants: Path | None = None,
) -> Corrected:
    done = Result([*words(case, light, out, constants), *more], out, capsys)
    assert done.status == 0, done.errors
    return found_in(case, light, out, done.warnings)


def words(case: Case, light: Simulated, out: Path, constants: Path | None = None) -> list[str]:
    [run] = light.runs.values()
    return [case.name, "CORRECT", "--run", str(run), "--constants", str(constants or folder_of(light)),
            "--out-folder", str(out)]


def found_in(case: Case, light: Simulated, out: Path, said: list[str]) -> Corrected:
    truth = read_truth(light.truth_file)
    return Corrected(case, truth.scene, truth.settings, out, said)


def pulls(found: Corrected, name: str, unit: float = 1.0) -> dict[int, Array]:
    """Residuals over their expected deviation by stage, of samples without flags; ``unit`` is the values' in keV."""
    by_stage: dict[int, list[Array]] = {stage: [] for stage in range(len(found.settings.detector.stages))}
    noise = found.noise()
    for values, mask, charge, stage in found.frames(name, "mask"):
        good = mask == 0
        assert good.mean() > 0.9
        expected = np.take_along_axis(noise, stage[None].astype(int), 0)[0]
        for one, kept in by_stage.items():
            mine = good & (stage == one)
            kept.append((values[mine] * unit - charge[mine]) / expected[mine])
    return {stage: np.concatenate(kept) for stage, kept in by_stage.items()}


def check(of_stage: Mapping[int, Array], width: float = 1.0, least: int = 10_000) -> None:
    for stage, found in of_stage.items():
        if len(found):
            assert len(found) > least, f"stage {stage}"
            assert abs(found.mean()) < 0.05, f"stage {stage}"
            assert abs(found.std() / width - 1) < 0.05, f"stage {stage}"


def kev_of(found: Corrected) -> float:
    """Energy of an ADU of the median pixel, by what the simulator put in."""
    return 1 / found.settings.levels.gain[0].mean
