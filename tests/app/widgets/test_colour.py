import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.widgets import colour
from app.widgets.colour import DARK_GROUND, Paint, Viewport


def paint(low=0.0, high=10.0, **kw):
    return Paint(colour.colour_table("viridis"), low, high, DARK_GROUND, **kw)


def draw(view, index, values, flags, selected, paint):
    layer, out = np.empty((2, view.height, view.width), np.uint32)
    if flags is None:
        layer = None
    else:
        colour.lay_flags(layer, view, index, flags, selected, colour.flag_table())
    colour.render(out, view, index, values, layer, paint)
    return out


def twin(view, index, values, flags, selected, paint):
    """Say pixel by pixel what ``lay_flags`` and ``render`` must do together."""
    out = np.empty((view.height, view.width), np.uint32)
    for i, j in np.ndindex(out.shape):
        x0, x1 = ((j + side - view.width / 2) / view.scale + view.x for side in (0, 1))
        y0, y1 = ((i + side - view.height / 2) / view.scale + view.y for side in (0, 1))
        x, y = (int(np.floor((a + b) / 2)) for a, b in ((x0, x1), (y0, y1)))
        inside = 0 <= y < index.shape[0] and 0 <= x < index.shape[1]
        out[i, j] = paint.ground.gap
        if not inside:
            continue
        rows = (
            slice(max(0, int(np.floor(y0))), max(int(np.floor(y1)), y + 1))
            if view.scale < 1
            else slice(y, y + 1)
        )
        cols = (
            slice(max(0, int(np.floor(x0))), max(int(np.floor(x1)), x + 1))
            if view.scale < 1
            else slice(x, x + 1)
        )
        under = index[rows, cols]
        bits = int(np.bitwise_or.reduce(flags[under[under >= 0]], initial=np.uint32(0))) & selected
        if bits:
            out[i, j] = colour.flag_table()[next(b for b in range(32) if bits >> b & 1)]
        elif index[y, x] >= 0:
            value = float(values[index[y, x]])
            if np.isnan(value):
                out[i, j] = paint.ground.nan
            else:
                t = (value - paint.low) / (paint.high - paint.low) * 256
                out[i, j] = paint.table[int(np.clip(np.floor(t), 0, 255))]
    return out


@settings(max_examples=40, deadline=None)
@given(
    st.floats(0.2, 4), st.floats(-5, 30), st.floats(-5, 30), st.integers(0, 2**32 - 1), st.integers(0, 2**31)
)
def test_kernel_agrees_with_its_twin(scale, x, y, selected, seed):
    rng = np.random.default_rng(seed)
    index = rng.integers(-1, 200, (20, 24)).astype(np.int32)
    # eighths, so that neither float32 nor the order of operations moves a value over an edge
    values = (rng.integers(-16, 96, 200) / 8).astype("f4")
    values[::17], values[1::31], values[2::31] = np.nan, np.inf, -np.inf
    flags = (1 << rng.integers(0, 32, 200).astype("u4")) * (rng.random(200) < 0.1).astype("u4")
    scale, x, y = (round(number * 16) / 16 for number in (scale, x, y))
    scale = 2.0 ** round(np.log2(max(scale, 0.25)))
    view = Viewport(31, 17, x, y, scale)
    with np.errstate(invalid="ignore"):
        expected = twin(view, index, np.clip(values, -1e9, 1e9), flags, selected, paint(0, 8))
    out = draw(view, index, values, flags, selected, paint(0, 8))
    np.testing.assert_array_equal(out, expected)


def test_single_bad_pixel_survives_zooming_out():
    index = np.arange(10_000, dtype=np.int32).reshape(100, 100)
    for bad in (0, 99, 5037, 9999):
        flags = np.zeros(10_000, np.uint32)
        flags[bad] = 1 << 31
        view = Viewport(9, 9, 50, 50, 0.09)
        out = draw(view, index, np.zeros(10_000, "f4"), flags, 1 << 31, paint())
        assert (out == colour.flag_table()[31]).sum() == 1


def test_levels_belong_to_the_map_and_the_rest_is_under_or_over():
    values = np.array([-1, 0, 10, 11], "f4")
    index = np.arange(4, dtype=np.int32)[None]
    out = draw(Viewport(4, 1, 2, 0.5, 1), index, values, None, 0, paint(under=1, over=2))
    table = colour.colour_table("viridis")
    assert out[0].tolist() == [1, table[0], table[-1], 2]


def test_flags_alone():
    flags = np.array([0, 2, 6, 4], "u4")
    index = np.array([[0, 1, 2, 3, -1]], np.int32)
    out = draw(Viewport(5, 1, 2.5, 0.5, 1), index, None, flags, 4, paint())
    bad = colour.flag_table()[2]
    assert out[0].tolist() == [DARK_GROUND.good, DARK_GROUND.good, bad, bad, DARK_GROUND.gap]


@pytest.mark.parametrize("name", colour.COLOUR_MAPS)
@pytest.mark.parametrize("scale", colour.SCALES)
def test_tables_have_the_same_ends_on_every_scale(name, scale):
    table, linear = colour.colour_table(name, scale), colour.colour_table(name)
    assert table.dtype == np.uint32
    assert (table[0], table[-1]) == (linear[0], linear[-1])
    assert (table >> 24 == 255).all()


def test_log_scale_lifts_low_values():
    linear, log = colour.colour_table("grey"), colour.colour_table("grey", "log")
    assert (log[len(log) // 10] & 255) > (linear[len(linear) // 10] & 255) + 100


def test_unknown_colours_are_named():
    with pytest.raises(ValueError, match=r"'jet'.*viridis"):
        colour.colour_table("jet")


def test_flags_have_32_different_colours():
    assert len(set(colour.flag_table().tolist())) == 32
