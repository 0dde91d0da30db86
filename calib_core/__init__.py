"""The calibration core of calibwb: detectors, characterisation, constants and jobs, without Qt."""

__version__ = "0.1.0"
