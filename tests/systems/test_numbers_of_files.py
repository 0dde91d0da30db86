"""Files of a run that share a sequence number, as copies and renamed ones do, are corrected one by one."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from calib_core.io.run import Run
from calib_core.simulate import default_settings, simulate
from tests.systems.command import Array, Capture, Result

TRAINS = 6


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two receivers in two files each; not to be changed."""
    settings = default_settings("GOTTHARD2_25UM").with_changes(
        {"frames_per_train": 2, "trains": TRAINS, "trains_per_sequence": 3})
    return next(iter(simulate(settings, tmp_path_factory.mktemp("whole")).runs.values()))


def corrected(run: Path, out: Path, capsys: Capture) -> tuple[Result, dict[tuple[str, int], Array]]:
    """What the job said, and the samples of each source and train; a train that comes twice is an error."""
    words = ["GOTTHARD2", "CORRECT", "--run", str(run), "--constants", "neutral", "--out-folder", str(out)]
    result, found = Result(words, out, capsys), {}
    for path in sorted(out.glob("CORR-*.h5")):
        with h5py.File(path) as file:
            for source in file["METADATA/dataSources/dataSourceId"].asstr():
                name = source.removeprefix("INSTRUMENT/")
                index, samples = file[f"INDEX/{name}"], file[f"{source}/adc"][()]
                for train, first, count in zip(file["INDEX/trainId"], index["first"], index["count"], strict=True):
                    if count:
                        assert (name, int(train)) not in found
                        found[name, int(train)] = samples[first:first + count]
    return result, found


def renamed(run: Path) -> None:
    """All files of the second sequence have four digits only, which tells no number."""
    for path in run.glob("*-S00001.h5"):
        path.rename(path.with_name(path.name.replace("S00001", "S0001")))


def copied(run: Path) -> None:
    """A file lies there twice, once under a name without a number."""
    for path in run.glob("*-GH2*-S00000.h5"):
        shutil.copyfile(path, path.with_name(path.name.replace("S00000", "S0000")))


@pytest.mark.parametrize("fault", [renamed, copied])
def test_files_that_share_a_number_are_corrected_one_by_one(fault, whole: Path, tmp_path: Path, capsys: Capture):
    run = shutil.copytree(whole, tmp_path / whole.name)
    fault(run)
    expected, result = corrected(whole, tmp_path / "whole", capsys)[1], corrected(run, tmp_path / "out", capsys)
    assert (result[0].status, result[0].errors) == (0, [])
    assert any("its sequence number 0 is that of RAW-R0001-GH2" in line for line in result[0].warnings)
    assert set(result[1]) == set(expected)
    assert len(expected) == 2 * TRAINS
    for place, samples in expected.items():
        np.testing.assert_array_equal(result[1][place], samples)


def test_files_with_numbers_of_their_own_keep_them(whole: Path) -> None:
    with Run.open(whole) as run:
        assert {file.name: file.sequence for file in run.files} == {
            path.name: int(path.stem[-5:]) for path in whole.glob("*.h5")}
        assert run.problems == ()
