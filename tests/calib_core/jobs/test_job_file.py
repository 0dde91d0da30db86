"""Job files: what comes back is what was written, and what is not one is refused with one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from calib_core.errors import BadInput, BadParameter
from calib_core.jobs.spec import JobSpec

FIELDS: dict[str, Any] = {
    "family": "AGIPD", "method": "DARK", "inputs": {"high": ("/data/r0001",), "med": ("/data/r0002",)},
    "out_folder": Path("/out"), "modules": (0, 3), "parameters": {"max_trains": 50}, "pdus": {3: "AGIPD_SIV1_M003"},
    "conditions": {"bias_voltage": 300.0}, "parts": 4, "notes": ("High and Medium were exchanged.",),
}


def test_a_job_file_brings_back_the_specification(tmp_path: Path) -> None:
    path = tmp_path / "job.json"
    path.write_text(JobSpec(**FIELDS).model_dump_json())
    found = JobSpec.read(path)
    assert {name: getattr(found, name) for name in FIELDS} == FIELDS
    assert found.paths("med") == (Path("/data/r0002"),)
    assert found.paths("low") == ()


def test_the_file_is_plain_json_with_the_number_of_its_format() -> None:
    stored = json.loads(JobSpec(**FIELDS).model_dump_json())
    assert stored["format"] == 2
    assert stored["inputs"] == {"high": ["/data/r0001"], "med": ["/data/r0002"]}


@pytest.mark.parametrize(("change", "words"), [
    ({"format": 1}, "format"), ({"runs": {"high": "r1"}}, "runs: Extra inputs"), ({"memory_mb": 3}, "memory_mb"),
    ({"parts": 0}, "parts"), ({"inputs": ["a"]}, "inputs"), ({"out_folder": None}, "out_folder"),
])
def test_a_file_that_is_not_valid_is_named_with_the_place(
    change: dict[str, Any], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "job.json"
    path.write_text(json.dumps({**json.loads(JobSpec(**FIELDS).model_dump_json()), **change}))
    with pytest.raises(BadInput, match=f"{path} is not valid: {words}"):
        JobSpec.read(path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\x89HDF\r\n"])
def test_a_file_that_is_something_else_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "job.json"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=f"Job file {path} is not valid"):
        JobSpec.read(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"none\.json cannot be read: No such file"):
        JobSpec.read(tmp_path / "none.json")


@pytest.mark.parametrize(("name", "value"), [("threads", -1), ("parts", 1001), ("memory_mb", 383)])
def test_values_beyond_their_range_are_told_with_the_value(name: str, value: int) -> None:
    with pytest.raises(BadParameter, match=f"{name} = {value} is not allowed"):
        JobSpec.checked(**{**FIELDS, name: value})
