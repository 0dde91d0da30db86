"""A whole correction as a user starts it, against the writing of its files alone as h5py does it."""

from __future__ import annotations

import shutil
import sys
from functools import partial
from pathlib import Path
from statistics import median
from time import thread_time
from typing import Any

import h5py
import numpy as np
import pytest

from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import default_settings, simulate
from calib_core.simulate.scenes.photons import Photons

from .test_whole_process import processor_time

ROUNDS = 3


def corrected(raw: Path, constants: Path, out: Path) -> list[str]:
    """The command line of a correction; what it wrote before is removed."""
    shutil.rmtree(out, ignore_errors=True)
    return [sys.executable, "-m", "calib_core", "AGIPD", "CORRECT", "--run", str(raw), "--constants", str(constants),
            "--out-folder", str(out), "--threads", "1", "-q"]


def images_of(folder: Path) -> list[tuple[Any, dict[str, Any]]]:
    """Arrays of frames in corrected files, with how they are stored."""
    found: list[tuple[Any, dict[str, Any]]] = []

    def keep(name: str, one: Any) -> None:
        if isinstance(one, h5py.Dataset) and one.ndim > 2:
            options = {"chunks": one.chunks, "compression": one.compression, "compression_opts": one.compression_opts,
                       "shuffle": one.shuffle}
            found.append((one[()], options))

    for path in sorted(folder.glob("CORR-*-AGIPD*.h5")):
        with h5py.File(path) as file:
            file.visititems(keep)
    return found


def write(images: list[tuple[Any, dict[str, Any]]], path: Path) -> None:
    with h5py.File(path, "w") as file:
        for number, (values, options) in enumerate(images):
            file.create_dataset(str(number), values.shape, values.dtype, **options)[...] = values


@pytest.mark.parametrize(("cells", "trains", "goal"), [(64, 60, 1.5)])
def test_a_correction_against_the_writing_of_its_files(cells, trains, goal, tmp_path, bars) -> None:
    settings = default_settings("AGIPD1M").with_changes(
        {"modules": "0", "memory_cells": cells, "trains": trains})
    made = simulate(settings, tmp_path / "raw", scene=Photons())
    write_truth(made)
    [raw] = made.runs.values()
    words = partial(corrected, raw, folder_of(made), tmp_path / "corrected")
    processor_time(words())
    images = images_of(tmp_path / "corrected")
    assert sorted(values.dtype.str for values, _ in images) == ["<f4", "<u4", "|u1"]
    assert all(len(values) == cells * trains for values, _ in images)
    [energies] = [values for values, _ in images if values.dtype == np.float32]
    assert np.isfinite(energies[0]).mean() > 0.99
    times = []
    for _ in range(ROUNDS):
        ours, begun = processor_time(words()), thread_time()
        write(images, tmp_path / "written.h5")
        times.append((ours, thread_time() - begun))
    told = "ours={:.2f} s other={:.2f} s ".format(*(median(one) for one in zip(*times, strict=True)))
    bars.ratio("whole_correction_64_cells", [b / a for a, b in times], goal, told)
