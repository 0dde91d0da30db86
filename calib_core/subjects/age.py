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
    """Time at which data were recorded, and whether that is longer ago than what is current.

    Attributes
    ----------
    text : str
        Such as ``today 07:25 · 3 h old``; of a pair, ``A 3 h old, B 9 d old``.
    old : bool
    ago : str
        How long ago alone.
    whole : str
        Of a pair with the times too.
    """

    text: str
    old: bool
    ago: str = ""
    whole: str = ""


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
        Of a pair how long ago A and B were recorded, whose times stand beside it; it is old where one of them is.
        Empty where nothing tells the time.
    """
    if isinstance(subject, PairSubject):
        both = {letter: age_of(one, now) for letter, one in (("A", subject.a), ("B", subject.b))}
        text, whole = (", ".join(f"{letter} {said}" for letter, one in both.items() if (said := getattr(one, name)))
                       for name in ("ago", "text"))
        return Age(text, any(one.old for one in both.values()), text, whole)
    if subject.when is None:
        return Age("", False)
    since, limit = now - subject.when, timedelta(hours=read_resource("ages", "shown")["amber_hours"])
    ahead = since < -_CLOCKS
    ago = f"{duration(-since)} ahead of the clock" if ahead else f"{duration(max(since, timedelta(0)))} old"
    text = f"{day_text(subject.when, now)} · {ago}"
    return Age(text, ahead or since > limit, ago, text)


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
