"""Which map each slot shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from calib_core.characterisation.method import MapSpec
from calib_core.jobs.board import Picture

SLOT_COUNTS = (1, 2, 4, 6)

#: Map whose values are the error of another map's.
ERROR_OF = {"offset": "noise", "gain_signal": "gain_signal_noise"}


@dataclass(frozen=True)
class Choice:
    """A map, or one plane of a map that has several, as it can be put into a slot.

    ``key`` names it in the kept session.
    """

    spec: MapSpec
    plane: int | None = None

    @property
    def key(self) -> str:
        """Name of the map, with the number of the plane where it has several."""
        return self.spec.name if self.plane is None else f"{self.spec.name}/{self.plane}"

    @property
    def title(self) -> str:
        """Name for the screen, without the unit."""
        return self.spec.title if self.plane is None else f"{self.spec.title} {self.spec.planes[self.plane]}"

    @property
    def heading(self) -> str:
        """Name for the screen, with the unit."""
        return f"{self.title} [{self.spec.unit}]" if self.spec.unit else self.title

    def values(self, picture: Picture) -> npt.NDArray[np.generic] | None:
        """The map's (modules, slow_scan, fast_scan) values in a picture, or None where it is not in it."""
        values = picture.maps.get(self.spec.name)
        if values is None or self.plane is None:
            return values
        return values[:, self.plane]

    def value_text(self, value: float) -> str:
        """Value with its unit; counts whole, five digits else, a dash without data."""
        if not np.isfinite(value):
            return "–"
        text = f"{value:.0f}" if np.dtype(self.spec.dtype).kind in "ui" else f"{value:.5g}"
        return f"{text} {self.spec.unit}".rstrip()


def choices(maps: Sequence[MapSpec]) -> tuple[Choice, ...]:
    """All that can be put into a slot, in the order of the method."""
    return tuple(
        Choice(spec, plane)
        for spec in maps if not spec.hidden
        for plane in (range(len(spec.planes)) if spec.planes else (None,))
    )


def flags_of(picture: Picture, maps: Sequence[MapSpec]) -> npt.NDArray[np.uint32] | None:
    """Bad-pixel flags (modules, slow_scan, fast_scan) of a picture, None where it has none."""
    name = flags_name(maps)
    return None if name is None else picture.maps.get(name)


def flags_name(maps: Sequence[MapSpec]) -> str | None:
    """Name of the map of final flags, one per gain stage; maps of flags with planes tell how they came about."""
    return next((spec.name for spec in maps if spec.flags and not spec.planes), None)


def scale_owner(choice: Choice, offered: Sequence[Choice]) -> Choice:
    """The map whose levels a map shares; itself where it has its own or the other is not offered."""
    return next((c for c in offered if c.spec.name == choice.spec.scale_of), choice)


def names_behind(chosen: Sequence[Choice], maps: Sequence[MapSpec], *, errors: bool) -> tuple[str, ...]:
    """Names of all maps that are needed to show some: themselves, flags, owners of levels, and errors if wanted."""
    names = {choice.spec.name for choice in chosen} | {choice.spec.scale_of for choice in chosen} | {flags_name(maps)}
    if errors:
        names |= {ERROR_OF.get(choice.spec.name) for choice in chosen}
    return tuple(sorted(spec.name for spec in maps if spec.name in names))


def fill(keys: Sequence[str], offered: Sequence[Choice], count: int) -> tuple[str, ...]:
    """Keys for ``count`` slots: those wanted as far as they exist, then the maps that are not shown yet."""
    known = [choice.key for choice in offered]
    wanted = [key for key in keys[:count] if key in known]
    spare = [key for key in known if key not in wanted]
    return tuple((wanted + spare + known * count)[:count]) if known else ()
