"""A folder as a store: what lies there answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np
import pytest

from calib_core.errors import BadInput
from calib_core.store.base import Query
from calib_core.store.folder import Folder

AT = datetime(2025, 6, 1, 12, tzinfo=UTC)


def put(root: Path, number: int, begin: str | None, bias: float = 300.0, name: str = "Offset", pdu: str = "A",
        **attributes: object) -> Path:
    """A constant by h5py alone."""
    path = root / "xfel" / "cal" / "some-type" / pdu.lower() / f"cal.{number}.0.h5"
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        group = file.create_group(f"{pdu}/{name}/0")
        group["data"] = np.zeros((2, 3))
        group.attrs["conditions"] = json.dumps({"Bias": {"value": bias, "unit": "V", "tolerance": 5.0}})
        if begin:
            group.attrs["begin_validity"] = begin
        for key, value in attributes.items():
            group.attrs[key] = value
    return path


def names(folder: Path, **asked: object) -> list[str]:
    return [one.path.name.split(".")[1] for one in Folder(folder).find(Query(at=AT, **asked))]


def test_a_folder_answers_by_kind_unit_condition_and_time(tmp_path: Path) -> None:
    put(tmp_path, 1, "2025-05-01T00:00:00+00:00")
    put(tmp_path, 2, "2025-05-30T00:00:00+00:00")
    put(tmp_path, 3, "2025-06-02T00:00:00+00:00")
    put(tmp_path, 4, "2025-06-01T11:00:00+00:00", bias=200.0)
    put(tmp_path, 5, "2025-05-31T00:00:00+00:00", name="Noise")
    put(tmp_path, 6, "2025-05-31T00:00:00+00:00", pdu="B")
    assert names(tmp_path) == ["5", "4", "6"]
    assert names(tmp_path, calibrations=("Offset",), units=("A",)) == ["4"]
    assert names(tmp_path, condition={"Bias": 300.0}, units=("A",)) == ["5", "2"]
    assert names(tmp_path, condition={"Bias": 300.0}, calibrations=("Offset",), take="closest") == ["3", "6"]
    assert names(tmp_path, condition={"Bias": 300.0, "More": 1.0}) == []
    assert names(tmp_path, calibrations=("Offset",), units=("A",), take="all") == ["1", "2", "4", "3"]
    assert names(tmp_path, calibrations=("Offset",), units=("A",), take="around") == ["1", "2", "4", "3"]
    assert names(tmp_path, units=("C",)) == []


def test_of_each_condition_two_are_next_on_each_side(tmp_path: Path) -> None:
    for day in range(1, 6):
        put(tmp_path, day, f"2025-05-0{day}T00:00:00+00:00")
        put(tmp_path, 10 + day, f"2025-07-0{day}T00:00:00+00:00")
    put(tmp_path, 20, "2025-01-01T00:00:00+00:00", bias=200.0)
    put(tmp_path, 30, None)
    assert names(tmp_path, take="around") == ["30", "20", "4", "5", "11", "12"]


def test_a_file_that_tells_no_begin_is_valid_since_it_was_made(tmp_path: Path) -> None:
    put(tmp_path, 1, None, creation_time="2025-05-01T02:00:00+02:00")
    [one] = Folder(tmp_path).find(Query(at=AT))
    assert one.begin == one.created == datetime(2025, 5, 1, tzinfo=UTC)
    assert (one.status, one.number, one.whole) == (None, 0, False)


def test_a_version_is_read_as_the_file_that_it_is(tmp_path: Path) -> None:
    path = put(tmp_path, 1, "2025-05-01T00:00:00+00:00")
    store = Folder(path)
    [one] = store.find(Query(at=AT))
    assert store.read(one) is store.stored[0]
    assert store.read(one).path == path
    assert store.units_of("ANY", AT) == {}


def test_what_cannot_be_understood_is_named(tmp_path: Path) -> None:
    path = put(tmp_path, 1, "2025-05-01T00:00:00+00:00", conditions=json.dumps(["no", "mapping"]))
    with pytest.raises(BadInput, match="says of itself what cannot be understood"):
        Folder(path).find(Query(at=AT))
