"""Kernels of darks against reading the same memory and against NumPy, on one thread.

Each test compares results first and fails where they differ; ratios are reported, not asserted.
"""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from calib_core.axes import Axis
from calib_core.characterisation.accumulators import Moments, Sampling
from calib_core.characterisation.family import families
from calib_core.characterisation.samples import GateSamples
from calib_core.characterisation.unit import Context, Unit
from calib_core.detector import Frames
from calib_core.io.buffers import Buffers, aligned
from calib_core.numerics import moments, robust

PIXELS = 512 * 128
#: Frames that a gate is taken from.
GATE_FRAMES = 128


def make_run(cells: int, trains: int, pixels: int = PIXELS) -> SimpleNamespace:
    """Frames of a run, memory cells cycling within each train, with gates and maps to fill."""
    frames = cells * trains
    rng = np.random.default_rng(cells)
    block = aligned((frames, 1, pixels), np.uint16)  # as frames and sums are where jobs have them
    block[...] = rng.integers(0, 128, block.shape, np.uint8)
    block += 5000
    return SimpleNamespace(
        block=block, cells=cells, trains=trains,
        slot=np.tile(np.arange(cells), trains), train=np.repeat(np.arange(trains), cells),
        wrong=np.zeros((cells, pixels), np.uint32),
        maps=tuple(aligned((cells, pixels), kind) for kind in (np.float32, np.float32, np.uint32)),
        gate=gate_of(cells, pixels, 5003, 5120), any=gate_of(cells, pixels, 1, 16382),
    )


def gate_of(cells: int, pixels: int, low: int, high: int) -> tuple[np.ndarray, np.ndarray]:
    buffers = Buffers()
    return buffers.full((cells, pixels), np.uint16, low), buffers.full((cells, pixels), np.uint16, high)


def mean_and_noise(run: SimpleNamespace):
    """Maps of all measurements of all frames at once."""
    return moments.whole(run.block, 0, run.slot, run.cells, 1, run.any, run.maps)[:2]


def numpy_mean_and_noise(run: SimpleNamespace):
    """What a script does: pick the frames of each memory cell, take mean and std."""
    picked = (run.block[run.slot == cell, 0] for cell in range(run.cells))
    return [(frames.mean(axis=0), frames.std(axis=0, ddof=1)) for frames in picked]


@pytest.fixture(scope="module")
def few():
    """32 memory cells of 48 trains, 201 MB."""
    return make_run(32, 48)


@pytest.fixture(scope="module")
def many():
    """8 memory cells of 200 trains, 210 MB."""
    return make_run(8, 200)


def test_mean(bar, read_limit, few, many):
    mean, std = mean_and_noise(few)
    for cell, (expected, noise) in enumerate(numpy_mean_and_noise(few)):
        np.testing.assert_array_equal(mean[cell], expected.astype(np.float32))
        np.testing.assert_allclose(std[cell], noise, rtol=1e-6)
    bar("dark_mean_numpy", lambda: mean_and_noise(few), lambda: numpy_mean_and_noise(few), goal=15, rounds=5)
    for run, goal in ((few, 0.65), (many, 0.72)):
        bar(f"dark_mean_{run.trains}", partial(mean_and_noise, run), read_limit(run.block), goal=goal, rounds=15)


def numpy_median_and_mad(samples: np.ndarray):
    middle = np.median(samples, axis=0)
    return middle, np.median(np.abs(samples - middle), axis=0)


