"""Detector types, the modules of an installed detector, and decoded frames.

A family's name lives in its descriptor (``calib_core/detectors``) and nowhere else; everything that the rest of
the program needs to know of a family is a field of :class:`DetectorType`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from calib_core.condition import ConditionParameter, Found
from calib_core.errors import BadParameter

if TYPE_CHECKING:
    from calib_core.characterisation.method import Method

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Frames:
    """Decoded frames of one module, in the order of their trains.

    Attributes
    ----------
    block : (n, planes, slow_scan, fast_scan) uint16, C-contiguous, ADU
        Raw samples; plane 0 is the analogue signal.
    cell : (n,) int64
        Memory cell of each frame, checked to lie within the detector's range.
    train : (n,) uint64
        Train id of each frame.
    gain : (n, slow_scan, fast_scan) uint8, optional
        Gain bits as stored, for detectors that have them.
    signal_plane : int, optional
        Plane of the analogue gain signal, for detectors that have one.
    """

    block: Array
    cell: Array
    train: Array
    gain: Array | None = None
    signal_plane: int | None = None

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.cell)

    @property
    def adc(self) -> Array:
        """View of the analogue samples, (n, slow_scan, fast_scan)."""
        return self.block[:, 0]

    @property
    def gain_signal(self) -> Array | None:
        """View of the analogue gain signal, (n, slow_scan, fast_scan), or None."""
        return None if self.signal_plane is None else self.block[:, self.signal_plane]


@dataclass(frozen=True)
class GainStage:
    """A gain stage and the run that characterises it in the dark.

    ``short`` labels it on the screen and in flags (HG, G0), ``role`` names the run (``high`` → ``--run-high``),
    ``code`` is its value in the raw gain bits, ``label`` is for people.
    """

    short: str
    role: str
    label: str
    code: int = 0


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
class RawLayout:
    """Where a family's raw data are in a run.

    Attributes
    ----------
    source : str
        Regular expression of the instrument source with groups ``detector`` and ``module``.
    source_format : str
        Source name from ``detector`` and ``module`` for the simulator.
    module_words : tuple of str
        What stands for ``module`` in sources without numbers, in the order of the modules.
    aggregator : str
        Format of the file aggregator from ``module``, such as ``X{module:02d}``.
    group : str
        Index group of the pixel data (``image``, ``data``).
    pixels : str
        Key of the pixel data, uint16 or int16 (below 0 reads as 0); its trailing axes are (planes…, slow_scan,
        fast_scan).
    gain_bits : str, optional
        Key of gain bits with the same leading axes as ``pixels``.
    cell, pulse, train : str
        Keys with one value per frame (train: per frame or per entry). No ``cell``: all frames are memory cell 0,
        which ``decode`` finds under the key ``cell``.
    adc_mask : int
        Bits of a raw word that are the sample.
    gain_shift : int, optional
        Where the two gain bits stand in the same word, for detectors that have them there; the reader splits words
        and hands the bits to ``decode`` under the key ``gain_bits``.
    strips : bool
        True where a frame has one axis; it is read as (1, strips).
    frames_per_entry : bool
        True where one row of the dataset holds several frames (trains, cells, …); False where a row is a frame.
    first_module : int
        Number of the first module.
    no_frame_cell : int, optional
        Cell number that marks a missing frame within an entry.
    """

    source: str
    source_format: str
    aggregator: str
    group: str
    pixels: str
    cell: str | None
    train: str
    gain_bits: str | None = None
    adc_mask: int = 0xFFFF
    gain_shift: int | None = None
    strips: bool = False
    module_words: tuple[str, ...] = ()
    pulse: str | None = None
    frames_per_entry: bool = False
    first_module: int = 0
    no_frame_cell: int | None = None

    def match(self, source: str) -> tuple[str, int] | None:
        """Detector name and module number of a source, or None where it is not this family's."""
        found = re.fullmatch(self.source, source)
        if found is None:
            return None
        words, word = self.module_words, found["module"]
        return found["detector"], self.first_module + words.index(word) if words else int(word)

    def source_name(self, detector: str, module: int) -> str:
        """Source of a module; the inverse of :meth:`match`."""
        word = self.module_words[module - self.first_module] if self.module_words else module
        return self.source_format.format(detector=detector, module=word)


class ControlReader(Protocol):
    """What descriptors may ask of a run: its control values, by source and key."""

    def sources(self, pattern: str) -> list[str]:
        """Control sources that match a regular expression, sorted."""

    def run_value(self, source: str, key: str) -> Any | None:
        """Value at the start of the run, or None where there is no such source or key."""

    def largest(self, source: str, key: str) -> float | None:
        """Largest value over the run, or None where there is no such source or key."""

    def cells(self) -> Array:
        """Distinct memory cells of the first module's frames, sorted (may be empty)."""

    def cell_order(self) -> Array:
        """Memory cells of the first train that has frames, in the order of recording (may be empty)."""

    def pulses(self) -> Array:
        """Pulse ids of the first train that has frames (may be empty)."""

    def mean_beside(self, key: str) -> float | None:
        """Mean of a key beside the pixels of the first module, such as a temperature; None where there is none."""


