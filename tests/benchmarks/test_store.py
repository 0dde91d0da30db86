"""A look-up by operating condition, place and time in a store of years, against its rows by their numbers."""

from __future__ import annotations

import math
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from shutil import rmtree
from statistics import median
from time import perf_counter, process_time

import numpy as np
import pytest

from calib_core.constants.condition import Condition, Found
from calib_core.constants.constant import BAD_PIXELS_DARK, OFFSET, Constant
from calib_core.constants.matching import Setting
from calib_core.detector.registry import detector_type
from calib_core.store.base import Query
from calib_core.store.constants import write_constant
from calib_core.store.local.by_operator import ByOperator
from calib_core.store.local.candidates import candidate_of, candidates_of
from calib_core.store.local.injecting import inject
from calib_core.store.local.lookup import _VERSION
from calib_core.store.local.records import (
    Place,
    Record,
    add_act,
    add_place,
    add_version,
    microseconds,
)
from calib_core.store.local.store import LocalStore
from calib_core.store.statuses import Status

START = datetime(2020, 1, 1, tzinfo=UTC)
MODULES, KINDS, CONDITIONS = 16, ("Offset", "Noise", "BadPixelsDark", "ThresholdsDark"), 12
SMALL, LARGE = 1_600, 100_000


def condition(number: int) -> dict[str, Setting]:
    values = {"Sensor Bias Voltage": 300, "Pixels X": 512, "Pixels Y": 128,
              "Memory cells": (352, 250, 202)[number % 3], "Acquisition rate": (1.1, 4.5)[number % 2],
              "Gain setting": number // 6}
    return {name: Setting(float(value)) for name, value in values.items()}


def made(folder: Path, number: int) -> LocalStore:
    """A store of so many accepted versions: those of the first day by its own means, the others as they are alike."""
    store = LocalStore(folder, create=True)
    with store.writing() as writing:
        act = add_act(writing, "inject", "anna", "", START)
        for which in range(CONDITIONS):
            for module in range(MODULES):
                for kind in KINDS:
                    add_version(writing, act, Record(
                        f"UNIT_{module}", kind, "Some-Type", condition(which), START, START,
                        f"{which}.{module}.{kind}", "/"), Status.ACCEPTED)
        for module in range(MODULES):
            add_place(writing, act, Place("DET", f"A{module:02d}", module), f"UNIT_{module}", "Some-Type", START)
    first = store.index.one("SELECT count(*) FROM version")
    connection = store.index.connection
    for table, columns in (("version", "constant, pdu, begin_at, created_at, path, dataset, sha256, identity, bytes, "
                                       "shape, dims, dtype, raw_data, job, provenance, report, act"),
                           ("decision", "version, status, act")):
        others = columns.replace("begin_at", "begin_at + :time").replace("path", "path || :day").replace(
            "version", "version + :before")
        connection.execute("BEGIN")
        for day in range(1, math.ceil(number / first)):
            connection.execute(
                f"INSERT INTO {table} ({columns}) SELECT {others} FROM {table} WHERE id <= :first ORDER BY id",
                {"time": microseconds(START + timedelta(days=day)) - microseconds(START), "day": day,
                 "before": day * first, "first": first})
        connection.execute("COMMIT")
    return store


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> tuple[Path, ...]:
    """Offsets and bad-pixel map of a module with 32 memory cells and three gain stages: 75 MB."""
    kind, folder, rng = detector_type("AGIPD1M"), tmp_path_factory.mktemp("files"), np.random.default_rng(0)
    shape = (3, 32, *kind.shape)
    maps = {OFFSET: rng.normal(5000, 20, shape), BAD_PIXELS_DARK: np.where(rng.random(shape) < 0.01, 2, 0)}
    told = {"bias_voltage": 300.0, "pixels_x": 512.0, "pixels_y": 128.0, "memory_cells": 32.0,
            "acquisition_rate": 4.5, "gain_setting": 0.0, "gain_mode": 0.0, "integration_time": 12.0}
    return tuple(_put(folder, kind, of, values, told) for of, values in maps.items())


def _put(folder, kind, of, values, told) -> Path:
    calibration = kind.calibrations[of.name]
    names = kind.condition_of(calibration)
    found = Condition(kind.condition, {name: Found(told[name], "a key") for name in names if name in told})
    return write_constant(Constant(
        kind=of, calibration=calibration.name, pdu="UNIT", dims=("gain", "cell", "slow_scan", "fast_scan"),
        shape=values.shape, file_dims=calibration.dims, labels={"gain": ("HG", "MG", "LG"), "cell": tuple(range(32))},
        condition=found, recorded=found, begin=START, provenance={
            "detector_type": kind.database_type, "detector": "LAB", "aggregator": "AGIPD00", "module": 0,
            "raw_data": [{"proposal": 900000, "run_number": 7}], "software": {"calibwb": "0"},
            "parameters": {"method": "DARK"}},
        read=lambda part: values[:, part].astype(of.dtype)), folder).path


def test_statistics_at_injection(bars, files, tmp_path):
    """Both with their bytes, values and checksums; one without numbers, which are made beside what waits for the
    disk: the time that somebody waits."""
    asked, number = ByOperator(confirmed=True), count()

    def injected(with_numbers: bool):
        with closing(LocalStore(tmp_path / str(next(number)), create=True)) as store:
            found = candidates_of(store, files, asked) if with_numbers else [
                candidate_of(store, path, asked) for path in files]
            inject(store, found, "anna", "")
            lacking = store.lines.lacking()
        rmtree(store.folder)
        return lacking

    assert (injected(True), injected(False)) == ([], [1, 2])
    found, processor = [], []
    for turn in range(7):
        times = {}
        for with_numbers in ((True, False) if turn % 2 else (False, True)):
            begin, used = perf_counter(), process_time()
            injected(with_numbers)
            times[with_numbers] = perf_counter() - begin, process_time() - used
        found.append(times[False][0] / times[True][0])
        processor.append(times[False][1] / times[True][1])
    bars.ratio("statistics_at_injection", found, 1 / 1.1, f"(processor time {median(processor):.2f}) ")


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    found = {number: made(tmp_path_factory.mktemp("store"), number) for number in (SMALL, LARGE)}
    yield found
    for one in found.values():
        one.close()


def question(store: LocalStore) -> Query:
    days = store.index.one("SELECT count(*) FROM version") / (CONDITIONS * MODULES * len(KINDS))
    asked = {name: one.value for name, one in condition(3).items()}
    return Query(("Offset",), detector="DET", condition=asked, at=START + timedelta(days=0.7 * days), take="prior")


def test_a_look_up_by_condition_costs_little_more_than_its_rows(bar, stores):
    store = stores[LARGE]
    asked = question(store)
    found = store.find(asked)
    numbers = [one.number for one in found]
    connection, sql = store.index.connection, f"{_VERSION} ({', '.join('?' * MODULES)})"
    assert len(numbers) == MODULES
    assert sorted(row["id"] for row in connection.execute(sql, numbers)) == sorted(numbers)

    def by_condition():
        for _ in range(200):
            store.find(asked)

    def by_key():
        for _ in range(200):
            [dict(row) for row in connection.execute(sql, numbers)]

    bar("store_look_up_by_condition", by_condition, by_key, 1 / 3)


def test_a_look_up_grows_no_faster_than_the_logarithm(bar, stores):
    small, large = stores[SMALL], stores[LARGE]
    questions = question(small), question(large)
    assert len(large.find(questions[1])) == len(small.find(questions[0])) == MODULES

    def of(store, asked):
        def call():
            for _ in range(200):
                store.find(asked)

        return call

    bar("store_of_100000_versions_against_1600", of(large, questions[1]), of(small, questions[0]),
        math.log(SMALL) / math.log(LARGE))
