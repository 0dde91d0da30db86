"""Kernels on bare arrays: numba, ``nogil``, no knowledge of detectors."""
