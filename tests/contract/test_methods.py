"""Every characterisation of every family: parts merged are the whole, pickled too, and looks change nothing."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from calib_core.axes import picks_of
from calib_core.characterisation.agreement import check
from calib_core.characterisation.driver import run_unit
from calib_core.characterisation.family import Family, families
from calib_core.characterisation.inputs import Arranged, RunFacts
from calib_core.characterisation.method import Method
from calib_core.characterisation.outputs import ConstantOutput
from calib_core.characterisation.scan_method import ScanMethod
from calib_core.characterisation.unit import Accumulator, Block, Context, Item, Unit
from calib_core.constants.constant import (
    BAD_PIXELS_DARK,
    NOISE,
    OFFSET,
    RELATIVE_GAIN,
    SLOPES_FF,
    SLOPES_PC,
    THRESHOLDS_DARK,
    ConstantKind,
)
from calib_core.correction.of_samples import OfSamples
from calib_core.correction.pipeline import BoundPipeline, Pipeline
from calib_core.detector import DetectorType, Frames, ScanEvidence
from calib_core.detector.injection import Injection

FRAMES, CHUNK = 24, 5
#: Bins of histograms.
BINS = 20
CASES = [(family, method, kind) for family in families() for method in family.methods for kind in family.types
         if not any(one.whole for one in method.inputs(kind))]
#: Those that make nothing of values.
OF_WHOLE_FILES = [(family, method) for family in families() for method in family.methods
                  if any(one.whole for one in method.inputs(family.kind))]
IDS = [f"{kind.name}-{method.command}" for _, method, kind in CASES]
METHODS = pytest.mark.parametrize(("family", "method", "kind"), CASES, ids=IDS)


def small(kind: DetectorType) -> DetectorType:
    """The type with modules of few pixels, so that many frames are few bytes."""
    slow = 1 if kind.shape[0] == 1 else 32
    every = {word: replace(one, patterns=tuple(
        tuple(range(i, 64, len(one.patterns))) for i in range(len(one.patterns))))
        for word, one in kind.injections.items()}
    return replace(kind, shape=(slow, 64), asic_shape=(slow, 32), bank_shape=(slow, 16), regions=(), variants=(),
                   injections=every)


def context_of(method: Method, kind: DetectorType) -> Context:
    cells = tuple(range(min(2, kind.max_cells)))
    if reads_constants(method, kind):
        arranged = {one.name: Arranged(one.name, one, None) for one in method.inputs(kind)}
        context = Context(kind, cells, arranged, files=files_of(method, kind))
        return replace(context, axes={axis.name: axis for axis in method.axes(context)})
    scans = isinstance(method, ScanMethod)
    scan = charging(kind, method.injection(kind)) if scans else None
    run = RunFacts(Path("run"), "run", (), None, FRAMES, scan=scan)
    raw = [one for one in method.inputs(kind) if one.of == "raw"]
    given = {one.name: (run,) for one in raw} if method.by_sequence or any(one.many for one in raw) else {}
    first = method.arrange(kind, given, keep=True).runs[0]
    arranged = {first.key: first if scans else replace(first, at={"gain": 0})}
    context = Context(kind, cells, arranged, split=method.split, before=before(method, kind, len(cells)))
    return replace(context, axes={axis.name: axis for axis in method.axes(context)})


def reads_constants(method: Method, kind: DetectorType) -> bool:
    """Whether a method reads no run."""
    return all(one.of == "constants" for one in method.inputs(kind))


def files_of(method: Method, kind: DetectorType) -> dict[tuple[int, str], Any]:
    """What files of histograms tell, of one group of memory cells; other constants tell nothing that is needed."""
    edges = np.linspace(-50.0, 150.0, BINS + 1).tolist()
    told = {"axes": {"group": ("0-1",), "bin": ("below", *edges[:-1], "above")},
            "beside": {"edges": edges, "photon_energy": 9.2, "frames": [100, 100]}}
    return {(0, one.name): SimpleNamespace(
        path=Path(f"{one.name}.h5"), calibration=one.name, dims=("group", "bin", "slow_scan", "fast_scan"),
        shape=(1, BINS + 2, *kind.shape), attributes={"kind": one.name, **told})
        for of in method.inputs(kind) for one in of.kinds if one.rows}


def charging(kind: DetectorType, injection: Injection) -> ScanEvidence:
    """A run whose pixels of the first pattern change."""
    lines = range(kind.shape[injection.axis] * injection.halves)
    changes = [1000.0 if line in injection.patterns[0] else 1.0 for line in lines]
    return ScanEvidence(tuple(changes), 0, 0, FRAMES - 1)


def before(method: Method, kind: DetectorType, cells: int) -> dict[int, BoundPipeline]:
    """Steps of a method with constants of one module, those that are known for each gain stage and memory cell."""
    rng, shape = np.random.default_rng(11), (len(kind.stages), cells, *kind.shape)
    values = {OFFSET.name: rng.normal(100, 3, shape).astype(np.float32),
              NOISE.name: rng.normal(20, 1, shape).astype(np.float32),
              RELATIVE_GAIN.name: rng.normal(40, 1, shape).astype(np.float32),
              BAD_PIXELS_DARK.name: (rng.random(shape) < 0.01).astype(np.uint32),
              THRESHOLDS_DARK.name: rng.normal(150, 30, (2, *shape[1:])).astype(np.float32),
              SLOPES_PC.name: rng.normal(40, 1, (4, *shape[1:])).astype(np.float32),
              SLOPES_FF.name: rng.normal(7, 0.1, (1, *shape[1:])).astype(np.float32)}
    steps = [step for step in method.steps_before() if not step.whole_numbers]
    taken = {one.name for step in steps for one in (*step.needs, *step.optional)}
    known = InMemory({name: one for name, one in values.items() if name in taken})
    return {0: Pipeline(steps).bind(known, kind).read()} if steps else {}


class InMemory:
    """Constants of a module."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def get(self, kind: ConstantKind) -> OfSamples | None:
        found = self.values.get(kind.name)
        return None if found is None else OfSamples(found, tuple(range(found.shape[1])), 0)


