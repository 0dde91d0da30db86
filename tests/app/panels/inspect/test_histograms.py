"""Histograms of a module against NumPy: each ASIC, or the module where there are too many to be told apart."""

from __future__ import annotations

import numpy as np

from app.panels.inspect.inspector_presenter import asic_histograms, stage_histograms


def test_each_of_a_few_asics_has_its_histogram():
    values = np.random.default_rng(3).normal(100, 5, (8, 8))
    bad = np.zeros((8, 8), bool)
    bad[0, 0] = True
    centres, found = asic_histograms(values, bad, (4, 4))
    assert [name for name, _ in found] == ["ASIC 0", "ASIC 1", "ASIC 2", "ASIC 3"]
    width = centres[1] - centres[0]
    edges = np.append(centres - width / 2, centres[-1] + width / 2)
    good = np.where(bad, np.nan, values)
    for (_, counts), block in zip(found, (good[:4, :4], good[:4, 4:], good[4:, :4], good[4:, 4:]), strict=True):
        np.testing.assert_array_equal(counts, np.histogram(block[np.isfinite(block)], edges)[0])


def test_of_many_asics_there_are_the_module_and_the_selected_one():
    values = np.arange(32.0 * 32).reshape(32, 32)
    none = np.zeros(values.shape, bool)
    _, found = asic_histograms(values, none, (4, 4), (5, 9))
    assert [name for name, _ in found] == ["module", "ASIC 10"]
    assert found[1][1].sum() == 16
    assert [name for name, _ in asic_histograms(values, none, (4, 4))[1]] == ["module"]


def test_a_map_of_one_value_has_no_histogram():
    centres, found = asic_histograms(np.full((8, 8), 7.0), np.zeros((8, 8), bool), (4, 4))
    assert (centres.size, found) == (0, [])


def test_each_gain_stage_has_its_own_over_common_bins():
    draw = np.random.default_rng(8)
    values, stages = draw.normal(0, 5, (8, 16)), draw.integers(0, 2, (8, 16)).astype(np.float32)
    values[stages == 1] += 100
    bad = np.zeros((8, 16), bool)
    bad[0], stages[1, 0] = True, np.nan
    centres, found = stage_histograms(values, bad, stages, ("HG", "MG", "LG"))
    assert [name for name, _ in found] == ["HG", "MG"]  # there is no third one
    low, high = np.percentile(values[~bad], (0.1, 99.9))
    for (_, counts), stage in zip(found, (0, 1), strict=True):
        mine = values[~bad & (stages == stage)]
        np.testing.assert_array_equal(counts, np.histogram(mine, np.linspace(low, high, len(centres) + 1))[0])
    region = np.zeros((8, 16), bool)
    region[4:6] = True
    _, found = stage_histograms(values, bad, stages, ("HG", "MG"), region)
    least, most = np.percentile(values[region], (0.1, 99.9))
    inside = (values >= least) & (values <= most) & region
    assert sum(int(counts.sum()) for _, counts in found) == inside.sum()