@pytest.mark.parametrize("frames", [48, 128])
def test_median_and_mad(bar, frames):
    rng = np.random.default_rng(frames)
    samples = rng.normal(5000, 10, (frames, PIXELS // 2)).round().astype(np.uint16)
    samples[rng.random(samples.shape) < 0.01] += 400
    found = robust.median_mad(samples, 1, 16382)
    for one, other in zip(found[:2], numpy_median_and_mad(samples), strict=True):
        np.testing.assert_array_equal(one, other.astype(np.float32))
    bar(f"dark_median_mad_{frames}", lambda: robust.median_mad(samples, 1, 16382),
        lambda: numpy_median_and_mad(samples), goal=20)


def test_mean_noise_and_median(bar):
    run = make_run(4, 48)
    picked = [np.ascontiguousarray(run.block[run.slot == cell, 0]) for cell in range(run.cells)]

    def ours():
        return mean_and_noise(run), [robust.median(frames, 0, 65535) for frames in picked]

    def other():
        return [(np.median(frames, axis=0), frames.std(axis=0, ddof=1)) for frames in picked]

    for one, (expected, _) in zip(ours()[1], other(), strict=True):
        np.testing.assert_array_equal(one, expected.astype(np.float32))
    bar("dark_median_numpy", ours, other, goal=22, rounds=5)


def gated(run: SimpleNamespace):
    """Maps inside the gate, of all frames at once."""
    return moments.whole(run.block, 0, run.slot, run.cells, 1, run.gate, run.maps)


def gated_sums(run: SimpleNamespace, sums: moments.Sums, trains: int):
    """The same by way of sums, in blocks of the given number of trains."""
    sums.forget()
    step = trains * run.cells
    for i in range(0, len(run.slot), step):
        sums.add(run.block[i:i + step], 0, run.slot[i:i + step])
    return sums.finish(out=run.maps)


def robust_dark(run: SimpleNamespace, context: Context) -> Moments:
    """As the two passes of a job over a unit: the first frames kept, a gate of them, they and the others inside."""
    unit, first = Unit(0, 0, (), tuple(range(run.cells)), run.trains), GATE_FRAMES * run.cells
    sampling = Sampling((0,), 1, 16382, None, 1)
    samples = GateSamples(context, unit, sampling, lambda statistics: {}, GATE_FRAMES, 5.0, 3.0)
    samples.update("", frames_of(run, slice(first)))
    for _ in samples.settle():
        pass
    samples.gated.update("", frames_of(run, slice(first, None)))
    for cell in range(run.cells):
        samples.statistics(cell)
    return samples.gated


def frames_of(run: SimpleNamespace, part: slice) -> Frames:
    return Frames(run.block[part].reshape(-1, 1, 512, 128), run.slot[part], run.train[part])


def test_gated(bar, read_limit, few, many):
    sums = {run.trains: moments.Sums(*run.gate, aligned) for run in (few, many)}
    for run in (few, many):
        mean, std, count = (values.copy() for values in gated(run))
        for cell in range(run.cells):
            frames = run.block[run.slot == cell, 0]
            inside = (frames >= run.gate[0][cell]) & (frames <= run.gate[1][cell])
            np.testing.assert_array_equal(count[cell], inside.sum(axis=0))
            total = np.where(inside, frames, 0).sum(axis=0)
            np.testing.assert_array_equal(mean[cell], (total / count[cell]).astype(np.float32))
        for trains in (16, run.trains):
            for one, other in zip(gated_sums(run, sums[run.trains], trains), (mean, std, count), strict=True):
                np.testing.assert_array_equal(one, other)
    for run in (few, many):
        limit, summed = read_limit(run.block), partial(gated_sums, run, sums[run.trains], run.trains)
        bar(f"dark_gated_{run.trains}", partial(gated, run), limit, goal=0.50, rounds=15)
        bar(f"dark_gated_sums_{run.trains}", summed, limit, goal=0.50, rounds=15)
    bar("dark_stream_16", partial(gated_sums, few, sums[few.trains], 16), read_limit(few.block), goal=0.50, rounds=15)


def test_robust(bar, read_limit, many):
    """The first 128 frames kept, their median and MAD, gate, gated mean and noise of 200 frames, as in a job."""
    kind = next(one for family in families() for one in family.types if one.pixels == PIXELS)
    axis = Axis("cell", "Memory cell", tuple(range(many.cells)))
    context = Context(kind, tuple(range(many.cells)), {}, {"cell": axis})
    found = robust_dark(many, context)
    for cell in range(many.cells):
        frames = many.block[many.slot == cell, 0]
        middle, mad = numpy_median_and_mad(frames[:GATE_FRAMES])
        half = np.maximum(5 * 1.4826 * mad, 3)
        inside = (frames >= np.ceil(middle - half)) & (frames <= np.floor(middle + half))
        total, _, count = found.sums[0].whole()
        np.testing.assert_array_equal(count[cell], inside.sum(axis=0))
        np.testing.assert_array_equal(total[cell], np.where(inside, frames, 0).sum(axis=0))
    bar("dark_robust_200", lambda: robust_dark(many, context), read_limit(many.block), goal=0.16)


@pytest.mark.parametrize("wrong", [0.0, 1e-5])
@pytest.mark.parametrize("gate", [False, True])
def test_gain_bits(bar, read_limit, wrong, gate):
    """64 frames of 512 x 1024 pixels of one memory cell, 67 MB, all or nearly all with the right gain bits."""
    run = make_run(1, 64, pixels=512 * 1024)
    gain = (np.random.default_rng(1).random(run.block[:, 0].shape) < wrong).astype(np.uint8)

    low, high = run.gate if gate else run.any
    sums = moments.Sums(low, high, aligned)

    def ours():
        run.wrong.fill(0)
        sums.forget()
        sums.add(run.block, 0, run.slot, (gain, 0, run.wrong))

    ours()
    frames = run.block[:, 0]
    kept = (gain == 0) & (frames >= low) & (frames <= high)
    total, _, count = sums.whole()
    np.testing.assert_array_equal(count[0], kept.sum(axis=0))
    np.testing.assert_array_equal(run.wrong[0], (gain != 0).sum(axis=0))
    np.testing.assert_array_equal(total[0], np.where(kept, frames, 0).sum(axis=0))
    name = f"dark_bits{'_gated' if gate else ''}_{'rare' if wrong else 'clean'}"
    bar(name, ours, read_limit(run.block), goal=0.25, rounds=15)
