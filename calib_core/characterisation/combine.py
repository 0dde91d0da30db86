"""Combined constants: gains, shifts, thresholds and flags of all gain stages, of darks and three kinds of scans."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import ClassVar, Literal

import numpy as np

from calib_core.axes import Array, At, Axis, Result
from calib_core.characterisation.checks import Check
from calib_core.characterisation.combine_cell import PLACES, VALUES, Cell, Limiting
from calib_core.characterisation.combine_checks import StandIns, Thresholds
from calib_core.characterisation.combine_notes import without_errors
from calib_core.characterisation.combine_plots import explanation_of
from calib_core.characterisation.combine_reasons import Rule, reasons_of, rules_of, texts
from calib_core.characterisation.explains import OfPixel
from calib_core.characterisation.inputs import Input
from calib_core.characterisation.method import Method
from calib_core.characterisation.outputs import ConstantOutput, Output, TableOutput
from calib_core.characterisation.unit import Accumulator, Block, Context, Files, Maps, Unit
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import (
    BAD_PIXELS_CS,
    BAD_PIXELS_DARK,
    BAD_PIXELS_FF,
    BAD_PIXELS_GAIN,
    BAD_PIXELS_PC,
    FIELDS_GAIN,
    FITS_CS,
    FITS_FF,
    FITS_PC,
    GAIN,
    GAIN_FIELD_UNITS,
    GAIN_FIELDS,
    OFFSET,
    OFFSET_SHIFT,
    RELATIVE_GAIN,
    SLOPES_CS,
    SLOPES_FF,
    SLOPES_PC,
    THRESHOLDS_DARK,
    THRESHOLDS_GAIN,
    ConstantKind,
)
from calib_core.detector import DetectorType
from calib_core.errors import BadInput
from calib_core.explanation import Explanation, Reason, RuleText
from calib_core.numerics.combined_gain import Origin
from calib_core.params import Limits, knob

#: Bytes of a pixel and memory cell: what is read in double precision, flags, and what is made.
_BYTES = 160 + 48 + 4 * (3 + 3 + 2 + 2 + 3 + len(GAIN_FIELDS))
#: Bytes of a pixel on the way from one to the other, of one memory cell at a time.
_MEANWHILE_BYTES = 320
#: Entry of the slopes of the pulse capacitor that files of other programs need not have there.
_THRESHOLD = "threshold"


def _used(kind: ConstantKind) -> ConstantKind:
    """A kind of which the entries are read that are used here."""
    return replace(kind, used=PLACES[kind.name])


class Combine(Method):
    """One set of gains, shifts, thresholds and flags for all gain stages, with entries for every pixel.

    Signals A of gain stage g come onto the scale of high gain as RelativeGain[g] · (A − O[g]) + OffsetShift[g].
    """

    command: ClassVar[str] = "COMBINE"
    title: ClassVar[str] = "Combine"
    verb: ClassVar[str] = "Combine"
    use_when: ClassVar[str] = "Darks, scans and flat fields of one operating condition are there."
    caution: ClassVar[str] = ("Shifts belong to the darks that they are made with; a correction with other darks "
                              "makes them anew.")

    combines: ClassVar[str] = "gain"

    use_pc: bool = knob(True, help="Take the pulse capacitor's lines; without them ratios are those given here")
    use_ff: bool = knob(True, help="Take flat-field slopes; without them there is no gain per energy")
    use_cs: bool = knob(True, help="Take the current source's lines; without them low gain is shifted as medium gain")
    fallback_hm: float = knob(45.0, ge=1, le=1000, unit="times", help="Ratio of high to medium gain of memory cells "
                              "in which no pixel has one")
    fallback_ml: float = knob(4.48, ge=1, le=100, unit="times", help="Ratio of medium to low gain of memory cells in "
                              "which no pixel has one")
    ff_range: Limits = knob((0.8, 1.2), help="Limits of gains, in units of the median of their memory cell")
    hm_range: Limits = knob((20.0, 80.0), help="Limits of the ratio of high to medium gain")
    hm_error: float = knob(20.0, ge=0.1, le=1000, unit="%", help="Largest error of a pixel's own ratio of high to "
                           "medium gain")
    ml_range: Limits = knob((2.0, 10.0), help="Limits of the ratio of medium to low gain")
    thresholds_from: Literal["PC", "dark"] = knob("PC", help="PC: thresholds between gain stages are those of scans, "
                                                  "and those of darks where scans have none. dark: those of darks")
    unit: Literal["ADU/keV", "keV/ADU", "relative"] = knob("ADU/keV", help="Unit of the gain; relative: in units of "
                                                           "the median of each memory cell's high gain")
    cells: Literal["intersect", "union"] = knob("intersect", help="Memory cells that all inputs have, or that any "
                                                "has: for those that one lacks, the nearest of its row stands in, "
                                                "flagged")
    other_conditions: bool = knob(False, help="Take constants that differ in their operating condition; it is told")

    @property
    def takes_other_conditions(self) -> bool:
        """Whether inputs may differ in their operating condition."""
        return self.other_conditions

    @property
    def cells_together(self) -> Literal["same", "intersect", "union"]:
        """Memory cells of the inputs that take part."""
        return self.cells

    def inputs(self, kind: DetectorType | None) -> tuple[Input, ...]:
        """Darks, and of pulse capacitor, flat field and current source what is there.

        Returns
        -------
        tuple of Input
        """
        known = (
            (True, Input("dark", "dark", "constants", kinds=(OFFSET,), also=(THRESHOLDS_DARK, BAD_PIXELS_DARK),
                         help="darks: file, or folder of an earlier job")),
            (self.use_pc, Input("pc", "pulse capacitor", "constants", optional=True, kinds=(_used(SLOPES_PC),),
                                also=(_used(FITS_PC), BAD_PIXELS_PC),
                                help="slopes of the pulse capacitor: file, or folder of an earlier job")),
            (self.use_ff, Input("ff", "flat field", "constants", optional=True, kinds=(SLOPES_FF,),
                                also=(_used(FITS_FF), BAD_PIXELS_FF),
                                help="flat-field slopes: file, or folder of an earlier job")),
            (self.use_cs, Input("cs", "current source", "constants", optional=True, kinds=(_used(SLOPES_CS),),
                                also=(_used(FITS_CS), BAD_PIXELS_CS),
                                help="slopes of the current source: file, or folder of an earlier job")),
        )
        return tuple(one for used, one in known if used)

    def with_files(self, files: Files) -> tuple[Combine, tuple[str, ...]]:
        """Without what no input has; BadInput where gains are not in the unit that is wanted.

        Returns
        -------
        method : Combine
        notes : tuple of str
        """
        there = {kind for _, kind in files}
        needs = {"use_pc": (SLOPES_PC, "ratios of high to medium gain are a number for all pixels, medium and low "
                            "gain are not shifted"),
                 "use_ff": (SLOPES_FF, "there is no gain per energy"),
                 "use_cs": (SLOPES_CS, "ratios of medium to low gain are a number for all pixels, and low gain has "
                            "the shift of medium gain")}
        off = {switch: kind.name not in there for switch, (kind, _) in needs.items()}
        notes = tuple(f"There are no {kind.title}: {what}." for switch, (kind, what) in needs.items() if off[switch])
        if not off["use_ff"]:
            self._check_unit(files)
        return self.with_changes({switch: False for switch, absent in off.items() if absent}), (
            *notes, *without_errors(files))

    def _check_unit(self, files: Files) -> None:
        for (_, kind), one in files.items():
            unit = str(one.attributes.get("unit", ""))
            if kind == SLOPES_FF.name and self.unit != "relative" and unit != SLOPES_FF.unit:
                told = f"are in “{unit}”" if unit else "do not tell their unit"
                raise BadInput(f"{SLOPES_FF.title} of {one.path} {told}, of which no {self.unit} can be made; give "
                               f"such in {SLOPES_FF.unit}, or --unit relative.")

    def axes(self, context: Context) -> tuple[Axis, ...]:
        """Memory cells, gain stages, shifts, thresholds, fields, and values with their origins.

        Returns
        -------
        tuple of Axis
        """
        stages = tuple(stage.short for stage in context.detector.stages)
        return (
            Axis("cell", "Memory cell", context.cells), Axis("gain", "Gain stage", stages),
            Axis("shift", "Shift", stages[1:], of_slot=True),
            Axis("threshold", "Threshold", tuple(f"{one}-{two}" for one, two in pairwise(stages)),
                 of_slot=True),
            Axis("field", "Field", GAIN_FIELDS, of_slot=True, value_units=GAIN_FIELD_UNITS),
            Axis("value", "Value", VALUES, of_slot=True),
            Axis("origin", "Origin", tuple(one.label for one in Origin), of_slot=True),
        )

    def results(self, kind: DetectorType | None) -> tuple[Result, ...]:
        """Gain, shifts, relative gain, flags, thresholds, fields, and pixels by the origin of their values.

        Returns
        -------
        tuple of Result
        """
        unit = "" if self.unit == "relative" else self.unit
        gain = Result("gain", "Gain", unit, "f4", "Gain of each stage", over=("gain", "cell"), verdict="change")
        return (
            *([gain] if self.use_ff else ()),
            Result("shift", "Shift", "ADU", "f4", "What is added to signals of a stage on the scale of high gain",
                   over=("shift", "cell")),
            Result("relative_gain", "Relative gain", "", "f4",
                   "Factor that brings signals of a stage onto the scale of high gain", over=("gain", "cell"),
                   verdict="change"),
            Result("bad_pixels", "Bad pixels", "", "u4", "Flags of dark, scans and flat field, and of what is not "
                   "the pixel's own", over=("gain", "cell"), role="flags", missing=float(BadPixels.NO_DARK_DATA)),
            Result("thresholds", "Threshold", "ADU", "f4", "Gain signal between two stages",
                   over=("threshold", "cell"), verdict="change"),
            Result("fields", "Field", "", "f4", "Beginnings of lines, errors, and where values came from",
                   over=("field", "cell")),
            Result("origins", "Pixels by origin", "pixels", "i8", "Pixels whose value came from where",
                   over=("value", "origin", "cell"), pixels=False, role="count", missing=0.0),
        )

    def outputs(self, kind: DetectorType | None) -> tuple[Output, ...]:
        """Combined constants, which tell of which offsets they are, and the table of origins.

        Returns
        -------
        tuple of Output
        """
        gain = replace(GAIN, unit="" if self.unit == "relative" else self.unit)
        made = ((replace(RELATIVE_GAIN, unit=""), "relative_gain"), *([(gain, "gain")] if self.use_ff else ()),
                (OFFSET_SHIFT, "shift"), (THRESHOLDS_GAIN, "thresholds"), (BAD_PIXELS_GAIN, "bad_pixels"),
                (FIELDS_GAIN, "fields"))
        constants = () if kind is None else tuple(
            ConstantOutput(one, name, goes_with=(OFFSET,)) for one, name in made)
        return (*constants, TableOutput("origins"))

    def bytes_per_item(self, kind: DetectorType | None, samples: int) -> int:
        """What is read and made of a memory cell.

        Returns
        -------
        int
            Bytes.
        """
        assert kind is not None
        return kind.pixels * _BYTES

    def bytes_of_unit(self, kind: DetectorType | None, entries: int) -> int:
        """What a memory cell needs while it is combined.

        Returns
        -------
        int
            Bytes.
        """
        assert kind is not None
        return kind.pixels * _MEANWHILE_BYTES

    def begin(self, context: Context, unit: Unit, index: int, previous: Accumulator | None) -> Gathered:
        """Memory cells of which nothing was read yet.

        Returns
        -------
        Gathered
        """
        return Gathered(self, context, unit)

    def reduce(self, context: Context, unit: Unit, accumulator: Accumulator) -> Iterator[tuple[At, Maps]]:
        """Maps of each memory cell.

        Yields
        ------
        at : dict
        results : dict of arrays
        """
        for index in unit.block:
            yield {"cell": index}, accumulator.snapshot(index)

    def checks(self, kind: DetectorType | None) -> tuple[Check, ...]:
        """What is asked of each module: how many values are not the pixels' own, and whether thresholds agree."""
        return (StandIns(), Thresholds())

    def explain_results(
        self, context: Context, at: At, pixel: OfPixel, compare: bool = False,
    ) -> Explanation | None:
        """Where each number of a pixel came from, its ratios among those of its memory cell, and flags by source.

        Returns
        -------
        Explanation or None
            A sentence where nothing is made there yet; None where there is nothing of fields.
        """
        unit = "" if self.unit == "relative" else self.unit
        return explanation_of(context, at, pixel, unit if self.use_ff else None)

    def judged(self, kind: DetectorType | None) -> tuple[str, ...]:
        """Fields, which tell where values came from, and flags.

        Returns
        -------
        tuple of str
        """
        return ("fields", "bad_pixels")

    def rules(self, kind: DetectorType) -> tuple[RuleText, ...]:
        """The rules by which pixels are flagged beside those of the inputs."""
        return texts(self._rules)

    def reasons(
        self, context: Context, at: At, maps: Mapping[str, Array], row: int, col: int, frames: float = np.nan
    ) -> tuple[Reason, ...]:
        """What each rule says of a pixel, and which inputs have its flags.

        Returns
        -------
        tuple of Reason
        """
        stages = [str(label) for label in context.axes["gain"].labels]
        return reasons_of(self._rules, stages, min(at.get("gain", 0), len(stages) - 1), maps, (row, col))

    @property
    def _rules(self) -> tuple[Rule, ...]:
        return rules_of(self._limiting, self.use_pc, self.use_ff, self.use_cs)

    @property
    def _limiting(self) -> Limiting:
        return Limiting(self.ff_range, self.hm_range, self.hm_error / 100, self.ml_range, self.fallback_hm,
                        self.fallback_ml, self.unit, self.thresholds_from == "PC")

    def cell_of(self, context: Context, unit: Unit, given: Mapping[str, Array], stand_in: bool) -> Cell:
        """A memory cell with what was read of it.

        Parameters
        ----------
        context, unit
        given : mapping of arrays
            By the names of the kinds.
        stand_in : bool
            Whether another one stands for it in any of them.
        """
        wanted = tuple(kind.name for one in self.inputs(context.kind) for kind in one.kinds)
        return Cell(_without_other_thresholds(context, unit, given), wanted, stand_in, context.detector.shape,
                    self._limiting)


