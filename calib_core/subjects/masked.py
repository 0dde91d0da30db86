"""A subject with what people masked in it: flags, reasons and a note, as if the results had them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast

import numpy as np

from calib_core.axes import Array, At, Pick, Picture, Result, View
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import BAD_PIXELS_MANUAL
from calib_core.constants.expert_mask import MaskBook, MaskEntry, ModuleMask
from calib_core.detector import Detector, Module
from calib_core.explanation import Reason
from calib_core.subjects.base import Subject
from calib_core.subjects.shown import final_flags

#: Flags of a subject that has none of its own.
_OWN = Result("bad_pixels_manual", "Expert mask", "", "u4", BAD_PIXELS_MANUAL.help, over=(), role="flags",
              missing=0.0, hidden=True)


@dataclass
class Masks:
    """What people masked, as it is known now; replaced as a whole, and each time there is one version more."""

    book: MaskBook = field(default_factory=MaskBook)
    version: int = 0

    def take(self, book: MaskBook) -> None:
        """Let other masks hold from now on."""
        self.book, self.version = book, self.version + 1


class MaskedSubject:
    """A subject whose final flags have those that people chose for its modules, at the time of its data.

    All else is the subject's own. Where it has no flags, those of people are its flags.

    Parameters
    ----------
    subject : Subject
    masks : Masks
        Looked at whenever something is asked for.
    """

    def __init__(self, subject: Subject, masks: Masks) -> None:
        self.bare, self._masks = subject, masks
        self._made: tuple[Picture | None, int, Picture | None] = (None, -1, None)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bare, name)

    @property
    def results(self) -> tuple[Result, ...]:
        """Those of the subject, flags among them where there are pixels."""
        own = self.bare.results
        return own if not any(one.pixels for one in own) or final_flags(own) is not None else (*own, _OWN)

    @property
    def version(self) -> int:
        """Grows with that of the subject and of the masks."""
        return self.bare.version + self._masks.version

    @property
    def picture(self) -> Picture | None:
        """The newest of the subject, with the flags of people."""
        picture, version = self.bare.picture, self._masks.version
        if picture is None:
            return None
        if self._made[0] is not picture or self._made[1] != version:
            self._made = picture, version, self._with_flags(picture)
        return self._made[2]

    @property
    def notes(self) -> tuple[str, ...]:
        """Those of the subject, and how much is masked by whom."""
        return (*self.bare.notes, *self._told())

    def look_at(self, view: View) -> None:
        """Ask for a picture of a view; flags that the subject has not are not asked for."""
        self.bare.look_at(replace(view, picks=tuple(one for one in view.picks if one.result != _OWN.name)))

    def plane(self, result: str, module: int, at: At) -> Array | None:
        """Image of a result at a place; see `Subject.plane`."""
        own = self._nothing() if result == _OWN.name else self.bare.plane(result, module, at)
        flags = self._flags(module, at) if own is not None and self._is_flags(result) else None
        return own if flags is None or own is None else own | flags

    def along(self, result: str, axis: str, module: int, row: int, col: int, at: At) -> Array:
        """One pixel of a result along an axis; see `Subject.along`."""
        length = len(self.bare.axes[axis])
        own = np.zeros(length) if result == _OWN.name else self.bare.along(result, axis, module, row, col, at)
        if not self._is_flags(result) or not any(self._entries(module, row, col)):
            return own
        more = [self._at_pixel(module, row, col, {**at, axis: index}) for index in range(length)]
        bits = np.nan_to_num(own).astype(np.uint32) | np.array(more, np.uint32)
        return np.where(np.isfinite(own), bits, np.nan)

    def reasons(self, module: int, row: int, col: int, at: At) -> tuple[Reason, ...]:
        """Why a pixel has its flags: what rules say, and what people said."""
        here = (one for one in self._entries(module, row, col) if one.holds_at(self.bare.when, *self._labels(at)))
        said = [_reason(one, flag) for one in here for flag in BadPixels if flag & one.flags]
        return (*self.bare.reasons(module, row, col, at), *said)

    def _nothing(self) -> Array:
        assert self.bare.kind is not None
        return np.zeros(self.bare.kind.shape, np.uint32)

    def _is_flags(self, name: str) -> bool:
        flags = final_flags(self.results)
        return flags is not None and flags.name == name

    def _mask(self, module: int) -> ModuleMask | None:
        """Mask of a module's unit, None where nobody masked any of its pixels."""
        found, kind = self._masks.book.modules.get(self.bare.units.get(module, "")), self.bare.kind
        return found if found is not None and kind is not None and found.shape == kind.shape else None

    def _labels(self, at: At) -> tuple[int | None, str | None]:
        """Memory cell and gain stage at a place; None where the subject has none."""
        axes = self.bare.axes
        cell, stage = (axes[name].labels[min(max(at.get(name, 0), 0), len(axes[name]) - 1)]
                       if name in axes and len(axes[name]) else None for name in ("cell", "gain"))
        return cast("int | None", cell), cast("str | None", stage)

    def _flags(self, module: int, at: At) -> Array | None:
        mask = self._mask(module)
        return None if mask is None else mask.flags(self.bare.when, *self._labels(at))

    def _entries(self, module: int, row: int, col: int) -> Iterator[MaskEntry]:
        mask = self._mask(module)
        return iter(()) if mask is None else mask.at_pixel(row, col)

    def _at_pixel(self, module: int, row: int, col: int, at: At) -> int:
        labels, found = self._labels(at), 0
        for one in self._entries(module, row, col):
            found |= one.flags if one.holds_at(self.bare.when, *labels) else 0
        return found

    def _with_flags(self, picture: Picture) -> Picture:
        flags = final_flags(self.results)
        if flags is None or self.bare.kind is None:
            return picture
        pick, more = Pick(flags.name), {i: found for i, module in enumerate(picture.modules)
                                        if (found := self._flags(module, picture.view.at)) is not None}
        own = picture.maps.get(pick)
        if not more or (own is None and flags.name != _OWN.name):
            return picture
        merged = np.zeros((len(picture.modules), *self.bare.kind.shape), np.uint32) if own is None else own.copy()
        for i, found in more.items():
            merged[i] |= found
        merged.setflags(write=False)
        return replace(picture, maps={**picture.maps, pick: merged}, made_of=picture)

    def _told(self) -> Iterator[str]:
        units = set(self.bare.units.values())
        held = [one for one in self._masks.book.told if one.counts and units & set(one.units)
                and one.entry.holds_at(self.bare.when, None, None)]
        if held:
            first, number = held[0].entry, sum(int(mask.flags(self.bare.when).astype(bool).sum()) for module in
                                               self.bare.modules if (mask := self._mask(module)) is not None)
            yield (f"{number:,} pixel{'s' if number != 1 else ''} masked by people, in {len(held)} "
                   f"entr{'ies' if len(held) > 1 else 'y'}; the last by {first.author}, "
                   f"{_minute(first.time)} UTC: {first.reason}")


def detector_of(subject: Subject) -> Detector | None:
    """The detector of a subject with those of its modules whose units are known; None where there are none."""
    kind = subject.kind
    if kind is None:
        return None
    modules = tuple(Module(number, "", "".join(kind.raw.usual(number)), unit)
                    for number, unit in sorted(subject.units.items()) if unit)
    return Detector(subject.identifier, kind, modules) if modules else None


def masked(subject: Subject, masks: Masks) -> Subject:
    """A subject with what people masked in it.

    Parameters
    ----------
    subject : Subject
    masks : Masks
    """
    return cast(Subject, MaskedSubject(subject, masks))


def bare(subject: Subject | None) -> Subject | None:
    """The subject that a masked one stands for; any other as it is."""
    return subject.bare if isinstance(subject, MaskedSubject) else subject


def _reason(one: MaskEntry, flag: BadPixels) -> Reason:
    nan = float("nan")
    return Reason(int(flag), "", nan, "", -np.inf, np.inf, nan, nan, True,
                  f"Masked by {one.author}, {_minute(one.time)} UTC ({one.drawn}): {one.reason}")


def _minute(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M}"
