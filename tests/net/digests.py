"""Digests of raw runs, constants, maps and sentences, as plain JSON."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from calib_core.jobs.board import Message
from calib_core.jobs.job import Job
from calib_core.store.constants import StoredConstant, list_constants

#: Stands for a plane that nothing was written to.
MISSING = "missing"
_PATH = re.compile(r"(?<![\w.])/[\w./-]+")


def of_arrays(arrays: Iterable[Any]) -> str:
    """Digest of arrays with their shapes and types; every NaN counts as the same."""
    digest = hashlib.sha256()
    for array in arrays:
        one = np.ascontiguousarray(array)
        if one.dtype.kind == "f":
            one = np.where(np.isnan(one), np.array(np.nan, one.dtype), one)
        digest.update(f"{one.shape} {one.dtype.str}".encode())
        digest.update(one.tobytes())
    return digest.hexdigest()[:20]


def of_run(folder: Path) -> str:
    """Digest of all data of a run's files, in the order of their names."""
    digest = hashlib.sha256()

    def add(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            digest.update(f"{name} {item.shape} {item.dtype.str}".encode())
            digest.update(np.asarray(item[()]).tobytes() if item.dtype.kind != "O" else repr(item[()]).encode())

    for path in sorted(folder.glob("*.h5")):
        digest.update(path.name.encode())
        with h5py.File(path) as file:
            file.visititems(add)
    return digest.hexdigest()[:20]


def of_constants(folder: Path) -> dict[str, Any]:
    """What each constant of a folder says and holds, by unit and calibration."""
    return {f"{one.pdu} {one.calibration}": _constant(one) for one in list_constants(folder)}


def _constant(one: StoredConstant) -> dict[str, Any]:
    count = one.count()
    condition = json.dumps(one.attributes["conditions"], sort_keys=True).encode()
    cells = np.asarray(one.attributes["cells"]).tolist()
    said = (one.attributes[name] for name in ("kind", "module", "unit", "begin_validity"))
    return {
        "values": of_arrays([one.values()]), "count": "" if count is None else of_arrays([count]),
        "condition": hashlib.sha256(condition).hexdigest()[:20],
        "layout": f"{one.dtype} {one.shape} {one.dims} cells {cells}", "said": " ".join(map(str, said)),
    }


def of_maps(job: Job) -> dict[str, str]:
    """Digest of every map over all memory cells, hidden ones too, by module, name and label of the plane."""
    return {key: of_arrays(cells) if cells else MISSING for key, cells in sorted(maps_of(job))}


def maps_of(job: Job) -> Iterator[tuple[str, list[Any]]]:
    """Key of each plane of each map, and its images over all memory cells; none where all of them are missing."""
    plan = job.plan
    for module, spool in job._spools.items():
        for spec in plan.maps:
            labels = spec.planes or tuple(stage.short for stage in plan.detector.type.stages)
            for plane, label in enumerate(labels):
                cells = [spool.filled(spec.name, plane, cell) for cell in range(len(plan.cells))]
                blank = np.full_like(cells[0], np.nan if cells[0].dtype.kind == "f" else spec.missing)
                empty = all(np.array_equal(cell, blank, equal_nan=True) for cell in cells)
                yield f"{module} {spec.name} {label}", [] if empty else cells


def of_messages(messages: Iterable[Message]) -> list[str]:
    """What a job said, sorted since threads speak in any order, without paths."""
    return sorted(f"{one.level} {_PATH.sub('<path>', one.text)}" for one in messages)
