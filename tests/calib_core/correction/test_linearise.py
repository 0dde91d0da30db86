"""Look-up tables as they come from files, and what they do to frames."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from calib_core.constants.constant import ConstantKind
from calib_core.correction.bound_constant import Known
from calib_core.correction.images import Images
from calib_core.correction.linearise import Linearise, Lut
from calib_core.correction.pipeline import Pipeline
from calib_core.detector.registry import detector_type
from calib_core.errors import BadInput

#: Strips with few codes, so that tables are small.
KIND = replace(detector_type("GOTTHARD2"), shape=(1, 24), saturation=99)


@pytest.fixture
def stored() -> np.ndarray:
    """(cell, adc, strip)."""
    return np.random.default_rng(1).integers(0, 50, (2, 100, 24)).astype(np.uint16)


@dataclass
class Table:
    """A look-up table as a constant file gives it."""

    data: Any
    dims: tuple[str, ...] = ()
    why: str = "a.h5"

    def get(self, kind: ConstantKind) -> Table:
        return self


def test_codes_are_looked_up_in_place(stored: np.ndarray) -> None:
    draw = np.random.default_rng(2)
    samples, cell = draw.integers(0, 100, (30, 24)).astype(np.uint16), draw.integers(0, 2, 30)
    block = samples[:, None, None, :].copy()
    pipeline = Pipeline((Linearise(),)).bind(Table(stored), KIND)
    pipeline.apply(Images.of(block[:, 0], cell, np.arange(30)))
    np.testing.assert_array_equal(block[:, 0, 0], stored[cell[:, None], samples, np.arange(24)])
    assert pipeline.saturation == 49


def test_one_strip_is_looked_up_alike(stored: np.ndarray) -> None:
    samples = np.array([0, 99, 42, 42], np.uint16)
    found = Pipeline((Linearise(),)).bind(Table(stored), KIND).of_pixel(samples, 1, 0, 7)
    np.testing.assert_array_equal(found, stored[1, samples, 7])


def test_without_a_table_it_is_left_out_and_told() -> None:
    pipeline = Pipeline((Linearise(),)).bind(Known({}), KIND)
    assert pipeline.steps == ()
    assert "codes 0 to 99 of the converter, which is not linear" in pipeline.skipped[0].reason


@pytest.mark.parametrize("axes", [(0, 1, 2), (0, 2, 1), (1, 2, 0), (2, 1, 0)])
@pytest.mark.parametrize("named", [True, False])
def test_axes_are_known_by_their_names_or_lengths(stored: np.ndarray, axes: tuple[int, ...], named: bool) -> None:
    dims = tuple(("cell", "adc", "fast_scan")[axis] for axis in axes) if named else ()
    found = Lut.checked(stored.transpose(axes), dims, KIND, "a.h5")
    np.testing.assert_array_equal(found.data, stored)


def test_axes_of_one_length_are_taken_in_the_usual_order() -> None:
    square = np.random.default_rng(3).integers(0, 24, (2, 24, 24)).astype(np.uint16)
    found = Lut.checked(square, (), replace(KIND, saturation=23), "a.h5")
    np.testing.assert_array_equal(found.data, square)


@pytest.mark.parametrize(("change", "told"), [
    (lambda table: table[:, :, :23], r"a\.h5 holds an array of \(2, 100, 23\); .* 2 memory cells, 100 codes and 24"),
    (lambda table: table[0], r"holds an array of \(100, 24\)"),
    (lambda table: table[:1], r"holds an array of \(1, 100, 24\)"),
    (lambda table: table + np.uint16(60), "no codes from 0 to 99"),
    (lambda table: table.astype(np.int64) - 1, "no codes from 0 to 99"),
    (lambda table: np.where(table == 7, np.nan, table), "no codes from 0 to 99"),
    (lambda table: table / 2, "no codes from 0 to 99"),
])
def test_what_is_no_table_of_this_detector_is_refused(stored, change, told) -> None:
    with pytest.raises(BadInput, match=told):
        Lut.checked(change(stored), (), KIND, "a.h5")


def test_strips_whose_codes_fall_are_counted() -> None:
    rising = np.broadcast_to(np.arange(100, dtype=np.uint16)[:, None], (2, 100, 24)).copy()
    assert Lut.checked(rising, (), KIND, "a.h5").falling == 0
    rising[1, 50, 3] = 0
    rising[0, 60, 3:5] = 0
    assert Lut.checked(rising, (), KIND, "a.h5").falling == 3
