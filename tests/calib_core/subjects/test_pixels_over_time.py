"""Numbers of chosen pixels of each version are those of NumPy, and nothing else of the files is read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calib_core.constants.history import change_rule, judged
from calib_core.constants.statistics import LineKind
from calib_core.errors import BadInput
from calib_core.store.about import values_of
from calib_core.subjects.pixels_over_time import (
    chosen_pixel,
    chosen_region,
    numbers_of_pixels,
    pixel_line,
)
from calib_core.subjects.region import Outline, outlined
from calib_core.subjects.timeline import Asked, ModuleLine
from calib_core.subjects.version_list import VersionList, list_versions, stored_of
from tests.calib_core.subjects.files import put_ours

SHAPE = (512, 128, 2)
VERSIONS, MODULE, DAY = 4, 3, 86400.0
KIND = LineKind((), (0,), "ADU", (64, 64))


def values(version: int) -> np.ndarray:
    """Offset (fast_scan, slow_scan, cell)."""
    return np.random.default_rng([5, version]).normal(100 + 7 * version, 3, SHAPE).astype(np.float32)


def flags(version: int) -> np.ndarray:
    return np.where(np.random.default_rng([6, version]).random(SHAPE) < 0.2, np.uint32(2), np.uint32(0))


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> VersionList:
    """A version each day, and the last of them without a bad-pixel map."""
    root = tmp_path_factory.mktemp("history")
    for version in range(VERSIONS):
        put_ours(root, MODULE, "Offset", values(version), DAY * version, job=f"day {version}", chunks=(512, 1, 1))
        if version < VERSIONS - 1:
            put_ours(root, MODULE, "BadPixelsDark", flags(version), DAY * version + 0.5, job=f"day {version}")
    return list_versions(str(root))


def rows(versions: VersionList) -> Any:
    return versions.of("SCS_DET_DSSC1M-1", "Offset")


def ring() -> Any:
    index = np.arange(128 * 512, dtype=np.int32).reshape(128, 512)
    region = outlined(Outline("ring", ((200.0, 60.0), (210.0, 60.0), (230.0, 60.0))), index, (MODULE,), (128, 512))
    y, x = np.mgrid[:128, :512] + 0.5
    away = np.hypot(y - 60, x - 200)
    return region, (away >= 10) & (away <= 30)


def test_numbers_of_a_region_are_those_of_numpy(versions: VersionList) -> None:
    region, inside = ring()
    chosen = chosen_region(region, MODULE, 1)
    assert chosen is not None
    assert chosen.words == f"region of {inside.sum()} pixels"
    for version, one in enumerate(rows(versions)):
        found = numbers_of_pixels(one, versions, chosen)
        there = version < VERSIONS - 1
        bad = flags(version)[..., 1].T[inside] != 0 if there else np.zeros(inside.sum(), bool)
        good = values(version)[..., 1].T[inside][~bad].astype(np.float64)
        assert found.median[0] == np.median(good)
        assert found.mean[0] == pytest.approx(good.mean(), rel=1e-12)
        assert found.std[0] == pytest.approx(good.std(), rel=1e-12)
        assert (found.bad[0], found.total[0]) == (bad.sum(), inside.sum() if there else 0)
    assert chosen_region(region, MODULE + 1, 1) is None


def test_a_pixel_over_time(versions: VersionList) -> None:
    """The first good one."""
    row, column = np.argwhere(~np.any([flags(v)[..., 0].T for v in range(VERSIONS)], axis=0))[0]
    chosen = chosen_pixel(MODULE, int(row), int(column), 0)
    numbers = {one.path: numbers_of_pixels(one, versions, chosen) for one in rows(versions)}
    asked, own = Asked(), rows(versions)
    times, zeros = np.array([one.begin.timestamp() for one in own]), np.zeros(VERSIONS)
    line = ModuleLine(MODULE, own[0].version.pdu, own, KIND, times, zeros,
                      judged(zeros, zeros, change_rule()))
    found = pixel_line(line, numbers, asked)
    assert found is not None
    assert found.values.tolist() == [values(version)[column, row, 0] for version in range(VERSIONS)]
    assert found.times.tolist() == line.times.tolist()
    del numbers[rows(versions)[1].path]
    grown = pixel_line(line, numbers, asked)
    assert grown is not None
    assert len(grown.values) == VERSIONS - 1
    assert pixel_line(line, {}, asked) is None


def test_a_flagged_pixel_has_no_value_and_counts_as_bad(versions: VersionList) -> None:
    row, column = np.argwhere(flags(0)[..., 0].T)[0]
    found = numbers_of_pixels(rows(versions)[0], versions, chosen_pixel(MODULE, int(row), int(column), 0))
    assert (np.isnan(found.median[0]), found.bad[0], found.total[0]) == (True, 1, 1)


def test_nothing_else_of_a_file_is_read(versions: VersionList, tmp_path: Path) -> None:
    """All but one row is damaged, which whoever reads the whole is told of."""
    put_ours(tmp_path, MODULE, "Offset", values(0), 0, chunks=(512, 1, 1))
    listed = list_versions(str(tmp_path))
    [one] = rows(listed)
    with h5py.File(one.path) as file:
        data = next(iter(file.values()))["Offset/0/data"]
        places = [data.id.get_chunk_info(i) for i in range(data.id.get_num_chunks())]
    with one.path.open("r+b") as raw:
        for place in places:
            if place.chunk_offset[1:] != (40, 1):
                raw.seek(place.byte_offset)
                raw.write(b"\xff" * 16)
    found = numbers_of_pixels(one, listed, chosen_pixel(MODULE, 40, 17, 1))
    assert found.median[0] == values(0)[17, 40, 1]
    with pytest.raises(BadInput):
        values_of(stored_of(one))
    with pytest.raises(BadInput):
        numbers_of_pixels(one, listed, chosen_pixel(MODULE, 41, 17, 1))


def test_what_is_not_there_is_told(versions: VersionList) -> None:
    one = rows(versions)[0]
    with pytest.raises(BadInput, match="128 × 512 pixels, and not those chosen"):
        numbers_of_pixels(one, versions, chosen_pixel(MODULE, 128, 0, 0))
    with pytest.raises(BadInput, match="has memory cells 0 to 1, and no 7"):
        numbers_of_pixels(one, versions, chosen_pixel(MODULE, 0, 0, 7))
    gone = replace(one, stored=replace(stored_of(one), path=one.path.with_name("gone.h5")))
    with pytest.raises(BadInput, match="gone"):
        numbers_of_pixels(gone, versions, chosen_pixel(MODULE, 0, 0, 0))
