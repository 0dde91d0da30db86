"""Corrected files beside simulated raw runs, as EXtra-data's components and its validator take them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from extra_data import DataCollection, RunDirectory
from extra_data.components import AGIPD1M, DSSC1M, JUNGFRAU, LPD1M

from calib_core.store.corrected import CorrectedSource

from .. import corrected_files as files
from ..corrected_files import Layout, origin_of, raw_files, source, values, write

Array = Any
#: Frames that are left in each of three trains: of the second none, of the third one less.
LEFT = (4, 0, 3)


@dataclass(frozen=True)
class Case:
    """A family's component, modules of its simulated run, and the frames that a train keeps."""

    name: str
    component: Any
    layout: Layout
    aggregator: str
    modules: tuple[int, ...]
    cells: int = 4

    @property
    def rows(self) -> tuple[int, ...]:
        return (1, 0, 1) if self.layout.entry else LEFT


CASES = {case.name + str(case.cells): case for case in (
    Case("AGIPD1M", AGIPD1M, files.AGIPD, "AGIPD", (0, 15)),
    Case("LPD1M", LPD1M, files.LPD, "LPD", (3, 4)),
    Case("DSSC1M", DSSC1M, files.DSSC, "DSSC", (7, 15)),
    Case("JUNGFRAU", JUNGFRAU, files.JUNGFRAU, "JNGFR", (1, 2), 1),
    Case("JUNGFRAU", JUNGFRAU, files.JUNGFRAU, "JNGFR", (1, 2), 16),
)}


@dataclass(frozen=True)
class Corrected:
    """A folder of corrected files, and what was written into them by module."""

    case: Case
    folder: Path
    raw: list[Any]
    sources: dict[int, CorrectedSource]
    written: dict[int, dict[str, Array]]

    def arrays(self, key: str) -> Array:
        """(modules, rows, …) of a key without its group."""
        return np.stack([self.written[m][f"{of.group}.{key}"].reshape(*of.shape, *self._frame(key))
                         for m, of in self.sources.items()])

    def _frame(self, key: str) -> tuple[int, ...]:
        return self.case.layout.frame if key in ("gain", "mask", self.case.layout.samples) else ()

    def key(self, name: str) -> str:
        return f"{self.case.layout.group}.{name}"


@pytest.fixture(scope="module", params=CASES)
def corrected(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Corrected:
    case = CASES[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    raw = raw_files(folder, case.name, case.aggregator, trains=3, memory_cells=case.cells,
                    modules=",".join(map(str, case.modules)))
    sources = {m: source(case.layout, m, case.rows, case.cells) for m in case.modules}
    written = {m: values(of, m) for m, of in sources.items()}
    for file, (module, of) in zip(raw, sources.items(), strict=True):
        write(folder / "proc", origin_of(file), [(of, written[module])])
    return Corrected(case, folder / "proc", raw, sources, written)


@pytest.fixture
def run(corrected: Corrected) -> Iterator[DataCollection]:
    with RunDirectory(str(corrected.folder)) as opened:
        yield opened


def test_components_read_the_same_numbers(corrected: Corrected, run: DataCollection) -> None:
    found = corrected.case.component(run)
    assert sorted(found.modno_to_source) == list(corrected.case.modules)
    for name in (corrected.case.layout.samples, "gain", "mask"):
        whole = {} if corrected.case.layout.entry else {"unstack_pulses": False}
        array = found.get_array(corrected.key(name), **whole)
        np.testing.assert_array_equal(array.values, corrected.arrays(name))
        assert array.dtype == corrected.arrays(name).dtype


@pytest.mark.parametrize("threads", [1, 4])
def test_frames_are_read_in_parallel(corrected: Corrected, run: DataCollection, threads: int) -> None:
    how = {} if corrected.case.layout.entry else {"decompress_threads": threads}  # the others have one way alone
    for name in ("gain", "mask"):
        found = corrected.case.component(run)[corrected.key(name)].ndarray(**how)
        np.testing.assert_array_equal(found, corrected.arrays(name))


@pytest.mark.parametrize("bits", [None, 1 << 3, 0xFF])
def test_masked_samples(corrected: Corrected, run: DataCollection, bits: int | None) -> None:
    masked = corrected.case.component(run).masked_data(**({} if bits is None else {"mask_bits": bits}))
    bad = corrected.arrays("mask") & np.uint32(0xFFFFFFFF if bits is None else bits) != 0
    np.testing.assert_array_equal(
        masked.ndarray(), np.where(bad, np.float32(np.nan), corrected.arrays(corrected.case.layout.samples)))


def test_plain_sources(corrected: Corrected, run: DataCollection) -> None:
    trains = run.train_ids
    assert len(trains) == 3
    assert not np.isnat(run.train_timestamps()).any()
    for number, (module, of) in enumerate(corrected.sources.items()):
        for key in of.keys:
            stored = run[of.name, key.name]
            np.testing.assert_array_equal(stored.ndarray(), corrected.arrays(key.name.partition(".")[2])[number])
        ids = run[of.name, f"{of.group}.trainId"].ndarray()
        np.testing.assert_array_equal(ids, np.repeat(np.array(trains, np.uint64), of.rows.astype(int)))
        assert run.get_data_counts(of.name, of.keys[0].name).tolist() == of.rows.tolist(), module


def test_trains_and_header_are_those_of_the_raw_run(corrected: Corrected, run: DataCollection) -> None:
    with RunDirectory(str(corrected.raw[0].path.parent)) as raw:
        assert run.run_metadata() == raw.run_metadata()
        assert run.train_ids == raw.train_ids
        np.testing.assert_array_equal(run.train_timestamps(), raw.train_timestamps())
    for file in corrected.raw:
        with h5py.File(file.path) as raw, h5py.File(corrected.folder / file.path.name.replace("RAW", "CORR")) as ours:
            for name in ("trainId", "timestamp", "flag", "origin"):
                np.testing.assert_array_equal(ours[f"INDEX/{name}"][()], raw[f"INDEX/{name}"][()])
                assert ours[f"INDEX/{name}"].dtype == raw[f"INDEX/{name}"].dtype


def test_the_validator_finds_nothing(corrected: Corrected) -> None:
    command = [str(Path(sys.executable).with_name("extra-data-validate")), str(corrected.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No problems found" in done.stdout


def test_a_virtual_file_of_all_modules(corrected: Corrected, run: DataCollection, tmp_path: Path) -> None:
    corrected.case.component(run).write_virtual_cxi(str(tmp_path / "all.cxi"))
    first = 1 if corrected.case.layout.entry else 0
    places = [module - first for module in corrected.case.modules]
    with h5py.File(tmp_path / "all.cxi") as file:
        group = file["entry_1/instrument_1/detector_1"]
        for name, key in (("data", corrected.case.layout.samples), ("gain", "gain"), ("mask", "mask")):
            expected = corrected.arrays(key).reshape(len(places), -1, *corrected.case.layout.frame)
            for place, frames in zip(places, expected, strict=True):
                np.testing.assert_array_equal(group[name][:, place], frames)
