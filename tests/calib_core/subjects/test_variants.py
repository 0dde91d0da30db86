"""Names of comparisons, and the numbers behind them, against numpy."""

from __future__ import annotations

import numpy as np
import pytest

from calib_core.axes import Array
from calib_core.subjects.variants import VARIANTS, base_of, standard_error, values_of, variant_of

from .arrays import FLAGS, NOISE, OFFSET, SAMPLES

BY_KEY = {one.key: one for one in VARIANTS}


def test_every_variant_has_a_key_a_title_and_a_name_of_its_own() -> None:
    assert [one.key for one in VARIANTS] == ["either", "a", "b", "difference", "ratio", "pull", "new", "healed"]
    assert [one.title for one in VARIANTS] == ["A or B", "A", "B", "A−B", "A/B", "(A−B)/σ", "new", "healed"]
    for role in ("value", "count", "flags"):
        endings = [one.endings[role] for one in VARIANTS if role in one.endings]  # type: ignore[index]
        assert len(set(endings)) == len(endings)
        assert endings.count("") == 1


@pytest.mark.parametrize(("name", "key", "role", "expected"), [
    ("offset", "a", "value", "offset"), ("offset", "b", "value", "offset.b"),
    ("offset.b", "a", "value", "offset"), ("offset.ratio", "difference", "value", "offset.difference"),
    ("offset.difference", "ratio", "value", "offset.ratio"), ("noise.ratio", "pull", "value", "noise.pull"),
    ("bad_pixels", "a", "flags", "bad_pixels.a"), ("bad_pixels.new", "either", "flags", "bad_pixels"),
    ("bad_pixels.a", "new", "flags", "bad_pixels.new"), ("bad_pixels.b", "healed", "value", "bad_pixels.healed"),
    ("dark.current", "b", "value", "dark.current.b"), ("dark.current.b", "a", "value", "dark.current"),
])
def test_a_variant_is_asked_for_by_any_other(name: str, key: str, role: str, expected: str) -> None:
    assert variant_of(name, key, role) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "base"), [
    ("offset", "offset"), ("offset.pull", "offset"), ("bad_pixels.a", "bad_pixels"), ("dark.current", "dark.current"),
    ("bad_pixels.healed", "bad_pixels"), ("web", "web"), ("a", "a"),
])
def test_each_variant_tells_what_it_is_made_of(name: str, base: str) -> None:
    assert base_of(name) == base


def test_an_unknown_variant_is_refused() -> None:
    with pytest.raises(ValueError, match="'sum' is not one of either, a, b"):
        variant_of("offset", "sum")


def getting(**arrays: Array | None):  # type: ignore[no-untyped-def]
    return lambda side, name: arrays[f"{name}_{side}"]


def test_differences_of_counts_may_be_negative_and_ratios_by_zero_are_nothing() -> None:
    get = getting(samples_a=np.array([[1, 5]], np.uint32), samples_b=np.array([[3, 0]], np.uint32))
    difference = values_of(BY_KEY["difference"], SAMPLES, get)
    assert difference is not None
    assert difference.tolist() == [[-2.0, 5.0]]
    ratio = values_of(BY_KEY["ratio"], OFFSET, getting(offset_a=np.array([6.0, 5.0, 0.0, np.nan, -3.0]),
                                                       offset_b=np.array([4.0, 0.0, 0.0, 1.0, 2.0])))
    np.testing.assert_array_equal(ratio, [1.5, np.nan, np.nan, np.nan, -1.5])


def test_the_error_of_a_mean_and_of_a_noise_follow_from_samples() -> None:
    noise, count = np.array([4.0, 4.0, 4.0, 4.0, np.nan], np.float32), np.array([16, 2, 1, 0, 9], np.uint32)
    get = getting(noise_b=noise, samples_b=count)
    np.testing.assert_allclose(standard_error(OFFSET, "b", get), [1.0, 2.828427125, np.nan, np.nan, np.nan])
    np.testing.assert_allclose(standard_error(NOISE, "b", get), [0.730296743, 2.828427125, np.nan, np.nan, np.nan])


