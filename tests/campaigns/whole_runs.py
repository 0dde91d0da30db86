"""Whole runs of unusual but right kinds: no warning that is not true; ``python tests/campaigns/whole_runs.py``."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[0:1] = [str(ROOT), str(ROOT / "tests")]

from campaigns.damage_trains import drop_trains  # noqa: E402  after the path
from campaigns.harness import run_dark  # noqa: E402  after the path
from campaigns.outcome import without_numbers  # noqa: E402  after the path
from campaigns.raw import KINDS, holds_pixels, make_runs, sources  # noqa: E402  after the path

Runs = dict[str, Path]
SEVERAL_CELLS = ("AGIPD", "LPD", "DSSC")


@dataclass(frozen=True)
class Unusual:
    """A kind of whole run: what it is simulated with, what is edited, and which new warnings are true.

    Attributes
    ----------
    true : tuple of str
        Patterns of warnings that such runs deserve.
    """

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    edit: Callable[[Runs], None] | None = None
    families: tuple[str, ...] = tuple(KINDS)
    true: tuple[str, ...] = ()


def _files(runs: Runs) -> Iterator[Path]:
    return (path for run in runs.values() for path in sorted(run.glob("*.h5")))


def _empty_first_trains(runs: Runs) -> None:
    """The detector starts two trains after the recording, in all modules alike."""
    for path in _files(runs):
        if "S00000" in path.name and holds_pixels(path):
            with h5py.File(path, "r+") as file:
                file["INDEX"].visititems(lambda name, item: _without_rows(item) if name.endswith("/count") else None)


def _without_rows(count: h5py.Dataset) -> None:
    count[:2] = 0


def _shuffled_cells(runs: Runs) -> None:
    """Cells of a train in another order, the same in all trains, modules and runs."""
    for path in _files(runs):
        with h5py.File(path, "r+") as file:
            for name in sources(file):
                cells = file[f"INSTRUMENT/{name}/cellId"]
                cells[...] = np.roll(cells[()].reshape(10, -1)[:, ::-1], 1, axis=1).reshape(cells.shape)


def _every_other_cell(runs: Runs) -> None:
    """A pattern of vetoes that leaves every other cell, in all modules and runs."""
    for path in _files(runs):
        with h5py.File(path, "r+") as file:
            for name in sources(file):
                cells = file[f"INSTRUMENT/{name}/cellId"]
                cells[...] = cells[()] * 2


def _later_trains(runs: Runs) -> None:
    """Train ids of another year."""
    for path in _files(runs):
        with h5py.File(path, "r+") as file:
            for ids in (item for item in _ids(file)):
                ids[...] = ids[()] + np.uint64(1_000_000_000)


def _ids(file: h5py.File) -> list[h5py.Dataset]:
    found: list[h5py.Dataset] = []
    file.visititems(lambda name, item: found.append(item) if name.endswith("/trainId") else None)
    return found


def _holes(runs: Runs) -> None:
    """Trains that the facility skipped: no file knows of them."""
    for path in _files(runs):
        drop_trains(path, np.array([0, 1, 2, 5, 6, 7, 8, 9]))


def _other_names(runs: Runs) -> None:
    """Files with long numbers of sequences, as of a run of many files."""
    for path in list(_files(runs)):
        path.rename(path.with_name(path.name.replace("-S0000", "-S0020")))


def _chunks_of_many(runs: Runs) -> None:
    """Frames in chunks of several, some compressed."""
    for path in _files(runs):
        with h5py.File(path, "r+") as file:
            for name in sources(file):
                group = file[f"INSTRUMENT/{name}"]
                for key in [key for key, one in group.items() if isinstance(one, h5py.Dataset) and one.ndim > 2]:
                    values = group[key][()]
                    del group[key]
                    group.create_dataset(key, data=values, chunks=(4, *values.shape[1:]), compression="gzip")


def _read_only(runs: Runs) -> None:
    for path in _files(runs):
        path.chmod(0o444)


UNUSUAL = (
    Unusual("plain, another seed", {"seed": 7}),
    Unusual("file format 1.3", {"format_version": "1.3"}),
    Unusual("file format 1.3, another seed", {"format_version": "1.3", "seed": 5}),
    Unusual("all in one file", {"trains_per_sequence": 100}),
    Unusual("three files each", {"trains_per_sequence": 7}),
    Unusual("all modules, three files each", {"modules": "", "trains_per_sequence": 7, "memory_cells": 2},
            families=SEVERAL_CELLS),
    Unusual("forty trains", {"trains": 40}),
    Unusual("cells from the fourth on, then the first", {"first_cell": 2}, families=SEVERAL_CELLS),
    Unusual("one memory cell", {"memory_cells": 1}, families=SEVERAL_CELLS),
    Unusual("one train", {"trains": 1, "frames_per_train": 40}, families=("GOTTHARD2",)),
    Unusual("first trains without frames in all modules", {"trains": 40}, _empty_first_trains,
            true=("without frames", "no frames", "2 are lost", "rows in them belong to no train")),
    Unusual("first trains of zeros", {"empty_first": 2}, true=("without data are left out: [0-9]+ all zero",)),
    Unusual("last trains of zeros", {"empty_last": 2}, true=("without data are left out: [0-9]+ all zero",)),
    Unusual("cells that are never recorded", {"vetoed_cells": 0.5, "memory_cells": 8}, families=SEVERAL_CELLS,
            true=("cell",)),
    Unusual("one long run", {"trains": 80, "trains_per_sequence": 30}, families=("DSSC", "EPIX10K", "GOTTHARD2")),
    Unusual("cells in another order", edit=_shuffled_cells, families=SEVERAL_CELLS),
    Unusual("every other cell vetoed", edit=_every_other_cell, families=SEVERAL_CELLS,
            true=("[Mm]emory cells", "cells? .* not")),
    Unusual("trains of another year", edit=_later_trains),
    Unusual("trains that nobody recorded", edit=_holes, true=("Few",)),
    Unusual("sequences that begin at 200", edit=_other_names, true=("sequence",)),
    Unusual("frames in compressed chunks", edit=_chunks_of_many),
    Unusual("files that are read-only", edit=_read_only),
    Unusual("begin in the night of the change of clocks", {"begin": "2026-10-25T02:30:00+02:00"}),
    Unusual("no bad pixels at all", {"dead_share": 0.0, "noisy_share": 0.0, "high_offset_share": 0.0,
                                     "wrong_gain_share": 0.0}),
)


@dataclass
class Untrue:
    """What a whole run should not have: warnings, or a failure."""

    kind: str
    family: str
    said: list[str]


def plans(families: Sequence[str]) -> list[tuple[Unusual, str]]:
    """Kinds of runs and families that they can be of."""
    return [(one, family) for one in UNUSUAL for family in families if family in one.families]


def check(one: Unusual, family: str, folder: Path, usual: set[str]) -> Untrue | None:
    """Make a run, characterise it, and say what was warned of without reason."""
    try:
        runs = make_runs(family, folder, **one.settings)
        if one.edit:
            one.edit(runs)
        dark = run_dark(family, runs, folder / "out")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    new = [line for line in dark.said if without_numbers(line) not in usual
           and not any(re.search(pattern, line) for pattern in one.true)]
    return Untrue(one.name, family, new or [dark.text[-500:]]) if new or dark.status else None


def usual_warnings(family: str, folder: Path) -> set[str]:
    """What a plain run of a family warns of, for any numbers."""
    dark = run_dark(family, make_runs(family, folder), folder / "out")
    shutil.rmtree(folder)
    return {without_numbers(line) for line in dark.said}


def main(argv: Sequence[str] | None = None) -> int:
    """Go through all kinds and families; the exit status is 1 where something untrue was said."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--families", default=",".join(KINDS), help="families, with commas between")
    families = parser.parse_args(argv).families.split(",")
    found = []
    with tempfile.TemporaryDirectory(prefix="calibwb-campaign-") as made:
        usual = {family: usual_warnings(family, Path(made) / family) for family in families}
        for one, family in plans(families):
            untrue = check(one, family, Path(made) / family, usual[family])
            if untrue:
                found.append(untrue)
                print(f"untrue: {untrue.kind} | {family}: {untrue.said}", flush=True)
    print(f"{len(plans(families))} whole runs, {len(found)} with a warning that is not true.")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
