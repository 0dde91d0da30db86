"""What steps have learned in a job: it comes back as it was, for the same steps and file alone."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from calib_core.correction.asic_common_mode import AsicCommonMode
from calib_core.correction.cell_means import CellMeans
from calib_core.correction.pipeline import BoundPipeline
from calib_core.correction.step import Bound
from calib_core.correction.zero_deviation import Same, ZeroDeviation
from calib_core.detector import FrameSelection
from calib_core.jobs.pass_results import PassResults, key_of, of_jobs


def test_what_is_kept_comes_back_until_it_is_closed() -> None:
    means = CellMeans(np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4), 32)
    same = Same(np.arange(24).reshape(2, 3, 4) % 5 == 0, (3, 7))
    results = PassResults()
    assert results.keep(("a file",), {0: {"same": same}, 2: {"means": means}})
    found = of_jobs(("a file",))
    assert found is not None
    assert found.keys() == {0, 2}
    for name, place, before in (("same", 0, same), ("means", 2, means)):
        after: Any = found[place][name]
        assert type(after) is type(before)
        np.testing.assert_array_equal(after.data, before.data)
        assert after.data.dtype == before.data.dtype
    assert (found[2]["means"].per_row, found[0]["same"].cells) == (32, (3, 7))  # type: ignore[attr-defined]
    assert of_jobs(("another file",)) is None
    results.close()
    assert of_jobs(("a file",)) is None


def test_a_full_disk_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "pwrite", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    results = PassResults()
    assert not results.keep(("a file",), {0: {"same": Same(np.ones((1, 2, 2), bool), (0,))}})
    assert of_jobs(("a file",)) is None
    results.close()


def test_a_key_tells_files_steps_parameters_and_constants_apart(tmp_path: Path) -> None:
    path, kind, given = tmp_path / "RAW.h5", Any, {"Noise": SimpleNamespace(why="noise.h5")}
    path.write_bytes(b"1")

    def key(*steps: Any, selection: FrameSelection | None = None, **constants: Any) -> Any:
        bound = [Bound(one, {**given, **constants}, kind) for one in steps]  # type: ignore[arg-type]
        pipeline = BoundPipeline(tuple(bound), (), kind)  # type: ignore[arg-type]
        file: Any = SimpleNamespace(path=path)
        return key_of(file, 1, pipeline, selection or FrameSelection())

    one = key(ZeroDeviation(), AsicCommonMode())
    assert one == key(ZeroDeviation(), AsicCommonMode())
    assert one == key(ZeroDeviation(), AsicCommonMode(), AsicCommonMode(cells=False))  # behind the last that learns
    others = [key(AsicCommonMode()), key(ZeroDeviation(), AsicCommonMode(n_itr=2)),
              key(ZeroDeviation(), AsicCommonMode(), Noise=SimpleNamespace(why="other.h5")),
              key(ZeroDeviation(), AsicCommonMode(), selection=FrameSelection(max_trains=3))]
    os.utime(path, (1, 1))
    others.append(key(ZeroDeviation(), AsicCommonMode()))
    assert one not in others
