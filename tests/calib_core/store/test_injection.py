"""Constants that are taken into a store: as they are, once, files first; and what is refused, in a sentence."""

from __future__ import annotations

import os
import re
import resource
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calib_core.detector.registry import detector_type
from calib_core.errors import BadInput, BadParameter, OutputFailed
from calib_core.jobs.truth_constants import write_truth
from calib_core.simulate import default_settings, simulate
from calib_core.store import manifests
from calib_core.store.base import Query, Version
from calib_core.store.constants import read_constant
from calib_core.store.files import write_together
from calib_core.store.local import injecting
from calib_core.store.local.by_operator import ByOperator
from calib_core.store.local.candidates import candidates_of
from calib_core.store.local.checking import QUARANTINE, check
from calib_core.store.local.injecting import Injected, inject
from calib_core.store.local.records import Place
from calib_core.store.local.store import LocalStore
from calib_core.store.manifests import Manifest, Member, SetOnDisk, Writer, name_of
from calib_core.store.statuses import Status
from tests.calib_core.subjects.files import images, put_ours
from tests.kept_store import CONDITIONS

from .constant_files import AGGREGATOR, BEGIN, DETECTOR, KIND, UNIT, put, with_provenance

ANY = frozenset(Status)
STAND_IN = f"{DETECTOR}_{AGGREGATOR}"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LocalStore]:
    made = LocalStore(tmp_path / "store", create=True)
    yield made
    made.close()


def take(store: LocalStore, *paths: Path, confirmed: bool = False) -> Injected:
    return inject(store, candidates_of(store, paths, ByOperator(confirmed=confirmed)), "anna", "first")


