"""Job files: what comes back is what was written, and what is not one is refused with one sentence."""

from __future__ import annotations

import json
import os
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
    ({"format": 1}, "format"), ({"runs": {"high": "r1"}}, "runs: there is no such field"),
    ({"memory_mb": 3}, "memory_mb"),
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


def written(path: Path, content: bytes | None = None, **changes: Any) -> Path:
    """A job file with some fields changed, or with another content."""
    text = json.dumps({**json.loads(JobSpec(**FIELDS).model_dump_json()), **changes})
    path.write_bytes(text.encode() if content is None else content)
    return path


def test_paths_that_are_not_absolute_begin_at_the_folder_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "job.json", inputs={"high": ["raw/r0001", "/data/r0002"]}, out_folder="constants")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    found = JobSpec.read(Path("..") / path.name)
    assert [Path(one).resolve() for one in found.inputs["high"]] == [tmp_path / "raw/r0001", Path("/data/r0002")]
    assert found.out_folder.resolve() == tmp_path / "constants"


def test_paths_of_a_specification_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file written of it means the same runs wherever it is read."""
    monkeypatch.chdir(tmp_path)
    spec = JobSpec.checked(family="LPD", method="DARK", inputs={"high": ("r0007",)}, out_folder=Path("out"))
    assert spec.inputs == {"high": (str(tmp_path / "r0007"),)}
    assert spec.out_folder == tmp_path / "out"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_mark_at_the_begin_does_not_matter(encoding: str, tmp_path: Path) -> None:
    path = written(tmp_path / "job.json", JobSpec(**FIELDS).model_dump_json().encode(encoding))
    assert JobSpec.read(path) == JobSpec(**FIELDS)


@pytest.mark.parametrize("value", [1e30, 1 << 25, 383, -1, "much"])
def test_memory_has_a_range(value: Any, tmp_path: Path) -> None:
    path = written(tmp_path / "job.json", memory_mb=value)
    with pytest.raises(BadInput, match=r"is not valid: memory_mb: .+\."):
        JobSpec.read(path)


@pytest.mark.parametrize("change", [{"inputs": {"high": ["/data/r\0001"]}}, {"out_folder": "/o\0ut"}])
def test_a_path_with_nul_is_refused(change: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="a path has no NUL character"):
        JobSpec.read(written(tmp_path / "job.json", **change))


@pytest.mark.parametrize("kind", ["pipe", "zero", "folder", "long", "nul"])
def test_what_is_no_file_of_text_is_refused_at_once(kind: str, tmp_path: Path) -> None:
    path = {"zero": Path("/dev/zero"), "nul": Path("a\0b")}.get(kind, tmp_path / kind)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "long":
        with path.open("wb") as file:
            file.truncate(1 << 40)
    with pytest.raises(BadInput, match=r"Job file .+ cannot be read: .+\."):
        JobSpec.read(path)


@pytest.mark.parametrize(("threads", "processors", "gib", "expected"), [
    (0, 2, 24, 2048), (1, 64, 256, 2048), (0, 64, 256, 32768), (8, 64, 256, 4096), (0, 64, 64, 16384),
    (0, 2, 4, 1024), (0, 2, 1, 384),
])
def test_memory_follows_from_threads_and_the_machine_unless_it_is_given(
    threads: int, processors: int, gib: int, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calib_core.io.budget.usable_processors", lambda: processors)
    monkeypatch.setattr("calib_core.io.budget.usable_bytes", lambda: gib << 30)
    known = {"family": "AGIPD", "method": "DARK", "out_folder": tmp_path, "threads": threads}
    made = JobSpec(**known)
    assert made.memory_mb == expected
    assert JobSpec(**known, memory_mb=777).memory_mb == 777
    monkeypatch.setattr("calib_core.io.budget.usable_bytes", lambda: 2 << 30)
    assert JobSpec.model_validate_json(made.model_dump_json()) == made
