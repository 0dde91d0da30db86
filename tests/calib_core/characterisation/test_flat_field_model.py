"""Which pixels tell the cloud."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from calib_core.characterisation import flat_field_model
from calib_core.characterisation.flat_field_model import Model
from calib_core.numerics.photon_peaks import Start

ROWS, COLUMNS = 512, 128


def asked(monkeypatch: pytest.MonkeyPatch, entries: Any) -> list[int]:
    """Numbers of the pixels that are asked, which stand in their first bin."""
    seen: list[int] = []

    def cloud(counts: Any, *_: Any) -> tuple[float, float]:
        seen.extend(counts[:, 0].tolist())
        return 0.04, 0.001

    monkeypatch.setattr(flat_field_model, "common_cloud", cloud)
    counts = np.arange(ROWS * COLUMNS, dtype=np.uint32)[np.newaxis]
    assert Model("F3").cloud(counts, np.array([0.0, 1.0]), Start(60, 9, 0), entries) == (0.04, 0.001)
    return seen


def test_they_are_of_all_columns_rows_and_never_of_one_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module without a bad pixel, whose columns are a divisor of any round number."""
    rows, columns = np.divmod(asked(monkeypatch, np.full(ROWS * COLUMNS, 2000)), COLUMNS)
    assert len(rows) == 256
    assert np.bincount(columns, minlength=COLUMNS).max() <= 10  # 2 are expected
    assert np.bincount(rows // 64, minlength=8).min() >= 12  # 32 are expected


def test_they_are_the_same_each_time_and_have_enough_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = np.where(np.arange(ROWS * COLUMNS) % 5 == 0, 2000, 10)
    first = asked(monkeypatch, entries)
    assert first == asked(monkeypatch, entries) == sorted(set(first))
    assert all(number % 5 == 0 for number in first)


def test_few_are_all_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = np.zeros(ROWS * COLUMNS, int)
    entries[[7, 300, 4000]] = 1000
    assert asked(monkeypatch, entries) == [7, 300, 4000]
