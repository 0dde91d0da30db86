"""Samples that darks name behind their results: only where the statistical error follows from them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from calib_core.characterisation.dark import Dark
from calib_core.characterisation.refined_dark import RefinedDark
from calib_core.detector.registry import detector_types
from calib_core.detectors.jungfrau import JUNGFRAU

from . import one_unit

WITH_SIGNAL = next(kind for kind in detector_types() if kind.signal_plane is not None)


@pytest.mark.parametrize(("method", "counted"), [
    (Dark(), {"offset", "noise"}), (Dark(estimator="plain"), {"offset", "noise"}),
    (Dark(estimator="median"), {"noise"}), (RefinedDark(), {"offset", "noise"}),
    (RefinedDark(estimator="median"), {"noise"}),
])
def test_samples_are_named_where_they_are_those_behind_a_mean_or_a_noise(method: Any, counted: set[str]) -> None:
    results = method.results(WITH_SIGNAL)
    assert {"gain_signal", "gain_signal_noise"} < {one.name for one in results}
    assert {one.name: one.count for one in results if one.count} == dict.fromkeys(counted, "samples")


@pytest.mark.parametrize(("method", "spread"), [(Dark(), "noise"), (RefinedDark(), "noise_raw")])
def test_the_offset_spreads_as_samples_do_with_their_common_mode(method: Any, spread: str) -> None:
    assert {one.name: one.error for one in method.results(None)}["offset"] == spread


@pytest.mark.parametrize("estimator", ["robust", "plain"])
@pytest.mark.parametrize("chunk", [5000, 300_000])
def test_runs_of_more_frames_than_the_sums_hold(estimator: str, chunk: int) -> None:
    """Codes of 4000 in 90,000 frames pass 2**32 in a few of the pixels' sums; NumPy with 64 bits is the reference."""
    kind = replace(JUNGFRAU, name="STRIP", shape=(1, 32), asic_shape=(1, 16), bank_shape=None, max_cells=1,
                   max_modules=1, regions=(), stages=JUNGFRAU.stages[:1], raw=replace(JUNGFRAU.raw, gain_bits=None))
    rng = np.random.default_rng(4)
    values = rng.normal(60_000, 9, (90_000, 1, 32)).round().astype(np.uint16)
    kind = replace(kind, saturation=65535)
    maps, _ = one_unit.characterise(Dark(estimator=estimator), kind, values, chunk)
    if estimator == "plain":
        np.testing.assert_allclose(maps["offset"][0], values[:, 0].mean(axis=0, dtype=np.float64), rtol=1e-7)
        np.testing.assert_allclose(maps["noise"][0], values[:, 0].std(axis=0, dtype=np.float64, ddof=1), rtol=1e-6)
    else:
        np.testing.assert_allclose(maps["offset"], 60_000, atol=0.2)
        np.testing.assert_allclose(maps["noise"], 9, rtol=0.02)
        assert (maps["samples"] > 89_900).all()
