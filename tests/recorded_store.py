"""The versions of recorded sessions with CalCat as rows of a store of ours: their files are at the facility."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from calib_core.constants.matching import Setting
from calib_core.store.local.records import Place, Record, add_act, add_place, add_version
from calib_core.store.local.store import LocalStore
from calib_core.store.statuses import Status

RECORDED = json.loads((Path(__file__).parent / "calib_core" / "store" / "recorded_lookups.json").read_text("utf-8"))
NAMES = {int(number): name for number, name in RECORDED["calibrations"].items()}


def settings(asked: list[dict[str, Any]]) -> dict[str, Setting]:
    """A condition that all questions which it answered are within; the answers do not tell it."""
    assert len({tuple(sorted(one)) for one in asked}) == 1  # the same-set rule
    found = {}
    for name in asked[0]:
        values = sorted({one[name] for one in asked})
        if isinstance(values[0], str):
            assert len(values) == 1
            found[name] = Setting(values[0])
        else:
            width = float(Decimal(repr(values[-1])) - Decimal(repr(values[0])))
            found[name] = Setting(values[0], 0.0, width)
    return found


def asked_of_conditions(rows: list[dict[str, str]]) -> dict[str, list[dict[str, Any]]]:
    """Questions that each of CalCat's conditions has answered, by its number."""
    condition = {int(row["ccv_id"]): row["condition_id"] for row in rows}
    found: dict[str, list[dict[str, Any]]] = {}
    for query in RECORDED["queries"]:
        for number in {condition[answer] for answer in query["answer"]}:
            found.setdefault(number, []).append(query["condition"])
    return found


def recorded_rows(real_data: Path) -> list[dict[str, str]]:
    """All 869 versions that CalCat has told."""
    with (real_data / "calcat" / "ccv_table.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 869
    return rows


def put_recorded(store: LocalStore, real_data: Path) -> dict[int, int]:
    """Take them as accepted; their numbers in CalCat by ours."""
    rows, numbers = recorded_rows(real_data), dict[int, int]()
    asked = asked_of_conditions(rows)
    with store.index.writing() as writing:
        act = add_act(writing, "adopt", "recorded", "", datetime.now(UTC))
        for row in rows:
            number = row["condition_id"]
            known = settings(asked[number]) if number in asked else {"unknown": Setting(float(number))}
            version = add_version(writing, act, Record(
                row["pdu"], NAMES[int(row["calibration_id"])], row["constant_name"].partition("_")[0], known,
                datetime.fromisoformat(row["begin_at"]), datetime.fromisoformat(row["created_at"]), row["file"],
                row["dataset"], raw_data=row["raw_data_location"]), Status.ACCEPTED)
            numbers[version] = int(row["ccv_id"])
        for one in RECORDED["mapping"]:
            for aggregator, module, virtual, unit in one["units"]:
                add_place(writing, act, Place(one["detector"], aggregator, module, virtual or ""), unit, one["type"],
                          datetime.fromisoformat(one["at"]))
    return numbers
