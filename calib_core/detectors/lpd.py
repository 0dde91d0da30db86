"""LPD: 1M (16 modules) and Mini, 512 memory cells, three gain stages by two bits of each word or in parallel.

In parallel gain each train holds all memory cells in high gain, then all in medium, then all in low gain; only the
cell numbers of the first third are right.

Sources: European-XFEL/EXtra-data (raw layout, parallel gain), European-XFEL/EXtra (conditions); that the word has the
gain bits 12 and 13 is background knowledge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from calib_core.characterisation.correct import Correct
from calib_core.characterisation.dark import Dark
from calib_core.characterisation.family import Family, declare, with_defaults
from calib_core.characterisation.whole_files import Inject
from calib_core.constants.condition import ConditionParameter, Found
from calib_core.correction.factors import AmplifierFactor, FlatFieldFactor, GainFactor
from calib_core.correction.full import MarkFull
from calib_core.correction.mask import Mask
from calib_core.correction.offset import Offset
from calib_core.correction.parallel_gain import StageOfBitsOrParallel
from calib_core.detector import Array, Calibration, DetectorType
from calib_core.detector.clues import Clue, Fixed, Seen, Usual
from calib_core.detector.condition_parts import BIAS_VOLTAGE, PIXELS_FAST_SLOW, memory_cells, pixels
from calib_core.detector.defaults import defaults
from calib_core.detector.simulated import Electronics, read_simulated
from calib_core.detectors._geometry import known_geometry
from calib_core.detectors._lpd_control import (
    PARALLEL,
    PARALLEL_GAIN,
    STAGES,
    cell_order,
    find_stage,
    simulate_control,
)
from calib_core.detectors._xtdf import channels

_GAIN_SHIFT = 12
_MOST_CELLS = 512
#: Constants of all memory cells in their order stand in for those of the run's own order.
_STAND_IN = defaults("lpd", "stand_in")
_CONDITION = (
    replace(BIAS_VOLTAGE, tolerance=0.0),
    replace(memory_cells(_MOST_CELLS), help="Always 512, whatever is in use; old constants have fewer"),
    ConditionParameter("memory_cell_order", "Memory cell order", left_out_at="", text=True,
                       stand_in="".join(f"{cell}," for cell in range(_STAND_IN["cells"])),
                       stand_in_days=_STAND_IN["days"],
                       help="Memory cells in the order of recording, where it is not ascending"),
    ConditionParameter("feedback_capacitor", "Feedback capacitor", "pF", choices=(5, 50), help="5 or 50"),
    *PIXELS_FAST_SLOW,
    PARALLEL_GAIN,
    ConditionParameter("source_energy", "Source Energy", "keV", lowest=0.1, highest=100,
                       help="Photon energy of the light that gains are of; no run tells it"),
    ConditionParameter("category", "category", lowest=0, highest=1000,
                       help="Category of the gains in the database; no run tells it"),
)
_OF_LIGHT = ("source_energy", "category")
#: Parameters of the condition that constants of darks, and those of gains have.
_OF_DARKS = tuple(one.name for one in _CONDITION if one.name not in _OF_LIGHT)
_OF_GAINS = (*(name for name in _OF_DARKS if name not in ("memory_cell_order", "parallel_gain")), *_OF_LIGHT)
#: Axes in constant files, slowest first.
_DIMS = ("fast_scan", "slow_scan", "cell", "gain")
_RAW = channels("LPD1M", "LPD", adc_mask=0x0FFF, gain_shift=_GAIN_SHIFT)
_HARDWARE = Electronics((32, 128), "DA01", telemetry_bytes=416)


def _encode(block: Array, stage: int, gain: Array | None) -> Mapping[str, Array]:
    code = np.uint16(STAGES[stage].code) if gain is None else gain[:, None].astype(np.uint16)
    return {"image.data": block | code << np.uint16(_GAIN_SHIFT)}


_CLUES: dict[str, tuple[Clue, ...]] = {
    "bias_voltage": (Usual(250.0, "no bias voltage in the run"),),
    "memory_cells": (Fixed(float(_MOST_CELLS)),),
    "memory_cell_order": (Seen(cell_order),),
    "feedback_capacitor": (Usual(5.0, "no capacitor in the run"),),
    **pixels(256, 256),
    "parallel_gain": PARALLEL,
}
def _stages_in_run(found: Mapping[str, Found]) -> int:
    return len(STAGES) if "parallel_gain" in found and found["parallel_gain"].value else 1


def _operated(kind: DetectorType, found: Mapping[str, Found]) -> DetectorType:
    return replace(kind, in_parallel=_stages_in_run(found) > 1)


def _geometry_mini(count: int, n_modules: int) -> Any:
    from extra_geom import LPD_MiniGeometry

    return LPD_MiniGeometry.example(n_modules=count)


LPD1M = DetectorType(
    name="LPD1M",
    component="LPD1M",
    database_type="LPD-Type",
    title="LPD 1M",
    shape=(256, 256),
    planes=1,
    max_modules=16,
    max_cells=_MOST_CELLS,
    saturation=4095,
    asic_shape=(32, 16),
    stages=STAGES,
    raw=_RAW,
    decode=_RAW.frames,
    encode=_encode,
    condition=_CONDITION,
    clues=_CLUES,
    cells_told_by="",
    find_stage=find_stage,
    stages_in_run=_stages_in_run,
    operated=_operated,
    calibrations={
        **{k: Calibration(k, _DIMS, parameters=_OF_DARKS) for k in ("Offset", "Noise", "BadPixelsDark")},
        **{k: Calibration(k, _DIMS, parameters=_OF_GAINS, unit="") for k in ("RelativeGain", "GainAmpMap", "FFMap")},
        "BadPixelsFF": Calibration("BadPixelsFF", _DIMS, parameters=_OF_GAINS),
    },
    geometry=partial(known_geometry, "LPD_1MGeometry", "example"),
    geometry_note="EXtra-geom, example arrangement",
    simulated=read_simulated("lpd", "LPD1M", _HARDWARE),
    simulate_control=simulate_control,
)

#: Rows of a mini, and the most minis that one source is taken to hold.
_MINI_ROWS, _MOST_MINIS = 32, 8


def _minis(count: int, whole: DetectorType) -> DetectorType:
    """Type of a source of ``count`` minis: one module, the minis one below the other."""
    rows = count * _MINI_ROWS
    return replace(
        whole,
        shape=(rows, whole.shape[1]),
        clues={**whole.clues, **pixels(256, rows)},
        geometry=partial(_geometry_mini, count),
        geometry_note=f"EXtra-geom, example of {count} in a column",
        remark=f"The source holds {count} minis; they are taken as one module of {rows} × {whole.shape[1]} pixels.",
    )


_MINIS = replace(
    LPD1M,
    name="LPDMINI",
    component="",
    title="LPD Mini",
    max_modules=1,
    raw=channels("LPD_MINI", "LPDMINI", adc_mask=0x0FFF, gain_shift=_GAIN_SHIFT),
    simulated=read_simulated("lpd", "LPDMINI", _HARDWARE),
)
#: That minis are stacked in one source is background knowledge; no public file of one was found.
LPDMINI = replace(
    _minis(_MOST_MINIS, _MINIS), variants=tuple(_minis(count, _MINIS) for count in range(1, _MOST_MINIS))
)

_CORRECT = Correct(steps=(StageOfBitsOrParallel(), MarkFull(), Offset(), GainFactor(), AmplifierFactor(),
                          FlatFieldFactor(), Mask()))

declare(Family("LPD", "LPD", (LPD1M, LPDMINI), with_defaults("lpd", Dark(), _CORRECT, Inject()), __doc__))