def test_a_pull_is_a_difference_in_errors_of_both_and_nothing_where_an_error_is_not_known() -> None:
    get = getting(offset_a=np.array([10.0, 10, 10, 10, np.nan]), offset_b=np.array([5.0, 5, 5, 5, 5]),
                  noise_a=np.array([12.0, 12, 0, 12, 12]), noise_b=np.array([16.0, 16, 0, np.nan, 16]),
                  samples_a=np.array([16, 1, 16, 16, 16]), samples_b=np.array([16, 16, 16, 16, 16]))
    np.testing.assert_allclose(values_of(BY_KEY["pull"], OFFSET, get), [1.0, np.nan, np.nan, np.nan, np.nan])


@pytest.mark.parametrize("missing", ["noise_a", "samples_b", "offset_a", "offset_b"])
def test_there_is_no_pull_where_something_is_not_there(missing: str) -> None:
    one = np.array([2.0, 2.0])
    arrays = dict.fromkeys(("offset_a", "offset_b", "noise_a", "noise_b", "samples_a", "samples_b"), one)
    assert values_of(BY_KEY["pull"], OFFSET, getting(**arrays)) is not None
    assert values_of(BY_KEY["pull"], OFFSET, getting(**{**arrays, missing: None})) is None


@pytest.mark.parametrize(("key", "expected"), [("either", [0, 1, 3, 7]), ("new", [0, 1, 1, 4]),
                                               ("healed", [0, 0, 2, 1])])
def test_flags_come_and_go_bit_by_bit(key: str, expected: list[int]) -> None:
    a, b = np.array([0, 1, 1, 6], np.uint32), np.array([0, 0, 2, 3], np.uint32)
    found = values_of(BY_KEY[key], FLAGS, getting(bad_pixels_a=a, bad_pixels_b=b))
    assert found is not None
    assert found.dtype == np.uint32
    assert found.tolist() == expected


@pytest.mark.parametrize(("key", "expected"), [("either", [3, 2, 1, np.nan]), ("new", [1, np.nan, np.nan, np.nan]),
                                               ("healed", [2, np.nan, np.nan, np.nan])])
def test_nothing_came_or_went_where_flags_are_not_known(key: str, expected: list[float]) -> None:
    a, b = np.array([1, np.nan, 1, np.nan]), np.array([2, 2, np.nan, np.nan])
    found = values_of(BY_KEY[key], FLAGS, getting(bad_pixels_a=a, bad_pixels_b=b))
    np.testing.assert_array_equal(found, expected)
    whole = values_of(BY_KEY[key], FLAGS, getting(bad_pixels_a=np.array([3], np.uint32), bad_pixels_b=None))
    assert (None if whole is None else whole.tolist()) == ([3] if key == "either" else None)


@pytest.mark.parametrize(("one", "name"), [(OFFSET, "offset"), (NOISE, "noise")])
def test_pulls_of_the_same_truth_are_standard_normal(one, name) -> None:  # type: ignore[no-untyped-def]
    """Mean 0 and width 1 within 4 times the error that so many pixels leave."""
    rng, pixels, counts = np.random.default_rng(20260), 8000, {"a": 400, "b": 250}
    arrays: dict[str, Array] = {}
    for side, n in counts.items():
        samples = rng.normal(5000.0, 3.0, (n, pixels))
        arrays[f"offset_{side}"] = samples.mean(0).astype(np.float32)
        arrays[f"noise_{side}"] = samples.std(0, ddof=1).astype(np.float32)
        arrays[f"samples_{side}"] = np.full(pixels, n, np.uint32)
    pulls = values_of(BY_KEY["pull"], one, getting(**arrays))
    assert pulls is not None
    assert abs(pulls.mean()) < 4 / np.sqrt(pixels)
    assert abs(pulls.std() - 1) < 4 / np.sqrt(2 * pixels)
    shares = [np.mean(np.abs(pulls) < k) for k in (1, 2)]
    np.testing.assert_allclose(shares, [0.6827, 0.9545], atol=4 * np.sqrt(0.25 / pixels))
