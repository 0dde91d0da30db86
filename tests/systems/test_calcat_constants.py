"""Corrections that take their constants of the facility's database: the same numbers as of the store behind it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest

from calib_core.simulate import default_settings, simulate
from calib_core.store.constants import list_constants
from calib_core.store.local.by_operator import ByOperator
from calib_core.store.local.candidates import candidates_of
from calib_core.store.local.injecting import inject
from calib_core.store.local.store import LocalStore
from calib_core.store.serving.server import Server, serving
from calib_core.store.statuses import STORE_VARIABLE, Status

from .command import Capture, Result
from .conftest import characterise

pytest.importorskip("extra.calibration", reason="EXtra is not installed (group calcat)")


@dataclass
class Case:
    """A run, and a store that has accepted its darks."""

    run: Path
    store: Path

    def corrected(self, constants: str, out: Path, capsys: Capture) -> Result:
        return Result(["JUNGFRAU", "CORRECT", "--run", str(self.run), "--constants", constants,
                       "--no-relative-gain", "--out-folder", str(out)], out, capsys)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = tmp_path_factory.mktemp("calcat")
    settings = {"identifier": "FXE_XAD_JF1M", "instrument": "FXE", "modules": "1-2", "memory_cells": 1, "trains": 12}
    made = simulate(default_settings("JUNGFRAU").with_changes(settings), folder / "data")
    characterise(made, folder / "dark")
    with closing(LocalStore(folder / "store", create=True)) as store:
        paths = [one.path for one in list_constants(folder / "dark")]
        versions = inject(store, candidates_of(store, paths, ByOperator(confirmed=True)), "anna", "").versions
        store.decide([one.number for one in versions], Status.ACCEPTED, "anna", "")
    return Case(made.runs["high"], folder / "store")


@pytest.fixture
def server(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The store as the database answers, at the address that is asked, with the folder of its files."""
    with closing(LocalStore(case.store)) as store, serving(store) as server:
        monkeypatch.setenv("CALIBWB_CALCAT", server.url)
        monkeypatch.setenv("CALIBWB_CALCAT_FOLDER", str(case.store))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.setenv(STORE_VARIABLE, str(case.store))
        yield server


def images(out: Path) -> np.ndarray:
    """Corrected samples of both modules, by h5py alone."""
    found = []
    for path in sorted(out.glob("CORR-*-JNGFR0*.h5")):
        with h5py.File(path) as file:
            [source] = file["INSTRUMENT/FXE_XAD_JF1M/CORR"].values()
            found.append(source["data/adc"][()])
    return np.stack(found)


def test_constants_of_the_database_are_those_of_its_store_also_without_the_network(
    case: Case, server: Server, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = case.corrected("store", tmp_path / "own", capsys)
    assert own.status == 0, own.errors
    asked = case.corrected("calcat", tmp_path / "asked", capsys)
    assert asked.status == 0, asked.errors
    np.testing.assert_array_equal(images(tmp_path / "asked"), images(tmp_path / "own"))
    assert not [text for text in asked.warnings if "CalCat" in text and "BadPixelsManual" not in text]
    server.shutdown()
    server.server_close()
    kept = case.corrected("calcat", tmp_path / "kept", capsys)
    assert kept.status == 0, kept.errors
    [said] = [text for text in kept.warnings if "answers that were kept" in text]
    assert "the oldest of them of 20" in said
    np.testing.assert_array_equal(images(tmp_path / "kept"), images(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "no cache"))
    failed = case.corrected("calcat", tmp_path / "failed", capsys)
    assert failed.status != 0
    assert "CalCat cannot be reached at " in failed.errors[0]
