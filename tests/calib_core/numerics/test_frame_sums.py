"""Sums of corrected frames against NumPy, over the borders of what is added together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from calib_core.numerics.frame_sums import add_frames, sum_frames

PART, LARGEST = 64, 1000.0


def frames_of(n: int, pixels: int, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    values = rng.normal(20, 300, (n, pixels)).astype(np.float32)
    values[rng.random(values.shape) < 0.02] = np.nan
    values[rng.random(values.shape) < 0.02] = 5000
    mask = np.where(rng.random(values.shape) < 0.1, rng.integers(1, 9, values.shape), 0).astype(np.uint32)
    return {"values": values, "mask": mask,
            "stage": rng.integers(0, 3, values.shape, dtype=np.uint8), "use": rng.random(values.shape) < 0.9}


def empty(pixels: int) -> tuple[Any, Any]:
    kinds = (np.int64, np.int64, np.uint32, np.uint32)
    return tuple(np.zeros(pixels, kind) for kind in kinds), np.zeros((3, pixels), np.uint32)


@pytest.mark.parametrize("pixels", [1, 2047, 2048, 2049, 5000])
@pytest.mark.parametrize("chosen", [[0], [4, 1, 3], []])
def test_sums_are_those_of_numpy(pixels: int, chosen: list[int]) -> None:
    given, (sums, stages) = frames_of(5, pixels, pixels), empty(pixels)
    found = add_frames(
        **given, frames=np.array(chosen, np.int64), part=PART, largest=LARGEST, sums=sums, stages=stages)
    values, mask, stage, use = (given[name][chosen] for name in ("values", "mask", "stage", "use"))
    good = use & (mask == 0) & (np.abs(values) < LARGEST)
    whole = np.where(good, np.rint(np.where(good, values, 0) * np.float32(PART)), 0).astype(np.int64)
    expected = (whole.sum(0), (whole**2).sum(0), good.sum(0), np.bitwise_or.reduce(mask, axis=0))
    for one, other in zip(sums, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    of_stages = np.stack([((stage == i) & use).sum(0) for i in range(3)])
    np.testing.assert_array_equal(stages, of_stages)
    assert found.tolist() == [whole.sum(), good.sum(), *of_stages.sum(axis=1)]


def test_frames_may_come_in_any_order_and_at_several_times() -> None:
    given, (at_once, stages), (later, others) = frames_of(6, 300, 3), empty(300), empty(300)
    add_frames(**given, frames=np.arange(6), part=PART, largest=LARGEST, sums=at_once, stages=stages)
    for some in ([5, 0], [3], [1, 4, 2]):
        add_frames(**given, frames=np.array(some), part=PART, largest=LARGEST, sums=later, stages=others)
    for one, other in zip((*at_once, stages), (*later, others), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("frame", [-1, 5])
def test_a_frame_that_is_none_of_them_is_refused(frame: int) -> None:
    given, (sums, stages) = frames_of(5, 4, 1), empty(4)
    with pytest.raises(ValueError, match="outside 0 to 4"):
        add_frames(**given, frames=np.array([frame]), part=PART, largest=LARGEST, sums=sums, stages=stages)


def test_codes_of_a_frame_are_summed_also_where_frames_lie_apart() -> None:
    codes = np.random.default_rng(0).integers(0, 65536, (3, 2, 5, 7)).astype(np.uint16)
    np.testing.assert_array_equal(sum_frames(codes[:, 1]), codes[:, 1].astype(np.int64).sum(axis=(1, 2)))
