"""Histograms of a module against NumPy: each ASIC, or the module where there are too many to be told apart."""

from __future__ import annotations

import numpy as np

from app.panels.inspect.inspector_presenter import asic_histograms


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
