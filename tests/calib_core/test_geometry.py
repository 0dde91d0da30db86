"""Placements agree with EXtra-geom, pixel for pixel."""

from __future__ import annotations

import gzip
import shutil

import numpy as np
import pytest
from extra_geom import AGIPD_1MGeometry, JUNGFRAUGeometry, LPD_1MGeometry

from calib_core.detector.registry import detector_types
from calib_core.errors import BadParameter
from calib_core.geometry import NO_PIXEL, assembled, placed, single, stacked

KINDS = {kind.name: kind for kind in detector_types()}
PICTURED = [one for kind in KINDS.values() if not kind.raw.strips for one in (kind, *kind.variants)]
AGIPD = KINDS["AGIPD1M"]
JUNGFRAU = KINDS["JUNGFRAU"]


def looked_up(placement, data):
    """Picture of (modules, slow_scan, fast_scan) data; gaps are NaN."""
    return np.where(placement.index == NO_PIXEL, np.nan, data.reshape(-1)[placement.index])


def seen_along_the_beam(picture):
    """EXtra-geom's array has y upwards and x to the left where one looks along the beam."""
    return np.flip(picture)


def random_data(kind, count):
    return np.random.default_rng(count).normal(size=(count, *kind.shape)).astype(np.float32)


@pytest.mark.parametrize("kind", PICTURED, ids=lambda kind: kind.name)
def test_whole_detectors_are_as_extra_geom_assembles_them(kind):
    modules = [kind.raw.first_module + n for n in range(kind.max_modules)]
    data = random_data(kind, kind.max_modules)
    geometry = kind.geometry(kind.max_modules)
    shape = geometry.expected_data_shape
    expected, _ = geometry.position_modules(data.reshape(shape) if data.size == np.prod(shape) else data)
    np.testing.assert_array_equal(looked_up(assembled(kind, modules), data), seen_along_the_beam(expected))


def test_strips_have_no_geometry_and_are_stacked():
    kind = KINDS["GOTTHARD2_25UM"]
    placement = assembled(kind, (1, 2))
    assert placement.title == "Stacked"
    np.testing.assert_array_equal(placement.index, stacked(kind, (1, 2)).index)


def test_missing_modules_of_a_fixed_detector_are_gaps():
    data = random_data(AGIPD, 4)
    whole = np.full((16, *AGIPD.shape), np.nan, np.float32)
    whole[[0, 1, 2, 9]] = data
    expected, _ = AGIPD.geometry(16).position_modules(whole)
    placement = assembled(AGIPD, (0, 1, 2, 9))
    assert placement.modules == (0, 1, 2, 9)
    np.testing.assert_array_equal(looked_up(placement, data), seen_along_the_beam(expected))


def test_order_of_the_modules_is_the_callers():
    data = random_data(JUNGFRAU, 3)
    there = looked_up(assembled(JUNGFRAU, (3, 1, 2)), data)
    np.testing.assert_array_equal(there, looked_up(assembled(JUNGFRAU, (1, 2, 3)), data[[1, 2, 0]]))


def test_a_detector_that_grows_has_a_gap_for_a_missing_module():
    data = random_data(JUNGFRAU, 2)
    whole = np.stack([data[0], np.full_like(data[0], np.nan), data[1]])
    expected, _ = JUNGFRAUGeometry.example(n_modules=3).position_modules(whole)
    np.testing.assert_array_equal(looked_up(assembled(JUNGFRAU, (1, 3)), data), seen_along_the_beam(expected))


@pytest.mark.parametrize("first", [0, 4, 8, 12])
def test_up_is_up_and_x_grows_to_the_left(first):
    """Each quadrant is in the quarter of the picture that its coordinates in metres tell."""
    index = assembled(AGIPD, range(16)).index
    rows, columns = np.nonzero((index != NO_PIXEL) & (index // AGIPD.pixels // 4 == first // 4))
    x, y, _ = AGIPD.geometry(16).get_pixel_positions()[first:first + 4].mean(axis=(0, 1, 2))
    height, width = index.shape
    assert (rows.mean() < height / 2) == (y > 0)
    assert (columns.mean() < width / 2) == (x > 0)


GEOMETRY_FILES = {
    "agipd_mar18_v11.geom": (AGIPD_1MGeometry.from_crystfel_geom, (16, 512, 128)),
    "jf4m_vds.geom": (JUNGFRAUGeometry.from_crystfel_geom, (8, 512, 1024)),
}


@pytest.mark.real
@pytest.mark.parametrize("name", GEOMETRY_FILES)
def test_geometry_files_of_real_detectors(real_data, name):
    opened, shape = GEOMETRY_FILES[name]
    geometry = opened(real_data / "geometry" / name)
    check_against(geometry, shape)


@pytest.mark.real
def test_geometry_file_with_quadrants(real_data, tmp_path):
    path = tmp_path / "lpd.h5"
    with gzip.open(real_data / "geometry" / "lpd_mar_18_axesfixed.h5.gz") as packed, path.open("wb") as unpacked:
        shutil.copyfileobj(packed, unpacked)
    quadrants = [(11.4, 299), (-11.5, 8), (254.5, -16), (278.5, 275)]
    check_against(LPD_1MGeometry.from_h5_file_and_quad_positions(str(path), quadrants), (16, 256, 256))


def check_against(geometry, shape):
    sources = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    index = placed(geometry, sources)
    expected, _ = geometry.position_modules(sources.astype(float) + 1)
    np.testing.assert_array_equal(np.where(index == NO_PIXEL, np.nan, index + 1.0), np.flip(expected))


def test_stacked_modules_are_all_there_and_as_stored():
    placement = stacked(AGIPD, range(16))
    data = random_data(AGIPD, 16)
    picture = looked_up(placement, data)
    assert np.sort(placement.index[placement.index != NO_PIXEL]).tolist() == list(range(data.size))
    np.testing.assert_array_equal(picture[:512, :128], data[0])
    assert np.isnan(picture[:, 128]).all()
    assert not np.isnan(picture[0, 129:140]).all()


@pytest.mark.parametrize(("name", "count"), [("AGIPD1M", 16), ("AGIPD500K", 8), ("JUNGFRAU", 8), ("JUNGFRAU", 2)])
def test_stacked_pictures_are_neither_long_nor_high(name, count):
    kind = KINDS[name]
    height, width = stacked(kind, [kind.raw.first_module + n for n in range(count)]).index.shape
    assert 0.6 < width / height < 2.2


def test_single_module():
    data = random_data(AGIPD, 3)
    placement = single(AGIPD, (2, 5, 7), 5)
    np.testing.assert_array_equal(looked_up(placement, data), data[1])


def test_placements_do_not_change():
    with pytest.raises(ValueError, match="read-only"):
        single(AGIPD, (0,), 0).index[0, 0] = 1


@pytest.mark.parametrize("make", [assembled, stacked])
@pytest.mark.parametrize("modules", [(), (16,), (-1, 0)])
def test_modules_that_do_not_exist(make, modules):
    with pytest.raises(BadParameter, match="its modules are 0 to 15"):
        make(AGIPD, modules)


def test_single_module_that_is_not_there():
    with pytest.raises(BadParameter, match="Module 3 is not there; there are 1, 2"):
        single(AGIPD, (1, 2), 3)
