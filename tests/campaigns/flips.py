"""Flips of bytes in constants: what was written comes back, or the file is told; anything else is silent.

``python tests/campaigns/flips.py`` flips 6,000 times, half of them outside of the values, and ends with 1 where one
was silent. ``--bare`` reads with h5py alone instead, without the seal, as other programs do.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from calib_core.constants.condition import Condition, ConditionParameter, Found
from calib_core.constants.constant import INTERNAL_DIMS, NOISE, Constant
from calib_core.errors import BadInput
from calib_core.io.foreign import open_hdf5
from calib_core.store.constants import read_constant, write_constant

PDU = "JUNGFRAU_M233"
WIDTHS = (1, 1, 4, 16, 64)
SAME, TOLD, SILENT = "same", "told", "silent"
HEAP = ", names of the axes"


def constant(notes: int = 40) -> Constant:
    """A noise of three gain stages and four cells with its number of samples, small enough to be flipped often."""
    rng = np.random.default_rng(5)
    values = rng.normal(9, 1, (3, 4, 24, 32)).astype("f4")
    count = rng.integers(1, 500, values.shape, "u4")
    provenance = {
        "detector_type": "jungfrau-Type", "aggregator": "JNGFR01", "module": 1, "raw_data": ["/raw/r0001"],
        "software": {"calibwb": "0"}, "parameters": {"sigma": 5.0},
        "notes": [f"note {i} of a job" for i in range(notes)],
    }
    bias = ConditionParameter("bias", "Sensor Bias Voltage", "V", 5.0)
    return Constant(
        kind=NOISE, calibration="Noise10Hz", pdu=PDU, dims=INTERNAL_DIMS, shape=values.shape,
        file_dims=("fast_scan", "slow_scan", "cell", "gain"), labels={"cell": (0, 1, 2, 3)},
        condition=Condition((bias,), {"bias": Found(90.0, "control")}), begin=datetime(2026, 3, 1, tzinfo=UTC),
        provenance=provenance, read=lambda part: values[:, part], read_count=lambda part: count[:, part])


def ours(path: Path) -> Any:
    """All that our own reading tells of a constant."""
    found = read_constant(path)
    values, count = found.values(), found.count()
    return replace(found, path=Path()), values.tobytes(), None if count is None else count.tobytes()


def bare(path: Path) -> Any:
    """What h5py alone tells of it: names, attributes, values; raises as h5py does."""
    with open_hdf5(path) as file:
        told: list[Any] = []

        def add(name: str, node: Any) -> None:
            told.append((name, sorted((key, repr(node.attrs[key])) for key in list(node.attrs))))
            if isinstance(node, h5py.Dataset):
                told.append((node.shape, node.dtype.str, hashlib.sha256(node[()].tobytes()).hexdigest()))

        file.visititems(add)
        return told


def value_bytes(path: Path) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which bytes of the file are values, (n,) bool."""
    inside = np.zeros(path.stat().st_size, bool)
    with h5py.File(path) as file:
        for name in ("data", "count"):
            dataset = file[f"{PDU}/Noise10Hz/0/{name}"]
            for i in range(dataset.id.get_num_chunks()):
                chunk = dataset.id.get_chunk_info(i)
                inside[chunk.byte_offset:chunk.byte_offset + chunk.size] = True
    return inside


def places(values: np.ndarray[Any, np.dtype[np.bool_]], flips: int, seed: int) -> Iterator[tuple[int, int]]:
    """First byte and number of bytes of each flip; every second one is outside of the values."""
    rng = np.random.default_rng(seed)
    outside = np.flatnonzero(~values)
    for i in range(flips):
        at = int(rng.choice(outside)) if i % 2 else int(rng.integers(len(values)))
        yield at, int(rng.choice(WIDTHS))


def flipped(whole: bytes, at: int, width: int, rng: np.random.Generator) -> bytes:
    """A copy with one bit, or several whole bytes, changed."""
    made = bytearray(whole)
    if width == 1:
        made[at] ^= 1 << int(rng.integers(8))
    else:
        end = min(at + width, len(made))
        made[at:end] = (np.frombuffer(made[at:end], "u1") ^ rng.integers(1, 256, end - at, "u1")).tobytes()
    return bytes(made)


def campaign(folder: Path, flips: int, seed: int, read: Any = ours) -> tuple[Counter[str], list[str]]:
    """What became of flips of a constant that is written into a folder, and which were silent."""
    path = write_constant(constant(), folder).path
    whole, truth, inside = path.read_bytes(), read(path), value_bytes(path)
    found, silent, rng = Counter[str](), [], np.random.default_rng(seed)
    for at, width in places(inside, flips, seed):
        path.write_bytes(flipped(whole, at, width, rng))
        what = _verdict(path, read, truth)
        found[f"{what}, {'values' if inside[at] else 'the rest'}"] += 1
        silent += [f"{width} bytes at {at}{_in_heap(whole, at, width)}"] if what == SILENT else []
    return found, silent


def _in_heap(whole: bytes, at: int, width: int) -> str:
    """Whether a flip was in the heap that holds the names of the axes, the only text without a checksum of HDF5."""
    heap = whole.index(b"GCOL")
    size = int.from_bytes(whole[heap + 8:heap + 16], "little")
    return HEAP if heap < at + width and at < heap + size else ""


def _verdict(path: Path, read: Any, truth: Any) -> str:
    try:
        return SAME if read(path) == truth else SILENT
    except BadInput:
        return TOLD
    except Exception:
        if read is ours:
            raise
        return TOLD


def main(words: Sequence[str] | None = None) -> int:
    """Flip, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flips", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bare", action="store_true", help="read with h5py alone")
    asked = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        found, silent = campaign(Path(folder), asked.flips, asked.seed, bare if asked.bare else ours)
    for what, number in sorted(found.items()):
        print(f"{number:6} {what}")
    for place in silent:
        print(f"silent: {place}")
    return int(bool(silent))


if __name__ == "__main__":
    sys.exit(main())
