"""Which pixels and memory cells halves are compared of, what is kept of passes, and what is told of numbers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from calib_core.characterisation.dark_closure import CELLS, NUMBERS, PIXELS, Kept, looked_at, places
from calib_core.characterisation.dark_closure_check import findings
from calib_core.characterisation.unit import Unit
from calib_core.detector.registry import detector_type, detector_types


def context(kind: str, cells: int) -> Any:
    return SimpleNamespace(detector=detector_type(kind), axes={"cell": range(cells)})


def unit(block: tuple[int, ...]) -> Unit:
    return Unit(0, 0, ("run",), block, 60)


@pytest.mark.parametrize("kind", [one.name for one in detector_types()])
@pytest.mark.parametrize("cells", [1, 16])
def test_pixels_of_each_bank_are_spread_over_its_columns(kind: str, cells: int) -> None:
    detector = detector_type(kind)
    found, (high, wide) = places(detector, cells), detector.bank_shape or detector.asic_shape
    row, column = np.divmod(found.pixel, detector.shape[1])
    np.testing.assert_array_equal(found.bank, row // high * (detector.shape[1] // wide) + column // wide)
    number = np.bincount(found.bank)
    assert len(np.unique(found.pixel)) == len(found.pixel) <= max(1.1 * PIXELS, 20 * len(number))
    assert number.min() == number.max() >= 16
    if number[0] >= wide:
        assert len(np.unique(column)) == detector.shape[1]


@pytest.mark.parametrize(("cells", "number"), [(1, 1), (5, 5), (8, 8), (11, 8), (352, 8), (800, 8)])
def test_memory_cells_are_spread_over_all_units(cells: int, number: int) -> None:
    half = cells // 2
    blocks = [block for block in (tuple(range(half)), tuple(range(half, cells))) if block]
    found = [block[slot] for block in blocks for slot in looked_at(context("AGIPD1M", cells), unit(block))]
    assert len(found) == number <= CELLS
    assert (found[0], found[-1]) == (0, cells - 1)
    assert np.ptp(np.diff(found)) <= 1 if number > 1 else True


def test_first_samples_are_kept_whatever_the_parts() -> None:
    around = context("EPIX100", 1)
    pixels, rng = around.detector.pixels, np.random.default_rng(2)
    values = rng.normal(0, 3, (2, 30, pixels)).astype(np.float32)
    use, train = rng.random((2, 30, pixels)) < 0.9, np.arange(500, 530, dtype=np.uint64)

    def kept(parts: list[slice]) -> Kept:
        found = [Kept(around, unit((0,)), 2, 24) for _ in parts]
        for one, part in zip(found, parts, strict=True):
            for start in range(part.start, part.stop, 7):
                some = slice(start, min(start + 7, part.stop))
                for trial in (0, 1):
                    one.put(trial, 0, values[trial, some], use[trial, some])
                one.took(0, train[some])
        for other in found[1:]:
            found[0].merge(other)
        found[0].keep(1)
        return found[0]

    at, width = places(around.detector, 1).pixel, np.full(pixels, 9, np.float32)
    expected = np.where(use[1, :24][:, at], values[1, :24][:, at], np.nan)
    expected[np.abs(expected) > 9] = np.nan
    for parts in ([slice(0, 30)], [slice(0, 10), slice(10, 30)], [slice(0, 28), slice(28, 30)]):
        found = kept(parts).quarters(0, width)
        assert found is not None
        np.testing.assert_array_equal(found.count.sum(axis=0), np.isfinite(expected).sum(axis=0))
        np.testing.assert_allclose(found.total[[0, 2]].sum(axis=0), np.nansum(expected[::2], axis=0), atol=1e-4)
        np.testing.assert_allclose(found.total[[0, 1]].sum(axis=0), np.nansum(expected[:12], axis=0), atol=1e-4)
    assert Kept(around, unit((0,)), 2, 0).quarters(0, width) is None


def told(pixels: float = 1e6, samples: float = 60, common: float = 0.0, **changes: float) -> list[str]:
    """Words on numbers that are as expected but for some."""
    names = {name.replace(" ", "_").replace(",", ""): name for name in NUMBERS}
    numbers = {name: float(name.startswith("width")) for name in NUMBERS}
    numbers |= {"pixels": pixels, "samples": samples, "common": common}
    numbers |= {names[name]: value for name, value in changes.items()}
    return [one.words for one in findings(np.array([[numbers[name] for name in NUMBERS]], np.float32))]


def test_limits_are_ten_per_cent_and_a_statistical_error() -> None:
    assert told() == [] == told(width_of_offset_even_and_odd_trains=1.09, shift_of_noise_first_and_second_half=-0.9)
    assert len(told(width_of_offset_even_and_odd_trains=1.11)) == 1
    assert len(told(width_of_noise_first_and_second_half=0.89)) == 1
    assert told(shift_of_offset_first_and_second_half=-1.23) == [
        "the offset of the first half lies -1.2 statistical errors from that of the second (a drift or a jump)"]


def test_limits_are_wider_for_few_pulls_and_much_common_mode() -> None:
    """Five errors: 1/√(2 · 200) is 0.05; of f² = 0.49 from 60 frames, 0.49/0.51/2/√60 is 0.062."""
    assert told(200, width_of_offset_even_and_odd_trains=1.24) == []
    assert len(told(200, width_of_offset_even_and_odd_trains=1.26)) == 1
    assert told(common=0.7, width_of_offset_even_and_odd_trains=1.30) == []
    assert len(told(common=0.7, width_of_offset_even_and_odd_trains=1.32)) == 1
    assert told(common=0.5, shift_of_offset_even_and_odd_trains=2.4) == []
    assert "where common mode makes ±0.5 (" in told(common=0.5, shift_of_offset_even_and_odd_trains=2.6)[0]
    assert len(told(common=0.5, shift_of_noise_even_and_odd_trains=1.3)) == 1
