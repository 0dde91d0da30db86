"""Frames with light are those that a device of the run tells, against what EXtra-data reads of it."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from extra_data import RunDirectory
from extra_data.tests.make_examples import make_reduced_spb_run

from calib_core.detector import FrameSelection
from calib_core.errors import BadInput
from calib_core.io.lit_frames import by_light
from calib_core.io.module_index import index_module
from calib_core.io.run import Run

SOURCE = "SPB_IRU_AGIPD1M1/REDU/LITFRM:daqFilter"
DEVICE = SOURCE.partition(":")[0]
MODULE = 9


@pytest.fixture(scope="module")
def reduced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose trains have 1 to 19 frames, of which the device tells every third or so to be lit."""
    folder = tmp_path_factory.mktemp("reduced")
    make_reduced_spb_run(folder, raw=True, rng=np.random.RandomState(123), format_version="1.2")
    rng = np.random.default_rng(1)
    pattern = (rng.random((64, 352)) < 0.3) * rng.integers(1, 4, (64, 352))
    [path] = folder.glob(f"*AGIPD{MODULE:02d}*.h5")
    with h5py.File(path, "r+") as file:
        file[f"REDUCTION/{SOURCE}/data/dataFramePattern"][...] = pattern
        name = f"SPB_DET_AGIPD1M-1/DET/{MODULE}CH0:xtdf/image"
        cells = [np.sort(rng.choice(352, int(n), replace=False)) for n in file[f"INDEX/{name}/count"]]
        file[f"INSTRUMENT/{name}/cellId"][:, 0] = np.concatenate(cells)
    return folder


def found(folder: Path, lit: bool = True, device: str = "") -> tuple[list[tuple[int, int]], dict[str, int]]:
    """Train and memory cell of each frame that is used, and those that are not by reason."""
    with Run.open(folder) as run:
        [detector] = run.detectors
        [module] = [one for one in detector.modules if one.number == MODULE]
        index = index_module(detector.type, module, run.files)
        if lit:
            selection = FrameSelection(lit="device", lit_device=device)
            index = by_light(index, detector.type, run.label, run.files, selection)
        return list(zip(index.train.tolist(), index.cell.tolist(), strict=True)), dict(index.excluded)


def expected(folder: Path) -> tuple[list[tuple[int, int]], int]:
    """Lit frames in the order of the file, and how many there are in all, as EXtra-data has them."""
    run = RunDirectory(folder)
    told = run.auxiliary[f"AGIPD{MODULE:02d}@{SOURCE}"]["data.dataFramePattern"]
    pattern = dict(zip(told.train_id_coordinates().tolist(), told.ndarray(), strict=True))
    cells = run[f"SPB_DET_AGIPD1M-1/DET/{MODULE}CH0:xtdf", "image.cellId"]
    frames = list(zip(cells.train_id_coordinates().tolist(), cells.ndarray().ravel().tolist(), strict=True))
    return [(train, cell) for train, cell in frames if pattern[train][cell] > 0], len(frames)


def test_only_lit_frames_are_used_and_the_others_are_counted(reduced: Path) -> None:
    frames, excluded = found(reduced)
    wanted, number = expected(reduced)
    assert 50 < len(wanted) < number / 2
    assert sorted(frames) == sorted(wanted)
    assert excluded["without light"] == number - len(wanted)
    every, none = found(reduced, lit=False)
    assert len(every) == number
    assert "without light" not in none


def test_trains_of_which_nothing_is_told_are_left_out_and_counted(reduced: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    folder.mkdir()
    for path in reduced.glob("*AGIPD09*.h5"):
        (folder / path.name).write_bytes(path.read_bytes())
    with h5py.File(next(folder.glob("*.h5")), "r+") as file:
        file[f"INDEX/{SOURCE}/data/count"][40:] = 0
        trains = file["INDEX/trainId"][:40].tolist()
    frames, excluded = found(folder)
    wanted, number = expected(reduced)
    assert sorted(frames) == sorted(one for one in wanted if one[0] in trains)
    told = len([one for one in found(reduced, lit=False)[0] if one[0] in trains])
    assert excluded[f"of which {SOURCE} tells nothing"] == number - told


@pytest.mark.parametrize(("device", "told"), [
    ("", "has no device such as …/REDU/LITFRM that tells which frames had light; leave --lit-frames out."),
    (f"{DEVICE}2", f"has no device {DEVICE}2 that tells which frames had light; leave --lit-frames out, or "),
])
def test_a_run_without_such_a_device_is_refused(device: str, told: str, reduced: Path, tmp_path: Path) -> None:
    for path in reduced.glob("*AGIPD09*.h5"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    if not device:
        with h5py.File(next(tmp_path.glob("*.h5")), "r+") as file:
            del file["METADATA/auxiliarySources"]
    with pytest.raises(BadInput, match="Run ") as error:
        found(tmp_path, device=device)
    assert told in str(error.value)


def test_a_device_can_be_named(reduced: Path) -> None:
    assert found(reduced, device=DEVICE) == found(reduced)


def test_of_two_devices_one_must_be_named(reduced: Path, tmp_path: Path) -> None:
    other = SOURCE.replace("AGIPD1M1", "AGIPD1M2")
    for path in reduced.glob("*AGIPD09*.h5"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with h5py.File(next(tmp_path.glob("*.h5")), "r+") as file:
        names = file["METADATA/auxiliarySources/REDUCTION"][:].tolist()
        del file["METADATA/auxiliarySources/REDUCTION"]
        file["METADATA/auxiliarySources/REDUCTION"] = [*names, f"REDUCTION/{other}/data".encode()]
        for section in ("INDEX", "REDUCTION"):
            file.copy(f"{section}/{SOURCE}", f"{section}/{other}")
        file[f"REDUCTION/{other}/data/dataFramePattern"][...] = 1
    with pytest.raises(BadInput, match=f"has {SOURCE} and {other}, which tell which frames had light; name one with"):
        found(tmp_path)
    assert len(found(tmp_path, device=other.partition(":")[0])[0]) == len(
        found(reduced, lit=False)[0])
