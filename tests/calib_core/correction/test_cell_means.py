"""Common mode of memory cells, against NumPy and against what was put into frames made with NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from calib_core.characterisation.file_passes import FilePasses
from calib_core.constants.badpixels import BadPixels
from calib_core.correction.asic_common_mode import AsicCommonMode
from calib_core.correction.images import Images
from calib_core.correction.pipeline import Pipeline
from calib_core.correction.zero_deviation import ZeroDeviation
from calib_core.detector import Frames
from calib_core.detectors.agipd import AGIPD1M

Array = Any
KIND = replace(AGIPD1M, shape=(8, 12), asic_shape=(4, 6), signal_plane=None)
#: Codes have no sign, so that frames are made about it; a step of a test takes it off.
LEVEL = 1000


class Nothing:
    """No constants."""

    def get(self, kind: Any) -> None:
        return None


def through(
    step: AsicCommonMode, values: Array, cell: Array, chunks: Sequence[Any], kind: Any = KIND,
) -> tuple[Array, Array]:
    """Whole codes of one file through all passes, whose chunks come in another order; and what was found."""
    bound = Pipeline([step]).bind(Nothing(), kind).read()
    passes, out = FilePasses(bound, range(int(cell.max()) + 1)), np.full(values.shape, np.nan, np.float32)
    found = np.full((len(values), *(n // one for n, one in zip(kind.shape, kind.asic_shape, strict=True))), np.nan)
    for number in range(step.passes + 1):
        passes.begin(number)
        for chosen in chunks[number % 2:] + chunks[:number % 2]:
            block = (values[chosen] + LEVEL)[:, None].astype(np.uint16)
            images = passes.images(bound, Frames(block, cell[chosen], chosen.astype(np.uint64)), np.empty)
            assert (images is None) == (number < step.passes)
            if images is not None:
                out[chosen], found[chosen] = images.values - LEVEL, images.found["cm"]
    return out, found


def reference(values: Array, cell: Array, low: float, high: float, share: float, turns: int, row: int) -> Array:
    """Turn by turn: first pixels over the frames of a row of memory cells, then ASICs in each frame."""
    now = values.astype(float)
    for _ in range(turns):
        for one in np.unique(cell // row):
            mine = np.flatnonzero(cell // row == one)
            for y, x in np.ndindex(*values.shape[1:]):
                dark = [v for v in now[mine, y, x] if low <= v <= high]
                if len(dark) > share * len(mine):
                    now[mine, y, x] -= np.mean(dark)
        for frame, i, j in np.ndindex(len(values), 2, 2):
            part = now[frame, 4 * i:4 * i + 4, 6 * j:6 * j + 6]
            dark = part[(part >= low) & (part <= high)]
            if dark.size > share * 24:
                part -= dark.mean()
    return now


@pytest.mark.parametrize(("share", "turns"), [(0.15, 1), (0.15, 4), (0.6, 3)])
def test_against_numpy(share: float, turns: int) -> None:
    rng = np.random.default_rng(1)
    cell = rng.integers(0, 8, 90)
    pattern = rng.normal(0, 12, (3, 8, 12))
    values = rng.normal(0, 9, (90, 8, 12)) + pattern[cell // 3] + rng.normal(0, 8, (90, 1, 1))
    values[:, :, 10:] += 66 * rng.poisson(1, (90, 8, 2))
    values = np.round(values)
    step = Below(dark_range=(-30.0, 30.0), dark_fraction=share, n_itr=turns, row=3)
    out, _ = through(step, values, cell, np.array_split(np.arange(90), 7))
    # a mean in 1/256 ADU and single precision are a little off, and a sample at the very edge of the range may differ
    expected = reference(values, cell, -30, 30, share, turns, 3)
    assert np.median(np.abs(out - expected)) < 2e-3
    assert np.abs(out - expected).max() < 1.0


class Below(AsicCommonMode):
    """For codes about a level, which it takes off first."""

    def gathering(self, kind: Any, cells: Any) -> Any:
        made, level = super().gathering(kind, cells), np.float32(LEVEL)

        class Low:
            constants = property(lambda self: made.constants)
            settle = staticmethod(made.settle)

            @staticmethod
            def add(images: Images, given: Any, kind: Any) -> None:
                images.values -= level
                made.add(images, given, kind)

        return Low()

    def apply(self, images: Images, given: Any, kind: Any) -> None:
        images.values -= np.float32(LEVEL)
        super().apply(images, given, kind)
        images.values += np.float32(LEVEL)


def test_order_and_chunks_of_frames_change_no_bit() -> None:
    rng = np.random.default_rng(2)
    cell = rng.integers(0, 70, 120)
    values = np.round(rng.normal(0, 12, (120, 8, 12)))
    step = Below(n_itr=3)
    first, found = through(step, values, cell, [np.arange(120)])
    for chunks in (np.array_split(np.arange(120), 5), np.array_split(rng.permutation(120), 11)):
        again, other = through(step, values, cell, list(chunks))
        np.testing.assert_array_equal(again, first)
        np.testing.assert_array_equal(other, found)


def test_what_memory_cells_of_a_row_have_in_common_is_found() -> None:
    """20 trains of 32 memory cells: a pixel's mean has an error of 9 / √640 = 0.36 ADU; beyond ± 30 ADU a bias."""
    kind = replace(AGIPD1M, shape=(64, 128), signal_plane=None)
    rng = np.random.default_rng(3)
    cell = np.tile(np.arange(32), 20)
    pattern, shift = rng.uniform(-20, 20, (64, 128)), rng.uniform(-15, 15, (640, 1, 2))
    common = shift.repeat(64, axis=2)
    values = np.round(rng.normal(0, 9, (640, 64, 128)) + pattern + common)
    out, found = through(Below(), values, cell, np.array_split(np.arange(640), 20), kind)
    left = (out - values + pattern + common).mean(0)
    left -= left.mean()
    assert left.std() < 0.6
    assert np.corrcoef(left.ravel(), pattern.ravel())[0, 1] < 0.2
    assert np.std(found[:, 0] - shift[:, 0]) < 0.5
    alone, _ = through(Below(cells=False), values, cell, [np.arange(640)], kind)
    assert (alone - values + pattern + common).mean(0).std() > 10, "without memory cells the pattern stays"