def content(folder: Path) -> dict[str, bytes]:
    """All files of a store but SQLite's own beside the index."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.name.endswith(("-wal", "-shm"))}


def faults(store: LocalStore, repair: bool = False) -> list[Any]:
    return list(check(store, repair, "anna"))


def test_a_constant_is_taken_as_it_is(store: LocalStore, tmp_path: Path) -> None:
    path = put(tmp_path / "out")
    [made] = take(store, path).versions
    assert made.path == store.folder / "xfel" / "cal" / "epix100-type" / UNIT.lower() / path.name
    assert made.path.read_bytes() == path.read_bytes()
    assert (made.status, made.author, made.comment) == (Status.DRAFT, "anna", "first")
    assert (made.pdu, made.calibration, made.begin) == (UNIT, KIND.calibrations["Offset"].name, BEGIN)
    assert (made.raw_data, made.dataset) == ("p900000, runs 7", f"/{UNIT}/{made.calibration}/0")
    assert made.conditions["Sensor temperature"] == {"value": 288.0, "unit": "K", "lower": 5.0, "upper": 5.0}
    assert made.conditions["Sensor Bias Voltage"] == {"value": 200.0, "unit": "V", "lower": 0.0, "upper": 0.0}
    np.testing.assert_array_equal(store.read(made).values(), read_constant(path).values())
    [there] = store.find(Query(detector=DETECTOR, at=BEGIN, statuses=ANY))
    assert (there.number, there.detector, there.aggregator, there.module) == (made.number, DETECTOR, AGGREGATOR, 1)
    assert faults(store) == []


def test_the_same_bytes_are_one_version_wherever_they_lie(store: LocalStore, tmp_path: Path) -> None:
    path = put(tmp_path / "out")
    [made] = take(store, path).versions
    moved = tmp_path / "elsewhere.h5"
    shutil.copy(path, moved)
    before = content(store.folder)
    again = take(store, moved, path)
    assert (again.versions, [one.number for one in again.known]) == ((), [made.number])
    assert content(store.folder) == before
    other = put(tmp_path / "out", 2)
    shutil.copy(other, moved)
    with pytest.raises(BadInput, match=r"has the same bytes as .*; give one of them"):
        take(store, other, moved)


def test_other_files_of_one_name_are_both_kept(store: LocalStore, tmp_path: Path) -> None:
    first, second = put(tmp_path / "one"), put(tmp_path / "two", 2)
    os.rename(second, second.with_name(first.name))
    second = second.with_name(first.name)
    made = take(store, first, second).versions
    assert len({one.path for one in made}) == 2
    assert [one.path.read_bytes() for one in made] == [first.read_bytes(), second.read_bytes()]
    assert all(re.fullmatch(r"cal\.\d+\.\d+\.h5", one.path.name) for one in made)


def test_a_name_that_stands_in_is_confirmed_or_known(store: LocalStore, tmp_path: Path) -> None:
    path = put(tmp_path / "out", unit=STAND_IN)
    with pytest.raises(BadParameter, match=f"Nobody has told the physical unit behind {STAND_IN}; name them with"):
        take(store, path)
    assert store.find(Query(take="all", statuses=ANY)) == ()
    [made] = take(store, path, confirmed=True).versions
    assert made.pdu == STAND_IN
    store.install(UNIT, Place(DETECTOR, AGGREGATOR, 1), KIND.database_type, BEGIN, "anna", "")
    [other] = take(store, put(tmp_path / "out", 2, unit=STAND_IN, begin=BEGIN + timedelta(days=1))).versions
    assert other.pdu == UNIT
    assert other.path.parent.name == UNIT.lower()
    assert store.read(other).pdu == STAND_IN  # the file is as it was
    with pytest.raises(BadInput, match=f"is of EPIX_M8, but {UNIT} is installed at {AGGREGATOR} of {DETECTOR}"):
        take(store, put(tmp_path / "out", 3, unit="EPIX_M8", begin=BEGIN + timedelta(days=2)))


def flipped(path: Path) -> Path:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    return path


def cut(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:-1000])
    return path


def bare(path: Path) -> Path:
    """The same by h5py alone, without anything beside the values."""
    stored = read_constant(path)
    values = stored.data()
    with h5py.File(path, "w") as file:
        file[f"{stored.pdu}/{stored.calibration}/0/data"] = values
    return path


def of_type(folder: Path, name: str) -> Path:
    """A file that tells another type than its folder has."""
    made = put(folder, change=with_provenance(detector_type=name))
    path = folder / "xfel" / "cal" / KIND.database_type.lower() / made.parent.name / made.name
    path.parent.mkdir(parents=True)
    return made.rename(path)


BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "values": (lambda folder: flipped(put(folder)), "its checksum (SHA-256) differs"),
    "end": (lambda folder: cut(put(folder)), "cannot be read as a calibration constant"),
    "no file": (lambda folder: folder / "cal.1.0.h5", "cannot be read: No such file or directory"),
    "no condition": (lambda folder: bare(put(folder)), "does not tell Sensor Bias Voltage, Memory cells,"),
    "part of condition": (lambda folder: put(folder, integration_time=None),
                          "does not tell Integration time of its operating condition"),
    "absurd condition": (lambda folder: put(folder, bias_voltage=1e6),
                         "tells Sensor Bias Voltage 1000000.0 V, which ePix100 cannot have"),
    "shape": (lambda folder: put(folder, change=lambda one: replace(
        one, shape=(1, 1, 700, 768), read=lambda part: np.zeros((1, 1, 700, 768))[:, part])),
        "which are no images of ePix100 (708, 768)"),
    "axes": (lambda folder: put(folder, change=lambda one: replace(
        one, shape=(1, 1, 768, 708), read=lambda part: np.zeros((1, 1, 768, 708))[:, part])),
        "which are no images of ePix100 (708, 768)"),
    "missing": (lambda folder: put(folder, missing=708 * 768 // 20 + 1), "has no number in 5.0% of its values"),
    "kind": (lambda folder: put(folder, change=lambda one: replace(one, calibration="OffsetOfOthers")),
             "is a constant OffsetOfOthers, which ePix100 has not"),
    "type": (lambda folder: put(folder, change=with_provenance(detector_type="Nobodys-Type")),
             "does not tell its detector type"),
    "provenance": (lambda folder: put(folder, change=with_provenance(raw_data=[])),
                   "does not tell how it was made: raw_data"),
    "type beside its folder": (lambda folder: of_type(folder, "Nobodys-Type"),
                               "the detector type Nobodys-Type, which there is not; by its folder it is of ePix100"),
    "module": (lambda folder: put(folder, change=with_provenance(module=-4)), "what cannot be understood"),
    "past": (lambda folder: put(folder, begin=datetime(1970, 1, 1, tzinfo=UTC)),
             "valid from 1970-01-01 00:00 UTC, when there was no such detector; nothing before 2010-01-01 is taken"),
    "future": (lambda folder: put(folder, begin=datetime.now(UTC) + timedelta(hours=25)),
               "more than 24 h ahead of the clock"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_taken_is_refused_in_a_sentence(name: str, store: LocalStore, tmp_path: Path) -> None:
    """And nothing else of what was given with it is taken."""
    make, words = BAD[name]
    bad = make(tmp_path / "bad")
    take(store, put(tmp_path / "before", 5))
    before, good = content(store.folder), put(tmp_path / "good", 6)
    with pytest.raises(BadInput, match=re.escape(words)) as told:
        take(store, good, bad)
    assert str(told.value).startswith(str(bad))
    assert str(told.value).endswith("Nothing was injected.")
    assert content(store.folder) == before
    assert faults(store) == []


def test_what_files_do_not_tell_may_be_given(store: LocalStore, tmp_path: Path) -> None:
    """In the index alone: the file stays as it is."""
    path = put(tmp_path / "out", integration_time=None)

    def told(**given: float) -> str:
        return candidates_of(store, [path], ByOperator({name.replace("_", " "): one for name, one in given.items()})
                             )[0].refused

    assert "so that nobody would find it again; give what is missing with --condition." in told()
    assert "is of ePix100, which has no “Exposure”; it has Sensor Bias Voltage, " in told(Exposure=1.0)
    assert "tells Sensor Bias Voltage 200 V itself, and not 100 V; leave it out." in told(
        Integration_time=50.0, Sensor_Bias_Voltage=100.0)
    assert "tells Integration time 0 µs, which ePix100 cannot have" in told(Integration_time=0.0)
    [made] = inject(store, candidates_of(store, [path], ByOperator({"Integration time": 50.0})), "anna", "").versions
    assert made.conditions["Integration time"]["value"] == 50.0
    assert made.path.read_bytes() == path.read_bytes()


def test_of_lines_of_a_scan_only_what_corrections_read_must_be_there(store: LocalStore, tmp_path: Path) -> None:
    """Slopes have planes that nobody reads, and that have no numbers."""
    settings = default_settings("AGIPD1M").with_changes({"modules": "0", "memory_cells": 2, "trains": 4})
    made = write_truth(simulate(settings, tmp_path / "raw"))
    slopes = next(one.path for one in made if read_constant(one.path).calibration == "SlopesPC")
    values = read_constant(slopes).data()
    share = np.isnan(values).mean()
    assert share > 0.4
    assert read_constant(slopes).dims[-1] == "parameter"
    assert np.isnan(values[..., [0, 1, 3, 4]]).mean() == 0
    [one] = candidates_of(store, [slopes], ByOperator(confirmed=True))
    assert (one.refused, one.missing) == ("", 0.0)


def test_other_memory_cells_than_the_condition_tells_are_said(store: LocalStore, tmp_path: Path) -> None:
    """One image may be of all memory cells; of several all should be there."""
    paths = {}
    for cells, told in ((2, 352.0), (2, 2.0), (1, 352.0)):
        conditions = {**CONDITIONS, "Memory cells": {**CONDITIONS["Memory cells"], "value": told}}
        paths[cells, told] = put_ours(tmp_path / f"{cells} {told}", 0, "Offset", images(cells), 0,
                                      conditions=conditions)
    notes = {key: " ".join(candidates_of(store, [path], ByOperator(confirmed=True))[0].notes)
             for key, path in paths.items()}
    said = "Offset of SCS_DET_DSSC1M-1_DSSC00 has 2 memory cells, and its operating condition tells 352."
    assert {key for key, note in notes.items() if said in note} == {(2, 352.0)}
    assert not [note for note in notes.values() if "memory cells" in note.replace(said, "")]


def test_just_so_many_values_may_be_missing(store: LocalStore, tmp_path: Path) -> None:
    [made] = take(store, put(tmp_path / "out", missing=708 * 768 // 20)).versions
    assert made.status == Status.DRAFT


def test_a_clock_that_is_behind_is_told(store: LocalStore, tmp_path: Path) -> None:
    path = put(tmp_path / "out")
    store.clock = lambda: BEGIN - timedelta(days=400)
    with pytest.raises(BadInput, match="is valid from 2026-03-02 08:00 UTC, more than 24 h ahead of the clock"):
        take(store, path)


def test_a_manifest_that_knows_better_is_believed(store: LocalStore, tmp_path: Path) -> None:
    """The whole file was put in place of another one, seal and all."""
    started = datetime(2026, 3, 2, 9, tzinfo=UTC)
    path = put(tmp_path / "out", change=with_provenance(set=name_of(started)))
    member = Member(unit=UNIT, calibration="Offset", module=1, path=f"{UNIT.lower()}/{path.name}", sha256="0" * 64)
    manifests.put(SetOnDisk(path.parent.parent, name_of(started), Manifest(
        state="complete", key="k", job="DARK", detector=DETECTOR, started=started, writer=Writer.here(),
        members=(member,))))
    with pytest.raises(BadInput, match=r"has another checksum than .*set\.20260302T090000.000000Z.json has for it"):
        take(store, path)


def test_a_file_that_was_changed_between_look_and_injection_is_refused(store: LocalStore, tmp_path: Path) -> None:
    path = put(tmp_path / "out")
    looked = candidates_of(store, [path])
    flipped(path)
    with pytest.raises(BadInput, match="was changed since it was looked at"):
        inject(store, looked, "anna", "")
    assert store.find(Query(take="all", statuses=ANY)) == ()


def test_a_file_that_was_changed_after_injection_is_not_read(store: LocalStore, tmp_path: Path) -> None:
    first, second = take(store, put(tmp_path / "out"), put(tmp_path / "out", 2)).versions
    shutil.copy(second.path, first.path)  # whole, sealed, and another one
    with pytest.raises(BadInput, match=f"is another file than the one that was injected as version {first.number}"):
        store.read(first)
    [fault] = faults(store)
    assert fault.sentence.startswith(f"Version {first.number} ")
    assert fault.sentence.endswith("was changed since it was injected; its checksum differs.")
    first.path.unlink()
    with pytest.raises(BadInput, match="there is no such file"):
        store.read(first)
    assert "cannot be read: No such file" in faults(store)[0].sentence
    assert faults(store, repair=True)[0].done == ""


def test_a_store_that_cannot_be_written_takes_nothing(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path / "out")
    store.close()
    monkeypatch.setattr("calib_core.store.local.index.os.access", lambda path, mode: False)
    before = content(store.folder)
    one = LocalStore(store.folder)
    with pytest.raises(OutputFailed, match="cannot be written: it is read-only"):
        take(one, path)
    one.close()
    assert content(store.folder) == before


READ_ONLY = """
import sys
from pathlib import Path
from calib_core.store.base import Query
from calib_core.store.local.candidates import candidates_of
from calib_core.store.local.injecting import inject
from calib_core.store.local.store import LocalStore
from calib_core.store.statuses import Status
folder, file = map(Path, sys.argv[1:])
try:
    store = LocalStore(folder)
    print([one.number for one in store.find(Query(take="all", statuses=frozenset(Status)))])
    inject(store, candidates_of(store, [file]), "anna", "")
