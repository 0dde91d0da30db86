"""Modules that were exchanged are told by their maps, and others are not."""

from __future__ import annotations

import numpy as np
import pytest

from calib_core.numerics.exchange import correlations, exchanges, pattern

SHAPE, BLOCK = (64, 64), (32, 32)
NONE = np.zeros(SHAPE, bool)


def modules(n: int, seed: int) -> np.ndarray:
    """Offsets with a level for each ASIC and a pattern of pixels, ADU."""
    rng = np.random.default_rng(seed)
    levels = np.kron(rng.normal(4000, 300, (n, 2, 2)), np.ones(BLOCK))
    return levels + rng.normal(0, 100, (n, *SHAPE))


def patterns(maps: np.ndarray) -> np.ndarray:
    return np.stack([pattern(one, NONE, BLOCK, 5.0) for one in maps])


def later(maps: np.ndarray, seed: int) -> np.ndarray:
    """The same modules after a while: levels of ASICs have moved, pixels a little."""
    rng = np.random.default_rng(seed)
    return maps + np.kron(rng.normal(0, 200, (len(maps), 2, 2)), np.ones(BLOCK)) + rng.normal(0, 30, maps.shape)


def found(new: np.ndarray, old: np.ndarray):
    return exchanges(correlations(patterns(new), patterns(old)), new[0].size, 6.0)


def test_modules_in_their_places_are_not_told():
    maps = modules(6, 1)
    assert found(later(maps, 2), maps) == ()


def test_two_that_changed_places_are_told_with_each_other():
    maps = modules(6, 3)
    new = later(maps, 4)
    told = found(new[[0, 4, 2, 3, 1, 5]], maps)
    assert [(one.module, one.fits) for one in told] == [(1, 4), (4, 1)]
    assert all(one.other > 0.9 and abs(one.own) < 0.1 for one in told)


def test_a_module_that_nobody_knows_fits_none():
    maps = modules(5, 5)
    new = later(maps, 6)
    new[2] = modules(1, 7)[0]
    assert found(new, maps) == ()


def test_a_module_without_an_earlier_map_is_not_judged():
    maps = modules(3, 8)
    new, old = later(maps, 9), maps.copy()
    old[1] = np.nan
    assert found(new, old) == ()
    new[0] = np.nan
    assert found(new, old) == ()


def test_correlations_are_those_of_numpy():
    maps = modules(3, 10)
    ours = correlations(patterns(maps[:2]), patterns(later(maps, 11)))
    levelled = [one - np.kron(np.median(one.reshape(2, 32, 2, 32), (1, 3)), np.ones(BLOCK))
                for one in (*maps[:2], *later(maps, 11))]
    expected = np.corrcoef([one.ravel() for one in levelled])[:2, 2:]
    np.testing.assert_allclose(ours, expected, atol=2e-3)


def test_wild_and_flagged_pixels_do_not_decide():
    """A hot row that both have at the same place would be the best of fits."""
    maps = modules(2, 12)
    new = later(maps, 13)[::-1].copy()
    bad = NONE.copy()
    bad[5] = True
    for one in (*maps[:1], *new[:1]):
        one[5], one[9, :3] = 60000, 1e9
    given = [np.stack([pattern(one, bad, BLOCK, 5.0) for one in of]) for of in (new, maps)]
    told = exchanges(correlations(*given), new[0].size, 6.0)
    assert [(one.module, one.fits) for one in told] == [(0, 1), (1, 0)]
    assert not given[0][:, 5].any()


def test_maps_without_any_pattern_fit_nothing():
    flat = np.full((2, *SHAPE), 700.0)
    assert np.isnan(correlations(patterns(flat), patterns(flat))).all()
    assert found(flat, flat) == ()


def test_blocks_that_do_not_tile_are_refused():
    with pytest.raises(ValueError, match="tile"):
        pattern(np.zeros((10, 10)), np.zeros((10, 10), bool), (3, 5), 5.0)
