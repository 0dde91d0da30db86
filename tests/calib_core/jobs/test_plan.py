"""Plans of jobs over simulated runs: all work once, the same on any machine, and bad requests refused first."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pytest

from calib_core.axes import Axis
from calib_core.characterisation.family import declare, named, withdraw
from calib_core.detector.registry import detector_type
from calib_core.errors import BadInput, BadParameter, CalibrationError
from calib_core.jobs import plan as planning
from calib_core.jobs.plan import Plan, make_plan
from calib_core.jobs.room import chunk_bytes_of, chunk_of
from calib_core.jobs.spec import JobSpec
from calib_core.simulate import default_settings, simulate

from .tiny import FAMILY, PDU, put_constant

CELLS, TRAINS = 5, 11
IMAGE = "INSTRUMENT/SCS_DET_DSSC1M-1/DET/{}CH0:xtdf/image/{}"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two modules of DSSC, five memory cells, 11 trains in sequences of 2, 2, 2, 2, 2 and 1."""
    settings = default_settings("DSSC1M").with_changes(
        {"modules": "4,6", "memory_cells": CELLS, "trains": TRAINS, "trains_per_sequence": 2})
    return simulate(settings, tmp_path_factory.mktemp("raw")).runs["dark"]


@contextmanager
def planned(run: Path, **changes: Any) -> Iterator[Plan]:
    fields: dict[str, Any] = {
        "family": "DSSC", "method": "DARK", "inputs": {"dark": (str(run),)}, "out_folder": run.parent / "out",
        "memory_mb": 384, "parameters": {"min_trains": 1}, **changes}
    plan = make_plan(JobSpec(**fields))
    try:
        yield plan
    finally:
        plan.close()


def frames_in(run: Path, module: int) -> Counter[tuple[int, int]]:
    """Train and memory cell of each frame, in h5py's words."""
    found: Counter[tuple[int, int]] = Counter()
    for path in sorted(run.glob(f"*-DSSC{module:02d}-S*.h5")):
        with h5py.File(path) as file:
            trains, cells = (file[IMAGE.format(module, key)][:].ravel().tolist() for key in ("trainId", "cellId"))
            found.update(zip(trains, cells, strict=True))
    return found


def frames_of(plan: Plan, units: Any) -> Counter[tuple[int, int]]:
    found: Counter[tuple[int, int]] = Counter()
    for unit in units:
        for chunk in plan.source.chunks(unit, "dark", slice(None)):
            found.update(zip(chunk.train.tolist(), chunk.cell.tolist(), strict=True))
    return found


@pytest.mark.parametrize("parts", [1, 2, 3, 4, 5, 6, 7, 1000])
def test_every_frame_is_read_once_in_any_number_of_parts(parts: int, run: Path) -> None:
    stored = {module: frames_in(run, module) for module in (4, 6)}
    with planned(run, parts=parts) as plan:
        for module in stored:
            units = [unit for unit in plan.units if unit.module == module]
            cut = [part for unit in units for part in plan.parts(unit) or (unit,)]
            assert len(cut) == len(units) * min(parts, 6)
            found = frames_of(plan, cut)
            assert found == stored[module]
            assert len(found) == CELLS * TRAINS
            assert set(found.values()) == {1}
        less = f"{plan.runs['dark'].label} is done in 6 of {parts} parts, since it has no more sequences of files."
        assert (less in plan.notes) == (parts > 6)


def test_parts_come_in_the_order_of_the_trains(run: Path) -> None:
    with planned(run, parts=4) as plan:
        trains = [[train for train, _ in frames_of(plan, [part])] for part in plan.parts(plan.units[0])]
    assert all(max(before) < min(after) for before, after in pairwise(trains))
    assert [len(set(one)) for one in trains] == [2, 4, 2, 3]


@pytest.mark.parametrize("threads", [0, 3])
@pytest.mark.parametrize("memory", [384, 512, 1024, 8192])
def test_units_are_the_same_on_any_machine(
    memory: int, threads: int, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for processors in (1, 8, 256):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, n=processors: set(range(n)))
        with planned(run, memory_mb=memory, threads=threads) as plan:
            assert plan.threads == (threads or processors)
            found.append(plan.units)
    assert len(set(found)) == 1
    assert [unit.index for unit in found[0]] == list(range(len(found[0])))
    for module in (4, 6):
        blocks = [unit.block for unit in found[0] if unit.module == module]
        assert sum(blocks, ()) == tuple(range(CELLS))
    assert {unit.samples for unit in found[0]} == {TRAINS}


def test_only_the_modules_that_are_asked_for_are_planned(run: Path) -> None:
    with planned(run, modules=(6, 6), pdus={6: "DSSC_NEW"}) as plan:
        assert plan.modules == (6,)
        assert {unit.module for unit in plan.units} == {6}
        assert plan.detector is not None
        assert plan.detector.module(6).pdu == "DSSC_NEW"


def test_a_place_beyond_the_data_is_the_nearest(run: Path) -> None:
    with planned(run) as plan:
        assert [plan.cell_at({"cell": i}) for i in (-3, 0, 4, 5, 99)] == [0, 0, 4, 4, 4]
        assert plan.key_at({"gain": 0}) == "dark"
        assert plan.key_at({"gain": 1}) == ""
        assert plan.label(plan.units[0]) == "p900000 r0001"


