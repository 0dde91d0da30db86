"""Corrected files: the same bytes however they come, whole or not at all, with all that the raw file says."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calib_core import __version__
from calib_core.errors import OutputFailed
from calib_core.store.corrected import CorrectedFile, CorrectedKey, CorrectedSource, read_key
from calib_core.store.exdf import FileHeader, Trains
from calib_core.store.files import sweep
from calib_core.store.origin import Origin

from ...corrected_files import AGIPD, JUNGFRAU, STRIPS, source, stored, values, write

Array = Any
ROWS = (3, 0, 2)
NAME = "CORR-R0007-AGIPD03-S00002.h5"


def trains(n: int) -> Trains:
    ids = np.uint64(2_000_000_000) + np.arange(n, dtype=np.uint64)
    return Trains(ids, np.uint64(10**18) + np.arange(n, dtype=np.uint64) * np.uint64(10**8), np.ones(n, bool))


def origin(n: int = len(ROWS)) -> Origin:
    header = FileHeader({"runNumber": 7, "proposalNumber": 1234, "sequenceNumber": 2},
                        {"dataFormatVersion": "1.2", "daqLibrary": "1.9.9"})
    return Origin(7, "AGIPD03", 2, trains(n), header)


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


LAYOUTS = {"frames": source(AGIPD, 3, ROWS), "entries": source(JUNGFRAU, 1, (1, 0, 1), 2),
           "strips": source(STRIPS, 1, (1, 0, 1), 7)}


def cut_by(length: int) -> Callable[[int], list[Array]]:
    return lambda frames: [np.arange(at, min(at + length, frames)) for at in range(0, frames, length)]


def shuffled(frames: int) -> list[Array]:
    """Pieces of two frames from anywhere, in any order."""
    places = np.random.default_rng(5).permutation(frames)
    return [places[at:at + 2] for at in range(0, frames, 2)]


@pytest.fixture(scope="module", params=LAYOUTS)
def case(request: pytest.FixtureRequest) -> tuple[CorrectedSource, dict[str, Array]]:
    return LAYOUTS[request.param], values(LAYOUTS[request.param], 1)


@pytest.mark.parametrize("threads", [1, 2, 8])
@pytest.mark.parametrize("cut", [cut_by(1), cut_by(3), shuffled])
def test_any_pieces_and_threads_give_the_same_bytes(
    case: Any, cut: Callable[[int], list[Array]], threads: int, tmp_path: Path
) -> None:
    whole = write(tmp_path / "whole", origin(), [case])
    assert stored(write(tmp_path / "cut", origin(), [case], cut, threads)) == stored(whole)


def test_hdf5_reads_what_was_written(case: Any, tmp_path: Path) -> None:
    of, arrays = case
    with h5py.File(write(tmp_path, origin(), [case])) as file:
        for key in of.keys:
            found = file[f"INSTRUMENT/{of.name}/{key.name.replace('.', '/')}"]
            assert found.shape == found.maxshape == (*of.shape, *key.frame)
            assert found.dtype == key.dtype
            np.testing.assert_array_equal(found[()], arrays[key.name].reshape(found.shape))
            assert found.attrs.get("unit", "") == key.unit
            filters = [found.id.get_create_plist().get_filter(i)[0]
                       for i in range(found.id.get_create_plist().get_nfilters())]
            assert filters == [h5py.h5z.FILTER_SHUFFLE] * key.shuffled + [h5py.h5z.FILTER_DEFLATE] * key.packed


def test_a_frame_of_pixels_is_a_chunk_and_strips_are_stored_by_the_train(tmp_path: Path) -> None:
    chunks = {}
    for name, of in LAYOUTS.items():
        path = write(tmp_path / name, origin(), [(of, values(of, 1))])
        with h5py.File(path) as file:
            chunks[name] = file[f"INSTRUMENT/{of.name}/{of.group}/mask"].chunks
    assert chunks == {"frames": (1, 512, 128), "entries": (1, 1, 512, 1024), "strips": (1, 7, 1280)}


def test_index_and_train_ids_follow_the_rows(tmp_path: Path) -> None:
    of = LAYOUTS["frames"]
    with h5py.File(write(tmp_path, origin(), [(of, values(of, 1))])) as file:
        assert file[f"INDEX/{of.name}/image/count"][:].tolist() == [3, 0, 2]
        assert file[f"INDEX/{of.name}/image/first"][:].tolist() == [0, 3, 3]
        ids = file[f"INSTRUMENT/{of.name}/image/trainId"]
        assert ids.dtype == np.uint64
        assert (ids[:] - np.uint64(2_000_000_000)).tolist() == [0, 0, 0, 2, 2]


def test_attributes_tell_program_job_and_steps_left_out(tmp_path: Path) -> None:
    skipped = {"Relative gain": "there is no constant SlopesPC — none of 3 fits", "Common mode": "off"}
    of = source(AGIPD, 3, ROWS, skipped=skipped)
    with h5py.File(write(tmp_path, origin(), [(of, values(of, 1))], key="a 1")) as file:
        assert dict(file.attrs) == {"program": f"calibwb {__version__}", "job_key": "a 1"}
        assert json.loads(file[f"INSTRUMENT/{of.name}"].attrs["skipped_steps"]) == skipped


def test_two_modules_in_one_file(tmp_path: Path) -> None:
    modules = [source(STRIPS, module, (1, 1, 0), 5) for module in (1, 2)]
    path = write(tmp_path, origin(), [(of, values(of, module)) for module, of in enumerate(modules)], shuffled, 2)
    with h5py.File(path) as file:
        for module, of in enumerate(modules):
            found = file[f"INSTRUMENT/{of.name}/data/adc"][()]
            np.testing.assert_array_equal(found, values(of, module)["data.adc"].reshape(found.shape))
        assert file["METADATA/dataSources/deviceId"].asstr()[:].tolist() == [f"{of.name}/data" for of in modules]


@pytest.mark.parametrize("layout", [AGIPD, JUNGFRAU])
def test_a_module_without_frames(layout: Any, tmp_path: Path) -> None:
    of = source(layout, 1, (0, 0, 0))
    with h5py.File(write(tmp_path, origin(), [(of, values(of, 1))])) as file:
        for key in of.keys:
            assert file[f"INSTRUMENT/{of.name}/{key.name.replace('.', '/')}"].shape == (*of.shape, *key.frame)


# --- whole or not at all


def test_nothing_is_left_of_a_file_that_is_abandoned(tmp_path: Path) -> None:
    of, arrays = LAYOUTS["frames"], values(LAYOUTS["frames"], 1)
    file = CorrectedFile(tmp_path / "out", origin(), [of], "job")
    file.writer(of.name).write(0, {name: array[:2] for name, array in arrays.items()})
    assert len(left(tmp_path / "out")) == 1
    assert left(tmp_path / "out")[0].startswith(".calibwb-tmp-")
    file.abandon()
    file.abandon()
    assert left(tmp_path / "out") == []


def test_a_file_that_lacks_frames_does_not_appear(case: Any, tmp_path: Path) -> None:
    of, arrays = case
    for lacking in arrays:
        with CorrectedFile(tmp_path, origin(), [of], "job") as file:
            file.writer(of.name).write(0, {n: array[: of.frames - (n == lacking)] for n, array in arrays.items()})
            with pytest.raises(ValueError, match=rf"1 of {of.frames} frames of {lacking} were not written"):
                file.commit()
        assert left(tmp_path) == []


def test_a_file_that_exists_is_kept_unless_it_may_be_replaced(tmp_path: Path) -> None:
    of = LAYOUTS["frames"]
    path = write(tmp_path, origin(), [(of, values(of, 1))])
    before = path.read_bytes()
    with pytest.raises(OutputFailed, match=f"{NAME} could not be written: it exists already"):
        CorrectedFile(tmp_path, origin(), [of], "job")
    assert path.read_bytes() == before
    with CorrectedFile(tmp_path, origin(), [of], "new", overwrite=True) as file:
        file.writer(of.name).write(0, values(of, 2))
        assert read_key(path) == "job"
        file.commit()
    assert read_key(path) == "new"
    assert left(tmp_path) == [NAME]


class Failing:
    """A system call that works so many times and then never again."""

    def __init__(self, name: str, good: int, code: int) -> None:
        self.original, self.good, self.code = getattr(os, name), good, code

    def __call__(self, *args: Any, **named: Any) -> Any:
        self.good -= 1
        if self.good < 0:
            raise OSError(self.code, os.strerror(self.code))
        return self.original(*args, **named)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize(("call", "good"), [
    ("open", 0), ("posix_fallocate", 0), *(("pwrite", n) for n in range(34)), ("fsync", 0), ("fsync", 1),
    ("rename", 0),
])
def test_a_disk_that_fails_is_told_in_one_sentence_and_leaves_nothing(
    call: str, good: int, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = LAYOUTS["frames"]
    arrays = values(of, 1)
    with monkeypatch.context() as patch:
        patch.setattr(os, call, Failing(call, good, code))
        with pytest.raises(OutputFailed) as told:
            write(tmp_path, origin(), [(of, arrays)], cut_by(1))
    assert str(told.value).startswith(f"{tmp_path / NAME} could not be written: {os.strerror(code)}")
    assert left(tmp_path) == []
    write(tmp_path, origin(), [(of, arrays)])


#: A process of its own that writes a file of one module.
CHILD = textwrap.dedent("""
    import resource, sys
    from pathlib import Path
    import numpy as np
    from calib_core.errors import OutputFailed
    from calib_core.store.corrected import CorrectedFile, CorrectedKey, CorrectedSource
    from calib_core.store.exdf import FileHeader, Trains
    from calib_core.store.origin import Origin
    ids = np.arange(1, 6, dtype=np.uint64)
    origin = Origin(7, "DA01", 2, Trains(ids, ids, ids > 0), FileHeader({}, {"dataFormatVersion": "1.2"}))
    keys = (CorrectedKey("data.a", np.dtype("f4"), (512, 128)),
            CorrectedKey("data.b", np.dtype("u1"), (512, 128), packed=True))
    of, folder = CorrectedSource("X/CORR/1:output", "data", ids // ids, keys), Path(sys.argv[1])
    noise = np.random.default_rng(1).integers(0, 256, (5, 512, 128)).astype("u1")
    frames = {"data.a": noise.astype("f4"), "data.b": noise}
""")
LIMITED = CHILD + textwrap.dedent("""
    for limit in range(1000, 2 * of.most_bytes, 30_011):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            with CorrectedFile(folder, origin, [of], "job") as file:
                for at in range(5):
                    file.writer(of.name).write(at, {name: array[at : at + 1] for name, array in frames.items()})
                file.commit()
        except OutputFailed as error:
            assert str(error).endswith("could not be written: File too large."), error
            assert not list(folder.iterdir())
        else:
            break
    print(limit > of.least_bytes)
""")
KILLED = CHILD + textwrap.dedent("""
    file = CorrectedFile(folder, origin, [of], "job")
    file.writer(of.name).write(0, {name: array[:3] for name, array in frames.items()})
    print("half", flush=True)
    sys.stdin.read()
""")


def test_the_process_lives_on_where_the_system_takes_no_more(tmp_path: Path) -> None:
    """Files may not grow beyond a limit, which is found wherever HDF5 is; it must end well in all places."""
    done = subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("True\n", "", 0)
    assert left(tmp_path) == ["CORR-R0007-DA01-S00002.h5"]


def test_a_full_disk_shows_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of = LAYOUTS["frames"]
    asked = []

    def full(descriptor: int, offset: int, size: int) -> None:
        asked.append(size)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OutputFailed, match=r"it needs 1\.3 MB and [\d.]+ MB are free\.$"):
        CorrectedFile(tmp_path, origin(), [of], "job")
    assert asked == [5 * (512 * 128 * 4 + 2 + 8)]
    assert left(tmp_path) == []


def test_rights_are_those_of_other_results(tmp_path: Path) -> None:
    of = LAYOUTS["strips"]
    before = os.umask(0)
    try:
        path = write(tmp_path, origin(), [(of, values(of, 1))])
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_process_that_is_killed_leaves_no_corrected_file(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path / "out")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "half\n"
        child.send_signal(signal.SIGKILL)
    assert [name.startswith(".calibwb-tmp-") for name in left(tmp_path / "out")] == [True]
    assert len(sweep(tmp_path / "out", older_than=-1.0)) == 1
    assert left(tmp_path / "out") == []


# --- what a caller does wrong


@pytest.mark.parametrize(("start", "change", "told"), [
    (0, lambda a: a.astype(np.float64), r"image\.data takes float32 .* not float64"),
    (0, lambda a: a[:, :100], r"takes float32 \(n, \(512, 128\)\) and not float32 \(5, 100, 128\)"),
    (3, lambda a: a, "has frames 0 to 4, and not 3 to 7"),
    (-1, lambda a: a[:1], "has frames 0 to 4, and not -1 to -1"),
    (np.array([1, 1]), lambda a: a[:2], "come twice, between 1 and 1"),
    (np.array([1, 2]), lambda a: a[:1], r"image\.data has 1 frames for 2 places"),
    (np.int64(4), lambda a: a[:2], "has frames 0 to 4, and not 4 to 5"),
])
def test_frames_that_do_not_fit_are_refused(start: Any, change: Any, told: str, tmp_path: Path) -> None:
    of = LAYOUTS["frames"]
    with CorrectedFile(tmp_path, origin(), [of], "job") as file, pytest.raises(ValueError, match=told):
        file.writer(of.name).write(start, {"image.data": change(values(of, 1)["image.data"])})


def test_a_frame_may_not_come_twice(case: Any, tmp_path: Path) -> None:
    of, arrays = case
    with CorrectedFile(tmp_path, origin(), [of], "job") as file:
        for name, array in arrays.items():
            file.writer(of.name).write(1, {name: array[1:2]})
            with pytest.raises(ValueError, match=f"frames of {name} come twice, between 0 and 1"):
                file.writer(of.name).write(0, {name: array[:2]})


# --- the key of a job


def test_no_key_is_read_from_other_files(tmp_path: Path) -> None:
    of = LAYOUTS["strips"]
    path = write(tmp_path, origin(), [(of, values(of, 1))], key="schlüssel")
    assert read_key(path) == "schlüssel"
    assert read_key(tmp_path / "missing.h5") == ""
    cut = tmp_path / "cut.h5"
    cut.write_bytes(path.read_bytes()[:-2000])
    assert read_key(cut) == ""
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other.attrs["job_key"] = 3
    assert read_key(tmp_path / "other.h5") == ""


def test_sizes_are_told_before() -> None:
    of = CorrectedSource("s", "image", np.array([2, 1], np.uint64), (
        CorrectedKey("image.data", np.dtype("f4"), (8, 4)), CorrectedKey("image.mask", np.dtype("u4"), (8, 4), True)))
    assert (of.least_bytes, of.most_bytes) == (3 * 128, 3 * 256)
