"""Simulated runs that may be damaged: hard links to whole ones, and a copy of each file that is touched."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from calib_core.simulate.run import simulate
from calib_core.simulate.settings import default_settings

_COMMON = {"trains": 20, "trains_per_sequence": 10}
_CELLS = {"modules": "0-2", "memory_cells": 4, **_COMMON}
#: Detector type of each family that takes part, and what its runs differ by from the simulator's defaults.
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "AGIPD": ("AGIPD500K", _CELLS),
    "LPD": ("LPD1M", _CELLS),
    "DSSC": ("DSSC1M", _CELLS),
    "JUNGFRAU": ("JUNGFRAU", {"modules": "1-2", **_COMMON}),
    "GOTTHARD2": ("GOTTHARD2_25UM", {"frames_per_train": 10, **_COMMON}),
    "EPIX10K": ("EPIX10K", _COMMON),
    "EPIX100": ("EPIX100", _COMMON),
}


def make_runs(family: str, folder: Path, **changes: Any) -> dict[str, Path]:
    """Simulate the whole runs of a family once; run folders by role."""
    kind, settings = KINDS[family]
    made = folder / "made"
    if not made.exists():
        simulate(default_settings(kind).with_changes({**settings, **changes}), folder, threads=1)
        made.touch()
    runs = sorted(folder.glob("*/*/p*/raw/r*"))
    return dict(zip(["high", "med", "low"] if len(runs) > 1 else ["dark"], runs, strict=True))


@dataclass
class Raw:
    """Runs that may be damaged, and the one file of a module that chance has chosen for it.

    Attributes
    ----------
    family : str
    runs : dict
        Run folders by role.
    random : numpy.random.Generator
        Decides what is damaged; the same seed damages the same.
    given : dict
        Runs that the command line names, where they are not `runs`.
    """

    family: str
    runs: dict[str, Path]
    random: np.random.Generator
    given: dict[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.role = str(self.random.choice(sorted(self.runs)))
        modules = sorted({part_of(path) for path in self.run.glob("*.h5") if holds_pixels(path)})
        self.part = str(self.random.choice(modules))
        self.sequence = int(self.random.integers(2))

    @classmethod
    def linked(cls, family: str, whole: dict[str, Path], folder: Path, seed: int) -> Raw:
        """Hard links to whole runs, in a raw folder of the same names."""
        runs = {role: folder / "raw" / path.name for role, path in whole.items()}
        for role, path in whole.items():
            shutil.copytree(path, runs[role], copy_function=os.link)
        return cls(family, runs, np.random.default_rng(seed))

    @property
    def run(self) -> Path:
        """Run that is damaged."""
        return self.runs[self.role]

    def file(self, sequence: int | None = None) -> Path:
        """File of the chosen module, that may be written to."""
        number = self.sequence if sequence is None else sequence
        [path] = self.run.glob(f"RAW-*-{self.part}-S{number:05d}.h5")
        return own(path)

    def files(self) -> list[Path]:
        """All files of the chosen module in this run, that may be written to."""
        return [own(path) for path in sorted(self.run.glob(f"RAW-*-{self.part}-S*.h5"))]

    def everywhere(self) -> list[Path]:
        """All files of the chosen module in all runs."""
        return [own(path) for run in self.runs.values() for path in sorted(run.glob(f"RAW-*-{self.part}-S*.h5"))]

    def controls(self, everywhere: bool = True) -> list[Path]:
        """Files of control data, of all runs or of this one."""
        runs = list(self.runs.values()) if everywhere else [self.run]
        return [own(path) for run in runs for path in sorted(run.glob("*.h5")) if not holds_pixels(path)]

    def names(self, path: Path) -> tuple[str, ...]:
        """Words that name a file or its module."""
        modules = (1, 2) if self.family == "GOTTHARD2" else (int(self.part[-2:]),)
        return (path.name, self.part, *[f"module {number}" for number in modules])

    @contextmanager
    def opened(self, path: Path | None = None) -> Iterator[Source]:
        """The file of the chosen module, and in it the source of one of its modules."""
        with h5py.File(path or self.file(), "r+") as file:
            found = sources(file)
            yield Source(file, found[int(self.random.integers(len(found)))])


@dataclass
class Source:
    """Frames of a module in an open file."""

    file: h5py.File
    name: str

    @property
    def group(self) -> h5py.Group:
        """Group of the frames and what belongs to them."""
        return self.file[f"INSTRUMENT/{self.name}"]

    @property
    def index(self) -> h5py.Group:
        """First row and number of rows of each train."""
        if f"INDEX/{self.name}" in self.file:
            return self.file[f"INDEX/{self.name}"]
        return self.file[f"INDEX/{self.name.rpartition('/')[0]}"]

    @property
    def pixels(self) -> h5py.Dataset:
        """Dataset of the frames."""
        return next(one for one in self.group.values() if is_pixels(one))

    @property
    def cells(self) -> h5py.Dataset | None:
        """Dataset of memory cells, where there is one."""
        return next((self.group[name] for name in ("cellId", "memoryCell") if name in self.group), None)

    @property
    def words(self) -> tuple[str, ...]:
        """Words that name the module."""
        return (self.name, self.name.partition(":")[0].rpartition("/")[2])

    def replace(self, name: str, make: Callable[[h5py.Group, h5py.Dataset], object]) -> None:
        """Put something else in place of a dataset of the group."""
        old = self.group[name]
        del self.group[name]
        make(self.group, old)


def own(path: Path) -> Path:
    """A copy of a file in place of its hard link, so that whole runs stay whole."""
    if path.is_file() and path.stat().st_nlink > 1:
        copy = path.with_suffix(".copy")
        shutil.copyfile(path, copy)
        copy.replace(path)
    return path


def part_of(path: Path) -> str:
    """The part of a file's name that says whose data it holds."""
    return path.name.split("-")[2]


def is_pixels(item: Any) -> bool:
    """Whether something in a file is a dataset of frames."""
    return isinstance(item, h5py.Dataset) and item.dtype in (np.uint16, np.int16) and item.ndim > 2


def sources(file: h5py.File) -> list[str]:
    """Groups below INSTRUMENT that hold frames."""
    found: list[str] = []

    def look(name: str, item: Any) -> None:
        if is_pixels(item):
            found.append(name.rpartition("/")[0])

    if "INSTRUMENT" in file:
        file["INSTRUMENT"].visititems(look)
    return sorted(set(found))


def holds_pixels(path: Path) -> bool:
    """Whether a whole file has frames."""
    with h5py.File(path) as file:
        return bool(sources(file))
