"""Damage to what goes with the frames: slow control, times, numbers of runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import h5py
import numpy as np

from .catalogue import kind
from .raw import Raw, own

#: A value of the condition that is guessed or doubted is named by its title, which the damage does not know.
DOUBT = ("not sure", "differ", "changes")
WITH_CONTROL = ("AGIPD", "JUNGFRAU", "GOTTHARD2", "EPIX10K", "EPIX100")


def _values(
    raw: Raw, change: Callable[[h5py.Dataset], Any], everywhere: bool = True, root: str = ""
) -> tuple[str, ...]:
    """Change one value of slow control in all runs or in this one; ``change`` returns the new values, or None."""
    chosen, words = _choice(raw), ()
    for path in raw.controls(everywhere):
        with h5py.File(path, "r+") as file:
            for name in [f"{top}/{chosen}" for top in ("CONTROL", "RUN") if not root or top == root]:
                if name in file and (new := change(file[name])) is not None:
                    del file[name]
                    file[name] = new
                words = (chosen.rpartition("/")[0], path.name)
    return (*words, *DOUBT)


def _choice(raw: Raw) -> str:
    """A value of slow control, as below CONTROL; numbers alone."""
    found: list[str] = []
    for path in raw.controls(everywhere=False):
        with h5py.File(path) as file:
            if "CONTROL" in file:
                file["CONTROL"].visititems(lambda name, item: found.append(name) if name.endswith("/value")
                                           and item.dtype.kind in "fiu" else None)
    return str(raw.random.choice(sorted(set(found))))


@kind("slow control NaN", *WITH_CONTROL)
def _(raw: Raw) -> tuple[str, ...]:
    return _values(raw, lambda one: np.full(one.shape, np.nan, "f4"))


@kind("slow control negative", *WITH_CONTROL)
def _(raw: Raw) -> tuple[str, ...]:
    return _values(raw, lambda one: np.full(one.shape, -17.0, "f4"))


@kind("slow control far too high", *WITH_CONTROL)
def _(raw: Raw) -> tuple[str, ...]:
    """Beyond all that any parameter allows: 65535 µs, say, would be an integration time that a detector can have."""
    return _values(raw, lambda one: np.full(one.shape, 65535e3, "f4"))


@kind("slow control as text", *WITH_CONTROL)
def _(raw: Raw) -> tuple[str, ...]:
    return _values(raw, lambda one: np.full(one.shape, b"not a number"))


@kind("slow control changes in mid-run", *WITH_CONTROL)
def _(raw: Raw) -> tuple[str, ...]:
    def half(one: h5py.Dataset) -> Any:
        values = one[()]
        values[len(values) // 2:] = 0
        return values

    return _values(raw, half, root="CONTROL")


@kind("slow control differs in one run", "AGIPD", "JUNGFRAU", "GOTTHARD2")
def _(raw: Raw) -> tuple[str, ...]:
    return _values(raw, lambda one: (one[()] * 2 + 3).astype(one.dtype), everywhere=False)


@kind("slow control without rows", *WITH_CONTROL)
def _(raw: Raw) -> tuple[str, ...]:
    return _values(raw, lambda one: one[:0])


@kind("a value of slow control missing", *WITH_CONTROL)
def _(raw: Raw) -> tuple[str, ...]:
    chosen = _choice(raw)
    for path in raw.controls():
        with h5py.File(path, "r+") as file:
            for root in ("CONTROL", "RUN"):
                if f"{root}/{chosen}" in file:
                    del file[f"{root}/{chosen}"]
    return (chosen.rpartition("/")[0], *DOUBT)


@kind("no control files")
def _(raw: Raw) -> tuple[str, ...]:
    for path in raw.controls():
        path.unlink()
    return ("control", *DOUBT)


@kind("control device of another detector", *WITH_CONTROL)
def _(raw: Raw) -> tuple[str, ...]:
    for path in raw.controls():
        with h5py.File(path, "r+") as file:
            for root in ("CONTROL", "RUN", "INDEX"):
                for name in list(file.get(root, {})):
                    if isinstance(file[f"{root}/{name}"], h5py.Group):
                        file.move(f"{root}/{name}", f"{root}/OTHER_{name[:4]}_DET-9")
            sources = file["METADATA/dataSources"]
            for key in ("dataSourceId", "deviceId"):
                old = sources[key][()]
                del sources[key]
                changed = [_renamed(text.decode()) for text in old]
                sources.create_dataset(key, data=changed, dtype=h5py.string_dtype())
    return DOUBT


def _renamed(text: str) -> str:
    root, _, rest = text.partition("/")
    root, rest = (root + "/", rest) if root in ("CONTROL", "INSTRUMENT") else ("", text)
    name, _, end = rest.partition("/")
    return f"{root}OTHER_{name[:4]}_DET-9/{end}"


def _clock(raw: Raw, value: int | None) -> tuple[str, ...]:
    """Another clock in all files of all runs; none where there is no value."""
    for run in raw.runs.values():
        for path in sorted(run.glob("*.h5")):
            with h5py.File(own(path), "r+") as file:
                file["INDEX/timestamp"][...] = 0 if value is None else value
                for name in ("creationDate", "updateDate") if value is None else ():
                    del file[f"METADATA/{name}"]
    return ("clock", "time", "begin")


@kind("no clock in the runs")
def _(raw: Raw) -> tuple[str, ...]:
    return _clock(raw, None)


@kind("clock in the future")
def _(raw: Raw) -> tuple[str, ...]:
    return _clock(raw, 4_102_444_800_000_000_000)


@kind("clock before the facility")
def _(raw: Raw) -> tuple[str, ...]:
    return _clock(raw, 915_148_800_000_000_000)


def _number(raw: Raw, name: str, value: Any) -> tuple[str, ...]:
    path = raw.file()
    with h5py.File(path, "r+") as file:
        del file[f"METADATA/{name}"]
        file[f"METADATA/{name}"] = value
    return (*raw.names(path), raw.run.name)


@kind("run number as text")
def _(raw: Raw) -> tuple[str, ...]:
    return _number(raw, "runNumber", [b"first"])


@kind("another run number in a file")
def _(raw: Raw) -> tuple[str, ...]:
    return _number(raw, "runNumber", np.array([77], "u4"))


@kind("another proposal number in a file")
def _(raw: Raw) -> tuple[str, ...]:
    return _number(raw, "proposalNumber", np.array([123], "u4"))


@kind("another sequence number in a file")
def _(raw: Raw) -> tuple[str, ...]:
    return _number(raw, "sequenceNumber", np.array([9], "u4"))


@kind("unknown version of the format")
def _(raw: Raw) -> tuple[str, ...]:
    return _number(raw, "dataFormatVersion", [b"9.7"])
