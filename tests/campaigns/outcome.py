"""What a dark left and said, and what that is worth beside the dark of the whole runs."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

#: Outcomes, from good to bad; broken is the campaign itself.
GOOD = ("refused", "told", "harmless")
BAD = ("broken", "unnamed", "SILENT", "untrue", "traceback", "memory", "hang", "crash")
_NUMBER = re.compile(r"\d+(\.\d+)?")


@dataclass
class Dark:
    """What a dark said and left.

    Attributes
    ----------
    status : int
        Exit status.
    said : list of str
        Sentences with WARN or ERROR before them.
    text : str
        All output.
    constants : dict
        What each constant holds, by unit and calibration.
    peak : int
        Peak of the resident memory, bytes.
    """

    status: int
    said: list[str]
    text: str
    constants: dict[str, dict[str, str]] = field(default_factory=dict)
    peak: int = 0


def sentences(text: str) -> list[str]:
    """Warnings and errors among lines of output."""
    return [line for line in text.splitlines() if re.match(r"(WARN|ERROR|calibwb)\b", line)]


def constants_in(folder: Path) -> dict[str, dict[str, str]]:
    """What the constants of a folder hold, read with h5py alone: values, counts, condition, begin of validity."""
    found = {}
    for path in sorted(folder.rglob("*.h5")):
        with h5py.File(path) as file:
            for unit, kinds in file.items():
                for kind, versions in kinds.items():
                    found[f"{unit} {kind}"] = _content(versions["0"])
    return found


def _content(group: h5py.Group) -> dict[str, str]:
    said = json.loads(_text(group.attrs["conditions"]))
    condition = {name: one["value"] if isinstance(one, dict) else one for name, one in said.items()}
    digests = {name: _digest(one[()]) for name, one in group.items() if isinstance(one, h5py.Dataset)}
    return {**digests, "condition": json.dumps(condition, sort_keys=True),
            "begin": _text(group.attrs["begin_validity"]), "cells": str(group.attrs.get("cells"))}


def _digest(values: Any) -> str:
    return hashlib.sha256(np.ascontiguousarray(np.nan_to_num(values, nan=-1e30))).hexdigest()[:16]


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def verdict(whole: Dark, damaged: Dark, names: tuple[str, ...], most_memory: int) -> str:
    """Outcome of a damaged run.

    Parameters
    ----------
    names : tuple of str
        Words one of which a sentence must hold to name what was damaged.
    most_memory : int
        Bytes that the process may take.
    """
    new = [one for one in damaged.said if one not in whole.said]
    named = any(name.lower() in one.lower() for one in new for name in names)
    if re.search(r"Traceback|[Uu]nexpected error|\bnan\b|object at 0x", damaged.text):
        return "traceback"
    if damaged.peak > most_memory:
        return "memory"
    if damaged.status:
        return "refused" if named else "unnamed"
    if named:
        return "told"
    return "harmless" if damaged.constants == whole.constants else "SILENT"


def differences(whole: Dark, damaged: Dark) -> str:
    """What differs, in a few words."""
    lost = sorted(set(whole.constants) - set(damaged.constants))
    parts = sorted({part for key, one in damaged.constants.items() for part, value in one.items()
                    if whole.constants.get(key, {}).get(part) != value})
    return f"{len(lost)} constants missing, differs: {', '.join(parts) or 'nothing'}"


def without_numbers(sentence: str) -> str:
    """A sentence as it is for any number."""
    return _NUMBER.sub("N", sentence)
