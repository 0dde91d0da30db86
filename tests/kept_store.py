"""A store of months of constants whose files are not there: it keeps their numbers, which are known here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from calib_core.constants.statistics import VersionStatistics
from calib_core.numerics.flag_counts import Flagged
from calib_core.numerics.group_statistics import Numbers
from calib_core.store.local.blocks import Made
from calib_core.store.local.by_operator import ByOperator
from calib_core.store.local.candidates import Candidate, candidates_of
from calib_core.store.local.injecting import inject
from calib_core.store.local.lines import put_line
from calib_core.store.local.records import Place, add_act, add_version
from calib_core.store.local.store import LocalStore
from tests.calib_core.subjects.files import put_ours

VERSIONS, MODULES, STEP, SIZE, DAY = 78, (0, 1), 62, 12.0, 86400.0
SHAPE = (512, 128, 1)
CONDITIONS: dict[str, Any] = {name: {"value": value, "unit": "", "tolerance": 0, "origin": "KEY x"}
                              for name, value in {"Sensor Bias Voltage": 100.0, "Memory cells": 1.0,
                                                  "Pixels X": 512.0, "Pixels Y": 128.0}.items()}


def median(module: int, version: int) -> float:
    """Median of the good pixels of a version, ADU; module 1 has a step."""
    drawn = np.random.default_rng([module, version]).normal(0, 1)
    return float(100 + 10 * module + drawn + SIZE * (module == 1 and version >= STEP))


def put_real(root: Path, module: int, version: float, values: np.ndarray | float | None = None) -> Path:
    """The file of a constant that can be injected."""
    made = np.full(SHAPE, median(module, int(version)) if values is None else values, np.float32)
    return put_ours(root, module, "Offset", made, DAY * version, conditions=CONDITIONS)


@dataclass(frozen=True)
class KeptStore:
    """The store, and the numbers of its versions by module, in the order of time."""

    store: LocalStore
    versions: dict[int, list[int]]


def make_kept_store(folder: Path, files: Path) -> KeptStore:
    """Months of two modules; the first version of each is really there, of all others the numbers alone."""
    store = LocalStore(folder, create=True)
    versions = {}
    for module in MODULES:
        [first] = candidates_of(store, [put_real(files, module, 0)], ByOperator(confirmed=True))
        [made] = inject(store, [first], "anna", "first").versions
        assert made.begin is not None
        place = Place("SCS_DET_DSSC1M-1", f"DSSC{module:02d}", module)
        store.install(made.pdu, place, made.detector_type, made.begin, "anna", "")
        versions[module] = [made.number, *_add(store, first, module, range(1, VERSIONS))]
    return KeptStore(store, versions)


def _add(store: LocalStore, like: Candidate, module: int, days: Sequence[int]) -> list[int]:
    """Versions of other days with their numbers, without files."""
    assert like.record is not None
    assert like.made is not None
    made = like.made()
    assert made.numbers is not None
    assert made.told is not None
    numbers = []
    with store.writing() as writing:
        act = add_act(writing, "inject", "anna", "first", store.clock())
        for day in days:
            begin = like.record.begin + timedelta(days=day)
            path = Path("xfel", "cal", "dssc-type", f"m{module}", f"cal.{day}.0.h5")
            record = replace(like.record, begin=begin, created=begin, path=str(path), sha256=f"{module}{day:063x}")
            numbers.append(add_version(writing, act, record))
            kept = Made.of(made.told, _numbers(made.numbers, module, day), made.map_sha256)
            for beside, image in kept.beside(store.folder / path).items():
                beside.parent.mkdir(parents=True, exist_ok=True)
                beside.write_bytes(image)
                put_line(writing, numbers[-1], kept, str(beside.relative_to(store.folder)))
    return numbers


def _numbers(like: VersionStatistics, module: int, day: int) -> VersionStatistics:
    """Numbers of all ASICs are those of the module, a pixel of each has a flag."""
    assert like.groups is not None
    assert like.whole is not None
    value = median(module, day)
    groups, whole = (Numbers(*(np.full_like(one, value) for one in (some.mean, some.std, some.median)), some.n)
                     for some in (like.groups, like.whole))
    ones = np.ones((1, 1, 2, 8), np.int64)
    by_flag = np.zeros((1, 1, 2, 8, 32), np.int64)
    by_flag[..., 1] = 1
    return replace(like, groups=groups, whole=whole, flags=Flagged(ones, by_flag, 4096 * ones))
