"""What two subjects have in common, place by place, and sentences on what only one of them has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from calib_core.axes import Array, At, Axis, Label, Result
from calib_core.errors import BadInput
from calib_core.ranges import format_numbers
from calib_core.subjects.base import Subject
from calib_core.subjects.variants import Get, base_of

#: Most names that a sentence lists.
_MOST_NAMES = 8
#: Run of a line on an input: its name, what the run is called, and its path; an input that is no run has no name.
_RUN = re.compile(r"[^:]*: (?P<label>[^/\s].*?) (?P<path>/.*?)(?: \(\d+ trains, \d+ frames\))?")
_IN_THE_FACILITY = re.compile(r"p\d{6} r\d{4}")


@dataclass(frozen=True)
class Side:
    """A or B of a comparison.

    Attributes
    ----------
    letter : str
    subject : Subject
    indices : mapping of str to tuple of int
        By axis of the comparison, the subject's own index of each entry.
    """

    letter: str
    subject: Subject
    indices: Mapping[str, tuple[int, ...]]

    def at(self, at: At) -> dict[str, int]:
        """The subject's own indices of a place of the comparison, the nearest entry where an axis has no such."""
        return {name: own[min(max(at.get(name, 0), 0), len(own) - 1)] for name, own in self.indices.items()}


@dataclass(frozen=True)
class Planes:
    """Images of A and B of one module, each read once.

    Attributes
    ----------
    sides : mapping of str to Side
        By ``a`` and ``b``.
    module : int
    """

    sides: Mapping[str, Side]
    module: int
    _read: dict[tuple[object, ...], Array | None] = field(default_factory=dict, init=False)

    def at(self, at: At) -> Get:
        """Images at a place of the comparison, by side and result."""

        def get(side: str, name: str) -> Array | None:
            place = self.sides[side].at(at)
            key = (side, name, *place.items())
            if key not in self._read:
                self._read[key] = self.sides[side].subject.plane(name, self.module, place)
            return self._read[key]

        return get

    @property
    def coverage(self) -> float:
        """Least share of the frames behind those sides that were read: their images are whole or not there."""
        there = {str(key[0]): self.sides[str(key[0])].subject.ended for key in self._read}
        for (side, *_), plane in self._read.items():
            there[str(side)] |= plane is not None
        return float(all(there.values()))


@dataclass(frozen=True)
class Common:
    """What two subjects both have.

    Attributes
    ----------
    modules : tuple of int
    axes : mapping of str to Axis
        Labels that both have, in the order of A.
    results : tuple of (Result, Result)
        As A and as B have it.
    notes : tuple of str
        Sentences on runs that both are made of, and on what only one of them has.
    """

    modules: tuple[int, ...]
    axes: Mapping[str, Axis]
    results: tuple[tuple[Result, Result], ...]
    notes: tuple[str, ...]

    def side(self, letter: str, subject: Subject) -> Side:
        """A or B with the places of these axes."""
        own = {name: subject.axes[name].indices(axis.labels) for name, axis in self.axes.items()}
        return Side(letter, subject, own)


def common_of(a: Subject, b: Subject) -> Common:
    """What two subjects both have.

    Parameters
    ----------
    a, b : Subject
        Of which it is known what there is.

    Returns
    -------
    Common

    Raises
    ------
    BadInput
        They cannot be compared; one sentence with what does not fit.
    """
    _check_detectors(a, b)
    modules = tuple(one for one in a.modules if one in b.modules)
    if not modules:
        raise BadInput(f"A has modules {_listed(a.modules)} and B has {_listed(b.modules)}; choose results that have "
                       "a module in common.")
    axes = {name: _common_axis(axis, b.axes[name]) for name, axis in a.axes.items() if name in b.axes}
    pairs = _common_results(a, b)
    if not pairs:
        raise BadInput(f"{a.title} and {b.title} have no maps of the same quantity; choose two results of one kind.")
    return Common(modules, axes, pairs, tuple(_notes(a, b, axes, pairs)))


