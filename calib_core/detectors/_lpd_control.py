"""Front-end modules of LPD: gain stages and parallel gain by what they tell, and what the simulator writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from calib_core.constants.condition import ConditionParameter, Found
from calib_core.detector import GainStage
from calib_core.detector.clues import Clue, Coded, Device, Told, Unknown, Usual, found_value, stage_told, switch
from calib_core.detector.evidence import ControlReader, SampleStatistics, StageEvidence, stage_by_bits
from calib_core.resource_files import read_resource

STAGES = (
    GainStage("HG", "high", "high gain", code=0),
    GainStage("MG", "med", "medium gain", code=1),
    GainStage("LG", "low", "low gain", code=2),
)
PARALLEL_GAIN = ConditionParameter(
    "parallel_gain", "Parallel gain", left_out_at=0.0, choices=(0, 1),
    help="1 where each train holds all gain stages, else 0")
#: Device of the front-end modules; the database does not always name the right one.
_FRONT_END = Device(r"{detector}/COMP/FEM_MDL_COMP")


def cell_order(run: ControlReader) -> Found:
    """Text of the cells with a comma after each, as the database has it; empty where the order is ascending."""
    order = run.cell_order()
    jumps_back = len(order) > 2 and bool((np.diff(order.astype(np.int64)) < 0).any())
    text = "".join(f"{cell}," for cell in order) if jumps_back else ""
    return Found(text, "image.cellId of the first train")


PARALLEL: tuple[Clue, ...] = (
    Told(_FRONT_END, ("femAsicGainOverride",), switch), Unknown(_FRONT_END, 0.0, "is from before parallel gain"),
    Usual(0.0, "no FEM_MDL_COMP in the run"),
)
_CODINGS = [one["codes"] for one in read_resource("codings", "lpd")["femAsicGain"]]


_ROLES = {stage.role: float(number) for number, stage in enumerate(STAGES)}
#: Gain stage of each code, of those on which all codings that have them agree.
_CODES = {code: _ROLES[role] for codes in _CODINGS for code, role in codes.items()
          if all(other.get(code, role) == role for other in _CODINGS)}
_STAGE = Told(_FRONT_END, ("femAsicGain",), Coded(_CODES))


def find_stage(run: ControlReader, detector: str, sample: SampleStatistics) -> StageEvidence:
    """The gain bits decide; what slow control says stands beside them."""
    parallel = found_value(PARALLEL_GAIN, PARALLEL, run, detector)
    if parallel is not None and parallel.value:
        return StageEvidence(None, parallel.origin)
    bits, told = stage_by_bits(STAGES, sample), stage_told(run, detector, _STAGE)
    if bits.stage is None or told is None or told.stage is None:
        return bits if bits.stage is not None else told or bits
    if bits.stage == told.stage:
        return replace(bits, origin=f"{bits.origin}, and {told.origin}")
    return replace(bits, conflict=f"the gain bits say {STAGES[bits.stage].label}, but {told.origin} says "
                                  f"{STAGES[told.stage].label}; the gain bits are taken")


def simulate_control(
    detector: str, stage: int | None, settings: Mapping[str, Any],
) -> Mapping[str, Mapping[str, Any]]:
    """Control source of a run: the front-end modules, which leave the stage to the chip unless one is forced."""
    coding, parallel = _CODINGS[read_resource("codings", "lpd")["simulated"]], bool(settings.get("parallel_gain"))
    codes = {role: code for code, role in coding.items()}
    return {f"{detector}/COMP/FEM_MDL_COMP": {
        "femAsicGain": np.int32(0 if stage is None or parallel else codes[STAGES[stage].role]),
        "femAsicGainOverride": np.int32(parallel),
    }}
