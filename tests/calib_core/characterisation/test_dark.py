"""Samples that darks name behind their results: only where the statistical error follows from them."""

from __future__ import annotations

from typing import Any

import pytest

from calib_core.characterisation.dark import Dark
from calib_core.characterisation.refined_dark import RefinedDark
from calib_core.detector.registry import detector_types

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
