"""Constants as the verdict reads them: of any subject, image by image."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import numpy as np

from calib_core.axes import Array, Label, Result
from calib_core.characterisation import dark_closure
from calib_core.characterisation.dark_closure_check import agreements
from calib_core.constants.condition import Condition
from calib_core.constants.differences import Images
from calib_core.constants.tested import Test, limits_of
from calib_core.constants.verdict import Halves, Quantity, Stated, compare
from calib_core.errors import BadInput
from calib_core.numerics.closure import SPLITS
from calib_core.store.stated import condition_of
from calib_core.subjects.constant_sets import ConstantSet
from calib_core.subjects.constants import ConstantsSubject

#: Memory for images while constants are judged, MiB; each is read once.
_MEMORY = 128
_TRAINS = next(iter(SPLITS))


class Constants:
    """A set of constants on disk as the verdict reads it; to be closed."""

    def __init__(self, found: ConstantSet) -> None:
        self._found, self._subject = found, ConstantsSubject(found, _MEMORY)
        self._results = {one.name: one for one in self._subject.results}
        self._flags = next((one for one in self._subject.results if one.role == "flags" and not one.hidden), None)

    @property
    def asic_shape(self) -> tuple[int, int]:
        """Pixels of an ASIC (slow_scan, fast_scan)."""
        return self._found.kind.asic_shape

    @property
    def modules(self) -> tuple[int, ...]:
        """Numbers of the modules."""
        return self._subject.modules

    @property
    def cells(self) -> tuple[Label, ...]:
        """Memory cells; one that is nameless where there are none."""
        return self._labels("cell")

    @cached_property
    def quantities(self) -> tuple[Quantity, ...]:
        """What can be compared, as results declare it, and flags."""
        tested = (one for one in self._subject.results if one.verdict and (one.verdict != "shift" or one.noise))
        made = [Quantity(one.name, one.title, str(one.verdict), self._entries(one)) for one in tested]
        flags = self._flags
        return (*made, *([] if flags is None else [Quantity(flags.name, flags.title, "flags", self._entries(flags))]))

    @property
    def without_noise(self) -> tuple[str, ...]:
        """Titles of what is compared in units of a noise that is not there."""
        return tuple(one.title for one in self._subject.results if one.verdict == "shift" and not one.noise)

    def images(self, quantity: Quantity, module: int, entry: Label, cell: Label) -> Images | None:
        """What there is at a place; see `Judged.images`.

        Returns
        -------
        Images or None

        Raises
        ------
        BadInput
            A file cannot be read.
        """
        one = self._results.get(quantity.name)
        if one is None or entry not in self._entries(one):
            return None
        values = self._plane(one, module, entry, cell)
        if values is None:
            return None
        spread, count, flags = (
            None if other is None else self._plane(other, module, entry, cell)
            for other in (self._results.get(one.noise), self._results.get(one.count), self._flags))
        return Images(values, spread, count, flags)

    def stated(self, module: int) -> Stated:
        """What the files of a module say of themselves; see `Judged.stated`.

        Returns
        -------
        Stated
        """
        files = [one for one in self._found.files if self._found.modules[one.pdu] == module]
        condition = Condition(self._found.kind.condition, {
            name: found for one in files for name, found in condition_of(self._found.kind, one).values.items()})
        unsure = tuple(one.database_name for one in condition.parameters
                       if one.name in condition.values and not condition.values[one.name].sure)
        begins = [one.begin for one in files if one.begin is not None]
        return Stated(condition, unsure, min(begins, default=None))

    def closure(self, module: int) -> Mapping[str, Sequence[Halves]]:
        """How even and odd trains agree by gain stage; see `Judged.closure`.

        Returns
        -------
        dict
            Nothing where the files do not tell it.
        """
        values = self._subject.values(dark_closure.CLOSURE.name, module)
        if values is None:
            return {}
        found = {stage: [Halves(one.what, one.shift, one.width, one.width_error, one.pulls, one.common)
                         for one in agreements(numbers) if one.split == _TRAINS]
                 for stage, numbers in zip(self._labels("gain"), values, strict=True)}
        return {str(stage): halves for stage, halves in found.items() if halves}

    def close(self) -> None:
        """Let the files go."""
        self._subject.close()

    def _labels(self, axis: str) -> tuple[Label, ...]:
        return self._subject.axes[axis].labels if axis in self._subject.axes else ("",)

    def _entries(self, one: Result) -> tuple[Label, ...]:
        """Entries of the first axis that is not of memory cells."""
        first = next((axis for axis in one.over if axis != "cell"), "")
        return tuple(label for label in self._labels(first) if not one.tested or label in one.tested)

    def _plane(self, one: Result, module: int, entry: Label, cell: Label) -> Array | None:
        """Image of a result; flags of another axis are those of all its entries together."""
        at = {axis: self._subject.axes[axis].index(label) for axis in one.over
              for label in [cell if axis == "cell" else entry] if label in self._subject.axes[axis].labels}
        missing = [axis for axis in one.over if axis not in at]
        if not missing:
            return self._subject.plane(one.name, module, at)
        [axis] = missing
        every = [self._subject.plane(one.name, module, {**at, axis: i})
                 for i in range(len(self._subject.axes[axis]))]
        there = [plane for plane in every if plane is not None]
        return np.bitwise_or.reduce(there) if there else None


def judge(
    new: ConstantSet, accepted: ConstantSet | None, modules: Sequence[int] = (),
    step: Callable[[int], None] = lambda module: None,
) -> tuple[Test, ...]:
    """All tests of a set of constants against accepted ones; reads every image of both once, so it takes seconds.

    Parameters
    ----------
    new, accepted : ConstantSet
        None where nothing is accepted.
    modules : sequence of int
        All of the new ones unless given.
    step : callable
        Called with the module before each memory cell; may raise Cancelled.

    Returns
    -------
    tuple of Test

    Raises
    ------
    BadInput
        They are of different types, or a file cannot be read.
    """
    if accepted is not None and accepted.kind.shape != new.kind.shape:
        raise BadInput(f"{accepted.title} is of {accepted.kind.title} and {new.title} of {new.kind.title}: their "
                       "pixels cannot be compared.")
    sides = [Constants(one) for one in (new, accepted) if one is not None]
    try:
        a, b = sides[0], sides[1] if len(sides) > 1 else None
        return compare(a, b, limits_of(new.kind.database_type), modules, step)
    finally:
        for one in sides:
            one.close()
