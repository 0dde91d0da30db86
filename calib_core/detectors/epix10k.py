"""ePix10K: one module of four ASICs, gain fixed or switching by itself once, told by bit 14 of a word.

Each gain setting has constants of its own. In fixed gain bit 14 says nothing, and all samples are of one stage.
Where the gain switches by itself constants have two stages. No frame without light is in the second, so a dark takes
two runs: one in the gain that pixels begin with, one in fixed low gain. Without the latter nothing is known of that
gain.
Sources: EXtra-geom (layout), SLAC's psana (gain modes, gain bit, pedestals), public facility notes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from calib_core.characterisation.correct import Correct
from calib_core.characterisation.family import Family, declare, with_defaults
from calib_core.characterisation.refined_dark import RefinedDark
from calib_core.correction.full import MarkFull
from calib_core.correction.gain_stage import StageOfBits
from calib_core.correction.large_pixels import LargePixels
from calib_core.correction.mask import MaskOfDark
from calib_core.correction.nominal_gain import NominalGain
from calib_core.correction.offset import Offset
from calib_core.detector import Array, Calibration, DetectorType
from calib_core.detector.simulated import Electronics, read_simulated
from calib_core.detectors._epix import (
    CONDITION,
    TEMPERATURE,
    active_only,
    calibration_rows,
    clues,
    layout,
    simulate_control,
)
from calib_core.detectors._epix10k_gain import FIRST, GAIN_SETTING, LOW, SETTING_TOLD, find_stage, operated
from calib_core.detectors._geometry import known_geometry

_SHAPE = (356, 384)
_GAIN_SHIFT = 14
#: Axes in constant files, slowest first.
_DIMS = ("slow_scan", "fast_scan", "cell")
_RAW = layout("EPIX10K|EPX10K", adc_mask=0x3FFF, gain_shift=_GAIN_SHIFT)


def _encode(block: Array, stage: int, gain: Array | None) -> Mapping[str, Array]:
    bits = block[:, 0] * 0 if gain is None else gain.astype(np.uint16) << _GAIN_SHIFT
    return {"data.image.pixels": block[:, 0] | bits, TEMPERATURE: np.full(len(block), 1485, np.uint16)}


def _simulate_control(
    detector: str, stage: int | None, settings: Mapping[str, Any],
) -> Mapping[str, Mapping[str, Any]]:
    """Control source of a run."""
    made = simulate_control(detector, stage, settings)
    setting = {"gainSetting": np.uint16(settings["gain_setting"])}
    return {source: {**keys, **setting} for source, keys in made.items()}


_WHOLE = DetectorType(
    name="EPIX10K",
    database_type="ePix10K-Type",
    title="ePix10K",
    shape=_SHAPE,
    planes=1,
    max_modules=1,
    max_cells=1,
    saturation=16383,
    asic_shape=(178, 192),
    bank_shape=(178, 48),
    border_pixels=(2.5, 2.5),
    regions=(calibration_rows(_SHAPE),),
    stages=(FIRST,),
    later_stages=(LOW,),
    raw=_RAW,
    decode=_RAW.frames,
    encode=_encode,
    condition=(*CONDITION, GAIN_SETTING),
    clues={**clues(_SHAPE), GAIN_SETTING.name: SETTING_TOLD},
    find_stage=find_stage,
    operated=operated,
    calibrations={k: Calibration(f"{k}EPix10K", _DIMS) for k in ("Offset", "Noise", "BadPixelsDark")},
    geometry=partial(known_geometry, "Epix10KGeometry", "monolithic_geometry"),
    geometry_note="EXtra-geom, one sensor without a gap",
    simulated=read_simulated("epix10k", "EPIX10K", Electronics((178, 48), "DA01", common_mode_axis=("bank",))),
    simulate_control=_simulate_control,
)
EPIX10K = replace(_WHOLE, variants=(active_only(_WHOLE),))

_CORRECT = Correct(steps=(StageOfBits(), MarkFull(), Offset(), NominalGain(on=False), LargePixels(on=False),
                         MaskOfDark()))

declare(Family("EPIX10K", "ePix10K", (EPIX10K,), (*with_defaults("epix10k", RefinedDark()), _CORRECT), __doc__))
