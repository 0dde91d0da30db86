"""Darks: offset and noise of each pixel, memory cell and gain stage, thresholds between stages, bad pixels."""

from __future__ import annotations

from typing import ClassVar, Literal

from calib_core.characterisation.method import Method
from calib_core.params import LimitsPerStage, knob


class Dark(Method):
    """Offset, noise, thresholds and bad pixels from runs without light."""

    command: ClassVar[str] = "DARK"
    title: ClassVar[str] = "Darks"
    use_when: ClassVar[str] = "Daily, and after each change of the operating condition."
    caution: ClassVar[str] = "Light on the detector shifts the offset; look at the drift and the count map."

    estimator: Literal["robust", "median", "plain"] = knob(
        "robust", help="robust: mean and standard deviation inside a gate around the median; median: legacy "
        "median and plain standard deviation; plain: mean and standard deviation")
    gate_sigma: float = knob(5.0, ge=3, le=20, unit="σ", help="Half width of the gate of the robust estimator")
    gate_floor: float = knob(3.0, ge=0, le=1000, unit="ADU", expert=True, help="Smallest half width of the gate")
    gate_samples: int = knob(128, ge=3, le=256, unit="frames", expert=True,
                             help="Frames per memory cell from which the gate is taken")
    ddof: int = knob(1, ge=0, le=1, expert=True, help="Degrees of freedom lost in the standard deviation")
    thresholds_offset_sigma: float = knob(5.0, ge=1, le=100, unit="σ", help="Soft limit of the offset")
    thresholds_offset_hard: LimitsPerStage = knob(
        ((0.0, 65535.0),), unit="ADU", help="Hard limits of the offset, one pair per gain stage")
    thresholds_noise_sigma: float = knob(5.0, ge=1, le=100, unit="σ", help="Soft limit of the noise")
    thresholds_noise_hard: LimitsPerStage = knob(
        ((0.0, 65535.0),), unit="ADU", help="Hard limits of the noise, one pair per gain stage")
    thresholds_gain_sigma: float = knob(
        5.0, ge=0, le=100, unit="σ", help="Least separation of the gain signals of neighbouring stages")
    group: Literal["asic", "module"] = knob(
        "asic", help="Pixels over which the soft limits are taken: each ASIC or the whole module")
    spread: Literal["robust", "plain"] = knob(
        "robust", help="Scale of the soft limits: 1.4826 MAD, or the standard deviation of the original notebooks")
    max_wrong_gain: float = knob(
        0.0, ge=0, le=1, help="Share of samples with wrong gain bits above which a pixel is flagged")
    max_trains: int = knob(1000, ge=1, le=65536, unit="trains", help="Most trains used of each run")
    min_trains: int = knob(10, ge=1, le=65536, unit="trains", help="Least trains a run must have")
    skip_first_trains: int = knob(0, ge=0, le=10000, unit="trains", help="Trains left out at the start")
    keep_suspect_trains: bool = knob(False, expert=True, help="Use trains whose id the time server did not confirm")
