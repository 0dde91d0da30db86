"""Damage to whole files: cut, foreign, missing, misnamed, not to be read."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import h5py

from .catalogue import kind
from .raw import Raw, own


def _cut(raw: Raw, share: float, lost: int = 0) -> tuple[str, ...]:
    path = raw.file()
    os.truncate(path, max(0, int(path.stat().st_size * share) - lost))
    return raw.names(path)


@kind("file empty")
def _(raw: Raw) -> tuple[str, ...]:
    return _cut(raw, 0)


@kind("file cut after its head")
def _(raw: Raw) -> tuple[str, ...]:
    return _cut(raw, 0.01)


@kind("file cut in the middle")
def _(raw: Raw) -> tuple[str, ...]:
    return _cut(raw, 0.5)


@kind("file cut near its end")
def _(raw: Raw) -> tuple[str, ...]:
    return _cut(raw, 0.99)


@kind("last byte of a file lost")
def _(raw: Raw) -> tuple[str, ...]:
    return _cut(raw, 1, 1)


@kind("all files of a module cut")
def _(raw: Raw) -> tuple[str, ...]:
    for path in raw.files():
        os.truncate(path, path.stat().st_size // 3)
    return raw.names(path)


@kind("file is a text")
def _(raw: Raw) -> tuple[str, ...]:
    path = raw.file()
    path.write_text("SIMPLE  =                    T / FITS" * 300)
    return raw.names(path)


@kind("file of zeros")
def _(raw: Raw) -> tuple[str, ...]:
    path = raw.file()
    path.write_bytes(bytes(path.stat().st_size))
    return raw.names(path)


@kind("first bytes of a file damaged")
def _(raw: Raw) -> tuple[str, ...]:
    path = raw.file()
    with path.open("r+b") as stream:
        stream.write(b"\x00DAQ")
    return raw.names(path)


@kind("HDF5 file of something else")
def _(raw: Raw) -> tuple[str, ...]:
    path = raw.file()
    with h5py.File(path, "w") as file:
        file["entry/data"] = [1, 2, 3]
    return raw.names(path)


@kind("zeros in the middle of a file, as a broken copy leaves them")
def _(raw: Raw) -> tuple[str, ...]:
    path = raw.file()
    size = path.stat().st_size
    with path.open("r+b") as stream:
        stream.seek(1024)
        stream.write(bytes(min(size - 1024, 6000)))
    return raw.names(path)


def _instead(raw: Raw, make: object) -> tuple[str, ...]:
    path = raw.file()
    path.unlink()
    make(path)  # type: ignore[operator]
    return raw.names(path)


@kind("folder named like a file")
def _(raw: Raw) -> tuple[str, ...]:
    return _instead(raw, lambda path: path.mkdir())


@kind("pipe named like a file")
def _(raw: Raw) -> tuple[str, ...]:
    return _instead(raw, os.mkfifo)


@kind("link to nothing")
def _(raw: Raw) -> tuple[str, ...]:
    return _instead(raw, lambda path: path.symlink_to(path.parent / "gone.h5"))


@kind("link to itself")
def _(raw: Raw) -> tuple[str, ...]:
    return _instead(raw, lambda path: path.symlink_to(path))


@kind("link to a device")
def _(raw: Raw) -> tuple[str, ...]:
    return _instead(raw, lambda path: path.symlink_to("/dev/zero"))


@kind("first sequence missing")
def _(raw: Raw) -> tuple[str, ...]:
    path = raw.file(0)
    path.unlink()
    return (*raw.names(path), "S00000")


@kind("last sequence missing")
def _(raw: Raw) -> tuple[str, ...]:
    path = raw.file(1)
    path.unlink()
    return (*raw.names(path), "S00001")


@kind("last sequence missing in all runs")
def _(raw: Raw) -> tuple[str, ...]:
    for path in raw.everywhere():
        if "S00001" in path.name:
            path.unlink()
    return (raw.part, "S00001")


@kind("module missing in one run", "AGIPD", "LPD", "DSSC", "JUNGFRAU")
def _(raw: Raw) -> tuple[str, ...]:
    for path in raw.files():
        path.unlink()
    return (raw.part, f"module {int(raw.part[-2:])}")


@kind("run folder empty")
def _(raw: Raw) -> tuple[str, ...]:
    for path in raw.run.iterdir():
        path.unlink()
    return (raw.run.name,)


@kind("run folder gone")
def _(raw: Raw) -> tuple[str, ...]:
    shutil.rmtree(raw.run)
    return (raw.run.name,)


@kind("no file of the detector")
def _(raw: Raw) -> tuple[str, ...]:
    for path in list(raw.run.glob("RAW-*.h5")):
        if path not in raw.controls(everywhere=False):
            path.unlink()
    return (raw.run.name,)


@kind("corrected instead of raw files")
def _(raw: Raw) -> tuple[str, ...]:
    for path in list(raw.run.glob("RAW-*.h5")):
        path.rename(path.with_name("CORR" + path.name[3:]))
    return ("CORR", raw.run.name)


@kind("sequence of another run in the folder", "AGIPD", "LPD", "JUNGFRAU", "GOTTHARD2")
def _(raw: Raw) -> tuple[str, ...]:
    other = next(run for role, run in raw.runs.items() if role != raw.role)
    path = raw.file(1)
    source = next(other.glob(f"RAW-*-{raw.part}-S00001.h5"))
    shutil.copyfile(source, path)
    return (*raw.names(path), other.name)


@kind("more sequence of another run in the folder", "AGIPD", "LPD", "JUNGFRAU", "GOTTHARD2")
def _(raw: Raw) -> tuple[str, ...]:
    other = next(run for role, run in raw.runs.items() if role != raw.role)
    source = next(other.glob(f"RAW-*-{raw.part}-S00001.h5"))
    shutil.copyfile(source, raw.run / source.name)
    return (source.name, other.name)


@kind("file of another module under this name", "AGIPD", "LPD", "DSSC", "JUNGFRAU")
def _(raw: Raw) -> tuple[str, ...]:
    path = raw.file()
    other = next(one for one in sorted(raw.run.glob(f"*-S{raw.sequence:05d}.h5"))
                 if raw.part not in one.name and one not in raw.controls(everywhere=False))
    shutil.copyfile(other, path)
    return (*raw.names(path), other.name)


@kind("one sequence twice, under two numbers")
def _(raw: Raw) -> tuple[str, ...]:
    path = raw.file()
    again = path.with_name(path.name[:-8] + "0007.h5")
    shutil.copyfile(path, again)
    return (*raw.names(path), again.name)


@kind("file still locked by a writer")
def _(raw: Raw) -> tuple[str, ...]:
    path = raw.file()
    # as a writer that was killed leaves it: its head says that it is open for writing
    with h5py.File(path) as whole, h5py.File(raw.run.parent / "open.bin", "w", libver="latest") as file:
        for name in whole:
            whole.copy(name, file)
        file.flush()
        path.unlink()
        shutil.copyfile(file.filename, path)
    return raw.names(path)


@kind("file without permission")
def _(raw: Raw) -> tuple[str, ...]:
    path = raw.file()
    path.chmod(0)
    return raw.names(path)


@kind("only control files are damaged")
def _(raw: Raw) -> tuple[str, ...]:
    for path in raw.controls(everywhere=False):
        os.truncate(path, path.stat().st_size // 2)
    return (path.name, "not sure")


@kind("stray files beside the run's")
def _(raw: Raw) -> tuple[str, ...]:
    for name, text in (("notes.h5", "no HDF5"), (".RAW-R0001.h5.x8A", "rsync"), ("RAW.h5", "")):
        (raw.run / name).write_text(text)
    return ("notes.h5", "RAW.h5")


@kind("runs given in the order of other gain stages", "AGIPD", "LPD", "JUNGFRAU", "GOTTHARD2")
def _(raw: Raw) -> tuple[str, ...]:
    names = sorted(raw.runs)
    raw.given = dict(zip(names, [raw.runs[name] for name in reversed(names)], strict=True))
    return ("gain", *[run.name for run in raw.runs.values()])


@kind("one run given twice", "AGIPD", "LPD", "JUNGFRAU", "GOTTHARD2")
def _(raw: Raw) -> tuple[str, ...]:
    raw.given = {**raw.runs, "med": raw.runs["high"]}
    return (raw.runs["high"].name,)


def copy_of(run: Path, name: str) -> Path:
    """Another folder with the same files."""
    made = shutil.copytree(run, run.with_name(name), copy_function=os.link)
    for path in made.iterdir():
        own(path)
    return made
