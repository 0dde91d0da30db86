"""Comparisons: places by label, variants, numbers, and what has changed most."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calib_core.axes import Pick, View
from calib_core.subjects.shown import Shown

from .arrays import DARK, KIND, NOISE, OFFSET, RAW, SAMPLES, SHAPE, Arrays, compared, permuted, pictured, told


def test_what_both_have_is_in_the_order_of_a() -> None:
    with compared(Arrays(modules=(3, 4, 5)), permuted()) as one:
        assert one.modules == (3, 5)
        assert {name: axis.labels for name, axis in one.axes.items()} == {"gain": ("HG", "MG"), "cell": (0, 8)}
        assert one.axes["cell"].title == "Memory cell"
    with compared(permuted(), Arrays(modules=(3, 4, 5))) as one:
        assert one.modules == (5, 3)
        assert {name: axis.labels for name, axis in one.axes.items()} == {"gain": ("MG", "HG"), "cell": (8, 0)}


@pytest.mark.parametrize(("at", "gain", "cell"), [
    ({"gain": 0, "cell": 0}, "HG", 0), ({"gain": 1, "cell": 1}, "MG", 8), ({}, "HG", 0), ({"cell": 1}, "HG", 8),
    ({"gain": 9, "cell": 9}, "MG", 8), ({"gain": -3, "cell": -1}, "HG", 0), ({"cell": 1, "scan": 4}, "HG", 8),
])
def test_places_of_the_pair_are_those_of_the_same_label_in_both(at: dict[str, int], gain: str, cell: int) -> None:
    with compared(Arrays(), permuted()) as one:
        for module in (3, 5):
            truth = told(module, gain, cell)
            np.testing.assert_array_equal(one.plane("offset", module, at), truth)
            np.testing.assert_array_equal(one.plane("offset.b", module, at), truth + 0.5)
            np.testing.assert_array_equal(one.plane("offset.difference", module, at), np.full(SHAPE, -0.5))
            np.testing.assert_allclose(one.plane("offset.ratio", module, at), truth / (truth + 0.5), rtol=1e-6)
        picture = pictured(one, View(at, picks=(Pick("offset.b"),)))
        np.testing.assert_array_equal(picture.maps[Pick("offset.b")][1], told(5, gain, cell) + 0.5)


def test_curves_have_the_labels_of_the_pair() -> None:
    with compared(Arrays(), permuted()) as one:
        for result, add in (("noise", 0.0), ("noise.b", 0.5)):
            curve = one.along(result, "cell", 5, 1, 2, {"gain": 1})
            assert curve.dtype == np.float64
            assert curve.tolist() == [512000 + 8000 + 12 + 100 * cell + add for cell in (0, 8)]
        assert one.along("noise.difference", "gain", 3, 0, 1, {"cell": 1}).tolist() == [-0.5, -0.5]
        assert one.along("offset.b", "gain", 3, 0, 1, {"cell": 1}).tolist() == [310801.5, 320801.5]


def test_raw_data_are_those_of_a_at_its_own_place() -> None:
    with compared(permuted(), Arrays()) as one:
        frames, explained = one.frames(5, 1, {"gain": 0, "cell": 1}), one.explain(5, 1, 2, {"gain": 1})
        assert frames is not None
        assert frames.values.tolist() == [[5, 1, 1, 2]]
        assert explained is not None
        assert explained.numbers[0].name == "m5 1,2 [('cell', 0), ('gain', 2)]"


def test_reasons_are_those_of_a_at_its_own_place_and_files_those_of_both() -> None:
    a, b = permuted(), Arrays()
    a.files, b.files = (Path("a.h5"), Path("both.h5")), (Path("both.h5"), Path("b.h5"))
    with compared(a, b) as one:
        [reason] = one.reasons(5, 1, 2, {"gain": 0, "cell": 1})
        assert reason.words == "m5 1,2 [('cell', 2), ('gain', 1)]"
        assert one.files == (Path("a.h5"), Path("both.h5"), Path("b.h5"))


def test_each_result_is_offered_in_all_its_variants() -> None:
    with compared(Arrays(results=(*DARK, RAW)), Arrays(results=(*DARK, RAW))) as one:
        found = {result.name: result for result in one.results}
        assert list(found) == [
            "offset", "offset.b", "offset.difference", "offset.ratio", "offset.pull",
            "noise", "noise.b", "noise.difference", "noise.ratio", "noise.pull",
            "samples", "samples.b", "samples.difference",
            "bad_pixels", "bad_pixels.a", "bad_pixels.b", "bad_pixels.new", "bad_pixels.healed",
            "noise_raw", "noise_raw.b", "noise_raw.difference", "noise_raw.ratio"]
        assert [found[name].title for name in list(found)[:5]] == [
            "Offset A", "Offset B", "Offset A−B", "Offset A/B", "Offset (A−B)/σ"]
        assert [found[name].title for name in list(found)[13:18]] == [
            "Bad pixels A or B", "Bad pixels A", "Bad pixels B", "Bad pixels new", "Bad pixels healed"]
        assert [found[name].unit for name in list(found)[:5]] == ["ADU", "ADU", "ADU", "", "σ"]
        np.testing.assert_array_equal([found[name].centre for name in list(found)[:5]], [np.nan, np.nan, 0, 1, 0])
        assert [found[name].scale_of for name in list(found)[:5]] == ["", "offset", "", "", ""]
        assert [found[name].scale_of for name in list(found)[18:]] == ["noise", "noise", "", ""]
        assert [(found[name].error, found[name].count) for name in list(found)[:3]] == [
            ("noise", "samples"), ("noise.b", "samples.b"), ("", "")]
        assert [found[name].dtype for name in list(found)[10:18]] == ["u4", "u4", "f4"] + ["u4"] * 5
        assert Shown(one).flags is found["bad_pixels"]
        assert one.notes[0] == "Without (A−B)/σ, since the samples behind it are not known: Noise before."


@pytest.mark.parametrize(("of_a", "of_b", "with_pull"), [
    (DARK, DARK, {"offset", "noise"}),
    ((replace(OFFSET, count=""), *DARK[1:]), DARK, {"noise"}),
    (DARK, (OFFSET, replace(NOISE, count=""), SAMPLES), {"offset"}),
    ((OFFSET, NOISE), DARK, set()), ((NOISE, SAMPLES), DARK, {"noise"}), ((OFFSET, SAMPLES), DARK, set()),
    ((replace(OFFSET, error=RAW.name), *DARK[1:], RAW), DARK, {"noise"}),
    ((replace(OFFSET, error=RAW.name), *DARK[1:], RAW), (replace(OFFSET, error=RAW.name), *DARK[1:], RAW),
     {"offset", "noise"}),
])
def test_pulls_are_offered_where_the_errors_of_both_are_known(of_a: Any, of_b: Any, with_pull: set[str]) -> None:
    with compared(Arrays(results=of_a), Arrays(results=of_b)) as one:
        names = [result.name for result in one.results]
        assert {name.removesuffix(".pull") for name in names if name.endswith(".pull")} == with_pull
        assert all(other in ("", *names) for result in one.results
                   for other in (result.error, result.count, result.scale_of))


@pytest.mark.parametrize(("name", "key", "expected"), [
    ("offset", "pull", "offset.pull"), ("offset.pull", "a", "offset"), ("noise_raw", "pull", "noise_raw.difference"),
    ("samples.b", "ratio", "samples.difference"), ("samples", "b", "samples.b"),
    ("bad_pixels.new", "pull", "bad_pixels"), ("bad_pixels", "a", "bad_pixels.a"),
    ("bad_pixels", "healed", "bad_pixels.healed"), ("offset.b", "new", "offset.difference"),
    ("offset.b", "either", "offset"),
])
def test_the_nearest_variant_is_shown_where_one_is_not_there(name: str, key: str, expected: str) -> None:
    with compared(Arrays(results=(*DARK, RAW)), Arrays(results=(*DARK, RAW))) as one:
        assert one.variant(name, key) == expected


def test_the_detector_of_both_is_named_once() -> None:
    twin = [Arrays(title=f"{Arrays().identifier} · {runs}") for runs in ("r1", "r2")]
    with compared(*twin) as one:
        assert one.title == f"A: {Arrays().identifier} · r1 │ B: r2"


def test_both_are_described() -> None:
    a, b = Arrays(), Arrays(title="runs 7-9", ended=False)
    b.about = {"condition": "300 V", "runs": "7-9"}
    with compared(a, b) as one:
        assert one.title == "A: runs 1-3 │ B: runs 7-9"
        assert (one.state, one.ended) == ("A on disk · B running", False)
        assert list(one.about.items()) == [("A: runs", "runs 1-3"), ("B: runs", "7-9"), ("B: condition", "300 V")]
        assert one.kind is KIND
        assert one.values("offset", 3) is None
        b.ended, b.state = True, "done"
        assert (one.state, one.ended) == ("A on disk · B done", True)


def test_pulls_take_the_noise_and_the_samples_of_the_place() -> None:
    a, b = Arrays(), permuted()
    a.put("samples", 25)
    b.put("samples", [[400, 2, 1], [0, 400, 400]])
    b.put("noise", 0)
    b.arrays["noise", 5][1, 0] = [[6, 6, 6], [6, np.nan, 8]]  # MG, memory cell 8
    a.put("noise", 10)
    with compared(a, b) as one:
        found = one.plane("offset.pull", 5, {"gain": 1, "cell": 1})
        assert found is not None
        assert found.dtype == np.float32
        sigma = [[np.hypot(2, 0.3), np.hypot(2, 6 / np.sqrt(2)), np.nan], [np.nan, np.nan, np.hypot(2, 0.4)]]
        np.testing.assert_allclose(found, -0.5 / np.array(sigma), rtol=1e-6)
        noise = one.plane("noise.pull", 5, {"gain": 1, "cell": 1})
        of_a, of_b = 10 / np.sqrt(48), np.array([6 / np.sqrt(798), 6 / np.sqrt(2), 8 / np.sqrt(798)])
        assert noise is not None
        np.testing.assert_allclose(noise[[0, 0, 1], [0, 1, 2]], [4, 4, 2] / np.hypot(of_a, of_b), rtol=1e-6)
        np.testing.assert_allclose(one.along("offset.pull", "cell", 5, 1, 2, {"gain": 1})[1], found[1, 2], rtol=1e-6)


def test_pulls_of_two_sets_of_samples_of_the_same_truth_have_mean_0_and_width_1() -> None:
    rng, kind, counts = np.random.default_rng(7), replace(KIND, shape=(60, 50)), (300, 180)
    sides = [Arrays(modules=(3,), gains=("HG",), cells=(0,), kind=kind) for _ in counts]
    truth = rng.uniform(4000, 6000, kind.shape)
    for side, n in zip(sides, counts, strict=True):
        samples = rng.normal(truth, 3.0, (n, *kind.shape))
        side.put("offset", samples.mean(0))
        side.put("noise", samples.std(0, ddof=1))
        side.put("samples", n)
    with compared(*sides) as one:
        maps = pictured(one, View(picks=(Pick("offset.pull"), Pick("noise.pull")))).maps
        for pulls in maps.values():
            assert abs(float(pulls.mean())) < 4 / np.sqrt(3000)
            assert abs(float(pulls.std()) - 1) < 4 / np.sqrt(6000)


def test_flags_that_came_and_went() -> None:
    a, b = Arrays(), permuted()
    a.put("bad_pixels", [[0, 1, 1], [6, 0, 8]])
    b.put("bad_pixels", [[0, 0, 2], [3, 4, 8]])
    expected = {"": [[0, 1, 3], [7, 4, 8]], ".a": [[0, 1, 1], [6, 0, 8]], ".b": [[0, 0, 2], [3, 4, 8]],
                ".new": [[0, 1, 1], [4, 0, 0]], ".healed": [[0, 0, 2], [1, 4, 0]]}
    with compared(a, b) as one:
        picture = pictured(one, View(picks=tuple(Pick(f"bad_pixels{ending}") for ending in expected)))
        for ending, flags in expected.items():
            found = picture.maps[Pick(f"bad_pixels{ending}")]
            assert found.dtype == np.uint32
            assert found.tolist() == [flags, flags]
            assert one.along(f"bad_pixels{ending}", "gain", 3, 1, 0, {}).tolist() == [flags[1][0]] * 2


def test_where_one_has_nothing_no_flag_came_or_went_and_nothing_differs() -> None:
    a, b = Arrays(), Arrays(ended=False)
    a.put("bad_pixels", 5)
    b.nowhere |= {(one.name, 3) for one in DARK}
    with compared(a, b) as one:
        names = ("bad_pixels", "bad_pixels.new", "bad_pixels.healed", "offset", "offset.b", "offset.difference",
                 "samples.b", "samples.difference")
        there = [name for name in names if one.plane(name, 3, {}) is not None]
        assert there == ["bad_pixels", "offset"]
        assert np.isnan(one.along("bad_pixels.new", "cell", 3, 0, 0, {})).all()
        assert one.along("bad_pixels", "cell", 3, 0, 0, {}).tolist() == [5.0] * 3
        picture = pictured(one, View(modules=(3,), picks=tuple(map(Pick, names))))
        assert (picture.maps[Pick("bad_pixels")] == 5).all()
        assert not picture.maps[Pick("bad_pixels.new")].any()
        assert np.isnan(picture.maps[Pick("offset.difference")]).all()
        assert np.isnan(picture.maps[Pick("samples.difference")]).all()
