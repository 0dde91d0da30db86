"""Reports: pictures against the arrays they are of, numbers against NumPy, whole or not at all."""

from __future__ import annotations

import base64
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calib_core.cli.main import main
from calib_core.constants.badpixels import BadPixels
from calib_core.errors import OutputFailed
from calib_core.geometry import NO_PIXEL, Placement
from calib_core.jobs.job import Job
from calib_core.jobs.survey import survey
from calib_core.simulate import default_settings, simulate
from calib_core.store.constants import list_constants
from calib_core.subjects.constant_sets import ConstantSet, find_sets
from calib_core.subjects.report import folder_of, name_of, write_report
from calib_core.subjects.report_pictures import flags_png, histogram_png, map_png, png
from calib_core.subjects.sign_off import SignOff

COLOURED = 253


def decoded(data: bytes) -> tuple[Any, list[tuple[int, ...]]]:
    """Indices and palette of a PNG file, by its specification; checksums are made sure of."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, parts = 8, {}
    while at < len(data):
        (length,), name = struct.unpack(">I", data[at:at + 4]), data[at + 4:at + 8]
        body = data[at + 8:at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length:at + 12 + length])[0] == zlib.crc32(name + body)
        parts[name] = body
        at += 12 + length
    width, height, depth, kind = struct.unpack(">IIBB", parts[b"IHDR"][:10])
    assert (depth, kind) == (8, 3)
    rows = np.frombuffer(zlib.decompress(parts[b"IDAT"]), np.uint8).reshape(height, width + 1)
    assert not rows[:, 0].any()
    return rows[:, 1:], [tuple(parts[b"PLTE"][i:i + 3]) for i in range(0, len(parts[b"PLTE"]), 3)]


def test_png_is_what_was_given() -> None:
    given = np.random.default_rng(1).integers(0, 3, (7, 11)).astype(np.uint8)
    found, palette = decoded(png(given, [(1, 2, 3), (4, 5, 6), (7, 8, 9)]))
    assert np.array_equal(found, given)
    assert palette == [(1, 2, 3), (4, 5, 6), (7, 8, 9)]


def test_map_has_the_values_where_the_pixels_lie() -> None:
    """Shades grow with the values between 1 and 99 %; gaps, pixels without data and flagged ones are apart."""
    values = np.arange(200.0).reshape(2, 10, 10)
    values[1, 9, 9] = np.nan
    flags = np.zeros((2, 10, 10), np.uint32)
    flags[0, 0, 1] = 8
    index = np.full((12, 22), NO_PIXEL, np.int32)
    index[1:11, 1:11], index[1:11, 12:] = np.arange(100).reshape(10, 10)[::-1], np.arange(100, 200).reshape(10, 10)
    shown, palette = decoded(map_png(values, flags, Placement(index, (0, 1), "Made"), 100))
    assert len(palette) == 256
    assert (shown[0] == COLOURED).all()
    assert shown[10, 2] == COLOURED + 2
    assert shown[10, 21] == COLOURED + 1
    inside = shown[5, 1:11].astype(int)
    assert (np.diff(inside) > 0).all()
    assert shown[10, 1] == 0
    assert shown[1, 12:].min() > shown[1, 1:11].max()


def test_a_bad_pixel_stays_in_a_smaller_picture() -> None:
    flags = np.zeros((1, 100, 100), np.uint32)
    flags[0, 57, 31] = 1
    placement = Placement(np.arange(10_000, dtype=np.int32).reshape(100, 100), (0,), "Made")
    shown, _ = decoded(flags_png(flags, placement, 10))
    assert shown.shape == (10, 10)
    assert np.argwhere(shown == 2).tolist() == [[5, 3]]


def test_histogram_is_highest_where_most_values_are() -> None:
    values = np.concatenate([np.full(1000, 20.5), np.full(10, 70.5)])
    shown, _ = decoded(histogram_png({"HG": values}, (0.0, 100.0), 100, 50))
    tops = [int(np.argwhere(shown[:, x] >= 2).min()) for x in range(1, 100)]
    assert int(np.argmin(tops)) + 1 in (20, 21)
    assert tops[69] < 48
    assert tops[40] == 48


@pytest.fixture(scope="module")
def darks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("agipd")
    made = simulate(default_settings("AGIPD1M").with_changes(
        {"modules": "0-1", "memory_cells": 3, "trains": 24, "begin": "2026-11-25T07:25:00"}), folder)
    job = Job(survey(list(made.runs.values())).spec(folder / "out"))
    job.start()
    assert job.wait(120)
    job.close()
    return folder / "out"


def only(folder: Path) -> ConstantSet:
    [found] = find_sets([folder])
    return found


def test_a_report_has_it_all_in_one_file(darks: Path, tmp_path: Path) -> None:
    found = only(darks)
    made = write_report(found, None, SignOff(tmp_path / "store").standing(found))
    assert made.path == darks / name_of(found)
    assert made.path.read_text() == made.html
    assert not re.findall(r"(?:src|href)='(?!data:image/png;base64,)", made.html)
    assert "<script" not in made.html
    for word in ("Draft: nobody has accepted", "Nothing was accepted before", "Condition", "Runs", "Parameters",
                 "Files", "Sensor Bias Voltage: 300 V", "Closure, offset"):
        assert word in made.html
    pictures = [base64.b64decode(one) for one in re.findall(r"base64,([^']+)'", made.html)]
    assert len(pictures) >= 3 * 3
    for one in pictures:
        assert decoded(one)[0].size
    # a second report takes the place of the first
    assert write_report(found, found, SignOff(tmp_path / "store").standing(found)).path == made.path
    assert "Compared with" in made.path.read_text()


def test_bad_pixels_are_counted_as_numpy_counts_them(darks: Path, tmp_path: Path) -> None:
    found = only(darks)
    html = write_report(found, None, SignOff(tmp_path / "store").standing(found), tmp_path).html
    for stored in list_constants(darks):
        if stored.attributes["kind"] != "BadPixelsDark":
            continue
        flags = stored.values()
        for g, stage in enumerate(("HG", "MG", "LG")):
            table = next(one for one in re.findall(r"<table>.*?</table>", html) if f"{stage} · module" in one)
            head = re.findall(r"<th[^>]*>(.*?)</th>", table)
            rows = (re.findall(r"<td[^>]*>(.*?)</td>", one) for one in re.findall(r"<tr>(.*?)</tr>", table)[1:])
            row = next(one for one in rows if one[0] == str(found.modules[stored.pdu]))
            assert row[1] == f"{np.count_nonzero(flags[g]) / flags[g].size:.3%}"
            expected = {flag.label: np.count_nonzero(flags[g] & flag) for flag in BadPixels}
            counted = dict(zip(head[2:], (int(one.replace(",", "")) for one in row[2:]), strict=True))
            assert all(expected[label] == n for label, n in counted.items())


def test_what_cannot_be_written_leaves_the_old_one(darks: Path, tmp_path: Path) -> None:
    found, standing = only(darks), SignOff(tmp_path / "store").standing(only(darks))
    assert folder_of(found) == darks
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OutputFailed):
        write_report(found, None, standing, tmp_path / "file" / "below")


def test_the_command(darks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["report", str(darks), "--against", str(darks), "--store", str(tmp_path / "store"), "--out-folder",
             str(tmp_path / "made")]
    assert main(words) == 0
    [path] = (tmp_path / "made").iterdir()
    assert f"written to {path}" in capsys.readouterr().out
    (tmp_path / "empty").mkdir()
    assert main(["report", str(tmp_path / "empty")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
