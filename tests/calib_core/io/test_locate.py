from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calib_core.errors import BadInput, BadParameter
from calib_core.io import locate
from calib_core.io.locate import data_root, holds_run, label, parse_runs, proposals, runs_of


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("exp")
    for run in (9, 12, 13, 14, 120):
        (root / "SPB" / "202601" / "p900450" / "raw" / f"r{run:04d}").mkdir(parents=True)
    (root / "SPB" / "202601" / "p900450" / "proc" / "r0012").mkdir(parents=True)
    (root / "MID" / "202530" / "p000700" / "raw" / "r0001").mkdir(parents=True)
    (root / "MID" / "202530" / "not a proposal").mkdir()
    (root / "MID" / "readme.txt").write_text("no folder")
    return root


@pytest.mark.parametrize(("text", "runs"), [
    ("p900450 r12", [12]),
    ("p900450 r0012", [12]),
    ("900450 12", [12]),
    ("p900450 r12-14", [12, 13, 14]),
    ("p900450 r12-r14", [12, 13, 14]),
    ("p900450 r12,13,14", [12, 13, 14]),
    ("p900450 r12, r13; r14", [12, 13, 14]),
    ("900450 12 13 14", [12, 13, 14]),
    ("P900450 R14 R12", [14, 12]),
    ("p900450 12 12", [12]),
    ("p900450/r0012 r13", [12, 13]),
    ("p900450/raw/r0012", [12]),
    ("  p900450\tr9\nr120 ", [9, 120]),
])
def test_what_operators_type(root, text, runs):
    folder = root / "SPB" / "202601" / "p900450" / "raw"
    assert parse_runs(text, root) == [folder / f"r{n:04d}" for n in runs]


def test_runs_of_several_proposals(root):
    found = parse_runs("p900450 r12 p700 r1", root)
    assert [label(path) for path in found] == ["p900450 r0012", "p000700 r0001"]


def test_paths_of_run_folders(root, tmp_path):
    folder = root / "SPB" / "202601" / "p900450" / "raw"
    spaced = tmp_path / "my run"
    spaced.mkdir()
    assert parse_runs(str(folder / "r0012")) == [folder / "r0012"]
    assert parse_runs(f"{folder}/r0012 {folder}/r0013") == [folder / "r0012", folder / "r0013"]
    assert parse_runs(f"{folder}/r0012, {folder}/r0013") == [folder / "r0012", folder / "r0013"]
    assert parse_runs(str(spaced)) == [spaced]
    assert parse_runs(f"'{spaced}' {folder}/r0012") == [spaced, folder / "r0012"]


@pytest.mark.parametrize(("text", "error", "words"), [
    ("", BadParameter, "No run is given"),
    ("p900450", BadParameter, "No run is given"),
    ("r12", BadParameter, "'r12' is not a proposal"),
    ("p900450 twelve", BadParameter, "'twelve' is not a run"),
    ("p900450 r14-12", BadParameter, "'r14-12' is not a range"),
    ("p900450 r1-5000", BadParameter, "at most 1000"),
    ("p900450 r12345", BadParameter, "'r12345' is not a run"),
    ("p900450 ..", BadParameter, r"'\.\.' is not a run"),
    ("p900450 'r12", BadParameter, "quotation mark"),
    ("p٣ r1", BadParameter, "not a proposal"),
    ("p900450 r15", BadInput, "p900450 has no run 15; nearby runs are 9, 12, 13, 14, 120"),
    ("p900451 r1", BadInput, "no proposal 900451 under .*; nearby are p000700, p900450"),
    ("./nowhere", BadInput, "./nowhere does not exist"),
    ("/etc/passwd", BadInput, "/etc/passwd is a file"),
    ("/x\u202ey/z", BadParameter, "cannot be shown"),
])
def test_what_cannot_be_understood_is_named(root, text, error, words):
    with pytest.raises(error, match=words):
        parse_runs(text, root)


@given(st.text(max_size=400))
def test_no_text_does_harm(root, text):
    with suppress(BadInput, BadParameter):
        assert all(path.is_dir() for path in parse_runs(text, root))


def test_a_run_that_leads_out_of_the_root_is_refused(root, tmp_path):
    (tmp_path / "outside").mkdir()
    link = root / "MID" / "202530" / "p000700" / "raw" / "r0666"
    link.symlink_to(tmp_path / "outside")
    try:
        with pytest.raises(BadInput, match="leads out of"):
            parse_runs("p700 r666", root)
    finally:
        link.unlink()


def test_proposals_and_their_runs(root):
    found = proposals(root)
    assert [(p.number, p.instrument, p.cycle) for p in found] == [(700, "MID", "202530"), (900450, "SPB", "202601")]
    assert [(r.number, r.kind) for r in runs_of(found[1].path)] == [
        (9, "raw"), (12, "raw"), (12, "proc"), (13, "raw"), (14, "raw"), (120, "raw")]


