"""What is drawn of lines over time, against all of their points."""

import numpy as np
import pytest

from app.widgets.time_lines import TimeLine, TimeScene, columns_of, drawn, longest_step, nearest, one_in_each

DAY = 86400.0


@pytest.fixture
def many():
    rng = np.random.default_rng(3)
    times = np.sort(rng.uniform(0, 1000 * DAY, 6250))
    values = rng.normal(0, 1, 6250)
    values[rng.integers(0, 6250, 100)] = np.nan
    values[4321] = 50.0
    return times, values


def by_column(x, y, span, columns):
    """Least and largest of each column of a plot, by going through all points."""
    found = {}
    for one, value in zip(x, y, strict=True):
        if np.isfinite(value) and span[0] <= one < span[1]:
            column = int((one - span[0]) / (span[1] - span[0]) * columns)
            low, high = found.get(column, (np.inf, -np.inf))
            found[column] = min(low, value), max(high, value)
    return found


@pytest.mark.parametrize("span", [(0, 1000 * DAY), (200 * DAY, 700 * DAY)])
def test_thinned_lines_reach_as_far_in_each_column(many, span):
    x, y = drawn(*many, span, 200, np.inf)
    assert len(x) <= 4 * 200 + 2
    assert by_column(x, y, span, 200) == by_column(*many, span, 200)


def test_a_part_is_drawn_whole(many):
    times, values = many
    x, y = drawn(times, values, (0, 1000 * DAY), 200, np.inf, (400 * DAY, 450 * DAY))
    inside = (times >= 400 * DAY) & (times <= 450 * DAY)
    np.testing.assert_array_equal(y[(x >= 400 * DAY) & (x <= 450 * DAY)], values[inside])
    assert len(x) < len(times) / 2


def test_few_points_are_all_drawn_with_the_neighbours_outside(many):
    times, values = many
    x, y = drawn(times, values, (times[100], times[140]), 200, np.inf)
    np.testing.assert_array_equal(x, times[99:142])
    np.testing.assert_array_equal(y, values[99:142])


def test_gaps_stay_gaps():
    times = np.array([0, 1, 2, 30, 31]) * DAY
    _, y = drawn(times, np.arange(5.0), (0, 40 * DAY), 100, 7 * DAY)
    np.testing.assert_array_equal(y, [0, 1, 2, np.nan, 3, 4])
    assert TimeScene((TimeLine(0, "m0", times, np.arange(5.0)),)).gaps() == [(2 * DAY, 30 * DAY)]


def test_what_is_too_long_follows_the_usual_distance():
    assert longest_step(np.arange(10) * DAY) == 7 * DAY
    assert longest_step(np.arange(100) * 3600.0) == 2 * DAY
    assert longest_step(np.arange(5) * 30 * DAY) == 210 * DAY
    assert longest_step(np.empty(0)) == 2 * DAY


def test_a_gap_of_all_lines_is_none_where_one_goes_on():
    some, other = np.array([0, 1, 2, 30, 31]) * DAY, np.arange(32) * DAY
    both = TimeScene(tuple(TimeLine(i, "", times, np.zeros(len(times))) for i, times in enumerate((some, other))))
    assert both.gaps() == []


def test_the_nearest_point_is_meant():
    lines = (TimeLine(4, "m4", np.arange(3.0), np.array([0, 1, np.nan])),
             TimeLine(9, "m9", np.arange(3.0), np.array([5.0, 5.5, 6.0])))
    assert nearest(lines, (1.1, 5.2), (0.1, 0.1), 10) == (lines[1], 1)
    assert nearest(lines, (0.9, 1.4), (0.1, 0.1), 10) == (lines[0], 1)
    assert nearest(lines, (1.5, 3.4), (0.01, 0.01), 10) is None
    assert nearest((), (1, 1), (1, 1), 10) is None


def test_columns_have_the_mean_and_last_until_the_next_version():
    times = np.array([0.5, 2.1, 2.6, 9.5])
    rows = np.array([[1, 2, 4, 7], [np.nan, 3, np.nan, 8.0]])
    found = columns_of(times, rows, (0, 10), 10, breaks=3.0)
    nan = np.nan
    np.testing.assert_array_equal(found, np.array(
        [[1, 1, 3, nan, nan, nan, nan, nan, nan, 7], [nan, nan, 3, nan, nan, nan, nan, nan, nan, 8]], np.float32))
    far = columns_of(times, rows, (0, 10), 10, breaks=100.0)
    np.testing.assert_array_equal(far[0], [1, 1, 3, 4, 4, 4, 4, 4, 4, 7])
    assert np.isnan(columns_of(np.empty(0), np.empty((2, 0)), (0, 1), 5, 1.0)).all()


@pytest.mark.parametrize(("span", "columns"), [((0, 1000 * DAY), 200), ((200 * DAY, 700 * DAY), 300), ((0, DAY), 50)])
def test_each_column_that_has_a_version_has_one_tick(many, span, columns):
    times, width = many[0], (span[1] - span[0]) / columns
    ticks = one_in_each(times, span, columns)
    inside = times[(times >= span[0]) & (times <= span[1])]
    assert set(((ticks - span[0]) // width).tolist()) == set(((inside - span[0]) // width).tolist())
    assert len(ticks) == len(set(((inside - span[0]) // width).tolist())) or len(inside) <= columns
