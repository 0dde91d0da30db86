"""Raw runs with known truth, made through each descriptor's ``encode``."""

from calib_core.simulate.common_mode import common_mode_of
from calib_core.simulate.cosmics import Track, cosmics_of
from calib_core.simulate.run import Simulated, simulate
from calib_core.simulate.scenes import scenes
from calib_core.simulate.settings import Settings, default_settings, demo_settings
from calib_core.simulate.truth import BadKind
from calib_core.simulate.truth_file import Truth, read_truth

__all__ = [
    "BadKind", "Settings", "Simulated", "Track", "Truth", "common_mode_of", "cosmics_of", "default_settings",
    "demo_settings", "read_truth", "scenes", "simulate",
]
