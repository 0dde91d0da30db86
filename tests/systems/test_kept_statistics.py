"""A store that keeps numbers, on the command line: statistics without files, confirmed changes, numbers anew."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calib_core.cli.main import main
from calib_core.constants.statistics import COLUMNS, line_numbers
from calib_core.errors import BadInput
from calib_core.jobs.board import State
from calib_core.jobs.job import Job
from calib_core.jobs.spec import JobSpec
from calib_core.store.local import remaking
from calib_core.store.local.confirmations import confirmed
from calib_core.store.local.lines import drop_lines
from calib_core.store.local.making import INDEX
from calib_core.store.local.store import LocalStore
from calib_core.store.statuses import Status
from calib_core.subjects.kept_lines import OpenStores, kept_numbers, last_record
from calib_core.subjects.known_numbers import KnownNumbers
from calib_core.subjects.timeline import Asked, Timeline, timeline_of
from calib_core.subjects.version_list import list_versions
from tests.calib_core.store.constant_files import UNIT, put
from tests.kept_store import MODULES, STEP, VERSIONS, KeptStore, make_kept_store, median

from .command import Capture


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeptStore]:
    root = tmp_path_factory.mktemp("months")
    made = make_kept_store(root / "store", root / "files")
    with closing(made.store):
        made.store.decide([one for some in made.versions.values() for one in some], Status.ACCEPTED, "anna", "")
        yield made


def statistics(kept: KeptStore, out: Path) -> list[dict[str, str]]:
    """Changes that the job tells."""
    assert main(["GENERIC", "STATS", "--constants", str(kept.store.folder), "--out-folder", str(out), "--quiet"]) == 0
    with (out / "statistics_changes.csv").open() as file:
        return list(csv.DictReader(line for line in file if not line.startswith("# ")))


def of_window(folder: Path, confirmed_at: frozenset[tuple[str, object]]) -> Timeline:
    """Lines as the window has them of a store."""
    found = list_versions(str(folder))
    rows = found.of(found.detectors[0], "Offset")
    return timeline_of(rows, KnownNumbers(kept=kept_numbers(rows, 0)), Asked(confirmed=confirmed_at))  # type: ignore[arg-type]


def of_file(path: Path) -> Timeline:
    """Lines of a file of statistics alone."""
    found = list_versions(str(path))
    rows = found.of(found.detectors[0], "Offset")
    begins = frozenset((one.version.pdu, one.begin) for one in rows if found.numbers[one.path].about.confirmed)
    numbers = KnownNumbers({key: line_numbers(one) for key, one in found.numbers.items()})
    return timeline_of(rows, numbers, Asked(confirmed=begins))


def test_the_job_the_window_and_its_file_have_the_same_lines(kept: KeptStore, tmp_path: Path) -> None:
    """Of the constants but two there are no files; then with a change that was confirmed on the command line."""
    [change] = statistics(kept, tmp_path / "a")
    assert (change["module"], change["kind"], change["level"]) == ("1", "step", "red")
    version = kept.versions[1][STEP]
    store = ["--store", str(kept.store.folder)]
    assert main(["store", "confirm", *store, str(version), "--author", "ben", "--comment", "new chiller"]) == 0
    assert statistics(kept, tmp_path / "b") == []
    [one] = confirmed(kept.store)
    [found] = kept.store.named([version])
    window = of_window(kept.store.folder, frozenset({(found.pdu, found.begin)}))
    for line, again in zip(window.lines, of_file(tmp_path / "b" / "statistics.h5").lines, strict=True):
        np.testing.assert_array_equal(line.values, again.values)
        np.testing.assert_array_equal(line.shifts, again.shifts)
        np.testing.assert_array_equal(line.judged.score, again.judged.score)
        assert [begin for begin, _ in line.judged.references] == [begin for begin, _ in again.judged.references]
        np.testing.assert_allclose(line.values, [median(line.module, day) for day in range(VERSIONS)], atol=1e-5)
    assert (one.version, one.author, one.comment) == (version, "ben", "new chiller")
    assert main(["store", "unconfirm", *store]) == 0
    assert list(confirmed(kept.store)) == []


def test_confirmations_and_decisions_are_taken_back_apart(kept: KeptStore, capsys: Capture) -> None:
    store = ["--store", str(kept.store.folder)]
    first, second = kept.versions[0][:2]
    for words, status, sentence in (
            (["confirm", *store, str(second)], 0, f"Version {second}"),
            (["confirm", *store, str(second)], 2, "was confirmed already"),
            (["withdraw", *store, str(first)], 0, "is withdrawn"),
            (["unconfirm", *store], 0, "begins no new reference any more"),
            (["unconfirm", *store], 2, "the last confirmation was taken back already"),
            (["undo", *store], 0, "is accepted"),
            (["confirm", *store, "100000"], 2, "has no version 100000")):
        capsys.readouterr()
        assert (main(["store", *words]) != 0) == (status != 0), words
        assert sentence in "".join(capsys.readouterr())


def test_numbers_are_made_anew_and_what_cannot_be_is_told(kept: KeptStore, capsys: Capture) -> None:
    store = ["--store", str(kept.store.folder)]
    first = [some[0] for some in kept.versions.values()]
    before = {one: kept.store.lines.of([one])[one].sha256 for one in first}
    with kept.store.writing() as writing:
        drop_lines(writing, first)
    assert main(["store", "statistics", *store]) == 0
    assert f"statistics of {len(MODULES)} versions made and kept" in capsys.readouterr().out
    assert {one: kept.store.lines.of([one])[one].sha256 for one in first} == before
    assert main(["store", "statistics", *store]) == 0
    assert "statistics of 0 versions made and kept" in capsys.readouterr().out
    gone = kept.versions[0][5]
    assert main(["store", "statistics", *store, str(gone)]) == 1
    said = capsys.readouterr().out
    assert "cal.5.0.h5 cannot be read" in said
    assert gone not in kept.store.lines.lacking()  # what was kept stays


@pytest.fixture
def injected(tmp_path: Path) -> Iterator[LocalStore]:
    """A store with three versions that have their files, and no statistics any more."""
    paths = [str(put(tmp_path / "made", number)) for number in (1, 2, 3)]
    assert main(["store", "inject", "--store", str(tmp_path / "store"), *paths]) == 0
    with closing(LocalStore(tmp_path / "store")) as store:
        with store.writing() as writing:
            drop_lines(writing, [1, 2, 3])
        assert store.lines.lacking() == [1, 2, 3]
        yield store


def job_of(store: LocalStore, out: Path, **parameters: object) -> Job:
    return Job(JobSpec(family="GENERIC", method="KEEP_STATS", out_folder=out, parameters=dict(parameters),
                       inputs={"store": (str(store.folder),)}))


def test_a_job_makes_them_version_by_version(injected: LocalStore, tmp_path: Path) -> None:
    job = job_of(injected, tmp_path / "out", versions="1,3")
    try:
        job.start()
        assert job.wait(60)
        assert job.board.state is State.DONE, job.board.error
        assert (job.board.status, injected.lines.lacking()) == (0, [2])
        assert any("statistics of 2 versions made and kept." in one.text for one in job.board.messages)
        [table] = (one.path for one in job.board.outputs)
        rows = list(csv.DictReader(line for line in table.read_text().splitlines() if not line.startswith("# ")))
        assert [(row["version"], row["calibration"], row["state"]) for row in rows] == [
            (number, "OffsetEPix100", "made and kept") for number in ("1", "3")]
    finally:
        job.close()
    with h5py.File(injected.named([1])[0].path) as file:
        values = file[f"{UNIT}/OffsetEPix100/0/data"][...]
    kept = injected.lines.of([1])[1].numbers
    assert kept is not None
    table = np.frombuffer(kept.numbers).reshape(-1, len(COLUMNS))
    assert table[0, COLUMNS.index("median of all")] == pytest.approx(np.median(values), rel=1e-12)


def test_a_file_that_is_gone_is_told_and_the_others_are_made(
    injected: LocalStore, tmp_path: Path, capsys: Capture
) -> None:
    gone = injected.named([2])[0].path
    gone.unlink()
    words = ["GENERIC", "KEEP_STATS", "--constants", str(injected.folder), "--out-folder", str(tmp_path / "out")]
    assert main(words) == 1
    said = capsys.readouterr().err
    assert f"WARN  {gone} cannot be read" in said
    assert "statistics of 2 versions made and kept." in said
    assert injected.lines.lacking() == [2]


def test_a_cancelled_job_keeps_those_that_are_made(
    injected: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_of(injected, tmp_path / "out")
    really = remaking.keep

    def keep_and_cancel(*given: Any) -> None:
        really(*given)
        job.cancel()

    monkeypatch.setattr(remaking, "keep", keep_and_cancel)
    try:
        job.start()
        assert job.wait(60)
        assert job.board.state is State.CANCELLED
    finally:
        job.close()
    assert injected.lines.lacking() == [2, 3]


@pytest.mark.parametrize(("given", "more", "sentence"), [
    ("store", ["--versions", "9"], "has no version 9"),
    ("store", ["--modules", "1"], "Versions are named by their numbers; leave the modules out."),
    ("made", [], "made is not the folder of one store, which would keep statistics; give that into which"),
])
def test_what_no_job_can_make_is_refused(
    given: str, more: list[str], sentence: str, injected: LocalStore, tmp_path: Path, capsys: Capture
) -> None:
    words = ["GENERIC", "KEEP_STATS", "--out-folder", str(tmp_path / "out"), "--constants", str(tmp_path / given)]
    assert main([*words, *more]) != 0
    assert sentence in capsys.readouterr().err
    assert injected.lines.lacking() == [1, 2, 3]


def test_a_read_only_store_says_that_it_keeps_nothing(
    kept: KeptStore, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calib_core.store.local.index.os.access", lambda path, mode: False)
    assert main(["store", "statistics", "--store", str(kept.store.folder)]) != 0
    assert "cannot be written: it is read-only" in "".join(capsys.readouterr())


def files_of(store: Path) -> int:
    """How often this process has the index of a store open."""
    found = (os.readlink(one) for one in Path("/proc/self/fd").iterdir() if one.is_symlink())
    return sum(one == str(store / INDEX) for one in found)


def test_a_store_that_is_held_stays_open_and_tells_what_is_there_now(kept: KeptStore, tmp_path: Path) -> None:
    """Whatever others have written since, and another store that took its place; let go, it is no file of ours."""
    kept.store.close()
    folder, stores = tmp_path / "held", OpenStores()
    shutil.copytree(kept.store.folder, folder)
    before = last_record([str(folder)])
    assert last_record([str(folder)], stores) == before
    assert files_of(folder) == 0
    stores.hold()
    assert last_record([str(folder)], stores) == before
    assert files_of(folder) == 1
    assert main(["store", "confirm", "--store", str(folder), str(kept.versions[1][STEP])]) == 0
    assert last_record([str(folder)], stores) > before
    folder.rename(tmp_path / "away")
    with pytest.raises(BadInput, match="is no store of constants"), stores(folder):
        pass
    assert files_of(tmp_path / "away") == 0
    shutil.copytree(kept.store.folder, folder)
    assert last_record([str(folder)], stores) == before
    assert files_of(folder) == 1
    stores.let_go()
    assert files_of(folder) == 0
