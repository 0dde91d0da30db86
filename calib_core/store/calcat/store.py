"""The facility's database as a store: it is asked as EXtra asks it, and tells what answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from calib_core.constants.condition import Value
from calib_core.detector.registry import detector_types
from calib_core.errors import BadInput, BadParameter
from calib_core.store.base import Query, UnknownKind, Version, in_time
from calib_core.store.calcat.addresses import root_of_files, usual_address
from calib_core.store.calcat.conditions import LazyConditions
from calib_core.store.calcat.connection import Connection, NotThere
from calib_core.store.constants import StoredConstant, read_constant
from calib_core.store.statuses import Status

Row = Mapping[str, Any]
#: Rows of a page of versions, the most that there can be.
_PAGE = 500
#: Which questions answer what a query takes: the database has no list of all.
_STRATEGIES = {"prior": ("prior",), "closest": ("closest",), "newest": ("prior",), "around": ("prior", "closest"),
               "all": ("prior", "closest")}


class CalCat:
    """Constants of the facility; nothing is written.

    Parameters
    ----------
    connection : Connection, optional
        To the usual address unless given.
    root : Path, optional
        Folder that the files are below; the usual one unless given.
    """

    tells_others = False

    def __init__(self, connection: Connection | None = None, root: Path | None = None) -> None:
        self.connection = connection or Connection(usual_address())
        self.root = root or root_of_files()
        self._skipped: set[str] = set()
        self._in_part = False
        self._units: dict[tuple[str, str], list[Row]] = {}

    @property
    def title(self) -> str:
        """CalCat, and its address."""
        return f"CalCat at {self.connection.address}"

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on answers that are not of now, and on what it does not know."""
        kinds = ", ".join(sorted(self._skipped))
        return tuple(filter(None, (
            *self.connection.notes, f"{self.title} has no kind {kinds}." if kinds else "",
            f"{self.title} tells of each kind and unit the newest before the time and the closest to it alone."
            if self._in_part else "")))

    @property
    def as_of(self) -> datetime:
        """When the oldest answer so far was given, aware; now where all were given now."""
        return self.connection.as_of

    def close(self) -> None:
        """Let go of the connection."""
        self.connection.close()

    def find(self, query: Query) -> tuple[Version, ...]:
        """Versions that answer, by kind, unit and begin; of *around* and *all* those before and those closest.

        Parameters
        ----------
        query : Query
            With a detector and an operating condition, which CalCat is asked by.

        Raises
        ------
        BadParameter
            Something lacks, or CalCat cannot be asked so.
        BadInput
            It cannot be reached, or does not know the detector or the kind.
        """
        _check(query, self.title)
        if Status.ACCEPTED not in query.statuses:
            return ()
        self._in_part = self._in_part or query.take == "all"
        places = {row["physical_name"]: row for row in self.units(query.detector, query.mapped_at or query.at)}
        kinds = self._kinds(query, places.values())
        found = {one.number: one for strategy in _STRATEGIES[query.take] if kinds
                 for one in self._answers(query, kinds, strategy, places)}
        return tuple(sorted((one for one in found.values() if self._is_asked(one, query)),
                            key=lambda one: (one.calibration, one.pdu, in_time(one))))

    def read(self, version: Version) -> StoredConstant:
        """The file of a version, where the facility's files can be read.

        Parameters
        ----------
        version : Version

        Raises
        ------
        BadInput
            It is not there, or damaged.
        """
        if not version.path.is_file():
            raise BadInput(f"The file of version {version.number} of {self.title} is not here: {version.path}. The "
                           "facility's files are read where its folder is; CALIBWB_CALCAT_FOLDER names another.")
        return read_constant(version.path)

    def units_of(self, detector: str, at: datetime | None) -> Mapping[str, str]:
        """Physical units that were installed in a detector, by their aggregators.

        Parameters
        ----------
        detector : str
        at : datetime or None
            Aware; now where there is none.
        """
        return {str(row["karabo_da"]): str(row["physical_name"]) for row in self.units(detector, at)}

    def units(self, detector: str, at: datetime | None) -> list[Row]:
        """Units of a detector at a time, as CalCat tells them; none where none was installed.

        Parameters
        ----------
        detector : str
        at : datetime or None
            Aware; now where there is none.

        Raises
        ------
        BadInput
            CalCat does not know the detector.
        """
        key = detector, _text(at)
        if key not in self._units:
            with self._understood():
                self._units[key] = sorted(self._installed(*key), key=lambda row: str(row["karabo_da"]))
        return self._units[key]

    def _installed(self, detector: str, at: str) -> list[Row]:
        number = self._detector(detector)["id"]
        with suppress(NotThere):
            return list(self.connection.get("physical_detector_units/get_all_by_detector",
                                            {"detector_id": str(number), "pdu_snapshot_at": at}))
        return []

    def detectors_of(self, instrument: str) -> list[str]:
        """Identifiers of the detectors of an instrument; none where CalCat does not know it.

        Parameters
        ----------
        instrument : str
            Such as the first word of a detector's name.
        """
        with self._understood():
            known = self.connection.get("instruments", {"identifier": instrument})
            return [str(row["identifier"]) for one in known[:1] for row in self.connection.get(
                "detectors/get_all_by_instrument", {"instrument_id": str(one["id"])})]

    def named(self, numbers: Sequence[int]) -> list[Version]:
        """Versions by their numbers, in their order; those of one report are asked for together.

        Parameters
        ----------
        numbers : sequence of int

        Raises
        ------
        BadInput
            There is none of a number.
        """
        found: dict[int, Row] = {}
        for number in reversed(numbers):
            if number in found:
                continue
            with self._understood():
                row = self.connection.get(f"calibration_constant_versions/{number}")
                report = row["report_id"]
                together = [] if report is None else self.connection.get(f"reports/{report}")[
                    "calibration_constant_versions"]
                found.update({one["id"]: one for one in (row, *together)})
        return [self._then(found[number]) for number in numbers]

    def of_report(self, report: int | str) -> tuple[Version, ...]:
        """Versions that a report is on, by kind and place.

        Parameters
        ----------
        report : int or str
            Its number or path.
        """
        word = {"report_id": str(report)} if isinstance(report, int) else {"report.file_path": report}
        rows = self.connection.rows("calibration_constant_versions", {"page_size": str(_PAGE), **word})
        return tuple(sorted(map(self._then, rows), key=lambda one: (one.calibration, one.aggregator)))

    def _detector(self, identifier: str) -> Row:
        with self._understood():
            found = self.connection.get("detectors", {"identifier": identifier})
            if found:
                return dict(found[0])
        others = self.detectors_of(identifier.partition("_")[0])
        more = f"; of this instrument it has {', '.join(sorted(others))}" if others else ""
        raise BadInput(f"{self.title} has no detector {identifier}{more}.")

    def _kinds(self, query: Query, units: Any) -> dict[int, str]:
        """Numbers of the kinds that are asked for; of all, those that the detector's type declares and CalCat has."""
        types = {str(row["detector_type"]["name"]).lower() for row in units}
        names = query.calibrations or tuple(sorted({
            one.name for kind in detector_types() if kind.database_type.lower() in types
            for one in kind.calibrations.values()}))
        with self._understood():
            known = {name: self.connection.get("calibrations", {"name": name}) for name in names}
            unknown = {name for name, rows in known.items() if not rows}
            if unknown and query.calibrations:
                raise UnknownKind(f"{self.title} has no kind of constants {', '.join(sorted(unknown))}.")
            self._skipped |= unknown
            return {int(rows[0]["id"]): name for name, rows in known.items() if rows}

    def _answers(
        self, query: Query, kinds: Mapping[int, str], strategy: str, places: Mapping[str, Row]
    ) -> Iterator[Version]:
        """Versions that answer one question."""
        at = None if query.take == "newest" else query.at
        assert query.condition is not None
        content = {"parameters_conditions_attributes": [
            {"parameter_name": name, "value": value if isinstance(value, str) else float(value)}
            for name, value in query.condition.items()]}
        with self._understood():
            for row in self.connection.get("calibration_constant_versions/get_by_detector_conditions", {
                "detector_identifier": query.detector, "calibration_id": str(list(kinds)), "karabo_da": "",
                "event_at": _text(at), "pdu_snapshot_at": _text(query.mapped_at or query.at),
                "begin_at_strategy": strategy,
            }, json.dumps(content)):
                if row["flg_deployed"] and row["flg_good_quality"]:
                    unit = row["physical_detector_unit"]
                    kind = str(places[unit["physical_name"]]["detector_type"]["name"])
                    yield self._version(row, query.detector, unit["karabo_da"], unit["module_number"], kind,
                                        query.condition)

    def _is_asked(self, one: Version, query: Query) -> bool:
        return ((not query.units or one.pdu in query.units)
                and query.detector_type.lower() in ("", one.detector_type.lower()))

    def _then(self, row: Row) -> Version:
        """A version with the place that its unit had when it began to be valid."""
        with self._understood():
            unit = row["physical_detector_unit"]
            types = {one["id"]: str(one["name"]) for one in self.connection.get("detector_types", lasting=True)}
            return self._version(row, "", unit["karabo_da_at_ccv_begin_at"], unit["module_number_at_ccv_begin_at"],
                                 types[unit["detector_type_id"]])

    def _version(
        self, row: Row, detector: str, aggregator: str | None, module: int | None, kind: str,
        asked: Mapping[str, Value] | None = None,
    ) -> Version:
        accepted = row["flg_deployed"] and row["flg_good_quality"]
        created = _time(row["created_at"])
        digits = re.findall(r"\d+", aggregator or "")
        return Version(
            self.root / row["path_to_file"] / row["file_name"], row["physical_detector_unit"]["physical_name"],
            row["data_set_name"].split("/")[2], kind, _time(row["begin_at"]), created,
            LazyConditions(self.connection, row["calibration_constant"]["condition_id"], asked), True, row["id"],
            row["data_set_name"], Status.ACCEPTED if accepted else Status.WITHDRAWN, injected=created,
            comment=row["description"] or "", raw_data=row["raw_data_location"] or "", detector=detector,
            aggregator=aggregator or "",
            module=module if module is not None else int(digits[-1]) if digits else None)

    @contextmanager
    def _understood(self) -> Iterator[None]:
        """Turn answers of another form than CalCat's into one sentence."""
        try:
            yield
        except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
            raise BadInput(f"{self.title} answers with what cannot be understood ({type(error).__name__}: {error}); "
                           "it is another program, or a newer one.") from error


def _check(query: Query, title: str) -> None:
    """Refuse what the database cannot be asked."""
    if not query.detector:
        raise BadParameter(f"{title} is asked by detector; name one with --karabo-id.")
    if query.condition is None:
        raise BadParameter(f"{title} is asked by operating condition; give all of its parameters, such as "
                           '--condition "Memory cells=352", or ask for a run with calibwb store why.')
    if query.snapshot is not None:
        raise BadParameter(f"{title} cannot be asked what was known at another time; leave out --snapshot.")


def _text(at: datetime | None) -> str:
    """A time as EXtra writes it; empty is now."""
    return "" if at is None else at.astimezone(UTC).isoformat()


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return (found.replace(tzinfo=UTC) if found.tzinfo is None else found).astimezone(UTC)
