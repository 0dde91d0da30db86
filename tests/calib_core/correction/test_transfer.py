"""Charge transfer, against charge that lost a part at each transfer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from calib_core.constants.badpixels import BadPixels
from calib_core.correction.bound_constant import KnownConstant
from calib_core.correction.transfer import ChargeTransfer
from calib_core.detectors.pnccd import PNCCD

from .memory import bound, images

SHAPE = (16, 1024)
KIND = replace(PNCCD, shape=SHAPE, asic_shape=(16, 512))


@dataclass(frozen=True)
class WithTold(KnownConstant):
    """A gain map that tells something of itself."""

    attributes: Any = None


def test_charge_that_was_lost_is_given_back() -> None:
    """Left and right halves are read at their own sides; each transfer of row r leaves 1 − (3 + r) 1e-5."""
    transfers = np.minimum(np.arange(1024) + 1, 1024 - np.arange(1024))
    kept = (1 - (3 + np.arange(16)[:, None]) * 1e-5) ** transfers
    charge = np.random.default_rng(1).uniform(0, 2000, (4, *SHAPE))
    one = images(charge * kept)
    pipeline = bound(ChargeTransfer(), KIND, CTE=KnownConstant(kept))
    pipeline.apply(one)
    np.testing.assert_allclose(one.values, charge, rtol=2e-7, atol=1e-4)
    assert not one.mask.any()
    assert pipeline.told == ((
        "charge transfer", f"keeps {kept.min():.4f} to {kept.max():.4f} of a pixel's charge on its way to the "
        f"read-out, half of the pixels more than {np.median(kept):.4f}"),)


def test_pixels_that_keep_no_charge_have_no_signal() -> None:
    kept = np.full(SHAPE, 0.99)
    kept[0, :4] = 0, np.nan, 0.4, -1
    one = images(np.full((2, *SHAPE), 100.0))
    bound(ChargeTransfer(), KIND, CTE=KnownConstant(kept)).apply(one)
    lost = np.zeros((2, *SHAPE), bool)
    lost[:, 0, :4] = True
    np.testing.assert_array_equal(np.isnan(one.values), lost)
    np.testing.assert_array_equal(one.mask, lost * np.uint32(BadPixels.FF_GAIN_DEVIATION))
    assert one.values[0, 5, 5] == pytest.approx(100 / 0.99)


def test_it_is_not_given_back_twice() -> None:
    gain = WithTold(np.ones(SHAPE), "gain.h5", attributes={"with_cte": True})
    [skipped] = bound(ChargeTransfer(), KIND, CTE=KnownConstant(np.ones(SHAPE)), GainMap=gain).skipped
    assert "gain.h5 says by with_cte that it gives back what is lost on the way already" in skipped.reason
    other = replace(gain, attributes={})
    assert bound(ChargeTransfer(), KIND, CTE=KnownConstant(np.ones(SHAPE)), GainMap=other).steps


def test_without_a_map_it_is_left_out() -> None:
    [skipped] = bound(ChargeTransfer(), KIND).skipped
    assert skipped.reason == "Charge transfer is left out: there is no CTE."
