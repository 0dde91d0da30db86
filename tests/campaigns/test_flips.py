"""A sample of the flips of bytes in constants; `flips.py` has the whole."""

from __future__ import annotations

import pytest

from tests.campaigns.flips import HEAP, bare, campaign, ours


@pytest.mark.parametrize(("read", "flips"), [(ours, 400), (bare, 200)])
def test_no_flip_of_a_constant_is_silent(tmp_path, read, flips, whole):
    """By HDF5 alone the names of the axes may change, which EXtra takes as text of a heap only."""
    flips *= 15 if whole else 1
    found, silent = campaign(tmp_path, flips, seed=7, read=read)
    assert [flip for flip in silent if read is ours or not flip.endswith(HEAP)] == []
    assert found["told, values"] > flips // 5
    assert found["told, the rest"] > flips // 5
