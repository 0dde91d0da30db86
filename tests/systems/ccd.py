"""Darks of cameras with common mode: a finished job with its maps, its raw frames, and the truth of each frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from calib_core.constants.badpixels import BadPixels
from calib_core.correction.bound_constant import Known
from calib_core.correction.images import Images
from calib_core.jobs.board import State
from calib_core.jobs.job import Job
from calib_core.jobs.survey import survey
from calib_core.simulate.common_mode import common_mode_of
from calib_core.simulate.truth import BadKind
from calib_core.store.constants import StoredConstant, read_constant

from ..known import images_of, known
from .conftest import Dataset

Array = Any
#: Flags of regions, which are no fault of a pixel.
REGIONS = BadPixels.OVERSCAN | BadPixels.NON_SENSITIVE
EXPECTED_FLAG = {
    BadKind.DEAD: BadPixels.NO_DARK_DATA, BadKind.NOISY: BadPixels.NOISE_OUT_OF_THRESHOLD,
    BadKind.HIGH_OFFSET: BadPixels.OFFSET_OUT_OF_THRESHOLD, BadKind.WRONG_GAIN: BadPixels.WRONG_GAIN_VALUE,
}


@dataclass
class Stage:
    """One gain stage of a finished job; maps are (slow_scan, fast_scan)."""

    data: Dataset
    job: Job
    role: str
    index: int
    constants: dict[str, StoredConstant]

    def map(self, name: str) -> Array:
        found = self.job.plane(name, self.data.module, {"gain": self.gain})
        assert found is not None
        return found

    @property
    def gain(self) -> int:
        """Place among the gain stages that have a run."""
        return list(self.job.plan.context.arranged).index(self.role)

    @cached_property
    def flags(self) -> Array:
        return self.constants["BadPixelsDark"].values()[self.index, 0]

    @cached_property
    def region(self) -> Array:
        """Pixels of regions by the descriptor."""
        flags = np.zeros(self.data.truth.settings.detector.shape, np.uint32)
        for region in self.data.truth.settings.detector.regions:
            region.mark(flags)
        return flags != 0

    @cached_property
    def bad(self) -> Array:
        return self.data.truth.bad(self.data.module)

    @cached_property
    def good(self) -> Array:
        """Ordinary pixels into which the simulator put nothing bad."""
        return (self.bad == 0) & ~self.region

    @cached_property
    def trains(self) -> Array:
        """Train ids of all usable frames."""
        return np.concatenate([trains for _, trains in self._chunks()])

    def frames(self, n: int) -> Array:
        """Raw samples (n, slow_scan, fast_scan) of the first usable frames."""
        found = np.empty((n, *self.data.truth.settings.detector.shape), np.uint16)
        done = 0
        for samples, _ in self._chunks():
            more = samples[:n - done]
            found[done:done + len(more)] = more
            done += len(more)
            if done == n:
                break
        assert done == n
        return found

    def _chunks(self) -> Iterator[tuple[Array, Array]]:
        """Samples and trains of a few frames at a time; samples are valid until the next."""
        for frames in self.job.plan.frames[self.data.module, self.role].chunks([0], 32 << 20):
            yield frames.adc, frames.train.copy()

    @cached_property
    def mean_shift(self) -> Array:
        """Mean of the true common mode of each pixel; it cannot be told from the offset."""
        total = np.zeros(self.data.truth.settings.detector.shape)
        for train in self.trains:
            total += self.shift(train)
        return total / len(self.trains)

    def shift(self, train: int) -> Array:
        return common_mode_of(self.data.truth.settings, self.data.module, self.index, int(train), 0)

    @cached_property
    def sigma(self) -> Array:
        """True noise, without common mode."""
        return self.data.truth.noise(self.data.module)[self.index, 0]

    def offset_pulls(self) -> Array:
        """Of the good pixels, against the true offset and what the common mode adds to it on average."""
        offset, count = self.constants["Offset"].values()[self.index, 0], self.map("samples")
        truth = self.data.truth.offset(self.data.module)[self.index, 0] + self.mean_shift
        return ((offset - truth) / (self.sigma / np.sqrt(np.maximum(count, 1)) + ~self.good))[self.good]

    def variance_pulls(self) -> Array:
        """Of the good pixels; the variance, since that of few samples is unbiased and their deviation is not."""
        noise, count = self.constants["Noise"].values()[self.index, 0], np.maximum(self.map("samples"), 2)
        error = np.maximum(self.sigma, 1e-3) ** 2 * np.sqrt(2 / (count - 1.0))
        return ((noise**2 - self.sigma**2) / error)[self.good]

    def images(self, n: int) -> tuple[Images, Known, Array]:
        """The first frames less the offset found, what is known of the pixels, and their train ids."""
        samples, trains = self.frames(n), self.trains[:n]
        offset, noise = (self.constants[kind].values()[self.index, 0] for kind in ("Offset", "Noise"))
        use = (samples > 0) & (self.flags == 0)
        values = np.where(use, samples - np.nan_to_num(offset), 0).astype(np.float32)
        reference = known(offset.astype(np.float32), noise.astype(np.float32), self.flags)
        return images_of(values, use), reference, trains

    def recall(self, kind: BadKind) -> float:
        """Share of the injected pixels of a kind that have its flag."""
        injected = (self.bad == kind) & ~self.region
        assert injected.any()
        return float(((self.flags[injected] & EXPECTED_FLAG[kind]) != 0).mean())

    @property
    def false_alarms(self) -> float:
        return float((self.flags[self.good] != 0).mean())


def finished(data: Dataset, out: Path, roles: tuple[str, ...] = (), **changes: Any) -> Job:
    """A job over simulated runs, or over those of some roles, that has succeeded; the caller closes it."""
    runs = [path for role, path in data.simulated.runs.items() if not roles or role in roles]
    job = Job(survey(runs).spec(out, **changes))
    job.start()
    assert job.wait(240)
    assert job.board.state is State.DONE, job.board.error
    return job


def stages_of(data: Dataset, job: Job) -> dict[str, Stage]:
    """Gain stages of a finished job by the role of their run."""
    stored = {c.attributes["kind"]: c for c in (read_constant(one.path) for one in job.board.outputs)}
    roles = [stage.role for stage in data.truth.settings.detector.stages]
    return {role: Stage(data, job, role, index, stored) for index, role in enumerate(roles)}
