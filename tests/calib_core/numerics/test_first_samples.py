"""The first samples of each memory cell are those of its first frames, whatever the chunks."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from calib_core.numerics import first_samples

CELLS, DEPTH, PIXELS = 3, 4, 77


def frames(n: int = 23):
    rng = np.random.default_rng(n)
    return (rng.integers(0, 65536, (n, 2, PIXELS), np.uint16), rng.integers(0, CELLS, n),
            rng.choice(np.array([2, 2, 2, 2, 1], np.uint8), (n, PIXELS)))


@pytest.mark.parametrize("planes", [(0,), (1,), (1, 0)])
@pytest.mark.parametrize("chunk", [1, 5, 23])
@pytest.mark.parametrize("checked", [False, True])
def test_first_frames_are_kept(planes, chunk, checked):
    block, slot, gain = frames()
    out = np.full((len(planes), CELLS, DEPTH, PIXELS), 7, np.uint16)
    filled, wrong, kept = np.zeros(CELLS, np.int64), np.zeros((CELLS, PIXELS), np.uint32), []
    for start in range(0, len(block), chunk):
        part = slice(start, start + chunk)
        bits = (gain[part], 2, wrong) if checked else None
        frame, row = first_samples.keep(block[part], planes, slot[part], filled, out, bits)
        kept += zip((frame + start).tolist(), row.tolist(), strict=True)
    right = (gain == 2) | (not checked)
    for cell in range(CELLS):
        mine = np.flatnonzero(slot == cell)[:DEPTH]
        assert filled[cell] == len(mine)
        assert [pair for pair in kept if slot[pair[0]] == cell] == [(at, i) for i, at in enumerate(mine.tolist())]
        for index, plane in enumerate(planes):
            np.testing.assert_array_equal(out[index, cell, :len(mine)], np.where(right, block[:, plane], 0)[mine])
        assert (out[:, cell, len(mine):] == 7).all()
        np.testing.assert_array_equal(wrong[cell], (~right)[mine].sum(axis=0))


@pytest.mark.parametrize("chunk", [4, 23])
@pytest.mark.parametrize("checked", [False, True])
def test_a_few_pixels_are_kept_a_second_time(chunk, checked):
    block, slot, gain = frames()
    out, filled = np.zeros((2, CELLS, DEPTH, PIXELS), np.uint16), np.zeros(CELLS, np.int64)
    pixel, number = np.array([76, 0, 31, 5]), np.array([1, -1, 0])
    some = first_samples.Extract(pixel, number, np.full((2, DEPTH, len(pixel)), 7, np.float32))
    for start in range(0, len(block), chunk):
        part = slice(start, start + chunk)
        bits = (gain[part], 2, np.zeros((CELLS, PIXELS), np.uint32)) if checked else None
        first_samples.keep(block[part], (1, 0), slot[part], filled, out, bits, some)
    for cell in (0, 2):
        np.testing.assert_array_equal(some.values[number[cell], :filled[cell]], out[0, cell, :filled[cell], pixel].T)
        assert (some.values[number[cell], filled[cell]:] == 7).all()


def test_what_does_not_fit_is_refused():
    block, slot, gain = frames()
    out, filled = np.zeros((1, CELLS, DEPTH, PIXELS), np.uint16), np.zeros(CELLS, np.int64)
    wrong = np.zeros((CELLS, PIXELS), np.uint32)
    some = partial(first_samples.Extract, pixel=np.array([3, 1]), number=np.array([0, -1, -1]),
                   values=np.zeros((1, DEPTH, 2), np.float32))
    for given, sentence in (
        ((block, (0, 1), slot, filled, out), "out must be"), ((block, (2,), slot, filled, out), "plane 2"),
        ((block, (0,), slot + 1, filled, out), "reaches outside"), ((block[0], (0,), slot, filled, out), "3 axes"),
        ((block[..., 1:].copy(), (0,), slot, filled, out), "block must be"),
        ((block, (0,), slot, filled[1:], out), "filled must be"),
        ((block, (0,), slot, filled, out, (gain[1:], 2, wrong)), "gain must be"),
        ((block, (0,), slot, filled, out, (gain, 2, wrong[1:])), "wrong must be"),
        ((block, (0,), slot, filled, out, None, some(number=np.array([0, 1, -1]))), "number 1 reaches outside"),
        ((block, (0,), slot, filled, out, None, some(number=np.array([0, -1]))), "number must be"),
        ((block, (0,), slot, filled, out, None, some(pixel=np.array([0, PIXELS]))), "reaches outside 0 to 76"),
        ((block, (0,), slot, filled, out, None, some(values=np.zeros((1, 2, 2), np.float32))), "values must be"),
    ):
        with pytest.raises(ValueError, match=sentence):
            first_samples.keep(*given)
    assert not filled.any()
