"""One run per gain stage: which run is which, by slow control, by gain bits, or by the order of the gain signals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from calib_core.characterisation.inputs import Arranged, Arrangement, Given, Input, RunFacts
from calib_core.characterisation.unit import Context
from calib_core.constants.common_condition import common_condition
from calib_core.constants.condition import Condition
from calib_core.detector import DetectorType
from calib_core.errors import BadInput


def inputs_of(kind: DetectorType) -> tuple[Input, ...]:
    """A run for each gain stage that a detector type may have; each may be left out.

    Parameters
    ----------
    kind : DetectorType

    Returns
    -------
    tuple of Input
        Named by the role of the gain stage, in the order of the stages.
    """
    return tuple(Input(stage.role, stage.label, optional=True) for stage in kind.all_stages)


def arrange(kind: DetectorType, given: Given, keep: bool) -> Arrangement:
    """Decide which run is which gain stage.

    Parameters
    ----------
    kind : DetectorType
    given : mapping
        At most one run for each input.
    keep : bool
        Take the order as given, whatever the data say.

    Raises
    ------
    BadInput
        Two runs are of the same gain stage, one is of a stage that there is not at their operating condition, or a
        run that holds all of them is not alone.
    """
    stages = [number for number, stage in enumerate(kind.all_stages) if given.get(stage.role)]
    runs = [given[kind.all_stages[stage].role][0] for stage in stages]
    if any(run.stages > 1 for run in runs):
        return _all_of_one(kind, runs)
    operated = kind.operated_at(common_condition(kind.condition, [(run.label, run.condition) for run in runs]).values)
    order = _only(kind, operated, runs) or (stages if keep else _order(kind, stages, runs))
    taken, asked = dict(zip(order, runs, strict=True)), dict(zip(stages, runs, strict=True))
    _check_stages(kind, operated, taken)
    found = _at_places(kind, [_choice(kind, number, taken, asked) for number in range(len(kind.all_stages))])
    return Arrangement(found, (*_notes(operated, found, keep), *_other_bits(operated, found)))


def lacking(kind: DetectorType, condition: Condition, found: Sequence[Arranged]) -> tuple[str, ...]:
    """Gain stages that there are at an operating condition and that have no run, by their labels.

    Parameters
    ----------
    kind : DetectorType
    condition : Condition
    found : sequence of Arranged
        As :func:`arrange` has them.
    """
    roles = {stage.role for stage in kind.operated_at(condition.values).stages}
    return tuple(one.input.label for one in found if one.run is None and one.input.name in roles)


def number_of(context: Context, key: str) -> int:
    """Number, in the detector type, of the gain stage that an arranged input is of.

    Parameters
    ----------
    context : Context
    key : str
        Of the arranged input.

    Returns
    -------
    int
        From 0 for the highest gain; not the index along the axis of gain stages, which has only those with a run.
    """
    roles = [stage.role for stage in context.detector.stages]
    return roles.index(context.arranged[key].input.name)


def numbers_along(context: Context) -> list[int]:
    """Numbers, in the detector type, of the entries of the axis of gain stages.

    Parameters
    ----------
    context : Context
        With its axes, whose labels are short names of gain stages.

    Returns
    -------
    list of int
    """
    shorts = [stage.short for stage in context.detector.stages]
    return [shorts.index(str(label)) for label in context.axes["gain"].labels]


def code_of(context: Context, key: str) -> int | None:
    """Gain bits that the samples of an arranged input should have.

    Parameters
    ----------
    context : Context
    key : str
        Of the arranged input.

    Returns
    -------
    int or None
        None where there are no gain bits or any will do.
    """
    stages = {stage.role: stage.code for stage in context.detector.stages}
    return stages.get(context.arranged[key].input.name) if context.detector.has_gain_bits else None


def label_of(context: Context, key: str) -> str:
    """Short name of the gain stage that an arranged input is of.

    Parameters
    ----------
    context : Context
    key : str
        Of the arranged input.
    """
    return context.detector.stages[number_of(context, key)].short


def _at_places(kind: DetectorType, choices: Sequence[Arranged]) -> tuple[Arranged, ...]:
    """Choices with their index along the axis of those gain stages that have a run."""
    place = {one.key: index for index, one in enumerate(one for one in choices if one.run is not None)}
    return tuple(
        Arranged(one.key, one.input, one.run, one.origin, one.moved,
                 {"gain": place[one.key]} if one.key in place else {}, part=one.part, parts=one.parts)
        for one in choices
    )


def _choice(
    kind: DetectorType, stage: int, taken: Mapping[int, RunFacts], asked: Mapping[int, RunFacts]
) -> Arranged:
    one, run = inputs_of(kind)[stage], taken.get(stage)
    if run is None:
        return Arranged(one.name, one, None, "no run given")
    origin = run.evidence.origin if run.evidence else "as given"
    return Arranged(one.name, one, run, origin, moved=asked.get(stage) is not run)


def _all_of_one(kind: DetectorType, runs: Sequence[RunFacts]) -> Arrangement:
    """One run that holds all gain stages, one after the other in each train."""
    run = next(run for run in runs if run.stages > 1)
    others = [other.label for other in runs if other.path != run.path]
    if others:
        raise BadInput(f"Run {run.label} holds all gain stages in each train; give it alone, without {others[0]}.")
    found = _at_places(kind, [
        Arranged(one.name, one, run, f"part {part + 1} of {run.stages} of each train", part=part, parts=run.stages)
        for part, one in enumerate(inputs_of(kind))
    ])
    note = f"Run {run.label} holds all gain stages: each train is cut into {run.stages} equal parts."
    return Arrangement(found, (note,))


def _only(kind: DetectorType, operated: DetectorType, runs: Sequence[RunFacts]) -> list[int]:
    """The only gain stage that there is at the operating condition, of a run that is alone; else none."""
    if len(runs) != 1 or len(operated.stages) != 1:
        return []
    return [[stage.role for stage in kind.all_stages].index(operated.stages[0].role)]


def _check_stages(kind: DetectorType, operated: DetectorType, taken: Mapping[int, RunFacts]) -> None:
    """Refuse a run of a gain stage that there is not at the operating condition of all runs."""
    roles = {stage.role for stage in operated.stages}
    for number, run in taken.items():
        if kind.all_stages[number].role not in roles:
            raise BadInput(f"Run {run.label} is taken for {kind.all_stages[number].label}, which there is not at the "
                           "operating condition of the runs; give it alone, or say of which condition they are.")


def _order(kind: DetectorType, asked: Sequence[int], runs: Sequence[RunFacts]) -> list[int]:
    """Gain stages that the runs really have, in the order of the runs."""
    evidence = [run.evidence for run in runs]
    if all(e is not None and e.stage is not None for e in evidence):
        return _by_stage(kind, runs)
    signals = [e.gain_signal for e in evidence if e is not None and e.gain_signal is not None]
    return _by_signal(kind, asked, runs, signals) if len(signals) == len(runs) else list(asked)


def _by_stage(kind: DetectorType, runs: Sequence[RunFacts]) -> list[int]:
    stages = [run.evidence.stage for run in runs if run.evidence and run.evidence.stage is not None]
    for first, stage in enumerate(stages):
        if stage in stages[first + 1 :]:
            second = stages.index(stage, first + 1)
            _refuse_twice(runs[first], runs[second], kind.all_stages[stage].label)
    return stages


def _by_signal(
    kind: DetectorType, asked: Sequence[int], runs: Sequence[RunFacts], signals: Sequence[float]
) -> list[int]:
    rising = sorted(range(len(runs)), key=lambda i: signals[i])
    for low, high in pairwise(rising):
        if signals[high] - signals[low] < kind.least_signal_step:
            _refuse_twice(runs[low], runs[high], f"gain signal {signals[low]:.0f} and {signals[high]:.0f} ADU")
    found = dict(zip(rising, sorted(asked), strict=True))
    return [found[i] for i in range(len(runs))]


def _refuse_twice(first: RunFacts, second: RunFacts, why: str) -> None:
    raise BadInput(
        f"Runs {first.label} and {second.label} are of the same gain stage ({why}); give one run per gain stage."
    )


def _notes(operated: DetectorType, choices: Sequence[Arranged], keep: bool) -> Iterator[str]:
    roles = {stage.role for stage in operated.stages}
    if any(choice.moved for choice in choices):
        order = ", ".join(f"{c.input.label} = {c.run.label} ({c.origin})" for c in choices if c.run)
        yield f"Runs re-ordered by gain stage: {order}."
    for choice in choices:
        if choice.run is None and choice.input.name in roles:
            yield f"No run for {choice.input.label}: its constants are marked as without dark data."
        elif choice.run and choice.run.evidence and choice.run.evidence.conflict:
            yield f"Run {choice.run.label}: {choice.run.evidence.conflict}."
    if keep:
        yield "The order of the runs was kept as given."


def _other_bits(operated: DetectorType, choices: Sequence[Arranged]) -> list[str]:
    """Sentences on runs whose gain bits are not those of the stage that they are taken for."""
    codes = {stage.role: stage.code for stage in operated.stages}
    taken = [(choice, choice.run, codes[choice.input.name]) for choice in choices
             if choice.run and operated.has_gain_bits]
    return [
        f"Run {run.label} is taken for {choice.input.label}, but most of its gain bits are {run.gain_bits}, "
        f"not {code}; samples with other bits are left out."
        for choice, run, code in taken if run.gain_bits not in (None, code)
    ]
