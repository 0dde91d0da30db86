"""ePix100: one module of four ASICs with four banks each, one gain stage, no memory cells.

Data have two calibration rows at the top and two at the bottom; where they were cut off the module has 704 rows.
Sources: EXtra-geom (layout, banks), public facility notes, SLAC's psana (numbers).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from calib_core.characterisation.family import Family, declare, with_defaults
from calib_core.characterisation.refined_dark import RefinedDark
from calib_core.correction.large_pixels import LargePixels
from calib_core.detector import Array, DetectorType, GainStage
from calib_core.detector.condition_parts import SOURCE_ENERGY
from calib_core.detector.expected_events import read_expected
from calib_core.detector.simulated import Electronics, read_simulated
from calib_core.detectors._epix import (
    CONDITION,
    TEMPERATURE,
    active_only,
    calibration_rows,
    clues,
    find_stage,
    layout,
    simulate_control,
)
from calib_core.detectors._events import calibrations, correct, corrected
from calib_core.detectors._geometry import known_geometry

_SHAPE = (708, 768)
#: Axes in constant files, slowest first.
_DIMS = ("slow_scan", "fast_scan", "cell")
_CONDITION = (*CONDITION, SOURCE_ENERGY)
_RAW = layout("EPIX|EPX100|EPIX100")


def _encode(block: Array, stage: int, gain: Array | None) -> Mapping[str, Array]:
    return {
        "data.image.pixels": block[:, 0].view(np.int16),
        TEMPERATURE: np.full(len(block), 1485, np.uint16),
    }


_WHOLE = DetectorType(
    name="EPIX100",
    database_type="ePix100-Type",
    title="ePix100",
    shape=_SHAPE,
    planes=1,
    max_modules=1,
    max_cells=1,
    saturation=16383,
    asic_shape=(354, 384),
    bank_shape=(354, 96),
    border_pixels=(3.5, 3.5),
    regions=(calibration_rows(_SHAPE),),
    stages=(GainStage("G", "dark", "dark"),),
    raw=_RAW,
    decode=_RAW.frames,
    encode=_encode,
    condition=_CONDITION,
    clues=clues(_SHAPE),
    find_stage=find_stage,
    calibrations=calibrations("EPix100", _DIMS, _CONDITION),
    corrected=corrected("data.image", dims="dims"),
    events=read_expected("epix100"),
    geometry=partial(known_geometry, "Epix100Geometry", "monolithic_geometry"),
    geometry_note="EXtra-geom, one sensor without a gap",
    simulated=read_simulated("epix100", "EPIX100", Electronics(
        (354, 96), "DA01", common_mode_axis=("bank", "row"), pixel_size=50)),
    simulate_control=simulate_control,
)
EPIX100 = replace(_WHOLE, variants=(active_only(_WHOLE),))

_CORRECT = correct(on_one_scale=[LargePixels(on=False)])

declare(Family("EPIX100", "ePix100", (EPIX100,), with_defaults("epix100", RefinedDark(), _CORRECT), __doc__))
