"""What a job knows of where its frames are is within its memory budget."""

from __future__ import annotations

import tracemalloc
from contextlib import closing

import pytest

from calib_core.errors import BadParameter
from calib_core.jobs import room
from calib_core.jobs.plan import Plan, make_plan
from calib_core.jobs.spec import JobSpec
from calib_core.simulate import default_settings, simulate

#: Families and how their memory cells are stored: beside each frame, beside each row, not at all.
KINDS = {"DSSC": ("DSSC1M", {"modules": "0-1", "memory_cells": 40}, "dark"),
         "JUNGFRAU": ("JUNGFRAU", {"modules": "1", "memory_cells": 16}, "high"), "EPIX100": ("EPIX100", {}, "dark")}


@pytest.fixture(scope="module", params=KINDS)
def spec(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> JobSpec:
    kind, changes, role = KINDS[request.param]
    settings = default_settings(kind).with_changes({"trains": 20, **changes})
    tmp_path = tmp_path_factory.mktemp("room")
    run = next(iter(simulate(settings, tmp_path / "data").runs.values()))
    return JobSpec(family=request.param, method="DARK", inputs={role: (str(run),)}, out_folder=tmp_path / "out",
                   memory_mb=1024, parameters={"min_trains": 1})


def planned(spec: JobSpec) -> Plan:
    plan = make_plan(spec)
    plan.close()
    return plan


def test_the_room_shrinks_by_the_index(spec: JobSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "resident_bytes", lambda: 0)
    plan = planned(spec)
    frames = sum(len(one) for one in plan.frames.values())
    assert frames > 0
    least, most = 5 * 8 * frames, 64 * frames + 4096  # five numbers of eight bytes, flags, cells beside the pixels
    assert least <= (1024 << 20) - (240 << 20) - plan.room <= most


def test_the_index_is_what_the_plan_keeps(spec: JobSpec) -> None:
    planned(spec)  # libraries are there
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    plan = planned(spec)
    kept = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    counted = plan.source.index_bytes
    assert counted <= kept < counted + (4 << 20)


def test_an_index_of_more_than_half_of_the_budget_is_refused(
    spec: JobSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = planned(spec).source.index_bytes
    monkeypatch.setattr(room, "_INDEX_SHARE", (1024 << 20) // index)
    planned(spec)
    monkeypatch.setattr(room, "_INDEX_SHARE", (1024 << 20) // index + 1)
    with pytest.raises(BadParameter, match=r"^memory_mb = 1024 is too small: to know where the frames are takes "
                                           r"\d+\.\d MiB, which may be half of it at most; it needs a budget of "
                                           r"\d+ MiB, or fewer modules or trains\.$"):
        planned(spec)


@pytest.mark.parametrize(("cells", "frame_bytes", "expected"), [
    (1, 256 << 10, 8 << 20), (4, 256 << 10, 8 << 20), (16, 256 << 10, 32 << 20), (1, 1 << 20, 8 << 20),
    (2, 1 << 20, 16 << 20), (100, 1 << 20, 32 << 20)])
def test_chunks_have_eight_frames_of_each_cell_or_fill_the_cache(cells: int, frame_bytes: int, expected: int) -> None:
    assert room.chunk_of(32 << 20, cells, frame_bytes) == expected


@pytest.mark.parametrize("most", [1, 5 << 20])
def test_chunks_are_never_longer_than_the_budget_allows(most: int) -> None:
    assert room.chunk_of(most, 1, 256 << 10) == most


def test_units_read_chunks_of_that_length(spec: JobSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_CACHED_BYTES", 1)
    with closing(make_plan(spec)) as plan:
        unit = plan.units[0]
        lengths = [len(chunk) for chunk in plan.source.chunks(unit, unit.inputs[0], slice(None))]
    longest = room.FRAMES_AT_ONCE * len(unit.block)
    assert max(lengths) == min(longest, sum(lengths))
