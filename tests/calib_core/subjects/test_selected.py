"""A selection that was written is opened again as what it was taken from, as far as it goes."""

from __future__ import annotations

import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from calib_core.axes import Pick, View
from calib_core.detector.registry import detector_type
from calib_core.errors import BadInput
from calib_core.subjects.on_disk import are_results, find_on_disk, opened
from calib_core.subjects.selected import SelectedSubject, holds_selection, read_selection
from calib_core.subjects.selection import Selection, write_selection

from .test_corrected import made  # noqa: F401  (a fixture)


@pytest.fixture
def selection(made, tmp_path: Path):  # noqa: F811
    """Two modules, two trains and two memory cells of corrected frames, as they were written there."""
    folder, written, _ = made
    [found] = find_on_disk([folder])
    subject = opened(found)
    chosen = Selection(subject.results, (15, 0), {"cell": (1, 3)}, 0xFFFFFFFF)
    missing = write_selection(tmp_path / "some.h5", subject, chosen, lambda share: None)
    assert missing == 0
    yield tmp_path / "some.h5", written, subject
    subject.close()


def test_images_axes_and_units_come_back(selection) -> None:
    path, written, of = selection
    assert are_results([path])
    assert holds_selection(path)
    [found] = find_on_disk([path])
    subject = opened(found)
    assert isinstance(subject, SelectedSubject)
    assert (subject.identifier, subject.kind) == (of.identifier, detector_type("AGIPD1M"))
    assert subject.title == f"{of.title} · selection"
    assert subject.modules == (15, 0)
    assert subject.axes["cell"].labels == (1, 3)
    assert subject.axes["train"] == of.axes["train"]
    assert {one.name: (one.unit, one.role, one.title) for one in subject.results} == {
        one.name: (one.unit, one.role, one.title) for one in of.results}
    assert [one.name for one in subject.results] == [one.name for one in of.results]
    assert list(subject.axes) == list(of.axes)
    assert subject.about == dict(of.about)
    keys = {"corrected": "image.data", "bad_pixels": "image.mask", "stage": "image.gain"}
    places = {(0, 0): 1, (0, 1): 3, (1, 0): 5, (1, 1): 6}  # train and cell, and the frame that was written there
    for (train, cell), frame in places.items():
        subject.look_at(View({"train": train, "cell": cell}))
        end = time.monotonic() + 30
        while subject.picture is None or subject.picture.view.at != {"train": train, "cell": cell}:
            assert time.monotonic() < end, subject.notes
            time.sleep(0.01)
        for name, key in keys.items():
            for i, module in enumerate((15, 0)):
                np.testing.assert_array_equal(subject.picture.maps[Pick(name)][i], written[module][key][frame])
    along = subject.along("corrected", "train", 15, 9, 8, {"cell": 1})
    np.testing.assert_array_equal(along, written[15]["image.data"][[3, 6], 9, 8].astype(float))
    subject.close()


def test_frames_far_from_the_shown_one_are_in_it(selection) -> None:
    """All that there is goes into the file, not what is near to the picture."""
    path, written, _ = selection
    with h5py.File(path) as file:
        assert file["corrected"].shape == (2, 2, 2, 512, 128)
        np.testing.assert_array_equal(file["corrected"][0, 1, 1], written[15]["image.data"][6])
        assert file["corrected"].attrs["unit"] == "keV"


@pytest.mark.parametrize(("change", "said"), [
    (lambda file: file.attrs.__setitem__("detector_type", "NONE"), "type of detector that is not known: NONE"),
    (lambda file: file["corrected"].attrs.__setitem__("role", "toy"), "role toy"),
    (lambda file: file.__delitem__("axes/train"), "cannot be understood as a selection"),
    (lambda file: file.attrs.__setitem__("about", "{"), "cannot be understood as a selection"),
])
def test_what_is_no_selection_is_one_sentence(selection, change, said: str) -> None:
    path, _, _ = selection
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(BadInput) as caught:
        read_selection(path)
    assert said in str(caught.value)
    assert path.name in str(caught.value)


def test_a_file_that_is_gone_is_told(selection) -> None:
    path, _, _ = selection
    subject = SelectedSubject(read_selection(path))
    path.unlink()
    with pytest.raises(BadInput, match="cannot be read any more"):
        subject.plane("corrected", 15, {})
    subject.look_at(View())
    end = time.monotonic() + 30
    while not any("cannot be read any more" in note for note in subject.notes):
        assert time.monotonic() < end
        time.sleep(0.01)
    subject.close()
