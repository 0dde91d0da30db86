"""Peak memory of a correction of two whole modules: each of their memory cells has its constants."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from calib_core.jobs.spec import JobSpec
from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import Simulated, default_settings, simulate
from calib_core.simulate.scenes.photons import Photons

from ..systems.test_memory import peak_of_job

CELLS, TRAINS = 352, 8


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """Two modules, 1.5 GB of frames and 4 GB of true constants."""
    settings = default_settings("AGIPD1M").with_changes({"modules": "0,8", "memory_cells": CELLS, "trains": TRAINS})
    made = simulate(settings, tmp_path_factory.mktemp("light"), scene=Photons())
    write_truth(made)
    return made


def numbers_in(folder: Path) -> dict[str, tuple[int, float]]:
    """Frames of each corrected file, and the sum of a few of its values."""
    found = {}
    for path in sorted(folder.glob("CORR-*-AGIPD*.h5")):
        with h5py.File(path) as file:
            [images] = [one for one in find_images(file)]
            found[path.name] = len(images), float(np.nansum(images[::97]))
    return found


def find_images(file: h5py.File) -> list[h5py.Dataset]:
    found: list[h5py.Dataset] = []
    file.visititems(lambda name, one: found.append(one) if name.endswith("image/data") else None)
    return found


@pytest.mark.timeout(1800)
def test_two_modules_of_352_memory_cells(light: Simulated, tmp_path: Path, bars) -> None:
    [run] = light.runs.values()
    numbers = []
    for budget in (2048, 6144):
        out = tmp_path / str(budget)
        out.mkdir()
        spec = JobSpec(family="AGIPD", method="CORRECT", out_folder=out / "corrected", memory_mb=budget, threads=2,
                       inputs={"run": (str(run),), "constants": (str(folder_of(light)),)})
        peak = peak_of_job(spec, out)
        bars.ratio(f"correction_memory_{budget}", [1.2 * budget / peak], 1.0, f"{peak:.0f} MiB ")
        numbers.append(numbers_in(out / "corrected"))
        shutil.rmtree(out)
    assert numbers[0] == numbers[1]
    assert sorted(n for n, _ in numbers[0].values()) == [CELLS * TRAINS] * 2