except Exception as error:
    print(f"{type(error).__name__}: {error}")
"""


@pytest.mark.parametrize(("left", "told"), [
    ((), ["[1]", "OutputFailed: {store} cannot be written: it is read-only."]),
    (("-wal", "-shm"), ["[1]", "OutputFailed: {store} cannot be written: it is read-only."]),
    (("-wal",), ["BadInput: {store}/index.sqlite cannot be read: it is read-only, and a program that was ended has "
                 "left records in index.sqlite-wal; copy the store to where it can be written."]),
])
def test_a_file_system_that_is_read_only(
    left: tuple[str, ...], told: list[str], store: LocalStore, tmp_path: Path
) -> None:
    """Really: in a name space of its own. What an ended program has left is the log, and what its readers shared."""
    if shutil.which("unshare") is None:
        pytest.skip("there is no unshare")
    take(store, put(tmp_path / "out"))
    mounted, other = tmp_path / "mounted", put(tmp_path / "out", 2)
    if not left:
        store.close()
    shutil.copytree(store.folder, mounted)
    for ending in {"-wal", "-shm"} - set(left):
        (mounted / f"index.sqlite{ending}").unlink(missing_ok=True)
    words = " ".join(map(shlex.quote, (sys.executable, "-c", READ_ONLY, str(mounted), str(other))))
    bound = shlex.quote(str(mounted))
    made = subprocess.run(
        ["unshare", "-m", "sh", "-c", f"mount --bind {bound} {bound} && mount -o remount,ro,bind {bound} && {words}"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}, capture_output=True, text=True,
        check=False)
    if made.returncode:
        pytest.skip(f"this machine does not let file systems be mounted: {made.stderr}")
    assert made.stdout.splitlines() == [line.format(store=mounted) for line in told]


def test_a_full_disk_leaves_the_store_as_it_was(store: LocalStore, tmp_path: Path) -> None:
    """No file may become larger than half of the constant: the system refuses as a full disk does."""
    path = put(tmp_path / "out")
    before = content(store.folder)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    looked = candidates_of(store, [path])
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size // 2, hard))
    try:
        with pytest.raises(OutputFailed, match=r"could not be written: File too large"):
            inject(store, looked, "anna", "")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert content(store.folder) == before
    assert len(take(store, path).versions) == 1


def test_a_disk_without_room_is_told_before_anything_is_written(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Room for one file is none for two, of which the first would lie there without a record."""
    paths = [put(tmp_path / "out"), put(tmp_path / "out", 2)]
    looked, before = candidates_of(store, paths), content(store.folder)
    usage, needed = shutil.disk_usage(tmp_path), sum(path.stat().st_size for path in paths)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=needed - 1))
    with pytest.raises(OutputFailed, match=rf"No space left on device; it needs {needed / 1e6:.1f} MB and"):
        inject(store, looked, "anna", "")
    assert content(store.folder) == before
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=needed))
    assert len(inject(store, looked, "anna", "").versions) == 2


