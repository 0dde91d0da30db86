"""Axes of constants on disk: names as results have them, labels from the files or from the detector type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from calib_core.axes import Axis, Label
from calib_core.characterisation.method import Method
from calib_core.characterisation.unit import Context
from calib_core.detector import DetectorType
from calib_core.store.constants import StoredConstant
from calib_core.store.images import PIXELS

#: Labels of a file's entries by the names of axes: first those that its array has, in its order.
Labels = dict[str, tuple[Label, ...]]


def known_axes(kind: DetectorType, methods: Sequence[Method]) -> tuple[dict[str, Axis], tuple[str, ...]]:
    """Axes that characterisations declare, and sentences on those that cannot be asked.

    Parameters
    ----------
    kind : DetectorType
    methods : sequence of Method
        The first that declares an axis counts.

    Returns
    -------
    axes : dict of Axis
        By name; the labels of those that follow from the data are not to be used.
    notes : tuple of str
    """
    found: dict[str, Axis] = {}
    notes = []
    for method in methods:
        try:
            declared = method.axes(Context(kind, (0,)))
        except Exception as error:  # a characterisation may need more of its inputs than there is on disk
            notes.append(f"The axes of {method.title} are named as in the files, since it does not tell them without "
                         f"its inputs ({type(error).__name__}: {error}).")
        else:
            found = {**{axis.name: axis for axis in declared}, **found}
    usual = {"gain": Axis("gain", "Gain stage", ()), "cell": Axis("cell", "Memory cell", ())}
    return {**usual, **found}, tuple(dict.fromkeys(notes))


def labels_of(
    stored: StoredConstant, kind: DetectorType, known: Mapping[str, Axis], renamed: Mapping[str, str],
    over: Sequence[str],
) -> tuple[Labels, set[str]]:
    """Labels of a file's entries, and the titles of axes that it does not name the entries of.

    Parameters
    ----------
    stored : StoredConstant
        Its axes have names.
    kind : DetectorType
    known : mapping of Axis
    renamed : mapping
        Axes of results by those of the file.
    over : sequence of str
        Axes of the result; those that the file leaves out have one entry, whose label it may tell all the same.
    """
    said = stored.attributes.get("axes")
    told = said if isinstance(said, Mapping) else {}
    found: Labels = {}
    guessed = set()
    for dim, length in zip(stored.dims, stored.shape, strict=True):
        if dim not in PIXELS:
            axis, labels = renamed.get(dim, dim), _told(told.get(dim), length)
            if not labels:
                axis, labels = _counted(stored, axis, length, kind, known)
                guessed.add(known[axis].title.lower() if axis in known else axis)
            found[axis] = labels
    for axis in over:
        written = next((dim for dim, name in renamed.items() if name == axis), axis)
        alone = _told(told.get(written), 1) or _only(axis, kind)
        if axis not in found and alone:
            found[axis] = alone
    return found, guessed


def _told(labels: Any, length: int) -> tuple[Label, ...]:
    """Labels as a file tells them; none where they are not one different label for each entry."""
    fits = isinstance(labels, list) and len(labels) == length and all(isinstance(one, str | int | float)
                                                                      for one in labels)
    return tuple(labels) if fits and len(set(labels)) == length else ()


def _counted(
    stored: StoredConstant, axis: str, length: int, kind: DetectorType, known: Mapping[str, Axis]
) -> tuple[str, tuple[Label, ...]]:
    """Name and labels of an axis whose entries the file does not name; its own one where it is not that of others."""
    stages = tuple(stage.short for stage in kind.stages)
    if axis == "gain":
        return (axis, stages) if len(stages) == length else (f"{axis} of {stored.calibration}", tuple(range(length)))
    same = axis in known and len(known[axis]) == length
    return axis, known[axis].labels if same else tuple(range(length))


def _only(axis: str, kind: DetectorType) -> tuple[Label, ...]:
    """Label of the only entry of an axis that is left out in files."""
    if axis == "gain":
        return (kind.stages[0].short,) if len(kind.stages) == 1 else ()
    return (0,) if axis == "cell" else ()


def axes_of(files: Sequence[Labels], known: Mapping[str, Axis]) -> dict[str, Axis]:
    """Axes of all files together.

    Parameters
    ----------
    files : sequence of Labels
    known : mapping of Axis
        Their order, titles and units.

    Returns
    -------
    dict of Axis
        By name; each has the entries of all files: as in the file with the most where it has all, else numbers in
        ascending order and names as they come.
    """
    names = dict.fromkeys((*known, *(name for labels in files for name in labels)))
    found = {}
    for name in names:
        all_labels = sorted((labels[name] for labels in files if name in labels), key=len, reverse=True)
        if all_labels:
            axis = known[name] if name in known else Axis(name, name[:1].upper() + name[1:].replace("_", " "), ())
            found[name] = axis.relabelled(_united(all_labels))
    return found


def _united(all_labels: Sequence[tuple[Label, ...]]) -> tuple[Label, ...]:
    longest = all_labels[0]
    every = tuple(dict.fromkeys(label for labels in all_labels for label in labels))
    if len(every) == len(longest) or any(isinstance(label, str) for label in every):
        return every
    return tuple(sorted(every))
