"""A corrected file of several modules appears with the last of them, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from extra_data import H5File

from calib_core.errors import OutputFailed
from calib_core.jobs.shared_files import SharedFiles
from calib_core.store.corrected import CorrectedFile
from calib_core.store.origin import origin_of

from ...corrected_files import JUNGFRAU, raw_files, source, values


@pytest.fixture
def given(tmp_path: Path) -> dict[str, Any]:
    """Two sources for one file, and how it is made."""
    [raw] = raw_files(tmp_path / "raw", "JUNGFRAU", "JNGFR", trains=4, modules="1")
    origin = origin_of(raw)
    small = [source(JUNGFRAU, module, np.ones(4), 1) for module in (1, 2)]
    made: list[Any] = []

    def make() -> CorrectedFile:
        made.append(CorrectedFile(tmp_path / "out", origin, small, "job"))
        return made[-1]

    return {"path": tmp_path / "out" / origin.name, "sources": small, "make": make, "made": made}


def put(file: CorrectedFile, one: Any) -> None:
    file.writer(one.name).write(0, values(one, 3))


def test_it_appears_with_the_last_of_its_modules(given: dict[str, Any]) -> None:
    shared, path, (first, second) = SharedFiles(), given["path"], given["sources"]
    names = [first.name, second.name]
    files = [shared.join(path, names, given["make"]) for _ in names]
    assert files[0] is files[1]
    assert len(given["made"]) == 1
    for file, one in zip(files, (first, second), strict=True):
        put(file, one)
    assert shared.leave(path, first.name, whole=True) is None
    assert not path.exists()
    assert shared.leave(path, second.name, whole=True) == path
    assert set(H5File(path).all_sources) == set(names)
    assert shared.close() == []
    assert path.exists()


def test_of_a_module_that_fails_nothing_is_left_and_the_others_hear_of_it(given: dict[str, Any]) -> None:
    shared, path, (first, second) = SharedFiles(), given["path"], given["sources"]
    names = [first.name, second.name]
    for _ in names:
        file = shared.join(path, names, given["make"])
    put(file, first)
    assert shared.leave(path, second.name, whole=False) is None
    with pytest.raises(OutputFailed, match="is not written, since another module failed"):
        shared.leave(path, first.name, whole=True)
    with pytest.raises(OutputFailed, match="is not written, since another module failed"):
        shared.join(path, names, given["make"])
    assert shared.close() == []
    assert not list(path.parent.iterdir())


def test_of_a_module_that_never_comes_nothing_is_left(given: dict[str, Any]) -> None:
    shared, path, (first, second) = SharedFiles(), given["path"], given["sources"]
    file = shared.join(path, [first.name, second.name], given["make"])
    put(file, first)
    shared.leave(path, first.name, whole=True)
    assert shared.close() == [path]
    assert not list(path.parent.iterdir())


def test_a_file_that_is_there_is_nobodys(given: dict[str, Any]) -> None:
    shared = SharedFiles()
    assert shared.join(given["path"], ["a"], lambda: None) is None
    assert shared.close() == []
