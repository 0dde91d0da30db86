"""An expert mask drawn on darks: a correction takes it from its begin on, says so, and leaves it out by a word."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import yaml
from extra.calibration import CalibrationData

from calib_core.cli.main import main
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.expert_mask import MaskEntry
from calib_core.simulate import default_settings, simulate
from calib_core.store.base import Query
from calib_core.store.constants import list_constants
from calib_core.store.expert_masks import MaskFiles
from calib_core.store.local.by_operator import ByOperator
from calib_core.store.local.candidates import candidates_of
from calib_core.store.local.injecting import inject
from calib_core.store.local.store import LocalStore
from calib_core.store.statuses import STORE_VARIABLE, Status
from calib_core.subjects.constants import ConstantsSubject, find_sets
from calib_core.subjects.masked import detector_of

from .command import Capture, Result
from .conftest import characterise

DETECTOR, SHAPE = "FXE_XAD_JF1M", (512, 1024)
EXPERT = int(BadPixels.EXPERT_CHOICE)
BOX = np.s_[100:140, 200:260]


@dataclass
class Case:
    """A run, constants of its darks, the time from when on they hold, and masks beside them."""

    run: Path
    constants: Path
    begin: datetime
    files: MaskFiles

    def corrected(self, out: Path, capsys: Capture, *more: str) -> Result:
        return Result(["JUNGFRAU", "CORRECT", "--run", str(self.run), "--constants", str(self.constants),
                       "--no-relative-gain", "--out-folder", str(out), *more], out, capsys)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = tmp_path_factory.mktemp("expert")
    settings = {"identifier": DETECTOR, "instrument": "FXE", "modules": "1-2", "memory_cells": 1, "trains": 24}
    made = simulate(default_settings("JUNGFRAU").with_changes(settings), folder / "data")
    constants = folder / "dark"
    characterise(made, constants)
    subject = ConstantsSubject(find_sets([constants])[0])
    detector, begin = detector_of(subject), subject.when
    subject.close()
    assert detector is not None
    assert begin is not None
    files = MaskFiles(constants, detector)
    pixels = np.zeros(SHAPE, bool)
    pixels[BOX] = True
    entry = MaskEntry("anna", "shadow", "rectangle", datetime.now(UTC), begin)
    files.add([(entry, {2: pixels})])
    later = replace(entry, begin=begin + timedelta(days=900), flags=int(BadPixels.USER1), name="later")
    files.add([(later, {1: pixels, 2: pixels})])
    return Case(made.runs["high"], constants, begin, files)


def masks(out: Path) -> dict[int, Any]:
    """Flags of all frames of each module, by h5py alone."""
    found = {}
    for path in sorted(out.glob("CORR-*-JNGFR0*.h5")):
        with h5py.File(path) as file:
            [(name, source)] = file[f"INSTRUMENT/{DETECTOR}/CORR"].items()
            found[int(name[5:7])] = source["data/mask"][()]
    return found


def test_corrected_files_have_what_was_masked_before_the_run_and_the_record_names_it(
    case: Case, tmp_path: Path, capsys: Capture
) -> None:
    done = case.corrected(tmp_path, capsys)
    assert done.status == 0, done.errors
    assert not [text for text in done.warnings if "BadPixelsManual" in text]
    wanted = np.zeros(SHAPE, bool)
    wanted[BOX] = True
    found = masks(tmp_path)
    assert (((found[2] & EXPERT) != 0) == wanted).all()
    assert not (found[1] & EXPERT).any()
    assert not any((one & int(BadPixels.USER1)).any() for one in found.values())
    record = tmp_path / f"calibration_metadata_{DETECTOR}.yml"
    used = yaml.safe_load(record.read_text())["retrieved-constants"]
    assert "BadPixelsManual" in used["JNGFR02"]["constants"]
    assert "BadPixelsManual" not in used["JNGFR01"]["constants"]
    told = CalibrationData.from_correction(record, use_calcat=False)["BadPixelsManual"]
    assert told.pdu_names == [f"{DETECTOR}_JNGFR02"]
    [array] = told.ndarray(caldb_root="/")
    np.testing.assert_array_equal(array.T, np.where(wanted, EXPERT, 0))


def test_masks_beside_the_constants_that_a_store_has_not_are_told(
    case: Case, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to do, which is enough; the entry of a time to come is no part of it."""
    monkeypatch.setenv(STORE_VARIABLE, str(tmp_path / "store"))
    every = list_constants(case.constants)
    darks = [one.path for one in every if one.calibration != "BadPixelsManual"]
    with closing(LocalStore(tmp_path / "store", create=True)) as store:
        made = inject(store, candidates_of(store, darks, ByOperator(confirmed=True)), "anna", "")
        store.decide([one.number for one in made.versions], Status.ACCEPTED, "anna", "")
    from_store = replace(case, constants=Path("store"))
    done = from_store.corrected(tmp_path / "first", capsys)
    assert done.status == 0, done.errors
    [said] = [text for text in done.warnings if "expert mask" in text]
    assert said.startswith(f"1 entry of the expert mask of module 2 in {case.constants}, where the constants were ")
    assert f"calibwb store inject {case.constants} and calibwb store accept" in said
    drawn = [str(one.path) for one in every if one.path not in darks and one.begin == case.begin]  # not the later one
    assert main(["store", "inject", *drawn, "--confirm-units"]) == 0
    with closing(LocalStore(tmp_path / "store")) as store:
        drafts = store.find(Query(take="all", statuses=frozenset({Status.DRAFT})))
    assert {one.calibration for one in drafts} == {"BadPixelsManual"}
    capsys.readouterr()
    assert main(["store", "accept", *(str(one.number) for one in drafts), "--comment", "drawn"]) == 0
    done = from_store.corrected(tmp_path / "second", capsys)
    assert not [text for text in done.warnings if "expert mask" in text]
    assert (masks(tmp_path / "second")[2] & EXPERT).any()


