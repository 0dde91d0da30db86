"""What lines of constants look like over time: from versions and changes to what a plot draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from app.widgets.time_lines import TimeLine, TimeMark, TimeScene
from calib_core.axes import Array
from calib_core.numerics.changes import Change
from calib_core.store.base import Version
from calib_core.store.calcat.store import CalCat
from calib_core.store.local.confirmations import Confirmed
from calib_core.store.statuses import Status
from calib_core.subjects.listed import Listed
from calib_core.subjects.provenance_words import time_text
from calib_core.subjects.timeline import ModuleLine, Moment, Timeline, condition_names

#: Signs and tones of what was decided, so that no state is told by its colour alone.
STATUSES = {
    Status.DRAFT: ("draft", "pending"), Status.ACCEPTED: ("✓ accepted", "ok"),
    Status.REJECTED: ("✗ rejected", "error"),
    Status.SUPERSEDED: ("superseded", "muted"), Status.WITHDRAWN: ("✗ withdrawn", "error"),
}
_OF = {"median": "", "mean": " mean", "std": " spread", "bad": " bad share"}
_NO_STATUS = ("on disk", "muted")


def scene_of(
    timeline: Timeline, calibration: str, shifted: bool, module: int, units: Mapping[str, str],
    chosen: tuple[str, ModuleLine] | None = None,
) -> TimeScene:
    """Lines of all modules, shifted to their references or as they are; one of chosen pixels comes last.

    Parameters
    ----------
    timeline : Timeline
    calibration : str
    shifted : bool
    module : int
        That is looked at.
    units : mapping
        Of parameters of operating conditions, by their names.
    chosen : (str, ModuleLine), optional
        Name and line of chosen pixels.
    """
    what = f"{calibration}{_OF[timeline.asked.quantity]}"
    names = condition_names([one for one, _ in timeline.conditions], units)
    shown = next((one for one in timeline.lines if one.module == module), None)
    reference, forming = _reference(shown if shown is not None else next(iter(timeline.lines), None))
    named = [(f"m{one.module}", one, "") for one in timeline.lines]
    named += [(*chosen, "info")] if chosen is not None else []
    return TimeScene(
        tuple(TimeLine(key, name, one.times, one.shifts if shifted else one.values, one.level,
                       tuple(_mark(one, change) for change in one.judged.changes), one is shown,
                       one.rows.refused, tone)
              for key, (name, one, tone) in enumerate(named)),
        f"shift of {what}" if shifted else what, timeline.unit,
        tuple(zip(names, (times for _, times in timeline.conditions), strict=True)), reference, forming)


def _reference(line: ModuleLine | None) -> tuple[tuple[float, float] | None, str]:
    """Times between which the newest reference of a line was made, and words where it is forming."""
    if line is None or not len(line.times):
        return None, ""
    begin, reference = line.reference
    known = line.times[begin:][np.isfinite(line.values[begin:])][:max(1, reference.versions)]
    return (float(known[0]), float(known[-1])) if len(known) else None, line.judged.forming or line.judged.blind


def _mark(line: ModuleLine, change: Change) -> TimeMark:
    return TimeMark(float(line.times[change.start]), float(line.times[change.seen]), change.size, change.score,
                    change.level, change.kind == "step")


def status_of(moment: Moment) -> tuple[str, str]:
    """What was decided, with its sign, and its tone; of modules that differ how many are accepted."""
    found = {one.version.status for one in moment.rows}
    if all(isinstance(one.store, CalCat) for one in moment.rows):
        return "✓ CalCat", "ok"
    if len(found) == 1:
        [status] = found
        return _NO_STATUS if status is None else STATUSES[status]
    accepted = sum(one.version.status == Status.ACCEPTED for one in moment.rows)
    return f"{accepted} of {len(moment.rows)} accepted", "warning"


def words_of(moment: Moment) -> str:
    """When, runs, who decided and why, in lines."""
    told = dict.fromkeys(text for one in moment.rows for text in (
        one.store.title if isinstance(one.store, CalCat) else "", one.runs,
        f"{one.version.author}: {one.version.comment}".strip(": ")) if text)
    number = len({one.module for one in moment.rows})
    when = time_text(moment.begin, datetime.now(UTC))
    return "\n".join((f"{when} · {status_of(moment)[0]} · {number} module{'s' if number > 1 else ''}", *told))


def decision_words(versions: Sequence[Version]) -> str:
    """What was decided on a version, a line for each decision: when, who, what, why."""
    now = datetime.now(UTC)
    told = ((time_text(one.injected, now) if one.injected else "", one.author,
             STATUSES[one.status][0] if one.status else "", one.comment) for one in versions)
    return "\n".join(" · ".join(filter(None, one)) for one in told)


def confirmed_words(row: Listed, found: Confirmed) -> str:
    """Who has confirmed a change, when and why.

    Parameters
    ----------
    row : Listed
        At which the new reference begins.
    found : Confirmed
    """
    why = f": {found.comment}" if found.comment else ""
    return (f"reference from {row.begin:%-d %b %Y} on, confirmed by {found.author} "
            f"{time_text(found.at, datetime.now(UTC))}{why}")


def shifts_at(line: ModuleLine | None, shifted: bool) -> Mapping[float, float]:
    """Numbers of a line by the time of their version, seconds since 1970.

    Parameters
    ----------
    line : ModuleLine, optional
    shifted : bool
    """
    if line is None:
        return {}
    values: Array = line.shifts if shifted else line.values
    return dict(zip(line.times.tolist(), values.tolist(), strict=True))


def changes_of(timeline: Timeline) -> list[tuple[ModuleLine, Change]]:
    """The change of each line that has one, those that are red first, the largest before others."""
    found = [(line, line.change) for line in timeline.lines if line.change is not None]
    return sorted(found, key=lambda one: -one[1].score)


def at_letters(
    letters: Mapping[str, datetime], numbers: Mapping[float, float]
) -> dict[str, tuple[float, float]]:
    """Where what is compared lies on a line: time and number, NaN where the line has no version then.

    Parameters
    ----------
    letters : mapping
    numbers : mapping
        By the times of the line.
    """
    return {letter: (begin.timestamp(), numbers.get(begin.timestamp(), float("nan")))
            for letter, begin in letters.items()}


def within(moments: Sequence[Moment], part: tuple[float, float] | None) -> Sequence[Moment]:
    """Those of a part of the time, seconds since 1970; all where there is none.

    Parameters
    ----------
    moments : sequence of Moment
    part : (float, float), optional
    """
    return moments if part is None else [one for one in moments if part[0] <= one.begin.timestamp() <= part[1]]
