"""What the simulator knows of a detector type: levels, electronics, and settings that differ from its defaults.

Levels and settings are in ``resources/simulated``, where each group has its source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from calib_core.resource_files import read_resource


@dataclass(frozen=True)
class Level:
    """A quantity's mean and standard deviations of its parts, all in its unit.

    Attributes
    ----------
    mean : float
    asic : float
        Between ASICs, cut at two standard deviations.
    column : float
        Between the columns (fast_scan) of an ASIC.
    pixel : float
        Between pixels.
    cell_row : float
        Between rows of 32 memory cells, cut at two standard deviations.
    cell : float
        Between memory cells, cut at two standard deviations.
    cell_pixel : float
        Between the memory cells of a pixel, independently for each pixel.
    """

    mean: float
    asic: float = 0.0
    column: float = 0.0
    pixel: float = 0.0
    cell_row: float = 0.0
    cell: float = 0.0
    cell_pixel: float = 0.0

    @property
    def of_cells(self) -> bool:
        """Whether memory cells differ."""
        return bool(self.cell_row or self.cell or self.cell_pixel)

    @property
    def within_asic(self) -> float:
        """Standard deviation within one ASIC and memory cell."""
        return float(np.sqrt(self.column**2 + self.pixel**2 + self.cell_pixel**2))


@dataclass(frozen=True)
class Levels:
    """Levels of each gain stage, ADU.

    Attributes
    ----------
    offset, noise : tuple of Level
    gain_signal : tuple of Level
        Steps from the stage before, of detectors that have a gain signal.
    gain_signal_noise : tuple of Level
    gain : tuple of Level
        Conversion of each stage, ADU per keV; empty where light is not simulated. Of the stages that have none of
        their own it follows from ``gain_ratio``.
    gain_ratio : tuple of Level
        Of each of those: conversion of the stage before in units of its own.
    above_line : tuple of Level
        Of the first stages: how far the offset in the dark lies above the beginning of the stage's line over charge.
    switch : tuple of Level
        Of all stages but the last: signal above the offset at which a pixel takes the next stage.
    """

    offset: tuple[Level, ...]
    noise: tuple[Level, ...]
    gain_signal: tuple[Level, ...] = ()
    gain_signal_noise: tuple[Level, ...] = ()
    gain: tuple[Level, ...] = ()
    gain_ratio: tuple[Level, ...] = ()
    above_line: tuple[Level, ...] = ()
    switch: tuple[Level, ...] = ()

    @property
    def gain_of_cells(self) -> bool:
        """Whether memory cells differ in their conversion."""
        return any(one.of_cells for one in (*self.gain, *self.gain_ratio))

    def with_changes(self, changes: Mapping[str, Sequence[Mapping[str, float]]]) -> Levels:
        """Levels with some quantities replaced by others.

        Parameters
        ----------
        changes : mapping
            Fields of :class:`Level` for each stage by the name of the quantity, as resources have them.
        """
        return replace(self, **{name: tuple(Level(**one) for one in stages) for name, stages in changes.items()})


@dataclass(frozen=True)
class Electronics:
    """Facts of the hardware that only the simulator needs.

    Attributes
    ----------
    converter_block : (int, int)
        Pixels (slow_scan, fast_scan) of one converter, which may be dead together.
    control_aggregator : str
        Aggregator of the files with the control sources.
    telemetry_bytes : int
        Length of a train's telemetry, where the data have any.
    cell_orders : mapping
        Memory cells in the order of recording by how many are in use; any number in ascending order where empty.
    common_mode_axis : tuple of str
        What shares a common mode: ``frame`` the whole frame, ``bank`` each bank, ``row`` or ``column`` each row or
        column of each bank. The shifts of several are independent.
    cosmic_adu_per_pixel : float
        Mean charge that a cosmic ray leaves in a pixel, ADU.
    pixel_size : float
        Edge of a pixel, µm; 0 where charge is not shared between pixels.
    """

    converter_block: tuple[int, int]
    control_aggregator: str
    telemetry_bytes: int = 0
    cell_orders: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    common_mode_axis: tuple[str, ...] = ("frame",)
    cosmic_adu_per_pixel: float = 400.0
    pixel_size: float = 0.0


@dataclass(frozen=True)
class Simulated:
    """All that the simulator knows of a detector type.

    Attributes
    ----------
    levels : Levels
    hardware : Electronics
    settings : mapping
        Settings of the simulator whose defaults are others for this type.
    demo : mapping, optional
        What a small proposal to show the program with changes of these; None where there is none.
    level_sets : mapping of str to Levels
        Other levels that this type may have, by their names.
    """

    levels: Levels
    hardware: Electronics
    settings: Mapping[str, Any] = field(default_factory=dict)
    demo: Mapping[str, Any] | None = None
    level_sets: Mapping[str, Levels] = field(default_factory=dict)


def read_simulated(name: str, kind: str, hardware: Electronics) -> Simulated:
    """What the simulator knows of a type, with levels and settings from ``resources/simulated``.

    Parameters
    ----------
    name : str
        File in ``resources/simulated`` without ending.
    kind : str
        Name of the type, a section of it.
    hardware : Electronics
    """
    sections = read_resource("simulated", name)
    levels = Levels((), ()).with_changes(_group(sections, kind, "levels"))
    demo = _group(sections, kind, "demo") if "demo" in sections[kind] else None
    others = _group(sections, kind, "level_sets") if "level_sets" in sections[kind] else {}
    sets = {name: levels.with_changes(changes) for name, changes in others.items()}
    return Simulated(levels, hardware, _group(sections, kind, "settings"), demo, sets)


def _group(sections: Mapping[str, Any], kind: str, group: str) -> dict[str, Any]:
    """Values of a group, on top of those of the type that it is ``like``."""
    values = dict(sections[kind][group])
    del values["source"]
    base = values.pop("like", None)
    return values if base is None else {**_group(sections, base, group), **values}
