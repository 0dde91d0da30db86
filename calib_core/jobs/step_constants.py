"""Steps of a job with the constants of each module, and what is to be known of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cache

from calib_core.characterisation.inputs import NEUTRAL, Input, inputs_of_steps
from calib_core.characterisation.method import Method
from calib_core.constants.condition import Condition
from calib_core.correction.pipeline import BoundPipeline, Pipeline
from calib_core.detector import Detector
from calib_core.errors import BadInput
from calib_core.jobs.asking import asked_for, asked_without, nothing_found
from calib_core.jobs.by_hand import check_by_hand
from calib_core.jobs.choice import Chooser, Given, ModuleConstants
from calib_core.jobs.choice_words import doubts_on, lines_of
from calib_core.jobs.file_constant import turned
from calib_core.jobs.given import path_of
from calib_core.jobs.masks_elsewhere import masks_elsewhere
from calib_core.jobs.resolution import OfRun, unit_in
from calib_core.jobs.said import of_sets
from calib_core.jobs.same_steps import check_same_codes, check_same_steps, level_out, may_lack
from calib_core.jobs.spec import JobSpec
from calib_core.ranges import format_numbers
from calib_core.store.base import ConstantStore, Query, UnknownKind, Version
from calib_core.store.opening import open_store
from calib_core.store.statuses import ACCEPTED, Status


@dataclass(frozen=True)
class Before:
    """Steps that frames go through.

    Attributes
    ----------
    run : OfRun
        What constants were compared with.
    bound : mapping of int to BoundPipeline
        By module, with its constants.
    constants : mapping of int to ModuleConstants
        Those that were chosen for each module, also for steps that are switched off.
    lines : tuple of str
        A line for each kind of constant: how old it is, and what just missed.
    told : tuple of str
        Sentences on what is doubtful, left out or lost.
    """

    run: OfRun = field(default_factory=lambda: OfRun(Condition(())))
    bound: Mapping[int, BoundPipeline] = field(default_factory=dict)
    constants: Mapping[int, ModuleConstants] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    told: tuple[str, ...] = ()


def bind_before(spec: JobSpec, method: Method, detector: Detector, modules: Sequence[int], run: OfRun) -> Before:
    """Bind the steps that frames go through to the constants of each module.

    Of each kind and module what the operator gave for it is taken; else the newest constant that is of the run's
    operating condition and valid before the run began; else the first one after it, which is said. Where the method
    takes the closest it is that, and a later one is said.

    Parameters
    ----------
    spec, method, detector
    modules : sequence of int
    run : OfRun

    Raises
    ------
    BadInput, BadParameter
        A file cannot be read, is not of the detector or of another operating condition, there is none for a module,
        or a step is done for some modules only.
    """
    steps = method.steps_before()
    inputs = inputs_of_steps(steps)
    if not steps:
        return Before()
    by_hand = check_by_hand(spec.constants, inputs, detector)
    lacking_words: list[str] = []
    given = dict(_given(spec, inputs, detector, modules, run, {
        one.name for one in inputs if all((number, one.kinds[0].name) in by_hand for number in modules)},
        method.takes_closest, lacking_words))
    choice = Chooser(detector, run, method.takes_other_conditions, len(modules) == 1, by_hand, may_lack(steps),
                     closest=method.takes_closest)
    with ExitStack() as stack:
        for one in given.values():
            stack.callback(one.close)
        constants = {number: choice.of_module(inputs, given, number) for number in modules}
        notes = dict.fromkeys(note for one in given.values() if one.store is not None for note in one.store.notes)
    there = {number: one.found for number, one in constants.items()}
    lacking = tuple(level_out(steps, there, choice.refusals))
    bound = {number: Pipeline(steps).bind(found, detector.type.module(number))
             for number, found in constants.items()}
    skipped = tuple(left_out(bound))
    check_same_steps(bound)
    codes = check_same_codes(steps, bound, there)
    told = (f"The {title} of module {number} {text}." for number, one in bound.items() for title, text in one.told)
    used = ({kind: one.stored for kind, one, chosen in of_module.files() if not chosen.of_store}
            for of_module in constants.values())
    without = dict.fromkeys(text for one in bound.values() for text in _without(one))
    masks = masks_elsewhere(constants, detector, run) if any(one.kinds[0].by_people for one in inputs) else ()
    return Before(run, bound, constants, lines_of(constants, run), (
        *lacking, *skipped, *without, *told, *codes, *doubts_on(constants, run), *of_sets(used), *masks, *notes,
        *lacking_words,
        *turned({number: one.images for number, one in constants.items()})))


def left_out(bound: Mapping[int, BoundPipeline]) -> Iterator[str]:
    """Sentences on steps that are left out, one of each step.

    Parameters
    ----------
    bound : mapping
        Steps of each module with their constants.

    Yields
    ------
    str
        Why; where modules have reasons of their own, that of the first, with the numbers of the others.
    """
    reasons: dict[str, dict[int, str]] = {}
    for number, pipeline in bound.items():
        for one in pipeline.skipped:
            reasons.setdefault(one.step, {})[number] = one.reason
    for of_modules in reasons.values():
        first, *others = of_modules
        alike = len(set(of_modules.values())) == 1
        more = f"; likewise module{'s' if len(others) > 1 else ''} {format_numbers(others)}" if others else ""
        yield of_modules[first] if alike else f"{of_modules[first].rstrip('.')} (module {first}{more})."


def _without(pipeline: BoundPipeline) -> Iterator[str]:
    """Sentences on steps that are done without a constant that they would take."""
    for one in pipeline.steps:
        if missing := one.step.missing(one.given, one.kind):
            yield f"{one.step.title} is done without {' and '.join(missing)}."


def _given(
    spec: JobSpec, inputs: Sequence[Input], detector: Detector, modules: Sequence[int], run: OfRun,
    by_hand: set[str], closest: bool, told: list[str],
) -> Iterator[tuple[str, Given]]:
    """What was given for each input, by its name; those that are given by hand for all modules may have nothing.

    What a store may have had, were it asked by more, is added to ``told``.
    """
    opened = cache(open_store)  # a folder that is given for all is read once
    for one in inputs:
        for path in path_of(spec, one, one.name not in by_hand and not one.optional):
            if path == NEUTRAL:
                yield one.name, Given(NEUTRAL)
                continue
            store, name = opened(path), detector.type.calibrations[one.kinds[0].name].name
            lenient = one.name in by_hand or (one.optional and one.name not in spec.inputs)
            asked = asked_for(store, detector, name, _units(store, detector, modules, run), run, statuses_of(spec),
                              closest)
            if versions := _versions(store, asked, lenient):
                yield one.name, Given(store.title, store, versions)
            elif not lenient:
                raise BadInput(f"{store.title} has no {' '.join(dict.fromkeys((one.label, name)))}; "
                               f"{nothing_found(store, detector, name, run)}.")
            else:
                told += asked_without(store, detector, name, run)


def _units(store: ConstantStore, detector: Detector, modules: Sequence[int], run: OfRun) -> tuple[str, ...]:
    return tuple(unit_in(store, detector, number, run.start) for number in modules)


def statuses_of(spec: JobSpec) -> frozenset[Status]:
    """What versions of a store may be that a job takes."""
    return ACCEPTED | {Status.DRAFT} if spec.drafts else ACCEPTED


def _versions(store: ConstantStore, asked: Query, lenient: bool) -> tuple[Version, ...]:
    """Versions of a kind; of all units where there are none of some, so that it can be said of which.

    A kind that a store does not know has none where that may be (``lenient``).
    """
    try:
        found = store.find(asked)
    except UnknownKind:
        if lenient:
            return ()
        raise
    return found if {one.pdu for one in found} >= set(asked.units) else store.find(replace(asked, units=()))

