"""Constants written by h5py alone: bare as the facility has them, or with what a job tells of itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np

#: Begin of counted times, 25 November 2026 07:25 UTC.
BEGIN = datetime(2026, 11, 25, 7, 25, tzinfo=UTC).timestamp()


def put_bare(folder: Path, pdu: str, name: str, values: Any, number: int = 0, dims: Sequence[str] = (),
             **storage: Any) -> Path:
    """A constant without a word of its own; ``number`` seconds after the begin."""
    path = folder / pdu.lower() / f"cal.{BEGIN + number:.3f}.h5"
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        data = file.create_dataset(f"{pdu}/{name}/0/data", data=values, **storage)
        if dims:
            data.attrs.create("dims", list(dims), dtype=h5py.string_dtype())
    return path


def put_ours(root: Path, module: int, name: str, values: Any, second: float, job: str = "first",
             chunks: tuple[int, ...] | None = None, started: str = "", **changes: Any) -> Path:
    """Constant (fast_scan, slow_scan, cell) of a module of a detector, as a job writes it, some seconds after the
    begin; what is given instead of the usual attributes is written as JSON."""
    created = datetime.fromtimestamp(BEGIN + second, UTC)
    pdu = f"SCS_DET_DSSC1M-1_DSSC{module:02d}"
    known = {
        "detector_type": "DSSC-Type", "detector": "SCS_DET_DSSC1M-1", "module": module,
        "job": {"family": "DSSC", "method": "DARK", "out_folder": str(root), "notes": [job]},
        "software": {"calibwb": "0.1.0"}, "parameters": {"max_trains": 500}, "notes": [f"A note of the {job} job."],
        **({"started": started} if started else {}),
    }
    raw = [{"input": "dark", "run": "p002450 r0007", "proposal": 2450, "run_number": 7, "path": "/raw/r0007",
            "trains": 10, "frames": 20}]
    structured = {
        "axes": {"gain": ["LIN"], "cell": list(range(values.shape[2]))}, "provenance": known, "raw_data": raw,
        "software": known["software"], "parameters": known["parameters"],
        "conditions": {"Sensor Bias Voltage": {"value": 100.0, "unit": "V", "tolerance": 1, "origin": "KEY x"}},
        **changes}
    path = root / "xfel" / "cal" / "dssc-type" / pdu.lower() / f"cal.{BEGIN + second:.6f}.h5"
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        group = file.create_group(f"{pdu}/{name}/0")
        data = group.create_dataset("data", data=values, chunks=chunks, fletcher32=bool(chunks))
        data.attrs.create("dims", ["fast_scan", "slow_scan", "cell"], dtype=h5py.string_dtype())
        group.attrs.update({"creation_time": created.isoformat(), "begin_validity": created.isoformat(),
                            "detector_type": "DSSC-Type", "kind": name, "unit": "ADU", "module": module})
        for key, value in structured.items():
            group.attrs[key] = json.dumps(value)
    return path


def images(cells: int = 2, seed: int = 0) -> Any:
    """Values (fast_scan, slow_scan, cell) of a module, no two alike."""
    return np.random.default_rng(seed).normal(100, 10, (512, 128, cells))
