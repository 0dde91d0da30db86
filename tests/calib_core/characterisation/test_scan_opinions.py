"""Our numbers of a pixel beside those of other programs: what differs is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from calib_core.characterisation.pulse_capacitor import PulseCapacitor
from calib_core.characterisation.scan_opinions import compared
from calib_core.characterisation.scan_plots import explanation_of
from calib_core.numerics.scan_regions import scan_clusters

STEPS, SWITCH = 300, 100
METHOD, X = PulseCapacitor(), np.arange(300, dtype=np.int32)


def series() -> tuple[np.ndarray, np.ndarray]:
    """Signal and gain signal of a pixel that switches at step 100, with a hook of 120 ADU, (1, s) uint16."""
    rng, x = np.random.default_rng(7), np.arange(STEPS)
    high, medium = 30 * x + 4950, 0.667 * x + 4700 + 120 * np.exp(-(x - SWITCH) / 45)
    signal = np.where(x < SWITCH, high + rng.normal(0, 10, STEPS), medium + rng.normal(0, 8, STEPS))
    code = np.where(x < SWITCH, 5750, 7250) + rng.normal(0, 25, STEPS)
    return (signal.round().astype(np.uint16)[np.newaxis], code.round().astype(np.uint16)[np.newaxis])


def test_a_number_that_is_off_is_told_and_those_that_are_not_are_not() -> None:
    found = METHOD._fitted(X, *series())
    spans = METHOD._spans(found)
    label, _ = scan_clusters(found.x, found.signal[0], found.code[0], **METHOD._limits)
    shown = explanation_of(found, spans, {})
    good = compared(shown, found, label, spans, METHOD.hook_c)
    assert [one[0] for one in good.notes] == ["✓", "✓"]
    slope = found.high.slope + found.high.slope_error / 2
    wrong = replace(found, high=replace(found.high, slope=slope))
    off = compared(explanation_of(wrong, spans, {}), wrong, label, spans, METHOD.hook_c)
    assert off.notes[0].startswith("✗ iminuit: largest difference 0.5 σ (slope HG)")
    moved = label.copy()
    moved[90:100] = moved[-1]
    clusters = compared(shown, found, moved, spans, METHOD.hook_c)
    assert clusters.notes[1].startswith("✗ scikit-learn")
    assert clusters.notes[0].startswith("✓")


def test_without_regions_nobody_is_asked() -> None:
    signal, code = series()
    found = METHOD._fitted(X, signal, np.full_like(code, 5750))
    shown = explanation_of(found, METHOD._spans(found), {})
    off = compared(shown, found, np.zeros(STEPS, np.uint8), METHOD._spans(found), METHOD.hook_c)
    assert off.notes[-1] == "Other programs are not asked, since there are no regions."
    assert not any(one.by for one in off.numbers)
