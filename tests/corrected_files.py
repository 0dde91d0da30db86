"""Corrected files of made-up arrays, beside simulated raw runs whose trains and headers they take over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from calib_core.io.files import RunFile, open_file
from calib_core.simulate import default_settings, simulate
from calib_core.store.corrected import CorrectedFile, CorrectedKey, CorrectedSource
from calib_core.store.origin import Origin, origin_of

Array = Any
F4, U4, U1, U2, U8 = (np.dtype(name) for name in ("f4", "u4", "u1", "u2", "u8"))


@dataclass(frozen=True)
class Layout:
    """Where a family's corrected data are: source with the module, group, key of the samples, shape of a frame."""

    source: str
    group: str
    samples: str
    frame: tuple[int, ...]
    entry: bool = False

    def keys(self) -> tuple[CorrectedKey, ...]:
        of = f"{self.group}."
        numbers = {"memoryCell": U1, "frameNumber": U8} if self.entry else {"cellId": U2, "pulseId": U8}
        return (CorrectedKey(of + self.samples, F4, self.frame, unit="keV"),
                CorrectedKey(of + "gain", U1, self.frame, packed=True),
                CorrectedKey(of + "mask", U4, self.frame, packed=True, shuffled=True),
                *(CorrectedKey(of + name, dtype) for name, dtype in numbers.items()))


AGIPD = Layout("SPB_DET_AGIPD1M-1/CORR/{}CH0:output", "image", "data", (512, 128))
LPD = Layout("FXE_DET_LPD1M-1/CORR/{}CH0:output", "image", "data", (256, 256))
DSSC = Layout("SCS_DET_DSSC1M-1/CORR/{}CH0:output", "image", "data", (128, 512))
JUNGFRAU = Layout("SPB_IRDA_JF4M/CORR/JNGFR{:02d}:daqOutput", "data", "adc", (512, 1024), entry=True)
STRIPS = Layout("SPB_50UM_GH2/CORR/RECEIVER{}:daqOutput", "data", "adc", (1280,), entry=True)


def raw_files(folder: Path, name: str, aggregator: str, **settings: Any) -> list[RunFile]:
    """Raw files of modules in the first run of a simulated proposal."""
    made = simulate(default_settings(name).with_changes(settings), folder)
    paths = sorted(next(iter(made.runs.values())).glob(f"RAW-*-{aggregator}[0-9][0-9]-S*.h5"))
    return [opened for opened in map(open_file, paths) if isinstance(opened, RunFile)]


def source(layout: Layout, module: int, rows: Iterable[int], per_row: int = 4, **changes: Any) -> CorrectedSource:
    return CorrectedSource(
        layout.source.format(module), layout.group, np.asarray(list(rows), np.uint64), layout.keys(),
        per_row if layout.entry else None, **changes)


def values(of: CorrectedSource, seed: int) -> dict[str, Array]:
    """Random frames of all keys, (frames, *frame); samples with NaN, masks mostly good."""
    draw = np.random.default_rng(seed)
    made = {}
    for key in of.keys:
        shape = (of.frames, *key.frame)
        if key.dtype == F4:
            made[key.name] = draw.normal(0, 10, shape).astype(F4)
            made[key.name].reshape(-1)[::997] = np.nan
        elif key.dtype == U4:
            made[key.name] = np.where(draw.random(shape) < 0.05, draw.integers(1, 1 << 22, shape), 0).astype(U4)
        elif key.frame:
            made[key.name] = draw.integers(0, 3, shape).astype(U1)
        else:
            made[key.name] = (np.arange(of.frames) * 8 % 251).astype(key.dtype)
    return made


def in_order(frames: int) -> list[Array]:
    """All frames at once."""
    return [np.arange(frames)]


def write(
    folder: Path, origin: Origin, sources: Sequence[tuple[CorrectedSource, Mapping[str, Array]]],
    cut: Callable[[int], list[Array]] = in_order, threads: int = 1, key: str = "job",
) -> Path:
    """A corrected file of whole arrays by source, which come in pieces, from several threads."""
    with CorrectedFile(folder, origin, [one for one, _ in sources], key) as file, ThreadPoolExecutor(threads) as pool:
        tasks = [pool.submit(file.writer(of.name).write, at, {name: array[at] for name, array in whole.items()})
                 for of, whole in sources for at in cut(of.frames)]
        for task in tasks:
            task.result()
        return file.commit()


def stored(path: Path) -> dict[str, Any]:
    """All datasets of INSTRUMENT and INDEX as they are stored: bytes of chunks by place, or values."""
    found: dict[str, Any] = {}

    def visit(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset):
            found[name] = _stored(node)

    with h5py.File(path) as file:
        file.visititems(visit)
    return found


def _stored(node: h5py.Dataset) -> Any:
    if node.chunks is None or not node.id.get_num_chunks():
        return node[()].tolist()
    places = [node.id.get_chunk_info(i).chunk_offset for i in range(node.id.get_num_chunks())]
    return {place: node.id.read_direct_chunk(place) for place in sorted(places)}


__all__ = ["AGIPD", "DSSC", "JUNGFRAU", "LPD", "STRIPS", "Layout", "origin_of", "raw_files", "source", "stored",
           "values", "write"]


def datasets(path: Path) -> dict[str, Array]:
    """All datasets of a file by their names, as h5py reads them."""
    found: dict[str, Array] = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, one: found.update({name: one[()]}) if isinstance(one, h5py.Dataset) else None)
    return found
