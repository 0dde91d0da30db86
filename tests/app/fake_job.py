"""A job of given maps that answers at once: what panels are tested with."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from calib_core.axes import Axis, Picture, Result, View, picks_of
from calib_core.characterisation.family import named
from calib_core.characterisation.unit import Context
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.condition import Condition
from calib_core.detector import Detector, Module
from calib_core.detector.registry import detector_type
from calib_core.explanation import PLAINLY, Bars, Explanation, Mark, Number, Plot, Reason, Span
from calib_core.jobs.board import Board, Message, State, TaskProgress, Written
from calib_core.jobs.spec import JobSpec

MAPS = (
    Result("offset", "Offset", "ADU", "f4", "Mean dark signal", error="noise"),
    Result("noise", "Noise", "ADU", "f4", "Standard deviation"),
    Result("bad_pixels", "Bad pixels", "", "u4", "Flags", role="flags", missing=8.0),
    Result("samples", "Samples", "frames", "u4", "Samples", role="count", missing=0.0),
    Result("thresholds", "Thresholds", "ADU", "f4", "Gain signal", over=("threshold", "cell")),
)
#: Maps of a dark that looks at the data more than once.
REFINED = (
    *MAPS[:3],
    Result("noise_raw", "Noise before common mode", "ADU", "f4", "Standard deviation", scale_of="noise"),
    Result("bad_pixels_passes", "Bad pixels", "", "u4", "Flags", role="flags", over=("gain", "pass", "cell")),
    Result("cosmic_rays", "Cosmic rays", "hits", "u4", "Hits left out", role="count", missing=0.0),
)


def axes_of(kind, cells):
    """Axes of the made-up results."""
    axes = (
        Axis("gain", "Gain stage", tuple(stage.short for stage in kind.stages)),
        Axis("cell", "Memory cell", tuple(range(cells))),
        Axis("threshold", "Threshold", ("HG-MG", "MG-LG"), of_slot=True),
        Axis("pass", "Pass", ("pass 1", "pass 2"), of_slot=True),
    )
    return {axis.name: axis for axis in axes}


class FakeJob:
    """Same face as a job; its maps are known functions of module, pixel, cell and stage."""

    def __init__(self, kind="AGIPD1M", modules=16, cells=352, out_folder="constants", coverage=1.0, maps=MAPS):
        self.type = detector_type(kind)
        first = self.type.raw.first_module
        numbers = tuple(range(first, first + modules))
        detector = Detector("SPB_DET_AGIPD1M-1", self.type, tuple(
            Module(n, "", f"AGIPD{n:02d}", f"UNIT_{n:02d}") for n in numbers))
        self.spec = JobSpec(
            family="AGIPD", method="DARK", detector=detector.identifier, out_folder=out_folder,
            inputs={"high": ("/gpfs/r0012",), "med": ("/gpfs/r0013",), "low": ("/gpfs/r0014",)},
        )
        self.steps, self.pixels = "", self
        self.plan = SimpleNamespace(
            detector=detector, kind=self.type, method=named("AGIPD").methods[0], modules=numbers, results=maps,
            context=Context(self.type, tuple(range(cells)), axes=axes_of(self.type, cells)),
            condition=Condition(self.type.condition), notes=(), runs={}, source=SimpleNamespace(constants={}),
        )
        self.coverage, self.created = coverage, time.time()
        self.looks, self.cancelled, self.closed = [], False, False
        slow, fast = self.type.shape
        rng = np.random.default_rng(1)
        self._grain = rng.normal(size=(modules, slow, fast)).astype(np.float32)
        asic = self.type.asic_shape
        blocks = rng.normal(size=(modules, slow // asic[0], fast // asic[1])).repeat(asic[0], 1).repeat(asic[1], 2)
        self._blocks = blocks.astype(np.float32)
        self._flags = self._make_flags(rng)
        self.board = Board(1, State.RUNNING, self._tasks(), 0.46, 97.0, published=time.time(), messages=(
            Message(time.time(), "INFO", "SPB_DET_AGIPD1M-1: 16 modules, 352 memory cells, 1.1 MHz."),
            Message(time.time(), "WARN", "Module 5 ASIC 2: no data in 100 % of the memory cells."),
        ))
        self.look_at(View())

    @staticmethod
    def _tasks():
        return (
            TaskProgress("r12", "r0012 HG offset, noise", 1.0, State.DONE),
            TaskProgress("r13", "r0013 MG offset, noise", 0.74, State.RUNNING),
            TaskProgress("r14", "r0014 LG offset, noise", 0.12, State.RUNNING),
            TaskProgress("write", "thresholds, constants", 0.0, State.QUEUED),
        )

    def _make_flags(self, rng):
        flags = np.zeros(self._grain.shape, np.uint32)
        self._dead = (slice(64, 128), slice(64, 128)) if self.type.shape[0] > 1 else (slice(None), slice(64, 128))
        flags[rng.random(flags.shape) < 2e-3] |= np.uint32(BadPixels.OFFSET_OUT_OF_THRESHOLD)
        flags[rng.random(flags.shape) < 1e-3] |= np.uint32(BadPixels.NOISE_OUT_OF_THRESHOLD)
        flags[(5 % len(flags), *self._dead)] |= np.uint32(BadPixels.NO_DARK_DATA)
        return flags

    def map_values(self, name, cell, stage):
        """Maps (modules, slow, fast), the truth that tests compare with."""
        if name == "offset":
            values = 5500 + 150 * self._blocks + 12 * self._grain + 50 * np.sin(cell / 9) + 1000 * stage
            return np.where(self._flags & np.uint32(BadPixels.NO_DARK_DATA), np.nan, values).astype(np.float32)
        if name == "noise":
            return (10 + 1.5 * self._blocks[:, ::-1] + np.abs(self._grain)).astype(np.float32)
        if name == "noise_raw":
            return 3 * self.map_values("noise", cell, stage)
        if name == "cosmic_rays":
            return (self._grain > 3).astype(np.uint32)
        if name == "bad_pixels_passes":
            return np.stack([self._flags & np.uint32(BadPixels.NO_DARK_DATA), self._flags], 1)
        if name == "samples":
            return np.where(self._flags & np.uint32(BadPixels.NO_DARK_DATA), 0, 500).astype(np.uint32)
        if name == "thresholds":
            return np.stack([6400 + 90 * self._blocks, 7300 + 80 * self._blocks], 1).astype(np.float32)
        return self._flags

    def values_at(self, name, at):
        """Map (modules, slow, fast) of a result at indices along axes."""
        values = self.map_values(name, at.get("cell", 0), at.get("gain", 0))
        return values if values.ndim == 3 else values[:, at.get("threshold", at.get("pass", 0))]

    def look_at(self, view):
        self.looks.append(view)
        numbers = [m for m in self.plan.modules if not view.modules or m in view.modules]
        rows = [self.plan.modules.index(m) for m in numbers]
        axes = self.plan.context.axes
        picks = view.picks or [pick for one in self.plan.results for pick in picks_of(one, axes)]
        maps = {pick: self.values_at(pick.result, {**view.at, **dict(pick.at)})[rows] for pick in picks}
        coverage = np.full(len(rows), self.coverage)
        self.publish(picture=Picture(view, tuple(numbers), maps, coverage))

    def publish(self, **changes):
        step = 1 if "picture" in changes else 0
        self.board = replace(
            self.board, version=self.board.version + 1, picture_version=self.board.picture_version + step,
            published=time.time(), **changes)

    def start(self):
        pass

    def cancel(self):
        self.cancelled = True
        self.publish(state=State.CANCELLED)

    def finish(self, outputs=()):
        files = tuple(Written(Path(path), "constant", "", 0) for path in outputs)
        self.publish(state=State.DONE, done=1.0, outputs=files)

    def wait(self, timeout=None):
        return self.board.state.ended

    def close(self):
        self.cancel()
        self.closed = True

    def along(self, result, axis, module, row, col, at):
        i, gain = self.plan.modules.index(module), at.get("gain", 0)
        if result == "bad_pixels":
            return np.full(len(self.plan.context.cells), float(self._flags[i, row, col]))
        return np.array([self._pixel(result, i, row, col, c, gain) for c in self.plan.context.cells])

    def reasons(self, module, row, col, at):
        value = float(self._grain[self.plan.modules.index(module), row, col])
        value += 0.25 * at.get("cell", 0) - 2 * at.get("gain", 0)
        return (Reason(1, "Offset", value, "ADU", -3.0, 3.0, 0.0, value, abs(value) > 3, "Offset is in limits."),
                Reason(2, "Noise", 12.0, "ADU", 0.0, 10.0, 8.0, 2.5, True, "Noise 12 ADU is above its limit 10 ADU."))

    def _pixel(self, name, i, row, col, cell, stage):
        wave = 50 * np.sin(cell / 9) + 1000 * stage if name == "offset" else 0
        base = 5500 + 150 * self._blocks[i, row, col] + 12 * self._grain[i, row, col]
        return float(base + wave) if name == "offset" else float(10 + abs(self._grain[i, row, col]))

    def explain(self, module, row, col, at, asked=PLAINLY):
        i, cell = self.plan.modules.index(module), at.get("cell", 0)
        mean, std = self._pixel("offset", i, row, col, cell, at.get("gain", 0)), 11.0
        values = np.random.default_rng(cell).normal(mean, std, 500).round().astype(np.uint16)
        values[:3] += 120
        edges = np.arange(values.min(), values.max() + 2) - 0.5
        items = (Bars("samples", edges, np.histogram(values, edges)[0]), Span("gate", mean - 55, mean + 55),
                 Mark("mean", mean))
        title = "Corrected samples" if asked.corrected and self.steps else "Raw samples"
        numbers = (Number("samples", values.size), Number("mean", mean, "ADU"), Number("σ", std, "ADU"))
        return Explanation((Plot(title, "sample", "samples", "ADU", "", items),), numbers, steps=self.steps)

    def frames(self, module, row, at):
        i, (_, fast), cell = self.plan.modules.index(module), self.type.shape, at.get("cell", 0)
        base = np.nan_to_num(self.map_values("offset", cell, at.get("gain", 0))[i, row])
        noise = np.random.default_rng(cell).normal(0, 10, (60, fast)) + 20 * np.sin(np.arange(60))[:, None]
        return SimpleNamespace(values=(base + noise).clip(0, 65535).astype(np.uint16), trains=np.arange(10000, 10060))

    def plane(self, result, module, at):
        return self.values_at(result, at)[self.plan.modules.index(module)]


def show(window, job):
    """Let a window watch a job and look at it."""
    window.session.job_started.emit(job)
