"""A survey made by hand for windows."""

from __future__ import annotations

import pytest
from made_survey import made_survey


@pytest.fixture
def make_survey():
    return made_survey