@pytest.mark.parametrize("repair", [False, True])
def test_what_an_injection_left_is_taken_by_the_next_or_by_a_check(
    repair: bool, store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ended after the files and before the rows."""
    path = put(tmp_path / "out")

    def ended(*args: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(injecting, "add_act", ended)
        with pytest.raises(KeyboardInterrupt):
            take(store, path)
    [fault] = faults(store, repair)
    assert fault.sentence.endswith("is in no record; it can be taken as a draft.")
    if repair:
        assert fault.done == "taken as version 1, a draft"
    else:
        before = set(store.folder.rglob("cal.*.h5"))
        assert len(take(store, path).versions) == 1
        assert set(store.folder.rglob("cal.*.h5")) == before
    [made] = store.find(Query(take="all", statuses=ANY))
    assert made.path.read_bytes() == path.read_bytes()
    assert faults(store) == []


def test_a_check_keeps_strangers_aside_and_brings_back_what_was_moved(store: LocalStore, tmp_path: Path) -> None:
    first, second = take(store, put(tmp_path / "out"), put(tmp_path / "out", 2)).versions
    folder = first.path.parent
    copy, stranger, moved = folder / "cal.1.0.h5", folder / "cal.2.0.h5", folder / "cal.3.0.h5"
    shutil.copy(second.path, copy)
    stranger.write_bytes(b"nothing that HDF5 knows")
    os.rename(first.path, moved)
    told = {one.sentence for one in faults(store)}
    [gone] = [text for text in told if text.startswith("Version")]
    assert gone == (f"Version {first.number} (OffsetEPix100 of {UNIT}, 2026-03-02 08:00 UTC): {first.path} cannot be "
                    f"read: No such file or directory; {moved} has its bytes.")
    assert any(text.startswith(f"{copy} is a copy of Version {second.number}") for text in told)
    assert any(text.startswith(f"{stranger} is in no record, and cannot be taken: ") for text in told)
    assert all(one.done for one in faults(store, repair=True))
    assert faults(store) == []
    assert store.read(first).path == first.path
    aside = {path.name: path.read_bytes() for path in (store.folder / QUARANTINE).rglob("cal.*")}
    assert aside == {"cal.1.0.h5": second.path.read_bytes(), "cal.2.0.h5": b"nothing that HDF5 knows"}


def test_what_is_kept_of_the_last_decisions_is_made_anew(store: LocalStore, tmp_path: Path) -> None:
    [made] = take(store, put(tmp_path / "out")).versions
    store.decide([made.number], Status.ACCEPTED, "anna", "")
    store.index.connection.execute("UPDATE standing SET status = 'rejected'")
    assert store.find(Query(take="all")) == ()
    [fault] = faults(store)
    assert "is not what was decided last" in fault.sentence
    assert faults(store, repair=True)[0].done
    assert [one.number for one in store.find(Query(take="all"))] == [made.number]
    assert faults(store) == []


def test_two_that_inject_the_same_at_once_make_one_version(store: LocalStore, tmp_path: Path) -> None:
    path = put(tmp_path / "out")
    other = LocalStore(store.folder)
    both = candidates_of(store, [path]), candidates_of(other, [path])
    first, second = inject(store, both[0], "anna", ""), inject(other, both[1], "ben", "")
    assert len(first.versions) == 1
    assert (second.versions, [one.number for one in second.known]) == ((), [first.versions[0].number])
    other.close()


def test_a_family_with_deviations_of_its_own(store: LocalStore, tmp_path: Path) -> None:
    kind = detector_type("JUNGFRAU")
    told = {"bias_voltage": 90.0, "pixels_x": 1024.0, "pixels_y": 512.0, "integration_time": 10.0,
            "gain_setting": 0.0, "sensor_temperature": 291.0, "gain_mode": 0.0, "exposure_timeout": 25.0}
    [made] = take(store, put(tmp_path / "out", kind=kind, **told)).versions
    assert {name: (one["lower"], one["upper"]) for name, one in made.conditions.items()} == {
        "Sensor Bias Voltage": (0.0, 0.0), "Memory Cells": (0.0, 0.0), "Pixels X": (0.0, 0.0), "Pixels Y": (0.0, 0.0),
        "Integration Time": (0.025, 0.025), "Sensor temperature": (5.0, 5.0), "Gain Setting": (0.0, 0.0)}
    for asked, number in ((10.025, 1), (10.0251, 0), (9.975, 1)):
        condition = {name: one["value"] for name, one in made.conditions.items()} | {"Integration Time": asked}
        assert len(store.find(Query(condition=condition, at=BEGIN, statuses=ANY))) == number


def test_a_disk_that_is_full_at_the_index_leaves_the_store_as_it_was(store: LocalStore, tmp_path: Path) -> None:
    """The files are in their places already, and no row goes into the log any more."""
    path = put(tmp_path / "out")
    looked = candidates_of(store, [path])
    made = looked[0].made
    assert made is not None
    target = store.folder / "xfel" / "cal" / "epix100-type" / UNIT.lower() / path.name
    target.parent.mkdir(parents=True)
    shutil.copy(path, target)
    write_together(made().beside(target))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OutputFailed, match=r"index\.sqlite could not be written: .*; make room on the disk"):
            inject(store, looked, "anna", "")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert store.find(Query(take="all", statuses=ANY)) == ()
    assert len(take(store, path).versions) == 1
    assert faults(store) == []


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_whichever_call_fails_nothing_is_taken_and_nothing_is_left(
    call: str, store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fails at the first such call, at the second, and so on, until none fails."""
    path, really, calls = put(tmp_path / "out"), getattr(os, call), 0
    fails_at, told = 1, []

    def failing(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == fails_at:
            raise OSError(5, "Input/output error")
        return really(*args)

    monkeypatch.setattr(os, call, failing)
    while not (made := _taken_or_told(store, path, told)):
        assert told.pop().endswith("could not be written: Input/output error.")
        assert store.find(Query(take="all", statuses=ANY)) == ()
        assert not list(store.folder.rglob(".calibwb-tmp-*"))
        assert faults(store) == []
        fails_at, calls = fails_at + 1, 0
    assert fails_at > 1
    assert len(made) == 1
    assert faults(store) == []


def _taken_or_told(store: LocalStore, path: Path, told: list[str]) -> tuple[Version, ...]:
    try:
        return take(store, path).versions
    except OutputFailed as error:
        told.append(str(error))
        return ()


def test_large_files_go_past_the_cache_to_the_same_bytes(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From memory that is a file itself; what is large is made small here."""
    monkeypatch.setattr("calib_core.store.disk.LARGE", 1 << 20)
    path = put(tmp_path / "out")
    assert path.stat().st_size > 2 << 20
    [made] = take(store, path).versions
    assert made.path.read_bytes() == path.read_bytes()