@dataclass(frozen=True)
class StageEvidence:
    """What a run says about its gain stage: by slow control, by gain bits, or only its mean gain signal."""

    stage: int | None
    origin: str
    gain_signal: float | None = None


@dataclass(frozen=True)
class SampleStatistics:
    """Statistics of a few raw frames, from which a descriptor recognises the gain stage."""

    median_gain_signal: float | None
    modal_gain_bits: int | None


@dataclass(frozen=True, eq=False)
class DetectorType:
    """Frozen descriptor of a detector family's variant; the only home of its name, shapes, keys and quirks.

    Two descriptors are the same only if they are the same object.

    Attributes
    ----------
    family : str
        Name on the command line; several types may share it.
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
    raw : RawLayout
    decode : callable
        ``decode(arrays by key) -> Frames``; arrays are flat in frames. Pure.
    encode : callable
        ``encode(block, gain stage, gain bits) -> arrays by key``; the inverse, for the simulator. Pure.
    condition : tuple of ConditionParameter
    find_condition : callable
        ``find_condition(ControlReader, detector name) -> {name: Found}``.
    find_stage : callable
        ``find_stage(ControlReader, detector name, SampleStatistics) -> StageEvidence``.
    calibrations : mapping
        Canonical kind → database name, e.g. ``{"Offset": "Offset10Hz"}``.
    file_dims : tuple of str
        Order of the axes in constant files, slowest first; axes of length 1 may be left out.
    methods : tuple of Method
        Characterisations with this family's defaults.
    geometry : callable
        ``geometry(n_modules)`` → EXtra-geom geometry for the assembled view, or None for strips; imports it lazily.
    geometry_note : str
        Where the default geometry comes from, for the screen.
    stages_in_run : callable, optional
        ``stages_in_run(values of the condition) -> int`` where one run may hold all gain stages, one after the other
        in each train: how many it holds, or 1. Without it a run is of one stage.
    operated : callable, optional
        ``operated(this type, values of the condition) -> DetectorType`` where an operating condition changes what
        the data mean.
    truth : mapping
        Parameters of the simulator's truth model.
    simulate_control : callable
        ``simulate_control(detector name, stage, settings) -> {source: {key: value}}`` for the simulator.
    """

    family: str
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
    find_condition: Callable[[ControlReader, str], dict[str, Found]]
    find_stage: Callable[[ControlReader, str, SampleStatistics], StageEvidence]
    calibrations: Mapping[str, str]
    file_dims: tuple[str, ...]
    methods: tuple[Method, ...]
    geometry: Callable[[int], Any]
    geometry_note: str = ""
    signal_plane: int | None = None
    least_signal_step: float = 0.0
    regions: tuple[Region, ...] = ()
    bank_shape: tuple[int, int] | None = None
    variants: tuple[DetectorType, ...] = ()
    remark: str = ""
    always_whole: bool = True
    stages_in_run: Callable[[Mapping[str, Found]], int] | None = None
    operated: Callable[[DetectorType, Mapping[str, Found]], DetectorType] | None = None
    truth: Mapping[str, Any] = field(default_factory=dict)
    simulate_control: Callable[..., Mapping[str, Mapping[str, Any]]] | None = None

    @property
    def pixels(self) -> int:
        """Pixels of one module."""
        return self.shape[0] * self.shape[1]

    @property
    def has_gain_bits(self) -> bool:
        """Whether raw data carry digital gain bits."""
        return self.raw.gain_bits is not None or self.raw.gain_shift is not None

    @property
    def frame_bytes(self) -> int:
        """Bytes of one raw frame in memory, all planes and gain bits."""
        return self.pixels * (2 * self.planes + self.has_gain_bits)

    def operated_at(self, found: Mapping[str, Found]) -> DetectorType:
        """Type as its data are to be understood at an operating condition."""
        return self if self.operated is None else self.operated(self, found)

    def method(self, command: str) -> Method:
        """Characterisation by its command name.

        Raises
        ------
        BadParameter
            This family has no such characterisation.
        """
        for method in self.methods:
            if method.command == command.upper():
                return method
        known = ", ".join(m.command for m in self.methods)
        raise BadParameter(f"{self.family} has no characterisation “{command}”; it has {known}.")


@dataclass(frozen=True)
class Module:
    """One module of an installed detector: number, source, aggregator (file) and physical detector unit."""

    number: int
    source: str
    aggregator: str
    pdu: str


@dataclass(frozen=True)
class Detector:
    """An installed detector as a run shows it."""

    identifier: str
    type: DetectorType
    modules: tuple[Module, ...]

    def module(self, number: int) -> Module:
        """Module by its number; BadParameter where the run has none such."""
        for module in self.modules:
            if module.number == number:
                return module
        have = ", ".join(str(m.number) for m in self.modules)
        raise BadParameter(f"{self.identifier} has no module {number} in this run; it has {have}.")
