"""A selection that was written is opened again as what it was taken from, as far as it goes."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from calib_core.axes import Axis, Pick, View
from calib_core.detector.registry import detector_type
from calib_core.errors import BadInput
from calib_core.subjects.on_disk import are_results, find_on_disk, opened
from calib_core.subjects.region import region_of
from calib_core.subjects.selected import SelectedSubject, holds_selection, read_selection
from calib_core.subjects.selection import Selection, write_selection

from .arrays import NOISE, OFFSET, Arrays
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
        data = file["/15/corrected/data"]
        assert data.shape == (2, 2, 512, 128)
        np.testing.assert_array_equal(data[1, 1], written[15]["image.data"][6])
        assert data.attrs["unit"] == "keV"


def test_what_was_cropped_lies_where_it_was(selection, tmp_path: Path) -> None:
    """Pixels out of the rectangle have no value, and that is said."""
    _, written, of = selection
    masks = np.zeros((1, 512, 128), bool)
    masks[0, 20:31, 40:60] = True
    region = region_of("rectangle", masks, (15,))
    chosen = Selection(of.results, (15, 0), {"cell": (1, 3)}, region=region, cropped=True)
    write_selection(tmp_path / "box.h5", of, chosen, lambda share: None)
    subject = SelectedSubject(read_selection(tmp_path / "box.h5"))
    assert subject.modules == (15,)
    plane = subject.plane("corrected", 15, {"train": 1, "cell": 1})
    np.testing.assert_array_equal(plane[masks[0]].reshape(11, 20), written[15]["image.data"][6, 20:31, 40:60])
    assert np.isnan(plane[~masks[0]]).all()
    assert not subject.plane("bad_pixels", 15, {})[~masks[0]].any()
    np.testing.assert_array_equal(subject.along("corrected", "train", 15, 25, 41, {"cell": 1}),
                                  written[15]["image.data"][[3, 6], 25, 41].astype(float))
    assert np.isnan(subject.along("corrected", "train", 15, 25, 60, {"cell": 1})).all()
    assert "Pixels that were not in the rectangle about the marked region have no value." in subject.notes
    subject.close()


def test_errors_and_units_of_entries_come_back(tmp_path: Path) -> None:
    gain = Axis("gain", "Gain stage", ("HG", "MG"), of_slot=True, value_units=("ADU", "keV"))
    of = Arrays(axes=(gain, Axis("cell", "Memory cell", (0, 4, 8))), kind=detector_type("AGIPD1M"))
    write_selection(tmp_path / "some.h5", of, Selection((OFFSET, NOISE), (3,), {"gain": (1,)}), lambda share: None)
    subject = SelectedSubject(read_selection(tmp_path / "some.h5"))
    assert subject.axes["gain"] == replace(gain, labels=("MG",), value_units=("keV",))
    offset, noise = subject.results
    assert (offset.error, offset.count, noise.error) == ("noise", "", "")
    subject.close()


@pytest.mark.parametrize(("change", "said"), [
    (lambda file: file.attrs.__setitem__("detector_type", "NONE"), "type of detector that is not known: NONE"),
    (lambda file: file["/15/corrected/data"].attrs.__setitem__("role", "toy"), "role toy"),
    (lambda file: file["/15/corrected/data"].attrs.__setitem__("stop", [512, 129]), "not in module 15"),
    (lambda file: file.move("/0/stage", "/0/staged"), "cannot be understood as a selection"),
    (lambda file: file["/0/corrected/data"].attrs.__setitem__("stop", [512, 127]), "where its axes say"),
    (lambda file: [data.attrs.__delitem__("values of train") for data in (
        file[f"/15/{name}/data"] for name in file["15"])], "does not tell the values of its axis train"),
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
