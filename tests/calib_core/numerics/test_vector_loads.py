"""Kernels that numba cannot check: the inner loops of explicit vectors never touch what lies beside their arrays.

Those are the sweeps of :mod:`calib_core.numerics._sweep`, behind `moments.Sums` and `moments.whole`, the
rows of :mod:`calib_core.numerics._rows`, behind `first_samples.keep`, and the bisections of
:mod:`calib_core.numerics._bisect`, behind `robust.median` and `robust.median_mad`: LLVM loads and stores at
addresses, which ``NUMBA_BOUNDSCHECK`` does not see. So each array here lies between two pages of memory that nobody
may read or write, at one of their edges, and what is left of its own pages holds a pattern. The numbers are compared
with NumPy's in the process that would die of such an access.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import subprocess
import sys
from functools import cache
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest

from calib_core.numerics import first_samples, moments, robust
from calib_core.numerics.kernels import NARROW_STEP

PAGE = mmap.PAGESIZE
PATTERN = 0xA5
#: No pixel at all in the vectors, all in them, some of both; below, at and above the tiles of both loops.
PIXELS = [*range(1, 67), 1023, 1024, 1025, 1055, 2047, 2048, 2049, 2080, 16383, 16384, 16385, 16416]
VARIANTS = list(product((False, True), repeat=2))


class Fenced:
    """Arrays between pages that nobody may touch."""

    def __init__(self, at_end: bool, shift: int) -> None:
        self._at_end, self._shift, self._made = at_end, shift, []

    def array(self, values: np.ndarray) -> np.ndarray:
        """Copy that ends, or begins, so many of its items from the forbidden page."""
        room = -(-(values.nbytes + self._shift * values.itemsize) // PAGE) * PAGE
        memory = mmap.mmap(-1, room + 2 * PAGE)
        whole = np.frombuffer(memory, np.uint8)
        inside = whole[PAGE:-PAGE]
        inside[:] = PATTERN
        for page in (whole[:PAGE], whole[-PAGE:]):
            assert ctypes.CDLL(None, use_errno=True).mprotect(ctypes.c_void_p(page.ctypes.data), PAGE, 0) == 0
        apart = self._shift * values.itemsize
        begin = room - values.nbytes - apart if self._at_end else apart
        made = inside[begin:begin + values.nbytes].view(values.dtype).reshape(values.shape)
        made[...] = values
        self._made.append((memory, inside[:begin], inside[begin + values.nbytes:]))
        return made

    def check(self) -> None:
        """What lies beside the arrays is as it was."""
        for _, before, after in self._made:
            assert (before == PATTERN).all()
            assert (after == PATTERN).all()


def case(pixels: int, frames: int, cells: int = 3) -> SimpleNamespace:
    """Samples of which some are above 14 bits, some outside of the gate and some with other gain bits."""
    rng = np.random.default_rng(pixels + frames)
    block = rng.integers(0, 16384, (frames, 2, pixels), np.uint16)
    block[rng.random(block.shape) < 0.01] = 65535
    return SimpleNamespace(
        block=block, gain=rng.choice(np.array([1, 1, 1, 3], np.uint8), (frames, pixels)),
        slot=rng.integers(0, cells, frames), low=rng.integers(0, 3000, (cells, pixels)).astype(np.uint16),
        high=rng.integers(9000, 65536, (cells, pixels)).astype(np.uint16), wrong=np.zeros((cells, pixels), np.uint32),
        seen=np.zeros(cells, np.int64))


def check_moments(fence: Fenced, pixels: int, frames: int, narrow: bool, checked: bool) -> None:
    given = case(pixels, frames)
    if narrow:
        given.low[:], given.high[:] = 5000, 6000
        given.block[1:] = 5000 + given.block[1:] % 1000
    value, slot = given.block[:, 1].astype(np.uint64), given.slot
    right = (given.gain == 1) | (not checked)
    kept = right & (value >= given.low[slot]) & (value <= given.high[slot])
    d = SimpleNamespace(**{name: fence.array(array) for name, array in vars(given).items()})
    sums = moments.Sums(d.low, d.high, lambda shape, dtype: fence.array(np.zeros(shape, dtype)))
    sums.add(d.block, 1, d.slot, (d.gain, 1, d.wrong) if checked else None)
    cells = len(given.low)
    results = [fence.array(np.zeros((cells, pixels), t)) for t in (np.float32, np.float32, np.uint32)]
    sums.finish(out=tuple(results))
    total, squares, count = sums.whole()
    for cell in range(cells):
        mine = slot == cell
        np.testing.assert_array_equal(total[cell], (value * kept)[mine].sum(axis=0))
        np.testing.assert_array_equal(squares[cell], (value * value * kept)[mine].sum(axis=0))
        np.testing.assert_array_equal(count[cell], kept[mine].sum(axis=0))
        np.testing.assert_array_equal(d.wrong[cell], (~right)[mine].sum(axis=0))
    if not checked:
        out = tuple(fence.array(np.zeros((cells, pixels), t)) for t in (np.float32, np.float32, np.uint32))
        moments.whole(d.block, 1, d.slot, cells, 1, (d.low, d.high), out)
        for one, expected in zip(out, results, strict=True):
            np.testing.assert_array_equal(one, expected)
    fence.check()


def check_first_samples(fence: Fenced, pixels: int, frames: int, checked: bool) -> None:
    given, depth = case(pixels, frames), 3
    d = SimpleNamespace(**{name: fence.array(array) for name, array in vars(given).items()})
    out = fence.array(np.zeros((1, len(given.seen), depth, pixels), np.uint16))
    filled = fence.array(np.zeros_like(given.seen))
    first_samples.keep(d.block, (1,), d.slot, filled, out, (d.gain, 1, d.wrong) if checked else None)
    right = (given.gain == 1) | (not checked)
    for cell, n in enumerate(filled):
        mine = np.flatnonzero(given.slot == cell)[:depth]
        assert n == len(mine)
        np.testing.assert_array_equal(out[0, cell, :n], np.where(right, given.block[:, 1], 0)[mine])
        np.testing.assert_array_equal(d.wrong[cell], (~right)[mine].sum(axis=0))
    fence.check()


def check_medians(fence: Fenced, pixels: int, frames: int, spread: bool) -> None:
    samples = case(pixels, frames).block[:, 0]
    fenced = fence.array(samples)
    middle = robust.median_mad(fenced, 0, 65535)[0] if spread else robust.median(fenced, 0, 65535)
    np.testing.assert_array_equal(middle, np.median(samples, axis=0))
    fence.check()


def check_bisection(fence: Fenced, frames: int, spread: bool) -> None:
    """The loop itself, whose arrays for work and results its kernel makes: they lie between the pages too."""
    samples = case(robust.LANES, frames).block[:, 0]
    args = [fence.array(np.zeros(n, np.uint16)) for n in (frames * robust.LANES, *[robust.LANES] * 5)]
    loops()[0](fence.array(samples.reshape(-1)), frames, spread, *args)
    np.testing.assert_array_equal((args[1] / 2 + args[2] / 2), np.median(samples, axis=0))
    assert (args[-1] == frames).all()
    fence.check()


def check_packed(fence: Fenced, frames: int, pixels: int, spread: bool) -> None:
    """Packing of whole rows, and the bisection of the patch at their end: samples within 8 bits, frames in fours."""
    lanes = loops()[2]()
    samples = 5000 + case(pixels, frames).block[:, 0] % 100
    base, lost = fence.array(np.full(pixels, 4922, np.uint16)), np.uint16(5099)
    padded = frames + -frames % NARROW_STEP
    packed, valid = fence.array(np.full(padded * pixels, 127, np.uint8)), fence.array(np.zeros(pixels, np.uint8))
    found = [fence.array(np.zeros(lanes, np.uint16)) for _ in range(5)]
    assert loops()[1](fence.array(samples), lost - np.uint16(1), spread, base, packed, valid, *found)
    kept = np.ma.masked_equal(samples[:, -lanes:], lost)
    np.testing.assert_array_equal(found[0] / 2 + found[1] / 2, np.ma.median(kept, axis=0))
    np.testing.assert_array_equal(found[4], kept.count(axis=0))
    fence.check()


@cache
def loops():
    import numba

    from calib_core.numerics import _bisect
    from calib_core.numerics.kernels import LANES

    bisect, bisect_packed, pack, packed_lanes = (
        _bisect.bisect, _bisect.bisect_packed, _bisect.pack, _bisect.packed_lanes)

    @numba.njit
    def any_samples(samples, frames, spread, work, lower, upper, near, far, count):
        bisect(samples, frames, LANES, np.uint16(0), np.uint16(65535), spread, work, lower, upper, near, far, count)

    @numba.njit
    def close_samples(samples, highest, spread, base, packed, valid, lower, upper, near, far, count):
        frames, pixels = samples.shape
        for i in range(frames):
            row = packed[i * pixels:(i + 1) * pixels]
            pack(samples[i], samples[i, pixels:], np.uint16(1), highest, base, row, valid)
        last = pixels - packed_lanes()
        return bisect_packed(packed[last:], packed.size // pixels, pixels, spread, base[last:], valid[last:],
                             lower, upper, near, far, count)

    @numba.njit
    def lanes():
        return packed_lanes()

    return any_samples, close_samples, lanes


def run_all() -> None:
    for pixels, at_end in product(PIXELS, (True, False)):
        for narrow, checked in VARIANTS:
            check_moments(Fenced(at_end, 0), pixels, 11, narrow, checked)
        for checked in (False, True):
            check_first_samples(Fenced(at_end, 0), pixels, 11, checked)
        for spread, n in product((True, False), (1, 7)):
            check_medians(Fenced(at_end, 0), pixels, n, spread)
    for shift, frames, at_end in product(range(1, 65, 3), (1, 8, 9), (True, False)):
        for narrow, checked in VARIANTS:
            check_moments(Fenced(at_end, shift), 45, frames, narrow, checked)
        for checked in (False, True):
            check_first_samples(Fenced(at_end, shift), 45 + shift, frames, checked)
        check_medians(Fenced(at_end, shift), 45, frames, True)
    for frames, spread, at_end in product((1, 2, 3, 8, 9), (True, False), (True, False)):
        check_bisection(Fenced(at_end, 0), frames, spread)
    for frames, pixels, spread, at_end in product((3, 4, 5, 9), (64, 192), (True, False), (True, False)):
        check_packed(Fenced(at_end, 0), frames, pixels, spread)


def program(body: str) -> subprocess.CompletedProcess[str]:
    source = f"import sys; sys.path.insert(0, {os.path.dirname(__file__)!r})\nfrom test_vector_loads import *\n{body}"
    return subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=250,
                          env=os.environ | {"PYTHONPATH": os.getcwd()})


def test_inner_loops_touch_nothing_beside_their_arrays():
    done = program("run_all()")
    assert (done.returncode, done.stderr[-2000:]) == (0, "")


@pytest.mark.parametrize("access", ["a.ctypes.data + a.nbytes", "a.ctypes.data - 1"])
def test_a_touch_beside_an_array_ends_the_process(access):
    at_end = "+" in access
    done = program(f"a = Fenced({at_end}, 0).array(np.zeros(PAGE, np.uint8))\nctypes.string_at({access}, 1)")
    assert done.returncode == -signal.SIGSEGV
