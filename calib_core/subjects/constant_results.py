"""What a set of constants holds: axes and results as the characterisation that would make them declares them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from calib_core.axes import At, Axis, Result
from calib_core.characterisation.family import characterisations
from calib_core.characterisation.method import Method
from calib_core.characterisation.outputs import ConstantOutput
from calib_core.constants.constant import BAD_PIXELS_MANUAL
from calib_core.store.bare_files import calibration_of
from calib_core.store.constants import StoredConstant
from calib_core.store.images import Stack
from calib_core.subjects.constant_axes import Labels, axes_of, known_axes, labels_of
from calib_core.subjects.constant_reasons import named_method
from calib_core.subjects.constant_sets import ConstantSet

#: What people masked, which no characterisation makes.
EXPERT_MASK = Result("expert_mask", "Expert mask", "", "u4", BAD_PIXELS_MANUAL.help, over=(), role="flags",
                     missing=0.0)
#: Place of what no characterisation declares: after all others.
_LAST = 1 << 30


@dataclass(frozen=True)
class Held:
    """A result of one module as a file holds it.

    Attributes
    ----------
    stack : Stack
    axes : tuple of str
        Our names of the leading axes of the stack.
    places : mapping
        By axis: the index in the file of each of its entries, None for entries that the file does not have.
    """

    stack: Stack
    axes: tuple[str, ...]
    places: Mapping[str, tuple[int | None, ...]]

    def index(self, at: At, open_axis: str = "") -> tuple[int, ...] | None:
        """Indices along the leading axes of the stack, None where the file has nothing there.

        Parameters
        ----------
        at : mapping
            Indices along our axes; those beyond an axis stand for its last entry.
        open_axis : str
            Axis along which any entry will do.
        """
        chosen = {axis: 0 if axis == open_axis else places[min(max(at.get(axis, 0), 0), len(places) - 1)]
                  for axis, places in self.places.items()}
        found = tuple(place for axis in self.axes if (place := chosen[axis]) is not None)
        return None if None in chosen.values() else found


@dataclass(frozen=True)
class Contents:
    """What a set holds: axes, results, where they lie by result and module, and sentences on what was guessed."""

    axes: Mapping[str, Axis]
    results: tuple[Result, ...]
    held: Mapping[tuple[str, int], Held]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Declared:
    """How a calibration is to be understood: its result, that of its samples, their places, and axes by file axes.

    ``method`` is the number of the characterisation that makes it.
    """

    result: Result
    count: Result
    renamed: Mapping[str, str]
    method: int
    places: tuple[int, int]


def contents_of(found: ConstantSet) -> Contents:
    """What a set of constants holds.

    Parameters
    ----------
    found : ConstantSet

    Returns
    -------
    Contents
        Each calibration as the result that it is made of: by the characterisation that its provenance names, else
        by the first that makes it; one that none makes is a value under its name in the database.
    """
    methods = _methods(found)
    known, notes = known_axes(found.kind, methods)
    declared = _all_declared(found, methods)
    labels, guessed = {}, set()
    for one in found.files:
        said = declared[one.calibration]
        labels[one.path], counted = labels_of(one, found.kind, known, said.renamed, said.result.over)
        guessed |= counted
    axes = axes_of(list(labels.values()), known)
    places = list(_places(found, declared, labels, axes))
    results = {result.name: (place, result) for place, result, _, _ in reversed(places)}
    held = {(result.name, module): held for _, result, module, held in reversed(places)}
    ordered = tuple(result for _, result in sorted(results.values(), key=lambda one: one[0]))
    return Contents(axes, _linked(ordered), held, (*notes, *_notes(declared, guessed)))


def _methods(found: ConstantSet) -> list[Method]:
    """Characterisations of a type, the one that made the set first."""
    named = named_method(found.files[0])
    return [*([] if named is None else [named]), *(method for _, method in characterisations(found.kind))]


def _all_declared(found: ConstantSet, methods: Sequence[Method]) -> dict[str, _Declared]:
    """How each calibration is to be understood; two never share a result, but samples where one method made both."""
    made = {one.calibration: _declared(one, found, methods) for one in found.files}
    owners: dict[str, object] = {}
    unique = {}
    for name, said in sorted(made.items(), key=lambda item: (item[1].places, item[0])):
        result, count = said.result, said.count
        if owners.setdefault(result.name, name) != name:
            result = replace(result, name=name, title=f"{result.title} ({name})")
        if owners.setdefault(count.name, said.method) != said.method:
            count = replace(count, name=f"{name} samples", title=f"{count.title} ({name})")
        unique[name] = replace(said, result=result, count=count)
    return unique


def _declared(one: StoredConstant, found: ConstantSet, methods: Sequence[Method]) -> _Declared:
    kind = str(one.attributes.get("kind") or calibration_of(found.kind, one.calibration)[0])
    stored = found.kind.calibrations.get(kind)
    written_as = stored.written_as if stored else {}
    unknown = _unknown_count(one)
    for number, method in enumerate(methods):
        for output in method.outputs(found.kind):
            if isinstance(output, ConstantOutput) and output.kind.name == kind:
                order = {result.name: (place, result) for place, result in enumerate(method.results(found.kind))}
                place, result = order[output.result]
                place_of_count, count = order.get(output.count, (_LAST, unknown))
                renamed = {written: axis for axis, written in written_as.items() if axis in result.over}
                return _Declared(result, count, renamed, number, (place, place_of_count))
    if kind == BAD_PIXELS_MANUAL.name:
        return _Declared(EXPERT_MASK, unknown, {}, len(methods), (_LAST, _LAST))
    dtype = np.dtype(one.dtype)
    plain = "f4" if dtype.kind == "f" else dtype.newbyteorder("=").str
    unit = str(one.attributes.get("unit", ""))
    value = Result(one.calibration, one.calibration, unit, plain, f"Constant {one.calibration}", over=())
    return _Declared(value, unknown, {written: axis for axis, written in written_as.items()}, _LAST, (_LAST, _LAST))


def _unknown_count(one: StoredConstant) -> Result:
    return Result(f"{one.calibration} samples", f"Samples of {one.calibration}", "frames", "u4",
                  f"Samples behind {one.calibration}", over=(), role="count", missing=0.0)


def _places(
    found: ConstantSet, declared: Mapping[str, _Declared], labels: Mapping[Path, Labels], axes: Mapping[str, Axis]
) -> Iterator[tuple[tuple[int, int, str], Result, int, Held]]:
    """Where each result of each module lies, with its place among the results; the first counts."""
    for one in sorted(found.files, key=lambda one: (declared[one.calibration].places, one.calibration)):
        said, own = declared[one.calibration], labels[one.path]
        for result, part, place in zip((said.result, said.count), ("data", "count"), said.places, strict=True):
            if part in one.chunks:
                over = (*(axis for axis in result.over if axis in own), *(a for a in own if a not in result.over))
                yield ((said.method, place, result.name), replace(result, over=over), found.modules[one.pdu],
                       _held(one, part, result, own, said, axes))


def _held(
    one: StoredConstant, part: str, result: Result, own: Labels, said: _Declared, axes: Mapping[str, Axis]
) -> Held:
    stack = Stack(one, part, result.numpy_dtype)
    names = dict(zip(stack.leading, (axis for axis in own), strict=False))
    places = {axis: tuple(labels.index(label) if label in labels else None for label in axes[axis].labels)
              for axis, labels in own.items()}
    return Held(stack, tuple(names.values()), places)


def _linked(results: tuple[Result, ...]) -> tuple[Result, ...]:
    """Results without references to others that the set does not have."""
    names = {one.name for one in results}
    return tuple(replace(_of_what_is_there(one, names), noise=one.noise if one.noise in names else "",
                         scale_of=one.scale_of if one.scale_of in names else "") for one in results)


def _of_what_is_there(one: Result, names: set[str]) -> Result:
    """A mean whose spread is not there does not name its samples either: it would pass for a spread itself."""
    return one if not one.error or one.error in names else replace(one, error="", count="")


def _notes(declared: Mapping[str, _Declared], guessed: set[str]) -> Iterator[str]:
    unknown = [name for name, said in declared.items() if said.method == _LAST]
    if unknown:
        yield (f"No characterisation makes {', '.join(unknown)}; what is in the file is shown as values, without "
               "more about it.")
    if guessed:
        yield (f"The files do not name the entries along {', '.join(sorted(guessed))}: they are named as the "
               "detector type has them where their number fits, and counted from 0 elsewhere.")
