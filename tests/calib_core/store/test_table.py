"""Tables are plain CSV that a spreadsheet opens without running anything."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from calib_core.errors import OutputFailed
from calib_core.store.table import Column, write_csv

COLUMNS = (Column("module"), Column("noise", "ADU"), Column("remark"))


def read(path):
    return list(csv.reader(line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")))


def test_headings_carry_units(tmp_path):
    write_csv(tmp_path / "t.csv", COLUMNS, [])
    assert read(tmp_path / "t.csv") == [["module", "noise [ADU]", "remark"]]


def test_numbers_keep_their_bits(tmp_path):
    values = [0.1, np.float64(1 / 3), -2.5e-300, float("nan"), np.float32(0.1), 7, None]
    write_csv(tmp_path / "t.csv", (Column("x"),), [[v] for v in values])
    text = [row[0] for row in read(tmp_path / "t.csv")[1:]]
    assert [float(t) for t in text[:3]] == values[:3]
    assert text[3] == "nan"
    assert np.float32(text[4]) == np.float32(0.1)
    assert text[5:] == ["7", ""]


@pytest.mark.parametrize("formula", ["=1+1", "+A1", "-A1", "@SUM(A1)", "\t=1", "\r=1"])
def test_formulas_become_text(tmp_path, formula):
    write_csv(tmp_path / "t.csv", (Column("remark"),), [[formula]])
    assert read(tmp_path / "t.csv")[1:] == [["'" + formula.strip()]]


def test_text_stays_on_its_line(tmp_path):
    write_csv(tmp_path / "t.csv", COLUMNS, [[1, 2.0, "two\r\nlines"], [2, 3.0, "one"]])
    assert read(tmp_path / "t.csv")[1:] == [["1", "2.0", "two lines"], ["2", "3.0", "one"]]


def test_negative_numbers_are_no_formulas(tmp_path):
    write_csv(tmp_path / "t.csv", COLUMNS, [[-3, -1.5, "µ, with comma"]])
    assert read(tmp_path / "t.csv")[1] == ["-3", "-1.5", "µ, with comma"]


def test_comment_lines(tmp_path):
    write_csv(tmp_path / "t.csv", COLUMNS, [], comment="first\nsecond")
    assert (tmp_path / "t.csv").read_text("utf-8").splitlines()[:2] == ["# first", "# second"]


def test_rows_of_the_wrong_length(tmp_path):
    with pytest.raises(ValueError, match="shorter"):
        write_csv(tmp_path / "t.csv", COLUMNS, [[1, 2]])
    assert list(tmp_path.iterdir()) == []


def test_an_existing_table_is_kept_unless_asked(tmp_path):
    write_csv(tmp_path / "t.csv", COLUMNS, [])
    with pytest.raises(OutputFailed, match="exists already"):
        write_csv(tmp_path / "t.csv", COLUMNS, [[1, 2.0, "x"]])
    write_csv(tmp_path / "t.csv", COLUMNS, [[1, 2.0, "x"]], overwrite=True)
    assert len(read(tmp_path / "t.csv")) == 2
