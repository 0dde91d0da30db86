"""Samples of one pixel behind the steps of a refined dark."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from calib_core.characterisation.dark import Dark
from calib_core.characterisation.refined_dark import RefinedDark

from . import one_unit
from .test_unstable import kind_of

SHAPE, N, SIGMA = (64, 128), 40, 4.0


def frames_of(axis: int) -> tuple[Any, Any]:
    """Frames (n, slow_scan, fast_scan) uint16 in whose banks rows (1) or columns (2) share a shift; their noise."""
    rng = np.random.default_rng(7)
    own = rng.normal(0, SIGMA, (N, *SHAPE))
    shared = (N, SHAPE[0], 2) if axis == 1 else (N, 2, SHAPE[1])
    shifts = rng.normal(0, 9, shared).repeat(64 if axis == 1 else 32, axis=3 - axis)
    return (3000 + rng.normal(0, 30, SHAPE) + own + shifts).round().astype(np.uint16), own


@pytest.mark.parametrize(("axis", "name"), [(1, "row"), (2, "column")])
def test_the_data_decide_by_what_the_common_mode_is_shared(axis: int, name: str) -> None:
    values, own = frames_of(axis)
    kind, method = kind_of(SHAPE, (32, 64)), RefinedDark(iterations=2)
    maps, _ = one_unit.characterise(method, kind, values)
    context = one_unit.context_of(method, kind)
    [key] = context.arranged
    row, col = 20, 70
    samples_of = one_unit.Memory(values, 9).chunks(None, "", slice(None))
    found = method.explain_corrected(context, key, samples_of, maps, row, col)
    assert found.notes == (f"Samples after offset, common mode, by {name}.",)
    numbers = {one.name: one.value for one in found.numbers}
    assert numbers["samples"] == N
    assert numbers["σ"] == pytest.approx(maps["noise"][row, col], rel=0.02)
    assert numbers["σ"] == pytest.approx(own[:, row, col].std(ddof=1), rel=0.15)
    assert values[:, row, col].std(ddof=1) > 1.5 * numbers["σ"]
    assert found.plots[0].title == "Corrected samples"


def test_a_dark_without_further_passes_offers_none() -> None:
    kind = kind_of(SHAPE, (32, 64))
    for method in (Dark(), RefinedDark(iterations=0)):
        assert method.corrected_from() == ()
        assert method.explain(np.full(9, 70, np.uint16), kind).steps == ""