@pytest.mark.parametrize(("changes", "error", "words"), [
    ({"family": "X"}, BadParameter, "There is no detector family “X”"),
    ({"method": "FLAT"}, BadParameter, "DSSC has no characterisation “FLAT”; it has DARK, CORRECT."),
    ({"inputs": {"warm": ("/r1",)}}, BadParameter, "DSSC DARK has no input “warm”; it has dark."),
    ({"inputs": {}}, BadInput, "The job has no run; give at least one."),
    ({"inputs": {"dark": ("/nowhere/r1",)}}, BadInput, "/nowhere/r1"),
    ({"modules": (5,)}, BadParameter, "SCS_DET_DSSC1M-1 has no module 5 in this run; it has 4, 6."),
    ({"pdus": {5: "A"}}, BadParameter, "SCS_DET_DSSC1M-1 has no module 5 in this run; it has 4, 6."),
    ({"pdus": {4: "../A"}}, BadParameter, "“../A” cannot name a constant"),
    ({"pdus": {4: "A", 6: "A"}}, BadParameter, "Modules 4 and 6 are both given as A; name each unit once."),
    ({"detector": "SCS_X"}, BadInput, "has no SCS_X detector"),
    ({"parameters": {"speed": 3}}, BadParameter, "speed"),
    ({"parameters": {"min_trains": 12}}, BadInput, "DSSC04 has 11 trains with usable frames; at least 12 are"),
    ({"conditions": {"humidity": 3}}, BadParameter, "There is no condition “humidity”"),
])
def test_what_cannot_be_done_is_refused_in_one_sentence(
    changes: dict[str, Any], error: type[CalibrationError], words: str, run: Path
) -> None:
    with pytest.raises(error, match=re.escape(words)) as told, planned(run, **changes):
        pass
    assert "\n" not in str(told.value)


@pytest.fixture
def of_constants() -> Iterator[None]:
    declare(FAMILY)
    yield
    withdraw(FAMILY)


@pytest.mark.usefixtures("of_constants")
def test_a_job_of_constants_reads_each_entry_once(tmp_path: Path) -> None:
    put_constant(tmp_path, cells=[0, 4], module=3)
    put_constant(tmp_path, pdu="TINY_M001", cells=[0, 4], module=1)
    spec = JobSpec(family="TINY", method="MAKE", inputs={"dark": (str(tmp_path),)}, out_folder=tmp_path / "out")
    plan = make_plan(spec)
    assert plan.survey is None
    read = [(unit.module, chunk.index, chunk.values["Offset"].shape)
            for unit in plan.units for chunk in plan.source.chunks(unit, "dark", slice(None))]
    assert sorted(read) == [(1, 0, (3, 2, 3)), (1, 1, (3, 2, 3)), (3, 0, (3, 2, 3)), (3, 1, (3, 2, 3))]
    assert plan.detector is not None
    assert plan.detector.module(3).pdu == PDU
    assert plan.context.cells == (0, 4)


#: Samples that are kept of each memory cell.
KEPT = {"plain": 0, "robust 30": 30, "robust 60": 60, "robust 1000": 128}


def asked_of(threads: int, kept: int, folder: Path) -> tuple[int, list[int], int]:
    """Bytes of a memory cell's frame, cells of each unit, and bytes of a chunk of one: all 352 cells of a module."""
    spec = JobSpec(family="AGIPD", method="DARK", out_folder=folder, threads=threads)
    assert spec.memory_mb == max(2048, 512 * threads)
    kind = detector_type("AGIPD1M")
    method = named("AGIPD").method("DARK").with_changes({"estimator": "robust" if kept else "plain"})
    chunk, axes = chunk_bytes_of(spec, kind.frame_bytes), {"cell": Axis("cell", "", range(352))}
    source = SimpleNamespace(chunk_bytes=chunk, index_bytes=3 << 20,
                             entries=lambda *_: (tuple(range(352)), kept if 0 < kept < 128 else 1000))
    plan = SimpleNamespace(method=method, kind=kind, spec=spec, context=SimpleNamespace(axes=axes), source=source,
                           _beside=lambda cells, module: 2 * chunk)
    blocks = [block for block, _ in planning._blocks(plan, 3, ("high",))]  # type: ignore[arg-type]
    assert sum(blocks, ()) == tuple(range(352))
    cells = [len(block) for block in blocks]
    return kind.frame_bytes, cells, chunk_of(chunk, max(cells), kind.frame_bytes)


@pytest.mark.parametrize("threads", [1, 2, 8, 64])
@pytest.mark.parametrize("what", KEPT)
def test_units_read_long_stretches_where_memory_allows(
    threads: int, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine of few processors and of many, with 512 MiB for each of them and 2048 at least."""
    monkeypatch.setattr("calib_core.io.budget.usable_bytes", lambda: max(threads, 4) << 33)
    frame, cells, chunk = asked_of(threads, KEPT[what], tmp_path)
    # 16 memory cells, each of 128 samples of 65,536 pixels and two planes, would be 700 of 512 MiB
    least = 9 if (threads, what) == (8, "robust 1000") else 16
    assert min(cells[:-1]) == least
    assert np.median(cells) * frame >= (4 << 20) * least / 16
    assert chunk >= 8 * least * frame
    kept, budget = 512 * 128 * 2 * 2 * KEPT[what], max(2048, 512 * threads) << 20
    # of very many threads not all work on units of the most samples at the same time
    assert kept * least < (1.4 if threads == 64 else 1) * budget / threads
    assert len(cells) * 3 * 16 >= 8 * threads  # of three gain stages and sixteen modules


def test_threads_that_nobody_counts_are_taken_for_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their number is the machine's then, and units follow from the specification alone."""
    monkeypatch.setattr("calib_core.io.budget.usable_processors", lambda: 2)
    monkeypatch.setattr("calib_core.io.budget.usable_bytes", lambda: 1 << 35)
    (_, few, _), (_, most, _) = (asked_of(threads, 30, tmp_path) for threads in (0, 8))
    assert max(few) == 9 < max(most) == 16
