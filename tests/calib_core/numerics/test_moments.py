"""Moments against plain NumPy sums of integers."""

from __future__ import annotations

import math
import warnings
from fractions import Fraction
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calib_core.numerics import moments

CELLS = 5
#: A gate that leaves something out, and gain bits checked, or not.
VARIANTS = [(False, False), (True, False), (False, True), (True, True)]


def make_data(frames: int, pixels: int, top: int = 16384, seed: int = 0, planes: int = 2) -> SimpleNamespace:
    """Samples and gates: of a third of the range to either side, or narrow about most samples, 64 pixels in turn."""
    rng = np.random.default_rng(seed)
    centre = rng.integers(0, top, (CELLS, pixels))
    half = np.repeat(np.resize([top // 3, 3, top // 3, 511, 40, 512], -(-pixels // 64)), 64)[:pixels]
    block, slot = rng.integers(0, top, (frames, planes, pixels), dtype=np.uint16), rng.integers(0, CELLS - 1, frames)
    about = np.clip(centre[slot][:, None] + rng.integers(-half - 1, half + 2, block.shape), 0, 65535)
    return SimpleNamespace(
        block=np.where((half < top // 3) & (rng.random(block.shape) < 0.98), about, block).astype(np.uint16),
        gain=np.where(rng.random((frames, pixels)) < 0.05, 3, 1).astype(np.uint8), slot=slot,
        low=np.maximum(centre - half, 0).astype(np.uint16), high=np.minimum(centre + half, 65535).astype(np.uint16))


def gate_of(data: SimpleNamespace, gated: bool) -> tuple[np.ndarray, np.ndarray]:
    """The gate, or one that leaves nothing out."""
    return (data.low, data.high) if gated else (np.zeros_like(data.low), np.full_like(data.low, 65535))


def anything(shape, dtype) -> np.ndarray:
    """Memory that was used before."""
    return np.full(shape, 0xA5A5A5A5A5A5A5A5, np.uint64).astype(dtype)


def sums_of(data: SimpleNamespace, gated: bool, checked: bool, parts: list[np.ndarray] | None = None):
    """Sums over the given parts of the frames, in that order; and numbers of samples with other gain bits."""
    sums = moments.Sums(*gate_of(data, gated), anything)
    wrong = np.zeros(data.low.shape, np.uint32)
    for part in [np.arange(len(data.slot))] if parts is None else parts:
        sums.add(data.block[part], 1, data.slot[part], (data.gain[part], 1, wrong) if checked else None)
    return sums, wrong


def accumulate(data: SimpleNamespace, gated: bool, checked: bool, parts: list[np.ndarray] | None = None):
    """The sums themselves."""
    sums, wrong = sums_of(data, gated, checked, parts)
    return SimpleNamespace(**dict(zip(("total", "squares", "count"), sums.whole(), strict=True)), wrong=wrong)


def reference(data: SimpleNamespace, gated: bool, checked: bool) -> SimpleNamespace:
    """The same with NumPy, one memory cell at a time."""
    shape = CELLS, data.block.shape[2]
    sums = SimpleNamespace(
        total=np.zeros(shape, moments.TOTAL_DTYPE), count=np.zeros(shape, np.uint32),
        squares=np.zeros(shape, moments.SQUARES_DTYPE), wrong=np.zeros(shape, np.uint32))
    for cell in range(CELLS):
        mine = data.slot == cell
        value = data.block[mine, 1].astype(np.uint64)
        right = (data.gain[mine] == 1) | (not checked)
        kept = right & (((value >= data.low[cell]) & (value <= data.high[cell])) | (not gated))
        sums.total[cell] = (value * kept).sum(axis=0)
        sums.squares[cell] = (value * value * kept).sum(axis=0)
        sums.wrong[cell] = (~right).sum(axis=0)
        sums.count[cell] = kept.sum(axis=0)
    return sums


def assert_equal(left: SimpleNamespace, right: SimpleNamespace) -> None:
    for name in ("total", "squares", "count", "wrong"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), err_msg=name)


@pytest.mark.parametrize(("gated", "checked"), VARIANTS)
@pytest.mark.parametrize("pixels", [1, 31, 32, 100, 16384, 16421])
@pytest.mark.parametrize("top", [16384, 65536])
def test_sums_equal_numpy(gated, checked, pixels, top):
    data = make_data(frames=37, pixels=pixels, top=top)
    assert_equal(accumulate(data, gated, checked), reference(data, gated, checked))


@pytest.mark.parametrize(("gated", "checked"), VARIANTS)
@given(frames=st.integers(0, 60), pixels=st.integers(1, 70), top=st.sampled_from([2, 300, 16384, 65536]),
       seed=st.integers(0, 2**32 - 1), cuts=st.lists(st.integers(0, 60), max_size=5))
@settings(deadline=None, max_examples=25)
def test_chunks_and_order_do_not_matter(gated, checked, frames, pixels, top, seed, cuts):
    data = make_data(frames, pixels, top, seed)
    order = np.random.default_rng(seed).permutation(frames)
    edges = [0, *sorted(min(cut, frames) for cut in cuts), frames]
    parts = [order[a:b] for a, b in pairwise(edges)]
    assert_equal(accumulate(data, gated, checked, parts), reference(data, gated, checked))


@pytest.mark.parametrize("checked", [False, True])
def test_one_large_sample_among_small_ones(checked):
    """A patch with one sample above 14 bits takes the long way; its neighbours must not notice."""
    data = make_data(frames=16, pixels=200)
    data.block[3, 1, 77] = 65535
    data.block[9, 1, 199] = 16384
    assert_equal(accumulate(data, False, checked), reference(data, False, checked))


@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("top", [16384, 65536])
@pytest.mark.parametrize("frames", [*range(18), 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257])
def test_all_frames_at_once_have_the_bits_of_sums_that_are_finished(frames, top, gated):
    """One memory cell has just so many frames, among a few of others: rows are summed sixteen at a time, and what is
    left beside. Ragged widths; gates of all kinds side by side: empty, from 0, to the end, of one value; in half of
    the pixels codes at both ends of 14 and 16 bits, which are summed another way, in any frame."""
    for pixels in (1, 15, 16, 33, 16384 + 45):
        data, rng = make_data(frames + 5, pixels, top, seed=frames), np.random.default_rng(frames)
        data.slot[:] = rng.permutation([1] * frames + [0, 0, 2, 3, 3])
        data.low[:, ::5], data.low[:, ::7], data.high[:, ::11] = 0, 1, 0
        data.high[:, ::3], data.high[:, ::13] = 65535, data.low[:, ::13]
        some = data.block[:, :, pixels // 2::4]
        some[:] = rng.choice(np.array([0, 16383, 16384, 65535], np.uint16), some.shape)
        for checked in (False, True):
            assert_equal(accumulate(data, gated, checked), reference(data, gated, checked))
        sums, _ = sums_of(data, gated, False)
        gate = gate_of(data, gated)
        for ddof in (0, 1):
            before = sums.finish(ddof)
            sums.whole()
            for found in (moments.whole(data.block, 1, data.slot, CELLS, ddof, gate), sums.finish(ddof)):
                for one, expected in zip(found, before, strict=True):
                    np.testing.assert_array_equal(one, expected, strict=True)


def test_all_frames_at_once_refuse_what_sums_refuse():
    data = make_data(frames=4, pixels=8)
    gate = data.low, data.high
    with pytest.raises(ValueError, match="reaches outside 0 to 1"):
        moments.whole(data.block, 1, data.slot + 2, 2, 1, (data.low[:2], data.high[:2]))
    with pytest.raises(ValueError, match="plane 2"):
        moments.whole(data.block, 2, data.slot, CELLS, 1, gate)
    with pytest.raises(ValueError, match="3 axes"):
        moments.whole(data.block[0], 0, data.slot, CELLS, 1, gate)
    with pytest.raises(ValueError, match="low must be"):
        moments.whole(data.block, 1, data.slot, CELLS, 1, (data.low[:, 1:], data.high))
    with pytest.raises(ValueError, match="65536 frames"):
        moments.whole(np.zeros((moments.MAX_FRAMES + 1, 1, 1), np.uint16), 0,
                      np.zeros(moments.MAX_FRAMES + 1, np.int64), 1, 1, (data.low[:1, :1], data.high[:1, :1]))


def test_empty_gate_keeps_nothing_even_zeros():
    data = make_data(frames=11, pixels=40)
    data.block[:] = np.arange(11)[:, np.newaxis, np.newaxis] % 2
    data.low[:], data.high[:] = 1, 0
    sums = accumulate(data, True, False)
    assert not sums.count.any()
    assert not sums.total.any()


@pytest.mark.parametrize("frames", [*range(1, 18), 33])
def test_gate_from_zero_counts_only_real_frames(frames):
    data = make_data(frames, pixels=40)
    data.slot[:] = 2
    data.block[:] = 0
    data.low[:], data.high[:] = 0, 10
    np.testing.assert_array_equal(accumulate(data, True, True).count[2], (data.gain == 1).sum(axis=0))


@pytest.mark.parametrize("bottom", [0, 65535 - 1023, 65535])
def test_most_frames_of_largest_samples_stay_exact(bottom):
    """65536 frames of 65535 are the bound that the types are made for."""
    n = moments.MAX_FRAMES
    block = np.full((n // 64, 1, 33), 65535, np.uint16)
    low, high = np.zeros((1, 33), np.uint16), np.full((1, 33), 65535, np.uint16)
    low[:, :32] = bottom
    sums = moments.Sums(low, high, anything)
    for _ in range(64):
        sums.add(block, 0, np.zeros(len(block), np.int64))
    mean, std, count = sums.finish()
    total, squares, _ = sums.whole()
    assert set(total[0].tolist()) == {n * 65535}
    assert set(squares[0].tolist()) == {n * 65535**2}
    assert set(count[0].tolist()) == {n}
    assert set(mean[0].tolist()) == {65535.0}
    assert set(std[0].tolist()) == {0.0}


@pytest.mark.parametrize("width", [0, 1, 127, 128, 254, 255, 256, 257, 511, 512, 1022, 1023, 1024])
@pytest.mark.parametrize("bottom", [0, 5000, 65535])
def test_frames_at_the_upper_ends_of_gates_do_not_wrap(width, bottom):
    """Sums inside of windows hold more frames where windows are narrower; one wider gate bounds those of all."""
    bottom, frames, pixels = min(bottom, 65535 - width), 300, 77
    low, high = np.full((1, pixels), bottom, np.uint16), np.full((1, pixels), bottom + width, np.uint16)
    block = np.full((frames, 1, pixels), bottom + width, np.uint16)
    block[::7, :, 5], block[::2, :, 6::9] = bottom, bottom + width // 2
    for edges in ([0, frames], [0, 1, 17, 65, 200, 257, frames], range(frames + 1)[::16]):
        sums = moments.Sums(low, high, anything)
        for begin, end in pairwise(edges):
            sums.add(block[begin:end], 0, np.zeros(end - begin, np.int64))
        seen = block[:edges[-1], 0].astype(np.uint64)
        mean, std, count = sums.finish()
        assert set(count[0].tolist()) == {len(seen)}
        np.testing.assert_array_equal(mean[0], (seen.sum(axis=0) / len(seen)).astype(np.float32))
        np.testing.assert_allclose(std[0], seen.std(axis=0, ddof=1), rtol=3e-7, atol=0)
        total, squares, _ = sums.whole()
        np.testing.assert_array_equal(total[0], seen.sum(axis=0))
        np.testing.assert_array_equal(squares[0], (seen * seen).sum(axis=0))


def test_read_only_block_is_accepted():
    data = make_data(frames=9, pixels=50)
    expected = reference(data, True, True)
    for name in ("block", "gain", "low", "high", "slot"):
        getattr(data, name).flags.writeable = False
    assert_equal(accumulate(data, True, True), expected)


def finish(total, squares, count, ddof: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of given sums of one memory cell."""
    sums = moments.Sums(np.zeros((1, len(total)), np.uint16), np.zeros((1, len(total)), np.uint16), anything)
    for mine, known in zip(sums.whole(), (total, squares, count), strict=True):
        mine[0] = known
    mean, std, _ = sums.finish(ddof)
    return mean[0], std[0]


def to_float32(value: Fraction) -> np.float32:
    """Round an exact value once to float32, ties to even."""
    near = np.float32(float(value))
    options = [np.nextafter(near, np.float32(-np.inf)), near, np.nextafter(near, np.float32(np.inf))]
    return min(options, key=lambda x: (abs(Fraction(float(x)) - value), int(x.view(np.uint32)) & 1))


@given(n=st.integers(2, 65536), samples=st.lists(st.integers(0, 65535), min_size=1, max_size=4),
       seed=st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=200)
def test_mean_is_rounded_once_and_std_is_exact(n, samples, seed):
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(n, np.full(len(samples), 1 / len(samples)))
    total = sum(int(w) * v for w, v in zip(weights, samples, strict=True))
    squares = sum(int(w) * v * v for w, v in zip(weights, samples, strict=True))
    mean, std = finish([total], [squares], [n])
    assert mean[0] == to_float32(Fraction(total, n))
    variance = Fraction(n * squares - total * total, n * (n - 1))
    assert float(std[0]) == pytest.approx(float(variance) ** 0.5, rel=1e-6, abs=0)


@pytest.mark.parametrize("ddof", [0, 1, 2])
def test_finish_equals_numpy_and_knows_too_few_samples(ddof):
    rng = np.random.default_rng(5)
    values = rng.integers(0, 16384, (7, 40))
    counts = np.arange(40) % 8
    kept = values * (np.arange(7)[:, np.newaxis] < counts)
    total, squares = kept.sum(axis=0).astype(np.uint32), (kept * kept).sum(axis=0).astype(np.uint64)
    mean, std = finish(total, squares, counts, ddof)
    for i, n in enumerate(counts):
        sample = values[:n, i]
        assert (mean[i] == np.float32(sample.mean())) if n else np.isnan(mean[i])
        enough = n > ddof
        assert std[i] == pytest.approx(sample.std(ddof=ddof), rel=1e-6) if enough else np.isnan(std[i])


def test_memory_cells_without_frames_have_no_number():
    sums, _ = sums_of(make_data(frames=40, pixels=30), False, False)
    mean, std, count = sums.finish()
    assert mean.dtype == std.dtype == np.float32
    assert np.isnan(mean[CELLS - 1]).all()
    assert np.isnan(std[CELLS - 1]).all()
    assert not count[CELLS - 1].any()
    assert not np.isnan(mean[:CELLS - 1]).any()


def test_some_memory_cells_can_be_finished_alone():
    sums, _ = sums_of(make_data(frames=40, pixels=30), True, False)
    for one, expected in zip(sums.finish(cells=slice(1, 3)), sums.finish(), strict=True):
        np.testing.assert_array_equal(one, expected[1:3])


@pytest.mark.parametrize("frames", [9, 100])
def test_sums_begin_anew_and_are_merged(frames):
    data = make_data(frames, 50)
    sums, _ = sums_of(data, True, False)
    more, _ = sums_of(data, True, False, [np.arange(frames // 2, frames)])
    sums.forget()
    sums.add(data.block[:frames // 2], 1, data.slot[:frames // 2])
    sums.merge(more)
    expected = reference(data, True, False)
    for one, name in zip(sums.whole(), ("total", "squares", "count"), strict=True):
        np.testing.assert_array_equal(one, getattr(expected, name), err_msg=name)
    np.testing.assert_array_equal(sums.seen, np.bincount(data.slot, minlength=CELLS))


@pytest.mark.parametrize("first", [
    (5000, 5000, 5000), (0, 5000, 5000), (5000, 65535, 5000), (0, 0, 65535), (40, 9000, 0)])
@pytest.mark.parametrize("gate", [(1, 16382), (0, 65535), (4000, 5400), (64000, 65535), (0, 1023), (0, 1024), (9, 8)])
def test_windows_do_not_matter(first, gate):
    """They are chosen from the first three frames, which may be anything; samples lie at their ends and beyond."""
    codes = np.array([0, 1, 4488, 4489, 4490, 5000, 5511, 5512, 5513, 6100, 16382, 16383, 64000, 65535], np.uint16)
    samples = np.concatenate((first, codes, codes[:11]))
    data = make_data(len(samples), pixels=70)
    data.block[:], data.slot[:], data.low[:], data.high[:] = samples[:, None, None], 2, *gate
    for parts in (None, [np.arange(5), np.arange(5, 9), np.arange(9, len(samples))]):
        assert_equal(accumulate(data, True, False, parts), reference(data, True, False))


@pytest.mark.parametrize(("frames", "pixels"), [
    *((n, 77) for n in (*range(18), 31, 32, 33, 63, 64, 65, 127, 128, 129, 257)), (30, 16384), (12, 16384 + 77),
    (12, 40000)])
@pytest.mark.parametrize("top", [16383, 65535])
def test_sums_begin_with_the_samples_that_their_gate_comes_from(frames, pixels, top):
    """Codes of converters of 14 and 16 bits, at both of their ends too."""
    rng, lowest, highest = np.random.default_rng(frames + pixels), int(top < 65535), top - int(top < 65535)
    spread = rng.choice([4, 60, 700], pixels)
    samples = rng.normal(5000, spread, (frames + 20, pixels)).clip(0, top).astype(np.uint16)
    samples[rng.random(samples.shape) < 0.02] = 0
    samples[:, 5], samples[:, 6] = 0, top
    sums = moments.Sums(np.zeros((3, pixels), np.uint16), np.zeros((3, pixels), np.uint16), anything)
    sums.begin(1, samples[:frames], (lowest, highest), 5.0, 3.0)
    sums.add(samples[frames:, None], 0, np.full(20, 1))
    counting = np.where((samples >= lowest) & (samples <= highest), samples, np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of NaN alone, where there is no sample
        middle = np.nanmedian(counting[:frames], axis=0)
        half = np.maximum(5 * 1.4826 * np.nanmedian(np.abs(counting[:frames] - middle), axis=0), 3)
    low, high = np.maximum(np.ceil(middle - half), lowest), np.minimum(np.floor(middle + half), highest)
    kept = (samples >= low) & (samples <= high)
    np.testing.assert_array_equal(sums.low[1], np.where(np.isnan(low), 1, low))
    np.testing.assert_array_equal(sums.high[1], np.where(np.isnan(high), 0, high))
    total, squares, count = sums.whole()
    value = samples.astype(np.uint64) * kept
    np.testing.assert_array_equal(total[1], value.sum(axis=0))
    np.testing.assert_array_equal(squares[1], (value * value).sum(axis=0))
    np.testing.assert_array_equal(count[1], kept.sum(axis=0))
    assert sums.seen.tolist() == [0, frames + 20, 0]
    assert not count[[0, 2]].any()


@pytest.mark.parametrize(("samples", "limits", "message"), [
    (np.zeros((4, 8), np.uint16), (1, 9), "shape"), (np.zeros((4, 9), np.int16), (1, 9), "int16"),
    (np.zeros((4, 9), np.uint16), (9, 1), "9 to 1"), (np.zeros((65536, 9), np.uint16), (1, 9), "65536 frames")])
def test_sums_do_not_begin_with_what_does_not_fit(samples, limits, message):
    sums = moments.Sums(np.zeros((1, 9), np.uint16), np.zeros((1, 9), np.uint16))
    with pytest.raises(ValueError, match=message):
        sums.begin(0, samples, limits, 5.0, 3.0)
    sums.begin(0, np.ones((4, 9), np.uint16), (1, 9), 5.0, 3.0)
    with pytest.raises(ValueError, match="memory cell 0 has 4 samples already"):
        sums.begin(0, np.ones((4, 9), np.uint16), (1, 9), 5.0, 3.0)
    for cell in (-1, 1):
        with pytest.raises(ValueError, match="memory cell"):
            sums.begin(cell, np.ones((4, 9), np.uint16), (1, 9), 5.0, 3.0)


def test_noise_is_the_truth_within_statistics():
    """Mean and noise of simulated samples agree with the truth to five standard errors."""
    sigma, n = 9.0, 400
    rng = np.random.default_rng(3)
    block = rng.normal(5000.0, sigma, (n, 1, 500)).round().astype(np.uint16)
    mean, std, _ = moments.whole(block, 0, np.zeros(n, np.int64), 1, 1, (
        np.zeros((1, 500), np.uint16), np.full((1, 500), 65535, np.uint16)))
    spread = np.sqrt(sigma**2 + 1 / 12)
    assert np.abs(mean - 5000).max() < 5 * spread / np.sqrt(n)
    assert np.abs(std - spread).max() < 5 * spread / np.sqrt(2 * n)


@pytest.mark.parametrize("bad", [-1, CELLS, 60000])
@pytest.mark.parametrize(("gated", "checked"), VARIANTS)
def test_memory_cell_out_of_range_never_reaches_the_kernel(bad, gated, checked):
    data = make_data(frames=4, pixels=8)
    data.slot[2] = bad
    with pytest.raises(ValueError, match="reaches outside 0 to 4"):
        accumulate(data, gated, checked)


@pytest.mark.parametrize(("change", "message"), [
    ({"block": np.zeros((4, 2, 8), np.int16)}, "block must be"),
    ({"block": np.zeros((4, 2, 16), np.uint16)[:, :, ::2]}, "block must be"),
    ({"block": np.zeros((4, 1, 8), np.uint16)}, "plane 1 is outside"),
    ({"block": np.zeros((4, 8), np.uint16)}, "3 axes"),
    ({"block": np.zeros((4, 2, 9), np.uint16)}, "block must be"),
    ({"low": np.zeros(8, np.uint16)}, "2 axes"),
    ({"slot": np.zeros(3, np.int64)}, "slot must be"),
    ({"slot": np.zeros(4, np.uint16)}, "slot must be"),
    ({"gain": np.zeros((4, 9), np.uint8)}, "gain must be"),
    ({"low": np.zeros((CELLS, 8), np.int16)}, "low must be"),
    ({"high": np.zeros((CELLS, 7), np.uint16)}, "high must be"),
    ({"high": np.zeros((CELLS, 8), np.int64)}, "high must be"),
])
def test_wrong_shapes_and_types_are_refused(change, message):
    data = SimpleNamespace(**(vars(make_data(frames=4, pixels=8)) | change))
    with pytest.raises(ValueError, match=message):
        moments.Sums(data.low, data.high).add(
            data.block, 1, data.slot, (data.gain, 1, np.zeros((CELLS, 8), np.uint32)))


def test_finish_refuses_what_does_not_fit():
    sums, _ = sums_of(make_data(frames=4, pixels=8), True, False)
    mean, std, count = sums.finish()
    with pytest.raises(ValueError, match="count must be"):
        sums.finish(out=(mean, std, count[:, 1:]))
    with pytest.raises(ValueError, match="mean must be"):
        sums.finish(out=(mean, std, count), cells=slice(1, 2))
    with pytest.raises(ValueError, match="ddof"):
        sums.finish(ddof=-1)


@pytest.mark.parametrize("checked", [False, True])
def test_no_variant_adds_more_than_its_sums_hold(checked):
    """At the bound all fit; one frame more is refused and changes nothing."""
    data = make_data(frames=8, pixels=40)
    data.slot[:], data.block[:], data.gain[:], data.low[:], data.high[:] = 1, 65535, 1, 0, 65535
    bits = (data.gain, 1, np.zeros((CELLS, 40), np.uint32)) if checked else None
    for before, fits in ((moments.MAX_FRAMES - 8, True), (moments.MAX_FRAMES - 7, False)):
        sums = moments.Sums(data.low, data.high)
        for mine, value in zip(sums.whole(), (before * 65535, before * 65535**2, before), strict=True):
            mine[1] = value
        sums.seen[1] = before
        if fits:
            sums.add(data.block, 1, data.slot, bits)
            total, squares, _ = sums.whole()
            assert set(total[1].tolist()) == {moments.MAX_FRAMES * 65535}
            assert set(squares[1].tolist()) == {moments.MAX_FRAMES * 65535**2}
        else:
            with pytest.raises(ValueError, match="overflow"):
                sums.add(data.block, 1, data.slot, bits)
            assert set(sums.whole()[0][1].tolist()) == {before * 65535}


@pytest.mark.parametrize(("n", "low", "high"), [
    (70_000, 3990, 4010), (1_088_000, 3990, 4010), (3_000_000, 0, 65535), (65_537, 65534, 65535), (5, 7, 7)])
def test_wide_sums_give_exact_mean_and_deviation(n, low, high):
    values, numbers = np.unique(np.random.default_rng(n).integers(low, high + 1, n), return_counts=True)
    total = sum(int(v) * int(k) for v, k in zip(values, numbers, strict=True))
    squares = sum(int(v) ** 2 * int(k) for v, k in zip(values, numbers, strict=True))
    mean, std = moments.finish_wide(np.array([total], np.uint64), np.array([squares], np.uint64), np.array([n]))
    exact = Fraction(n * squares - total**2, n * (n - 1))
    assert mean[0] == np.float32(total / n)
    assert std[0] == pytest.approx(math.sqrt(exact), rel=3e-7)


def test_wide_sums_of_nothing_have_no_number():
    zero = np.zeros(1, np.uint64)
    mean, std = moments.finish_wide(zero, zero, np.zeros(1, np.uint32))
    assert np.isnan([mean[0], std[0]]).all()
    assert np.isnan(moments.finish_wide(zero + 5, zero + 25, np.ones(1, np.uint32))[1][0])
