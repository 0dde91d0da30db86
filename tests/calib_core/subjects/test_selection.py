"""A selection of a subject is read back equal by h5py alone, or is not there."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from extra.calibration import BadPixels as ExtraBadPixels

from calib_core import __version__
from calib_core.axes import Axis
from calib_core.constants.badpixels import BadPixels
from calib_core.errors import BadInput, BadParameter, Cancelled, OutputFailed
from calib_core.subjects.region import region_of
from calib_core.subjects.selection import Selection, write_selection

from .arrays import FLAGS, NOISE, OFFSET, SAMPLES, SHAPE, Arrays, compared, permuted, told

#: Offset out of threshold and no dark data.
EXCLUDED = 0b1001


def go_on(share):
    assert 0 <= share <= 1


def test_chosen_modules_results_stages_and_cells_are_read_back(tmp_path):
    subject = Arrays(modules=(3, 5, 9), gains=("HG", "MG", "LG"), cells=(0, 4, 8))
    chosen = Selection((OFFSET, NOISE), (9, 3), {"gain": (2,), "cell": (1, 2)})
    write_selection(tmp_path / "some.h5", subject, chosen, go_on)
    with h5py.File(tmp_path / "some.h5") as file:
        assert set(file) == {"9", "3"}
        assert file.attrs["modules"].tolist() == [9, 3]
        for module in (9, 3):
            assert set(file[f"{module}"]) == {"offset", "noise"}
            for name in ("offset", "noise"):
                data = file[f"/{module}/{name}/data"]
                assert data.shape == (1, 2, 2, 3)
                assert data.chunks == (1, 1, 2, 3)
                assert data.dtype == np.float32
                for j, cell in enumerate((4, 8)):
                    np.testing.assert_array_equal(data[0, j], told(module, "LG", cell))


def test_each_dataset_says_what_it_is_and_whose(tmp_path):
    subject = Arrays(title="runs 1-3")
    subject.about = {"runs": "runs 1-3", "condition": "Sensor Bias Voltage 300 V"}
    subject.axes = {**subject.axes, "cell": Axis("cell", "Memory cell", (0, 4, 8), "no.")}
    chosen = Selection((OFFSET, NOISE), (3,), {"gain": (1,)}, words={"place": "all"})
    write_selection(tmp_path / "some.h5", subject, chosen, go_on)
    with h5py.File(tmp_path / "some.h5") as file:
        assert json.loads(file.attrs["about"]) == subject.about
        assert file.attrs["notes"] == "All of runs 1-3 is guessed."
        assert file.attrs["place"] == "all"
        said = file["/3/offset/data"].attrs
        assert list(said["dims"]) == ["gain", "cell", "slow_scan", "fast_scan"]
        assert (said["unit"], said["title"]) == ("ADU", "Offset")
        assert said["values of cell"].tolist() == [0, 4, 8]
        assert said["values of gain"].tolist() == ["MG"]
        assert (said["start"].tolist(), said["stop"].tolist()) == ([0, 0], [2, 3])
        assert (said["subject"], said["inputs"], said["condition"]) == (
            "runs 1-3", "runs 1-3", "Sensor Bias Voltage 300 V")
        assert said["program"] == f"calibwb {__version__}"
        assert said["error"] == "/3/noise/data"
        assert file[said["error"]].shape == file["/3/offset/data"].shape
        assert said["count"] == "", "samples are not in the file"


def test_of_a_pair_condition_and_runs_of_both_are_told(tmp_path):
    subject = Arrays()
    subject.about = {"A: runs": "r1", "B: runs": "r2", "A: condition": "300 V"}
    write_selection(tmp_path / "some.h5", subject, Selection((OFFSET,), (3,), {}), go_on)
    with h5py.File(tmp_path / "some.h5") as file:
        said = file["/3/offset/data"].attrs
        assert (said["inputs"], said["condition"]) == ("A: r1\nB: r2", "A: 300 V")


def test_differences_of_a_pair_are_what_numpy_makes_of_both(tmp_path):
    """At places that both have."""
    with compared(Arrays(), permuted()) as pair:
        wanted = [one for one in pair.results if one.name in ("offset.difference", "offset.ratio")]
        assert write_selection(tmp_path / "pair.h5", pair, Selection(tuple(wanted), (5,), {"gain": (1,)}), go_on) == 0
    truth = np.stack([told(5, "MG", cell) for cell in (0, 8)])
    with h5py.File(tmp_path / "pair.h5") as file:
        np.testing.assert_array_equal(file["5/offset.difference/data"][()].squeeze(), np.full_like(truth, -0.5))
        np.testing.assert_allclose(file["5/offset.ratio/data"][()].squeeze(), truth / (truth + 0.5), rtol=1e-6)
        assert file["5/offset.difference/data"].attrs["unit"] == "ADU"


def test_flags_are_told_with_the_names_of_their_bits_and_the_mask_has_the_excluded_ones(tmp_path):
    subject = Arrays()
    flags = np.array([[0, 1, 2], [8, 4, 3]], np.uint32)
    subject.put("bad_pixels", flags)
    write_selection(tmp_path / "mask.h5", subject, Selection((FLAGS,), (3, 5), {}, EXCLUDED), go_on)
    with h5py.File(tmp_path / "mask.h5") as file:
        for module in (3, 5):
            data, mask = (file[f"/{module}/bad_pixels/{name}"] for name in ("data", "mask"))
            assert (data.dtype, mask.dtype) == (np.uint32, np.uint32)
            np.testing.assert_array_equal(data[1, 2], flags)
            np.testing.assert_array_equal(mask[()], np.broadcast_to([[0, 1, 0], [8, 0, 1]], (2, 3, 2, 3)))
        assert mask.attrs["bits"].tolist() == [1, 8]
        assert list(mask.attrs["bit_names"]) == ["offset out of threshold", "no dark data"]
        names = dict(zip(data.attrs["bits"].tolist(), data.attrs["bit_names"], strict=True))
        assert {bit: name.replace(" ", "_").upper() for bit, name in names.items()} == {
            one.value: one.name for one in ExtraBadPixels if one.name in BadPixels.__members__}
        assert list(mask.attrs["dims"]) == ["gain", "cell", "slow_scan", "fast_scan"]


def test_images_that_are_missing_are_blank(tmp_path):
    subject = Arrays()
    subject.nowhere = {("offset", 5), ("samples", 5)}
    write_selection(tmp_path / "some.h5", subject, Selection((OFFSET, SAMPLES), (5,), {"cell": (0,)}), go_on)
    with h5py.File(tmp_path / "some.h5") as file:
        assert np.isnan(file["/5/offset/data"][()]).all()
        assert not file["/5/samples/data"][()].any()
        assert file["/5/offset/data"].attrs["missing_images"] == 2


def marked():
    """Pixels of modules 5 and 9: two rows of one, one pixel of the other."""
    masks = np.zeros((3, *SHAPE), bool)
    masks[1, :, 1:] = masks[2, 1, 2] = True
    masks[1, 0, 1] = False
    return masks, region_of("lasso", masks, (3, 5, 9))


@pytest.mark.parametrize("cropped", [False, True])
def test_a_region_keeps_its_place(cropped, tmp_path):
    subject = Arrays(modules=(3, 5, 9))
    subject.put("bad_pixels", np.array([[0, 1, 2], [8, 4, 3]], np.uint32))
    masks, region = marked()
    chosen = Selection((OFFSET, FLAGS), (3, 5, 9), {}, EXCLUDED, region=region, cropped=cropped)
    write_selection(tmp_path / "some.h5", subject, chosen, go_on)
    boxes = {5: ([0, 1], [2, 3]), 9: ([1, 2], [2, 3])}
    with h5py.File(tmp_path / "some.h5") as file:
        assert set(file) == ({"5", "9"} if cropped else {"3", "5", "9"})
        assert "region_of_interest" not in file.get("3", ())
        for number, (module, (start, stop)) in enumerate(boxes.items(), 1):
            box = np.s_[start[0]:stop[0], start[1]:stop[1]]
            data = file[f"/{module}/region_of_interest/data"]
            np.testing.assert_array_equal(data[()], masks[number][box])
            assert (data.attrs["start"].tolist(), data.attrs["stop"].tolist()) == (start, stop)
            assert data.attrs["title"] == "lasso of 4 pixels in modules 5, 9"
            image = file[f"/{module}/offset/data"]
            place = (image.attrs["start"].tolist(), image.attrs["stop"].tolist())
            assert place == ((start, stop) if cropped else ([0, 0], list(SHAPE)))
            expected = told(module, "MG", 8)[box] if cropped else told(module, "MG", 8)
            np.testing.assert_array_equal(image[1, 2], expected)
            np.testing.assert_array_equal(
                file[f"/{module}/bad_pixels/mask"][0, 0], (np.array([[0, 1, 0], [8, 0, 1]])[box if cropped else ...]))


def test_a_region_of_other_modules_is_said(tmp_path):
    _, region = marked()
    with pytest.raises(BadParameter, match="No pixel of the chosen modules is marked"):
        write_selection(tmp_path / "some.h5", Arrays(), Selection((OFFSET,), (3,), {}, region=region, cropped=True),
                        go_on)
    assert not list(tmp_path.iterdir())


def test_labels_of_a_long_run_are_attributes_too(tmp_path):
    """HDF5 keeps attributes that are longer than 64 KiB only in newer files."""
    trains = tuple(range(2_000_000_000, 2_000_020_000))
    subject = Arrays(results=(replace(OFFSET, over=("train",)),), axes=(Axis("train", "Train", trains),))
    write_selection(tmp_path / "some.h5", subject, Selection(subject.results, (3,), {}), lambda share: None)
    with h5py.File(tmp_path / "some.h5") as file:
        np.testing.assert_array_equal(file["/3/offset/data"].attrs["values of train"], trains)


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


#: Writes a selection where files may have few bytes, as on a disk that fills up: HDF5 would end the process there.
NO_ROOM = """
import resource, sys
from pathlib import Path
from calib_core.errors import OutputFailed
from calib_core.subjects.selection import Selection, write_selection

sys.path.insert(0, sys.argv[2])
from arrays import NOISE, OFFSET, Arrays

path, (_, hard) = Path(sys.argv[1]), resource.getrlimit(resource.RLIMIT_FSIZE)
for limit in (0, 100, 3000, 20_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        write_selection(path, Arrays(), Selection((OFFSET, NOISE), (3, 5), {}), lambda share: None)
    except OutputFailed as error:
        print(error)
"""


def test_a_disk_that_fills_up_is_said_and_ends_nothing(tmp_path):
    done = subprocess.run([sys.executable, "-c", NO_ROOM, tmp_path / "some.h5", Path(__file__).parent],
                          capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [f"{tmp_path}/some.h5 could not be written: File too large."] * 4
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
        assert file["/3/bad_pixels/data"].attrs["missing_images"] == 1
        assert not file["/3/bad_pixels/mask"][0, 0].any()
        assert (file["/3/bad_pixels/mask"][0, 1] == EXCLUDED).all()
