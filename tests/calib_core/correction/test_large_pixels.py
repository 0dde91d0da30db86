"""Large pixels, against those that EXtra-geom knows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from extra_geom import Epix10KGeometry, Epix100Geometry, agipd_asic_seams

from calib_core.constants.badpixels import BadPixels
from calib_core.correction.large_pixels import LargePixels, areas
from calib_core.detectors.agipd import AGIPD1M, AGIPD500K
from calib_core.detectors.epix10k import EPIX10K
from calib_core.detectors.epix100 import EPIX100
from calib_core.detectors.jungfrau import JUNGFRAU
from calib_core.detectors.lpd import LPD1M

from .memory import bound, images

FLAG = int(BadPixels.NON_STANDARD_SIZE)


@pytest.mark.parametrize("kind", [AGIPD1M, AGIPD500K])
def test_seams_of_agipd_are_those_of_extra_geom(kind: Any) -> None:
    np.testing.assert_array_equal(areas(kind), 1 + agipd_asic_seams())


@pytest.mark.parametrize(("kind", "geometry"), [(EPIX100, Epix100Geometry), (EPIX10K, Epix10KGeometry)])
def test_areas_of_epix_are_those_of_extra_geom(kind: Any, geometry: Any) -> None:
    """Calibration rows, two above and two below, belong to no sensor."""
    expected = geometry.pixel_areas() / geometry.pixel_areas().min()
    [active] = kind.variants
    np.testing.assert_allclose(areas(active), expected, rtol=1e-6)
    np.testing.assert_allclose(areas(kind)[2:-2], expected, rtol=1e-6)


def test_borders_of_all_chips_of_jungfrau_are_double() -> None:
    area = areas(JUNGFRAU)
    for border in (256, 512, 768):
        assert (area[0, border - 1:border + 1] == 2).all()
    assert (area[255:257, 0] == 2).all()
    assert (area[255:257, 511:513] == 4).all()
    assert (area > 1).sum() == 2 * 1024 + 6 * 512 - 12


def test_flat_light_is_flat_again_where_it_is_divided() -> None:
    area, rng = areas(JUNGFRAU), np.random.default_rng(1)
    light = rng.poisson(1e4 * area, (3, *JUNGFRAU.shape)).astype(np.float32)
    kept, divided = images(light), images(light)
    bound(LargePixels(), JUNGFRAU).apply(kept)
    bound(LargePixels(divide=True), JUNGFRAU).apply(divided)
    np.testing.assert_array_equal(kept.values, light)
    np.testing.assert_array_equal(kept.mask, np.broadcast_to(np.where(area > 1, FLAG, 0), light.shape))
    np.testing.assert_array_equal(divided.mask, kept.mask)
    for size in (1, 2, 4):
        mine = divided.values[:, area == size]
        assert mine.mean() == pytest.approx(1e4, abs=5 * 100 / np.sqrt(size * mine.size))


def test_where_all_pixels_are_alike_it_is_left_out() -> None:
    [skipped] = bound(LargePixels(), LPD1M).skipped
    assert "all pixels of LPD 1M are of one size" in skipped.reason
