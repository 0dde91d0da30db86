"""The truth of simulated runs as constants, as a characterisation without any error would write them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from calib_core.axes import Array, Label
from calib_core.characterisation.dark_results import THRESHOLD
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.common_condition import common_condition
from calib_core.constants.condition import Condition
from calib_core.constants.constant import (
    ADU_PER_PHOTON,
    BAD_PIXELS_DARK,
    CS_PARAMETERS,
    FF_MAP,
    GAIN_AMP_MAP,
    GAIN_MAP,
    INTERNAL_DIMS,
    LINE_ENERGY,
    NOISE,
    OFFSET,
    PC_PARAMETERS,
    RELATIVE_GAIN,
    SLOPES_CS,
    SLOPES_FF,
    SLOPES_PC,
    THRESHOLDS_DARK,
    Constant,
    ConstantKind,
)
from calib_core.detector import Detector, DetectorType, Module
from calib_core.errors import BadInput
from calib_core.io.run import Run
from calib_core.jobs.board import Written
from calib_core.jobs.provenance import software
from calib_core.jobs.survey import found_condition
from calib_core.jobs.whole_set import AboutSet, write_set
from calib_core.simulate import BadKind, Simulated, Truth, read_truth
from calib_core.store.manifests import name_of

#: Flags of what the simulator makes; an ASIC that differs has none, since its pixels are what their constants say.
_FLAGS = {
    BadKind.DEAD: BadPixels.NO_DARK_DATA, BadKind.DEAD_BLOCK: BadPixels.NO_DARK_DATA,
    BadKind.NOISY: BadPixels.NOISE_OUT_OF_THRESHOLD, BadKind.BLINKING: BadPixels.NOISE_OUT_OF_THRESHOLD,
    BadKind.HIGH_OFFSET: BadPixels.OFFSET_OUT_OF_THRESHOLD, BadKind.WRONG_GAIN: BadPixels.WRONG_GAIN_VALUE,
}
#: Charge of a step of the pulse capacitor, keV: any would do, since corrections take ratios of slopes.
_STEP = 3.5
#: Energy of the line of gain maps, keV: the Kα line of copper, of which the facility's are.
_LINE = 8.048
#: Gives (entries, cells, slow_scan, fast_scan) of some memory cells.
Read = Callable[[slice], Array]


@dataclass(frozen=True)
class _Known:
    """What all constants of a set have in common."""

    truth: Truth
    detector: Detector
    kind: DetectorType
    condition: Condition
    begin: datetime
    provenance: Mapping[str, Any]
    started: datetime


def write_truth(made: Simulated) -> tuple[Written, ...]:
    """Write the truth of simulated runs as constants of the operating condition that the runs tell.

    Parameters
    ----------
    made : Simulated

    Returns
    -------
    tuple of Written
        Below ``usr/simulation/constants`` of the proposal, of each module; those that the database has of the type.
        They are one set, which appears when all of it is there.

    Raises
    ------
    BadInput
        The runs or the truth file are gone.
    OutputFailed
        A constant cannot be written.
    """
    truth = read_truth(made.truth_file)
    with ExitStack() as stack:
        runs = {role: stack.enter_context(Run.open(path)) for role, path in made.runs.items()}
        known = _known(truth, runs)
    modules = [one for one in known.detector.modules if one.number in truth.modules]
    about = AboutSet(f"simulate {truth.scene.word}", known.detector.identifier, known.started,
                     known.provenance["parameters"])
    return write_set(about, folder_of(made), [one for module in modules for one in _constants(known, module)])


def folder_of(made: Simulated) -> Path:
    """Root of the tree of constants that :func:`write_truth` writes."""
    return made.truth_file.with_name("constants")


def _known(truth: Truth, runs: Mapping[str, Run]) -> _Known:
    settings = truth.settings
    first = next(iter(runs.values()))
    detector = next((one for one in first.detectors if one.identifier == settings.identifier), None)
    if detector is None:
        raise BadInput(f"Run {first.path} has no detector {settings.identifier}, whose truth is {truth.path}.")
    told = [(run.label, found_condition(run, detector)[0]) for run in runs.values()]
    condition = common_condition(detector.type.condition, told)
    begin = min((run.start_time for run in runs.values() if run.start_time is not None), default=settings.begins)
    started = datetime.now(UTC)
    return _Known(truth, detector, detector.type.operated_at(condition.values), condition, begin,
                  _provenance(truth, detector, runs, started), started)


def _provenance(truth: Truth, detector: Detector, runs: Mapping[str, Run], started: datetime) -> dict[str, Any]:
    """What decided the constants of all modules."""
    inputs = [{"input": role, "run": run.label, "proposal": run.proposal, "run_number": run.run_number,
               "path": str(run.path)} for role, run in runs.items()]
    shown = {"method": "simulate", "kind": truth.scene.word, **truth.scene.values(), **truth.settings.values()}
    return {
        "detector_type": detector.type.database_type, "detector": detector.identifier, "raw_data": inputs,
        "software": software(), "parameters": shown, "truth": str(truth.path),
        "started": started.isoformat(), "set": name_of(started),
        "notes": ["These constants are the truth of simulated runs, not a measurement."],
    }


def _constants(known: _Known, module: Module) -> Iterator[Constant]:
    """Constants of a module that its type has, one after the other."""
    for kind, labels, read in _contents(known, module.number):
        calibration = known.kind.calibrations.get(kind.name)
        if calibration is None:
            continue
        kind = kind if calibration.unit is None else replace(kind, unit=calibration.unit)
        cells = tuple(known.truth.cells.tolist())
        first = next((dim for dim in calibration.dims if dim not in INTERNAL_DIMS), INTERNAL_DIMS[0])
        yield Constant(
            kind=kind, calibration=calibration.name, pdu=module.pdu, dims=(first, *INTERNAL_DIMS[1:]),
            shape=(len(labels), len(cells), *known.kind.shape), file_dims=calibration.dims,
            labels={first: labels, "cell": cells}, begin=known.begin, read=read, numbers=_numbers(known, kind),
            condition=known.condition.of(known.kind.condition_of(calibration)), recorded=known.condition,
            provenance={**known.provenance, "aggregator": module.aggregator, "module": module.number})


def _contents(known: _Known, module: int) -> Iterator[tuple[ConstantKind, tuple[Label, ...], Read]]:
    """Kind, labels of the first axis, and values."""
    truth, kind = known.truth, known.kind
    stages: tuple[Label, ...] = tuple(stage.short for stage in kind.stages)
    yield OFFSET, stages, partial(truth.offset, module)
    yield NOISE, stages, partial(truth.noise, module)
    yield BAD_PIXELS_DARK, stages, partial(_flags, truth, kind, module)
    if kind.signal_plane is not None:
        yield THRESHOLDS_DARK, THRESHOLD.labels, partial(_thresholds, truth, module)
    if truth.settings.levels.gain:
        factors = RELATIVE_GAIN.name in kind.calibrations and kind.calibrations[RELATIVE_GAIN.name].unit == ""
        if not truth.settings.levels.above_line:  # else factors go with shifts, and are combined of lines
            yield RELATIVE_GAIN, stages, partial(_factors if factors else Truth.gain, truth, module)
        yield GAIN_AMP_MAP, stages, partial(_amplifiers, truth, module)
        yield FF_MAP, stages, partial(_flat_field, truth, module)
        yield SLOPES_FF, stages[:1], lambda cells: truth.gain(module, cells)[:1]
        yield GAIN_MAP, stages, lambda cells: truth.settings.levels.gain[0].mean / truth.gain(module, cells)
    if truth.settings.levels.above_line:
        yield SLOPES_PC, PC_PARAMETERS, partial(_slopes, truth, module)
        yield SLOPES_CS, CS_PARAMETERS, partial(_lines_of_current, truth, module)


def _numbers(known: _Known, kind: ConstantKind) -> dict[str, float]:
    """Numbers of a constant that hold for all pixels."""
    if kind != GAIN_MAP:
        return {}
    return {ADU_PER_PHOTON: known.truth.settings.levels.gain[0].mean * _LINE, LINE_ENERGY: _LINE}


def _flags(truth: Truth, kind: DetectorType, module: int, cells: slice) -> Array:
    """Flags of all that was put in, and of parts of a module that are no ordinary pixels."""
    bad = truth.bad(module)
    flags = np.zeros(bad.shape, np.uint32)
    for what, flag in _FLAGS.items():
        flags[(bad & what) > 0] |= np.uint32(flag)
    for region in kind.regions:
        region.mark(flags)
    return np.broadcast_to(flags, (len(kind.stages), len(truth.cells[cells]), *flags.shape))


def _factors(truth: Truth, module: int, cells: slice) -> Array:
    """Factors that bring each gain stage onto the scale of the first."""
    gain = truth.gain(module, cells)
    return np.asarray(gain[:1] / gain)


def _amplifiers(truth: Truth, module: int, cells: slice) -> Array:
    """Factors that make of the first memory cell's signals those of the mean gain of the first stage."""
    first = truth.gain(module, slice(0, 1))[0]
    factors = np.float32(truth.settings.levels.gain[0].mean) / first
    return np.broadcast_to(factors, truth.gain(module, cells).shape)


