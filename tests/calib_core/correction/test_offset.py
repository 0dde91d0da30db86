from __future__ import annotations

import numpy as np

from calib_core.correction.offset import Offset

from ...known import changed, corrected


def test_the_offset_of_each_pixel_is_taken_off(noise_images, reference, detector):
    images = noise_images(3)
    offset = np.arange(images.values[0].size, dtype=np.float32).reshape(images.values.shape[1:])
    offset[5, 6] = np.nan
    expected = images.values - offset
    assert corrected(Offset(), images, changed(reference, offset=offset), detector) is None
    np.testing.assert_array_equal(images.values, expected)
    assert np.isnan(images.values[:, 5, 6]).all()
    assert images.use.all()
