"""What was found in a module, in a few numbers for each gain stage: medians, bad pixels, frames behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np

from calib_core.axes import Array, At, Result
from calib_core.constants.badpixels import BadPixels
from calib_core.jobs.plan import Plan
from calib_core.jobs.results import Results
from calib_core.numerics.order import MedianOfParts


@dataclass(frozen=True)
class Median:
    """Median of a result over its good pixels, None where there is none, and the share that it is low by."""

    name: str
    title: str
    unit: str
    value: float | None
    low_by: float = 0.0


@dataclass(frozen=True)
class StageFound:
    """What was found in one gain stage of a module.

    Attributes
    ----------
    stage : str
        Its short name; empty where the method has none.
    frames : int, optional
        Fewest frames behind a memory cell that has any.
    medians : tuple of Median
        Of all memory cells together.
    bad : float, optional
        Share of the pixels that have a flag; None where none is done.
    flags : mapping of str to float
        Share of the pixels by flag, of the flags that occur.
    """

    stage: str
    frames: int | None
    medians: tuple[Median, ...]
    bad: float | None
    flags: Mapping[str, float]


@dataclass(frozen=True)
class ModuleFound:
    """What was found in a module."""

    module: int
    unit: str
    stages: tuple[StageFound, ...]


def found_in(plan: Plan, module: int, results: Results, check: Callable[[], None]) -> ModuleFound:
    """Look through the results of a module, image by image.

    Parameters
    ----------
    plan : Plan
    module : int
    results : Results
        Of the module, which is finished.
    check : callable
        Called for each image; may raise Cancelled.

    Returns
    -------
    ModuleFound
        Without stages where the method makes no flags of pixels.
    """
    flags = next((one for one in plan.results if one.role == "flags" and one.pixels and not one.hidden), None)
    unit = plan.detector.module(module).pdu if plan.detector else ""
    if flags is None:
        return ModuleFound(module, unit, ())
    apart = plan.method.combines if plan.method.combines in flags.over else ""
    labels = plan.context.axes[apart].labels if apart else ("",)
    stages = tuple(_stage(plan, module, results, flags, {apart: i} if apart else {}, str(label), check)
                   for i, label in enumerate(labels))
    return ModuleFound(module, unit, stages)


def _stage(
    plan: Plan, module: int, results: Results, flags: Result, at: At, label: str, check: Callable[[], None]
) -> StageFound:
    frames = _fewest(plan, module, at)
    low = plan.method.low_by(frames) if frames else {}
    written = {name for output in plan.outputs for name in output.results}
    wanted = [one for one in plan.results if one.role == "value" and one.pixels and not one.hidden
              and one.over == flags.over and one.name in written]

    def images() -> Iterator[tuple[Array, dict[str, Array]]]:
        """Flags of each place that is done, and the images there."""
        for place in _places(plan, flags, at):
            check()
            bad = results.read(flags.name, place)
            found = {one.name: image for one in wanted if (image := results.read(one.name, place)) is not None}
            if bad is not None:
                yield bad, found

    medians, bad_pixels = {one.name: MedianOfParts() for one in wanted}, _BadPixels()
    for bad, found in images():
        bad_pixels.count(bad)
        for name, image in found.items():
            medians[name].count(image, bad)
    for bad, found in images():
        for name, image in found.items():
            medians[name].refine(image, bad)
    told = (Median(one.name, one.title, one.unit, medians[one.name].value, low.get(one.name, 0.0)) for one in wanted)
    return StageFound(label, frames, tuple(told), bad_pixels.share, bad_pixels.by_flag)


def _places(plan: Plan, flags: Result, at: At) -> Iterator[At]:
    free = [name for name in flags.over if name not in at]
    for index in product(*(range(len(plan.context.axes[name])) for name in free)):
        yield {**at, **dict(zip(free, index, strict=True))}


def _fewest(plan: Plan, module: int, at: At) -> int | None:
    frames = plan.frames.get((module, plan.key_at(at)))
    return min(frames.frames_per_cell.values(), default=None) if frames else None


class _BadPixels:
    """Shares of the pixels that have any flag, and that have each."""

    def __init__(self) -> None:
        self._pixels = self._bad = 0
        self._counts: dict[int, int] = {}

    def count(self, flags: Array) -> None:
        """Add an image of flags."""
        self._pixels, self._bad = self._pixels + flags.size, self._bad + int(np.count_nonzero(flags))
        seen = int(np.bitwise_or.reduce(flags, axis=None))
        for bit in (1 << i for i in range(seen.bit_length()) if seen >> i & 1):
            self._counts[bit] = self._counts.get(bit, 0) + int(np.count_nonzero(flags & flags.dtype.type(bit)))

    @property
    def share(self) -> float | None:
        """Of those that have any; None without pixels."""
        return self._bad / self._pixels if self._pixels else None

    @property
    def by_flag(self) -> dict[str, float]:
        """Of those that have each of the flags that occur."""
        return {_label(bit): self._counts[bit] / self._pixels for bit in sorted(self._counts)}


def _label(bit: int) -> str:
    known = {int(flag): flag.label for flag in BadPixels}
    return known.get(bit, f"bit {bit.bit_length() - 1}")
