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
#: Results whose planes were recorded under the labels of another axis than the gain stage's.
LABELLED_BY = {"thresholds": "threshold", "bad_pixels_passes": "pass"}
#: Names in sentences, as recorded and as they are now.
RENAMED = {"--lut-file": "--constants-lut"}
#: What files tell of a value of the condition since they were recorded: that it is not sure.
LATER = "sure"
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
    said = {name: {key: value for key, value in entry.items() if key != LATER}
            for name, entry in one.attributes["conditions"].items()}
    condition = json.dumps(said, sort_keys=True).encode()
    cells = np.asarray(one.attributes["cells"]).tolist()
    words = (one.attributes[name] for name in ("kind", "module", "unit", "begin_validity"))
    return {
        "values": of_arrays([one.values()]), "count": "" if count is None else of_arrays([count]),
        "condition": hashlib.sha256(condition).hexdigest()[:20],
        "layout": f"{one.dtype} {one.shape} {one.dims} cells {cells}", "said": " ".join(map(str, words)),
    }


def of_maps(job: Job, names: Iterable[str]) -> dict[str, str]:
    """Digest of each of some maps, or of all, over all memory cells; missing where there is none."""
    found = {key: of_arrays(cells) if cells else MISSING for key, cells in maps_of(job)}
    return {name: found.get(name, MISSING) for name in names or sorted(found)}


def maps_of(job: Job) -> Iterator[tuple[str, list[Any]]]:
    """Key of each image of each result but for its memory cell, and the images; none where all of them are missing.

    Recorded keys had one label: the gain stage's, or that of the axis that :data:`LABELLED_BY` has for a result.
    """
    for module, results in job._results.items():
        axes = results.axes
        for one in (one for one in job.plan.results if one.pixels):
            by = LABELLED_BY.get(one.name, "gain")
            for index, label in enumerate(axes[by].labels):
                cells = [results.filled(one.name, {by: index, "cell": cell}) for cell in range(len(axes["cell"]))]
                blank = np.full_like(cells[0], np.nan if cells[0].dtype.kind == "f" else one.missing)
                empty = all(np.array_equal(cell, blank, equal_nan=True) for cell in cells)
                yield f"{module} {one.name} {label}", [] if empty else cells


def of_messages(messages: Iterable[Message]) -> list[str]:
    """What a job said, sorted since threads speak in any order, without paths."""
    return sorted(renamed(f"{one.level} {_PATH.sub('<path>', one.text)}") for one in messages)


def renamed(sentence: str) -> str:
    """A sentence with the names that were recorded in it."""
    for recorded, now in RENAMED.items():
        sentence = sentence.replace(now, recorded)
    return sentence