def _check_detectors(a: Subject, b: Subject) -> None:
    for letter, one in (("A", a), ("B", b)):
        if any(base_of(result.name) != result.name for result in one.results):
            raise BadInput(f"{letter} ({one.title}) is a comparison itself; choose one of the two that it compares.")
        if one.kind is None or not one.axes:
            raise BadInput(f"The detector of {letter} ({one.title}) is not known yet; compare it once its runs or "
                           "files have been looked at.")
    assert a.kind is not None
    assert b.kind is not None
    if (a.kind.name, a.kind.shape) != (b.kind.name, b.kind.shape):  # a mode of operation makes a type of its own
        raise BadInput(f"A is of type {_type_of(a)} and B of {_type_of(b)}; choose results of one detector type.")
    if a.identifier and b.identifier and a.identifier != b.identifier:
        raise BadInput(f"A is of {a.identifier} and B of {b.identifier}; choose results of one detector.")


def _type_of(one: Subject) -> str:
    assert one.kind is not None
    return f"{one.kind.name} with {one.kind.shape[0]} × {one.kind.shape[1]} pixels"


def _common_axis(axis: Axis, other: Axis) -> Axis:
    labels = tuple(label for label in axis.labels if label in other.labels)
    if not labels:
        raise BadInput(f"{axis.title}: A has {_listed(axis.labels)} and B has {_listed(other.labels)}; choose "
                       "results that have one in common.")
    return replace(axis, labels=labels)


def _common_results(a: Subject, b: Subject) -> tuple[tuple[Result, Result], ...]:
    others = {one.name: one for one in b.results}
    return tuple((one, others[one.name]) for one in a.results
                 if one.name in others and one.pixels and _alike(one, others[one.name]))


def _alike(one: Result, other: Result) -> bool:
    return (one.over, one.pixels, one.role, one.unit) == (other.over, other.pixels, other.role, other.unit)


def _notes(
    a: Subject, b: Subject, axes: Mapping[str, Axis], pairs: Sequence[tuple[Result, Result]]
) -> Iterator[str]:
    yield from _same_runs(a, b)
    for letter, one, other in (("A", a, "B"), ("B", b, "A")):
        if not one.identifier:
            yield f"It is not known which detector {letter} is of; it is taken to be that of {other}."
    yield from _left_out("Module", a.modules, b.modules)
    for name, axis in axes.items():
        yield from _left_out(axis.title, a.axes[name].labels, b.axes[name].labels)
    yield from _left_out_results(a, b, {one.name for one, _ in pairs})


def _left_out(title: str, in_a: Sequence[Label], in_b: Sequence[Label]) -> Iterator[str]:
    both = [label for label in in_a if label in in_b]
    alone = {"A": [label for label in in_a if label not in both], "B": [label for label in in_b if label not in both]}
    told = [f"{len(labels)} that only {letter} has ({_listed(labels)})" for letter, labels in alone.items() if labels]
    if told:
        yield f"{title}: {len(both)} compared, left out {' and '.join(told)}."


def _left_out_results(a: Subject, b: Subject, compared: set[str]) -> Iterator[str]:
    offered = {"A": [one for one in a.results if not one.hidden], "B": [one for one in b.results if not one.hidden]}
    names = {"A": {one.name for one in a.results}, "B": {one.name for one in b.results}}
    for letter, other in (("A", "B"), ("B", "A")):
        alone = [one.title for one in offered[letter] if one.name not in names[other]]
        if alone:
            yield f"Only {letter} has {_listed(alone)}."
    unlike = [one.title for one in offered["A"] if one.name in names["B"] and one.name not in compared]
    if unlike:
        yield f"Not compared, since they are no maps or not alike in unit and axes: {_listed(unlike)}."


def _listed(labels: Sequence[Label]) -> str:
    """Labels as people read them, whole numbers as ranges, the others up to a bound."""
    if labels and all(isinstance(label, int) and label >= 0 for label in labels):
        return format_numbers(int(label) for label in labels)
    more = len(labels) - _MOST_NAMES
    return ", ".join(map(str, labels[:_MOST_NAMES])) + (f" and {more} more" if more > 0 else "") or "none"


def _runs(one: Subject) -> list[str]:
    """Runs that a subject is made of, by proposal and number, or by path where the name does not tell both."""
    found = [_RUN.fullmatch(line) for line in one.about.get("runs", "").splitlines()]
    return [line["label"] if _IN_THE_FACILITY.fullmatch(line["label"]) else line["path"] for line in found if line]


def _same_runs(a: Subject, b: Subject) -> Iterator[str]:
    """Sentence on runs that both are made of."""
    same = [run for run in dict.fromkeys(_runs(a)) if run in _runs(b)]
    if same:
        yield (f"A and B are both made of {_listed(same)}, so they are not independent: they differ less than two "
               "runs would, and (A−B)/σ is too narrow.")
