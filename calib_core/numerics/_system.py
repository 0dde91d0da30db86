"""Calls of the system that kernels make; imported with numba, when the first such kernel is called."""

from __future__ import annotations

from numba import types

#: ``pread(descriptor, address, bytes, offset)``: bytes that were read, -1 where something is wrong.
pread = types.ExternalFunction("pread", types.intp(types.int32, types.uintp, types.uintp, types.int64))
