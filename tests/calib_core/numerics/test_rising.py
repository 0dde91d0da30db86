"""Numbers that rise."""

from __future__ import annotations

import numpy as np
import pytest

from calib_core.numerics.rising import last_of_each


@pytest.mark.parametrize("rising", [[], [3.0], [1, 1, 1], [0, 0, 1, 2, 2, 2, 7], [-1.5, -1.5, 0.0, 1e9]])
def test_the_last_of_those_that_are_the_same_is_kept(rising):
    values = np.array(rising)
    kept = np.flatnonzero(last_of_each(values))
    np.testing.assert_array_equal(values[kept], np.unique(values))
    np.testing.assert_array_equal(kept, np.searchsorted(values, np.unique(values), "right") - 1)
