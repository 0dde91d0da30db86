"""Parts of a unit: each sequence of files in one of them, in order."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from calib_core.axes import Axis
from calib_core.characterisation.unit import Context, Unit
from calib_core.jobs.sources import Source

UNIT = Unit(3, 5, ("high",), (0, 1), 40)


def source(sequences: tuple[int, ...], cells: dict[int, int] | None = None) -> Source:
    frames: Any = SimpleNamespace(sequences=sequences, frames_per_cell=cells or {4: 40, 8: 30})
    context = Context(cells=(4, 6, 8), axes={"cell": Axis("cell", "Memory cell", (4, 6, 8))})
    return Source({(5, "high"): frames}, {"high": SimpleNamespace(label="p900000 r0007")}, {}, 1 << 20, context)


@pytest.mark.parametrize(("number", "cut"), [
    (1, []), (2, [(0, 1), (2, 3, 7)]), (3, [(0,), (1, 2), (3, 7)]), (5, [(0,), (1,), (2,), (3,), (7,)]),
    (9, [(0,), (1,), (2,), (3,), (7,)]),
])
def test_parts_are_whole_sequences_each_once(number: int, cut: list[tuple[int, ...]]) -> None:
    parts = source((0, 1, 2, 3, 7)).parts(UNIT, number)
    assert [part.sequences for part in parts] == cut
    assert all(part.block == UNIT.block and part.index == UNIT.index and part.samples == 40 for part in parts)


def test_a_run_of_one_sequence_is_done_in_one_piece_and_that_is_told() -> None:
    found = source((2,))
    assert found.parts(UNIT, 4) == ()
    assert found.fewer_parts(4) == [
        "p900000 r0007 is done in 1 of 4 parts, since it has no more sequences of files."]
    assert found.fewer_parts(1) == []


def test_only_memory_cells_with_frames_are_worked_on() -> None:
    axis = Axis("cell", "Memory cell", (4, 6, 8))
    assert source((0,)).entries(axis, 5, ("high",)) == ((0, 2), 40)


def test_items_of_a_pass_are_the_frames_of_the_unit_up_to_what_the_pass_wants() -> None:
    unit = Unit(0, 5, ("high",), (0, 2), 40)
    assert source((0,)).items(unit, "high", slice(None)) == 70
    assert source((0,)).items(unit, "high", slice(35)) == 35 + 30
    assert source((0,)).items(unit, "high", slice(35, None)) == 5
    assert source((0,)).items(unit, "dark", slice(None)) == 2
