"""Detectors: their types, what is installed, decoded frames, and what runs tell of them."""

from calib_core.detector.corrected_layout import CorrectedLayout
from calib_core.detector.detector_type import Array, Calibration, DetectorType, GainStage, Region
from calib_core.detector.evidence import ControlReader, Readings, SampleStatistics, ScanEvidence, StageEvidence
from calib_core.detector.frames import Frames, FrameSelection
from calib_core.detector.installed import Detector, Module
from calib_core.detector.raw_layout import RawLayout
from calib_core.detector.simulated import Electronics, Level, Levels, Simulated, read_simulated

__all__ = [
    "Array", "Calibration", "ControlReader", "CorrectedLayout", "Detector", "DetectorType", "Electronics",
    "FrameSelection", "Frames", "GainStage", "Level", "Levels", "Module", "RawLayout", "Readings", "Region",
    "SampleStatistics", "ScanEvidence", "Simulated", "StageEvidence", "read_simulated",
]
