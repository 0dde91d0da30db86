"""Overflow of codes of eight bits, against signals that NumPy digitised."""

from __future__ import annotations

import numpy as np

from calib_core.correction.overflow import Overflow
from calib_core.detectors.dssc import DSSC1M

from .memory import bound, images


def test_codes_that_went_over_are_repaired() -> None:
    """Signals about 256 on an offset of 55; of codes that stand for 256 all come back, and none beside them."""
    rng = np.random.default_rng(1)
    shape = (4, *DSSC1M.shape)
    codes = np.clip(np.rint(55 + rng.uniform(-20, 201.4, shape) + rng.normal(0, 0.8, shape)), 1, 256)
    stored = codes.astype(np.uint16) & 0xFF
    assert (codes == 256).sum() > 500
    assert (stored == 0).sum() == (codes == 256).sum()
    one = images(stored)
    bound(Overflow(), DSSC1M).apply(one)
    np.testing.assert_array_equal(one.values, codes.astype(np.float32))
    assert not one.mask.any()
