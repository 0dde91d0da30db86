"""Which map each slot shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from calib_core.axes import Axis, Pick, Picture, Result, picks_of, unit_of
from calib_core.subjects.pair import PairSubject
from calib_core.subjects.shown import STAGE, Shown, final_flags
from calib_core.subjects.variants import base_of, variant_in, variant_of

SLOT_COUNTS = (1, 2, 4, 6)


@dataclass(frozen=True)
class Choice:
    """A result, or one entry of its axes of slots, as it can be put into a slot.

    ``key`` names it in the kept session; ``unit`` is that of its values.
    """

    result: Result
    pick: Pick
    entry: str = ""
    unit: str = ""

    @property
    def key(self) -> str:
        """Name of the result, with the indices of the entry where it has several."""
        return "/".join((self.result.name, *(str(index) for _, index in self.pick.at)))

    @property
    def title(self) -> str:
        """Name for the screen, without the unit."""
        return f"{self.result.title} {self.entry}".strip()

    @property
    def heading(self) -> str:
        """Name for the screen, with the unit."""
        return f"{self.title} [{self.unit}]" if self.unit else self.title

    @property
    def is_flags(self) -> bool:
        """Whether it shows bad-pixel flags."""
        return self.result.role == "flags"

    def values(self, picture: Picture) -> npt.NDArray[np.generic] | None:
        """The (modules, slow_scan, fast_scan) values in a picture, or None where they are not in it."""
        return picture.maps.get(self.pick)

    def value_text(self, value: float) -> str:
        """Value with its unit; counts whole, five digits else, a dash without data."""
        if not np.isfinite(value):
            return "–"
        text = f"{value:.0f}" if self.result.numpy_dtype.kind in "ui" else f"{value:.5g}"
        return f"{text} {self.unit}".rstrip()


def result_of(key: str) -> str:
    """Name of the result of a choice's key."""
    return key.split("/", maxsplit=1)[0]


def centre_of(choice: Choice | None) -> float | None:
    """Value that means no difference, None for maps that are no comparison."""
    return None if choice is None or np.isnan(choice.result.centre) else choice.result.centre


def choices(results: Sequence[Result], axes: Mapping[str, Axis]) -> tuple[Choice, ...]:
    """All that can be put into a slot, in the order of the method."""
    return tuple(
        Choice(one, pick, " ".join(str(axes[axis].labels[index]) for axis, index in pick.at),
               unit_of(one, dict(pick.at), axes))
        for one in results if not one.hidden for pick in picks_of(one, axes)
    )


def counted(picture: Picture) -> str:
    """Such as “120 of 400 frames”, “0–120 of 400 frames” of modules that differ; empty where nothing is counted.

    Where nobody knows beforehand how many there will be, as of what earlier jobs have counted, it is “120 frames”.
    """
    if picture.counts is None or not picture.counts.size:
        return ""
    done, whole = (f"{least:,}" if least == most else f"{least:,}–{most:,}"
                   for least, most in zip(picture.counts.min(axis=1), picture.counts.max(axis=1), strict=True))
    words = done if whole == "0" else f"{done} of {whole}"
    return f"{words} {picture.counted}{'' if whole == '1' else 's'}"


def flags_of(picture: Picture, shown: Shown) -> npt.NDArray[np.uint32] | None:
    """Bad-pixel flags (modules, slow_scan, fast_scan) in a picture of what is shown, None where there are none."""
    return None if shown.flags is None else picture.maps.get(Pick(shown.flags.name))


def changes_of(flags: Result) -> tuple[str, str]:
    """Names of the flags that a comparison finds new and healed."""
    return variant_of(flags.name, "new", "flags"), variant_of(flags.name, "healed", "flags")


def offered_in_menu(
    pair: PairSubject, offered: Sequence[Choice], current: Choice
) -> tuple[dict[str, str], dict[str, str]]:
    """What a slot can show of a comparison, in two steps: the map, and which side or difference of it.

    Parameters
    ----------
    pair : PairSubject
    offered : sequence of Choice
    current : Choice
        What the slot shows.

    Returns
    -------
    maps : dict
        Headings by the keys of choices: each map once, in the variant that is shown, or the nearest.
    variants : dict
        Titles of the variants of the shown map by the keys of choices.
    """
    maps: dict[str, str] = {}
    variants: dict[str, str] = {}
    shown = variant_in(current.result.name, pair.role_of(current.result.name))
    for one in offered:
        name, role = one.result.name, pair.role_of(one.result.name)
        variant = variant_in(name, role)
        if (base_of(name), one.pick.at) == (base_of(current.result.name), current.pick.at):
            variants[one.key] = variant.title
        if name == base_of(name):
            key = "/".join((pair.variant(name, shown.key), *one.key.split("/")[1:]))
            maps[key] = one.title.replace(f" {variant.title}", "", 1)
    return maps, variants


def scale_owner(choice: Choice, offered: Sequence[Choice]) -> Choice:
    """The map whose levels a map shares; itself where it has its own or the other is not offered."""
    return next((c for c in offered if c.result.name == choice.result.scale_of), choice)


def level_values(
    choice: Choice, chosen: Sequence[Choice], offered: Sequence[Choice], picture: Picture
) -> list[npt.NDArray[np.generic]]:
    """What the levels follow: the owner of the scale and all shown maps that share it, so that none saturates."""
    owner = scale_owner(choice, offered)
    sharing = [other for other in chosen if scale_owner(other, offered) == owner]
    found = [one.values(picture) for one in dict.fromkeys([owner, *sharing])]
    return [values for values in found if values is not None]


def picks_behind(chosen: Sequence[Choice], results: Sequence[Result], *, errors: bool) -> tuple[Pick, ...]:
    """All that is needed to show some: themselves, flags, gain stages, owners of levels, and errors if wanted."""
    flags = final_flags(results)
    names = {STAGE, *(choice.result.scale_of for choice in chosen)}
    if flags is not None:
        names |= {flags.name, *changes_of(flags)}
    if errors:
        names |= {choice.result.error for choice in chosen}
    known = [one.name for one in results]
    more = [Pick(name) for name in known if name in names]
    return tuple(sorted({choice.pick for choice in chosen} | set(more), key=lambda pick: (pick.result, pick.at)))


def fill(keys: Sequence[str], offered: Sequence[Choice], count: int) -> tuple[str, ...]:
    """Keys for ``count`` slots: those wanted as far as they exist, then maps that are not shown yet in any variant.

    There are fewer where there are fewer maps, since none is shown twice unless somebody wants it.
    """
    known = {choice.key: choice for choice in offered}
    found = [key for key in keys[:count] if key in known]
    shown = {_map_of(known[key]) for key in found}
    for key, choice in known.items():
        if _map_of(choice) not in shown:
            shown.add(_map_of(choice))
            found.append(key)
    return tuple(found[:count])


def _map_of(choice: Choice) -> tuple[str, tuple[tuple[str, int], ...]]:
    """What a choice is a variant of."""
    return base_of(choice.result.name), choice.pick.at
