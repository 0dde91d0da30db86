"""AGIPD's steps: which there are in its correction and before its histograms, in which order, which unasked."""

from __future__ import annotations

from calib_core.characterisation.correct import Correct
from calib_core.characterisation.flat_field_histogram import FlatFieldHistogram
from calib_core.correction.asic_common_mode import AsicCommonMode
from calib_core.correction.asic_diagonal import AsicDiagonal
from calib_core.correction.capacitor import RelativeGain
from calib_core.correction.force_gain import ForceHigh, ForceMedium
from calib_core.correction.full import MarkFull
from calib_core.correction.gain_stage import StageOfSignal
from calib_core.correction.isolated import Isolated
from calib_core.correction.large_pixels import LargePixels
from calib_core.correction.low_medium_gap import LowMediumGap
from calib_core.correction.mask import MaskWithScans
from calib_core.correction.match_asics import MatchAsics
from calib_core.correction.match_histograms import MatchHistograms
from calib_core.correction.melt_snow import MeltSnow
from calib_core.correction.noise_peak import NoisePeak
from calib_core.correction.noisy_converters import NoisyConverters
from calib_core.correction.offset import Offset
from calib_core.correction.quiet_asics import QuietAsics
from calib_core.correction.round_photons import RoundPhotons
from calib_core.correction.set_min import SetMinimum
from calib_core.correction.stripes import Stripes
from calib_core.correction.trusted import TrustedFlags
from calib_core.correction.xray_gain import XrayGain
from calib_core.correction.zero_deviation import ZeroDeviation
from calib_core.correction.zeros import ZeroNans, ZeroOrange

#: Baselines and common mode in ADU of each stage, then gains, then what is put in place of energies.
CORRECT = Correct(steps=(
    StageOfSignal(), MarkFull(), LowMediumGap(on=False), ForceMedium(on=False), ForceHigh(on=False),
    ZeroDeviation(on=False), Offset(), TrustedFlags(on=False), NoisyConverters(on=False), QuietAsics(on=False),
    SetMinimum(on=False), Stripes(on=False), NoisePeak(on=False), MatchAsics(on=False),
    AsicCommonMode(on=False), AsicDiagonal(on=False), RelativeGain(), MatchHistograms(on=False), MeltSnow(on=False),
    XrayGain(), LargePixels(on=False), MaskWithScans(), RoundPhotons(on=False),
    ZeroNans(on=False), ZeroOrange(on=False)))

#: Histograms are of high gain in ADU; neighbours are looked at when all is taken off.
FF_HISTS = FlatFieldHistogram(steps=(
    StageOfSignal(), Offset(), TrustedFlags(on=False), NoisePeak(on=False), AsicCommonMode(on=False, cells=False),
    Isolated()))
