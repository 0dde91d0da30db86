"""Frames around one: of its file, not more than asked for, itself among them, and the same for neighbours."""

from __future__ import annotations

import numpy as np
import pytest

from calib_core.io.around import around_of

#: Frames of a memory cell in three files.
SEQUENCE = np.repeat([2, 3, 7], [40, 10, 16])
FIRST = {2: 0, 3: 40, 7: 50}


@pytest.mark.parametrize("n", [1, 2, 5, 16, 100])
def test_frames_are_of_the_file_and_around(n: int) -> None:
    for place, sequence in enumerate(SEQUENCE.tolist()):
        found, length = around_of(SEQUENCE, place, n), int((sequence == SEQUENCE).sum())
        assert (found.sequence, found.trains_of_file) == (sequence, length)
        chosen = range(len(SEQUENCE))[found.which]
        assert place in chosen
        assert len(chosen) == min(n, length)
        assert set(SEQUENCE[chosen.start:chosen.stop]) == {sequence}


def test_neighbours_have_the_same() -> None:
    of_first = {(found.which.start, found.which.stop) for place in range(40)
                if (found := around_of(SEQUENCE, place, 16))}
    assert of_first == {(0, 16), (4, 20), (12, 28), (20, 36), (24, 40)}
