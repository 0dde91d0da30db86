"""The page of what steps are off by: its numbers hold in other light, and where nothing should be off it is not."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from ...biases import FOOT, HEAD, TABLES, Table, page

PAGE = Path(__file__).resolve().parents[3] / "docs" / "corrections.md"
OTHER = 2
#: Errors by which numbers of two seeds may differ: of about 100 numbers one in 100 pages is further off by chance.
MOST = 4.5


def numbers(text: str) -> tuple[float, float]:
    """Value and error as they are written; NaN where it was refused."""
    if text == "refused":
        return np.nan, np.nan
    value, error = text.split(" ± ")
    return float(value), float(error)


def written(table: Table) -> dict[str, list[tuple[float, float]]]:
    """Rows of a table of the page."""
    _, text = PAGE.read_text("utf-8").split(f"## {table.title}\n")
    rows = re.findall(r"^\| (.*) \|$", text.partition("\n## ")[0], re.MULTILINE)
    head, _, *lines = (row.split(" | ") for row in rows)
    assert head == [table.head, *(name for name, _ in table.columns)]
    return {name: [numbers(one) for one in values] for name, *values in lines}


def test_the_page_is_written_from_here(request: pytest.FixtureRequest) -> None:
    """`make biases` writes it."""
    if asked := request.config.getoption("--biases"):
        Path(asked).write_text(page(), "utf-8")
    text = PAGE.read_text("utf-8")
    assert text.startswith(HEAD)
    assert text.endswith(FOOT)
    assert all(one.text.strip() in text for one in TABLES)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.title)
def test_numbers_hold_in_other_light(table: Table) -> None:
    known, rounding = written(table), 0.5 * 10.0 ** -table.digits
    made = dict(table.values(OTHER))
    assert list(known) == list(made)
    for name, values in made.items():
        for (column, _), (value, error), (old, was) in zip(table.columns, values, known[name], strict=True):
            assert np.isnan(value) == np.isnan(old), (name, column)
            # errors of few frames are themselves known to a third
            allowed = MOST * 1.3 * np.hypot(error, was + rounding) + 2 * rounding
            assert np.isnan(value) or abs(value - old) < allowed, (name, column, value, error, old, was)


def row(title: str, name: str) -> dict[str, float]:
    [table] = [one for one in TABLES if one.title.startswith(title)]
    return {column: value for (column, _), (value, _) in zip(table.columns, written(table)[name], strict=True)}


def test_what_should_be_off_by_nothing_is() -> None:
    """By arithmetic, not by the steps: a baseline of dark rows, and the share of a normal distribution."""
    behind = row("Baselines", "`--blc-stripes` behind stripes")
    assert abs(behind["0"]) < 0.3
    assert max(map(abs, row("Baselines", "`--cm --cm-light`").values())) < 0.3 or np.isnan(
        row("Baselines", "`--cm --cm-light`")["2"])
    assert row("High gain forced", "all without signal")["1,041"] < 0.001
    noise = row("Events", "events a frame")
    for sigma in (4.0, 4.5, 5.0):
        # nine neighbours are seldom above together, so each place is an event
        expected = 2**20 * norm.sf(sigma)
        assert noise[f"{sigma:g}"] == pytest.approx(expected, abs=4 * np.sqrt(expected / 10) + 0.1)


def test_known_biases_are_those_of_independent_studies() -> None:
    """Noise peak: 0.95 ADU for each photon in a pixel, at a noise of 9 ADU; common mode 1.1 and 3.5 ADU."""
    peak, common = row("Baselines", "`--blc-noise`"), row("Baselines", "`--cm`")
    for photons in (1, 2):
        assert peak[f"{photons}"] == pytest.approx(0.95 * photons, abs=0.3 * photons)
    assert common["0.3"] == pytest.approx(1.1, abs=0.2)
    assert common["1"] == pytest.approx(3.5, abs=0.4)
