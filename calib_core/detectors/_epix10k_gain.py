"""Gain settings of ePix10K: what they tell of the gain stage, and which stages there are in each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from calib_core.constants.condition import ConditionParameter, Found
from calib_core.detector import DetectorType, GainStage
from calib_core.detector.clues import Coded, Told, Usual, stage_told
from calib_core.detector.defaults import defaults
from calib_core.detector.evidence import ControlReader, SampleStatistics, StageEvidence
from calib_core.detectors._epix import CONTROL

#: Gain settings from which on the gain switches by itself, and that of fixed low gain.
_FIRST_SWITCHING, _LOW = 3, 2
#: Settings of two dark runs, and that of the constants of both gain stages which are made of them.
_OF_TWO = tuple((frozenset({float(first), float(_LOW)}), float(made))
                for first, made in ((0, 3), (3, 3), (1, 4), (4, 4)))
#: Gain that each setting begins with, and conversion of each by design.
_GAINS = ("high", "medium", "low", "high", "medium")
_NOMINAL = defaults("epix10k", "nominal_gain")
_KEYS = ("gainSetting",)

GAIN_SETTING = ConditionParameter(
    "gain_setting", "Gain Setting", choices=(0, 1, 2, 3, 4), of_several=_OF_TWO,
    help="0 high, 1 medium, 2 low, 3 high to low by itself, 4 medium to low by itself")
SETTING_TOLD = Told(CONTROL, _KEYS), Usual(0.0, "no gain setting in the run")
#: What pixels begin with, and what some of them switch to at some settings.
FIRST = GainStage("G", "dark", "dark", code=0)
LOW = GainStage("L", "low", "low gain", code=1, nominal_gain=_NOMINAL["low"])
#: Which of two dark runs is the one of low gain.
_STAGE = Told(CONTROL, _KEYS, Coded({setting: float(setting == _LOW) for setting in range(len(_GAINS))}))


def find_stage(run: ControlReader, detector: str, sample: SampleStatistics) -> StageEvidence:
    """What the gain setting of a run tells of its stage."""
    return stage_told(run, detector, _STAGE) or StageEvidence(None, "the run does not tell its gain setting")


def operated(kind: DetectorType, found: Mapping[str, Found]) -> DetectorType:
    """In fixed gain the gain bit says nothing, so no sample is left out for it; else there are two stages."""
    told = found.get(GAIN_SETTING.name, Found(0.0, "usual"))
    setting = int(float(told.value))
    first = replace(kind.stages[0], label=f"{_GAINS[setting]} gain", nominal_gain=_NOMINAL[_GAINS[setting]])
    raw = replace(kind.raw, gain_shift=None) if setting < _FIRST_SWITCHING or told.parts else kind.raw
    if setting < _FIRST_SWITCHING:
        return replace(kind, stages=(first,), later_stages=(), fixed_stage=0, raw=raw)
    of_two = {name: replace(one, dims=(*one.dims, "gain"), first_alone=True)
              for name, one in kind.calibrations.items()}
    return replace(kind, stages=(first, *kind.later_stages), later_stages=(), calibrations=of_two, raw=raw)
