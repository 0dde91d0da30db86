"""Soft limits of one map against the way by bisection alone, which has the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from calib_core.numerics import limits

from .limits_before import group_spread

SHAPE, BLOCK = (512, 128), (64, 64)


def maps() -> dict[str, Any]:
    """A map whose pixels spread by 5 %, and one with 1 % of outliers, (slow_scan, fast_scan) float32."""
    rng = np.random.default_rng(3)
    offset = rng.normal(5000, 70, SHAPE).astype(np.float32)
    offset[rng.random(SHAPE) < 0.01] *= 4
    return {"spread": rng.normal(11, 0.55, SHAPE).astype(np.float32), "outliers": offset}


@pytest.mark.parametrize("name", ["spread", "outliers"])
def test_soft_limits(bar: Any, name: str) -> None:
    values = maps()[name]
    blocks = SHAPE[0] // BLOCK[0], SHAPE[1] // BLOCK[1]
    centre, scale = np.empty(blocks), np.empty(blocks)

    def before() -> tuple[Any, Any]:
        group_spread(values, *BLOCK, 5.0, 3, 0.0, centre, scale)
        return centre, scale

    for one, other in zip(limits.group_spread(values, BLOCK, 5.0), before(), strict=True):
        np.testing.assert_array_equal(one, other)
    bar(f"soft_limits_{name}", lambda: limits.group_spread(values, BLOCK, 5.0), before, goal=1.6, rounds=31)