class Blocks:
    """Constants of two memory cells, random numbers with as many entries as are read."""

    def __init__(self, method: Method, kind: DetectorType, context: Context) -> None:
        rng = np.random.default_rng(5)
        self.values = [{key: {one.name: self._values(rng, one, kind) for one in (*of.input.kinds, *of.input.also)}
                        for key, of in context.arranged.items()} for _ in context.cells]

    @staticmethod
    def _values(rng: np.random.Generator, one: ConstantKind, kind: DetectorType) -> Any:
        shape = (BINS + 2 if one.rows else len(one.used) or len(kind.stages), *kind.shape)
        return (rng.integers(0, 20, shape).astype(np.uint32) if one.rows else
                rng.integers(0, 2, shape).astype(np.uint32) if one.dtype == "u4" else rng.uniform(1, 9, shape))

    def chunks(self, unit: Unit, name: str, which: slice, more: bool = False) -> Iterator[Block]:
        yield from (Block(index, self.values[index][name]) for index in unit.block)


def source_of(method: Method, kind: DetectorType, context: Context) -> Any:
    """What a method reads."""
    return Blocks(method, kind, context) if reads_constants(method, kind) else Memory(kind, context)


class Memory:
    """Frames of two memory cells in turn; a part has those of its sequences, of four frames each."""

    def __init__(self, kind: DetectorType, context: Context) -> None:
        rng = np.random.default_rng(7)
        shape = (FRAMES, kind.planes, *kind.shape)
        top = min(kind.saturation - 1, 300)
        self.block = (rng.normal(top / 2, top / 60, shape) + rng.normal(0, top / 20, (FRAMES, 1, 1, 1))).round()
        self.block[rng.random(shape) < 0.01] = top
        self.block = self.block.clip(1, top).astype(np.uint16)
        self.cell, self.context = np.arange(FRAMES) % len(context.cells), context
        code = kind.stages[0].code
        bits = np.where(rng.random((FRAMES, *kind.shape)) < 0.02, code ^ 1, code).astype(np.uint8)
        self.gain = bits if kind.has_gain_bits else None
        self.signal = kind.signal_plane

    def chunks(self, unit: Unit, name: str, which: slice, more: bool = False) -> Iterator[Frames]:
        rank = np.arange(FRAMES) // len(np.unique(self.cell))
        wanted = np.isin(rank, np.arange(FRAMES)[which])
        chosen = np.flatnonzero(np.isin(self.cell, self.context.cells_of(unit)) & wanted)
        if unit.sequences:
            chosen = chosen[np.isin(chosen // 4, unit.sequences)]
        for at in range(0, len(chosen), CHUNK):
            part = chosen[at : at + CHUNK]
            gain = None if self.gain is None else self.gain[part]
            yield Frames(self.block[part], self.cell[part], part.astype(np.uint64), gain, self.signal)


def found(
    method: Method, context: Context, source: Any, parts: tuple[tuple[int, ...], ...] = (), look: bool = False
) -> dict[tuple[str, str], Any]:
    """Results by name and place; a look takes a snapshot and pickles after each chunk."""

    def progress(accumulator: Accumulator, n: int) -> None:
        if look:
            for index in unit.block:
                accumulator.snapshot(index)
            pickle.dumps(accumulator)

    unit = Unit(0, 0, tuple(context.arranged), tuple(range(len(context.axes[method.split]))),
                FRAMES // len(context.cells))
    pieces = tuple(replace(unit, sequences=one) for one in parts)
    made = run_unit(method, context, unit, source, progress, pieces)
    return {(name, str(sorted(at.items()))): values for at, maps in made for name, values in maps.items()}


@METHODS
def test_declarations_agree(family: Family, method: Method, kind: DetectorType) -> None:
    check(family.name, method, kind)
    assert bool(method.verb) == reads_constants(method, kind), "a button says what is done with constants"
    context = context_of(method, kind)
    source = source_of(method, small(kind), context)
    made = {name for name, _ in found(method, context_of(method, small(kind)), source)}
    declared = {one.name for one in method.results(kind)}
    assert made | set(method.combined(kind)) <= declared
    tiny, results = context_of(method, small(kind)), {one.name: one for one in method.results(kind)}

    def stack(name: str) -> np.ndarray:
        own = [len(tiny.axes[axis]) for axis in results[name].over if axis not in (method.combines, method.split)]
        return np.zeros((1, *own, 32, 64), results[name].dtype)

    stacks = {name: stack(name) for name in method.combined(kind)}
    combined = method.combine(tiny, {method.split: 0}, stacks) if stacks else {}
    assert made | set(combined) == declared, "everything that is declared is made"
    assert all(picks_of(one, context.axes) for one in method.results(kind))


@pytest.mark.parametrize(("family", "method"), OF_WHOLE_FILES, ids=[
    f"{family.name}-{method.command}" for family, method in OF_WHOLE_FILES])
def test_whole_files_have_a_table_of_what_became_of_them(family: Family, method: Method) -> None:
    check(family.name, method, family.kind)
    assert method.verb
    assert all(knob.help for knob in method.knobs())
    row = tuple({"f8": 2.0, "i8": 3}.get(kind, "text") for _, kind in method.results(None)[0].dtype)
    taken = method.begin(Context(), unit := Unit(0, None, ("files",), (), 0), 0, None)
    for _ in range(3):
        taken.update("files", Item(row))
    [(at, made)] = method.reduce(Context(), unit, taken)
    assert (at, list(made)) == ({}, [one.name for one in method.results(None)])
    assert [tuple(one) for one in made["files"].tolist()] == [row] * 3
    assert {one.results for one in method.outputs(None)} == {("files",)}


@METHODS
def test_every_parameter_has_help_and_numbers_have_a_unit_or_are_counts(
    family: Family, method: Method, kind: DetectorType
) -> None:
    for knob in method.knobs():
        assert knob.help
        shares = knob.lower == 0 and knob.upper == 1
        assert knob.kind not in ("float", "limits_per_stage") or knob.unit or shares, knob.name


VARIANTS = [(*case, changes) for case in CASES for changes in (
    [{"estimator": one, "gate_samples": 5} for one in ("robust", "median", "plain")]
    if any(knob.name == "estimator" for knob in case[1].knobs()) else [{}])]


@pytest.mark.parametrize(("family", "method", "kind", "changes"), VARIANTS, ids=[
    "-".join(filter(None, (kind.name, method.command, changes.get("estimator"))))
    for _, method, kind, changes in VARIANTS])
def test_parts_merged_are_the_whole_and_looks_change_nothing(
    family: Family, method: Method, kind: DetectorType, changes: dict[str, Any]
) -> None:
    kind = small(kind)
    chosen = method.with_changes(changes)
    source, context = source_of(chosen, kind, context_of(chosen, kind)), context_of(chosen, kind)
    whole = found(chosen, context, source)
    assert len(whole) > 3
    for other in (
        found(chosen, context, source, ((0, 1, 2), (3, 4, 5))),
        found(chosen, context, source, ((0,), (1, 2), (3,), (4, 5))),
        found(chosen, context, source, look=True),
        found(*pickle.loads(pickle.dumps((chosen, context))), source),
    ):
        assert other.keys() == whole.keys()
        for key, values in whole.items():
            for column in values.dtype.names or (...,):
                np.testing.assert_array_equal(other[key][column], values[column], err_msg=f"{key} {column}")


def test_units_are_plain_and_equal_anywhere() -> None:
    unit = Unit(3, 5, ("high",), (0, 1), 17, (2, 4))
    read = json.loads(json.dumps(asdict(unit)))
    again = Unit(**{name: tuple(value) if isinstance(value, list) else value for name, value in read.items()})
    assert again == unit == pickle.loads(pickle.dumps(unit))
    assert hash(again) == hash(unit)


@METHODS
def test_conditions_that_are_asked_for_are_those_of_the_constants(
    family: Family, method: Method, kind: DetectorType
) -> None:
    asked = [one.name for one in family.conditions_of(method, kind)]
    declared = [one.name for one in kind.condition]
    assert asked == [name for name in declared if name in asked]
    for one in method.outputs(kind):
        if isinstance(one, ConstantOutput) and one.kind.name in kind.calibrations:
            assert set(kind.condition_of(kind.calibrations[one.kind.name])) <= set(asked)


def test_no_dark_asks_for_the_energy_of_a_flat_field() -> None:
    agipd = next(one for one in families() if one.name == "AGIPD")
    asked = {method.command: {one.name for one in agipd.conditions_of(method)} for method in agipd.methods}
    assert "source_energy" not in asked["DARK"]
    assert "source_energy" in asked["CORRECT"]
