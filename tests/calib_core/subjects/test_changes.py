"""What has changed most between two subjects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from calib_core.subjects.changes import most_changed

from .arrays import Arrays, compared


@pytest.fixture
def changed() -> Callable[..., Any]:
    def find(a: Any, b: Any, result: str, n: int = 10, at: Any = None) -> Any:
        with compared(a, b) as one:
            return most_changed(one, result, at or {}, n)
    return find


@pytest.mark.parametrize("result", ["offset", "offset.ratio", "offset.pull"])
def test_pixels_that_changed_most_have_the_largest_pulls(result: str, changed: Any) -> None:
    a, b = Arrays(), Arrays()
    for side in (a, b):
        side.put("noise", np.sqrt(8))
        side.put("samples", 16)  # errors of both together are 1
    a.arrays["offset", 3][1, 2] += [[0, 5, -7], [1, np.nan, np.inf]]
    a.arrays["offset", 5][1, 2] += [[7, 0, 2], [0, 0, -1]]
    at = {"gain": 1, "cell": 2}
    expected = [(3, 0, 2, -7), (5, 0, 0, 7), (3, 0, 1, 5), (5, 0, 2, 2), (3, 1, 0, 1), (5, 1, 2, -1)]
    for n in (10, 6, 3, 1, 0):
        found = changed(a, b, result, n, at)
        assert [one[:3] for one in found] == [one[:3] for one in expected[:n]]
        np.testing.assert_allclose([one[3] for one in found], [one[3] for one in expected[:n]], rtol=1e-6)
    assert changed(a, b, result, 10, {"gain": 0, "cell": 2}) == ()


def test_differences_decide_where_errors_are_not_known(changed: Any) -> None:
    a, b = Arrays(), Arrays()
    a.put("samples", [[9, 3, 3], [3, 3, 3]])
    b.put("samples", [[3, 3, 3], [3, 3, 30]])
    assert changed(a, b, "samples", 2) == ((3, 1, 2, -27.0), (5, 1, 2, -27.0))
    b.nowhere |= {("samples", 3), ("samples", 5)}
    assert changed(a, b, "samples") == ()


def test_flags_that_came_or_went_are_changes(changed: Any) -> None:
    a, b = Arrays(), Arrays()
    a.put("bad_pixels", [[0, 1, 1], [8, 0, 8]])
    b.put("bad_pixels", [[0, 0, 2], [8, 12, 8]])
    b.nowhere.add(("bad_pixels", 3))
    expected = ((5, 0, 2, 1.0), (5, 1, 1, -12.0), (5, 0, 1, 1.0))
    assert changed(a, b, "bad_pixels") == changed(a, b, "bad_pixels.new") == expected
    assert changed(a, b, "bad_pixels.healed", 1) == expected[:1]
    b.nowhere.add(("bad_pixels", 5))
    assert changed(a, b, "bad_pixels") == ()
