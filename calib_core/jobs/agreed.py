"""In which operating condition and memory cells constants agree that are taken together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from calib_core.characterisation.method import Method
from calib_core.constants.condition import Condition, ConditionParameter, Found
from calib_core.detector import DetectorType
from calib_core.errors import BadInput
from calib_core.jobs.constant_blocks import ConstantBlocks, nearest
from calib_core.jobs.said import cells_of
from calib_core.ranges import format_numbers
from calib_core.store.constants import StoredConstant
from calib_core.store.stated import condition_of


def agreed(
    kind: DetectorType, constants: Sequence[StoredConstant], method: Method, said: Mapping[str, float | str],
) -> tuple[Condition, tuple[str, ...]]:
    """Condition of constants, each parameter as the first tells it whose calibration has it.

    Parameters
    ----------
    kind : DetectorType
    constants : sequence of StoredConstant
    method : Method
        Says whether they may differ, in the condition or in their memory cells.
    said : mapping
        The operator's values, in which nothing is compared.

    Returns
    -------
    condition : Condition
    notes : tuple of str
        Sentences on differences that the operator allows.

    Raises
    ------
    BadInput
        Two differ in what the calibrations of both have; the sentence has both values.
    """
    known = [(one, _own(kind, one)) for one in constants]
    values, notes = dict[str, Found](), list(_silent(known))
    others = method.cells_together != "same"
    for parameter in kind.condition:
        told = [(one, own.values[parameter.name]) for one, own in known if parameter.name in own.values]
        if not told:
            continue
        values[parameter.name] = told[0][1]
        if others and parameter.name == kind.cells_told_by:
            least_or_most = min if method.cells_together == "intersect" else max
            values[parameter.name] = least_or_most((found for _, found in told), key=lambda one: float(one.value))
        elif parameter.name not in said:
            notes += _allowed(parameter, told, method)
    return Condition(kind.condition, values).overridden(said), tuple(notes)


def _allowed(
    parameter: ConditionParameter, told: Sequence[tuple[StoredConstant, Found]], method: Method
) -> Iterator[str]:
    """Sentences on differences that the operator allows; BadInput where he does not."""
    for sentence in _differences(parameter, told):
        if not method.takes_other_conditions:
            raise BadInput(f"{sentence}; give others, or --other-conditions takes them all the same.")
        yield f"{sentence}; they are taken all the same."


def _own(kind: DetectorType, one: StoredConstant) -> Condition:
    """What a constant tells of the parameters of its own calibration; of all where nobody declares it."""
    told = condition_of(kind, one)
    own = next((each for each in kind.calibrations.values() if each.name == one.calibration), None)
    return told if own is None else told.of(kind.condition_of(own))


def _silent(known: Sequence[tuple[StoredConstant, Condition]]) -> Iterator[str]:
    """Sentence on files that cannot be compared."""
    silent = [one.path for one, own in known if not own.values]
    if silent:
        yield (f"{len(silent)} of {len(known)} constants tell no operating condition, so that nobody knows "
               f"whether they go with the others: {silent[0]}{' and others' if len(silent) > 1 else ''}.")


def _differences(
    parameter: ConditionParameter, told: Sequence[tuple[StoredConstant, Found]]
) -> Iterator[str]:
    first, value = told[0]
    for other, theirs in told[1:]:
        mine = Condition((parameter,), {parameter.name: value})
        if reason := mine.matches(Condition((parameter,), {parameter.name: theirs})):
            yield f"{first.path} and {other.path} are not of one operating condition: {reason}"
            return


def cells_of_all(
    method: Method, blocks: Iterable[ConstantBlocks]
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Memory cells that are made something of.

    Parameters
    ----------
    method : Method
        Says whether those of all constants must be the same.
    blocks : iterable of ConstantBlocks

    Returns
    -------
    cells : tuple of int
    notes : tuple of str
        Sentences on those that not all constants have.

    Raises
    ------
    BadInput
        They are not the same and must be, or there is none that all have.
    """
    blocks = list(blocks)
    sets = {one.stored[name].path: cells_of(one.stored[name]) for one in blocks for name in one.stored
            if "cell" in one.stored[name].dims and one.entries[name].labels}
    if not sets:
        return (0,), ()
    (first_path, first), *_ = sets.items()
    other = next(((path, cells) for path, cells in sets.items() if cells != first), None)
    if other is None:
        return first, ()
    differ = (f"{other[0]} has the memory cells {format_numbers(other[1])}, but {first_path} has "
              f"{format_numbers(first)}")
    every = [set(one) for one in sets.values()]
    both, any_one = sorted(set.intersection(*every)), sorted(set.union(*every))
    if method.cells_together == "same" or not both:
        raise BadInput(f"{differ}; give constants of the same ones.")
    if method.cells_together == "intersect":
        return tuple(both), (f"{differ}; those that all have are taken, {len(both)} of {len(any_one)}.",)
    some = f"{len(any_one) - len(both)} of {len(any_one)}"
    return tuple(any_one), (f"{differ}; for the {some} that not all have, the nearest one of the same row stands in.",
                            *_beyond(blocks, any_one))


def _beyond(blocks: Iterable[ConstantBlocks], cells: Sequence[int]) -> Iterator[str]:
    """Sentences on constants that have nothing for some memory cells, not even near by."""
    for one in blocks:
        for name, entries in one.entries.items():
            without = [cell for cell in cells if nearest(entries.labels, cell) is None]
            if without:
                yield (f"{one.stored[name].path} has no {name} of the memory cells {format_numbers(without)}, nor of "
                       "any in their rows.")