def _flat_field(truth: Truth, module: int, cells: slice) -> Array:
    """Factors that make of each memory cell's signals those of the first one."""
    gain = truth.gain(module, cells)
    return np.broadcast_to(truth.gain(module, slice(0, 1))[0] / gain[0], gain.shape)


def _slopes(truth: Truth, module: int, cells: slice) -> Array:
    """Lines of high and medium gain, over steps of the pulse capacitor; what no truth has is NaN."""
    slopes, begins = truth.gain(module, cells) * _STEP, truth.offset(module, cells) - truth.above_line(module, cells)
    values = np.full((len(PC_PARAMETERS), *slopes.shape[1:]), np.nan, np.float32)
    for stage in range(2):
        values[3 * stage], values[3 * stage + 1] = slopes[stage], begins[stage]
    values[-2:] = truth.thresholds(module, cells)[0], slopes[0] / slopes[1]
    return values


def _lines_of_current(truth: Truth, module: int, cells: slice) -> Array:
    """Lines of all stages over steps of the current source, any of which would do as those of the capacitor."""
    slopes, begins = truth.gain(module, cells) * _STEP, truth.offset(module, cells) - truth.above_line(module, cells)
    known = {f"{what} {name}": values[stage] for what, values in (("slope", slopes), ("intercept", begins))
             for stage, name in enumerate(("HG", "MG", "LG"))}
    known |= {"ratio": slopes[1] / slopes[2], "status": np.zeros(slopes.shape[1:])}
    return np.array([known[name] for name in CS_PARAMETERS], np.float32)


def _thresholds(truth: Truth, module: int, cells: slice) -> Array:
    """Thresholds between the stages, then their mean gain signals."""
    return np.concatenate([truth.thresholds(module, cells), truth.gain_signal(module, cells)])
