"""One unit of a characterisation over frames in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from calib_core.characterisation.driver import run_unit
from calib_core.characterisation.method import Method
from calib_core.characterisation.unit import Context, Unit
from calib_core.detector import DetectorType, Frames


@dataclass
class Memory:
    """Source of frames (n, slow_scan, fast_scan) uint16 of one memory cell, in chunks of some frames."""

    values: Any
    chunk: int = 10_000

    def chunks(self, unit: Unit, name: str, which: slice, more: bool = False) -> Iterator[Frames]:
        chosen = np.arange(len(self.values))[which]
        for at in range(0, len(chosen), self.chunk):
            part = chosen[at : at + self.chunk]
            yield Frames(np.array(self.values[part][:, None]), np.zeros(len(part), np.int64), part)


def context_of(method: Method, kind: DetectorType) -> Context:
    """What a method may know of a job with a run of the first gain stage and one memory cell."""
    [first] = [one for one in method.arrange(kind, {}, keep=True).runs][:1]
    context = Context(kind, (0,), {first.key: replace(first, at={"gain": 0})})
    return replace(context, axes={axis.name: axis for axis in method.axes(context)})


def characterise(
    method: Method, kind: DetectorType, values: Any, chunk: int = 10_000
) -> tuple[dict[str, Any], list[str]]:
    """Maps that a method makes of frames (n, slow_scan, fast_scan), and what it said on the way."""
    context = context_of(method, kind)
    unit = Unit(0, 0, tuple(context.arranged), (0,), len(values))
    notes: list[str] = []
    [(_, maps)] = run_unit(
        method, context, unit, Memory(values, chunk), lambda accumulator, _: notes.extend(accumulator.notes))
    return maps, list(dict.fromkeys(notes))
