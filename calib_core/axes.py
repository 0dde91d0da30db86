"""Named axes of results: what the program counts besides pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: What an entry of an axis is called: a gain stage's name, the number of a memory cell, a current.
Label = str | int | float


@dataclass(frozen=True)
class Axis:
    """A named axis of results: gain, cell, threshold, scan, parameter.

    Inside the core its entries are addressed by their index. Labels are for matching frames, for files, and for
    whoever looks at results.

    Attributes
    ----------
    name, title : str
        In declarations, and on the screen.
    labels : tuple of str or of numbers
    unit : str
        Of the labels.
    of_slot : bool
        Whether several of its entries are looked at side by side, as thresholds are.
    """

    name: str
    title: str
    labels: tuple[Label, ...]
    unit: str = ""
    of_slot: bool = False

    def __len__(self) -> int:
        """Number of entries."""
        return len(self.labels)

    def index(self, label: Label) -> int:
        """Index of a label; ValueError where there is none such."""
        return self.labels.index(label)

    def indices(self, labels: Sequence[Label]) -> tuple[int, ...]:
        """Indices of several labels."""
        place = {label: index for index, label in enumerate(self.labels)}
        return tuple(place[label] for label in labels)

    def nearest(self, label: Label) -> int:
        """Index of the label, or of the nearest number; 0 where it is neither here nor a number."""
        if label in self.labels:
            return self.labels.index(label)
        numbers = [abs(one - label) if _both_numbers(one, label) else float("inf")  # type: ignore[operator]
                   for one in self.labels]
        return min(range(len(numbers)), key=numbers.__getitem__, default=0)


def _both_numbers(one: Label, other: Label) -> bool:
    return isinstance(one, int | float) and isinstance(other, int | float)
