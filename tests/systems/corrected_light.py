"""Corrected runs of simulated light, and what the simulator put into each of their samples."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from extra_data import RunDirectory

from calib_core.constants.badpixels import BadPixels
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import BadKind, Simulated, default_settings, read_truth, simulate
from calib_core.simulate.scenes.photons import Photons
from calib_core.simulate.settings import Settings
from calib_core.simulate.truth import ModuleTruth
from calib_core.store.constants import list_constants

from .command import Result

Array = Any


@dataclass(frozen=True)
class Light:
    """A type of detectors in light: what is simulated, and where its corrected samples are.

    ``keys`` are those of values, mask and stage (empty where there is none); ``settings`` are those that differ.
    """

    kind: str
    family: str
    source: str
    keys: tuple[str, str, str]
    module: int
    scene: Photons
    settings: dict[str, Any] = field(default_factory=dict)

    def simulated(self, folder: Path, **changes: Any) -> Simulated:
        """A run with light, and its truth as constants."""
        settings = default_settings(self.kind).with_changes({
            "modules": str(self.module), "seed": 5, "first_run": 10, **self.settings, **changes})
        made = simulate(settings, folder, scene=self.scene)
        write_truth(made)
        return made

    def darks(self, folder: Path, **changes: Any) -> Simulated:
        """Dark runs of the same detector."""
        settings = default_settings(self.kind).with_changes({
            "modules": str(self.module), "seed": 5, **self.settings, **changes})
        return simulate(settings, folder)

    def words(self, light: Simulated, out: Path, *more: str, constants: Path | None = None) -> list[str]:
        [run] = light.runs.values()
        return [self.family, "CORRECT", "--run", str(run), "--constants", str(constants or folder_of(light)),
                "--out-folder", str(out), *more]

    def corrected(self, light: Simulated, out: Path, capsys: Any, *more: str, constants: Path | None = None) -> Found:
        done = Result(self.words(light, out, *more, constants=constants), out, capsys)
        assert done.status == 0, done.errors
        return Found(self, read_truth(light.truth_file).settings, out, done.warnings)


@dataclass
class Found:
    """A corrected run of one module, what its frames were made of, and what was said."""

    of: Light
    settings: Settings
    folder: Path
    said: list[str]

    def __post_init__(self) -> None:
        self.truth = ModuleTruth(self.settings, self.of.module)
        self.stages = len(self.settings.detector.stages)

    def arrays(self) -> tuple[list[Array], list[int], list[int]]:
        """Values, mask and stages of all frames in the file's order, with their trains and memory cells."""
        source = RunDirectory(self.folder)[self.of.source]
        shape = (-1, *self.settings.detector.shape)
        found = [source[key].ndarray() if key else None for key in self.of.keys]
        n = int(np.prod(found[0].shape) / np.prod(shape[1:]))
        raw = self.settings.detector.raw
        trains = np.repeat(source[self.of.keys[0]].train_id_coordinates(), n // len(found[0]))
        cells = source[raw.cell].ndarray().ravel() if raw.cell else np.zeros(n, int)
        whole = [np.zeros((n, *shape[1:]), np.uint8) if one is None else one.reshape(shape) for one in found]
        return whole, trains.tolist(), cells.tolist()

    def frames(self) -> Iterator[tuple[Array, Array, Array, Array, Array, int]]:
        """Values, mask and stage of each frame, the charge in it and its stages, and its memory cell."""
        arrays, trains, cells = self.arrays()
        seen: dict[tuple[int, int], int] = {}
        for train, cell, *one in zip(trains, cells, *arrays, strict=True):
            repeat = seen[train, cell] = seen.get((train, cell), -1) + 1
            yield (*one, *self.of.scene.truth_of(self.settings, self.of.module, train, cell, repeat), cell)

    def pulls(self, scale: Any, noise: Any) -> dict[int, Array]:
        """Residuals over their expected deviation by stage, of samples without flags.

        Parameters
        ----------
        scale, noise : callable
            Of a memory cell: what a keV is worth in the values, and the deviation of a sample of each stage in them.
        """
        by_stage: dict[int, list[Array]] = {stage: [] for stage in range(self.stages)}
        known = {cell: (scale(cell), noise(cell)) for cell in set(self.arrays()[2])}
        for values, mask, gain, charge, stage, cell in self.frames():
            good, (of_energy, deviation) = mask == 0, known[cell]
            assert good.mean() > 0.9
            np.testing.assert_array_equal(gain[good], stage[good])
            expected = np.take_along_axis(deviation, stage[None].astype(int), 0)[0]
            for one, kept in by_stage.items():
                mine = good & (stage == one)
                kept.append(((values - charge.astype(float) * of_energy)[mine]) / expected[mine])
        return {stage: np.concatenate(kept) for stage, kept in by_stage.items()}

    def check_masks(self) -> None:
        """Flags are where bad pixels were put, and nowhere else; stages of all samples are the truth's."""
        bad = self.truth.bad
        dead = (bad & (BadKind.DEAD | BadKind.DEAD_BLOCK)) > 0
        assert (bad != 0).any()
        for _, mask, gain, _, stage, _ in self.frames():
            np.testing.assert_array_equal(mask != 0, bad != 0)
            assert (mask[dead] & int(BadPixels.NO_DARK_DATA)).all()
            if self.of.keys[2]:
                right = (bad & BadKind.WRONG_GAIN) == 0
                np.testing.assert_array_equal(gain[right], stage[right])


def check(of_stage: dict[int, Array], width: float = 1.0) -> None:
    """Residuals of all stages are about 0 and as wide as they should be."""
    for stage, found in of_stage.items():
        assert len(found) > 10_000, f"stage {stage}"
        assert abs(found.mean()) < 0.05, f"stage {stage}"
        assert abs(found.std() / width - 1) < 0.05, f"stage {stage}"


def content(folder: Path) -> dict[str, Array]:
    """Data sets of corrected files by file and name."""
    found: dict[str, Array] = {}
    for path in sorted(folder.glob("CORR-*.h5")):
        with h5py.File(path) as file:
            names: list[str] = []
            file.visit(names.append)
            found |= {f"{path.name} {name}": file[name][()] for name in names
                      if isinstance(file[name], h5py.Dataset) and not name.startswith("METADATA")}
    assert found
    return found


def assert_same(first: Path, second: Path) -> None:
    """Corrected files of two folders have the same bits."""
    one, other = content(first), content(second)
    assert one.keys() == other.keys()
    for key, values in one.items():
        np.testing.assert_array_equal(values, other[key], err_msg=key)


def assert_valid(folder: Path) -> None:
    """Other software finds nothing wrong with the files."""
    validate = Path(sys.executable).with_name("extra-data-validate")
    done = subprocess.run([validate, str(folder)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout


def without(constants: Path, *kinds: str) -> Path:
    """The same constants but those of some calibrations."""
    for one in list_constants(constants):
        if one.calibration in kinds:
            one.path.unlink()
    return constants
