"""Blinking pixels in raw files are flagged in the constants as often as a study with NumPy says."""

from __future__ import annotations

from pathlib import Path

import pytest
from scipy.stats import binom

from .blinking import CAMERAS, TRAINS, Camera, measure

#: Share of the time, height in σ, share of cosmics: recall of 200 frames.
CASES = {(0.02, 12.0, 0.0): 0.75, (0.05, 12.0, 0.0): 1.0, (0.1, 8.0, 0.0): 1.0, (0.05, 8.0, 1e-3): 0.97,
         (0.1, 8.0, 1e-2): 1.0}
#: In ASICs of 128 strips those that blink count into what the ASIC explains, so it may take a fourth sample.
FEW_STRIPS = ("GOTTHARD2",)


#: All cases of small cameras, some of a large one.
TRIED = [pytest.param(camera, case, id=f"{camera.kind}-{case}") for camera in CAMERAS
         for case in (list(CASES)[1::3] if camera.kind == "EPIX100" else CASES)]


@pytest.mark.parametrize(("camera", "case"), TRIED)
def test_recall_and_false_alarms(camera: Camera, case: tuple[float, float, float], tmp_path: Path) -> None:
    share, height, cosmics = case
    found = measure(camera, share, height, tmp_path, cosmics=cosmics)
    assert found.blinking > 300
    least = CASES[case] if camera.kind not in FEW_STRIPS else min(CASES[case], binom.sf(3, TRAINS, share))
    assert least - 0.05 < found.recall < CASES[case] + 0.05
    inside = 0.03 * cosmics  # cosmics that are smaller than the gate is wide raise the noise
    assert found.alarms <= 5 + (1e-4 + inside) * found.good
