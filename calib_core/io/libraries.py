"""The door to HDF5, to its compression and to EXtra-data: they are imported when the first file is opened."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

__all__ = ["components", "extra_data", "extra_data_errors", "file_access", "h5py", "isal_zlib"]


class _Library(ModuleType):
    """A module that is imported when something of it is used."""

    def __getattr__(self, name: str) -> Any:
        """Something of the module."""
        if name.startswith("__"):  # who looks at modules, such as a debugger, uses none
            raise AttributeError(name)
        found = getattr(import_module(self.__name__), name)
        setattr(self, name, found)
        return found


if TYPE_CHECKING:
    import extra_data
    import h5py
    from extra_data import components, file_access
    from extra_data import exceptions as extra_data_errors
    from isal import isal_zlib
else:
    h5py, extra_data, components = _Library("h5py"), _Library("extra_data"), _Library("extra_data.components")
    isal_zlib = _Library("isal.isal_zlib")
    extra_data_errors, file_access = _Library("extra_data.exceptions"), _Library("extra_data.file_access")
