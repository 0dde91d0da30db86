"""Kernels have the same bits on processors with and without the instructions that they like best."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from numpy._core._multiarray_umath import __cpu_dispatch__

BEGIN = """
import hashlib, json, math
from itertools import product
import numpy as np
from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__
from calib_core.numerics import (
    _tiles, closure, common_mode, corrections, first_samples, group_statistics, limits, medians, moments, normality,
    operations, outliers, robust, tracks)

told, kernels = {}, {}
"""
MEDIANS = """
rng, digest = np.random.default_rng(5), hashlib.sha256()
for frames, top in ((1, 300), (9, 16384), (64, 200), (129, 16384)):
    samples = rng.integers(0, top, (frames, 16384 + 77), np.uint16)
    for found in (robust.median_mad(samples, 1, top - 1), robust.median_mad(samples // 256 + 90, 0, 340)):
        for one in found:
            digest.update(one.tobytes())
told["medians"], kernels["medians"] = digest.hexdigest(), robust.medians_of
"""
FRAMES = """
rng, digest = np.random.default_rng(5), hashlib.sha256()
whole = [(1, 300, 16384 + 77), (9, 16384, 16384 + 77), (129, 65536, 16384 + 77), (900, 120, 16384 + 77)]
around = [(3 * n, 16384, 77) for n in (*range(1, 18), 31, 32, 33, 63, 64, 65, 127, 128, 129)]
for frames, top, pixels in whole + around:
    shape = (3, pixels)
    block = rng.integers(0, top, (frames, 1, shape[1]), np.uint16)
    slot, gain = np.arange(frames) % 3, rng.choice(np.array([1, 1, 1, 3], np.uint8), (frames, shape[1]))
    low = np.maximum(rng.integers(-9, top, shape), 0)
    wide, narrow = rng.integers(0, top, shape, np.uint16), np.minimum(low + rng.integers(0, 1024, shape), 65535)
    for high, bits in product((wide, narrow.astype(np.uint16)), ((), (gain, 1))):
        gate = low.astype(np.uint16), high
        sums, wrong = moments.Sums(*gate), np.zeros(shape, np.uint32)
        sums.add(block, 0, slot, (*bits, wrong) if bits else None)
        for one in sums.finish():
            digest.update(one.tobytes())
        total, squares, count = sums.whole()
        value = block[:, 0].astype(np.uint64)
        kept = ((gain == 1) | (not bits)) & (value >= gate[0][slot]) & (value <= gate[1][slot])
        for cell in range(3):
            mine = slot == cell
            np.testing.assert_array_equal(total[cell], (value * kept)[mine].sum(axis=0))
            np.testing.assert_array_equal(squares[cell], (value * value * kept)[mine].sum(axis=0))
            np.testing.assert_array_equal(count[cell], kept[mine].sum(axis=0))
        for one in (total, squares, count, wrong):
            digest.update(one.tobytes())
    for found in (moments.whole(block, 0, slot, 3, 1, gate),
                  robust.median_mad(block[:, 0], 1, top - 1), robust.median_mad(block[:, 0] // 256 + 90, 0, 340)):
        for one in found:
            digest.update(one.tobytes())
    for bits in (None, (gain, 1, np.zeros(shape, np.uint32))):
        kept, filled = np.zeros((1, 3, 20, shape[1]), np.uint16), np.zeros(3, np.int64)
        first_samples.keep(block, (0,), slot, filled, kept, bits)
        right = (gain == 1) | (bits is None)
        for cell in range(3):
            np.testing.assert_array_equal(kept[0, cell, :filled[cell]], (block[:, 0] * right)[slot == cell][:20])
        digest.update(kept.tobytes())
    begun = moments.Sums(np.zeros(shape, np.uint16), np.zeros(shape, np.uint16))
    begun.begin(2, block[:, 0], (1, top - 1), 3.0, 2.0)
    for one in (begun.low, begun.high, *begun.whole()):
        digest.update(one.tobytes())
    middle, mad, _ = robust.median_mad(block[:, 0], 0, 65535)
    np.testing.assert_array_equal(middle, np.median(block[:, 0], axis=0))
    for one in robust.gate(middle, mad, 3.0, 2.0, 1, top - 1):
        digest.update(one.tobytes())
shape = (3, 2, 4096 + 77)
block, cell = rng.integers(0, 65536, (9, 2, shape[2]), np.uint16), np.array([0, 5, 5, 5, 5, 5, 1, 2, 5])
def constant(number, kind=np.float32):
    values = rng.normal(9, 4, (number, *shape[1:])).astype(kind)
    if kind == np.float32:
        values[rng.random(values.shape) < 0.1] = np.nan
    return operations.Constant.of(values, (1, 5), 3)
flag = [np.uint32(1 << i) for i in range(9)]
thresholds = operations.Constant.of(rng.uniform(0, 65536, (2, *shape[1:])).astype(np.float32), (1, 5), np.nan)
chain = (operations.FlagFrom(np.float32(999), flag[2]), operations.RefuseFrom(np.float32(60000), flag[3]),
         operations.Subtract(constant(3)), operations.OntoScale(
             constant(2), constant(2), constant(1, np.uint8), flag[4], flag[8]),
         operations.Multiply(constant(2)), operations.Divide(constant(1)), operations.DivideKnown(constant(3)),
         operations.DivideStages((np.float32(3), np.float32(5), np.float32(7))),
         operations.AddFlags(constant(3, np.uint32)), operations.FlagNotFinite(flag[5]),
         operations.Round(np.float32(.3), np.float32(.4)),
         operations.ZeroOutside(np.float32(-9), np.float32(999), flag[6]), operations.ZeroNotFinite(flag[7]))
for stages in (operations.OfSignal(thresholds, np.uint16(65000), flag[0], flag[1]), operations.Fixed(np.uint8(2)),
               operations.OfBits((np.uint8(0), np.uint8(1), np.uint8(3)), flag[0])):
    out = corrections.Samples.empty(9, shape[2])
    bits = rng.integers(0, 4, (9, shape[2]), np.uint8)
    corrections.correct(block, 1, bits, cell, stages, chain, out)
    for again in range(2):
        for one in (out.values, out.stage, out.mask, out.use):
            digest.update(one.tobytes())
        corrections.go_on(out, bits, cell, operations.Kept(), chain[:4])
told["frames"] = digest.hexdigest()
kernels |= {"sums": _tiles.add_block, "corrections": corrections._correct}
"""
FURTHER = """
def known(name, *arrays):
    told[name] = hashlib.sha256(b"".join(one.tobytes() for one in arrays)).hexdigest()
rng = np.random.default_rng(6)
pixel_map = rng.normal(5000, 40, (22, 154)).astype(np.float32)
pixel_map[rng.random(pixel_map.shape) < 0.02], pixel_map[rng.random(pixel_map.shape) < 0.02] = 9000, np.nan
for spread in (True, False):
    how = pixel_map, (11, 77), 5.0, spread, 3, 0.3, 0.01
    low, high = limits.group_limits(*how)
    known(f"limits {spread}", *limits.group_spread(*how), low, high,
          limits.outside(pixel_map, low, high, (11, 77), 4000.0, 6000.0))
frames = rng.normal(3, 9, (2, 70, 66)).astype(np.float32)
frames[rng.random(frames.shape) < 0.02] = np.nan
used = rng.random(frames.shape) > 0.1
for axis in ("block", "row", "column"):
    left = frames.copy()
    shifts = common_mode.subtract_medians(left, used, (35, 33), axis, 0.25, 100.0)
    assert np.isfinite(shifts).all()
    known(f"common mode {axis}", shifts, left, common_mode.near(left, used, np.full(left.shape[1:], 9.0)))
hit = frames + 90 * (rng.random(frames.shape) < 0.02).astype(np.float32)
hit[:, 1:] += hit[:, :-1] / 2
seed = np.full(hit.shape[1:], 70, np.float32)
events = tracks.take_out(hit, used, seed, seed / 2, 2)
assert len(events) > 20
known("tracks", events, used)
codes = rng.normal(700, 8, (40, 133)).round().astype(np.uint16)
low, high = np.full(133, 685, np.uint16), np.full(133, 720, np.uint16)
known("normality", normality.normality(codes, low, high))
bank = np.arange(133) // 67
quarters = closure.quarters(codes.astype(np.float32), np.arange(40) % 4, low.astype(np.float32),
                            high.astype(np.float32), bank)
known("closure", quarters.count, quarters.total, quarters.squares, np.array(quarters.common))
known("pulls", *(np.array((one.shift, one.width)) for split in closure.SPLITS
                 for one in closure.pulls(quarters, split, np.ones(133, np.bool_), bank)))
some = rng.normal(100, 1, (60, 16)).astype(np.float32)
some[:, 3] += 60
known("outliers", outliers.medians_of_others(some),
      *(outliers.outlying(row, np.full(16, spread), 5.0) for row in some for spread in (0.3, 3.0)))
values = rng.normal(5000, 80, (1, 33, 48, 48)).astype(np.float32)
values[rng.random(values.shape) < 0.01] = np.nan
flags = (rng.random(values.shape) < 0.02).astype(np.uint32)
cut = group_statistics.Cut((48, 48), 32)
for numbers in group_statistics.numbers_of(values, flags, cut):
    known(f"groups {numbers.n.shape}", numbers.mean, numbers.std, numbers.median, numbers.n)
kernels |= {
    "limits": limits._group, "outside": limits._outside, "lines": common_mode._subtract_lines,
    "columns": common_mode._subtract_columns, "near": common_mode._near, "tracks": tracks._take_out,
    "normality": normality._normality, "quarters": closure._sum_quarters, "shifts": closure._shifts,
    "groups": group_statistics._groups, "of_two": medians._of_two}
"""
END = """
code = {name: list(kernel.inspect_asm().values()) for name, kernel in kernels.items()}
wide = [name for name, texts in code.items() if texts and all("ymm" in text or "zmm" in text for text in texts)]
print(json.dumps({"found": told, "wide": wide, "kernels": list(code),
                  "numpy": any(__cpu_features__[name] for name in __cpu_dispatch__),
                  "exp": [math.exp(-i / 700).hex() for i in range(20000)],
                  "pairs": sum("pmaddwd" in text or "vpdpwssd" in text for text in sum(code.values(), []))}))
"""


#: What keeps the C library and NumPy off the instructions that a generic processor does not have.
WITHOUT = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX,-AVX2,-FMA,-FMA4,-AVX512F",
           "NPY_DISABLE_CPU_FEATURES": " ".join(__cpu_dispatch__)}


def run(processor: str, folder: Path | None, *parts: str) -> dict[str, Any]:
    """What a fresh process finds in some parts; an empty name stands for this machine.

    Nothing is compiled yet in the folder; without one, what other tests have compiled is there.
    """
    chosen = {"NUMBA_CPU_NAME": processor} if processor else {}
    chosen |= WITHOUT if processor == "generic" else {}
    chosen |= {"NUMBA_CACHE_DIR": str(folder / f"of {processor}")} if folder else {}
    given = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_CPU")}
    done = subprocess.run(
        [sys.executable, "-c", "".join((BEGIN, *parts, END))], capture_output=True, text=True, timeout=280,
        check=False, env=given | chosen | {"PYTHONPATH": os.getcwd()})
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def has(feature: str) -> bool:
    from numba.core.registry import cpu_target

    return feature in cpu_target.target_context.codegen().magic_tuple()[2].split(",")


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """What this machine's own code finds: compiled once for all that is compared with it."""
    return run("", tmp_path_factory.mktemp("own"), MEDIANS, FRAMES)


def test_a_generic_processor_gives_the_same_bits_another_way(own, tmp_path):
    """Pulls and outliers have no kernels: they are NumPy's, which is kept off the same instructions, and so is the C
    library, whose exponential, which the test of normality takes, has other bits without them. Of further kernels
    this machine's own code is that of all other tests: to compile it once more would take half a minute."""
    generic, further = run("generic", tmp_path, MEDIANS, FRAMES, FURTHER), run("", None, FURTHER)
    assert generic["found"] == own["found"] | further["found"]
    assert (generic["wide"], generic["pairs"], generic["numpy"]) == ([], 0, False)
    if has("+avx2"):
        assert own["wide"] == own["kernels"]
        assert own["pairs"] >= 2
        assert further["numpy"]
    if has("+fma") and platform.libc_ver()[0] == "glibc":
        assert generic["exp"] != further["exp"]


def test_medians_in_vectors_of_half_the_length_have_the_same_bits(own, tmp_path):
    if not has("+avx512bw"):
        pytest.skip("this processor has no longer ones")
    assert own["found"]["medians"] == run("haswell", tmp_path, MEDIANS)["found"]["medians"]
