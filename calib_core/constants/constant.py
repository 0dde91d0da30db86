"""Calibration constants: an array per module with its dimensions, unit, condition and provenance."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from calib_core.axes import Label
from calib_core.constants.condition import Condition
from calib_core.resource_files import read_resource

#: Usual order of the axes of a constant inside the program.
INTERNAL_DIMS = ("gain", "cell", "slow_scan", "fast_scan")


@dataclass(frozen=True)
class ConstantKind:
    """What a calibration is: canonical name, unit, dtype in the file, meaning, and a name for the screen.

    ``used`` are the entries of its first axis that corrections read, where it has more of them than gain stages;
    ``neutral`` is the value with which nothing changes, as long as it is of no other unit than codes. Files have
    ``rows`` rows of pixels in a piece, where they are read pixel by pixel; 0 for whole images. What is ``by_people``
    modules have only where somebody made it, so that without it nothing is lacking, and it holds from its begin on
    alone; it is nearly all zeros, and compressed.
    """

    name: str
    unit: str
    dtype: str
    help: str
    label: str = ""
    used: tuple[int, ...] = ()
    neutral: float | None = None
    rows: int = 0
    by_people: bool = False

    @property
    def title(self) -> str:
        """Name for the screen."""
        return self.label or self.name


OFFSET = ConstantKind("Offset", "ADU", "f8", "Pedestal of each pixel", neutral=0)
NOISE = ConstantKind("Noise", "ADU", "f8", "Standard deviation of each pixel in the dark")
BAD_PIXELS_DARK = ConstantKind("BadPixelsDark", "", "u4", "Bad-pixel flags found in the dark", neutral=0)
BAD_PIXELS_FF = ConstantKind("BadPixelsFF", "", "u4", "Bad-pixel flags found with flat light", neutral=0)
BAD_PIXELS_MANUAL = ConstantKind("BadPixelsManual", "", "u4", "Bad-pixel flags that people chose", "expert mask",
                                 neutral=0, by_people=True)
LUT = ConstantKind("Lut", "ADU", "u2", "Linear code of each code of the converter", "look-up table")
THRESHOLDS_DARK = ConstantKind(
    "ThresholdsDark", "ADU", "f8", "Thresholds between gain stages and mean gain signal of each stage", used=(0, 1),
    neutral=math.inf)
SLOPES_PC = ConstantKind(
    "SlopesPC", "ADU", "f8", "Lines of high and medium gain over the charge of a pulse capacitor",
    "pulse-capacitor slopes", used=(0, 1, 3, 4))
FITS_PC = ConstantKind(
    "FitsPC", "", "f4", "Errors and quality of the lines of the pulse capacitor", "pulse-capacitor fits")
BAD_PIXELS_PC = ConstantKind("BadPixelsPC", "", "u4", "Bad-pixel flags found with the pulse capacitor",
                              neutral=0)
SLOPES_FF = ConstantKind("SlopesFF", "ADU/keV", "f8", "Signal of high gain for each energy", "flat-field slopes")
FF_HISTOGRAM = ConstantKind(
    "FFHistogram", "samples", "u4", "Histograms of high gain in flat light, by groups of memory cells",
    "flat-field histograms", rows=8)
FF_HISTOGRAM_ISOLATED = ConstantKind(
    "FFHistogramIsolated", "samples", "u4", "The same of samples whose neighbours have no signal",
    "flat-field histograms of isolated samples", rows=8)
FF_SUMS = ConstantKind(
    "FFSums", "", "f8", "Samples of high gain in flat light, their sum and sum of squares, by memory cells",
    "flat-field sums")
#: Entries of these sums, and their units.
FF_MOMENTS, FF_MOMENT_UNITS = ("samples", "sum", "sum of squares"), ("samples", "ADU", "ADU²")
#: Entries of the histograms before the first bin and after the last.
BELOW, ABOVE = "below", "above"
FITS_FF = ConstantKind(
    "FitsFF", "", "f4", "Fits of photon peaks to histograms of flat light, by groups of memory cells",
    "flat-field fits")
#: Entries of these fits; those that a model has not are NaN. Growth is what a photon adds to the noise.
FF_FIT = ("gain", "gain error", "photons", "photons error", "zero", "zero error", "noise", "noise error", "growth",
          "shelves", "chi2", "entries", "status")
FF_FIT_UNITS = ("ADU/keV", "ADU/keV", "photons", "photons", "ADU", "ADU", "ADU", "ADU", "ADU", "", "", "samples", "")
#: Entries of pulse-capacitor slopes along their axis, as files of the facility have them; those from 6 on are ours.
PC_PARAMETERS = ("slope HG", "intercept HG", "deviation HG", "slope MG", "intercept MG", "deviation MG",
                 "hook start", "hook length", "hook height", "threshold", "ratio")
PC_UNITS = ("ADU/step", "ADU", "ADU", "ADU/step", "ADU", "ADU", "steps", "steps", "ADU", "ADU", "")
#: What is known of these lines beside them: errors, what they were made of, and how well they fit; our own.
PC_FIT = ("slope HG error", "intercept HG error", "slope MG error", "intercept MG error", "ratio error",
          "hook height error", "hook length error", "gain signal HG", "gain signal MG", "gain signal HG spread",
          "gain signal MG spread", "first switch", "last switch", "samples HG", "samples transition", "samples MG",
          "misordered", "curvature HG", "largest residual HG", "largest residual MG", "covariance MG", "regions",
          "fit HG", "fit MG", "chi2 HG", "chi2 MG")
PC_FIT_UNITS = ("ADU/step", "ADU", "ADU/step", "ADU", "", "ADU", "steps", "ADU", "ADU", "ADU", "ADU", "steps",
                "steps", "samples", "samples", "samples", "samples", "σ", "ADU", "ADU", "ADU²/step", *("",) * 5)
#: Entries of the lines of the current source with their units; in which order files have them is a resource.
_OF_CURRENT = {"slope HG": "ADU/step", "intercept HG": "ADU", "slope MG": "ADU/step", "intercept MG": "ADU",
               "slope LG": "ADU/step", "intercept LG": "ADU", "ratio": "", "status": ""}
CS_PARAMETERS = tuple(read_resource("codings", "slopes_cs")["planes"])
CS_UNITS = tuple(_OF_CURRENT[name] for name in CS_PARAMETERS)
SLOPES_CS = ConstantKind(
    "SlopesCS", "ADU", "f8", "Lines of high, medium and low gain over the integration time of a current",
    "current-source slopes", used=(CS_PARAMETERS.index("ratio"),))
FITS_CS = ConstantKind(
    "FitsCS", "", "f4", "Errors and quality of the lines of the current source", "current-source fits")
BAD_PIXELS_CS = ConstantKind("BadPixelsCS", "", "u4", "Bad-pixel flags found with the current source", neutral=0)
#: What is known of these lines beside them, our own; ``current`` is the one that was taken.
CS_FIT = ("slope HG error", "intercept HG error", "slope MG error", "intercept MG error", "slope LG error",
          "intercept LG error", "ratio error", "covariance HG", "covariance MG", "covariance LG", "current",
          "threshold MG", "threshold LG", "gain signal HG", "gain signal MG", "gain signal LG",
          "gain signal HG spread", "gain signal MG spread", "gain signal LG spread", "switch MG", "switch LG",
          "samples HG", "samples MG", "samples LG", "deviation HG", "deviation MG", "deviation LG", "noise HG",
          "noise MG", "noise LG", "chi2 HG", "chi2 MG", "chi2 LG")
CS_FIT_UNITS = (*("ADU/step", "ADU") * 3, "", *("ADU²/step",) * 3, "", *("ADU",) * 8, "steps", "steps",
                *("samples",) * 3, *("ADU",) * 6, "", "", "")

#: Combined constants of all gain stages: one scale, and what stands behind it.
GAIN = ConstantKind("GainADUperkeV", "ADU/keV", "f8", "Signal of each gain stage for each energy", "gain per energy")
OFFSET_SHIFT = ConstantKind("OffsetShift", "ADU", "f8", "What is added to medium and low gain on the scale of "
                            "high gain, with the offsets that it was made with", "offset shifts", used=(0, 1))
THRESHOLDS_GAIN = ConstantKind("ThresholdsGain", "ADU", "f8", "Thresholds between gain stages by scans, else darks",
                               "combined thresholds", used=(0, 1))
BAD_PIXELS_GAIN = ConstantKind("BadPixelsGain", "", "u4", "Bad-pixel flags of dark, pulse capacitor, flat field and "
                               "current source for each gain stage")
#: Which flags came from where, as powers of two of an entry's number.
FLAGGED_BY = ("dark", "pulse capacitor", "flat field", "current source", "combining")
#: Entries of the fields: errors are NaN where a number is not the pixel's own; beginnings are those of lines.
GAIN_FIELDS = ("beginning HG", "beginning MG", "beginning MG of current", "beginning LG of current",
               "ratio HG/MG", "ratio HG/MG error", "ratio MG/LG", "ratio MG/LG error", "relative gain LG error",
               "gain HG error", "gain MG error", "gain LG error",
               "origin of ratio HG/MG", "origin of ratio MG/LG", "origin of gain", "origin of shift MG",
               "origin of shift LG", "origin of threshold HG-MG", "origin of threshold MG-LG",
               "threshold HG-MG less dark", "threshold MG-LG less dark",
               "flagged by HG", "flagged by MG", "flagged by LG")
GAIN_FIELD_UNITS = (*("ADU",) * 4, *("",) * 15, "ADU", "ADU", *("",) * 3)
FIELDS_GAIN = ConstantKind("FieldsGain", "", "f4", "Beginnings of lines, errors, and where combined constants came "
                           "from", "fields of combined constants", used=(0, 1, 2, 3))

GAIN_AMP_MAP = ConstantKind(
    "GainAmpMap", "", "f8", "Factor of each pixel's amplifier", "map of amplifiers", neutral=1)
FF_MAP = ConstantKind(
    "FFMap", "", "f8", "Factor of each pixel and memory cell in flat light", "flat-field map", neutral=1)
RELATIVE_GAIN = ConstantKind(
    "RelativeGain", "ADU/keV", "f8", "Conversion of each gain stage", "relative gain", neutral=1)
GAIN_MAP = ConstantKind(
    "GainMap", "", "f8", "Factor that brings a pixel's signals onto one scale", "gain map", neutral=1)
CTE = ConstantKind("CTE", "", "f8", "Share of a pixel's charge that reaches the read-out", "charge transfer",
                   neutral=1)
PIXEL_ORDER = ConstantKind(
    "PixelOrder", "", "i4", "Number of the pixel, row × columns + column, that stands at each place of the sensor; "
    "-1 where none does", "order of pixels")
#: All of them by their names.
KINDS = {one.name: one for one in tuple(globals().values()) if isinstance(one, ConstantKind)}
#: Attribute of a gain map: whether it gives back too what charge loses on its way to the read-out.
WITH_CTE = "with_cte"
#: Attributes of a gain map: peak of a line in the signals of single pixels after it, ADU, and the line's energy, keV.
ADU_PER_PHOTON, LINE_ENERGY = "adu_per_photon", "photon_energy"
#: Peaks of events of one to four samples, ADU, and thresholds that they are of: of the largest sample and others, σ.
ADU_PER_CLASS, CLASS_THRESHOLDS = "adu_per_class", "class_thresholds"


def identity_name(kind: str) -> str:
    """Name of the attribute that has the SHA-256 of a constant that another one goes with."""
    return f"{kind.lower()}_sha256"


class PackedChunks:
    """Compressed chunks of values that several constants have, by where they begin, each of them made once.

    Constants may be written at the same time: who comes to a chunk that another one makes waits for it.
    """

    def __init__(self) -> None:
        self._lock, self._made = threading.Lock(), dict[int, npt.NDArray[Any]]()

    def chunk(self, start: int, make: Callable[[int], npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """The chunk that begins there.

        Parameters
        ----------
        start : int
        make : callable
            ``make(start)`` reads and compresses it; called where it is not there yet.
        """
        with self._lock:
            if start not in self._made:
                self._made[start] = make(start)
            return self._made[start]


@dataclass(frozen=True)
class Constant:
    """One constant of one module; immutable, its values read on demand so that large ones need no memory.

    Attributes
    ----------
    kind : ConstantKind
    calibration : str
        The family's database name, such as ``Offset10Hz``.
    pdu : str
        Physical detector unit.
    dims : tuple of str
        Names of the axes of the values, as files call them; the last two are slow_scan and fast_scan.
    shape : tuple of int
        In the order of ``dims``.
    file_dims : tuple of str
        Order of the axes in the file, slowest first; those that are left out have one entry.
    labels : mapping
        Labels of the entries of axes, by their names.
    condition : Condition
        What the database's queries of this calibration have.
    begin : datetime
        Begin of validity, aware UTC.
    provenance : mapping
        Plain JSON: inputs, parameters, versions, times.
    read : callable
        ``read(slice) -> ndarray`` of the values in the order of ``dims``, of a part of the axis ``split``.
    read_count : callable, optional
        The same for the number of samples behind each value (uint32).
    packed_count : PackedChunks
        Of that number: one for all constants that have the same.
    split : str
        Axis of which parts are read and written.
    recorded : Condition
        All that is known of the operating condition; what the queries do not have becomes an attribute.
    numbers : mapping of str to float
        What holds for all pixels; each is an attribute.
    beside : mapping of str to list
        What holds for all pixels and has several entries, as plain JSON; an attribute of its own.
    goes_with : mapping of str to str
        SHA-256 of other constants that its values hold with, by their kinds; each is an attribute.
    """

    kind: ConstantKind
    calibration: str
    pdu: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    file_dims: tuple[str, ...]
    labels: Mapping[str, tuple[Label, ...]]
    condition: Condition
    begin: datetime
    provenance: Mapping[str, Any]
    read: Callable[[slice], npt.NDArray[Any]]
    read_count: Callable[[slice], npt.NDArray[Any]] | None = None
    packed_count: PackedChunks = field(default_factory=PackedChunks, compare=False, repr=False)
    split: str = "cell"
    recorded: Condition = field(default_factory=lambda: Condition(()))
    numbers: Mapping[str, float] = field(default_factory=dict)
    beside: Mapping[str, Any] = field(default_factory=dict)
    goes_with: Mapping[str, str] = field(default_factory=dict)

    def values(self) -> npt.NDArray[Any]:
        """All values in the order of ``dims``."""
        return self.read(np.s_[:])

    @property
    def dataset(self) -> str:
        """Path of the group in the file: ``/<PDU>/<Calibration>/0``."""
        return f"/{self.pdu}/{self.calibration}/0"
