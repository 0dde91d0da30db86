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
from calib_core.numerics.order import median_of_parts

#: A result at some places: its image with the flags of that place, those that are done.
_Images = Callable[[str], Iterator[tuple[Array, Array]]]


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

    def images(name: str) -> Iterator[tuple[Array, Array]]:
        for place in _places(plan, flags, at):
            check()
            image, bad = results.read(name, place), results.read(flags.name, place)
            if image is not None and bad is not None:
                yield image, bad

    medians = tuple(Median(one.name, one.title, one.unit, _median(images, one.name), low.get(one.name, 0.0))
                    for one in wanted)
    return StageFound(label, frames, medians, *_bad(images, flags.name))


def _places(plan: Plan, flags: Result, at: At) -> Iterator[At]:
    free = [name for name in flags.over if name not in at]
    for index in product(*(range(len(plan.context.axes[name])) for name in free)):
        yield {**at, **dict(zip(free, index, strict=True))}


def _fewest(plan: Plan, module: int, at: At) -> int | None:
    frames = plan.frames.get((module, plan.key_at(at)))
    return min(frames.frames_per_cell.values(), default=None) if frames else None


def _median(images: _Images, name: str) -> float | None:
    return median_of_parts(lambda: (image[bad == 0] for image, bad in images(name)))


def _bad(images: _Images, name: str) -> tuple[float | None, dict[str, float]]:
    """Share of the pixels that have any flag, and that have each."""
    pixels = bad = 0
    counts: dict[int, int] = {}
    for image, _ in images(name):
        pixels, bad = pixels + image.size, bad + int(np.count_nonzero(image))
        seen = int(np.bitwise_or.reduce(image, axis=None))
        for bit in (1 << i for i in range(seen.bit_length()) if seen >> i & 1):
            counts[bit] = counts.get(bit, 0) + int(np.count_nonzero(image & image.dtype.type(bit)))
    return (bad / pixels if pixels else None), {_label(bit): counts[bit] / pixels for bit in sorted(counts)}


def _label(bit: int) -> str:
    known = {int(flag): flag.label for flag in BadPixels}
    return known.get(bit, f"bit {bit.bit_length() - 1}")