def test_folders_that_cannot_be_read_are_skipped_and_reported(root, monkeypatch):
    real = locate.os.scandir

    def scandir(path):
        if Path(path).name == "MID":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(locate.os, "scandir", scandir)
    told: list[str] = []
    assert [p.number for p in proposals(root, told.append)] == [900450]
    assert told == [f"Folder {root / 'MID'} cannot be read: Permission denied."]


def test_the_root_is_that_of_the_environment(root, monkeypatch):
    monkeypatch.setenv("EXTRA_DATA_DATA_ROOT", str(root))
    assert data_root() == root
    assert len(parse_runs("p900450 r12")) == 1
    monkeypatch.setenv("EXTRA_DATA_DATA_ROOT", str(root / "gone"))
    assert data_root() is None
    with pytest.raises(BadInput, match="EXTRA_DATA_DATA_ROOT"):
        parse_runs("p900450 r12")


def test_labels(tmp_path):
    assert label(Path("/gpfs/exfel/exp/SPB/202601/p900450/raw/r0012")) == "p900450 r0012"
    assert label(tmp_path / "some folder") == "some folder"


def test_a_proposal_under_several_instruments_is_not_guessed(tmp_path):
    folders = [tmp_path / instrument / "202601" / "p900000" for instrument in ("FXE", "SPB")]
    for folder in folders:
        (folder / "raw" / "r0001").mkdir(parents=True)
    with pytest.raises(BadInput) as told:
        parse_runs("p900000 r1", tmp_path)
    assert all(str(folder) in str(told.value) for folder in folders)


def test_files_of_runs_are_known_by_their_names(tmp_path):
    (tmp_path / "r0001").mkdir()
    (tmp_path / "r0001" / "RAW-R0001-AGIPD00-S00000.h5").touch()
    (tmp_path / "constants").mkdir()
    (tmp_path / "constants" / "cal.1.5.h5").touch()
    assert holds_run(tmp_path / "r0001")
    assert holds_run(tmp_path / "r0001" / "RAW-R0001-AGIPD00-S00000.h5")
    assert not holds_run(tmp_path / "constants")
    assert not holds_run(tmp_path / "constants" / "cal.1.5.h5")
    assert not holds_run(tmp_path / "nothing here")


def test_of_several_cycles_the_one_that_has_the_run_is_meant(tmp_path):
    """A proposal with beam time in two cycles: run numbers go on."""
    for cycle, runs in (("202501", (1, 2, 5)), ("202601", (3, 4, 5))):
        for run in runs:
            (tmp_path / "SPB" / cycle / "p900450" / "raw" / f"r{run:04d}").mkdir(parents=True)
    found = parse_runs("p900450 r1-4", tmp_path)
    assert [(path.parents[2].name, path.name) for path in found] == [
        ("202501", "r0001"), ("202501", "r0002"), ("202601", "r0003"), ("202601", "r0004")]
    with pytest.raises(BadInput, match=r"Run 5 of proposal 900450 is in several folders, .*202501.* and .*202601"):
        parse_runs("p900450 r5", tmp_path)
    with pytest.raises(BadInput, match=r"has no run 9 in any of .*202501.*202601.*nearby runs are 1, 2, 3, 4, 5"):
        parse_runs("p900450 r9", tmp_path)


@pytest.mark.parametrize("text", ["P900450 R12–14", "p900450\u00a0r12—14", "p900450 r12 – 14".replace(" – ", "–"),
                                  "p900450, R12‑14"])
def test_what_was_pasted_is_understood(root, text):
    assert [path.name for path in parse_runs(text, root)] == ["r0012", "r0013", "r0014"]


def test_words_that_are_separated_already_are_not_cut_again(root, tmp_path, monkeypatch):
    folders = [tmp_path / name for name in ("o'brien", "my runs", "a,b")]
    for folder in folders:
        folder.mkdir()
    assert parse_runs([str(folder) for folder in folders], root) == folders
    monkeypatch.chdir(tmp_path)
    assert parse_runs(["o'brien", "my runs"], root) == [Path("o'brien"), Path("my runs")]
    assert parse_runs("o'brien", root) == [Path("o'brien")]
    assert [path.name for path in parse_runs(["p900450", "r12-13"], root)] == ["r0012", "r0013"]


def test_a_folder_with_the_name_of_a_run_does_not_stand_for_the_run_of_a_proposal(root, tmp_path, monkeypatch):
    (tmp_path / "r0012").mkdir()
    monkeypatch.chdir(tmp_path)
    assert parse_runs(["p900450", "r0012"], root)[0].is_absolute()
    assert parse_runs(["r0012"], root) == [Path("r0012")]