def test_a_pixel_with_light_in_most_frames_stays() -> None:
    rng = np.random.default_rng(4)
    values = np.round(rng.normal(0, 5, (60, 8, 12)))
    values[6:, 3, 3] += 500
    values[:, 2, 2] += 12
    step = Below(n_itr=2, dark_fraction=0.5)
    out, _ = through(step, values, np.arange(60) % 4, [np.arange(60)])
    assert abs((out - values)[:, 3, 3].mean()) < 1.5
    assert (out - values)[:, 2, 2].mean() == pytest.approx(-12, abs=2)


def test_pixels_that_never_change_are_flagged_by_memory_cell_and_file() -> None:
    """Beside common mode, whose passes come after: each step gets what it learned itself."""
    rng = np.random.default_rng(5)
    cell = np.tile([0, 3, 5], 8)[:22]  # the last one has a frame less
    cell[-1] = 9  # of which there is but one frame
    bound = Pipeline([ZeroDeviation(), Below(n_itr=2, row=4)]).bind(Nothing(), KIND).read()
    passes = FilePasses(bound, [0, 3, 5, 9])
    alone = FilePasses(Pipeline([Below(n_itr=2, row=4)]).bind(Nothing(), KIND).read(), [0, 3, 5, 9])
    for _ in range(2):  # the second file is as if there were no first
        values = LEVEL + np.round(rng.normal(0, 9, (22, 8, 12)))
        same = rng.random((10, 8, 12)) < 0.1
        for one in (0, 3, 5):
            values[cell == one] = np.where(same[one], 980, values[cell == one])
        frames = Frames(values[:, None].astype(np.uint16), cell, np.arange(22, dtype=np.uint64))
        parts = [frames.part(slice(i, i + 5)) for i in range(0, 22, 5)]
        out, other = [], []
        for number in range(4):
            passes.begin(number)
            out = [passes.images(bound, part, np.empty) for part in parts]
        for number in range(3):
            alone.begin(number)
            other = [alone.images(alone._steps, part, np.empty) for part in parts]
        mask = np.concatenate([one.mask for one in out])
        for frame, of_frame in enumerate(mask):
            never = same[cell[frame]] if cell[frame] != 9 else np.zeros((8, 12), bool)
            changing = np.ptp(values[cell == cell[frame]], axis=0) > 0
            np.testing.assert_array_equal(of_frame, np.where(never & ~changing, int(BadPixels.DATA_STD_IS_ZERO), 0))
        assert (mask > 0).sum() > 20
        flagged = np.concatenate([one.values for one in out])
        unflagged = np.concatenate([one.values for one in other])
        assert not np.array_equal(flagged, unflagged), "flagged samples have no say in what is common"
