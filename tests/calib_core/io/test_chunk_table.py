"""Places of chunks that cannot be right: the file is named, and none of its frames is used."""

from __future__ import annotations

import re

import h5py
import pytest

from calib_core.detector import FrameSelection
from calib_core.errors import BadInput
from calib_core.io.run import Run


def entries(path, name):
    """Place in the file of the first two chunks' addresses in the table (a version 1 B-tree), and of their sizes."""
    whole, found = path.read_bytes(), []
    with h5py.File(path) as file:
        dataset = file[name]
        for i in range(2):
            chunk = dataset.id.get_chunk_info(i)
            corner = b"".join(int(at).to_bytes(8, "little") for at in (*chunk.chunk_offset, 0))
            key = chunk.size.to_bytes(4, "little") + bytes(4) + corner
            entry = key + chunk.byte_offset.to_bytes(8, "little")
            assert whole.count(entry) == 1
            at = whole.find(entry)
            found.append((at + len(key), at))
    return found


def put(path, at, number, width=8):
    with path.open("r+b") as file:
        file.seek(at)
        file.write(number.to_bytes(width, "little"))


def address(path, at):
    return int.from_bytes(path.read_bytes()[at:at + 8], "little")


def same_place(path, table):
    put(path, table[1][0], address(path, table[0][0]))


def overlapping(path, table):
    put(path, table[1][0], address(path, table[0][0]) + 1024)


def outside(path, table):
    put(path, table[1][0], path.stat().st_size - 100)


def short(path, table):
    put(path, table[1][1], 512, 4)


DAMAGE = {
    "same place": (same_place, "both lie at byte"), "overlapping": (overlapping, "lie in each other"),
    "outside": (outside, "1 of its [0-9]+ chunks lie outside of the file"), "short": (short, "shorter than"),
}


def read(path, number):
    with Run.open(path) as run:
        detector = run.detectors[0]
        module = next(m for m in detector.modules if m.number == number)
        frames = run.frames(detector, module, FrameSelection())
        return [chunk.adc.copy() for chunk in frames.chunks(frames.cells, 1 << 26)]


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("filters", [{}, {"shuffle": True}], ids=["plain", "filtered"])
def test_chunks_of_pixels(agipd_run, damage, filters):
    run = agipd_run(modules=2, pixels=True)
    name = f"INSTRUMENT/{run.image(1)}/data"
    with h5py.File(run.file(1), "r+") as file:
        values = file[name][()]
        del file[name]
        file.create_dataset(name, data=values, chunks=(4, *values.shape[1:]), **filters)
    spoil, words = DAMAGE[damage]
    if damage == "short" and filters:
        pytest.skip("filtered chunks have any size")
    spoil(run.file(1), entries(run.file(1), name))
    with pytest.raises(BadInput, match=rf"RAW-R0012-AGIPD01-S00000.h5 cannot be read: {re.escape(name)}: .*{words}"):
        read(run.path, 1)
    assert len(read(run.path, 0)) == 1


@pytest.mark.parametrize("damage", DAMAGE)
def test_chunks_of_gain_bits(jungfrau_run, damage):
    run = jungfrau_run(trains=3)
    spoil, words = DAMAGE[damage]
    name = f"INSTRUMENT/{run.module(1)}/gain"
    spoil(run.file(1), entries(run.file(1), name))
    with pytest.raises(BadInput, match=words):
        read(run.path, 1)
