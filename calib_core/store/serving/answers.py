"""What a store answers to the questions that the facility's database is asked: each address, and its rows."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from calib_core.errors import BadInput, BadParameter
from calib_core.store.base import Query, Version
from calib_core.store.local.records import Place
from calib_core.store.local.store import LocalStore
from calib_core.store.serving import rows
from calib_core.store.serving.known import calibrations, detector_row, instrument_of, numbered, types
from calib_core.store.serving.rows import Placed, Row
from calib_core.store.statuses import Status
from calib_core.typed import parse_time

#: Rows of a page, where nothing is asked, and at most.
PAGE, MOST = 100, 500


@dataclass(frozen=True)
class Asked:
    """A question: words behind ``?``, and the content that it came with."""

    words: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""

    def number(self, name: str, usual: int = 0) -> int:
        """A whole number among the words; BadParameter where it is none."""
        said = self.words.get(name, "")
        if said and not re.fullmatch(r"\d{1,15}", said):
            raise BadParameter(f"{name} = {said!r} is not allowed; it takes a whole number.")
        return int(said) if said else usual

    def time(self, name: str) -> datetime | None:
        """A time among the words; none where it is empty, which is now."""
        said = self.words.get(name, "")
        return parse_time(said, name) if said else None


@dataclass(frozen=True)
class Answer:
    """What is answered: rows as plain JSON, the HTTP status, and the page where there are several."""

    data: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def refused(sentence: str, status: int) -> Answer:
    """The sentence of an error, as the facility's database writes it.

    Parameters
    ----------
    sentence : str
    status : int
        Of HTTP.
    """
    return Answer({"info": sentence}, status)


class _Unknown(Exception):
    """There is no such record."""


class Answers:
    """Answers of a store.

    Parameters
    ----------
    store : LocalStore
    statuses : frozenset of Status
        Versions of others are not seen.
    url : str
        Begin of the addresses that records have.
    """

    def __init__(self, store: LocalStore, statuses: frozenset[Status], url: str = "") -> None:
        self._store, self._statuses, self._url = store, statuses, url
        routes: dict[str, Callable[..., Any]] = {
            r"me": self._me,
            r"detectors": lambda asked: self._named(asked, "identifier", self._detectors()),
            r"detectors/get_all_by_instrument": self._of_instrument,
            r"detectors/(\d+)": lambda asked, number: _one(number, self._detectors()),
            r"instruments": lambda asked: self._named(asked, "identifier", self._instruments()),
            r"detector_types": lambda asked: self._named(asked, "name", map(rows.type_row, types())),
            r"calibrations": lambda asked: self._named(asked, "name", map(rows.calibration_row, calibrations())),
            r"calibrations/(\d+)": lambda asked, number: _one(number, map(rows.calibration_row, calibrations())),
            r"physical_detector_units": lambda asked: self._named(asked, "physical_name", self._units(None)),
            r"physical_detector_units/get_all_by_detector": self._of_detector,
            r"calibration_constant_versions": self._of_report,
            r"calibration_constant_versions/get_by_detector_conditions": self._by_condition,
            r"calibration_constant_versions/(\d+)": self._version,
            r"reports/(\d+)": self._report,
            r"conditions/(\d+)": self._condition,
        }
        self._routes = tuple((re.compile(address), answer) for address, answer in routes.items())

    def answer(self, address: str, asked: Asked) -> Answer:
        """Answer to a question.

        Parameters
        ----------
        address : str
            Behind ``/api/``.
        asked : Asked

        Returns
        -------
        Answer
            An error where there is no such address or record, or the question cannot be understood.
        """
        try:
            for pattern, answer in self._routes:
                if found := pattern.fullmatch(address.strip("/")):
                    data = answer(asked, *map(int, found.groups()))
                    return _page(data, asked) if isinstance(data, list) else Answer(data)
        except _Unknown:
            return refused("Resource not found!", 404)
        except BadParameter as error:
            return refused(str(error), 422)
        except BadInput as error:
            return refused(str(error), 500)
        return refused(f"There is nothing at {address!r}; this store answers {', '.join(self.addresses)}.", 404)

    @property
    def addresses(self) -> tuple[str, ...]:
        """All addresses, with ``{id}`` for numbers."""
        return tuple(pattern.pattern.replace(r"(\d+)", "{id}") for pattern, _ in self._routes)

    def _me(self, asked: Asked) -> Row:
        """Nobody logs in; what is there is readable by this machine."""
        return {"id": 0, "email": "", "provider": "local", "contact_email": "", "name": "calibwb store",
                "first_name": "", "last_name": "", "nickname": None, "uid": None, "ldap_synced_at": None,
                "flg_service_account": True, "flg_ldap_account_valid": False, "roles": []}

    def _named(self, asked: Asked, name: str, found: Iterable[Row]) -> list[Row]:
        """All rows, or the one of a name."""
        wanted = asked.words.get(name, "")
        return [row for row in found if not wanted or row[name] == wanted]

    def _detectors(self) -> list[Row]:
        numbers = self._store.numbers.detectors()
        instruments = numbered("instruments", map(instrument_of, numbers))
        here = [place.detector for place in self._places(None).values()]
        return [detector_row(name, number, here.count(name), instruments) for name, number in numbers.items()]

    def _instruments(self) -> list[Row]:
        found = numbered("instruments", map(instrument_of, self._store.numbers.detectors()))
        return [rows.instrument_row(name, number) for name, number in found.items()]

    def _of_instrument(self, asked: Asked) -> list[Row]:
        wanted = asked.number("instrument_id")
        return [row for row in self._detectors()
                if any(one["instrument_id"] == wanted for one in row["detectors_instruments"])]

    def _units(self, at: datetime | None) -> list[Row]:
        """Units where they are at a time, with their detectors and types."""
        detectors = {row["id"]: row for row in self._detectors()}
        placed = self._placed(at)
        return [{**rows.unit_row(unit, placed.get(name)),
                 "detector": detectors[placed[name].detector] if name in placed else None,
                 "detector_type": rows.type_row(unit.detector_type)}
                for name, unit in self._store.numbers.units().items()]

    def _of_detector(self, asked: Asked) -> list[Row]:
        wanted = asked.number("detector_id")
        found = [row for row in self._units(asked.time("pdu_snapshot_at")) if row["detector_id"] == wanted]
        if not found:
            raise _Unknown
        return sorted(found, key=lambda row: str(row["karabo_da"]))

    def _by_condition(self, asked: Asked) -> list[Row]:
        detector = asked.words.get("detector_identifier", "")
        if detector not in (known := self._store.numbers.detectors()):
            raise BadParameter(f"There is no detector {detector!r} in {self._store.title}; it has "
                        f"{', '.join(known) or 'none'}.")
        at, mapped = asked.time("event_at"), asked.time("pdu_snapshot_at")
        at = at or self._store.clock()
        found = self._store.find(Query(
            _kinds(asked), (), detector, condition=_parameters(asked.content), at=at, take=_take(asked),
            mapped_at=mapped or at, statuses=self._statuses))
        aggregator = asked.words.get("karabo_da", "")
        some = [one for one in found if not aggregator or one.aggregator == aggregator]
        return self._rows(sorted(some, key=lambda one: (one.aggregator, one.calibration)), mapped or at)

    def _of_report(self, asked: Asked) -> list[Row]:
        path, number = asked.words.get("report.file_path", ""), asked.number("report_id")
        if not path and not number:
            raise BadParameter("Give report_id or report.file_path: versions are listed by report.")
        return self._rows(self._seen(self._store.numbers.of_report(path or number)), None)

    def _version(self, asked: Asked, number: int) -> Row:
        return _one(number, self._rows(self._seen([number]), None))

    def _report(self, asked: Asked, number: int) -> Row:
        path = self._store.numbers.report(number)
        if path is None:
            raise _Unknown
        found = self._rows(self._seen(self._store.numbers.of_report(number)), None)
        return rows.report_row(number, path, found, self._url)

    def _condition(self, asked: Asked, number: int) -> Row:
        found = self._store.numbers.constant_of(number)
        if found is None:
            raise _Unknown
        constant, digest = found
        one = self._store.lookup.constant(constant)
        return rows.condition_row(number, digest, one.conditions)

    def _seen(self, numbers: Sequence[int]) -> list[Version]:
        return [one for one in self._store.lookup.versions(numbers) if one.status in self._statuses]

    def _rows(self, found: Sequence[Version], at: datetime | None) -> list[Row]:
        """Rows of versions, with the places of their units at a time, and at the begin of each."""
        behind = self._store.numbers.behind(one.number for one in found)
        units, here = self._store.numbers.units(), self._placed(at)
        then = {begin: self._placed(begin) for begin in {one.begin for one in found}}
        return [rows.version_row(
            replace(one, path=one.path.relative_to(self._store.folder)), behind[one.number], units[one.pdu],
            here.get(one.pdu), then[one.begin].get(one.pdu), self._url) for one in found]

    def _places(self, at: datetime | None) -> Mapping[str, Place]:
        return self._store.lookup.places(at or self._store.clock())

    def _placed(self, at: datetime | None) -> dict[str, Placed]:
        numbers = self._store.numbers.detectors()
        return {unit: Placed(place, numbers[place.detector]) for unit, place in self._places(at).items()}


def _one(number: int, found: Iterable[Row]) -> Row:
    for row in found:
        if row["id"] == number:
            return row
    raise _Unknown


def _kinds(asked: Asked) -> tuple[str, ...]:
    """Names of kinds that are asked for, by their numbers in the text of a list."""
    said = asked.words.get("calibration_id", "")
    names = {number: name for name, number in calibrations().items()}
    try:
        numbers = ast.literal_eval(said)
        return tuple(names[number] for number in ([numbers] if isinstance(numbers, int) else numbers))
    except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError) as error:
        raise BadParameter(f"calibration_id = {said!r} is not allowed; it takes a list of numbers of kinds, such as "
                           "[1, 2].") from error


def _parameters(content: bytes) -> dict[str, float | str]:
    """Operating condition of a question's content."""
    try:
        told = json.loads(content)["parameters_conditions_attributes"]
        found = {str(one["parameter_name"]): one["value"] for one in told}
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise BadParameter('The operating condition is missing: the content is to be '
                           '{"parameters_conditions_attributes": [{"parameter_name": …, "value": …}, …]}.') from error
    for name, value in found.items():
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise BadParameter(f"{name} = {value!r} is not allowed; it takes a number or a text.")
    return found


def _take(asked: Asked) -> Any:
    said = asked.words.get("begin_at_strategy", "") or "closest"
    if said not in ("closest", "prior"):
        raise BadParameter(f"begin_at_strategy = {said!r} is not allowed; it takes closest or prior.")
    return said


def _page(found: Sequence[Row], asked: Asked) -> Answer:
    """A page of rows, and which it is of how many."""
    try:
        size = min(max(asked.number("page_size", PAGE), 1), MOST)
        page = max(asked.number("page", 1), 1)
    except BadParameter as error:
        return refused(str(error), 422)
    pages = -(-len(found) // size) or 1
    told = {"X-Total-Pages": pages, "X-Count-Per-Page": size, "X-Current-Page": page, "X-Total-Count": len(found)}
    return Answer(list(found[(page - 1) * size:page * size]), 200, {name: str(one) for name, one in told.items()})
