"""A selection of a subject is read back equal by h5py alone, or is not there."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

from calib_core.axes import Axis
from calib_core.errors import BadInput, BadParameter, Cancelled, OutputFailed
from calib_core.subjects.selection import Selection, write_selection

from .arrays import FLAGS, NOISE, OFFSET, SAMPLES, Arrays, told

#: Offset out of threshold and no dark data.
EXCLUDED = 0b1001


def go_on(share):
    assert 0 <= share <= 1


def test_chosen_modules_results_stages_and_cells_are_read_back(tmp_path):
    subject = Arrays(modules=(3, 5, 9), gains=("HG", "MG", "LG"), cells=(0, 4, 8))
    chosen = Selection((OFFSET, NOISE), (9, 3), {"gain": (2,), "cell": (1, 2)})
    write_selection(tmp_path / "some.h5", subject, chosen, go_on)
    with h5py.File(tmp_path / "some.h5") as file:
        assert set(file) == {"axes", "offset", "noise"}
        for name in ("offset", "noise"):
            data = file[name]
            assert data.shape == (2, 1, 2, 2, 3)
            assert data.dtype == np.float32
            for i, module in enumerate((9, 3)):
                for j, cell in enumerate((4, 8)):
                    np.testing.assert_array_equal(data[i, 0, j], told(module, "LG", cell))


def test_the_file_says_whose_it_is_and_names_its_axes(tmp_path):
    subject = Arrays(title="runs 1-3")
    subject.axes = {**subject.axes, "cell": Axis("cell", "Memory cell", (0, 4, 8), "no.")}
    write_selection(tmp_path / "some.h5", subject, Selection((OFFSET,), (3,), {}, words={"place": "all"}), go_on)
    with h5py.File(tmp_path / "some.h5") as file:
        assert file.attrs["source"] == "runs 1-3"
        assert json.loads(file.attrs["about"]) == {"runs": "runs 1-3"}
        assert file.attrs["notes"] == "All of runs 1-3 is guessed."
        assert file.attrs["place"] == "all"
        assert list(file["offset"].attrs["dims"]) == ["module", "gain", "cell", "slow_scan", "fast_scan"]
        assert (file["offset"].attrs["unit"], file["offset"].attrs["title"]) == ("ADU", "Offset")
        assert file["axes/module"][()].tolist() == [3]
        assert list(file["axes/gain"].asstr()) == ["HG", "MG"]
        assert file["axes/cell"][()].tolist() == [0, 4, 8]
        assert (file["axes/cell"].attrs["title"], file["axes/cell"].attrs["unit"]) == ("Memory cell", "no.")


def test_the_mask_tells_the_excluded_flags_alone(tmp_path):
    subject = Arrays()
    flags = np.array([[0, 1, 2], [8, 4, 3]], np.uint32)
    subject.put("bad_pixels", flags)
    write_selection(tmp_path / "mask.h5", subject, Selection((FLAGS,), (3, 5), {}, EXCLUDED), go_on)
    with h5py.File(tmp_path / "mask.h5") as file:
        mask = file["bad_pixels_mask"]
        assert mask.dtype == np.bool_
        expected = np.array([[False, True, False], [True, False, True]])
        np.testing.assert_array_equal(mask[()], np.broadcast_to(expected, (2, 2, 3, 2, 3)))
        np.testing.assert_array_equal(file["bad_pixels"][1, 1, 2], flags)
        assert mask.attrs["flags"] == EXCLUDED
        assert list(mask.attrs["flag_names"]) == ["offset out of threshold", "no dark data"]
        assert mask.attrs["dims"][0] == "module"


def test_images_that_are_missing_are_blank(tmp_path):
    subject = Arrays()
    subject.nowhere = {("offset", 5), ("samples", 5)}
    write_selection(tmp_path / "some.h5", subject, Selection((OFFSET, SAMPLES), (5,), {"cell": (0,)}), go_on)
    with h5py.File(tmp_path / "some.h5") as file:
        assert np.isnan(file["offset"][()]).all()
        assert not file["samples"][()].any()


def test_progress_grows_to_the_end(tmp_path):
    shares = []
    chosen = Selection((OFFSET, NOISE), (3, 5), {"gain": (0,)})
    write_selection(tmp_path / "some.h5", Arrays(), chosen, shares.append)
    assert shares == pytest.approx(np.arange(12) / 12)


@pytest.mark.parametrize("trouble", [Cancelled("Stopped."), BadInput("The file is damaged.")])
def test_nothing_stays_of_what_was_cancelled_or_failed(tmp_path, trouble):
    subject, shares = Arrays(), []

    def step(share):
        shares.append(share)
        if len(shares) == 3:
            raise trouble

    with pytest.raises(type(trouble), match=str(trouble)):
        write_selection(tmp_path / "some.h5", subject, Selection((OFFSET,), (3, 5), {}), step)
    assert len(shares) == 3
    assert not list(tmp_path.iterdir())


def test_a_file_that_exists_stays(tmp_path):
    (tmp_path / "some.h5").write_bytes(b"mine")
    with pytest.raises(OutputFailed, match=r"some.h5 exists already; choose another name"):
        write_selection(tmp_path / "some.h5", Arrays(), Selection((OFFSET,), (3,), {}), go_on)
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("some.h5", b"mine")]


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(OutputFailed, match=r"gone/some.h5 could not be written"):
        write_selection(tmp_path / "gone" / "some.h5", Arrays(), Selection((OFFSET,), (3,), {}), go_on)


@pytest.mark.parametrize("chosen", [Selection((), (3,), {}), Selection((OFFSET,), (), {})])
def test_nothing_selected_is_said(tmp_path, chosen):
    with pytest.raises(BadParameter, match="at least one map and one module"):
        write_selection(tmp_path / "some.h5", Arrays(), chosen, go_on)


def test_pixels_of_missing_images_are_masked_and_counted(tmp_path):
    subject = Arrays(modules=(3,), gains=("HG",), cells=(0, 4))
    plane = subject.plane
    subject.plane = lambda result, module, at: None if at["cell"] == 1 else plane(result, module, at)
    subject.put("bad_pixels", np.zeros((2, 3), np.uint32))
    missing = write_selection(tmp_path / "some.h5", subject, Selection((OFFSET, FLAGS), (3,), {}, EXCLUDED), go_on)
    assert missing == 2
    with h5py.File(tmp_path / "some.h5") as file:
        assert file["bad_pixels"].attrs["missing_images"] == 1
        assert not file["bad_pixels_mask"][0, 0, 0].any()
        assert file["bad_pixels_mask"][0, 0, 1].all()
