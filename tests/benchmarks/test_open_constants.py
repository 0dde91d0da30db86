"""Constants of a whole detector opened: the first picture, a step to a new memory cell, and back to a seen one."""

from __future__ import annotations

import json
from pathlib import Path
from time import perf_counter, sleep

import h5py
import numpy as np
import pytest

from calib_core.axes import Pick, View
from calib_core.io.buffers import Buffers
from calib_core.jobs.job import Job
from calib_core.jobs.survey import survey
from calib_core.simulate import Settings, simulate
from calib_core.store.memory_file import MemoryFile
from calib_core.store.seals import put_seal
from calib_core.subjects.constants import ConstantsSubject, find_sets

MODULES, CELLS, LOOKED_AT = 16, 352, (0, 1, 7, 100, 200, 351)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Constants of 16 modules and 352 memory cells, after those of a job; those that nobody looks at are left out."""
    made = simulate(Settings(detector_type="AGIPD1M", identifier="SPB_DET_AGIPD1M-1", memory_cells=2, trains=10,
                             modules="0"), tmp_path_factory.mktemp("raw"))
    job = Job(survey(list(made.runs.values())).spec(tmp_path_factory.mktemp("small")))
    job.start()
    assert job.wait(120)
    job.close()
    out = tmp_path_factory.mktemp("large")
    for written in job.board.outputs:
        for module in range(MODULES):
            enlarge(written.path, out, module)
    return out


def enlarge(path: Path, out: Path, module: int) -> None:
    """Write a file of another module that has all memory cells."""
    with h5py.File(path) as file:
        pdu, group = next(iter(file.items()))
        name, one = next(iter(group.items()))
        data, attributes = one["0/data"], dict(one["0"].attrs)
        dims, dtype, unit = list(data.attrs["dims"]), data.dtype, data.attrs.get("unit", "")
        values, axis = data[()], dims.index("cell")
    unit_of = f"{pdu[:-2]}{module:02d}"
    shape = tuple(CELLS if dim == "cell" else n for dim, n in zip(dims, values.shape, strict=True))
    chunk = tuple(1 if dim == "cell" else n for dim, n in zip(dims, values.shape, strict=True))
    for key in ("axes", "provenance"):
        attributes[key] = json.loads(attributes[key])
    attributes["axes"]["cell"] = list(range(CELLS))
    attributes["provenance"]["module"] = module
    target = out / "xfel/cal/agipd-type" / unit_of.lower() / path.name
    target.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(target, "w") as file:
        made = file.create_group(f"{unit_of}/{name}/0")
        for key, value in attributes.items():
            made.attrs[key] = json.dumps(value) if isinstance(value, dict) else value
        made.attrs["module"], made.attrs["cells"] = module, np.arange(CELLS, dtype="u2")
        large = made.create_dataset("data", shape, dtype, chunks=chunk, fletcher32=True)
        large.attrs.create("dims", dims, dtype=h5py.string_dtype())
        large.attrs["unit"] = unit
        for cell in LOOKED_AT:
            large[tuple(cell if i == axis else slice(None) for i in range(len(dims)))] = values.take(0, axis)
        spans = [(chunk.byte_offset, chunk.byte_offset + chunk.size)
                 for chunk in map(large.id.get_chunk_info, range(large.id.get_num_chunks()))]
    written = target.read_bytes()
    image = MemoryFile(Buffers(), len(written))
    image.write(written)
    put_seal(image, spans)
    target.write_bytes(image.getbuffer())


def test_first_picture_and_steps(folder, bars):
    picks = tuple(Pick(name) for name in ("bad_pixels", "noise", "offset"))
    begin = perf_counter()
    subject = ConstantsSubject(find_sets([folder])[0])
    look(subject, View({"gain": 0, "cell": 0}, (), picks))
    first = 1e3 * (perf_counter() - begin)
    total = sum(path.stat().st_size for path in folder.rglob("*.h5")) * CELLS / len(LOOKED_AT)
    assert subject.bytes_read < 0.05 * total
    new = [timed(subject, cell, picks) for cell in LOOKED_AT[1:]]
    seen = [timed(subject, cell, picks) for cell in LOOKED_AT]
    subject.close()
    bars.times("constants_first_picture_16_modules", {"max": first}, {"max": 2000.0})
    bars.times("constants_new_cell_16_modules", {"max": max(new)}, {"max": 300.0})
    bars.times("constants_seen_cell_16_modules", {"max": max(seen)}, {"max": 50.0})


def timed(subject: ConstantsSubject, cell: int, picks: tuple[Pick, ...]) -> float:
    """Milliseconds to the whole picture of a memory cell."""
    begin = perf_counter()
    look(subject, View({"gain": 1, "cell": cell}, (), picks))
    return 1e3 * (perf_counter() - begin)


def look(subject: ConstantsSubject, view: View) -> None:
    """Ask for a picture and wait until it is there with all modules."""
    subject.look_at(view)
    end = perf_counter() + 60
    while subject.picture is None or subject.picture.view != view or subject.picture.coverage.min() < 1:
        assert perf_counter() < end
        sleep(0.002)
    assert len(subject.picture.modules) == MODULES
