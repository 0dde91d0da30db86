"""The page of all sentences has none that nobody could act on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ..sentences import sentences_of, told_without_examples

PAGE = Path(__file__).resolve().parents[2] / "docs" / "developer" / "sentences.md"
SENTENCES = sentences_of(PAGE)
#: An end mark, or the verdict on a problem of a run with its code.
END = re.compile(r"([.?!]|\((check|left out|refused), RN\))$")
#: What no sentence has: words of the program's insides, and bad grammar.
BAD = re.compile(r"Traceback|[Uu]nexpected error|\bnan\b|object at 0x|<class|\[Errno|has no a\b|or alike|\.\.$|: \.$"
                 r"|\b1 (other )?(modules|files|trains|frames|constants|cells|samples|runs|values|parts|chunks)\b")
LONGEST = 300


def test_the_page_has_the_sentences_of_all_parts() -> None:
    text = "\n".join(SENTENCES)
    for part in ("calibwb: ", "is not allowed; it takes", "(refused, RN)", "cannot be read as a calibration constant",
                 "is taken, but it is not sure", "Cancelled: ", "could not be written"):
        assert part in text
    assert sorted(set(SENTENCES)) == SENTENCES


@pytest.mark.parametrize("sentence", SENTENCES)
def test_each_sentence_can_be_read_aloud(sentence: str) -> None:
    assert END.search(sentence)
    assert not BAD.search(sentence)
    assert len(sentence) <= LONGEST


@pytest.mark.parametrize(("sentence", "told"), [
    ("Module 3 of /data/p1/raw/r0001: frames 0-3,5 lost (7.1%).", "Module N of …: frames N lost (N%)."),
    ("RAW-R0003-AGIPD01-S00001.h5 cannot be read: No such file.", "… cannot be read: No such file."),
    ("p900000 r0001: FXE_DET_LPD1M-1: 1 of 16 modules", "…: …: N of N modules"),
    ("'12x' is not a number; AGIPD01 has -3.5e-2 ADU.", "'…' is not a number; AGIPDN has N ADU."),
    ("There is 1 frames in 12 of 1; 1 other module.", "There is 1 frames in N of N; 1 other module."),
    ("There is no condition “gain”; it is of run 1.", "There is no condition “…”; it is of run N."),
])
def test_examples_are_replaced(sentence: str, told: str) -> None:
    assert told_without_examples(sentence) == told
