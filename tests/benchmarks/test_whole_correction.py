"""A whole correction as a user starts it, against the writing of its files alone as h5py does it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from statistics import median
from time import perf_counter, thread_time
from typing import Any

import h5py
import numpy as np

from calib_core.jobs.truth_constants import folder_of, write_truth
from calib_core.simulate import default_settings, simulate
from calib_core.simulate.scenes.photons import Photons

from .test_whole_process import processor_time

ROUNDS = 3
CELLS, TRAINS = 64, 60


def corrected(raw: Path, constants: Path, out: Path, threads: int = 1) -> list[str]:
    """The command line of a correction; what it wrote before is removed."""
    shutil.rmtree(out, ignore_errors=True)
    return [sys.executable, "-m", "calib_core", "AGIPD", "CORRECT", "--run", str(raw), "--constants", str(constants),
            "--out-folder", str(out), "--threads", str(threads), "-q"]


def light(folder: Path, trains: int) -> tuple[Path, Path]:
    """A run of one module with light in all gain stages, and a folder of its true constants."""
    settings = default_settings("AGIPD1M").with_changes({
        "modules": "0", "memory_cells": CELLS, "trains": trains, "trains_per_sequence": TRAINS})
    made = simulate(settings, folder, scene=Photons())
    write_truth(made)
    [raw] = made.runs.values()
    return raw, folder_of(made)


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


def test_a_correction_against_the_writing_of_its_files(tmp_path, bars) -> None:
    """The whole command, what more frames of it cost, and its time with two threads."""
    short, long = (light(tmp_path / str(trains), trains) for trains in (TRAINS, 3 * TRAINS))
    out = tmp_path / "corrected"
    processor_time(corrected(*short, out))
    images = images_of(out)
    assert sorted(values.dtype.str for values, _ in images) == ["<f4", "<u4", "|u1"]
    assert all(len(values) == CELLS * TRAINS for values, _ in images)
    [energies] = [values for values, _ in images if values.dtype == np.float32]
    assert np.isfinite(energies[0]).mean() > 0.99
    found = [measured(short, long, images, tmp_path) for _ in range(ROUNDS)]
    whole, more, wall = zip(*found, strict=True)
    tell(bars, "whole_correction_64_cells", whole, 1.5)
    tell(bars, "correction_of_more_frames", more, 1.5)
    tell(bars, "correction_of_more_frames_two_threads", wall, 1.5, "wall, ")


def measured(short, long, images, folder: Path) -> tuple[tuple[float, float], ...]:
    """Ours and h5py's: processor time of a whole command, of twice as many frames more, and that with two threads."""
    out = folder / "corrected"
    of_short, of_long = (processor_time(corrected(*one, out)) for one in (short, long))
    begun, started = thread_time(), perf_counter()
    write(images, folder / "written.h5")
    other, other_wall = thread_time() - begun, perf_counter() - started
    walls = []
    for one in (short, long):
        started = perf_counter()
        processor_time(corrected(*one, out, threads=2))
        walls.append(perf_counter() - started)
    return (of_short, other), (of_long - of_short, 2 * other), (walls[1] - walls[0], 2 * other_wall)


def tell(bars, name: str, times, goal: float, said: str = "") -> None:
    ours, other = (median(one) for one in zip(*times, strict=True))
    bars.ratio(name, [b / a for a, b in times], goal, f"{said}ours={ours:.2f} s other={other:.2f} s ")
