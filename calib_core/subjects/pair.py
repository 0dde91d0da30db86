"""Two subjects compared, itself a subject: A, B, A−B, A/B, (A−B)/σ, and the flags that came and went."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from calib_core.axes import Array, At, Axis, Pick, Picture, Result, View, picks_of
from calib_core.composer import Composer
from calib_core.detector import DetectorType
from calib_core.explanation import PLAINLY, Asked, Explanation, Reason, RowFrames
from calib_core.remarks import Remark
from calib_core.subjects.base import Subject
from calib_core.subjects.common import Common, Planes, common_of
from calib_core.subjects.news import News
from calib_core.subjects.variants import (
    Get,
    Role,
    Variant,
    base_of,
    is_error_known,
    values_of,
    variant_of,
    variants_of,
)


@dataclass(frozen=True)
class _Made:
    """A result of the pair: what it is made of, and how."""

    result: Result
    variant: Variant
    of: Result


class PairSubject:
    """Two subjects compared where both have something; see :class:`Subject` for its face.

    Places are indices along the pair's own axes, which have the labels that A and B both have in the order of A; each
    is taken to the entries of A and B that have the same label. Names of results follow :data:`VARIANTS`. Neither A
    nor B is closed or asked to look at anything. The version also grows when the notes change.

    Parameters
    ----------
    a, b : Subject
        Of which it is known what there is.

    Raises
    ------
    BadInput
        They cannot be compared; one sentence with what does not fit.
    """

    def __init__(self, a: Subject, b: Subject) -> None:
        self.a, self.b = a, b
        common = common_of(a, b)
        assert a.kind is not None
        self.kind: DetectorType = a.kind
        self.identifier = a.identifier or b.identifier
        self.modules: tuple[int, ...] = common.modules
        self.axes: Mapping[str, Axis] = common.axes
        self._sides = {"a": common.side("A", a), "b": common.side("B", b)}
        self._made = _made_of(common)
        self.results: tuple[Result, ...] = tuple(one.result for one in self._made.values())
        self._notes, self._trouble = (*common.notes, *_without_errors(self._made)), ""
        self._lock = threading.Lock()
        self._shown: tuple[int, Picture | None] = (1, None)
        self._news = News((a, b))
        self._composer = Composer(self._pictures, self._publish, self._tell, self._news.again)

    @property
    def title(self) -> str:
        """Titles of both; the detector once where they are of the same."""
        same = f"{self.a.identifier} · " if self.a.identifier == self.b.identifier != "" else ""
        return f"A: {self.a.title} │ B: {self.b.title.removeprefix(same)}"

    @property
    def ended(self) -> bool:
        """Whether both have."""
        return self.a.ended and self.b.ended

    @property
    def state(self) -> str:
        """States of both."""
        return f"A {self.a.state} · B {self.b.state}"

    @property
    def when(self) -> datetime | None:
        """When the data of A were recorded."""
        return self.a.when

    @property
    def units(self) -> Mapping[int, str]:
        """Units of the modules of A."""
        return self.a.units

    @property
    def about(self) -> Mapping[str, str]:
        """What is known of both, side by side: each heading of A and of B, with its letter before it."""
        found = {"A": self.a.about, "B": self.b.about}
        return {f"{letter}: {heading}": one[heading] for heading in dict.fromkeys((*found["A"], *found["B"]))
                for letter, one in found.items() if heading in one}

    @property
    def files(self) -> tuple[Path, ...]:
        """Files of both, each once."""
        return tuple(dict.fromkeys((*self.a.files, *self.b.files)))

    @property
    def notes(self) -> tuple[str, ...]:
        """What is left out and what went wrong, then the notes of both with their letters."""
        own = (*self._notes, self._trouble) if self._trouble else self._notes
        return (*own, *(f"A: {note}" for note in self.a.notes), *(f"B: {note}" for note in self.b.notes))

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """What is remarkable of A, then of B."""
        return (*self.a.remarks, *self.b.remarks)

    @property
    def version(self) -> int:
        """Grows with each picture, and when there is trouble with one."""
        return self._shown[0]

    @property
    def picture(self) -> Picture | None:
        """The newest, None before something is looked at."""
        return self._shown[1]

    def look_at(self, view: View) -> None:
        """Ask for a picture of a view; returns at once, and only the newest view counts.

        Parameters
        ----------
        view : View
            Indices along the pair's axes; those beyond an axis stand for its last entry.
        """
        self._composer.look_at(view)

    def along(self, result: str, axis: str, module: int, row: int, col: int, at: At) -> Array:
        """One pixel of a result along an axis of the pair; see `Subject.along`.

        Returns
        -------
        (n,) float64
            NaN where there is nothing, or where flags of A or B are not known; empty where A or B, if needed, has
            none yet.
        """

        def get(letter: str, name: str) -> Array | None:
            side = self._sides[letter]
            curve = side.subject.along(name, axis, module, row, col, side.at(at))
            return curve[list(side.indices[axis])] if len(curve) else None

        found = values_of(self._made[result].variant, self._made[result].of, get)
        return np.empty(0) if found is None else found

    def plane(self, result: str, module: int, at: At) -> Array | None:
        """Image of a result at a place of the pair; see `Subject.plane`.

        Returns
        -------
        (slow_scan, fast_scan) array or None
        """
        return self._plane(self._made[result], Planes(self._sides, module).at(at))

    def values(self, result: str, module: int | None = None) -> Array | None:
        """None: results without pixels are not compared."""
        return None

    def explain(self, module: int, row: int, col: int, at: At, asked: Asked = PLAINLY) -> Explanation | None:
        """What the raw data of a pixel of A say at a place of the pair; see `Subject.explain`.

        Returns
        -------
        Explanation or None
        """
        return self.a.explain(module, row, col, self._sides["a"].at(at), asked)

    def try_part(self, module: int, row: int, col: int, at: At, asked: Asked) -> None:
        """Nothing: it was made with the parameters that it has."""

    def reasons(self, module: int, row: int, col: int, at: At) -> tuple[Reason, ...]:
        """Why a pixel of A has the flags that it has at a place of the pair; see `Subject.reasons`.

        Returns
        -------
        tuple of Reason
        """
        return self.a.reasons(module, row, col, self._sides["a"].at(at))

    def frames(self, module: int, row: int, at: At) -> RowFrames | None:
        """Raw samples of a row of pixels of A at a place of the pair; see `Subject.frames`.

        Returns
        -------
        RowFrames or None
        """
        return self.a.frames(module, row, self._sides["a"].at(at))

    def role_of(self, name: str) -> Role:
        """Role of the result that a variant is made of."""
        return self._made[name].of.role

    def variant(self, name: str, key: str) -> str:
        """Name of a variant, or of the nearest that the pair has.

        Parameters
        ----------
        name : str
            Of a result of the pair.
        key : str
            Of :data:`VARIANTS`.

        Returns
        -------
        str
            A−B where there is no such; of flags, that of the result itself, which is A or B.
        """
        role = self.role_of(name)
        wanted = [variant_of(name, one, role) for one in (key, "difference")]
        of_role = [one for one in wanted if one in self._made]
        return of_role[0] if of_role else base_of(name)

    def close(self) -> None:
        """End the thread; A and B stay as they are."""
        self._composer.stop()

    def _plane(self, made: _Made, get: Get) -> Array | None:
        found = values_of(made.variant, made.of, get)
        with np.errstate(over="ignore"):
            return None if found is None else found.astype(made.result.numpy_dtype, copy=False)

    def _publish(self, picture: Picture | None) -> None:
        with self._lock:
            self._shown = (self._shown[0] + 1, picture)

    def _tell(self, words: str) -> None:
        """Take words on trouble with pictures, or that it is over."""
        sentence = f"The picture of the comparison is not up to date: {words}" if words else ""
        if sentence != self._trouble:
            self._trouble = sentence
            self._publish(self.picture)

    def _pictures(self, view: View) -> Iterator[Picture]:
        return self._news.pictures(view, self._compose)

    def _compose(self, view: View) -> Picture:
        modules = tuple(one for one in self.modules if not view.modules or one in view.modules)
        made = self._picked(view)
        maps = {pick: np.full((len(modules), *self.kind.shape), one.result.blank, one.result.numpy_dtype)
                for pick, one in made.items()}
        coverage = np.ones(len(modules))
        for i, module in enumerate(modules):
            planes = Planes(self._sides, module)
            for pick, out in maps.items():
                found = self._plane(made[pick], planes.at({**view.at, **dict(pick.at)}))
                out[i] = out[i] if found is None else found
            coverage[i] = planes.coverage
        for out in maps.values():
            out.setflags(write=False)
        return Picture(view, modules, maps, coverage)

    def _picked(self, view: View) -> dict[Pick, _Made]:
        """Results that the view wants, or all that are offered."""
        picks = view.picks or [pick for one in self.results if not one.hidden for pick in picks_of(one, self.axes)]
        return {pick: self._made[pick.result] for pick in picks if pick.result in self._made}


def pair(a: Subject, b: Subject) -> PairSubject:
    """Two subjects compared.

    Parameters
    ----------
    a, b : Subject
        Of which it is known what there is.

    Returns
    -------
    PairSubject

    Raises
    ------
    BadInput
        They cannot be compared; one sentence with what does not fit.
    """
    return PairSubject(a, b)


def _made_of(common: Common) -> dict[str, _Made]:
    """Results of a pair by name, those of one result after each other."""
    of_a, of_b = ([one[side] for one in common.results] for side in (0, 1))
    names = [one.name for one in of_a]
    made: dict[str, _Made] = {}
    for one, other in common.results:
        known = (one.error, one.count) == (other.error, other.count) and \
            is_error_known(one, of_a) and is_error_known(other, of_b)
        made |= {result.name: _Made(result, variant, one)
                 for variant, result in variants_of(one, other, names, error_known=known)}
    return made


def _without_errors(made: Mapping[str, _Made]) -> Sequence[str]:
    """Sentence on values whose statistical errors are not known."""
    with_errors = {one.of.name for one in made.values() if one.variant.key == "pull"}
    titles = dict.fromkeys(one.of.title for one in made.values()
                           if one.of.role == "value" and not one.of.hidden and one.of.name not in with_errors)
    return [f"Without (A−B)/σ, since the samples behind it are not known: {', '.join(titles)}."] if titles else []
