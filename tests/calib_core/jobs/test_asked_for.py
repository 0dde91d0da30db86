"""What was asked for and is not there, or only in part, is told with numbers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from calib_core.detector import FrameSelection
from calib_core.jobs.asked_for import frames_left_out, not_there


def frames(trains: list[int], sequences: tuple[int, ...] = (0,), **excluded: int) -> Any:
    class Some:
        train = np.array(trains, np.uint64)

        def __len__(self) -> int:
            return len(self.train)

    some: Any = Some()
    some.sequences, some.excluded, some.cells = sequences, excluded, (0, 1, 4)
    return some


RUNS: Any = {"run": SimpleNamespace(label="p1 r1", lacks=lambda _: "")}


def told(of: dict[int, Any], cells: int = 0, **selection: Any) -> list[str]:
    by_key = {(number, "run"): one for number, one in of.items()}
    return list(not_there(FrameSelection(**selection), by_key, RUNS, cells))


@pytest.mark.parametrize(("asked", "words"), [
    (((10, 12),), ""),
    (((10, 10), (12, 12)), ""),
    (((9, 12),), "9 have no frames that are used: 1 of 4"),
    (((11, 15), (14, 20), (8, 8)), "8, 13-14, 16-20 have no frames that are used: 8 of 11"),
    (((1, 10**17),), f"1-9, 13-14, 16-{10**17} have no frames that are used: {10**17 - 4:,} of {10**17:,}"),
    (tuple((one, one) for one in (1, 3, 5, 7, 10, 20, 30)), "1, 3, 5, 7, 20 and 1 more stretches have no frames that "
                                                            "are used: 6 of 7"),
])
def test_trains_that_no_module_has(asked: tuple[tuple[int, int], ...], words: str) -> None:
    of = {0: frames([10, 10, 11]), 1: frames([11, 12, 15])}
    assert told(of, trains=asked) == ([f"Of the trains that were asked for, {words}."] if words else [])


def test_files_that_a_module_lacks_are_told_of_it_alone() -> None:
    of = {0: frames([1], (0, 1)), 1: frames([1], (0,)), 2: frames([1], (0,))}
    assert told(of, sequences=((0, 1),)) == [
        "Of modules 1-2 no frames of sequence 1 of p1 r1 are used: 1 of the 2 sequences that were asked for."]


@pytest.mark.parametrize(("pulses", "words"), [
    ((0, 3, 1), ""), ((1, None, 1), ""), ((0, 6, 2), ""),
    ((0, 352, 2), "at most 3 of the 176 frames of each train that were asked for are used of p1 r1."),
])
def test_frames_of_a_train_that_no_train_has(pulses: Any, words: str) -> None:
    found = told({0: frames([1, 2, 2, 2, 3, 3])}, pulses=pulses)
    assert found == ([f"Of module 0 {words}"] if words else [])


@pytest.mark.parametrize(("cells", "words"), [
    (0, ""), (1, ""), (2, ""),
    (8, "no frames of memory cells 2-3, 5-7 of p1 r1 are used: 5 of the 8 that were asked for."),
])
def test_memory_cells_without_frames(cells: int, words: str) -> None:
    assert told({0: frames([1]), 1: frames([1])}, cells) == ([f"Of modules 0-1 {words}"] if words else [])


def test_frames_that_are_left_out_for_too_much_energy_are_counted() -> None:
    selection, of = FrameSelection(xgm="A", most_energy=5.0), {(3, "run"): frames([1, 1], **{"above 5 µJ": 7})}
    assert list(frames_left_out(selection, of, RUNS)) == [
        "Of module 3 2 frames of p1 r1 are used; left out are 7 above 5 µJ."]
