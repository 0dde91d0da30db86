"""What linked maps make of the same arrays is made once."""

from __future__ import annotations

import numpy as np

from app.widgets.made_once import MadeOnce


def test_the_same_memory_in_the_same_way_is_made_once():
    made, calls = MadeOnce(2), []
    values = np.arange(6.0)

    def make() -> np.ndarray:
        calls.append(1)
        return values + len(calls)

    first = made.of((values, None), "way", make)
    assert made.of((values.reshape(2, 3).reshape(-1), None), "way", make) is first
    assert made.of((values, None), "other way", make) is not first
    assert made.of((values, values), "way", make) is not first  # the oldest is forgotten for it
    assert made.of((values.copy(), None), "way", make) is not first
    assert len(calls) == 4
