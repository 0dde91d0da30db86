"""What a simulated proposal is: settings, their families' defaults, and their check."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from calib_core.detector import DetectorType, Levels, Simulated
from calib_core.detector.registry import detector_type, detector_types
from calib_core.errors import BadParameter
from calib_core.params import Knobs, knob
from calib_core.ranges import parse_numbers
from calib_core.typed import parse_time

_SHARE = "Share of the pixels that"


class Settings(Knobs):
    """Settings of a simulated set of dark runs; the same settings give the same data."""

    detector_type: str = knob("", help="Name of the detector type")
    identifier: str = knob("", help="Identifier of the detector, the first part of its source names")
    modules: str = knob("", help="Modules, such as 0-3,7; empty takes all that the type has")
    memory_cells: int = knob(1, ge=1, le=4096, help="Memory cells in use")
    frames_per_train: int = knob(0, ge=0, le=10000, help="Frames of a train; 0 takes one of each memory cell")
    first_cell: int = knob(0, ge=0, le=4096, help="Memory cell that is recorded first; after the last comes cell 0")
    trains: int = knob(60, ge=1, le=100000, unit="trains", help="Trains of each run")
    proposal: int = knob(900000, ge=1, le=999999, help="Proposal number")
    first_run: int = knob(1, ge=1, le=9990, help="Number of the first run; the others follow")
    instrument: str = knob("SPB", help="Instrument, the first folder below the data root")
    cycle: str = knob("202601", help="Cycle, the second folder below the data root")
    begin: str = knob("2026-03-02T08:00:00", help="Begin of the first run; UTC without an offset")
    trains_per_sequence: int = knob(250, ge=1, le=100000, unit="trains", help="Trains in one file")
    format_version: Literal["1.2", "1.3"] = knob("1.2", expert=True, help="Version of the file format")
    seed: int = knob(1, ge=0, le=2**31 - 1, help="Another seed is another detector")
    bias_voltage: float = knob(300.0, ge=0, le=1000, unit="V", help="Bias of the sensor")
    acquisition_rate: float = knob(1.1, ge=0.1, le=4.5, unit="MHz", help="Repetition rate of the cells")
    gain_setting: int = knob(0, ge=0, le=1000, help="Gain setting in the numbers of the condition")
    fixed_gain: bool = knob(False, help="Runs in fixed gain instead of forced switching")
    parallel_gain: bool = knob(False, help="One run whose trains hold the frames of all gain stages in turn")
    integration_time: float = knob(12.0, ge=0, le=1e6, help="Integration time in the unit of the condition")
    level_set: str = knob("", help="Other levels than the usual ones, where the type has a set of this name")
    swap_runs: bool = knob(False, help="Record the runs in the reverse order of the gain stages")
    drift: float = knob(0.0, ge=-1000, le=1000, unit="ADU",
                        help="Change of all offsets from the first train to the last, zero on average")
    common_mode: float = knob(0.0, ge=0, le=1000, unit="ADU",
                              help="Common shift of the pixels of an amplifier, standard deviation")
    cosmic_rate: float = knob(0.0, ge=0, le=100, help="Tracks of cosmic rays per frame")
    outlier_share: float = knob(0.0, ge=0, le=0.5, help="Share of the samples with an additional signal")
    outlier_mean: float = knob(400.0, ge=0, le=10000, unit="ADU", help="Mean of that signal, exponential")
    dead_share: float = knob(0.0005, ge=0, le=0.2, help=f"{_SHARE} always give 0")
    noisy_share: float = knob(0.001, ge=0, le=0.2, help=f"{_SHARE} have four times the noise")
    high_offset_share: float = knob(0.001, ge=0, le=0.2, help=f"{_SHARE} have a high offset")
    wrong_gain_share: float = knob(0.0005, ge=0, le=0.2,
                                   help=f"{_SHARE} show wrong gain bits in some frames, where there are gain bits")
    blinking_share: float = knob(0.0, ge=0, le=0.2, help=f"{_SHARE} have a second level in some frames")
    blinking_time: float = knob(0.1, ge=0, le=1, help="Share of the frames in which they do, at random")
    blinking_height: float = knob(12.0, ge=0, le=1000, unit="σ", help="How far that level is above the other")
    dead_block_module: int = knob(-1, ge=-1, le=4096, help="Module with a dead converter block; -1 for none")
    dead_module: int = knob(-1, ge=-1, le=4096, help="Module that gives only zeros; -1 for none")
    odd_asic_module: int = knob(-1, ge=-1, le=4096, help="Module with an ASIC that differs; -1 for none")
    odd_asic: int = knob(0, ge=0, le=4096, help="That ASIC, counted row by row")
    odd_asic_noise: float = knob(3.0, ge=0.01, le=100, help="Its noise in units of that of the others")
    odd_asic_offset: float = knob(0.0, ge=-20000, le=20000, unit="ADU", help="Its offset beyond that of the others")
    vetoed_cells: float = knob(0.0, ge=0, le=0.9, help="Share of the memory cells that are never recorded")
    lost_trains: float = knob(0.0, ge=0, le=0.9, help="Share of the trains that a module loses")
    short_trains: float = knob(0.0, ge=0, le=1, help="Share of the trains with fewer frames than the others")
    empty_first: int = knob(0, ge=0, le=100000, unit="trains", help="First trains whose frames hold only zeros")
    empty_last: int = knob(0, ge=0, le=100000, unit="trains", help="Last trains whose frames hold only zeros")
    suspect_trains: float = knob(0.0, ge=0, le=0.9, help="Share of the trains without confirmed train id")

    @property
    def detector(self) -> DetectorType:
        """Detector type; BadParameter where there is none of this name."""
        return detector_type(self.detector_type)

    @property
    def module_numbers(self) -> tuple[int, ...]:
        """Modules in ascending order; BadParameter where the type has no such module."""
        kind = self.detector
        all_modules = range(kind.raw.first_module, kind.raw.first_module + kind.max_modules)
        chosen = parse_numbers(self.modules) if self.modules.strip() else tuple(all_modules)
        if unknown := [m for m in chosen if m not in all_modules]:
            raise BadParameter(
                f"modules = {self.modules!r} is not allowed; {kind.title} has no module {unknown[0]}, "
                f"its modules are {all_modules[0]} to {all_modules[-1]}."
            )
        return chosen

    @property
    def levels(self) -> Levels:
        """Levels of the chosen set; BadParameter where the type has none of this name."""
        known = simulated(self.detector)
        if not self.level_set:
            return known.levels
        if self.level_set not in known.level_sets:
            others = ", ".join(known.level_sets)
            raise BadParameter(f"level_set = {self.level_set!r} is not allowed; {self.detector.title} has "
                               f"{f'besides the usual levels: {others}' if others else 'the usual levels only'}.")
        return known.level_sets[self.level_set]

    @property
    def cell_order(self) -> npt.NDArray[np.int64]:
        """Memory cells in the order of recording; a cell comes several times where a train has more frames."""
        kind = self.detector
        orders = simulated(kind).hardware.cell_orders
        if self.memory_cells > kind.max_cells or (orders and self.memory_cells not in orders):
            allowed = " or ".join(map(str, orders)) if orders else f"1 to {kind.max_cells}"
            raise BadParameter(f"memory_cells = {self.memory_cells} is not allowed; it takes {allowed}.")
        if self.first_cell >= self.memory_cells:
            last = self.memory_cells - 1
            raise BadParameter(f"first_cell = {self.first_cell} is not allowed; it takes 0 to {last}.")
        order = np.array(orders.get(self.memory_cells, range(self.memory_cells)), np.int64)
        return np.resize(np.roll(order, -self.first_cell), self.frames_per_train or len(order))

    def proposal_folder(self, root: Path) -> Path:
        """Folder of the proposal below the data root; BadParameter where a part is no plain name."""
        for name in ("instrument", "cycle"):
            if not re.fullmatch(r"[A-Za-z0-9]+", getattr(self, name)):
                raise BadParameter(f"{name} = {getattr(self, name)!r} is not allowed; it takes letters and digits.")
        return root / self.instrument / self.cycle / f"p{self.proposal:06d}"

    @property
    def begins(self) -> datetime:
        """Begin of the first run, aware UTC."""
        return parse_time(self.begin, "begin")

    def check(self) -> None:
        """Raise BadParameter where a setting does not fit the detector type."""
        kind = self.detector
        simulated(kind)
        self.source(self.module_numbers[0])
        _ = self.cell_order, self.levels
        if self.short_trains and kind.raw.frames_per_entry:
            raise BadParameter(f"short_trains = {self.short_trains} is not allowed; {kind.title} has the same number "
                               "of frames in every train.")
        if self.parallel_gain and kind.stages_in_run is None:
            raise BadParameter(f"parallel_gain = {self.parallel_gain} is not allowed; {kind.title} has no run of all "
                               "gain stages.")

    def source(self, module: int) -> str:
        """Instrument source of a module; BadParameter where the identifier does not fit the type."""
        raw = self.detector.raw
        source = raw.source_name(self.identifier, module)
        if raw.match(source) != (self.identifier, module):
            raise BadParameter(f"identifier = {self.identifier!r} is not allowed; a {self.detector.title} is "
                               f"recognised by sources like {raw.source}.")
        return source


def simulated(kind: DetectorType) -> Simulated:
    """What the simulator knows of a type.

    Raises
    ------
    BadParameter
        It knows nothing of it.
    """
    if kind.simulated is None:
        raise BadParameter(f"{kind.title} cannot be simulated; its levels and electronics are not declared.")
    return kind.simulated


def default_settings(name: str) -> Settings:
    """Settings of a detector type with its defaults.

    Raises
    ------
    BadParameter
        There is no such type, or it cannot be simulated.
    """
    kind = detector_type(name)
    return Settings(detector_type=kind.name).with_changes(simulated(kind).settings)


def demo_settings() -> dict[str, Settings]:
    """Small proposals to show the program with, by the name of their detector type; not every type has one."""
    return {
        kind.name: default_settings(kind.name).with_changes(kind.simulated.demo)
        for kind in detector_types() if kind.simulated is not None and kind.simulated.demo is not None
    }
