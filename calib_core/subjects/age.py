"""How old the data are that are shown, in words that operators use."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from calib_core.jobs.choice_words import duration
from calib_core.resource_files import read_resource
from calib_core.subjects.base import Subject
from calib_core.subjects.pair import PairSubject
from calib_core.subjects.provenance_words import time_text

#: Clocks of two machines may differ so much.
_CLOCKS = timedelta(minutes=2)


@dataclass(frozen=True)
class Age:
    """Time at which data were recorded, and whether that is longer ago than what is current."""

    text: str
    old: bool


def age_of(subject: Subject, now: datetime) -> Age:
    """Age of what a subject shows.

    Parameters
    ----------
    subject : Subject
    now : datetime
        Aware.

    Returns
    -------
    Age
        Of a pair that of A and of B; it is old where one of them is. Empty where nothing tells the time.
    """
    if isinstance(subject, PairSubject):
        both = {letter: age_of(one, now) for letter, one in (("A", subject.a), ("B", subject.b))}
        text = ", ".join(f"{letter} {one.text}" for letter, one in both.items() if one.text)
        return Age(text, any(one.old for one in both.values()))
    if subject.when is None:
        return Age("", False)
    since, limit = now - subject.when, timedelta(hours=read_resource("ages", "shown")["amber_hours"])
    if since < -_CLOCKS:
        return Age(f"{day_text(subject.when, now)} · {duration(-since)} ahead of the clock", True)
    return Age(f"{day_text(subject.when, now)} · {duration(max(since, timedelta(0)))} old", since > limit)


def day_text(time: datetime, now: datetime) -> str:
    """A time as operators say it: ``today 07:25``, ``yesterday 22:10``, else with its date.

    Parameters
    ----------
    time, now : datetime
        Aware.
    """
    local, here = time.astimezone(), now.astimezone()
    days = (here.date() - local.date()).days
    word = {0: "today", 1: "yesterday"}.get(days)
    return time_text(time, now) if word is None else f"{word} {local:%H:%M}"