@pytest.mark.parametrize("word", [("--constants-badpixelsmanual", "neutral"), ("--mask-left-out", "expert")])
def test_a_word_leaves_it_out(case: Case, tmp_path: Path, capsys: Capture, word: tuple[str, str]) -> None:
    done = case.corrected(tmp_path, capsys, *word)
    assert done.status == 0, done.errors
    assert not any((one & EXPERT).any() for one in masks(tmp_path).values())


def test_masks_in_a_folder_come_after_its_darks_as_they_are_now(case: Case) -> None:
    first, *_, last = find_sets([case.constants])
    assert {one.calibration for one in first.files} == {"Offset10Hz", "Noise10Hz", "BadPixelsDark10Hz"}
    assert last.title.startswith(f"{DETECTOR} · expert mask · ")
    subject = ConstantsSubject(last)
    [result] = subject.results
    assert (result.role, result.title) == ("flags", "Expert mask")
    bits = subject.plane(result.name, 2, {})
    subject.close()
    assert bits is not None
    assert int((bits != 0).sum()) == 40 * 60
    assert int(bits[BOX][0, 0]) == EXPERT | int(BadPixels.USER1)


def test_the_command_line_takes_masks_of_others_and_takes_them_back(
    case: Case, tmp_path: Path, capsys: Capture
) -> None:
    theirs, folder = np.zeros((2, *SHAPE), bool), str(case.constants)
    theirs[0, 7, 8] = True
    with h5py.File(tmp_path / "theirs.h5", "w") as file:
        file["bad_pixels"] = theirs
        file.attrs["source"] = "group X"
    words = ["mask", "add", folder, str(tmp_path / "theirs.h5"), "--reason", "as in theirs", "--author", "bert"]
    assert main(words) == 0
    capsys.readouterr()
    assert main(["mask", "show", folder, "--json"]) == 0
    newest, *others = json.loads(capsys.readouterr().out)
    assert (newest["author"], newest["reason"], newest["pixels"]) == ("bert", "as in theirs", 1)
    assert newest["drawn"] == "expert choice of bad_pixels in theirs.h5, by group X"
    assert [one["author"] for one in others] == ["anna", "anna"]
    assert case.files.read().modules[f"{DETECTOR}_JNGFR01"].flags(case.begin)[7, 8] == EXPERT
    assert main(["mask", "undo", folder, "--author", "bert"]) == 0
    assert "taken back: " in capsys.readouterr().out
    assert case.files.read().modules[f"{DETECTOR}_JNGFR01"].flags(case.begin)[7, 8] == 0
    assert main(["mask", "undo", folder, "--author", "bert"]) == 2
    assert "no entry of bert that counts" in capsys.readouterr().err
    assert main([*words[:3], str(tmp_path / "none.h5"), *words[4:]]) == 2
    assert "none.h5 cannot be read as a mask" in capsys.readouterr().err
