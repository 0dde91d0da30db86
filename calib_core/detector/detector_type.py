"""Detector types: what the rest of the program needs to know of a family.

A family's name lives in its descriptor (``calib_core/detectors``) and nowhere else; everything that the rest of
the program needs to know of a family is a field of :class:`DetectorType`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from calib_core.constants.condition import ConditionParameter, Found
from calib_core.constants.constant import BAD_PIXELS_DARK, BAD_PIXELS_MANUAL
from calib_core.detector.clues import Clue, found_values
from calib_core.detector.corrected_layout import CorrectedLayout
from calib_core.detector.evidence import ControlReader, SampleStatistics, StageEvidence
from calib_core.detector.expected_events import ExpectedEvents
from calib_core.detector.frames import Frames
from calib_core.detector.injection import Injection
from calib_core.detector.raw_layout import RawLayout
from calib_core.detector.simulated import Simulated

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class GainStage:
    """A gain stage and the run that characterises it in the dark.

    ``short`` labels it on the screen and in flags (HG, G0), ``role`` names the run (``high`` → ``--run-high``),
    ``code`` is its value in the raw gain bits, ``label`` is for people, ``nominal_gain`` is its conversion by design
    in ADU/keV, 0 where that is not known.
    """

    short: str
    role: str
    label: str
    code: int = 0
    nominal_gain: float = 0.0


@dataclass(frozen=True)
class Region:
    """Part of a module that is flagged whatever its values, and left out of limits.

    Attributes
    ----------
    name : str
    flag : int
        Bad-pixel flag.
    boxes : tuple of (row from, row to, column from, column to)
        Half-open; together they are the region.
    from_pass : int
        Pass of a refined dark from which on it is flagged, counted from 1.
    """

    name: str
    flag: int
    boxes: tuple[tuple[int, int, int, int], ...]
    from_pass: int = 1

    def mark(self, flags: Array) -> None:
        """Set the flag in (slow_scan, fast_scan) uint32."""
        for top, bottom, left, right in self.boxes:
            flags[top:bottom, left:right] |= np.uint32(self.flag)


@dataclass(frozen=True)
class Calibration:
    """How a kind of constant stands in the database and in files.

    Attributes
    ----------
    name : str
        In the database, e.g. ``Offset10Hz``.
    dims : tuple of str
        Order of the axes in the file, slowest first; axes of length 1 may be left out.
    written_as : mapping
        Axes of results that have another name in the file.
    parameters : tuple of str, optional
        Parameters of the operating condition that the database's queries have, by our names; None for all that the
        type has. The others are attributes of the constant.
    unit : str, optional
        Of its values, where that is not the one that constants of this kind have elsewhere.
    first_alone : bool
        Whether files may have the first gain stage alone, without an axis of them.
    of_all : bool
        Whether a file without an axis of gain stages, or of memory cells, holds for all of them.
    """

    name: str
    dims: tuple[str, ...]
    written_as: Mapping[str, str] = field(default_factory=dict)
    parameters: tuple[str, ...] | None = None
    unit: str | None = None
    first_alone: bool = False
    of_all: bool = False


@dataclass(frozen=True, eq=False)
class DetectorType:
    """Frozen descriptor of a detector family's variant; the only home of its name, shapes, keys and quirks.

    Two descriptors are the same only if they are the same object.

    Attributes
    ----------
    name : str
        Name of this type, unique.
    database_type : str
        Detector type in the constants' database, such as ``…-Type``.
    title : str
        For the screen.
    shape : (int, int)
        Pixels of a module (slow_scan, fast_scan).
    planes : int
        Raw planes per frame (2 where an analogue gain signal is stored beside the signal).
    signal_plane : int, optional
    least_signal_step : float
        Smallest difference of the mean gain signal between two stages, ADU; below it they are the same stage.
    max_modules : int
    regions : tuple of Region
        Parts of a module that are no ordinary pixels.
    bank_shape : (int, int), optional
        Pixels (slow_scan, fast_scan) that share one amplifier and so a common mode; the ASIC where not given.
    converter_shape : (int, int), optional
        Pixels (slow_scan, fast_scan) that share one converter, where that is known; they tile the module.
    lit_device : str
        Regular expression of devices that tell which memory cells had light; empty where there are none.
    border_pixels : (float, float)
        Size along slow and fast scan of the pixels on both sides of a border between ASICs, in units of others.
    shaded : tuple of (row from, row to)
        Rows of a module, half-open, that lie behind what lets no light through.
    number : int, optional
        Of the module that it stands for, where :attr:`of_module` tells.
    of_module : callable, optional
        ``of_module(this type, number) -> DetectorType`` where modules differ.
    variants : tuple of DetectorType
        Types with the same sources whose modules have another shape; taken where the data have it.
    remark : str
        Sentence for the log of every job with this type.
    always_whole : bool
        Whether an installed detector has all of them; where not, only gaps between its modules are remarkable.
    max_cells : int
    saturation : int
        Largest code of the converter, ADU.
    asic_shape : (int, int)
        Pixels of one ASIC (slow_scan, fast_scan); ASICs tile the module.
    stages : tuple of GainStage
    later_stages : tuple of GainStage
        Further ones that it has at some operating conditions alone; a dark takes a run for each of them.
    raw : RawLayout
    decode : callable
        ``decode(arrays by key) -> Frames``; arrays are flat in frames. Pure.
    encode : callable
        ``encode(block, gain stage, gain bits) -> arrays by key``; the inverse, for the simulator. Pure.
    condition : tuple of ConditionParameter
    clues : mapping
        Where each parameter of the condition is told, by its name, the best place first.
    cells_told_by : str
        Parameter of the condition that says how many memory cells are in use; empty where it says the same whatever
        is in use, so that the frames tell.
    find_stage : callable
        ``find_stage(ControlReader, detector name, SampleStatistics) -> StageEvidence``.
    calibrations : mapping
        How constants stand in the database and in files, by their kind; the expert mask comes by itself.
    component : str
        Name of EXtra-data's component for its modules together; empty where there is none.
    corrected : CorrectedLayout, optional
        Names in corrected files, where they are not the usual ones.
    events : ExpectedEvents, optional
        Classes of events that are expected of single photons.
    geometry : callable
        ``geometry(n_modules)`` → EXtra-geom geometry for the assembled view, or None for strips; imports it lazily.
    geometry_note : str
        Where the default geometry comes from, for the screen.
    stages_in_run : callable, optional
        ``stages_in_run(values of the condition) -> int`` where one run may hold all gain stages, one after the other
        in each train: how many it holds, or 1. Without it a run is of one stage.
    in_parallel : bool
        Whether each train holds the frames of all gain stages, where the operating condition says so.
    fixed_stage : int, optional
        Gain stage of all samples, where the operating condition fixes it.
    operated : callable, optional
        ``operated(this type, values of the condition) -> DetectorType`` where an operating condition changes what
        the data mean.
    injections : mapping of str to Injection
        How it charges pixels by itself, by words for its sources; none where it does not.
    simulated : Simulated, optional
        What the simulator knows of this type; None where it cannot be simulated.
    simulate_control : callable
        ``simulate_control(detector name, stage, settings) -> {source: {key: value}}`` for the simulator; no stage is
        of runs in which it follows the signal.
    """

    name: str
    database_type: str
    title: str
    shape: tuple[int, int]
    planes: int
    max_modules: int
    max_cells: int
    saturation: int
    asic_shape: tuple[int, int]
    stages: tuple[GainStage, ...]
    raw: RawLayout
    decode: Callable[[Mapping[str, Array]], Frames]
    encode: Callable[[Array, int, Array | None], Mapping[str, Array]]
    condition: tuple[ConditionParameter, ...]
    clues: Mapping[str, Sequence[Clue]]
    find_stage: Callable[[ControlReader, str, SampleStatistics], StageEvidence]
    calibrations: Mapping[str, Calibration]
    geometry: Callable[[int], Any]
    geometry_note: str = ""
    later_stages: tuple[GainStage, ...] = ()
    signal_plane: int | None = None
    least_signal_step: float = 0.0
    regions: tuple[Region, ...] = ()
    bank_shape: tuple[int, int] | None = None
    converter_shape: tuple[int, int] | None = None
    lit_device: str = ""
    border_pixels: tuple[float, float] = (1.0, 1.0)
    shaded: tuple[tuple[int, int], ...] = ()
    number: int | None = None
    of_module: Callable[[DetectorType, int], DetectorType] | None = None
    variants: tuple[DetectorType, ...] = ()
    remark: str = ""
    always_whole: bool = True
    cells_told_by: str = "memory_cells"
    stages_in_run: Callable[[Mapping[str, Found]], int] | None = None
    in_parallel: bool = False
    fixed_stage: int | None = None
    operated: Callable[[DetectorType, Mapping[str, Found]], DetectorType] | None = None
    component: str = ""
    corrected: CorrectedLayout | None = None
    events: ExpectedEvents | None = None
    injections: Mapping[str, Injection] = field(default_factory=dict)
    simulated: Simulated | None = None
    simulate_control: Callable[..., Mapping[str, Mapping[str, Any]]] | None = None

    def __post_init__(self) -> None:
        """Modules of any type may have an expert mask, at any operating condition, in the order of other flags."""
        like = self.calibrations.get(BAD_PIXELS_DARK.name)
        dims = ("fast_scan", "slow_scan") if like is None else like.dims
        own = Calibration(BAD_PIXELS_MANUAL.name, tuple(dict.fromkeys((*dims, "cell", "gain"))), parameters=(),
                          of_all=True)
        object.__setattr__(self, "calibrations", {**self.calibrations, own.name: own})

    @property
    def pixels(self) -> int:
        """Pixels of one module."""
        return self.shape[0] * self.shape[1]

    @property
    def all_stages(self) -> tuple[GainStage, ...]:
        """Gain stages that it has at any operating condition."""
        return (*self.stages, *self.later_stages)

    @property
    def is_strips(self) -> bool:
        """Whether modules have but one row, which makes no image."""
        return self.shape[0] == 1

    @property
    def has_gain_bits(self) -> bool:
        """Whether raw data carry digital gain bits."""
        return self.raw.gain_bits is not None or self.raw.gain_shift is not None

    @property
    def corrected_layout(self) -> CorrectedLayout:
        """Names in corrected files."""
        return self.corrected or CorrectedLayout.of(self.raw, len(self.stages) > 1 or self.fixed_stage is not None)

    @property
    def frame_bytes(self) -> int:
        """Bytes of one raw frame in memory, all planes and gain bits."""
        return self.pixels * (2 * self.planes + self.has_gain_bits)

    @property
    def stored_frame_bytes(self) -> int:
        """Bytes of one raw frame in a file; gain bits that stand in the words take no room of their own."""
        return self.pixels * (2 * self.planes + (self.raw.gain_bits is not None))

    def find_condition(self, run: ControlReader, detector: str) -> dict[str, Found]:
        """Values of the operating condition that a run tells of a detector, by name, and whether they are sure."""
        return found_values(self.condition, self.clues, run, detector)

    def condition_of(self, calibration: Calibration) -> tuple[str, ...]:
        """Names of the parameters that the database's queries of a calibration have."""
        return tuple(p.name for p in self.condition) if calibration.parameters is None else calibration.parameters

    def operated_at(self, found: Mapping[str, Found]) -> DetectorType:
        """Type as its data are to be understood at an operating condition."""
        return self if self.operated is None else self.operated(self, found)

    def module(self, number: int) -> DetectorType:
        """Type as one of its modules is."""
        return self if self.of_module is None else self.of_module(self, number)
