"""Results without pixels in the slots: numbers and tables as rows, what is over one axis as curves."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PyQt6.QtCore import QObject, QTimer

from app.panels.maps.slots import Choice
from app.session.session import Session
from app.widgets.number_table import Row, TableColumn
from app.widgets.values_view import Curves, Rows, ValuesView
from calib_core.axes import Array, Axis
from calib_core.subjects.shown import Shown, in_words

#: Numbers above this would hide the differences between neighbours at the ticks of an axis.
_LONG = 1_000_000

_INTERVAL = 250


class ValuesPresenter(QObject):
    """Keeps the slots of results without pixels up to date.

    Parameters
    ----------
    slots : callable
        Gives the views that are to be seen, each with what it shows.
    """

    def __init__(
        self, session: Session, slots: Callable[[], Sequence[tuple[ValuesView, Choice]]],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._slots = session, slots
        self._timer = QTimer(self, singleShot=True, interval=_INTERVAL)
        self._timer.timeout.connect(self.refresh)
        for signal in (session.subject_told, session.pixel_changed):
            signal.connect(self._soon)
        session.picture_changed.connect(self.refresh)

    def refresh(self) -> None:
        """Show the values as they are now."""
        shown = self._session.shown
        for view, choice in self._slots():
            view.show_content(choice.title, choice.unit, content_of(shown, choice))

    def _soon(self) -> None:
        if not self._timer.isActive() and self._slots():
            self._timer.start()


def content_of(shown: Shown, choice: Choice) -> Rows | Curves | None:
    """What a result without pixels looks like: curves where it is over one axis, else rows; None without values.

    Results of modules are side by side: a curve, or rows, for each.
    """
    result, chosen = choice.result, dict(choice.pick.at)
    axes = [shown.axes[name] for name in result.over if name not in chosen]
    place = tuple(chosen.get(name, slice(None)) for name in result.over)
    found = {module: values if result.is_table else values[place] for module, values in _values(shown, result.name)}
    if not found:
        return None
    if len(axes) == 1 and not result.is_table:
        return Curves(name_of(axes[0]), positions(axes[0]), tuple(
            ("" if module is None else f"module {module}", values) for module, values in found.items()))
    of_modules = () if None in found else (TableColumn("module"),)
    columns = tuple(TableColumn(name, "{:.6g}" if kind.kind == "f" else "{}")
                    for name, kind in _columns(choice, axes))
    rows = tuple((*(() if module is None else (module,)), *row)
                 for module, values in found.items() for row in _rows(values, axes))
    return Rows((*of_modules, *columns), rows)


def _values(shown: Shown, name: str) -> Sequence[tuple[int | None, Array]]:
    if shown.subject is None:
        return ()
    found = ((module, shown.subject.values(name, module)) for module in shown.subject.modules or (None,))
    return [(module, values) for module, values in found if values is not None]


def positions(axis: Axis) -> Array:
    """Labels that are numbers, from the first on where they are long; or the numbers of the entries."""
    numbers = all(isinstance(label, int | float) for label in axis.labels)
    return np.asarray(axis.labels if numbers else range(len(axis)), float) - _origin(axis)


def name_of(axis: Axis) -> str:
    """What positions along an axis are, such as ``memory cell``, or ``train − 2000000000`` where numbers are long."""
    return f"{axis.title} − {_origin(axis)}" if _origin(axis) else axis.title


def _origin(axis: Axis) -> int:
    """The first label of those that all have many digits in common, as train ids have."""
    long = len(axis) > 0 and all(isinstance(label, int) and label > _LONG for label in axis.labels)
    return int(axis.labels[0]) if long else 0


def _columns(choice: Choice, axes: Sequence[Axis]) -> list[tuple[str, np.dtype]]:
    kind = choice.result.numpy_dtype
    if kind.names:
        return [(name, kind[name]) for name in kind.names]
    return [*((axis.title, np.dtype("O")) for axis in axes), (choice.heading, kind)]


def _rows(values: Array, axes: Sequence[Axis]) -> list[Row]:
    if values.dtype.names:
        # only NaN is not itself; the table shows a dash for what there is not
        return [tuple(None if one != one else one for one in row.tolist()) for row in values]
    return [(*(in_words(axis, axis.labels[i]) for axis, i in zip(axes, index, strict=True)), values[index].item())
            for index in np.ndindex(values.shape)]
