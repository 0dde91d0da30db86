"""Gotthard-II: strips of 50 µm, or of 25 µm with two interleaved modules; two memory cells, three gain stages.

Frames of a train go to the two memory cells in turn. The 12-bit codes of the converters are not linear; a look-up
table for each memory cell and strip makes linear 10-bit codes of them.
Sources: European-XFEL/Karabo-slsDetectors (keys, bits, settings), public facility notes, background (numbers).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from calib_core.characterisation.correct import Correct
from calib_core.characterisation.dark import Dark
from calib_core.characterisation.family import Family, declare, with_defaults
from calib_core.constants.condition import ConditionParameter
from calib_core.correction.factors import GainFactor
from calib_core.correction.full import MarkFull
from calib_core.correction.gain_stage import StageOfBits
from calib_core.correction.linearise import Linearise
from calib_core.correction.mask import Mask
from calib_core.correction.offset import OffsetOrFlag
from calib_core.detector import Array, Calibration, DetectorType, GainStage, RawLayout
from calib_core.detector.clues import Coded, Device, Scaled, Told, Usual, as_number, stage_told
from calib_core.detector.condition_parts import ACQUISITION_RATE, BIAS_VOLTAGE
from calib_core.detector.evidence import ControlReader, SampleStatistics, StageEvidence, stage_by_bits
from calib_core.detector.simulated import Electronics, read_simulated

_STAGES = (
    GainStage("G0", "high", "gain 0 (dynamic)", code=0),
    GainStage("G1", "med", "gain 1 (fixed)", code=1),
    GainStage("G2", "low", "gain 2 (fixed)", code=3),
)
_MODES = ("dynamicgain", "fixgain1", "fixgain2")
_CONDITION = (
    BIAS_VOLTAGE,
    ConditionParameter("exposure_time", "Exposure time", "s", 1e-8, lowest=1e-9, highest=10,
                       help="Exposure time of a frame"),
    ConditionParameter("exposure_period", "Exposure period", "s", 1e-8, lowest=1e-9, highest=10,
                       help="Time from frame to frame"),
    replace(ACQUISITION_RATE, help="Repetition rate of the frames"),
    ConditionParameter("single_photon", "Single photon", choices=(0, 1),
                       help="1 for the single-photon high gain, else 0"),
)
#: Axes in constant files, slowest first.
_DIMS = ("fast_scan", "cell", "gain")
_HARDWARE = Electronics((1, 128), "GH2CTRL00", cell_orders={1: (0,), 2: (0, 1)})
_RAW = RawLayout(
    source=r"(?P<detector>\w+_GH2[\d-]*)/DET/(?P<module>RECEIVER):daqOutput",
    source_format="{detector}/DET/{module}:daqOutput",
    module_words=("RECEIVER",),
    aggregator="GH20{module}",
    group="data",
    pixels="data.adc",
    gain_bits="data.gain",
    cell="data.memoryCell",
    train="data.trainId",
    strips=True,
    frames_per_entry=True,
    first_module=1,
    cells_repeat=True,
    no_frame_cell=255,
    copied=("data.bunchId", "data.frameNumber", "data.timestamp"),
)


def _encode(block: Array, stage: int, gain: Array | None) -> Mapping[str, Array]:
    bits = np.full(block[:, 0, 0].shape, _STAGES[stage].code, np.uint8) if gain is None else gain[:, 0]
    return {"data.adc": block[:, 0, 0], "data.gain": bits}


_CONTROL = Device(r"{detector}/DET/CONTROL")


def _six_digits(stored: Any) -> float:
    """A number without the digits that single precision invents."""
    return float(f"{as_number(stored):.6g}")


def _told(key: str, usual: float) -> tuple[Told, Usual]:
    return Told(_CONTROL, (key,), _six_digits), Usual(usual, f"no {key} in the run")


_CLUES = {
    "bias_voltage": (Told(_CONTROL, ("highVoltage",), Scaled()), Usual(200.0, "no highVoltage in the run")),
    "exposure_time": _told("exposureTime", 2.2e-7),
    "exposure_period": _told("exposurePeriod", 0.1),
    "acquisition_rate": _told("acquisitionRate", 1.1),
    "single_photon": _told("singlePhoton", 0.0),
}
_STAGE = Told(_CONTROL, ("settings",), Coded({mode: float(stage) for stage, mode in enumerate(_MODES)}))


def _find_stage(run: ControlReader, detector: str, sample: SampleStatistics) -> StageEvidence:
    return stage_told(run, detector, _STAGE) or stage_by_bits(_STAGES, sample)


def _no_geometry(n_modules: int) -> None:
    """Strips make no picture."""


def _simulate_control(
    detector: str, stage: int | None, settings: Mapping[str, Any],
) -> Mapping[str, Mapping[str, Any]]:
    """Control source of a run."""
    return {f"{detector}/DET/CONTROL": {
        "settings": _MODES[stage or 0],
        "highVoltage": np.uint32(settings["bias_voltage"]),
        "exposureTime": np.float32(2.2e-7),
        "exposurePeriod": np.float32(0.1),
        "acquisitionRate": f"{settings['acquisition_rate']:g}",
        "singlePhoton": np.bool_(False),
        "burstMode": "burst_internal",
    }}


GOTTHARD2 = DetectorType(
    name="GOTTHARD2",
    database_type="Gotthard2-Type",
    title="Gotthard-II 50 µm",
    shape=(1, 1280),
    planes=1,
    max_modules=1,
    max_cells=2,
    saturation=4095,
    asic_shape=(1, 128),
    stages=_STAGES,
    raw=_RAW,
    decode=_RAW.frames,
    encode=_encode,
    condition=_CONDITION,
    clues=_CLUES,
    find_stage=_find_stage,
    calibrations={
        **{k: Calibration(f"{k}Gotthard2", _DIMS) for k in ("Offset", "Noise", "BadPixelsDark", "BadPixelsFF")},
        "RelativeGain": Calibration("RelativeGainGotthard2", _DIMS, unit=""),
        "Lut": Calibration("LUTGotthard2", ("cell", "adc", "fast_scan")),
    },
    geometry=_no_geometry,
    simulated=read_simulated("gotthard2", "GOTTHARD2", _HARDWARE),
    simulate_control=_simulate_control,
)

GOTTHARD2_25UM = replace(
    GOTTHARD2,
    name="GOTTHARD2_25UM",
    title="Gotthard-II 25 µm",
    max_modules=2,
    raw=replace(
        GOTTHARD2.raw, source=r"(?P<detector>\w+)/DET/(?P<module>GOTTHARD2_(?:MASTER|SLAVE)):daqOutput",
        module_words=("GOTTHARD2_MASTER", "GOTTHARD2_SLAVE"), aggregator="GH200/{module}",
    ),
    simulated=read_simulated("gotthard2", "GOTTHARD2_25UM", _HARDWARE),
)

_CORRECT = Correct(steps=(MarkFull(), Linearise(), StageOfBits(), OffsetOrFlag(), GainFactor(), Mask()))

declare(Family("GOTTHARD2", "Gotthard-II", (GOTTHARD2, GOTTHARD2_25UM),
               (*with_defaults("gotthard2", Dark(before=(Linearise(),))), _CORRECT), __doc__))
