"""Control values as values of conditions."""

from __future__ import annotations

import numpy as np
import pytest

from calib_core.constants.condition import Found
from calib_core.detector.control_values import control_source, number, scaled, word

from ..detectors.fake_run import FakeRun

RUN = FakeRun({
    "A_DET/DET/CONTROL": {"vector": np.array([7, 8]), "text": "2.25", "word": "fixed", "number": np.float32(0.5)},
    "B_DET/DET/CONTROL": {},
})


@pytest.mark.parametrize(("detector", "source"), [
    ("B_DET", "B_DET/DET/CONTROL"), ("A_DET", "A_DET/DET/CONTROL"), ("C.DET", "A_DET/DET/CONTROL"),
])
def test_the_control_source_is_the_detectors_own_where_it_has_one(detector, source):
    assert control_source(RUN, detector) == source


def test_without_any_control_source_there_is_none():
    assert control_source(RUN, "A_DET", "/OTHER") == ""


@pytest.mark.parametrize(("keys", "value", "key"), [
    (("vector",), 7, "vector"), (("missing", "number"), 0.5, "number"), (("text",), 2.25, "text"),
    (("word", "number"), 0.5, "number"),
])
def test_numbers_come_from_vectors_and_texts_too(keys, value, key):
    assert number(RUN, "A_DET/DET/CONTROL", *keys) == Found(value, f"A_DET/DET/CONTROL {key}")


def test_words_and_missing_keys_are_no_numbers():
    assert number(RUN, "A_DET/DET/CONTROL", "word", "missing") is None


def test_values_are_scaled_and_rounded_to_thousandths():
    assert scaled(Found(1485.0, "there"), 0, "", 0.01, 273.15) == Found(288.0, "there")
    default = scaled(None, 288, "not in the run")
    assert (default.value, default.origin, default.sure) == (288, "default: not in the run", False)


def test_words_that_are_not_known_say_nothing():
    assert word(RUN, "A_DET/DET/CONTROL", {"fixed": 1}, "missing", "word") == ("fixed", "A_DET/DET/CONTROL word")
    assert word(RUN, "A_DET/DET/CONTROL", {"dynamic": 0}, "word", "text") == ("", "")
