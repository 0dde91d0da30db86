"""Results of darks, and the axis that only those of a gain signal have."""

from __future__ import annotations

from calib_core.axes import Axis, Result
from calib_core.characterisation import dark_closure
from calib_core.characterisation.dark_asics import COMMON, STATISTICS, axis_of
from calib_core.constants.badpixels import BadPixels
from calib_core.detector import DetectorType

THRESHOLD = Axis("threshold", "Threshold", (
    "threshold 1-2", "threshold 2-3", "mean signal 1", "mean signal 2", "mean signal 3"), of_slot=True)

OFFSET = Result("offset", "Offset", "ADU", "f4", "Mean dark signal", error="noise", count="samples", verdict="shift",
                noise="noise")
NOISE_MAP = Result("noise", "Noise", "ADU", "f4", "Standard deviation of the dark signal", count="samples",
                    verdict="ratio")
BAD_PIXELS = Result("bad_pixels", "Bad pixels", "", "u4", "Why a pixel is not to be trusted", role="flags",
                     missing=float(BadPixels.NO_DARK_DATA))
SAMPLES = Result("samples", "Samples", "frames", "u4", "Samples behind offset and noise", role="count", missing=0.0)
#: Its samples are selected on their own, so those behind the offset are not behind it.
SIGNAL = Result("gain_signal", "Gain signal", "ADU", "f4", "Mean of the analogue gain signal",
                 error="gain_signal_noise")
SIGNAL_NOISE = Result("gain_signal_noise", "Gain signal noise", "ADU", "f4",
                       "Standard deviation of the gain signal", hidden=True)
THRESHOLDS = Result("thresholds", "Thresholds", "ADU", "f4", "Gain signal that separates the gain stages",
                     over=("threshold", "cell"), verdict="change", tested=THRESHOLD.labels[:2])
NORMALITY = Result("normality", "Normality", "", "f4",
                    "Probability that normal samples look at least so little normal")
OUTSIDE = Result("outside", "Outside the gate", "%", "f2", "Share of the samples that the gate leaves out")
EXPLAINED = Result("explained", "Explained outside the gate", "%", "f2", "Share of the samples that lie outside the "
                    "gate by chance, or by what the ASIC has in common", hidden=True)
WRONG = Result("wrong_gain", "Wrong gain", "frames", "u4", "Samples whose gain bits are not the run's stage",
                role="count", missing=0.0)


def further_axes(kind: DetectorType) -> tuple[Axis, ...]:
    """Axes beside gain stage and memory cell.

    Returns
    -------
    tuple of Axis
        ASICs, numbers of closure, and thresholds where there is a gain signal.
    """
    always = (axis_of(kind), dark_closure.AXIS)
    return always if kind.signal_plane is None else (*always, THRESHOLD)


#: What each dark has beside its offset.
FURTHER = (NOISE_MAP, BAD_PIXELS, SAMPLES, *STATISTICS)


def on_demand(*, gate: bool, signal: bool, bits: bool, normality: bool) -> tuple[Result, ...]:
    """Results that only some darks have.

    Parameters
    ----------
    gate, signal, bits, normality : bool
        Whether there is a gate, an analogue gain signal, gain bits, and a test for normality.

    Returns
    -------
    tuple of Result
    """
    wanted = {(OUTSIDE, EXPLAINED, COMMON, dark_closure.CLOSURE): gate,
              (SIGNAL, SIGNAL_NOISE, THRESHOLDS): signal, (WRONG,): bits, (NORMALITY,): normality}
    return tuple(one for results, there in wanted.items() if there for one in results)
