"""Gains from the peaks of photons in histograms of flat light, for each pixel and group of memory cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np

from calib_core.axes import Array, At, Axis, Result
from calib_core.characterisation.checks import Check
from calib_core.characterisation.explains import AtOnce, OfPixel
from calib_core.characterisation.flat_field_fits import FlatFieldFits
from calib_core.characterisation.flat_field_model import Model
from calib_core.characterisation.flat_field_plots import explanation_of
from calib_core.characterisation.flat_field_rules import FlatFieldRules, median_of
from calib_core.characterisation.inputs import Input
from calib_core.characterisation.method import Method
from calib_core.characterisation.outputs import ConstantOutput, Output
from calib_core.characterisation.photon_peak_checks import GainErrors, GainsTold
from calib_core.characterisation.unit import Accumulator, Context, Files, Maps, Unit
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.condition import Found
from calib_core.constants.constant import (
    BAD_PIXELS_FF,
    FF_FIT,
    FF_FIT_UNITS,
    FF_HISTOGRAM,
    FF_HISTOGRAM_ISOLATED,
    FITS_FF,
    SLOPES_FF,
    ConstantKind,
)
from calib_core.detector import DetectorType
from calib_core.errors import BadInput
from calib_core.explanation import Explanation, RuleText
from calib_core.numerics.shared_charge import ONE_LINE, Lines
from calib_core.params import Limits, knob
from calib_core.ranges import format_numbers
from calib_core.resource_files import read_resource
from calib_core.store.histograms import Histograms, histograms_of

_FLUORESCENCE = read_resource("codings", "lines")["elements"]
#: Part by which an energy that histograms tell may be off that of a line.
_SAME_ENERGY = 0.02
#: Bytes of a pixel: counts of a bin as they are read and fitted, and what is made of it and on the way to it.
_COUNT_BYTES, _FIT_BYTES = 8, 4 * len(FF_FIT) * 3
#: Bins of usual histograms.
_BINS = 352
#: What stands beside the slopes in their files.
_BESIDE = ("cell_group", "photon_energy", "module_median", "cloud")


class PhotonPeaks(Method):
    """Signal of high gain for each energy, from the peaks of photons in histograms of flat light."""

    command: ClassVar[str] = "FF"
    title: ClassVar[str] = "Flat-field gain"
    verb: ClassVar[str] = "Fit"
    use_when: ClassVar[str] = "Histograms of flat light are there; fits can be done again without the raw data."
    caution: ClassVar[str] = (
        "Memory cells of a group get the same gain; where theirs differ by 2 % it is 0.13 % too large, by 5 % 0.7 %. "
        "F1 and F2 are there to compare: where charge is shared they are 1 to 5 % low.")
    split: ClassVar[str] = "group"
    tries_parts: ClassVar[bool] = True
    by_tile: ClassVar[bool] = True
    entry_seconds: ClassVar[float] = 8.5  # 65,536 histograms
    work: ClassVar[Literal["dark", "correction", "gain"]] = "gain"

    model: Literal["F3", "F1", "F2"] = knob(
        "F3", help="F3: charge that pixels share, from photons that hit anywhere. F2: Gaussians at equal distances "
        "with flat parts between. F1: Gaussians that have nothing in common")
    source: Literal["all", "isolated"] = knob(
        "all", help="Histograms of all samples, or of those whose neighbours have no signal")
    unit: Literal["ADU/keV", "relative"] = knob(
        "ADU/keV", help="Unit of the slopes; relative: in units of the median of the module in each group")
    element: Literal["none", "Cr", "Fe", "Cu", "Ge", "Mo"] = knob(
        "none", help="Foil whose fluorescence the light is: all models have its second line, Kβ; none for one "
        "line")
    expected_gain: float = knob(7.2, ge=0.001, le=10000, unit="ADU/keV", help="Usual gain, where fits begin if no "
                                "peaks are seen in the samples of all pixels")
    cloud: float = knob(0.0, ge=0, le=0.3, unit="pixels", expert=True,
                        help="Standard deviation of the charge of a photon, of F3; 0 finds it")
    fit_range: Limits = knob((-100000.0, 100000.0), unit="ADU", expert=True, help="Signals that are fitted")
    n_peaks_fit: int = knob(4, ge=2, le=8, help="Peaks of F1, with that of no photon")
    peak_lim: Limits = knob((-30.0, 30.0), unit="ADU", help="Limits of the signal of no photon")
    d0_lim: Limits = knob((10.0, 80.0), unit="ADU", help="Limits of the signal of a photon")
    chi2_lim: Limits = knob((0.0, 3.0), help="Limits of χ² over the degrees of freedom")
    gain_lim: Limits = knob((0.8, 1.2), help="Limits of gains, in units of the median of the module")
    min_entries: int = knob(1000, ge=100, le=10**9, unit="samples", help="Least samples in a pixel's histogram")
    max_gain_error: float = knob(0.5, ge=0.001, le=100, unit="%", help="Error of gains from which on it is told how "
                                 "many frames they would take")
    other_conditions: bool = knob(False, help="Take histograms that differ in their operating condition; it is told")

    @property
    def borrows(self) -> str:
        """The cloud, which would be found again only by many pixels."""
        return "with the cloud that the job has found, if any" if self.model == "F3" and not self.cloud else ""

    @property
    def takes_other_conditions(self) -> bool:
        """Whether histograms may differ in their operating condition."""
        return self.other_conditions

    def inputs(self, kind: DetectorType | None) -> tuple[Input, ...]:
        """Histograms of flat light.

        Returns
        -------
        tuple of Input
        """
        return (Input("histograms", "flat-field histograms", "constants", kinds=(self._wanted,),
                      help="histograms of flat light: file, or folder of an earlier job"),)

    @property
    def _wanted(self) -> ConstantKind:
        return FF_HISTOGRAM if self.source == "all" else FF_HISTOGRAM_ISOLATED

    def known_by(self, files: Files) -> Mapping[str, Found]:
        """The energy of the photons, which histograms tell.

        Returns
        -------
        mapping of str to Found
        """
        some = next((one for (_, kind), one in files.items() if kind == self._wanted.name), None)
        return {} if some is None else {
            "source_energy": Found(histograms_of(some).photon_energy, f"histograms of {some.path.name}")}

    def axes(self, context: Context) -> tuple[Axis, ...]:
        """Groups of memory cells, memory cells, gain stages, and entries of fits.

        Returns
        -------
        tuple of Axis

        Raises
        ------
        BadInput
            Modules have other groups or another photon energy than each other, or the energy is not the foil's.
        """
        known = list(self._histograms(context).values())
        for one in known:
            self._check_same(known[0], one)
            self._check_energy(one)
        groups = known[0].cells if known else (context.cells,)
        stages = tuple(stage.short for stage in context.kind.stages) if context.kind else ()
        return (
            Axis("group", "Memory cells", tuple(map(format_numbers, groups)), members=groups),
            Axis("cell", "Memory cell", tuple(cell for group in groups for cell in group), of_slot=True),
            Axis("gain", "Gain stage", stages),
            Axis("parameter", "Parameter", FF_FIT, of_slot=True, value_units=FF_FIT_UNITS,
                 first=("gain", "photons", "chi2", "entries"), states=("status",)),
        )

    def _histograms(self, context: Context) -> dict[int, Histograms]:
        """Histograms by module."""
        return {module: histograms_of(one) for (module, kind), one in context.files.items()
                if kind == self._wanted.name}

    def _known(self, context: Context, module: int) -> Histograms:
        """Histograms of a module; BadInput where these are gone, or others than were taken."""
        known = self._histograms(context).get(module)
        if known is None and any(of == module for of, _ in context.files):
            what = "all" if self.source == "all" else "isolated"
            raise BadInput(f"Histograms of {what} samples are not those that were fitted: Run fits them.")
        if known is None:
            raise BadInput("The histograms that were fitted are not where they were.")
        return known

    @staticmethod
    def _check_same(first: Histograms, other: Histograms) -> None:
        for what, one, two in (("memory cells in groups of", first.cells, other.cells),
                               ("a photon energy of", first.photon_energy, other.photon_energy)):
            if one != two:
                told = [[len(group) for group in each] if isinstance(each, tuple) else each for each in (one, two)]
                raise BadInput(f"{first.stored.path} has {what} {told[0]}, but {other.stored.path} of {told[1]}; fit "
                               "them one after the other (--modules).")

    def _check_energy(self, known: Histograms) -> None:
        if self.element == "none":
            return
        energy = _FLUORESCENCE[self.element]["alpha"]
        if abs(known.photon_energy / energy - 1) > _SAME_ENERGY:
            raise BadInput(f"{known.stored.path} is of photons of {known.photon_energy:g} keV, but Kα of "
                           f"{self.element} has {energy:g} keV; --element none takes them as one line.")

    @property
    def _lines(self) -> Lines:
        if self.element == "none":
            return ONE_LINE
        of = _FLUORESCENCE[self.element]
        return (1.0, 1 - of["beta_share"]), (of["beta"] / of["alpha"], of["beta_share"])

    def results(self, kind: DetectorType | None) -> tuple[Result, ...]:
        """Slopes and flags of memory cells, fits of groups, and what is known of modules.

        Returns
        -------
        tuple of Result
        """
        unit = "" if self.unit == "relative" else self.unit
        whole: dict[str, Any] = {"pixels": False, "hidden": True}
        return (
            Result("fits", "Fit", "", "f4", "Gain of each pixel and group, its error, light, noise, and how well "
                   "the model fits", over=("parameter", "group")),
            Result("flags_of_group", "Bad pixels of groups", "", "u4", "Flags of each pixel and group",
                   over=("group",), role="flags", missing=float(BadPixels.FF_NO_ENTRIES)),
            Result("slopes", "Slope", unit, "f4", "Signal of high gain for each energy; memory cells of a group have "
                   "the same", over=("cell",), verdict="change"),
            Result("bad_pixels", "Bad pixels", "", "u4", "Flags of each gain stage, all those of high gain",
                   over=("gain", "cell"), role="flags", missing=float(BadPixels.FF_NO_ENTRIES)),
            Result("module_median", "Median of module", "ADU/keV", "f8", "Median of the gains of a group",
                   over=("group",), pixels=False),
            Result("cloud", "Cloud", "pixels", "f8", "Standard deviation of the charge of a photon",
                   over=("group",), pixels=False),
            Result("frames", "Frames", "frames", "i8", "Frames behind the histograms of a group", over=("group",),
                   pixels=False, role="count"),
            Result("cell_group", "Memory cells of a group", "", "f8", "Memory cells that get one slope", over=(),
                   **whole),
            Result("photon_energy", "Photon energy", "keV", "f8", "Energy of the photons", over=(), **whole),
        )

    def outputs(self, kind: DetectorType | None) -> tuple[Output, ...]:
        """Slopes, flags, and all fits with their errors.

        Returns
        -------
        tuple of ConstantOutput
        """
        slopes = replace(SLOPES_FF, unit=self.unit)
        return () if kind is None else (
            ConstantOutput(slopes, "slopes", beside=_BESIDE), ConstantOutput(BAD_PIXELS_FF, "bad_pixels"),
            ConstantOutput(FITS_FF, "fits", beside=_BESIDE))

    def bytes_per_item(self, kind: DetectorType | None, samples: int) -> int:
        """Histograms of a group with usual bins, and what is made of them.

        Returns
        -------
        int
            Bytes.
        """
        assert kind is not None
        return kind.pixels * (_COUNT_BYTES * _BINS + _FIT_BYTES)

    def begin(self, context: Context, unit: Unit, index: int, previous: Accumulator | None) -> FlatFieldFits:
        """Pixels of a group of which nothing is fitted yet.

        Returns
        -------
        FlatFieldFits
        """
        assert unit.module is not None
        [group] = unit.block
        known = self._histograms(context)[unit.module]
        energy, words = known.photon_energy, context.axes["group"].labels[group]
        rules = FlatFieldRules(self.gain_lim, self.d0_lim, self.peak_lim, self.chi2_lim, self.min_entries, energy)
        return FlatFieldFits(self._model, rules, known, group, f"Module {unit.module}, memory cells {words}",
                             self._bins(known), energy * self.expected_gain, self.max_gain_error / 100, self.cloud)

    @property
    def _model(self) -> Model:
        return Model(self.model, self._lines, self.n_peaks_fit, self.min_entries)

    def explain_results(
        self, context: Context, at: At, pixel: OfPixel, compare: bool = False,
    ) -> Explanation | None:
        """Histogram of the pixel with the model, its components and pulls; the file of the histograms is read.

        Returns
        -------
        Explanation
        """
        try:
            known = self._known(context, pixel.module)
        except BadInput as error:
            return Explanation(notes=(str(error),))
        self._check_energy(known)
        group = min(at.get("group", 0), len(known.cells) - 1)
        counts = known.counts(group, slice(pixel.row, pixel.row + 1))[self._bins(known), 0, pixel.col]
        clouds = pixel.values("cloud")
        cloud = self.cloud or (float(clouds[group]) if clouds is not None else np.nan)
        edges = known.edges[self._bins(known).start : self._bins(known).stop + 1]
        return explanation_of(self._model, edges, counts, cloud, known.photon_energy,
                              pixel.along("fits", "parameter"), known.photon_energy * self.expected_gain, compare)

    def _bins(self, known: Histograms) -> slice:
        """Bins that are fitted."""
        edges = known.edges
        inside = np.flatnonzero((edges[:-1] >= self.fit_range[0]) & (edges[1:] <= self.fit_range[1]))
        if len(inside) < 10:
            raise BadInput(f"{known.stored.path} has {len(inside)} bins between {self.fit_range[0]:g} and "
                           f"{self.fit_range[1]:g} ADU (--fit-range), where a fit takes 10 or more; it has signals "
                           f"from {edges[0]:g} to {edges[-1]:g} ADU.")
        return slice(int(inside[0]), int(inside[-1]) + 1)

    def reduce(self, context: Context, unit: Unit, accumulator: Accumulator) -> Iterator[tuple[At, Maps]]:
        """Fits of the group, and slopes and flags of its memory cells.

        Yields
        ------
        at : dict
            Index of the group, or of a memory cell.
        results : dict of arrays
        """
        assert isinstance(accumulator, FlatFieldFits)  # what begin() makes
        [group] = unit.block
        maps, known = accumulator.maps(), accumulator.histograms
        median, cells = median_of(maps["fits"]), context.axes["group"].members[group]
        yield {}, {"cell_group": np.array(max(map(len, known.cells)), float),
                   "photon_energy": np.array(known.photon_energy)}
        yield {"group": group}, {**maps, "module_median": np.array(median), "cloud": np.array(accumulator.cloud[0]),
                                 "frames": np.array(known.frames[group], np.int64)}
        slopes = self._slopes(maps["fits"], maps["flags_of_group"], median)
        for cell, weak in zip(cells, known.is_weak(group), strict=True):
            flags = maps["flags_of_group"] | _of_cell(weak)
            yield {"cell": context.axes["cell"].index(cell)}, {
                "slopes": slopes, "bad_pixels": np.broadcast_to(flags, (len(context.axes["gain"]), *flags.shape))}

    def _slopes(self, fits: Array, flags: Array, median: float) -> Array:
        """Slopes of pixels that have one, in the unit that is asked for."""
        told = (flags & np.uint32(BadPixels.FF_GAIN_EVAL_ERROR | BadPixels.FF_NO_ENTRIES)) == 0
        unit = median if self.unit == "relative" else 1
        return np.where(told, fits[FF_FIT.index("gain")] / unit, np.nan).astype(np.float32)

    def part(
        self, context: Context, unit: Unit, kept: Accumulator, place: tuple[slice, slice], of: OfPixel,
        at_once: AtOnce,
    ) -> Maps:
        """Fits, slopes and flags of some pixels of a group.

        Returns
        -------
        dict of arrays

        Raises
        ------
        BadInput
            These parameters take other histograms, or light of another energy.
        """
        assert isinstance(kept, FlatFieldFits)  # what begin() makes
        [group] = unit.block
        self._check_energy(self._known(context, of.module))
        mine = self.begin(context, unit, 0, None)
        fits, median = mine.part(kept, place, of, at_once)
        flags = mine.rules.flags(fits.reshape(len(fits), -1), median).reshape(fits.shape[1:])
        slopes = self._slopes(fits, flags, median)
        of_cells = np.stack([flags | _of_cell(weak) for weak in mine.histograms.is_weak(group)])
        return {"fits": fits, "flags_of_group": flags,
                "slopes": np.broadcast_to(slopes, (len(of_cells), *slopes.shape)),
                "bad_pixels": np.broadcast_to(of_cells, (len(context.axes["gain"]), *of_cells.shape))}

    def checks(self, kind: DetectorType | None) -> tuple[Check, ...]:
        """What is asked of each module: gains of how many pixels are told, and how well they are known."""
        return GainsTold(), GainErrors(self.max_gain_error)

    def rules(self, kind: DetectorType) -> tuple[RuleText, ...]:
        """The rules by which pixels are flagged."""
        return FlatFieldRules(self.gain_lim, self.d0_lim, self.peak_lim, self.chi2_lim, self.min_entries, 1.0).texts()


def _of_cell(weak: bool) -> np.uint32:
    """Flag of a memory cell with few frames."""
    return np.uint32(BadPixels.FF_NO_ENTRIES if weak else 0)
