"""One file per detector family; found by :mod:`calib_core.detector`."""
