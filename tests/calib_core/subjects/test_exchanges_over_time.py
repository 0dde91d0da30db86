"""Modules that were exchanged are found at the first version after, and nothing else is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calib_core.constants.history import change_rule, judged
from calib_core.constants.statistics import LineKind
from calib_core.subjects.exchanges_over_time import ExchangeSearch
from calib_core.subjects.judging import judge
from calib_core.subjects.timeline import ModuleLine
from calib_core.subjects.version_list import VersionList, list_versions, set_of
from tests.calib_core.subjects.files import BEGIN, put_ours

SHAPE, MODULES, VERSIONS, DAY = (512, 128, 2), (0, 1, 2), 6, 86400.0
#: From this version on modules 1 and 2 are at each other's place; module 0 misses one.
SWAP, MISSING = 3, 4
KIND = LineKind((), (0,), "ADU", (64, 64))


def plane(unit: int) -> np.ndarray:
    """What a unit's pixels differ by, ADU."""
    return np.random.default_rng([8, unit]).normal(0, 5, SHAPE[:2])


def place_of(unit: int, version: int) -> int:
    return {1: 2, 2: 1}.get(unit, unit) if version >= SWAP else unit


def image(unit: int, version: int) -> np.ndarray:
    """Offsets, which are others in each version, most of all between the ASICs."""
    rng = np.random.default_rng([9, unit, version])
    steps = np.kron(rng.normal(0, 50, (8, 2)), np.ones((64, 64)))
    return (100 + plane(unit) + steps + rng.normal(0, 2, SHAPE[:2])).astype(np.float32)


def make(root: Path, steady: bool = False) -> VersionList:
    for version in range(VERSIONS):
        for unit in MODULES:
            if (unit, version) == (0, MISSING):
                continue
            values = np.zeros(SHAPE, np.float32)
            values[..., 0] = image(unit, version)
            put_ours(root, unit if steady else place_of(unit, version), "Offset", values, DAY * version,
                     job=f"day {version}")
    return list_versions(str(root))


def lines(versions: VersionList) -> list[ModuleLine]:
    found = []
    for module in MODULES:
        rows = tuple(one for one in versions.of("SCS_DET_DSSC1M-1", "Offset") if one.module == module)
        zeros = np.zeros(len(rows))
        times = np.array([one.begin.timestamp() for one in rows])
        found.append(ModuleLine(module, rows[0].version.pdu, rows, KIND, times, zeros,
                                judged(zeros, zeros, change_rule())))
    return found


def test_exchanged_modules_are_found_once(tmp_path: Path) -> None:
    versions = make(tmp_path)
    known: dict[Any, Any] = {}
    search = ExchangeSearch(lines(versions), 0, versions, known)
    assert search.lacking == VERSIONS
    search.work(0.0)
    assert (search.lacking, search.found) == (VERSIONS - 1, ())
    search.work(60.0)
    assert search.lacking == 0
    assert {(one.module, one.fits) for one in search.found} == {(1, 2), (2, 1)}
    assert {round(one.begin.timestamp() - BEGIN - SWAP * DAY) for one in search.found} == {0}
    for one in search.found:
        own = like(image(one.module, SWAP - 1), image(one.fits, SWAP))
        assert one.own == pytest.approx(own, abs=0.02)
        other = like(image(one.fits, SWAP - 1), image(one.fits, SWAP))
        assert one.other == pytest.approx(other, abs=0.02)
        assert other == pytest.approx(25 / 29, abs=0.01)  # of variances 25 of the pattern and 4 of the noise
        assert one.sure == pytest.approx((one.other - one.own) / np.sqrt(2 / (512 * 128)))
        assert f"m{one.module} is like m{one.fits} before: correlation 0.8" in one.words
    for one in tmp_path.rglob("cal.*.h5"):
        one.unlink()  # nothing is read again
    again = ExchangeSearch(lines(versions), 0, versions, known)
    again.work(60.0)
    assert (again.found, again.unread) == (search.found, ())


def like(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation of two images less the medians of their ASICs."""
    blocks = [values.astype(float).reshape(8, 64, 2, 64) for values in (one, other)]
    flat = [(values - np.median(values, axis=(1, 3), keepdims=True)).ravel() for values in blocks]
    return float(np.corrcoef(*flat)[0, 1])


def test_modules_that_stay_are_not_told_and_lost_files_are(tmp_path: Path) -> None:
    versions = make(tmp_path, steady=True)
    made = lines(versions)
    made[1].rows[2].path.unlink()
    search = ExchangeSearch(made, 0, versions)
    search.work(60.0)
    assert search.found == ()
    assert [str(made[1].rows[2].path) in one for one in search.unread] == [True]


def test_a_verdict_without_noise_says_what_it_has_not_tested(tmp_path: Path) -> None:
    """Offsets alone are not compared: a verdict that is green all over would look like one on all of them."""
    versions = make(tmp_path)
    rows = versions.of("SCS_DET_DSSC1M-1", "Offset")
    before, after = (set_of(next(one for one in rows if one.begin.timestamp() == BEGIN + DAY * version), versions)
                     for version in (SWAP - 1, SWAP))
    found = [(one.module, one.mark, one.words) for one in judge(after, before) if one.rule == "shift"]
    assert found == [(module, "amber", "not tested") for module in MODULES]
    assert not [one for one in judge(after, None) if one.rule == "shift"]


def test_one_module_has_no_other() -> None:
    assert ExchangeSearch([], 0, VersionList(())).lacking == 0
