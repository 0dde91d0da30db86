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
from calib_core.constants.condition import ConditionParameter, Found
from calib_core.correction.full import MarkFull
from calib_core.correction.gain_stage import StageOfBits
from calib_core.correction.large_pixels import LargePixels
from calib_core.correction.mask import MaskOfDark
from calib_core.correction.nominal_gain import NominalGain
from calib_core.correction.offset import Offset
from calib_core.detector import Array, Calibration, DetectorType, GainStage
from calib_core.detector.clues import Coded, Told, Usual, stage_told
from calib_core.detector.defaults import defaults
from calib_core.detector.evidence import ControlReader, SampleStatistics, StageEvidence
from calib_core.detector.simulated import Electronics, read_simulated
from calib_core.detectors._epix import (
    CONDITION,
    CONTROL,
    TEMPERATURE,
    active_only,
    calibration_rows,
    clues,
    layout,
    simulate_control,
)
from calib_core.detectors._geometry import known_geometry

_SHAPE = (356, 384)
#: Gain settings from which on the gain switches by itself, and that of fixed low gain.
_FIRST_SWITCHING, _LOW = 3, 2
#: Settings of two dark runs, and that of the constants of both gain stages which are made of them.
_OF_TWO = tuple((frozenset({float(first), float(_LOW)}), float(made))
                for first, made in ((0, 3), (3, 3), (1, 4), (4, 4)))
_GAIN_SHIFT = 14
_CONDITION = (
    *CONDITION,
    ConditionParameter("gain_setting", "Gain Setting", choices=(0, 1, 2, 3, 4), of_several=_OF_TWO,
                       help="0 high, 1 medium, 2 low, 3 high to low by itself, 4 medium to low by itself"),
)
#: Axes in constant files, slowest first.
_DIMS = ("slow_scan", "fast_scan", "cell")
#: Gain that each setting begins with, and conversion of each by design.
_GAINS = ("high", "medium", "low", "high", "medium")
_NOMINAL = defaults("epix10k", "nominal_gain")
_RAW = layout("EPIX10K|EPX10K", adc_mask=0x3FFF, gain_shift=_GAIN_SHIFT)


def _encode(block: Array, stage: int, gain: Array | None) -> Mapping[str, Array]:
    bits = block[:, 0] * 0 if gain is None else gain.astype(np.uint16) << _GAIN_SHIFT
    return {"data.image.pixels": block[:, 0] | bits, TEMPERATURE: np.full(len(block), 1485, np.uint16)}


#: Which of two dark runs is the one of low gain.
_STAGE = Told(CONTROL, ("gainSetting",), Coded({setting: float(setting == _LOW) for setting in range(len(_GAINS))}))


def _find_stage(run: ControlReader, detector: str, sample: SampleStatistics) -> StageEvidence:
    return stage_told(run, detector, _STAGE) or StageEvidence(None, "the run does not tell its gain setting")


def _operated(kind: DetectorType, found: Mapping[str, Found]) -> DetectorType:
    """In fixed gain the gain bit says nothing, so no sample is left out for it; else there are two stages."""
    told = found.get("gain_setting", Found(0.0, "usual"))
    setting = int(float(told.value))
    first = replace(kind.stages[0], label=f"{_GAINS[setting]} gain", nominal_gain=_NOMINAL[_GAINS[setting]])
    raw = replace(kind.raw, gain_shift=None) if setting < _FIRST_SWITCHING or told.parts else kind.raw
    if setting < _FIRST_SWITCHING:
        return replace(kind, stages=(first,), later_stages=(), fixed_stage=0, raw=raw)
    of_two = {name: replace(one, dims=(*one.dims, "gain"), first_alone=True)
              for name, one in kind.calibrations.items()}
    return replace(kind, stages=(first, *kind.later_stages), later_stages=(), calibrations=of_two, raw=raw)


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
    stages=(GainStage("G", "dark", "dark", code=0),),
    later_stages=(GainStage("L", "low", "low gain", code=1, nominal_gain=_NOMINAL["low"]),),
    raw=_RAW,
    decode=_RAW.frames,
    encode=_encode,
    condition=_CONDITION,
    clues={**clues(_SHAPE), "gain_setting": (
        Told(CONTROL, ("gainSetting",)), Usual(0.0, "no gain setting in the run"))},
    find_stage=_find_stage,
    operated=_operated,
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