def _without_other_thresholds(context: Context, unit: Unit, given: Mapping[str, Array]) -> Mapping[str, Array]:
    """Values, of which thresholds are left out that a file does not call so."""
    slopes = given.get(SLOPES_PC.name)
    if slopes is None or unit.module is None:
        return given
    file = context.files.get((unit.module, SLOPES_PC.name))
    names: Sequence[object] = file.attributes.get("axes", {}).get("parameter", ()) if file is not None else ()
    if _THRESHOLD in names:
        return given
    known = np.array(slopes)
    known[-1] = np.nan
    return {**given, SLOPES_PC.name: known}


class Gathered(Accumulator):
    """Memory cells of a unit: what was read of each, until all of it is there, then what is made of it.

    Parameters
    ----------
    method : Combine
    context, unit
    """

    def __init__(self, method: Combine, context: Context, unit: Unit) -> None:
        self._method, self._context, self._unit = method, context, unit
        self._given: dict[int, dict[str, Array]] = {index: {} for index in unit.block}
        self._stand_in = dict.fromkeys(unit.block, False)
        self._made: dict[int, Maps] = {}

    def update(self, name: str, chunk: Block) -> None:
        """Keep what was read of a memory cell."""
        self._given[chunk.index] |= chunk.values
        self._stand_in[chunk.index] |= bool(chunk.stand_in)

    def merge(self, other: Gathered) -> None:
        """Take what another has read of the same memory cells."""
        for index, values in other._given.items():
            self._given[index] |= values
            self._stand_in[index] |= other._stand_in[index]

    def settle(self) -> Iterator[None]:
        """Combine memory cell by memory cell."""
        for index in self._unit.block:
            given = self._given.pop(index)
            self._made[index] = self._method.cell_of(self._context, self._unit, given, self._stand_in[index]).maps()
            yield

    def snapshot(self, index: int) -> Maps:
        """What is made of a memory cell; nothing before all of it was read."""
        return self._made.get(index, {})

    @property
    def coverage(self) -> Array:
        """1 for each memory cell that is done, (block,) int64."""
        return np.array([index in self._made for index in self._unit.block], np.int64)
