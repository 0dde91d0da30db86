"""Pixels that fail as another one does, against what NumPy finds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from calib_core.axes import Array, At, Axis, Result
from calib_core.subjects.similar import alike

MODULES, SHAPE = (2, 5, 7), (16, 24)
AXES = {
    "cell": Axis("cell", "Memory cell", (0, 1)),
    "quantity": Axis("quantity", "Quantity", ("error", "fit"), of_slot=True, states=("fit",)),
}
RESULTS = (
    Result("slope", "Slope", "ADU", "f4", "", over=("cell",)),
    Result("fits", "Fits", "", "f4", "", over=("quantity", "cell")),
    Result("bad", "Bad pixels", "", "u4", "", over=("cell",), role="flags"),
)


@pytest.fixture
def made() -> dict[str, Array]:
    rng = np.random.default_rng(4)
    flags = rng.choice(np.array([0, 2, 4, 6], np.uint32), (len(MODULES), 2, *SHAPE))
    states = rng.choice(np.array([0, 1, np.nan], np.float32), (len(MODULES), 2, *SHAPE))
    return {"bad": flags, "fit": states}


def subject(made: dict[str, Array], missing: int = -1) -> Any:
    def plane(result: str, module: int, at: At) -> Array | None:
        if module == missing:
            return None
        values = {"bad": made["bad"], "fits": made["fit"]}[result]
        assert result != "fits" or at["quantity"] == 1
        return values[MODULES.index(module), at["cell"]]
    return SimpleNamespace(modules=MODULES, axes=AXES, results=RESULTS, plane=plane)


def expected(made: dict[str, Array], pixel: tuple[int, int, int], cell: int) -> set[tuple[int, ...]]:
    here = (MODULES.index(pixel[0]), cell, *pixel[1:])
    flags, states = made["bad"][:, cell], made["fit"][:, cell]
    value = made["fit"][here]
    same = (flags == made["bad"][here]) & (np.isnan(states) if np.isnan(value) else states == value)
    return {(MODULES[m], row, col) for m, row, col in np.argwhere(same).tolist()}


@pytest.mark.parametrize("cell", [0, 1])
def test_flags_and_states_are_the_same_and_modules_counted(made: dict[str, Array], cell: int) -> None:
    tried = 0
    for row, col in np.argwhere(made["bad"][1, cell] > 0)[::40].tolist():
        found = alike(subject(made), (5, row, col), {"cell": cell})
        assert found is not None
        assert {tuple(one) for one in found.pixels.tolist()} == expected(made, (5, row, col), cell)
        assert (5, row, col) in {tuple(one) for one in found.pixels.tolist()}
        assert found.flags == made["bad"][1, cell, row, col]
        assert (found.modules, [name for name, _ in found.states]) == (3, ["fit"])
        tried += 1
    assert tried > 3


def test_a_good_pixel_fails_like_none_and_missing_modules_are_left_out(made: dict[str, Array]) -> None:
    good = tuple(np.argwhere(made["bad"][0, 0] == 0)[0].tolist())
    found = alike(subject(made), (2, *good), {"cell": 0})
    assert found is not None
    assert (found.flags, len(found.pixels), found.modules) == (0, 0, 0)
    bad = tuple(np.argwhere(made["bad"][0, 0] == 2)[0].tolist())
    found = alike(subject(made, missing=7), (2, *bad), {"cell": 0})
    assert found is not None
    assert found.modules == 2
    assert 7 not in found.pixels[:, 0]
    assert alike(subject(made, missing=2), (2, *bad), {"cell": 0}) is None
