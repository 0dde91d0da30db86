"""Why nothing of a store answers a question: what would, if one thing less were asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from calib_core.constants.matching import compare
from calib_core.store.base import ConstantStore, Query, Version, settings_in
from calib_core.store.statuses import Status

_EVERY = frozenset(Status)
_ANY = Query(take="newest", statuses=_EVERY)
#: How many names, and how many differences, a sentence has.
_NAMES, _DIFFERENCES = 12, 3


def just_missed(store: ConstantStore, query: Query) -> Iterator[str]:
    """What would answer if one thing less were asked for; where nothing would, which names no version has.

    Parameters
    ----------
    store : ConstantStore
    query : Query
        Nothing answers it.

    Yields
    ------
    str
        A sentence; none where a store cannot be asked for other things.
    """
    if not store.tells_others:
        return
    told = list(_with_one_less(store, query))
    yield from told or _unknown(store, query)


def _with_one_less(store: ConstantStore, query: Query) -> Iterator[str]:
    others = Counter(one.status for one in store.find(replace(query, statuses=_EVERY)) if one.status)
    if others:
        there = ", ".join(f"{number} {status}" for status, number in sorted(others.items()))
        yield f"Of others there are: {there} (--status shows them, --drafts drafts)."
    for what, field, names in _FILTERS:
        wider = replace(query, **{field: getattr(_ANY, field)})
        if wider != query and (found := store.find(wider)):
            yield f"Without the {what} {_number(found)} would answer: {_words(names(found))}."
    if query.condition is not None and (found := store.find(replace(query, condition=None))):
        yield f"At other operating conditions {_number(found)} would answer: {_differences(found, query)}."
    later = store.find(replace(query, take="all")) if query.at is not None and query.take == "prior" else ()
    if begins := [one.begin for one in later if one.begin is not None]:
        yield (f"At later times {_number(later)} would answer: the first begins at {min(begins):%Y-%m-%d %H:%M:%S} "
               "UTC.")
    if query.snapshot is not None and (found := store.find(replace(query, snapshot=None))):
        yield f"{_number(found).capitalize()} would answer of what is known now, and not of that snapshot."


def _unknown(store: ConstantStore, query: Query) -> Iterator[str]:
    """Names that are asked for and of which there is no version, whatever else is asked."""
    for what, field, names in _FILTERS:
        alone = replace(_ANY, **{field: getattr(query, field)})
        if alone != _ANY and not store.find(alone):
            there = _words(names(store.find(_ANY)))
            yield f"There is no version of that {what} at all" + (f"; there are those of {there}." if there else ".")


def _differences(found: Sequence[Version], query: Query) -> str:
    """In what operating conditions differ from the one that was asked for, the most frequent first."""
    asked = {name: (value,) for name, value in (query.condition or {}).items()}
    told = Counter(one.against for version in found for one in compare(settings_in(version.conditions), asked)
                   if one.against)
    first = [words for words, _ in told.most_common(_DIFFERENCES)]
    return "; ".join(first) + (f"; and {len(told) - len(first)} more" if len(told) > len(first) else "")


def _number(found: Sequence[Version]) -> str:
    return f"{len(found)} version{'s' * (len(found) != 1)}"


def _words(names: Sequence[str]) -> str:
    more = len(names) - _NAMES
    return ", ".join(names[:_NAMES]) + (f" and {more} more" if more > 0 else "")


def _each(name: str) -> Callable[[Sequence[Version]], list[str]]:
    return lambda found: sorted({str(getattr(one, name)) for one in found} - {""})


#: What is asked for by name, the field of a question that has it, and the names that there are.
_FILTERS = (("kind of constant", "calibrations", _each("calibration")), ("detector", "detector", _each("detector")),
            ("unit", "units", _each("pdu")), ("detector type", "detector_type", _each("detector_type")))
